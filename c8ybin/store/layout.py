"""Where things are on the disk: the one place where an ID becomes a path.

data/
  format                      "c8ybin 1": read at start; an unknown one is refused
  accounts.lock               held while that file is changed
  accounts.json               users, hashes, roles; mode 0600
  admin-password              what a first start made by itself; mode 0600
  locks/000 ... 3ff           1024 lasting lock files, made once, never deleted
  tmp/<writer>/               one for each running process (random name)
    alive                     the process holds a flock on it for its life
    hours                     the ID-hours that it changed
    body-*  spool-*           bodies being received
    event-*  gone-*           directories being built or removed
  events/2026-11-24/15/<id>/  one directory an event; day and hour are the ID's own, in UTC
    event.json                {"server": {created, updated, owner}, "event": {...}, "crc": ...}
    binary.json               the binary's commit point; names its content file; a second line adds the
                              digest of a long one
    content-<writer>-<k>      the bytes, exactly as sent
    upload.journal            while an upload in chunks is incomplete: its content file and ranges
    deleted                   event.json of what was deleted on a full disk, until all of it is gone
  events/imported/<id // 10000>/<id>/   the same for IDs below 10**12
  ballast/0 ... 7             256 KiB that a start on a full disk lets go
  quarantine/<time>/          what a repair set aside, under the path that it had; nobody's but the operator's
  before-restore-<time>/      the data directory that a restore replaced; whole once it has its format
  .restore-<random>/          a restore that is under way, or was cut: `alive` is locked for its life
"""

import os
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from c8ybin import fsio
from c8ybin.domain.ids import FIRST_OWN, LIMIT, EventId, created_ms

FORMAT = "c8ybin 1"
_HOUR_MS = 3_600_000
LOCKS = 1024
EVENT = "event.json"
BINARY = "binary.json"
JOURNAL = "upload.journal"
CONTENT = "content"
DELETED = "deleted"

QUARANTINE = "quarantine"
BALLAST = "ballast"
ACCOUNTS = "accounts.json"
ACCOUNTS_LOCK = "accounts.lock"
FIRST_PASSWORD = "admin-password"  # noqa: S105 - a file's name

STAGING = ".restore-"
BEFORE = "before-restore-"
# The last file to move in either direction: without it, a directory is not whole.
FORMAT_MOVING = "format.moving"

_OF_THE_ROOT = frozenset(
    ("format", ACCOUNTS_LOCK, ACCOUNTS, FIRST_PASSWORD, "locks", "tmp", "events", BALLAST, QUARANTINE)
)
_NOT_OF_ITS_STATE = (".format.", f".{ACCOUNTS}.", f".{FIRST_PASSWORD}.", STAGING, BEFORE)
_ID = re.compile(r"[1-9][0-9]{0,15}")
_CONTENT = re.compile(r"content-[0-9a-f]{1,32}-[0-9]{1,15}")


def is_content_name(name: str) -> bool:
    """Tell whether a file in an event's directory can hold the bytes of a binary."""
    return bool(_CONTENT.fullmatch(name))


@dataclass(frozen=True, slots=True)
class Layout:
    """The paths below one data directory."""

    root: Path

    @property
    def format(self) -> Path:
        """The file that says whose directory this is."""
        return self.root / "format"

    @property
    def events(self) -> Path:
        """The tree of events."""
        return self.root / "events"

    @property
    def ballast(self) -> Path:
        """What a start on a full disk may let go."""
        return self.root / BALLAST

    @property
    def quarantine(self) -> Path:
        """What repairs set aside."""
        return self.root / QUARANTINE

    @property
    def locks(self) -> Path:
        """The lasting lock files."""
        return self.root / "locks"

    @property
    def tmp(self) -> Path:
        """The folders of the running writers."""
        return self.root / "tmp"

    def lock(self, event_id: EventId) -> Path:
        """The lock file that an event shares with one in 1024 others."""
        return self.locks / f"{event_id % LOCKS:03x}"

    def hour(self, event_id: EventId) -> Path:
        """The directory that holds an event's directory."""
        return Path(f"{self.root}/events/{self.hour_name(event_id)}")

    def hour_name(self, event_id: EventId) -> str:
        """The same, relative to the tree of events: `2026-11-24/15` or `imported/7`."""
        if event_id < FIRST_OWN:
            return f"imported/{event_id // 10_000}"
        return _hour_name(created_ms(event_id) // _HOUR_MS)

    def event(self, event_id: EventId) -> Path:
        """The directory of an event."""
        return _home(self.root, event_id)

    def event_id(self, home: Path) -> EventId | None:
        """Return whose directory this is by its path; None where it is no event's."""
        if not _ID.fullmatch(home.name) or self.event(event_id := EventId(int(home.name))) != home:
            return None
        return event_id if home.is_dir() and not home.is_symlink() else None

    def holds(self, path: str) -> bool:
        """Tell whether a relative path is one where a file of an event, and nothing else, may be."""
        top, _, below = path.partition("/")
        home, _, name = below.rpartition("/")
        hour, _, number = home.rpartition("/")
        return (
            top == self.events.name
            and (name in (EVENT, BINARY, JOURNAL) or is_content_name(name))
            and bool(_ID.fullmatch(number))
            and int(number) < LIMIT
            and self.hour_name(EventId(int(number))) == hour
        )

    def walk(self) -> Iterator[tuple[EventId, Path]]:
        """Yield every event's directory, hour by hour; foreign files are passed over."""
        for day in _directories(self.events):
            for hour in _directories(day):
                yield from self.walk_hour(hour)

    def walk_hour(self, hour: Path) -> Iterator[tuple[EventId, Path]]:
        """Yield the directories of the events of one hour."""
        for home in _directories(hour):
            if _ID.fullmatch(home.name) and self.hour(event_id := EventId(int(home.name))) == hour:
                yield event_id, home


@lru_cache(maxsize=4096)
def _home(root: Path, event_id: EventId) -> Path:
    # Remembered, for a request needs it several times, and joining paths is a good part of what reading costs.
    layout = Layout(root)
    return layout.hour(event_id) / str(event_id)


@lru_cache(maxsize=1024)
def _hour_name(hour: int) -> str:
    return time.strftime("%Y-%m-%d/%H", time.gmtime(hour * (_HOUR_MS // 1000)))


def is_of_the_root(name: str) -> bool:
    """Tell whether something of this name may lie in a data directory, beside the events.

    Drafts of its own files count, for the next change removes or replaces them, and what
    restores keep aside.
    """
    return name in _OF_THE_ROOT or name.startswith(_NOT_OF_ITS_STATE) or may_be_anywhere(name)


def may_be_anywhere(name: str) -> bool:
    """Tell whether also an empty directory may hold this: a README, notes of a checkout, what a new ext4 has."""
    return name.startswith(("README", "lost+found", ".format.", ".gitignore", ".gitkeep"))


def _directories(path: Path) -> list[Path]:
    fsio.may_take_long()
    try:
        with os.scandir(path) as entries:
            return sorted(path / entry.name for entry in entries if entry.is_dir(follow_symlinks=False))
    except FileNotFoundError:
        return []
