"""One client of a race: sends what an action says, and reads the answer in the terms of `one_event`."""

import base64
import hashlib
import http.client
import json
import time
from random import Random
from typing import Any

from harness import EVENT, RunningServer
from linearizability import Effect, Request
from one_event import (
    BLOCK_BYTES,
    BLOCKS,
    EVENT_GONE,
    LEAST_BYTES,
    TAGS_OF_CHUNKS,
    Action,
    Answer,
    Shown,
    Version,
    block,
    content,
    whole,
)

PART = "bytes=100-299"
assert LEAST_BYTES >= 300

_TYPE = "application/x-"
_AUTHORIZATION = "Basic " + base64.b64encode(b"demo:demo").decode()
_BLOCKS = {block(tag, n): (tag, n) for tag in TAGS_OF_CHUNKS for n in range(BLOCKS)}
WAIT_S = 120


class Mixed(AssertionError):
    """An answer that belongs to no one version."""


class Racer:
    """One client with its connection; remembers what it asked and what it was told.

    Attributes:
        chance: Its own in each round, always the same.
        history: Its requests of this round.
        etags: Of this round, shared by all clients: the version that each entity tag was seen with.
        mixed: What did not belong together, as text.
    """

    chance: Random
    history: list[Request]
    etags: dict[str, Version]

    def __init__(self, number: int, server: RunningServer) -> None:
        self.number = number
        self.mixed: list[str] = []
        self._connection = server.opened(WAIT_S)

    def begin(self, event_id: str, seed: str, etags: dict[str, Version]) -> None:
        """Begin a round over another event."""
        self.event, self.etags = f"/event/events/{event_id}", etags
        self.chance = Random(f"{seed}/{self.number}")
        self.history = []

    def create_event(self) -> str:
        """Create an event that counts 0."""
        response, data = self._exchange(
            "POST", "/event/events", json.dumps(EVENT | {"count": 0}).encode(), {"Accept": "application/json"}
        )
        assert response.status == 201, data
        return str(json.loads(data)["id"])

    def ask(self, action: Action, etag: str | None = None, *, form: bool = False) -> Answer:
        """Do what an action says; return the answer in the terms of `one_event`.

        Args:
            action: What to do.
            etag: The entity tag that belongs to the version or count of its condition.
            form: Whether to send a whole file as a form.
        """
        body, headers = _body(action, form=form)
        for condition, name in (
            (action.match, "If-Match"),
            (action.none_match, "If-None-Match"),
            (action.if_range, "If-Range"),
        ):
            if condition is not None:
                headers[name] = etag or ""
        if action.part:
            headers["Range"] = PART
        path = f"{self.event}/binaries" if action.binary else self.event
        began = time.monotonic_ns()
        response, data = self._exchange(action.method, path, body, headers)
        ended = time.monotonic_ns()
        self.etag = response.headers["ETag"]
        try:
            answer = self._understand(action, response, data)
        except (Mixed, ValueError, KeyError, TypeError) as error:
            self.mixed.append(f"{action}: {response.status} {response.headers.items()}: {error!r}")
            answer = response.status, "mixed"
        self.history.append(Request(self.number, action, answer, began, ended, _effect(action, answer)))
        return answer

    def _exchange(
        self, method: str, path: str, body: bytes | None, headers: dict[str, str]
    ) -> tuple[http.client.HTTPResponse, bytes]:
        self._connection.request(method, path, body, {"Authorization": _AUTHORIZATION, **headers})
        response = self._connection.getresponse()
        return response, response.read()

    def _understand(self, action: Action, response: http.client.HTTPResponse, data: bytes) -> Answer:
        status = response.status
        if status >= 400:
            return status, None if action.method == "HEAD" else json.loads(data)["error"]
        if action.method == "DELETE":
            _same(data, b"")
            return status, None
        if not action.binary:
            return status, action.count if action.count is not None else _shown(json.loads(data))
        if action.method in ("GET", "HEAD"):
            return status, self._version(action, response, data)
        document = json.loads(data)
        tag = document["type"].removeprefix(_TYPE)
        if status == 201:
            length = len(whole(tag)) if action.tag else BLOCKS * BLOCK_BYTES
            _same((document["name"], document["length"]), (f"{tag}.bin", length))
        return status, tag if status == 201 else document["range"]

    def _version(self, action: Action, response: http.client.HTTPResponse, data: bytes) -> Version:
        """Return the one version that all of a download belongs to."""
        fields = response.headers
        etag = fields["ETag"]
        if response.status == 304:
            _same(data, b"")
            return self.etags[etag]
        tag = fields["Content-Type"].removeprefix(_TYPE)
        # A content that is only in part here can only be that of a file that was sent whole.
        seen_whole = action.method == "GET" and response.status == 200
        version = _decode(tag, data) if seen_whole else (tag,)
        expected = content(version)
        _same(fields["Content-Disposition"], f'attachment; filename="{tag}.bin"')
        _same(
            fields["Repr-Digest"], f"sha-256=:{base64.b64encode(hashlib.sha256(expected).digest()).decode()}:"
        )
        _same(self.etags.setdefault(etag, version), version)
        if response.status == 206:
            _same(fields["Content-Range"], f"bytes 100-299/{len(expected)}")
            expected = expected[100:300]
        _same(int(fields["Content-Length"]), len(expected))
        _same(data, b"" if action.method == "HEAD" else expected)
        return version

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


