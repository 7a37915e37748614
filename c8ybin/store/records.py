"""Files of checksummed lines: replacing one, and cutting off what is torn."""

from collections.abc import Sequence
from pathlib import Path

from c8ybin import fsio
from c8ybin.domain.records import decode
from c8ybin.store.group_commit import Durable, Steps
from c8ybin.store.writer import Writer


def replace(path: Path, data: bytes, writer: Writer, leading: Sequence[Path] = ()) -> Steps[None]:
    """Replace a file or make it, in steps; the lock is held.

    Args:
        path: The file.
        data: What it is to hold.
        writer: This process.
        leading: The directories to be made durable first, as `Disk.preparation` tells them.

    Raises:
        OSError: The old file stands, or, from the last step, the new one does but may not survive a power cut.
    """
    draft = f"{writer.drafts}/{writer.draft_name(path.name)}"
    fd = fsio.create(draft)
    try:
        with fsio.closing(fd):
            fsio.write_at(fd, data, 0)
            yield Durable(files=(fd,), directories=leading)
        fsio.rename(draft, path)
    except BaseException:
        fsio.remove(draft)
        raise
    yield Durable(directories=(path.parent,))


def cut_off_torn_line(path: Path, writer: Writer) -> bool:
    """Replace a file of lines by one without its torn last line, durably; the lock is held.

    Returns:
        Whether there was one.

    Raises:
        Damaged: More than its last line does not fit.
    """
    try:
        data = fsio.read(path)
    except FileNotFoundError:
        return False
    _, end = decode(data, str(path))
    if end == len(data):
        return False
    with fsio.replacing(path, writer.drafts / writer.draft_name(path.name)) as file:
        file.write(data[:end])
    return True
