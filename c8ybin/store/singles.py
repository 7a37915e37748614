"""Single files beside the events: managed objects and external IDs, one file each, some to a directory.

A draft is made durable in the writer's folder, gets its name by a link where none may
stand there yet, else by a rename, and the directory is fsynced. So what a killed process
leaves lies in its own folder, and goes with that.
"""

from pathlib import Path

from c8ybin import fsio
from c8ybin.store.commit import tidying
from c8ybin.store.disk import Disk
from c8ybin.store.fence import take_away
from c8ybin.store.group_commit import Durable, Steps


def put(disk: Disk, path: Path, data: bytes, *, replacing: bool) -> Steps[None]:
    """Make a single file, or replace it, in steps.

    Args:
        disk: Where.
        path: The file.
        data: What it is to hold.
        replacing: Whether it stands; the caller holds the lock then.

    Raises:
        FileExistsError: It stands, although `replacing` says not; nothing has changed.
        OSError: Nothing has changed, or, from the last fsync, the new file stands but may
            not survive a power cut.
    """
    draft = f"{disk.writer.drafts}/{disk.writer.next_name('record')}"
    fd = fsio.create(draft)
    try:
        with fsio.closing(fd):
            fsio.write_at(fd, data, 0)
            yield Durable(files=(fd,))
        if replacing:
            fsio.rename(draft, path)
        else:
            fsio.make_directory(path.parent.parent)
            fsio.make_directory(path.parent)
            fsio.link(draft, path)
    finally:
        with tidying(disk):
            fsio.remove(draft)
    yield Durable(directories=disk.directories_to(path))
    disk.is_durable(path)


def drop(disk: Disk, path: Path) -> None:
    """Remove a single file, durably."""
    take_away(path, disk.writer)
    fsio.sync_directory(path.parent)
