"""The mixed load of the tests of reliability, by clients that do not give up, and what they went through."""

import http.client
import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from harness import Connection, RunningServer
from ledger import Case
from load import Round, Unanswered, Worker
from promises import Request

ANSWER_TIMEOUT_S = 25.0  # beyond the lock deadline and the longest stall that is known
CONNECT_TIMEOUT_S = 1.0
PAUSE_S = 0.1  # before a client tries again


@dataclass
class Toll:
    """What clients went through.

    Attributes:
        refused: Answers of 503, by host.
        longest_refusal_s: The longest that any of these took to come.
        unanswered: Connections that were refused, lost or silent, by host.
        wrong: Answers that are no promise, as text: another 5xx, a 503 without Retry-After.
        longest_pause_s: The longest that any client went from one answer to the next.
    """

    refused: Counter[str] = field(default_factory=Counter)
    longest_refusal_s: float = 0.0
    unanswered: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    longest_pause_s: float = 0.0


class Patient(Connection):
    """A connection to the server of a host, that connects anew after whatever befell it."""

    def __init__(self, name: str, servers: Mapping[str, RunningServer], toll: Toll) -> None:
        super().__init__(servers[name])
        self.timeout = ANSWER_TIMEOUT_S
        self._name, self._servers, self._toll = name, servers, toll
        # Whether an unanswered request may still be under way somewhere.
        self.is_open = False

    def connect(self) -> None:
        self.port = self._servers[self._name].port  # one that was started again has another
        self.timeout = CONNECT_TIMEOUT_S
        try:
            super().connect()
        finally:
            self.timeout = ANSWER_TIMEOUT_S
        self.sock.settimeout(ANSWER_TIMEOUT_S)

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """Ask as `Connection` does.

        Raises:
            Unanswered: There was no answer, or one of 5xx.
        """
        began = time.monotonic()
        self.is_open = False
        try:
            if self.sock is None:
                self.connect()
            self.is_open = True
            answer, data = super().ask(method, path, body, **headers)
        except (OSError, http.client.HTTPException):
            self.close()
            self._toll.unanswered[self._name] += 1
            raise Unanswered from None
        if answer.status < 500:
            return answer, data
        self.is_open = False
        if answer.status == 503 and "Retry-After" in answer.headers:
            self._toll.refused[self._name] += 1
            took_s = time.monotonic() - began
            self._toll.longest_refusal_s = max(self._toll.longest_refusal_s, took_s)
        else:
            self._toll.wrong.append(f"{method} {path} on {self._name}: {answer.status} {data[:300]!r}")
        raise Unanswered


class PatientWorker(Worker):
    """A client that goes on at another host when one does not answer.

    An event whose request was not answered at all rests from then on: the request may still be done
    whenever the host, or its mount, goes on.
    """

    def __init__(self, load: "Siege", thread: int) -> None:
        super().__init__(load, thread, list(load.servers.values()))
        self._toll, self._last = load.toll, time.monotonic()
        names = list(load.servers)
        turn = thread % len(names)
        self._connections = [
            Patient(name, load.servers, load.toll) for name in (*names[turn:], *names[:turn])
        ]
        self._resting: list[Case] = []

    def run(self) -> None:
        self._last = time.monotonic()
        while not self._round.is_over:
            try:
                self._step()
            except Unanswered:
                self._connections.append(self._connections.pop(0))
                time.sleep(PAUSE_S)
            else:
                now = time.monotonic()
                self._toll.longest_pause_s = max(self._toll.longest_pause_s, now - self._last)
                self._last = now
        for connection in self._connections:
            connection.close()
        self._cases += self._resting

    def _change(self, case: Case, request: Request) -> None:
        connection = self._connections[0]
        try:
            super()._change(case, request)
        except Unanswered:
            if connection.is_open:
                self._cases.remove(case)
                self._resting.append(case)
            raise


@dataclass
class Siege(Round):
    """A round whose servers are asked until so many answers came after the fault was over.

    Attributes:
        servers: By host.
        toll: What the clients went through.
    """

    servers: Mapping[str, RunningServer] = field(default_factory=dict)
    toll: Toll = field(default_factory=Toll)

    def run(self, servers: Sequence[RunningServer], threads: int) -> None:
        """Let threads work; the strike is made by a thread of its own, so that none of them stops for it."""
        with ThreadPoolExecutor(threads) as pool:
            jobs = [pool.submit(PatientWorker(self, thread).run) for thread in range(threads)]
        for job in jobs:
            job.result()
        self._striking.join()
        if self._failure:
            raise self._failure[0]

    def __post_init__(self) -> None:
        self._failure: list[BaseException] = []
        self._striking = threading.Thread(target=self._strike)
        self._is_over = False

    def _strike(self) -> None:
        try:
            self.strike()
        except BaseException as error:
            self._failure.append(error)
        with self._lock:
            self._answered, self._is_over = 0, True

    def answered(self, kind: str, status: int) -> None:
        with self._lock:
            self.ledger.answered += 1
            self._answered += 1
            if not self._struck and self._answered >= self.answers:
                self._struck = True
                self._striking.start()

    @property
    def is_over(self) -> bool:
        return self._is_over and (bool(self._failure) or self._answered >= self.after)
