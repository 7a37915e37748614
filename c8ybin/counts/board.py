"""The blocks of all processes of a server, and their sums."""

import mmap
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

from c8ybin.counts import cells
from c8ybin.counts.counts import Counts

_CELL_BYTES = 8


@dataclass(frozen=True, slots=True)
class Distribution:
    """How often a value was at most each bound, and the sum of all values.

    Attributes:
        bounds: Ascending.
        counts: One more than there are bounds: the last is of all values.
        sum: Of the values.
    """

    bounds: Sequence[float]
    counts: Sequence[float]
    sum: float


@dataclass(frozen=True, slots=True)
class Requests:
    """The requests of one route and method, in all processes.

    Attributes:
        route: The template of their address, or `other`.
        method: One of `METHODS`.
        statuses: How many were answered with each status.
        received: Bytes of bodies.
        sent: Bytes of answers.
        durations_s: How long they took.
    """

    route: str
    method: str
    statuses: dict[str, float]
    received: float
    sent: float
    durations_s: Distribution


@dataclass(frozen=True, slots=True)
class Totals:
    """The sums over all processes, at one moment.

    Attributes:
        workers: How many processes serve.
        restarts: How many took the place of one that ended.
        connections: How many stand.
        shed: How many had to go, or were refused.
        shed_at_s: When the last of these did, by the monotonic clock.
        waiting: Requests that wait for a thread.
        receiving: Bodies that are being received.
        synced_files: Files and directories made durable.
        commits: Commits that ended.
        refused: Logins that were refused, by the reason.
        syncs_s: How long threads waited until something was durable.
        batches: How many commits waited together.
    """

    workers: int
    restarts: float
    connections: float
    shed: float
    shed_at_s: float
    waiting: float
    receiving: float
    synced_files: float
    commits: float
    refused: dict[str, float]
    syncs_s: Distribution
    batches: Distribution


class Board:
    """Made before the workers are forked."""

    def __init__(self, places: int = 1) -> None:
        """Make the blocks of so many processes; pages of them that nothing is counted in take no memory."""
        self.places = places
        self.since = time.time()
        memory = memoryview(mmap.mmap(-1, places * cells.CELLS * _CELL_BYTES)).cast("d")
        self._blocks = [memory[place * cells.CELLS : (place + 1) * cells.CELLS] for place in range(places)]

    def of(self, place: int) -> Counts:
        """Return what the process at a place adds to."""
        return Counts(self._blocks[place])

    def ended(self, place: int) -> None:
        """Note that the process at a place has ended, and with it what was there for the moment."""
        self.of(place).end()

    def _sum(self, at: int, count: int) -> list[float]:
        parts = [block[at : at + count].tolist() for block in self._blocks]
        return [sum(values) for values in zip(*parts, strict=True)]

    def totals(self) -> Totals:
        """Return the sums of all but the requests."""
        head = self._sum(0, cells.ROWS)
        starts = [block[cells.STARTS] for block in self._blocks]
        return Totals(
            workers=sum(block[cells.PID] > 0 for block in self._blocks),
            restarts=sum(max(0.0, count - 1) for count in starts),
            connections=head[cells.CONNECTIONS],
            shed=head[cells.SHED],
            shed_at_s=max(block[cells.SHED_AT] for block in self._blocks),
            waiting=head[cells.WAITING],
            receiving=head[cells.RECEIVING],
            synced_files=head[cells.SYNCED_FILES],
            commits=head[cells.COMMITS],
            refused={why: head[cells.REFUSED + number] for number, why in enumerate(cells.LOGINS)},
            syncs_s=_distribution(head, cells.SYNCS),
            batches=_distribution(head, cells.BATCHES),
        )

    def requests(self, routes: Sequence[str]) -> Iterator[Requests]:
        """Yield the sums of each route and method with requests; `routes` are those of `Counts`."""
        for number, route in enumerate(routes):
            block = self._sum(cells.ROWS + number * cells.ROUTE_CELLS, cells.ROUTE_CELLS)
            for place, method in enumerate(cells.METHODS):
                row = block[place * cells.ROW_CELLS : (place + 1) * cells.ROW_CELLS]
                counted = {status: n for status, n in zip(cells.STATUSES, row, strict=False) if n}
                if counted:
                    yield Requests(
                        route,
                        method,
                        counted,
                        row[cells.RECEIVED],
                        row[cells.SENT],
                        _distribution(row, cells.DURATIONS),
                    )


def _distribution(values: Sequence[float], histogram: cells.Histogram) -> Distribution:
    buckets = values[histogram.at : histogram.sum_at]
    return Distribution(histogram.bounds, list(accumulate(buckets)), values[histogram.sum_at])
