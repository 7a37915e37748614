"""Where things are on the disk: the one place where an ID becomes a path.

data/
  format                      "c8ybin 1": read at start; an unknown one is refused
  read-only                   while nothing may be changed, see mode.py
  accounts.lock               held while that file is changed
  accounts.json               users, hashes, roles, tokens, limits; mode 0600
  admin-password              what a first start made by itself; mode 0600
  tls/                        the certificate that was made here, certificate.pem and key.pem; mode 0600
  index/                      what lists are made of, see c8ybin/index; derived: made anew where it is missing
  locks/000 ... 3ff           1024 lasting lock files, made once, never deleted; 000.shut and 000.1 where one was broken
  locks/index                 one more, of the index
  tmp/<writer>/               one for each running process (random name)
    alive                     the process holds a flock on it for its life
    writes                    and on this one while it may change something
    hours                     the ID-hours that it changed, and since when the index knows of it
    unindexed                 while it has changed what it cannot tell the index
    beat                      where several hosts may be at work: rewritten every second
    fenced                    others took it for dead: then it has no drafts any more
    drafts/                   what it gives names to, and what it takes them from
      run-*                   parts of an index that is being made anew, and its manifest
      body-*  spool-*         bodies being received
      event-*  gone-*         directories being built or removed
      record-*  .<name>.*     files that are to take the place of others
  events/2026-11-24/15/<id>/  one directory an event; day and hour are the ID's own, in UTC
    event.json                {"server": {created, updated, owner}, "event": {...}, "crc": ...}
    binary.json               the binary's commit point; names its content file; a second line adds the
                              digest of a long one
    content-<writer>-<k>      the bytes, exactly as sent
    upload.journal            while an upload in chunks is incomplete: its content file and ranges
    deleted                   event.json of what was deleted on a full disk, until all of it is gone
  events/imported/<id // 10000>/<id>/   the same for IDs below 10**12
  devices/<id // 10**12>/<id>.json   a managed object: {"server": {created, updated}, "object": {...}, "crc": ...}
  identities/<type>/<sha256 of the external ID>.json   an external ID: {type, externalId, object, crc}
  ballast/0 ... 7             256 KiB that a start on a full disk lets go
  quarantine/<time>/          what a repair or a copy set aside, under the path that it had; nobody's but the operator's
  before-restore-<time>/      the data directory that a restore replaced; whole once it has its format
  .c8ybin-probe-<random>/     what the file system holds is being tried there, see c8ybin/probes; goes with the next try
  .restore-<random>/          a restore that is under way, or was cut: `alive` is locked for its life
  .sync/                      in a copy that is not complete, and has no format yet: see target.py
"""

import calendar
import hashlib
import os
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePath
from urllib.parse import quote

from c8ybin import fsio
from c8ybin.domain.ids import FIRST_OWN, EventId, created_ms, first_id, is_id
from c8ybin.probes import FOLDER

FORMAT = "c8ybin 1"
HOUR_MS = 3_600_000
LOCKS = 1024
EVENT = "event.json"
BINARY = "binary.json"
JOURNAL = "upload.journal"
CONTENT = "content"
DELETED = "deleted"
DEVICES = "devices"
IDENTITIES = "identities"
# Those of some three days, by `domain.ids`: an ID grows by 4096 a millisecond.
IDS_A_SHELF = 10**12
_LONGEST_TYPE = 200  # bytes; a file name has 255

QUARANTINE = "quarantine"
INDEX = "index"
BALLAST = "ballast"
ACCOUNTS = "accounts.json"
ACCOUNTS_LOCK = "accounts.lock"
FIRST_PASSWORD = "admin-password"  # noqa: S105 - a file's name
TLS = "tls"
READ_ONLY = "read-only"

STAGING = ".restore-"
SYNC = ".sync"
BEFORE = "before-restore-"
# The last file to move in either direction: without it, a directory is not whole.
FORMAT_MOVING = "format.moving"

