"""Each operation of the API against a disk that fails: what it was before, what it is to become.

An operation is tried on an event of its own. Whatever the disk does to it, the event then
shows the old state or the new one, whole, and shows the new one once the operation was
answered with success.
"""

import base64
import hashlib
import http.client
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness import EVENT, Connection, RunningServer, Serve, binaries, pattern, until
from readback import is_a_writers

NO_RESERVE = ("--demo", "--min-free", "0")
OLD = b"the old bytes"
NEW = pattern(200_000)
CUTS = (0, 70_000, 140_000, len(NEW))
_FORM = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.bin"\r\n\r\n'
ERROR_TYPE = "application/vnd.com.nsn.cumulocity.error+json;charset=UTF-8;ver=0.9"


@dataclass(frozen=True)
class Request:
    """A request but for the event's ID, which stands for `{}` in the address."""

    method: str
    address: str
    body: Any = None
    fields: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class View:
    """What clients see of an event."""

    text: str = EVENT["text"]
    data: bytes | None = None
    arrived: str | None = None


@dataclass(frozen=True)
class Operation:
    """A request that changes an event.

    Attributes:
        name: What it does.
        before: The requests that make the state before, on a new event; None for no event at all.
        request: It.
        success: The status when it goes well.
        old: What is seen before; None where there is no event.
        new: What is seen after.
        again: The status of the same request once it was done.
        frees: Whether it must go well on a full disk.
    """

    name: str
    before: tuple[Request, ...] | None
    request: Request
    success: int
    old: View | None
    new: View | None
    again: int
    frees: bool = False

    def __str__(self) -> str:
        return self.name


def _chunk(number: int, method: str = "POST") -> Request:
    start, end = CUTS[number : number + 2]
    length = len(NEW) if end == len(NEW) else "*"
    return Request(method, binaries("{}"), NEW[start:end], {"Content_Range": f"{start}-{end - 1}/{length}"})


_RAW = Request("POST", binaries("{}"), NEW)
_OLD = Request("POST", binaries("{}"), OLD)
_ONE, _TWO = f"0-{CUTS[1] - 1}/*", f"0-{CUTS[2] - 1}/*"
_EVENT = "/event/events/{}"
CHANGES = (
    Operation("create event", None, Request("POST", "/event/events", "{}"), 201, None, View(), 201),
    Operation("attach", (), _RAW, 201, View(), View(data=NEW), 409),
    Operation(
        "attach by form",
        (),
        Request(
            "POST",
            binaries("{}"),
            _FORM + NEW + b"\r\n--b--\r\n",
            {"Content_Type": "multipart/form-data; boundary=b"},
        ),
        201,
        View(),
        View(data=NEW),
        409,
    ),
    Operation(
        "replace",
        (_OLD,),
        Request("PUT", binaries("{}"), NEW),
        201,
        View(data=OLD),
        View(data=NEW),
        201,
    ),
    Operation("first chunk", (), _chunk(0), 200, View(), View(arrived=_ONE), 200),
    Operation("next chunk", (_chunk(0),), _chunk(1), 200, View(arrived=_ONE), View(arrived=_TWO), 200),
    Operation(
        "last chunk",
        (_chunk(0), _chunk(1)),
        _chunk(2),
        201,
        View(arrived=_TWO),
        View(data=NEW),
        201,
    ),
    Operation(
        "last chunk of a replacement",
        (_OLD, _chunk(0, "PUT"), _chunk(1, "PUT")),
        _chunk(2, "PUT"),
        201,
        View(data=OLD, arrived=_TWO),
        View(data=NEW),
        201,
    ),
    Operation(
        "change event",
        (_OLD,),
        Request("PUT", _EVENT, '{"text":"changed"}'),
        200,
        View(data=OLD),
        View("changed", data=OLD),
        200,
    ),
    Operation(
        "delete binary",
        (_OLD,),
        Request("DELETE", binaries("{}")),
        204,
        View(data=OLD),
        View(),
        404,
        frees=True,
    ),
    Operation(
        "delete upload",
        (_chunk(0),),
        Request("DELETE", binaries("{}")),
        204,
        View(arrived=_ONE),
        View(),
        404,
        frees=True,
    ),
    Operation("delete event", (_OLD,), Request("DELETE", _EVENT), 204, View(data=OLD), None, 404, frees=True),
)
READS = (
    Request("GET", _EVENT),
    Request("GET", binaries("{}")),
    Request("HEAD", binaries("{}")),
    Request("GET", "/event/events?source=of-{}"),
)


@dataclass
class Ledger:
    """What the trials counted: distinct faults, answers, and what should not be."""

    faults: set[tuple[str, str]] = field(default_factory=set)
    answers: int = 0
    lost: list[str] = field(default_factory=list)
    mixed: list[str] = field(default_factory=list)


