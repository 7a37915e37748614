"""A mixed load on one or two running servers, with a ledger of what they acknowledged."""

import http.client
import itertools
import json
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Lock

from choices import next_request
from harness import Connection, RunningServer
from ledger import Case, Ledger, rng_of
from promises import Request, State, new_document, range_told
from readback import look

EVENTS_A_THREAD = 6


class Unanswered(Exception):
    """A request without an answer, or with 5xx: whether it was done is open."""


@dataclass
class Round:
    """One stretch of load that ends with a strike: a kill or a cut.

    Attributes:
        ledger: Where answers are noted.
        number: Of the round; chooses what is done.
        answers: How many requests are answered before the strike.
        strike: Kills a server, or cuts the disk off.
        strike_at: The strike follows at once on the acknowledgement of the next such request,
            whatever the other threads are at; None for any.
        after: How many more are answered in case a server survives.
        disk_fails: Whether the strike makes the servers answer 5xx.
        late_counts: Whether what is acknowledged while the strike goes on must be there.
    """

    ledger: Ledger
    number: int
    answers: int
    strike: Callable[[], object]
    strike_at: str | None = None
    after: int = 0
    disk_fails: bool = False
    late_counts: bool = True
    _answered: int = 0
    _struck: bool = False
    _lock: Lock = field(default_factory=Lock)

    def run(self, servers: Sequence[RunningServer], threads: int) -> None:
        """Let threads work until no server answers them any more, or enough was answered."""
        with ThreadPoolExecutor(threads) as pool:
            jobs = [pool.submit(Worker(self, thread, servers).run) for thread in range(threads)]
        for job in jobs:
            job.result()
        assert self._struck, "the load ended before the strike"

    def answered(self, kind: str, status: int) -> None:
        """Count an answer, and strike when it is time."""
        with self._lock:
            self.ledger.answered += 1
            self._answered += 1
            fits = self.strike_at in (kind, None) and status < 300
            if self._struck or self._answered < self.answers or not fits:
                return
            self._struck = True
            self._answered = 0
        self.strike()

    @property
    def is_over(self) -> bool:
        """Whether enough was answered after the strike."""
        return self._struck and 0 < self.after <= self._answered

    @property
    def is_open(self) -> bool:
        """Whether an answer that comes now leaves open what it acknowledges."""
        return self._struck and not self.late_counts

    @property
    def may_fail(self) -> bool:
        return self.disk_fails and self._struck


class Worker:
    """One client: it drives its own events, over one connection at a time."""

    def __init__(self, load: Round, thread: int, servers: Sequence[RunningServer]) -> None:
        self._round = load
        self._ledger = load.ledger
        self._cases = load.ledger.shares[thread]
        self._rng = rng_of(load.ledger, load.number, thread)
        self._texts = (f"{load.number}/{thread}/{n}" for n in itertools.count())
        # Half of the threads begin at the other server.
        turn = thread % len(servers)
        self._connections = [Connection(server) for server in (*servers[turn:], *servers[:turn])]

    def run(self) -> None:
        while self._connections and not self._round.is_over:
            try:
                self._step()
            except Unanswered:
                self._connections.pop(0).close()
        for connection in self._connections:
            connection.close()

    def _step(self) -> None:
        alive = [case for case in self._cases if not case.is_gone]
        if (len(alive) < EVENTS_A_THREAD and self._rng.random() < 0.5) or not alive:
            self._create()
        elif self._rng.random() < 0.15:
            self._read(self._rng.choice(alive))
        else:
            case = self._rng.choice(alive)
            self._change(case, next_request(self._rng, case.possible, next(self._texts)))

    def _create(self) -> None:
        text = next(self._texts)
        self._ledger.creating.add(text)
        status, body = self._ask("POST", "/event/events", new_document(text), Accept="application/json")
        if status == 201 and not self._round.is_open:
            self._cases.append(Case(json.loads(body)["id"], [State(text)]))
            self._ledger.creating.discard(text)
        elif status != 201:
            self._ledger.mixed.append(f"an event was refused: {status} {body!r}")
        self._round.answered("create", status)

    def _read(self, case: Case) -> None:
        try:
            shown, faults = look(self._connections[0], case)
        except (OSError, http.client.HTTPException):
            raise Unanswered from None
        self._ledger.mixed += faults if not self._round.may_fail else []
        if not case.fitting(shown) and not (faults and self._round.may_fail):
            self._ledger.mixed.append(f"{case.id} showed {shown}, not {case.possible}")
        self._round.answered("read", 200)

    def _change(self, case: Case, request: Request) -> None:
        try:
            status, body = self._ask(request.method, request.path(case.id), request.body, **request.fields)
        except Unanswered:
            self._ledger.leave_open(case, request)
            raise
        if self._round.is_open:
            self._ledger.leave_open(case, request)
        else:
            self._ledger.settle(case, request, status, range_told(status, body))
        self._round.answered(request.kind, status)

    def _ask(self, method: str, path: str, body: bytes, **fields: str) -> tuple[int, bytes]:
        """Ask the server, and tell the answer.

        Raises:
            Unanswered: There is none, or one of 5xx after the strike.
        """
        try:
            answer, data = self._connections[0].ask(method, path, body, **fields)
        except (OSError, http.client.HTTPException):
            raise Unanswered from None
        if answer.status >= 500 and self._round.may_fail:
            json.loads(data)["error"]
            raise Unanswered
        return answer.status, data
