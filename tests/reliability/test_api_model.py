"""The whole API against a dictionary: any sequence of requests, at two applications on one data directory.

Each request goes to one of the two, as two server processes would have it, and either may
be closed and opened again as a restart does. After each step the list of all events is
what the dictionary says, and in the end nothing lies on the disk that nothing names.
"""

import json
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from api_model import OCTET_STREAM, Binary, Chunk, Event, Upload
from api_requests import (
    AT,
    CHANGES,
    CHUNKS,
    CONDITIONS,
    DATA,
    DIGESTS,
    DOCUMENTS,
    FILTERS,
    FRAGMENTS,
    LABELS,
    MISSING,
    MOST_EVENTS,
    NAMES,
    RANGES,
    WHICH,
    digested,
    in_form,
    raw,
)
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule, run_state_machine_as_test
from two_applications import TwoApplications


class Api(TwoApplications):
    """The requests that clients may send, in any order."""

    # Events

    @initialize(document=DOCUMENTS)
    def begin(self, document: dict[str, Any]) -> None:
        self.create(0, document, {}, None)

    @precondition(lambda self: len(self.model.events) < MOST_EVENTS)
    @rule(at=AT, document=DOCUMENTS, fragments=FRAGMENTS, missing=MISSING)
    def create(
        self, at: int, document: dict[str, Any], fragments: dict[str, Any], missing: str | None
    ) -> None:
        sent = fragments | document | ({missing: None} if missing else {})
        kept = self.model.create(sent)
        answer = self.ask(at, "POST", "/event/events", json.dumps(sent).encode(), Accept="application/json")
        if kept is None:
            assert (answer.status_int, str(missing) in answer.json["message"]) == (422, True)
            return
        assert answer.status_int == 201
        event_id = str(answer.json["id"])
        assert event_id not in self.updated
        assert answer.headers["Location"].endswith(f"/event/events/{event_id}")
        self.model.events[event_id] = Event(kept)
        self.check_event(answer.json)

    @rule(at=AT, which=WHICH, method=st.sampled_from(["GET", "HEAD"]), wanted=CONDITIONS)
    def read(self, at: int, which: int, method: str, wanted: tuple[str, str] | None) -> None:
        event_id = self.event(which)
        path = f"/event/events/{event_id}"
        fields, holds = self.condition(at, path, wanted)
        answer = self.ask(at, method, path, Accept="application/json", **fields)
        failed = 412 if "If_Match" in fields else 304
        there = event_id in self.model.events
        assert answer.status_int == (404 if not there else 200 if holds else failed)
        if method == "GET" and there and holds:
            self.check_event(answer.json)

    @rule(at=AT, which=WHICH, change=CHANGES, fragments=FRAGMENTS, wanted=CONDITIONS)
    def change(
        self, at: int, which: int, change: dict[str, Any], fragments: dict[str, Any], wanted: Any
    ) -> None:
        event_id, sent = self.event(which), fragments | change
        path = f"/event/events/{event_id}"
        fields, holds = self.condition(at, path, wanted)
        answer = self.ask(at, "PUT", path, json.dumps(sent).encode(), Accept="application/json", **fields)
        self.check_status(answer, self.model.change(event_id, sent, holds=holds))
        if answer.status_int == 200:
            self.check_event(answer.json)

    @precondition(lambda self: len(self.model.events) > 1)
    @rule(at=AT, which=WHICH, wanted=CONDITIONS)
    def delete(self, at: int, which: int, wanted: Any) -> None:
        event_id = self.event(which)
        path = f"/event/events/{event_id}"
        fields, holds = self.condition(at, path, wanted)
        self.check_status(self.ask(at, "DELETE", path, **fields), self.model.delete(event_id, holds=holds))

    # Binaries

    @rule(
        at=AT,
        which=WHICH,
        method=st.sampled_from(["POST", "POST", "PUT"]),
        data=DATA,
        label=LABELS,
        form=st.booleans(),
        wanted=CONDITIONS,
        digest=DIGESTS,
    )
    def send_whole(
        self,
        at: int,
        which: int,
        method: str,
        data: bytes,
        label: tuple[str | None, str | None],
        form: bool,
        wanted: Any,
        digest: bool | None,
    ) -> None:
        event_id = self.event(which)
        path = f"/event/events/{event_id}/binaries"
        fields, holds = self.condition(at, path, wanted)
        body, head = in_form(data, *label) if form else (data, raw(*label))
        fields |= head | digested(body, digest)
        binary = Binary(data, label[0] or OCTET_STREAM, NAMES[label[1]] or event_id)
        answer = self.ask(at, method, path, body, **fields)
        self.check_status(
            answer,
            self.model.send_whole(event_id, method, binary, holds=holds, digest_fits=digest is not False),
        )
        self.check_upload(answer, event_id)

    @rule(
        at=AT,
        which=WHICH,
        method=st.sampled_from(["POST", "PUT"]),
        chunks=st.lists(CHUNKS, min_size=1, max_size=6),
        label=LABELS,
        wanted=CONDITIONS,
        digest=DIGESTS,
    )
    def send_chunks(
        self,
        at: int,
        which: int,
        method: str,
        chunks: list[Chunk],
        label: tuple[str | None, str | None],
        wanted: Any,
        digest: bool | None,
    ) -> None:
        event_id = self.event(which)
        path = f"/event/events/{event_id}/binaries"
        for chunk in chunks:
            fields, holds = self.condition(at, path, wanted)
            fields |= raw(*label) | digested(chunk.data, digest)
            upload = Upload(label[0] or OCTET_STREAM, NAMES[label[1]] or event_id)
            answer = self.ask(at, method, path, chunk.data, Content_Range=chunk.content_range, **fields)
            self.check_status(
                answer,
                self.model.send_chunk(
                    event_id, method, chunk, upload, holds=holds, digest_fits=digest is not False
                ),
            )
            self.check_upload(answer, event_id)

    @rule(
        at=AT,
        which=WHICH,
        method=st.sampled_from(["GET", "GET", "HEAD"]),
        part=RANGES,
        wanted=CONDITIONS,
        if_range=st.sampled_from([None, "now", "old"]),
    )
    def download(
        self, at: int, which: int, method: str, part: str | None, wanted: Any, if_range: str | None
    ) -> None:
        event_id = self.event(which)
        path = f"/event/events/{event_id}/binaries"
        fields, holds = self.condition(at, path, wanted)
        counts = True
        if if_range:
            match, counts = self.condition(at, path, ("If-Match", if_range))
            fields["If_Range"] = match["If_Match"]
        answer = self.ask(at, method, path, Range=part, **fields)
        event = self.model.events.get(event_id)
        if event is None or event.binary is None:
            assert answer.status_int == 404
        elif not holds:
            assert answer.status_int == (412 if "If_Match" in fields else 304)
        else:
            self.check_download(answer, event.binary, method, part if counts else None)

    @rule(at=AT, which=WHICH, wanted=CONDITIONS)
    def drop(self, at: int, which: int, wanted: Any) -> None:
        event_id = self.event(which)
        path = f"/event/events/{event_id}/binaries"
        fields, holds = self.condition(at, path, wanted)
        self.check_status(self.ask(at, "DELETE", path, **fields), self.model.drop(event_id, holds=holds))

    # These twice as often as the others.
    send_whole_too = send_whole
    send_chunks_too = send_chunks
    download_too = download

    # Lists

    @rule(
        at=AT,
        filters=FILTERS,
        value=st.sampled_from([None, None, "x"]),
        page_size=st.integers(1, 4),
        page=st.integers(1, 3),
        oldest_first=st.booleans(),
        totals=st.booleans(),
    )
    def list_events(
        self,
        at: int,
        filters: dict[str, str],
        value: str | None,
        page_size: int,
        page: int,
        oldest_first: bool,
        totals: bool,
    ) -> None:
        if value and "fragmentType" in filters:
            filters = filters | {"fragmentValue": value}
        found = self.model.matching(filters)[:: -1 if oldest_first else 1]
        paging = {"pageSize": page_size, "currentPage": page, "revert": str(oldest_first).lower()}
        more = {"withTotalPages": "true", "withTotalElements": "true"} if totals else {}
        answer = self.ask(at, "GET", f"/event/events?{urlencode(filters | paging | more)}").json
        expected = found[(page - 1) * page_size : page * page_size]
        assert [event["id"] for event in answer["events"]] == expected
        assert ("next" in answer, "prev" in answer) == (len(expected) == page_size, page > 1)
        counted = {"totalPages": -(-len(found) // page_size), "totalElements": len(found)} if totals else {}
        assert answer["statistics"] == {"pageSize": page_size, "currentPage": page} | counted

    @precondition(lambda self: len(self.model.events) == MOST_EVENTS)
    @rule(at=AT, filters=FILTERS.filter(lambda filters: len(filters) > 2))
    def delete_by_filter(self, at: int, filters: dict[str, str]) -> None:
        answer = self.ask(at, "DELETE", f"/event/events?{urlencode(filters)}")
        assert answer.status_int == 204
        for event_id in self.model.matching(filters):
            del self.model.events[event_id]

    # Processes

    @rule(at=AT)
    def restart(self, at: int) -> None:
        self.open[at].close()
        self.clients[at] = self.opened(at)


def test_any_sequence_of_requests_is_answered_as_a_dictionary_would(
    quick_root: Path,
    locks: Path,
    mounts: Sequence[Path],
    full: bool,
    tally: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("c8ybin.accounts.passwords._COST", {"n": 2, "r": 8, "p": 1})
    counts: Counter[str] = Counter(runs=0, steps=0, requests=0, lost=0, mixed=0)
    folders = tuple(place / "runs" for place in mounts or [quick_root.parent] * 2)
    locks = mounts[0].parent / "locks" if mounts else locks
    machine = type("Api", (Api,), {"folders": folders, "locks": locks, "counts": counts})
    try:
        run_state_machine_as_test(
            machine,
            settings=settings(
                max_examples=(200 if full else 20) // (10 if mounts else 1),
                stateful_step_count=60 if full else 40,
                phases=[Phase.explicit, Phase.generate, Phase.shrink],
                suppress_health_check=list(HealthCheck),
            ),
        )
    except BaseException:
        # Which of the two a failure is, a person has to see.
        counts["lost"] = counts["mixed"] = 1
        raise
    finally:
        tally("Stateful model of the API", **counts)
