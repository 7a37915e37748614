"""What an event's directory was like when it was copied, so that a look at it tells whether it has changed.

Every change of an event gives or takes a name in its directory, so the directory's times change; but for the
chunks of an upload, so an event that has one is always looked at, and for a digest that follows, which the
copy has by itself. Times may count whole seconds, so that of what changed just now tells nothing: it may change
again and show the same. What counts as now is the latest time that was seen of that very file system, which
needs no clock that is set right, here or there.
"""

from collections.abc import Mapping
from contextlib import suppress
from os import stat_result
from pathlib import Path

from c8ybin import fsio
from c8ybin.domain.errors import Damaged
from c8ybin.domain.ids import EventId
from c8ybin.domain.records import decode, encode
from c8ybin.store.layout import Layout

# Twice what the coarsest times of a file system count.
_SETTLED_NS = 2_000_000_000

# Number, time of the last change of the names, time of the last change at all; None: to be looked at again.
Stamp = tuple[int, int, int] | None


class Times:
    """Makes stamps of the events of one data directory."""

    def __init__(self, layout: Layout) -> None:
        """See how late it is there, by what changes with nearly each change."""
        self._latest_ns = 0
        for folder in (layout.root, layout.events, layout.tmp, layout.index):
            with suppress(OSError):
                self._see(fsio.status(folder))
        with suppress(OSError):
            for path in fsio.entries(layout.index):
                with suppress(OSError):
                    self._see(fsio.status(path))

    def _see(self, status: stat_result) -> int:
        changed_ns = max(status.st_mtime_ns, status.st_ctime_ns)
        self._latest_ns = max(self._latest_ns, changed_ns)
        return changed_ns

    def stamp(self, status: stat_result) -> Stamp:
        """Return the stamp of a directory that is read after this."""
        if self._see(status) >= self._latest_ns - _SETTLED_NS:
            return None
        return status.st_ino, status.st_mtime_ns, status.st_ctime_ns


class Notes:
    """For each hour of a copy, which events it has, durably, and the stamps that they had.

    Where there is no note, nothing is known of the hour. A note that a power cut has torn is none, so none is
    fsynced; one that must not be believed any more is removed durably.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def _path(self, hour: str) -> Path:
        return self.folder / hour.replace("/", "_")

    def read(self, hour: str) -> dict[EventId, Stamp] | None:
        """Return the stamps of an hour; None where nothing is known."""
        path = self._path(hour)
        try:
            (record,), _ = decode(fsio.read(path), str(path))
            events: Mapping[str, list[int] | None] = record["events"]
            return {
                EventId(int(number)): None if stamp is None else (stamp[0], stamp[1], stamp[2])
                for number, stamp in events.items()
            }
        except (FileNotFoundError, Damaged, KeyError, ValueError):
            return None

    def write(self, hour: str, stamps: Mapping[EventId, Stamp]) -> None:
        """Note an hour that is durable."""
        draft = self.folder / f".{fsio.unique_name()}"
        fd = fsio.create(draft)
        with fsio.closing(fd):
            fsio.write_at(fd, encode({"events": {str(number): stamp for number, stamp in stamps.items()}}), 0)
        fsio.rename(draft, self._path(hour))

    def drop(self, hour: str) -> None:
        """Know nothing of an hour any more, durably: it is about to change."""
        if fsio.remove(self._path(hour)):
            fsio.sync_directory(self.folder)
