"""What a start tries: what costs next to nothing, and only what a file system can never do counts."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from errno import errorcode
from pathlib import Path

from c8ybin import fsio
from c8ybin.probes.folder import probe_folder
from c8ybin.probes.primitive import Lacking, Missing
from c8ybin.probes.replacing import RENAME_FILE, replaced_before_a_reader
from c8ybin.probes.single import QUICK

ALL = (*QUICK, (RENAME_FILE, replaced_before_a_reader))


def missing_at(directory: Path) -> list[Missing]:
    """Return what the file system of a directory lacks of what the store rests on.

    A disk that is full, read-only or failing now says nothing of that: whoever goes on will meet it.
    """
    missing: list[Missing] = []
    with suppress(OSError), probe_folder(directory) as folder, _held_open(folder):
        for primitive, trial in ALL:
            try:
                trial(folder)
            except Lacking as lacking:
                missing.append(Missing(primitive, str(lacking)))
            except OSError as error:
                if error.errno not in fsio.NEVER:
                    raise
                missing.append(Missing(primitive, reason(error)))
    return missing


@contextmanager
def _held_open(folder: Path) -> Iterator[None]:
    """Spare each change of a name an open and a close."""
    fsio.hold_open(folder)
    try:
        yield
    finally:
        fsio.let_go(folder)


def reason(error: OSError) -> str:
    """Say what the system refused."""
    return f"{error.strerror} ({errorcode.get(error.errno or 0, error.errno)})"
