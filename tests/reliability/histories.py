"""A load of several clients, each with events of its own, that remembers every state they were in.

A state is what a backup may find: text, bytes, and how much of an upload has arrived. What
a request passes through is a state too. So of a backup it can be told for each event
whether it has a state between the one acknowledged before it began and the one under
way when it ended.
"""

import json
import random
import threading
from dataclasses import dataclass, field, replace
from itertools import pairwise

from harness import EVENT, Connection, RunningServer, binaries

from c8ybin.domain.ranges import Span, Spans

MOST_EVENTS = 5
CHUNKS = 4


@dataclass(frozen=True)
class State:
    """What there is of an event: its text, its bytes, and an upload as `0-3,8-9/10` with the bytes it will have."""

    text: int
    data: bytes | None = None
    upload: str | None = None
    file: bytes = b""

    def fits(self, text: int, data: bytes | None, upload: str | None, arrived: dict[int, bytes]) -> bool:
        """Tell whether this is what was found; `arrived` has the bytes of the upload by where they begin."""
        return (text, data, upload) == (self.text, self.data, self.upload) and all(
            self.file[start : start + len(part)] == part for start, part in arrived.items()
        )


@dataclass
class History:
    """The states of one event, in order; None is that there is no such event."""

    states: list[State | None]
    acknowledged: int = 0

    @property
    def last(self) -> State:
        state = self.states[-1]
        assert state
        return state

    def between(self, first: int, last: int) -> list[State | None]:
        return self.states[first : last + 1]


@dataclass
class Load:
    """Several clients at work."""

    server: RunningServer
    clients: int
    seed: int
    histories: dict[int, History] = field(default_factory=dict)
    requests: int = 0
    _ended: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _failures: list[BaseException] = field(default_factory=list)

    def __enter__(self) -> "Load":
        self._threads = [threading.Thread(target=self._run, args=(n,)) for n in range(self.clients)]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join()
        if self._failures:
            raise self._failures[0]

    def acknowledged(self) -> dict[int, int]:
        """What each event has been told to be in, by its place in the history."""
        with self._lock:
            return {event_id: history.acknowledged for event_id, history in self.histories.items()}

    def begun(self) -> dict[int, int]:
        """What each event may be in, by its place in the history."""
        with self._lock:
            return {event_id: len(history.states) - 1 for event_id, history in self.histories.items()}

    def _run(self, number: int) -> None:
        try:
            connection = Connection(self.server)
            Client(self, connection, random.Random(self.seed * 1000 + number)).run(self._ended)
            connection.close()
        except BaseException as error:
            self._failures.append(error)


class Client:
    """One client, which alone changes its events."""

    def __init__(self, load: Load, connection: Connection, chance: random.Random) -> None:
        self._load, self._connection, self._chance = load, connection, chance
        self._mine: list[int] = []
        self._texts = 0

    def run(self, ended: threading.Event) -> None:
        while not ended.is_set():
            if len(self._mine) < MOST_EVENTS:
                self._create()
            event_id = self._chance.choice(self._mine)
            history = self._load.histories[event_id]
            acts = [self._update, self._attach, self._chunk, self._chunk, self._chunk, self._drop]
            dice = self._chance.random()
            if dice < 0.05:
                self._delete(event_id, history)
            elif dice < 0.1:
                self._mine.remove(event_id)  # let it rest from now on
            else:
                self._chance.choice(acts)(event_id, history)

    def _create(self) -> None:
        self._texts += 1
        body = json.dumps(EVENT | {"text": str(self._texts)})
        answer, data = self._connection.ask("POST", "/event/events", body, Accept="application/json")
        assert answer.status == 201, data
        event_id = int(json.loads(data)["id"])
        with self._load._lock:
            self._load.histories[event_id] = History([None, State(self._texts)], 1)
            self._load.requests += 1
        self._mine.append(event_id)

    def _ask(
        self,
        history: History,
        states: list[State | None],
        method: str,
        path: str,
        body: bytes | str | None = None,
        **fields: str,
    ) -> None:
        """Send what brings an event to these states, one after the other."""
        with self._load._lock:
            history.states += states
        answer, data = self._connection.ask(method, path, body, **fields)
        assert 200 <= answer.status < 300, (method, path, fields, answer.status, data)
        with self._load._lock:
            history.acknowledged = len(history.states) - 1
            self._load.requests += 1

    def _bytes(self) -> bytes:
        return self._chance.randbytes(self._chance.choice([0, 1, 300, 5000, 400_000]))

    def _update(self, event_id: int, history: History) -> None:
        self._texts += 1
        path, body = f"/event/events/{event_id}", json.dumps({"text": str(self._texts)})
        self._ask(history, [replace(history.last, text=self._texts)], "PUT", path, body)

    def _attach(self, event_id: int, history: History) -> None:
        data, method = self._bytes(), "POST" if history.last.data is None else "PUT"
        new = replace(history.last, data=data, upload=None, file=b"")
        self._ask(history, [new], method, binaries(str(event_id)), data, Content_Type="text/plain")

    def _chunk(self, event_id: int, history: History) -> None:
        """Begin an upload that replaces what is there, or send one of its missing parts."""
        last = history.last
        file = last.file if last.upload else self._chance.randbytes(self._chance.choice([8, 4000, 600_000]))
        length = len(file)
        arrived = Spans(_parse(last.upload)) if last.upload else Spans()
        edges = [length * n // CHUNKS for n in range(CHUNKS + 1)]
        parts = [Span(a, b) for a, b in pairwise(edges) if arrived.missing(Span(a, b))]
        part = self._chance.choice(parts)
        arrived.add(part)
        states: list[State | None] = [replace(last, upload=f"{arrived}/{length}", file=file)]
        if len(parts) == 1:
            states.append(replace(last, data=file, upload=None, file=b""))
        self._ask(
            history,
            states,
            "PUT",
            binaries(str(event_id)),
            file[part.start : part.end],
            Content_Type="text/plain",
            Content_Range=f"{part.start}-{part.end - 1}/{length}",
        )

    def _drop(self, event_id: int, history: History) -> None:
        last = history.last
        if last.data is None and not last.upload:
            return
        states: list[State | None] = [replace(last, data=None, upload=None, file=b"")]
        if last.data is not None and last.upload:
            states.insert(0, replace(last, upload=None, file=b""))
        self._ask(history, states, "DELETE", binaries(str(event_id)))

    def _delete(self, event_id: int, history: History) -> None:
        self._mine.remove(event_id)
        self._ask(history, [None], "DELETE", f"/event/events/{event_id}")


def _parse(upload: str) -> list[Span]:
    spans = [part.split("-") for part in upload.partition("/")[0].split(",")]
    return [Span(int(start), int(stop) + 1) for start, stop in spans]