class Trial:
    """One operation, on an event of its own, which is prepared while the disk is well."""

    def __init__(self, connection: Connection, ledger: Ledger, operation: Operation, fault: str) -> None:
        self.operation = operation
        self._connection = connection
        self._ledger = ledger
        self._what = f"{operation.name}, {fault}"
        self._fault = fault
        self._source = f"of-{hashlib.sha256(self._what.encode()).hexdigest()[:16]}-{id(self)}"
        self.id = "" if operation.before is None else self._create()
        for request in operation.before or ():
            answer, body = self._send(request)
            assert answer.status in (200, 201), body
        self._tag = self.look()[1]
        self.acknowledged = False

    def _document(self) -> str:
        return json.dumps(EVENT | {"source": {"id": self._source}})

    def _create(self) -> str:
        answer, body = self._connection.ask(
            "POST", "/event/events", self._document(), Accept="application/json"
        )
        assert answer.status == 201, body
        return str(json.loads(body)["id"])

    def _send(self, request: Request) -> tuple[http.client.HTTPResponse, bytes]:
        body = self._document() if request.address == "/event/events" else request.body
        self._ledger.answers += 1
        return self._connection.ask(request.method, request.address.format(self.id), body, **request.fields)

    def attempt(self, *statuses: int) -> int:
        """Send the request while the disk fails; the answer is success or an error with one of these statuses."""
        self._ledger.faults.add((self._fault, self.operation.name))
        answer, body = self._send(self.operation.request)
        if answer.status == self.operation.success:
            self.acknowledged = True
        else:
            check_error(answer, body, statuses, self._what)
        return answer.status

    def look(self) -> tuple[View | None, str | None]:
        """Return what is seen of the event, and the binary's entity tag."""
        event_id = self.id or self.found()
        if not event_id:
            return None, None
        answer, body = self._connection.ask("GET", _EVENT.format(event_id), Accept="application/json")
        binary, data = self._connection.ask("GET", binaries(event_id))
        self._ledger.answers += 2
        if answer.status == binary.status == 404:
            return None, None
        assert answer.status == 200, (self._what, body)
        event = json.loads(body)
        shown = event.get("c8y_IsBinary")
        arrived = event.get("c8y_IsIncompleteBinary", {}).get("range")
        if binary.status == 404:
            assert shown is None, self._what
            return View(event["text"], None, arrived), None
        assert binary.status == 200, (self._what, data)
        digest = base64.b64encode(hashlib.sha256(data).digest()).decode()
        if binary.headers["Repr-Digest"] != f"sha-256=:{digest}:" or shown["length"] != len(data):
            self._ledger.mixed.append(self._what)
        return View(event["text"], data, arrived), binary.headers["ETag"]

    def found(self) -> str | None:
        """Return the ID of the event that was to be created, if it was."""
        answer, body = self._connection.ask(
            "GET", f"/event/events?source={self._source}", Accept="application/json"
        )
        assert answer.status == 200, (self._what, body)
        found = json.loads(body)["events"]
        return found[0]["id"] if found else None

    def check(self, connection: Connection | None = None) -> bool:
        """Look for the old state or the new one, and none but the new one after success; tell whether it is new."""
        self._connection = connection or self._connection
        view, tag = self.look()
        if view not in (self.operation.old, self.operation.new):
            self._ledger.mixed.append(f"{self._what}: {_brief(view)}")
        if self.acknowledged and view != self.operation.new:
            self._ledger.lost.append(f"{self._what}: {_brief(view)}")
        if view and view.data == OLD and tag != self._tag:
            self._ledger.mixed.append(f"{self._what}: another entity tag for the old bytes")
        if view and view.data == NEW and tag == self._tag:
            self._ledger.mixed.append(f"{self._what}: the old entity tag for new bytes")
        return view == self.operation.new

    def succeed(self) -> None:
        """The cause is gone: the same request goes well, and what it did is seen."""
        was_new = self.check()
        answer, body = self._send(self.operation.request)
        expected = self.operation.again if was_new else self.operation.success
        assert answer.status == expected, (self._what, answer.status, body)
        self.acknowledged = True
        assert self.check(), (self._what, _brief(self.look()[0]))


def _brief(view: View | None) -> str:
    data = None if view is None or view.data is None else f"{len(view.data)} bytes"
    return "no event" if view is None else f"{view.text}, {data}, {view.arrived}"


def check_error(
    answer: http.client.HTTPResponse, body: bytes, statuses: Iterable[int], what: str = ""
) -> str:
    """Assert that an answer is one of our errors and tells nothing of the inside; return its message."""
    assert answer.status in statuses, (what, answer.status, body)
    assert answer.headers["Content-Type"] == ERROR_TYPE, what
    assert (answer.headers["Retry-After"] or "").isdigit() == (answer.status == 503), what
    document = json.loads(body)
    assert list(document) == ["error", "message", "info"], what
    assert not re.search("Traceback|Errno|/tmp|/dev/|/data", document["message"]), document
    return str(document["message"])


def leavings(root: Path) -> list[str]:
    """Return what is in a data directory that no event names and no writer is known to keep."""
    found = []
    for home in (path for path in (root / "events").glob("*/*/*") if path.is_dir()):
        known = {"event.json"}
        for name in ("binary.json", "upload.journal"):
            if (home / name).exists():
                known |= {name, json.loads((home / name).read_bytes().split(b"\n")[0])["content"]}
        found += [str(path.relative_to(root)) for path in home.iterdir() if path.name not in known]
        if not (home / "event.json").exists():
            found.append(str(home.relative_to(root)))
    for path in (root / "tmp").glob("*/**/*"):
        if not is_a_writers(path.name):
            found.append(str(path.relative_to(root)))
    return sorted(found)


def swept(serve: Serve, server: RunningServer, root: Path) -> RunningServer:
    """Stop a server, start another, and wait until that has swept."""
    assert server.stop() == 0
    again = serve(*NO_RESERVE, data=root)
    assert until(lambda: len(list((root / "tmp").iterdir())) == 1)
    return again