_OF_THE_ROOT = frozenset(
    (
        "format",
        READ_ONLY,
        ACCOUNTS_LOCK,
        ACCOUNTS,
        FIRST_PASSWORD,
        TLS,
        "locks",
        "tmp",
        "events",
        INDEX,
        DEVICES,
        IDENTITIES,
        BALLAST,
        QUARANTINE,
    )
)
_NOT_OF_ITS_STATE = (
    ".format.",
    f".{ACCOUNTS}.",
    f".{FIRST_PASSWORD}.",
    f".{READ_ONLY}.",
    STAGING,
    SYNC,
    BEFORE,
)
_ID = re.compile(r"[1-9][0-9]{0,15}")
# A type of external IDs as `_safe_name` writes it.
_TYPE = re.compile(r"(?!\.)[A-Za-z0-9_.~%=-]{1,200}")
_DIGEST = re.compile(r"[0-9a-f]{64}\.json")
_LOCK = re.compile(r"(?:[0-3][0-9a-f]{2}|index)(?:\.[1-9][0-9]*)?(?:\.shut)?")
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
    def accounts(self) -> Path:
        """The file of the accounts."""
        return self.root / ACCOUNTS

    @property
    def read_only(self) -> Path:
        """The file that keeps everybody from changing anything."""
        return self.root / READ_ONLY

    @property
    def sync(self) -> Path:
        """What a copy under way keeps of its own."""
        return self.root / SYNC

    @property
    def events(self) -> Path:
        """The tree of events."""
        return self.root / "events"

    @property
    def index(self) -> Path:
        """What lists are made of."""
        return self.root / INDEX

    @property
    def ballast(self) -> Path:
        """What a start on a full disk may let go."""
        return self.root / BALLAST

    @property
    def tls(self) -> Path:
        """The certificate that was made here, and its key."""
        return self.root / TLS

    @property
    def quarantine(self) -> Path:
        """What repairs and copies set aside."""
        return self.root / QUARANTINE

    @property
    def locks(self) -> Path:
        """The lasting lock files."""
        return self.root / "locks"

    @property
    def tmp(self) -> Path:
        """The folders of the running writers."""
        return self.root / "tmp"

    @property
    def devices(self) -> Path:
        """The managed objects."""
        return self.root / DEVICES

    @property
    def identities(self) -> Path:
        """The external IDs."""
        return self.root / IDENTITIES

    def lock(self, number: int, generation: int = 0) -> Path:
        """The lock file of an event or another ID, shared with one in 1024 others; `locks.py` tells of generations."""
        return self.of_generation(self.locks / f"{number % LOCKS:03x}", generation)

    @property
    def index_lock(self) -> Path:
        """The lock file of the index: not beside that, which may be removed at any time."""
        return self.locks / "index"

    @staticmethod
    def of_generation(lock: Path, generation: int) -> Path:
        """The file of a generation of the lock whose first one is given."""
        return lock.with_name(f"{lock.name}.{generation}") if generation else lock

    @staticmethod
    def lock_shut(lock: Path) -> Path:
        """The file that says that nobody takes a lock file any more."""
        return lock.with_name(f"{lock.name}.shut")

    @staticmethod
    def is_of_a_lock(name: str) -> bool:
        """Tell whether a name is that of a lock of any generation, or says of one that nobody takes it."""
        return bool(_LOCK.fullmatch(name))

    def object(self, object_id: EventId) -> Path:
        """The file of a managed object."""
        return self.devices / f"{object_id // IDS_A_SHELF}/{object_id}.json"

    def external_id(self, kind: str, value: str) -> Path:
        """The file of an external ID of a type."""
        digest = hashlib.sha256(value.encode("utf-8", "surrogatepass")).hexdigest()
        return self.identities / _safe_name(kind) / f"{digest}.json"

    @staticmethod
    def number_of(external_id: Path) -> int:
        """The number by which the file of an external ID shares a lock."""
        return int(external_id.stem[:8], 16)

    def hour(self, event_id: EventId) -> Path:
        """The directory that holds an event's directory."""
        return Path(f"{self.root}/events/{self.hour_name(event_id)}")

    def hour_name(self, event_id: EventId) -> str:
        """The same, relative to the tree of events: `2026-11-24/15` or `imported/7`."""
        if event_id < FIRST_OWN:
            return f"imported/{event_id // 10_000}"
        return _hour_name(created_ms(event_id) // HOUR_MS)

    def ids_of_hour(self, name: str) -> tuple[int, int]:
        """Return the least ID of an hour, by its name relative to the tree of events, and the one after its last."""
        day, _, hour = name.partition("/")
        if day == "imported":
            return int(hour) * 10_000, (int(hour) + 1) * 10_000
        start_ms = calendar.timegm(time.strptime(name, "%Y-%m-%d/%H")) * 1000
        return first_id(start_ms), first_id(start_ms + HOUR_MS)

    def event(self, event_id: EventId) -> Path:
        """The directory of an event."""
        return _home(self.root, event_id)

    def event_id(self, home: Path) -> EventId | None:
        """Return whose directory this is by its path; None where it is no event's."""
        if not _ID.fullmatch(home.name) or self.event(event_id := EventId(int(home.name))) != home:
            return None
        return event_id if fsio.is_directory(home) else None

    def object_id(self, path: Path) -> EventId | None:
        """Return whose file this is by its path; None where it is no managed object's."""
        if not is_id(path.stem) or self.object(object_id := EventId(int(path.stem))) != path:
            return None
        return object_id

    def is_external_id(self, path: Path) -> bool:
        """Tell whether a path is one where an external ID may be."""
        folder, kind = path.parent.parent, path.parent.name
        return folder == self.identities and bool(_TYPE.fullmatch(kind) and _DIGEST.fullmatch(path.name))

    def holds(self, path: str) -> bool:
        """Tell whether a relative path is one where a file of what is stored, and nothing else, may be."""
        below = self.root / path
        is_single = self.object_id(below) is not None or self.is_external_id(below)
        return (is_single and str(PurePath(path)) == path) or self._is_of_an_event(path)

    def _is_of_an_event(self, path: str) -> bool:
        top, _, below = path.partition("/")
        home, _, name = below.rpartition("/")
        hour, _, number = home.rpartition("/")
        return (
            top == self.events.name
            and (name in (EVENT, BINARY, JOURNAL) or is_content_name(name))
            and is_id(number)
            and self.hour_name(EventId(int(number))) == hour
        )

    def walk(self) -> Iterator[tuple[EventId, Path]]:
        """Yield every event's directory, hour by hour; foreign files are passed over."""
        for hour in self.hours():
            yield from self.walk_hour(hour)

    def count(self) -> int:
        """Return how many events there are, for those who wait: foreign directories count too."""
        return sum(len(_directory_names(hour)) for hour in self.hours())

    def hours(self) -> list[Path]:
        """Return the directories of all hours."""
        return [hour for day in _directories(self.events) for hour in _directories(day)]

    def walk_objects(self) -> Iterator[tuple[EventId, Path]]:
        """Yield every managed object's file, shelf by shelf in the alphabet's order; foreign files are passed over."""
        for shelf in _directories(self.devices):
            for path in _files(shelf):
                if (object_id := self.object_id(path)) is not None:
                    yield object_id, path

    def walk_external_ids(self) -> Iterator[Path]:
        """Yield every external ID's file, type by type; foreign files are passed over."""
        for kind in self.external_id_types():
            yield from filter(self.is_external_id, _files(kind))

    def external_id_types(self) -> list[Path]:
        """Return the directories of the types of external IDs."""
        return _directories(self.identities)

    def walk_hour(self, hour: Path) -> Iterator[tuple[EventId, Path]]:
        """Yield the directories of the events of one hour."""
        for event_id in self.walk_ids(hour):
            yield event_id, Path(f"{hour}/{event_id}")

    def walk_ids(self, hour: Path) -> Iterator[EventId]:
        """Yield the IDs of the events of one hour, whose directories bear them as names."""
        place = f"{hour.parent.name}/{hour.name}"
        for name in _directory_names(hour):
            if (event_id := self.id_in(place, name)) is not None:
                yield event_id

    def id_in(self, place: str, name: str) -> EventId | None:
        """Return whose directory a name is in an hour, told as by `hour_name`; None where it is foreign."""
        if _ID.fullmatch(name) and self.hour_name(event_id := EventId(int(name))) == place:
            return event_id
        return None


@lru_cache(maxsize=4096)
def _home(root: Path, event_id: EventId) -> Path:
    # Remembered, for a request needs it several times, and joining paths is a good part of what reading costs.
    layout = Layout(root)
    return layout.hour(event_id) / str(event_id)


@lru_cache(maxsize=1024)
def _hour_name(hour: int) -> str:
    return time.strftime("%Y-%m-%d/%H", time.gmtime(hour * (HOUR_MS // 1000)))


def is_of_the_root(name: str) -> bool:
    """Tell whether something of this name may lie in a data directory, beside the events.

    Drafts of its own files count, for the next change removes or replaces them, and what
    restores keep aside.
    """
    return name in _OF_THE_ROOT or name.startswith(_NOT_OF_ITS_STATE) or may_be_anywhere(name)


def may_be_anywhere(name: str) -> bool:
    """Tell whether also an empty directory may hold this: a README, notes of a checkout, a new ext4's, a probe's."""
    return name.startswith(("README", "lost+found", ".format.", ".gitignore", ".gitkeep", FOLDER))


def _safe_name(kind: str) -> str:
    """Return the name of a directory for a type of external IDs; no two types have the same."""
    name = quote(kind, safe="", errors="surrogatepass")
    if len(name) > _LONGEST_TYPE:
        # With a character that no other such name has.
        return f"={hashlib.sha256(name.encode()).hexdigest()}"
    return f"%2E{name[1:]}" if name.startswith(".") else name


def _directories(path: Path) -> list[Path]:
    return [path / name for name in _directory_names(path)]


def _files(path: Path) -> list[Path]:
    return [path / name for name in _names(path, lambda entry: entry.is_file(follow_symlinks=False))]


def _directory_names(path: Path) -> list[str]:
    return _names(path, lambda entry: entry.is_dir(follow_symlinks=False))


def _names(path: Path, wanted: Callable[["os.DirEntry[str]"], bool]) -> list[str]:
    fsio.may_take_long()
    try:
        with fsio.scanned(path) as entries:
            return sorted(entry.name for entry in entries if wanted(entry))
    except FileNotFoundError:
        return []
