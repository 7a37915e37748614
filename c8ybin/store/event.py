"""One event as its directory tells it."""

import hashlib
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from c8ybin import fsio
from c8ybin.domain.conditions import Validators
from c8ybin.domain.errors import Damaged, EventNotFound, is_of_one_file
from c8ybin.domain.events import IS_BINARY, IS_INCOMPLETE, Document
from c8ybin.domain.ids import EventId
from c8ybin.domain.queries import Facts
from c8ybin.domain.records import decode, encode
from c8ybin.domain.times import format_time, parse_time
from c8ybin.store.binary import Binary, parse_binary
from c8ybin.store.journal import Journal, is_void, parse_journal
from c8ybin.store.layout import BINARY, EVENT, JOURNAL

log = logging.getLogger(__name__)


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
        return _updated(self.file, self.binary)

    @property
    def validators(self) -> Validators:
        """Its entity tag, which changes with the binary and the upload too, and its time."""
        return Validators(self.etag, self.updated)

    @property
    def fragments(self) -> Mapping[str, Any]:
        """The two fragments that belong to the server, where they apply."""
        return _fragments(self.binary, self.upload)

    @property
    def facts(self) -> Facts:
        """What a query asks of it."""
        return _facts(self.id, self.file, self.binary, self.upload)


def _fragments(binary: Binary | None, upload: Journal | None) -> Mapping[str, Any]:
    fragments: dict[str, Any] = {}
    if binary:
        fragments[IS_BINARY] = {"type": binary.type, "name": binary.name, "length": binary.length}
    if upload:
        fragments[IS_INCOMPLETE] = {"range": str(upload)}
    return fragments


def _facts(event_id: EventId, file: EventFile, binary: Binary | None, upload: Journal | None) -> Facts:
    document = file.document
    return Facts(
        id=event_id,
        time=parse_time(document["time"]),
        created=file.created,
        updated=_updated(file, binary),
        source=document["source"]["id"],
        type=document["type"],
        fragments={**document, **_fragments(binary, upload)},
        held=(binary.length if binary else 0) + (upload.spans.count if upload else 0),
    )


def _updated(file: EventFile, binary: Binary | None) -> int:
    return max(file.updated, binary.time if binary else 0)


def parse_event_file(data: bytes, path: fsio.AnyPath) -> EventFile:
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
        if fsio.read_each(f"{home}", (JOURNAL, BINARY)) == [files.journal, files.binary]:
            return stored_event(event_id, home, files.event, files.parse_binary(), files.parse_journal())


def read_facts(event_id: EventId, home: fsio.AnyPath) -> Facts | None:
    """Return what a query asks of an event; None where it is gone or cannot be read, which is logged.

    Its files are read once, so what changes meanwhile may be in it or not.

    Raises:
        OSError: Something is wrong with more than this event.
    """
    with _readable(event_id):
        files = read_files(home)
        binary = files.parse_binary()
        upload = _unless_void(files.parse_journal(), binary)
        return _facts(event_id, parse_event_file(files.event, f"{home}/{EVENT}"), binary, upload)
    return None


def read_readable(event_id: EventId, home: Path) -> StoredEvent | None:
    """Return an event; None where it is gone or cannot be read: one does not take the others out of a list.

    Raises:
        OSError: Something is wrong with more than this event.
    """
    with _readable(event_id):
        return read_event(event_id, home)
    return None


@contextmanager
def _readable(event_id: EventId) -> Iterator[None]:
    """End the block quietly where this one event is gone or cannot be read."""
    try:
        yield
    except EventNotFound:
        pass
    except (Damaged, OSError) as error:
        if isinstance(error, OSError) and not is_of_one_file(error):
            raise
        log.error("left out of a list: event %s: %s", event_id, getattr(error, "what", error))


@dataclass(frozen=True, slots=True)
class EventFiles:
    """The bytes of the files that tell of an event; None where there is no such file."""

    home: fsio.AnyPath
    event: bytes
    binary: bytes | None
    journal: bytes | None

    def parse_binary(self) -> Binary | None:
        """Read what `binary.json` tells.

        Raises:
            Damaged: It does not hold what it should.
        """
        return None if self.binary is None else parse_binary(self.binary, f"{self.home}/{BINARY}")

    def parse_journal(self) -> Journal | None:
        """Read what the journal tells.

        Raises:
            Damaged: It does not hold what it should.
        """
        return None if self.journal is None else parse_journal(self.journal, f"{self.home}/{JOURNAL}")


def read_files(home: fsio.AnyPath) -> EventFiles:
    """Read the files that tell of an event, one after the other.

    Raises:
        EventNotFound: There is no such event.
    """
    # In this order: completing an upload first makes the binary and then drops the journal,
    # and removing a binary first brings the event's own time forward.
    journal, binary, event = fsio.read_each(f"{home}", (JOURNAL, BINARY, EVENT))
    if event is None:
        raise EventNotFound
    return EventFiles(home, event, binary, journal)


def stored_event(
    event_id: EventId, home: Path, data: bytes, binary: Binary | None, upload: Journal | None
) -> StoredEvent:
    """Return an event from what its files hold; an upload that is void does not show.

    Raises:
        Damaged: `data` is not what an `event.json` holds.
    """
    upload = _unless_void(upload, binary)
    state = repr((binary and binary.content, upload and (upload.content, str(upload)))).encode()
    etag = f'"{hashlib.sha256(data + state).hexdigest()[:32]}"'
    return StoredEvent(event_id, parse_event_file(data, f"{home}/{EVENT}"), binary, upload, etag)


def _unless_void(upload: Journal | None, binary: Binary | None) -> Journal | None:
    return None if upload and is_void(upload, binary) else upload
