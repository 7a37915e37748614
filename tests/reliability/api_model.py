"""The API as a dictionary of events: what each answer has to be, written from the HTTP contract.

Where several things are wrong with a request, the contract does not say which is told
first; so each method returns the statuses that are right, and changes the model only
where that is a status of success.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

MAX_BINARY, MAX_CHUNK = 48, 16
OCTET_STREAM = "application/octet-stream"
SERVER_OWNED = {"id", "self", "creationTime", "lastUpdated", "c8y_IsBinary", "c8y_IsIncompleteBinary"}
MANDATORY = {"source", "type", "time", "text"}
# Times as clients write them, and as they are answered.
TIMES = {
    "2026-11-24T12:00:00.000Z": "2026-11-24T12:00:00.000Z",
    "2026-11-24T13:00:00+01:00": "2026-11-24T12:00:00.000Z",
    "2026-11-24T12:00:00.123456789": "2026-11-24T12:00:00.123Z",
    "2026-11-25": "2026-11-25T00:00:00.000Z",
}

Statuses = set[int]


@dataclass
class Binary:
    """A complete binary; `completed` is method, Content-Range and bytes of the chunk that completed it."""

    data: bytes
    type: str
    name: str
    completed: tuple[str, str, bytes] | None = None


@dataclass
class Upload:
    """An incomplete upload: its bytes by their place, and its length once told."""

    type: str
    name: str
    arrived: dict[int, int] = field(default_factory=dict)
    length: int | None = None

    @property
    def range(self) -> str:
        """What has arrived, as `0-3,8-9/10`."""
        # Numbers that follow each other differ from their place in the order by the same.
        runs = [
            [b for _, b in run] for _, run in groupby(enumerate(sorted(self.arrived)), lambda p: p[1] - p[0])
        ]
        spans = ",".join(f"{run[0]}-{run[-1]}" for run in runs)
        return f"{spans}/{'*' if self.length is None else self.length}"


@dataclass
class Event:
    """An event: what its client sent of it, its binary and its upload."""

    document: dict[str, Any]
    binary: Binary | None = None
    upload: Upload | None = None

    def shown(self) -> dict[str, Any]:
        """Return what it shows, without what only the server can know."""
        binary, upload = self.binary, self.upload
        own: dict[str, Any] = {}
        if binary:
            own["c8y_IsBinary"] = {"type": binary.type, "name": binary.name, "length": len(binary.data)}
        if upload:
            own["c8y_IsIncompleteBinary"] = {"range": upload.range}
        return self.document | own


@dataclass(frozen=True)
class Chunk:
    """A chunk as it is sent; `length` is that of the whole, where the chunk tells it."""

    start: int
    data: bytes
    length: int | None

    @property
    def stop(self) -> int:
        """Its last byte, inclusive."""
        return self.start + len(self.data) - 1

    @property
    def content_range(self) -> str:
        """The header field."""
        return f"{self.start}-{self.stop}/{'*' if self.length is None else self.length}"


class Model:
    """All events by their IDs; one that was deleted is not in it."""

    def __init__(self) -> None:
        self.events: dict[str, Event] = {}

    def create(self, sent: Mapping[str, Any]) -> dict[str, Any] | None:
        """Return what is kept of a posted event, None where it has to be refused with 422."""
        kept = {k: v for k, v in sent.items() if k not in SERVER_OWNED and v is not None}
        return kept | {"time": TIMES[kept["time"]]} if kept.keys() >= MANDATORY else None

    def change(self, event_id: str, sent: Mapping[str, Any], *, holds: bool) -> Statuses:
        """Merge a change at top level."""
        if (event := self.events.get(event_id)) is None:
            return {404}
        sent = {k: v for k, v in sent.items() if k not in SERVER_OWNED}
        fixed = {k: TIMES[v] if k == "time" else v for k, v in sent.items() if k in MANDATORY - {"text"}}
        wrong = {412} if not holds else set()
        if any(event.document[k] != v for k, v in fixed.items()):
            wrong |= {422}
        if wrong:
            return wrong
        merged = event.document | sent | fixed
        event.document = {k: v for k, v in merged.items() if v is not None}
        return {200}

    def delete(self, event_id: str, *, holds: bool) -> Statuses:
        """Delete an event."""
        if event_id not in self.events:
            return {404}
        if not holds:
            return {412}
        del self.events[event_id]
        return {204}

    def send_whole(
        self, event_id: str, method: str, binary: Binary, *, holds: bool, digest_fits: bool
    ) -> Statuses:
        """Attach or replace."""
        if (event := self.events.get(event_id)) is None:
            return {404}
        wrong = self._wrong(holds=holds, digest_fits=digest_fits)
        if len(binary.data) > MAX_BINARY:
            wrong |= {413}
        if method == "POST" and event.binary:
            wrong |= {409}
        if not wrong:
            event.binary, event.upload = binary, None
        return wrong or {201}

    def send_chunk(
        self, event_id: str, method: str, chunk: Chunk, label: Upload, *, holds: bool, digest_fits: bool
    ) -> Statuses:
        """Add a chunk; `label` has the type and name that it gives."""
        if (event := self.events.get(event_id)) is None:
            return {404}
        wrong = self._wrong(holds=holds, digest_fits=digest_fits)
        if len(chunk.data) > MAX_CHUNK or max(chunk.stop + 1, chunk.length or 0) > MAX_BINARY:
            wrong |= {413}
        if chunk.length is not None and chunk.length <= chunk.stop:
            wrong |= {400}
        signature = (method, chunk.content_range, chunk.data)
        if event.binary:
            may_repeat = method == "POST" or not event.upload
            if may_repeat and event.binary.completed == signature:
                return wrong or {201}
            if method == "POST":
                wrong |= {409}
        return wrong or self._add(event, chunk, label, signature)

    def _add(self, event: Event, chunk: Chunk, label: Upload, signature: tuple[str, str, bytes]) -> Statuses:
        sent = dict(enumerate(chunk.data, chunk.start))
        upload = event.upload
        if upload:
            differs = any(upload.arrived.get(place, byte) != byte for place, byte in sent.items())
            if differs and chunk.start == 0:
                upload = None
            elif wrong := _contradictions(upload, chunk) | ({409} if differs else set()):
                return wrong
        if upload is None:
            upload = event.upload = label
        upload.arrived |= sent
        upload.length = upload.length if chunk.length is None else chunk.length
        if upload.length != len(upload.arrived):
            return {200}
        data = bytes(byte for _, byte in sorted(upload.arrived.items()))
        event.binary, event.upload = Binary(data, upload.type, upload.name, signature), None
        return {201}

    def _wrong(self, *, holds: bool, digest_fits: bool) -> Statuses:
        return ({412} if not holds else set()) | ({400} if not digest_fits else set())

    def drop(self, event_id: str, *, holds: bool) -> Statuses:
        """Delete a binary and the upload."""
        event = self.events.get(event_id)
        if event is None or not (event.binary or event.upload):
            # A condition can be wrong too where there is an event.
            return {404} if holds or event is None else {404, 412}
        if not holds:
            return {412}
        event.binary = event.upload = None
        return {204}

    def matching(self, filters: Mapping[str, str]) -> list[str]:
        """Return the IDs of the events that filters find, newest time first."""
        tests = {
            "source": lambda e, v: e["source"]["id"] == v,
            "type": lambda e, v: e["type"] == v,
            "dateFrom": lambda e, v: e["time"] >= TIMES[v],
            "dateTo": lambda e, v: e["time"] <= TIMES[v],
            "fragmentType": lambda e, v: v in e,
            "fragmentValue": lambda e, v: e.get(filters["fragmentType"]) == v,
        }
        found = {
            event_id: event.document["time"]
            for event_id, event in self.events.items()
            if all(tests[name](event.shown(), value) for name, value in filters.items())
        }
        return sorted(found, key=lambda event_id: (found[event_id], int(event_id)), reverse=True)


def _contradictions(upload: Upload, chunk: Chunk) -> Statuses:
    wrong: Statuses = set()
    if chunk.length is not None:
        if chunk.length <= max(upload.arrived):
            wrong |= {400}
        if upload.length not in (None, chunk.length):
            wrong |= {409}
    if upload.length is not None and chunk.stop >= upload.length:
        wrong |= {409}
    return wrong


def part_of(data: bytes, wanted: str | None) -> tuple[int, int] | None:
    """Return which bytes a Range asks for, as a slice: None for all of them, (0, 0) where there are none."""
    spec = (wanted or "").removeprefix("bytes=")
    if not spec or "," in spec:
        return None
    first, _, last = spec.partition("-")
    if not first:
        start, end = max(0, len(data) - int(last)), len(data)
        return (start, end) if data else None
    start, end = int(first), min(len(data), int(last or len(data)) + 1)
    return (start, end) if start < end else (0, 0)
