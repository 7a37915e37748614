"""A running process on the disk: its folder in `tmp/`, its lock of life, the hours it changed."""

import contextlib
import errno
import itertools
import os
import re
import secrets
from pathlib import Path
from threading import Lock

from c8ybin import fsio
from c8ybin.store.layout import Layout

ALIVE = "alive"
HOURS = "hours"

# A name is read back out of the names of files, so it holds no dash.
_NAME_BYTES = 6
_OF_A_WRITER = re.compile(r"(?:content-|\..+\.)([0-9a-f]+)-\d+", re.ASCII)
_HOUR = re.compile(r"^(\d{4}-\d\d-\d\d/\d\d|imported/\d+)\n", re.ASCII | re.MULTILINE)


class UnfitFileSystem(Exception):
    """The file system lacks something that the store rests on."""


class Writer:
    """The folder of this process, and names that no other process uses.

    Made after a fork. The flock on `alive` tells the others that what bears this
    writer's name is in use; it ends with the process, however that ends.
    """

    def __init__(self, layout: Layout) -> None:
        """Make the folder, durably.

        Raises:
            UnfitFileSystem: There is no flock() or no link().
            OSError: The folder cannot be made.
        """
        while True:
            self.name = secrets.token_hex(_NAME_BYTES)
            self.folder = layout.tmp / self.name
            if fsio.make_directory(self.folder) and self._take_alive():
                break
        self._numbers = itertools.count(1)
        self._hours_fd = fsio.create(self.folder / HOURS)
        self._hours: set[str] = set()
        self._hours_end = 0
        self._lock = Lock()
        # Set where something could not be removed: the folder then stays, for a sweep to look.
        self.left_something = False
        for folder in (self.folder, layout.tmp):
            fsio.sync_directory(folder)

    def _take_alive(self) -> bool:
        # A sweep may remove the folder while it is still empty, or look at a lock not yet taken.
        try:
            self._alive_fd = fsio.create(self.folder / ALIVE)
            if not fsio.try_lock(self._alive_fd):
                os.close(self._alive_fd)
                return False
            probe = self.folder / f"{ALIVE}.link"
            fsio.link(self.folder / ALIVE, probe)
            fsio.remove(probe)
        except FileNotFoundError:
            return False
        except OSError as error:
            if error.errno in (errno.EPERM, errno.ENOTSUP, errno.ENOSYS, errno.ENOLCK, errno.EMLINK):
                raise UnfitFileSystem(
                    "The file system of the data directory has no hard links or no file locks; use another one."
                ) from error
            raise
        return True

    def next_name(self, prefix: str) -> str:
        """Return `<prefix>-<writer>-<k>`, which nobody has used."""
        return f"{prefix}-{self.name}-{next(self._numbers)}"

    def draft_name(self, name: str) -> str:
        """Return the name of a draft that is to take the place of the file `name`."""
        return f".{name}.{self.name}-{next(self._numbers)}"

    def note_hour(self, hour: str) -> None:
        """Make it durable that this process is about to change something in an ID-hour.

        Whoever finds the process dead looks in just these hours for what it left.
        """
        with self._lock:
            if hour in self._hours:
                return
            line = f"{hour}\n".encode()
            fsio.write_at(self._hours_fd, line, self._hours_end)
            fsio.sync_data(self._hours_fd)
            self._hours_end += len(line)
            self._hours.add(hour)

    def probe(self) -> None:
        """Try a durable write.

        Raises:
            OSError: The store cannot take a write now.
        """
        path = self.folder / self.next_name("probe")
        try:
            with fsio.draft(path) as file:
                file.write(b"c8ybin\n")
        finally:
            with contextlib.suppress(OSError):
                fsio.remove(path)

    def close(self) -> None:
        """Remove the folder and let the lock of life go."""
        os.close(self._hours_fd)
        if not self.left_something:
            with contextlib.suppress(OSError):  # what stays is swept by another process
                fsio.remove_with_last(self.folder, ALIVE)
        os.close(self._alive_fd)


def is_running(folder: Path) -> bool:
    """Tell whether the writer of a folder in `tmp/` runs: its `alive` is there and locked."""
    return fsio.is_locked(folder / ALIVE)


def writer_of(name: str) -> str | None:
    """Return whose content file or draft this is by its name; None where it is neither."""
    match = _OF_A_WRITER.fullmatch(name)
    return match[1] if match else None


def has_running_writers(layout: Layout) -> bool:
    """Tell whether a server, or whoever else writes, uses a data directory now."""
    try:
        return any(is_running(folder) for folder in layout.tmp.iterdir())
    except FileNotFoundError:
        return False


def hours_of(folder: Path) -> list[str]:
    """Return the ID-hours that a dead writer noted; a torn line had no change after it."""
    try:
        text = fsio.read(folder / HOURS).decode("ascii", "replace")
    except FileNotFoundError:
        return []
    return _HOUR.findall(text)
