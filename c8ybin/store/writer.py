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
UNINDEXED = "unindexed"
DRAFTS = "drafts"
FENCED = "fenced"
# A line among the hours: this process may have left external IDs whose managed object is gone.
INVENTORY = "inventory"

# A name is read back out of the names of files, so it holds no dash.
_NAME_BYTES = 6
_OF_A_WRITER = re.compile(r"(?:content-|\..+\.)([0-9a-f]+)-\d+", re.ASCII)
_HOUR = re.compile(r"^(\d{4}-\d\d-\d\d/\d\d|imported/\d+)\n", re.ASCII | re.MULTILINE)
# After such a line, what was told of changes before the line of this kind that precedes it is durable.
_SYNCED = "synced\n"
# Hours are noted again after each such line. So much may be in the file that need not be.
MOST_SPARE_BYTES = 64 * 1024


class Writer:
    """The folder of this process, and names that no other process uses.

    Made after a fork. The flock on `alive` tells the others that what bears this
    writer's name is in use; it ends with the process, however that ends.
    """

    def __init__(self, layout: Layout) -> None:
        """Make the folder, durably.

        Raises:
            OSError: The folder cannot be made.
        """
        while True:
            self.name = secrets.token_hex(_NAME_BYTES)
            self.folder = layout.tmp / self.name
            if fsio.make_directory(self.folder) and self._take_alive():
                break
        self.drafts = self.folder / DRAFTS
        fsio.make_directory(self.drafts)
        for folder in (self.folder, self.drafts):
            fsio.hold_open(folder)
        self._numbers = itertools.count(1)
        self._hours_fd = fsio.create(self.folder / HOURS)
        # Those since the last `synced`, and those between that and the one before.
        self._hours: set[str] = set()
        self._hours_before: set[str] = set()
        self._every_hour: dict[str, None] = {}
        self._hours_end = 0
        self._must_write_anew = False
        self._lock = Lock()
        # Set where something could not be removed: the folder then stays, for a sweep to look.
        self.left_something = False
        for folder in (self.folder, layout.tmp):
            fsio.sync_directory(folder)

    def _take_alive(self) -> bool:
        # A sweep may remove the folder while it is still empty, or look at a lock not yet taken.
        try:
            self._alive_fd = fsio.create(self.folder / ALIVE)
            # A sweep may have been through with it before it was locked.
            if not (fsio.try_lock(self._alive_fd) and fsio.exists(self.folder / ALIVE)):
                os.close(self._alive_fd)
                return False
        except FileNotFoundError:
            return False
        return True

    def has_alive(self) -> bool:
        """Tell whether nobody else has the lock of life, by taking it again.

        Raises:
            OSError: EIO from CephFS: its client knows that it has lost its locks.
        """
        return fsio.try_lock(self._alive_fd)

    def next_name(self, prefix: str) -> str:
        """Return `<prefix>-<writer>-<k>`, which nobody has used."""
        return f"{prefix}-{self.name}-{next(self._numbers)}"

    def draft_name(self, name: str) -> str:
        """Return the name of a draft that is to take the place of the file `name`."""
        return f".{name}.{self.name}-{next(self._numbers)}"

    def note_hour(self, hour: str) -> None:
        """Make it durable that this process is about to change something in an ID-hour.

        Whoever finds the process dead looks in just these hours for what it left, and in those
        noted lately for what it did not tell the index.
        """
        with self._lock:
            if hour not in self._hours:
                if self._must_write_anew:
                    self._write_anew()
                self._add(f"{hour}\n")
                fsio.sync_data(self._hours_fd)
                self._hours.add(hour)
                self._every_hour[hour] = None

    def _add(self, line: str) -> None:
        data = line.encode()
        fsio.write_at(self._hours_fd, data, self._hours_end)
        self._hours_end += len(data)

    def note_synced(self) -> None:
        """Note that what this process told the index is durable, and begin the hours anew.

        A change may be between its note and its line in the index just now. So the hours that
        were noted before count until the next time.
        """
        with self._lock:
            self._add(_SYNCED)
            self._hours_before, self._hours = self._hours, set()
            needed = sum(len(hour) + 1 for hour in self._every_hour)
            if self._hours_end > 2 * needed + MOST_SPARE_BYTES:
                with contextlib.suppress(OSError):  # a full disk: the long one stands
                    self._write_anew()

    def _write_anew(self) -> None:
        """Put a file in the place of the hours that says the same with each hour once."""
        lines = (*self._every_hour, _SYNCED.strip(), *self._hours_before, _SYNCED.strip(), *self._hours)
        data = "".join(f"{line}\n" for line in lines).encode()
        beside = self.folder / self.next_name("record")
        with fsio.draft(beside) as file:
            file.write(data)
        fd = fsio.open_existing(beside, write=True)
        try:
            fsio.rename(beside, self.folder / HOURS)
        except BaseException:
            fsio.close(fd)
            fsio.remove(beside)
            raise
        fsio.close(self._hours_fd)
        self._hours_fd, self._hours_end = fd, len(data)
        # Until the name is durable a power cut may bring the old file back, so nothing is noted in the new one.
        self._must_write_anew = True
        fsio.sync_directory(self.folder)
        self._must_write_anew = False

    def tell_unindexed(self, is_behind: bool) -> None:
        """Tell all processes whether this one has changes that are not in the index."""
        path = self.folder / UNINDEXED
        with contextlib.suppress(OSError):
            if is_behind:
                self.left_something = True
                fsio.close(fsio.create(path))
            else:
                fsio.remove(path)

    def probe(self) -> None:
        """Try a durable write.

        Raises:
            OSError: The store cannot take a write now.
        """
        if not fsio.exists(self.drafts):  # what is held open would not tell
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
        path = self.drafts / self.next_name("probe")
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
        for folder in (self.drafts, self.folder):
            fsio.let_go(folder)
        os.close(self._alive_fd)


