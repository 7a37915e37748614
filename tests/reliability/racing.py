"""Rounds of a race for one event, over several real servers on one data directory."""

import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor

from harness import RunningServer
from linearizability import Request, unexplained
from one_event import (
    BLOCK_BYTES,
    BLOCKS,
    GET,
    GET_EVENT,
    Action,
    OneEvent,
    Shown,
    State,
)
from racer import WAIT_S, Racer

CLIENTS = 16
FULL_RANGE = f"0-{BLOCKS * BLOCK_BYTES - 1}/{BLOCKS * BLOCK_BYTES}"

Script = Callable[[Racer], None]


class Races:
    """Sixteen clients in rounds, half of them at each of two servers.

    Attributes:
        lost: Rounds whose answers no order of the requests explains, as text.
        rounds: How many there were.
        requests: How many requests were in them.
    """

    def __init__(self, servers: Sequence[RunningServer]) -> None:
        self.racers = [Racer(n, servers[n % len(servers)]) for n in range(CLIENTS)]
        self.lost: list[str] = []
        self.rounds = self.requests = 0
        self._threads = ThreadPoolExecutor(CLIENTS)

    @property
    def mixed(self) -> list[str]:
        """What did not belong together in an answer, as text."""
        return [text for racer in self.racers for text in racer.mixed]

    def run(self, seed: str, script: Script, *, first: Iterable[Action], last: Script) -> list[Request]:
        """Run a round over a new event, and look for an order that explains it.

        Args:
            seed: Of the clients' chances.
            script: What each client does.
            first: What is done before.
            last: What the last client does instead.

        Returns:
            The requests of the race, without those before and after it.
        """
        one, other, *_ = self.racers
        event_id, etags, gate = one.create_event(), {}, threading.Barrier(CLIENTS)
        for racer in self.racers:
            racer.begin(event_id, seed, etags)
        for action in first:
            one.ask(action)
        before, one.history = one.history, []

        def race(racer: Racer) -> None:
            gate.wait(WAIT_S)
            (last if racer is self.racers[-1] else script)(racer)

        list(self._threads.map(race, self.racers))
        raced = [request for racer in self.racers for request in racer.history]
        one.history = []
        for racer in (one, other):
            racer.history = []
            for action in (GET, GET_EVENT):
                racer.ask(action)
        history = [*before, *raced, *one.history, *other.history]
        self._judge(seed, event_id, history)
        return raced

    def _judge(self, seed: str, event_id: str, history: list[Request]) -> None:
        self.rounds += 1
        self.requests += len(history)
        left = unexplained(_observed(history), State(), OneEvent(history))
        if left:
            requests = "\n".join(map(str, sorted(left, key=lambda request: request.began)[:60]))
            self.lost.append(f"{seed}, event {event_id}, left of {len(history)}:\n{requests}")

    def close(self) -> None:
        """End the connections."""
        self._threads.shutdown()
        for racer in self.racers:
            racer.close()


def _observed(history: list[Request]) -> list[Request]:
    """Leave out where an event shows all of an upload as arrived while a chunk is on its way.

    Completing has two steps, and the answer is given after the second.
    """
    chunks = [request for request in history if request.action.chunk]

    def shows_the_middle(request: Request) -> bool:
        shown = request.answer[1]
        return (
            isinstance(shown, Shown)
            and shown.upload == FULL_RANGE
            and any(chunk.began <= request.ended and request.began <= chunk.ended for chunk in chunks)
        )

    return [request for request in history if not shows_the_middle(request)]
