"""One event as its directory tells it."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from c8ybin import fsio
from c8ybin.domain.conditions import Validators
from c8ybin.domain.errors import Damaged, EventNotFound
from c8ybin.domain.events import IS_BINARY, IS_INCOMPLETE, Document
from c8ybin.domain.ids import EventId
from c8ybin.domain.queries import Facts
from c8ybin.domain.times import format_time, parse_time
from c8ybin.store.binary import Binary, parse_binary
from c8ybin.store.commit import is_void
from c8ybin.store.disk import Disk
from c8ybin.store.group_commit import Steps
from c8ybin.store.journal import Journal, parse_journal
from c8ybin.store.layout import BINARY, EVENT, JOURNAL
from c8ybin.store.records import decode, encode, replace


@dataclass(frozen=True, slots=True)
class EventFile:
    """What `event.json` holds.

    Attributes:
        created: Milliseconds since 1970.
        updated: The last change of the event itself, not of its binary.
        owner: Who created it.
        document: What the client sent, without what belongs to the server.
    """

    created: int
    updated: int
    owner: str
    document: Document

    def to_bytes(self) -> bytes:
        """Write it."""
        server = {
            "created": format_time(self.created),
            "updated": format_time(self.updated),
            "owner": self.owner,
        }
        return encode({"server": server, "event": self.document})


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """An event with its binary and its incomplete upload."""

    id: EventId
    file: EventFile
    binary: Binary | None
    upload: Journal | None
    etag: str

    @property
    def updated(self) -> int:
        """The later of the event's and its binary's time."""
        return max(self.file.updated, self.binary.time if self.binary else 0)

    @property
    def validators(self) -> Validators:
        """Its entity tag, which changes with the binary and the upload too, and its time."""
        return Validators(self.etag, self.updated)

    @property
    def fragments(self) -> Mapping[str, Any]:
        """The two fragments that belong to the server, where they apply."""
        fragments: dict[str, Any] = {}
        if self.binary:
            fragments[IS_BINARY] = {
                "type": self.binary.type,
                "name": self.binary.name,
                "length": self.binary.length,
            }
        if self.upload:
            fragments[IS_INCOMPLETE] = {"range": str(self.upload)}
        return fragments

    @property
    def facts(self) -> Facts:
        """What a query asks of it."""
        document = self.file.document
        return Facts(
            id=self.id,
            time=parse_time(document["time"]),
            created=self.file.created,
            updated=self.updated,
            source=document["source"]["id"],
            type=document["type"],
            fragments={**document, **self.fragments},
        )


def parse_event_file(data: bytes, path: Path) -> EventFile:
    """Read the bytes of an `event.json`.

    Raises:
        Damaged: They are not what one holds.
    """
    try:
        (members,), end = decode(data, str(path))
        if end != len(data):
            raise ValueError
        server, document = members["server"], members["event"]
        parse_time(document["time"])
        if not all(isinstance(v, str) for v in (document["source"]["id"], document["type"], server["owner"])):
            raise TypeError
        return EventFile(
            created=parse_time(server["created"]),
            updated=parse_time(server["updated"]),
            owner=server["owner"],
            document=document,
        )
    except (KeyError, TypeError, ValueError, RecursionError):
        raise Damaged(f"{path}: not an event") from None


def read_event(event_id: EventId, home: Path) -> StoredEvent:
    """Read an event, its binary and its upload, as they stood together.

    Raises:
        EventNotFound: There is no such event.
        Damaged: A file does not hold what it should.
    """
    while True:
        files = read_files(home)
        # What is the same before and after was so while `event.json` was read: neither ever comes back.
        if (_read_if_there(home / JOURNAL), _read_if_there(home / BINARY)) == (files.journal, files.binary):
            return stored_event(event_id, home, files.event, files.parse_binary(), files.parse_journal())


@dataclass(frozen=True, slots=True)
class EventFiles:
    """The bytes of the files that tell of an event; None where there is no such file."""

    home: Path
    event: bytes
    binary: bytes | None
    journal: bytes | None

    def parse_binary(self) -> Binary | None:
        """Read what `binary.json` tells.

        Raises:
            Damaged: It does not hold what it should.
        """
        return None if self.binary is None else parse_binary(self.binary, self.home / BINARY)

    def parse_journal(self) -> Journal | None:
        """Read what the journal tells.

        Raises:
            Damaged: It does not hold what it should.
        """
        return None if self.journal is None else parse_journal(self.journal, self.home / JOURNAL)


def read_files(home: Path) -> EventFiles:
    """Read the files that tell of an event, one after the other.

    Raises:
        EventNotFound: There is no such event.
    """
    # In this order: completing an upload first makes the binary and then drops the journal,
    # and removing a binary first brings the event's own time forward.
    journal = _read_if_there(home / JOURNAL)
    binary = _read_if_there(home / BINARY)
    event = _read_if_there(home / EVENT)
    if event is None:
        raise EventNotFound
    return EventFiles(home, event, binary, journal)


def _read_if_there(path: Path) -> bytes | None:
    try:
        return fsio.read(path)
    except FileNotFoundError:
        return None


def stored_event(
    event_id: EventId, home: Path, data: bytes, binary: Binary | None, upload: Journal | None
) -> StoredEvent:
    """Return an event from what its files hold; an upload that is void does not show.

    Raises:
        Damaged: `data` is not what an `event.json` holds.
    """
    if upload and is_void(upload, binary):
        upload = None
    state = repr((binary and binary.content, upload and (upload.content, str(upload)))).encode()
    etag = f'"{hashlib.sha256(data + state).hexdigest()[:32]}"'
    return StoredEvent(event_id, parse_event_file(data, home / EVENT), binary, upload, etag)


def write_event(home: Path, file: EventFile, disk: Disk, leading: Sequence[Path] = ()) -> Steps[None]:
    """Replace `event.json`, in steps, after the directories that `Disk.preparation` told; the lock is held."""
    return replace(home / EVENT, file.to_bytes(), disk.writer, leading)


def touch_event(home: Path, previous: int, disk: Disk) -> None:
    """Let the event's own time be now, but not before `previous`; the lock is held."""
    path = home / EVENT
    file = parse_event_file(fsio.read(path), path)
    updated = disk.next_time(max(file.updated, previous))
    touched = EventFile(file.created, updated, file.owner, file.document)
    disk.together.run(write_event(home, touched, disk))
