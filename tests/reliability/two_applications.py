"""Two applications over one data directory, and the dictionary that their answers are held against."""

import shutil
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import quote

from api_model import MAX_BINARY, MAX_CHUNK, Binary, Model, Statuses, part_of
from api_requests import digest_of
from harness import Client, open_client
from hypothesis.stateful import RuleBasedStateMachine, invariant
from store_tools import give_locks_back, new_root, orphans

OWNED_BY_SERVER = {"self", "creationTime", "lastUpdated", "source"}
SITE = "http://localhost:80"


class TwoApplications(RuleBasedStateMachine):
    """Asks two applications over one data directory, and holds their answers against the model."""

    # Where each of the two finds what is the same directory, maybe by way of another mount.
    folders: tuple[Path, Path]
    locks: Path
    counts: Counter[str]

    def __init__(self) -> None:
        super().__init__()
        self.root = new_root(self.folders[0] / "data", self.locks)
        self.counts["runs"] += 1
        self.model = Model()
        # By address: each entity tag with what it stood for.
        self.tags: dict[str, dict[str, Any]] = {}
        self.updated: dict[str, str] = {}
        self.open = [ExitStack(), ExitStack()]
        self.clients = [self.opened(at) for at in (0, 1)]

    def opened(self, at: int) -> Client:
        return open_client(
            self.folders[at] / "data", self.open[at], max_binary=MAX_BINARY, max_chunk=MAX_CHUNK
        )

    def ask(self, at: int, method: str, path: str, body: bytes = b"", **headers: str | None) -> Any:
        """Send a request; header fields are named with `_` for `-`."""
        self.counts["requests"] += 1
        fields = {name.replace("_", "-"): value for name, value in headers.items() if value is not None}
        return self.clients[at].request(path, method=method, body=body, headers=fields, expect_errors=True)

    def tag(self, at: int, path: str) -> str | None:
        """Return the present entity tag; one that was seen before stands for the same as before."""
        answer = self.ask(at, "GET", path)
        if answer.status_int != 200:
            return None
        tags = self.tags.setdefault(path, {})
        assert tags.setdefault(answer.headers["ETag"], answer.body) == answer.body
        return str(answer.headers["ETag"])

    def condition(self, at: int, path: str, wanted: tuple[str, str] | None) -> tuple[dict[str, str], bool]:
        """Return a condition's header field, and whether it holds."""
        if wanted is None:
            return {}, True
        name, which = wanted
        now = self.tag(at, path)
        old = [tag for tag in self.tags.get(path, {}) if tag != now]
        value = "*" if which == "*" else (now if which == "now" else old and old[-1]) or '"none"'
        matches = now is not None and value in ("*", now)
        return {name.replace("-", "_"): value}, matches if name == "If-Match" else not matches

    def event(self, which: int) -> str:
        """Return the ID of one of the events, or of one that was deleted."""
        there = list(self.model.events)
        if which and there:
            return there[which % len(there)]
        return next((event_id for event_id in self.updated if event_id not in there), "1")

    @invariant()
    def the_list_of_all_is_the_dictionary(self) -> None:
        self.counts["steps"] += 1
        answer = self.ask(self.counts["steps"] % 2, "GET", "/event/events?pageSize=2000")
        assert [event["id"] for event in answer.json["events"]] == self.model.matching({})
        for event in answer.json["events"]:
            self.check_event(event)

    def check_status(self, answer: Any, expected: Statuses) -> None:
        assert answer.status_int in expected, answer
        if answer.status_int >= 400:
            assert list(answer.json) == ["error", "message", "info"]

    def check_event(self, document: dict[str, Any]) -> None:
        event_id = document["id"]
        expected = self.model.events[event_id].shown()
        shown = {k: v for k, v in document.items() if k not in OWNED_BY_SERVER}
        assert shown == {"id": event_id} | {k: v for k, v in expected.items() if k != "source"}
        assert document["source"]["id"] == expected["source"]["id"]
        assert document["self"] == f"{SITE}/event/events/{event_id}"
        # No time falls back.
        assert document["lastUpdated"] >= self.updated.get(event_id, document["creationTime"])
        self.updated[event_id] = document["lastUpdated"]

    def check_upload(self, answer: Any, event_id: str) -> None:
        if answer.status_int >= 400:
            return
        event, address = self.model.events[event_id], f"{SITE}/event/events/{event_id}/binaries"
        told: dict[str, Any] = {"self": address, "source": event_id}
        if answer.status_int == 200:
            assert event.upload
            told |= {"type": event.upload.type, "range": event.upload.range}
        else:
            assert event.binary
            assert answer.headers["Location"] == address
            told |= {"type": event.binary.type, "name": event.binary.name, "length": len(event.binary.data)}
        assert answer.json == told

    def check_download(self, answer: Any, binary: Binary, method: str, part: str | None) -> None:
        data, fields = binary.data, answer.headers
        span = part_of(data, part) if method == "GET" else None
        if span == (0, 0):
            assert (answer.status_int, fields["Content-Range"]) == (416, f"bytes */{len(data)}")
            return
        expected = data
        if span:
            start, end = span
            expected = data[start:end]
            assert fields["Content-Range"] == f"bytes {start}-{end - 1}/{len(data)}"
        assert answer.status_int == (206 if span else 200)
        assert answer.body == (b"" if method == "HEAD" else expected)
        assert fields["Content-Length"] == str(len(expected))
        assert fields["Content-Type"] == binary.type
        assert fields["Repr-Digest"] == digest_of(data)
        encoded = f"filename*=UTF-8''{quote(binary.name)}" if not binary.name.isascii() else "filename="
        assert fields["Content-Disposition"].startswith(f"attachment; {encoded}")

    def teardown(self) -> None:
        for stack in self.open:
            stack.close()
        left = orphans(self.root)
        give_locks_back(self.root, self.locks)
        shutil.rmtree(self.root)
        assert left == []
