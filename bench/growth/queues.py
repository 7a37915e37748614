"""A closed network of queues: mean-value analysis, and the same by discrete events, so that each checks the other.

Source: Lazowska and others, Quantitative System Performance, chapters 3 (bounds) and 6 (mean-value analysis);
Seidmann and others, Performance Evaluation 7 (1987), for stations of several servers.
"""

import heapq
import random
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Station:
    """Where requests wait for each other.

    Attributes:
        name: What it is.
        demand_s: How long a request is served there in all, s.
        servers: How many are served at once; 0 where nobody waits for another.
        copies: How many of it there are, among which requests are spread evenly.
    """

    name: str
    demand_s: float
    servers: int = 1
    copies: int = 1

    @property
    def most(self) -> float:
        """The most requests a second that all copies together can serve: the utilization law."""
        if not self.servers or not self.demand_s:
            return float("inf")
        return self.servers * self.copies / self.demand_s


@dataclass(frozen=True)
class Flow:
    """What goes through a network.

    Attributes:
        rate: Requests a second.
        response_s: From a request to its answer, mean.
        busiest: The station that bounds the rate.
        utilization: How busy that one is, 0 to 1.
    """

    rate: float
    response_s: float
    busiest: str
    utilization: float


def most(stations: Sequence[Station]) -> tuple[float, str]:
    """Return the bound of the rate whatever the number of clients, requests a second, and the station that sets it."""
    found = min(stations, key=lambda s: s.most)
    return found.most, found.name


def solve(stations: Sequence[Station], clients: int, think_s: float = 0.0) -> Flow:
    """Return what so many clients get, each of which asks again `think_s` after its answer.

    Copies of a station are alike and get equal shares, so one of each is computed. A station of m servers is one that
    is m times as fast, and a delay for the rest (Seidmann).
    """
    queued = [0.0] * len(stations)
    delay = sum(s.demand_s * (1 - 1 / s.servers) if s.servers else s.demand_s for s in stations)
    rate = response = 0.0
    for n in range(1, clients + 1):
        stays = [
            s.demand_s / s.servers * (1 + of / s.copies) if s.servers else 0.0
            for s, of in zip(stations, queued, strict=True)
        ]
        response = sum(stays) + delay
        rate = n / (response + think_s)
        queued = [rate * stay for stay in stays]
    bound, name = most(stations)
    return Flow(rate, response, name, rate / bound)


@dataclass
class _Queue:
    free: int
    waiting: deque[int]


def simulate(
    stations: Sequence[Station],
    clients: int,
    requests: int,
    *,
    seed: int = 1,
    think_s: float = 0.0,
    outage: tuple[str, float, float] | None = None,
) -> list[tuple[float, float]]:
    """Do the same by discrete events: service times are exponential, copies are chosen at random.

    Args:
        stations: In the order in which a request visits them.
        clients: How many there are.
        requests: After how many answers it ends.
        seed: The same gives the same.
        think_s: Mean pause of a client.
        outage: A station that serves nobody, from when and for how long, s.

    Returns:
        For each answer when it came, s, and how long it took, s.
    """
    rng = random.Random(seed)
    queues = [[_Queue(s.servers, deque()) for _ in range(s.copies)] for s in stations]
    agenda: list[tuple[float, int, int, int, int]] = []  # when, order, client, station that it leaves, copy
    answers: list[tuple[float, float]] = []
    began = [0.0] * clients
    order = 0

    def draw(mean: float) -> float:
        return rng.expovariate(1 / mean) if mean else 0.0

    def plan(when: float, client: int, station: int, copy: int) -> None:
        nonlocal order
        order += 1
        heapq.heappush(agenda, (when, order, client, station, copy))

    def serve(now: float, client: int, at: int, copy: int) -> None:
        station, begins = stations[at], now
        if outage and station.name == outage[0] and outage[1] <= now < outage[1] + outage[2]:
            begins = outage[1] + outage[2]
        plan(begins + draw(station.demand_s), client, at, copy)

    def enter(now: float, client: int, at: int) -> None:
        copy = rng.randrange(stations[at].copies)
        queue = queues[at][copy]
        if not stations[at].servers:
            serve(now, client, at, copy)
        elif queue.free:
            queue.free -= 1
            serve(now, client, at, copy)
        else:
            queue.waiting.append(client)

    for client in range(clients):
        plan(draw(think_s), client, -1, 0)
    while len(answers) < requests:
        now, _, client, at, copy = heapq.heappop(agenda)
        if at >= 0 and stations[at].servers:
            queue = queues[at][copy]
            if queue.waiting:
                serve(now, queue.waiting.popleft(), at, copy)
            else:
                queue.free += 1
        if at < 0:
            began[client] = now
        if at + 1 < len(stations):
            enter(now, client, at + 1)
        else:
            answers.append((now, now - began[client]))
            plan(now + draw(think_s), client, -1, 0)
    return answers
