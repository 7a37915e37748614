"""Whether the answers of requests that raced can be explained by some order of them.

A history is linearizable where its requests can be put in an order in which each answer
is the one that a server with one request at a time would have given, and in which a
request that ended before another began also comes before it.

Source: Herlihy and Wing, "Linearizability: a correctness condition for concurrent
objects" (1990); the search is that of Wing and Gong (1993) with the memory of Lowe (2017).
"""

from collections.abc import Collection, Hashable, Iterable, Iterator, Sequence, Set
from dataclasses import dataclass
from enum import Enum
from typing import Any, Protocol

# Far more than any history of a right server takes; a wrong one may take very many.
MOST_STATES = 300_000


class Effect(Enum):
    """What a request did: a read nothing, a change what its answer says, a doubtful one that or nothing."""

    READ = 0
    CHANGE = 1
    DOUBTFUL = 2


@dataclass(frozen=True, slots=True)
class Request:
    """One request as its client saw it.

    Attributes:
        client: Who sent it.
        action: What it asked for.
        answer: What it was told.
        began: Before its first byte was sent, in nanoseconds.
        ended: After the last byte of its answer was read, by the same clock.
        effect: What it did, as far as its answer tells.
    """

    client: int
    action: Any
    answer: Any
    began: int
    ended: int
    effect: Effect

    def __str__(self) -> str:
        return f"{self.began} to {self.ended}, client {self.client}: {self.action} -> {self.answer}"


class Rules(Protocol):
    """What one request at a time does to the state, which is any hashable value."""

    def outcomes(self, state: Any, request: Request) -> Collection[Hashable]:
        """Return the states that a request may leave behind, given its answer; none if that cannot be."""

    def facts(self, state: Any) -> Set[Hashable]:
        """Return what is true in a state and never again once it is not."""

    def witnessed(self, request: Request) -> Set[Hashable]:
        """Return those facts that the answer to a request tells to be true."""


def unexplained(history: Iterable[Request], start: Hashable, rules: Rules) -> Sequence[Request]:
    """Return what no order explains: nothing where the history is linearizable.

    Args:
        history: The requests.
        start: The state before them.
        rules: What may be answered.

    Returns:
        The requests that were left over in the order that went furthest.
    """
    requests = sorted(history, key=lambda request: request.ended)
    witnesses: dict[Hashable, int] = {}
    for number, request in enumerate(requests):
        for fact in rules.witnessed(request):
            witnesses[fact] = witnesses.get(fact, 0) | 1 << number
    fewest = (1 << len(requests)) - 1
    stack: list[tuple[int, Hashable]] = [(fewest, start)]
    seen = set(stack)
    while stack and fewest and len(seen) < MOST_STATES:
        left, state = stack.pop()
        left = _without_reads(requests, left, state, rules)
        if left.bit_count() < fewest.bit_count():
            fewest = left
        # Those that ended first are tried first, and the doubtful ones last.
        following = sorted(_next(requests, left), key=lambda n: (requests[n].effect.value, n), reverse=True)
        for number in following:
            still_left = left & ~(1 << number)
            for after in rules.outcomes(state, requests[number]):
                over = rules.facts(state) - rules.facts(after)
                place = (still_left, after)
                if place not in seen and not any(still_left & witnesses.get(fact, 0) for fact in over):
                    seen.add(place)
                    stack.append(place)
    return [request for number, request in enumerate(requests) if fewest >> number & 1]


def _next(requests: Sequence[Request], left: int) -> Iterator[int]:
    """Yield the requests before which none of those left has to come."""
    first_end = None
    for number, request in enumerate(requests):
        if left >> number & 1:
            first_end = request.ended if first_end is None else first_end
            if request.began <= first_end:
                yield number


def _without_reads(requests: Sequence[Request], left: int, state: Hashable, rules: Rules) -> int:
    """Take the reads that fit here: they can come here in every order in which they come later."""
    while True:
        reads = [
            number
            for number in _next(requests, left)
            if requests[number].effect is Effect.READ and rules.outcomes(state, requests[number])
        ]
        if not reads:
            return left
        for number in reads:
            left &= ~(1 << number)