class Onlooker(Writer):
    """A process that changes nothing: it has no folder, so it may look at what nobody can write to."""

    def __init__(self, layout: Layout) -> None:
        """Take a name, for a folder that is not made."""
        self.name = secrets.token_hex(_NAME_BYTES)
        self.folder = layout.tmp / self.name
        self.drafts = self.folder / DRAFTS
        self.left_something = False

    def close(self) -> None:
        """Leave nothing, for there is nothing."""


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
        return any(is_running(folder) for folder in fsio.entries(layout.tmp))
    except FileNotFoundError:
        return False


def hours_of(folder: Path) -> list[str]:
    """Return the ID-hours that a dead writer noted; a torn line had no change after it."""
    return list(dict.fromkeys(_HOUR.findall(_noted(folder))))


def untold_hours_of(folder: Path) -> list[str]:
    """Return those in which a dead writer may have changed what it did not tell the index, durably."""
    before: list[str] = []
    since: list[str] = []
    for line in _noted(folder).splitlines(keepends=True):
        if line == _SYNCED:
            before, since = since, []
        else:
            since += _HOUR.findall(line)
    return list(dict.fromkeys((*before, *since)))


def forget_untold(folder: Path) -> None:
    """Note for a dead writer that the index has been told all."""
    with fsio.opened(folder / HOURS, write=True) as fd:
        fsio.write_at(fd, f"\n{_SYNCED}{_SYNCED}".encode(), fsio.length(fd))


def noted_inventory(folder: Path) -> bool:
    """Tell whether a dead writer noted that it deletes managed objects or adds external IDs."""
    return INVENTORY in _noted(folder).splitlines()


def _noted(folder: Path) -> str:
    try:
        return fsio.read(folder / HOURS).decode("ascii", "replace")
    except FileNotFoundError:
        return ""


def is_unindexed(tmp: Path) -> bool:
    """Tell whether the index lacks changes of some process, because that cannot write to it."""
    return any(fsio.exists(folder / UNINDEXED) for folder in fsio.entries(tmp))
