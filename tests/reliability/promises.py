"""What each request makes of an event, as clients are promised: the old state or the new one, never a third.

A model without I/O. Where a request was cut, both states may be; so every request is
applied to each state that may be there.
"""

import base64
import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

KIND = "test_Load"
BOUNDARY = "zwischen"


@dataclass(frozen=True)
class File:
    """A binary as a client sees it; `length` is in bytes."""

    sha256: str
    length: int
    name: str
    type: str


@dataclass(frozen=True, eq=False)
class Plan:
    """A file that is sent in chunks.

    Attributes:
        method: POST, or PUT where it may replace a binary.
        file: What it is when it is complete.
        data: Its bytes.
        cuts: Where the chunks begin, and the length at the end.
        telling: The chunks that tell the length.
    """

    method: str
    file: File
    data: bytes = field(repr=False)
    cuts: tuple[int, ...]
    telling: frozenset[int]

    @property
    def chunks(self) -> range:
        return range(len(self.cuts) - 1)

    def bytes_of(self, chunk: int) -> bytes:
        return self.data[self.cuts[chunk] : self.cuts[chunk + 1]]

    def content_range(self, chunk: int) -> str:
        length = len(self.data) if chunk in self.telling else "*"
        return f"{self.cuts[chunk]}-{self.cuts[chunk + 1] - 1}/{length}"

    def range_of(self, arrived: frozenset[int]) -> str:
        """What the server is to show of an upload of which these chunks arrived."""
        spans: list[list[int]] = []
        for chunk in sorted(arrived):
            start, end = self.cuts[chunk], self.cuts[chunk + 1]
            if spans and spans[-1][1] == start:
                spans[-1][1] = end
            else:
                spans.append([start, end])
        length = len(self.data) if arrived & self.telling else "*"
        return ",".join(f"{start}-{end - 1}" for start, end in spans) + f"/{length}"


@dataclass(frozen=True)
class Upload:
    """An incomplete upload."""

    plan: Plan
    arrived: frozenset[int]

    @property
    def range(self) -> str:
        return self.plan.range_of(self.arrived)


@dataclass(frozen=True)
class Shown:
    """What clients can read of an event."""

    text: str
    file: File | None = None
    range: str | None = None


@dataclass(frozen=True)
class State:
    """An event as it stands; where there is none, None stands for it."""

    text: str
    file: File | None = None
    completed_by: tuple[Plan, int] | None = None
    upload: Upload | None = None

    @property
    def shown(self) -> Shown:
        return Shown(self.text, self.file, self.upload.range if self.upload else None)


@dataclass(frozen=True)
class Outcome:
    """An answer, and the event after it; `range` is that of an upload that is not complete."""

    status: int
    state: State | None
    range: str | None = None


@dataclass(frozen=True)
class Request:
    """A change of an event, and what it is promised to do to a state of it."""

    method: str
    body: bytes
    fields: Mapping[str, str]
    to_binary: bool
    does: Callable[[State], Outcome]

    @property
    def kind(self) -> str:
        return f"{self.method} {'binary' if self.to_binary else 'event'}"

    def outcome(self, state: State | None) -> Outcome:
        return self.does(state) if state else Outcome(404, None)

    def path(self, event_id: str) -> str:
        return f"/event/events/{event_id}" + ("/binaries" if self.to_binary else "")


def range_told(status: int, body: bytes) -> str | None:
    """Return the range that the answer to a chunk tells of an upload which is not complete."""
    return json.loads(body).get("range") if status == 200 and body else None


def new_document(text: str) -> bytes:
    document = {"source": {"id": "77"}, "type": KIND, "time": "2026-11-24T12:00:00.000Z", "text": text}
    return json.dumps(document).encode()


def put_text(text: str) -> Request:
    body = json.dumps({"text": text}).encode()
    return Request("PUT", body, {}, False, lambda state: Outcome(200, replace(state, text=text)))


def delete_event() -> Request:
    return Request("DELETE", b"", {}, False, lambda _: Outcome(204, None))


def delete_binary() -> Request:
    def does(state: State) -> Outcome:
        return Outcome(204, State(state.text)) if state.file or state.upload else Outcome(404, state)

    return Request("DELETE", b"", {}, True, does)


def whole(method: str, file: File, data: bytes, *, as_form: bool = False) -> Request:
    """POST or PUT of a whole file, raw or as a form."""

    def does(state: State) -> Outcome:
        if state.file and method == "POST":
            return Outcome(409, state)
        return Outcome(201, State(state.text, file))

    if not as_form:
        return Request(method, data, _label(file), True, does)
    head = (
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="{file.name}"\r\n'
        f"Content-Type: {file.type}\r\n\r\n"
    )
    body = head.encode() + data + f"\r\n--{BOUNDARY}--\r\n".encode()
    fields = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
    return Request(method, body, fields, True, does)


def send_chunk(plan: Plan, chunk: int) -> Request:
    """One chunk; where another plan's upload may be, it is chunk 0, and its first byte differs."""

    def does(state: State) -> Outcome:
        may_repeat = state.upload is None or plan.method == "POST"
        if state.file and may_repeat and state.completed_by == (plan, chunk):
            return Outcome(201, state)
        if state.file and plan.method == "POST":
            return Outcome(409, state)
        before = state.upload.arrived if state.upload and state.upload.plan is plan else frozenset()
        upload = Upload(plan, before | {chunk})
        if len(upload.arrived) == len(plan.chunks) and upload.arrived & plan.telling:
            return Outcome(201, State(state.text, plan.file, (plan, chunk)))
        return Outcome(200, replace(state, upload=upload), upload.range)

    data = plan.bytes_of(chunk)
    digest = base64.b64encode(hashlib.sha256(data).digest()).decode()
    fields = {"Content-Range": plan.content_range(chunk), "Content-Digest": f"sha-256=:{digest}:"}
    return Request(plan.method, data, _label(plan.file) | fields, True, does)


def _label(file: File) -> dict[str, str]:
    return {"Content-Type": file.type, "Content-Disposition": f'attachment; filename="{file.name}"'}
