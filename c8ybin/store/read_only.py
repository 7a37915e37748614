"""The order not to change anything: the file `read-only` in the data directory, and who obeys it already.

Each process that may change something holds a flock on `writes` in its folder as long as it may. One thread
looks for the file a few times a second; when it is there, the process begins no further change, waits for
those under way, and lets that lock go. To begin again it takes the lock first and looks for the file after
that. So whoever has made the file and then finds no such lock held knows that nothing changes any more,
on whichever host: one of the two sees the other. It needs no room on the disk, and a process that dies
holds no lock.

What the file does not stop is no change of what is stored: the digest that follows an answer, and what a
process keeps for itself in its folder.
"""

import time
from contextlib import suppress
from pathlib import Path

from c8ybin import fsio
from c8ybin.store.fence import is_fenced
from c8ybin.store.layout import READ_ONLY, Layout
from c8ybin.store.writer import is_running

WRITES = "writes"
_POLL_S = 0.02


def is_read_only(layout: Layout) -> bool:
    """Tell whether nothing in a data directory may be changed.

    Raises:
        OSError: Nobody can tell.
    """
    return fsio.exists(layout.read_only)


def order(layout: Layout) -> bytes | None:
    """Return what tells one order not to change anything from any other; None where there is none."""
    return fsio.read_if_there(layout.read_only)


def make_read_only(layout: Layout) -> None:
    """Have nothing changed any more, durably; `still_writing` tells who does not know it yet.

    Raises:
        OSError: It cannot be written.
    """
    if is_read_only(layout):
        # Whoever made it may have died before the fsync.
        fsio.sync_directory(layout.root)
        return
    with fsio.replacing(layout.read_only, f".{READ_ONLY}.{fsio.unique_name()}") as file:
        file.write(f"Nothing here is changed until `c8ybin read-only off`. {fsio.unique_name()}\n".encode())


def end_read_only(layout: Layout) -> None:
    """Let changes go on, durably.

    Raises:
        OSError: It is not so, or not for good.
    """
    fsio.remove(layout.read_only)
    fsio.sync_directory(layout.root)


def still_writing(layout: Layout) -> list[Path]:
    """Return the folders of the processes that may change something; a program that knows no `writes` may.

    One that was fenced may not, although it may hold its locks for long.

    Raises:
        OSError: Nobody can tell.
    """
    found = []
    with suppress(FileNotFoundError):
        for folder in fsio.entries(layout.tmp):
            path = folder / WRITES
            if (
                is_running(folder)
                and (not fsio.exists(path) or fsio.is_locked(path))
                and not is_fenced(folder)
            ):
                found.append(folder)
    return found


def wait_until_read_only(layout: Layout, within_s: float) -> list[Path]:
    """Wait until nobody changes anything; return the folders of those who still may after that time."""
    deadline = time.monotonic() + within_s
    while (writing := still_writing(layout)) and time.monotonic() < deadline:
        time.sleep(_POLL_S)
    return writing