def _effect(action: Action, answer: Answer) -> Effect:
    if action.method in ("GET", "HEAD") or (answer[0] >= 400 and answer != EVENT_GONE):
        return Effect.READ
    return Effect.DOUBTFUL if answer == EVENT_GONE else Effect.CHANGE


def _same(seen: object, expected: object) -> None:
    if seen != expected:
        raise Mixed(f"{seen!r:.200} instead of {expected!r:.200}")


def _decode(tag: str, data: bytes) -> Version:
    if len(data) != BLOCKS * BLOCK_BYTES or data == whole(tag):
        return (tag,)
    found = [_BLOCKS[data[n * BLOCK_BYTES : (n + 1) * BLOCK_BYTES]] for n in range(BLOCKS)]
    _same([number for _, number in found], list(range(BLOCKS)))
    return (tag, *(t for t, _ in found))


def _shown(document: dict[str, Any]) -> Shown:
    binary, upload = document.get("c8y_IsBinary"), document.get("c8y_IsIncompleteBinary")
    shown = (binary["type"].removeprefix(_TYPE), binary["length"]) if binary else None
    if shown:
        _same(binary["name"], f"{shown[0]}.bin")
    return Shown(document["count"], shown, upload and upload["range"])


def _body(action: Action, *, form: bool) -> tuple[bytes | None, dict[str, str]]:
    """Return body and header fields of what an action sends."""
    if action.count is not None:
        return json.dumps({"count": action.count}).encode(), {}
    tag = action.chunk.tag if action.chunk else action.tag
    if tag is None:
        return None, {}
    fields = {"Content-Type": f"{_TYPE}{tag}", "Content-Disposition": f'attachment; filename="{tag}.bin"'}
    if action.chunk:
        start = action.chunk.number * BLOCK_BYTES
        length = BLOCKS * BLOCK_BYTES if action.chunk.told else "*"
        fields["Content-Range"] = f"{start}-{start + BLOCK_BYTES - 1}/{length}"
        return block(tag, action.chunk.number), fields
    if not form:
        return whole(tag), fields
    fields["Content-Disposition"] = f'form-data; name="file"; filename="{tag}.bin"'
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    body = b"--B\r\n%s\r\n%s\r\n--B--\r\n" % (head.encode(), whole(tag))
    return body, {"Content-Type": "multipart/form-data; boundary=B"}
