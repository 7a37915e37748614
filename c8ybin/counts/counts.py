"""What one process counts."""

import os
import time
from bisect import bisect_left
from collections import Counter, deque
from collections.abc import Iterable, Sequence
from threading import Lock
from typing import TypeVar

from c8ybin.counts import cells

T = TypeVar("T")

_PUBLISH_EVERY_S = 0.5

_METHOD_AT = {method: number * cells.ROW_CELLS for number, method in enumerate(cells.METHODS)}
_STATUS_AT = {status: number for number, status in enumerate(cells.STATUSES)}
_LOGIN_AT = {why: cells.REFUSED + number for number, why in enumerate(cells.LOGINS)}
# Looked up once, for `answered` is the one that every request waits for.
_BOUNDS, _BUCKETS_AT, _SUM_AT = cells.DURATIONS.bounds, cells.DURATIONS.at, cells.DURATIONS.sum_at
_RECEIVED, _SENT, _OF_OTHER = cells.RECEIVED, cells.SENT, cells.ROWS


class Counts:
    """Adds to the block of one process; may be used by several of its threads."""

    def __init__(self, block: "memoryview[float]") -> None:
        """Use a block, which no other process adds to."""
        self._block = block
        # An addition is a read and a write, between which another thread may come.
        self._lock = Lock()
        # Of waits for the disk: seconds and files; and of steps of group commit.
        self._waits: deque[tuple[float, int]] = deque()
        self._steps: deque[tuple[int, int]] = deque()
        self._publish_at = 0.0
        self._route_at: dict[str, int] = {}
        self.routes: tuple[str, ...] = (cells.OTHER,)

    def begin(self) -> None:
        """Note that this process serves."""
        self.end()
        self._block[cells.PID] = os.getpid()
        self._block[cells.STARTS] += 1

    def end(self) -> None:
        """Note that the process has ended, and with it what was there for the moment."""
        for at in range(cells.MOMENTARY):
            self._block[at] = 0

    def name_routes(self, templates: Iterable[str]) -> None:
        """Tell which templates of addresses there are: the same in the same order in each process."""
        self.routes = (cells.OTHER, *templates)[: cells.MOST_ROUTES]
        self._route_at = {
            name: cells.ROWS + number * cells.ROUTE_CELLS for number, name in enumerate(self.routes)
        }

    def answered(
        self, route: str | None, method: str, status: str, received: int, sent: int, duration_s: float
    ) -> None:
        """Count a request whose answer is out.

        Args:
            route: The template of its address; None where it has none.
            method: Of the request.
            status: Of the answer: three digits.
            received: The bytes of its body that arrived.
            sent: The bytes of the answer, header and all, that were sent.
            duration_s: From the end of its header to the last byte of the answer.
        """
        at = self._route_at.get(route, _OF_OTHER) + _METHOD_AT.get(method, 0)  # type: ignore[arg-type]
        status_at = at + _STATUS_AT.get(status, 0)
        bucket_at = at + _BUCKETS_AT + bisect_left(_BOUNDS, duration_s)
        block = self._block
        with self._lock:
            block[status_at] += 1
            block[bucket_at] += 1
            block[at + _SUM_AT] += duration_s
            block[at + _SENT] += sent
            if received:
                block[at + _RECEIVED] += received

    def _add(self, at: int, value: float) -> None:
        with self._lock:
            self._block[at] += value

    def has(self, connections: int, waiting: int) -> None:
        """Note how many connections stand, and how many requests wait for a thread.

        Only the main loop tells that, at least once a second; what waits to be published is, about as often.
        """
        self._block[cells.CONNECTIONS] = connections
        self._block[cells.WAITING] = waiting
        now = time.monotonic()
        if now >= self._publish_at:
            self._publish_at = now + _PUBLISH_EVERY_S
            self.publish()

    def shed(self) -> None:
        """Count a connection that had to go, or was refused, because there were too many."""
        self._block[cells.SHED_AT] = time.monotonic()
        self._add(cells.SHED, 1)

    def receives(self, change: int) -> None:
        """Note that a body is being waited for (1), or no more (-1)."""
        self._add(cells.RECEIVING, change)

    def synced(self, duration_s: float, files: int) -> None:
        """Count a wait until some files were durable."""
        self._waits.append((duration_s, files))

    def committed(self, together: int, ended: int) -> None:
        """Count a step of group commit: how many commits it was for, and how many of them have ended with it."""
        self._steps.append((together, ended))

    def publish(self) -> None:
        """Add what only this process knows yet: there are some ten waits for the disk in an upload."""
        with self._lock:
            waits, steps = _taken(self._waits), _taken(self._steps)
            self._observe(cells.SYNCS, [duration_s for duration_s, _ in waits])
            self._observe(cells.BATCHES, [together for together, _ in steps if together])
            self._block[cells.SYNCED_FILES] += sum(files for _, files in waits)
            self._block[cells.COMMITS] += sum(ended for _, ended in steps)

    def _observe(self, histogram: cells.Histogram, values: Sequence[float]) -> None:
        """Add values to a distribution; the lock is held."""
        for bucket, count in Counter(bisect_left(histogram.bounds, value) for value in values).items():
            self._block[histogram.at + bucket] += count
        self._block[histogram.sum_at] += sum(values)

    def login_refused(self, why: str) -> None:
        """Count a login that was refused: one of `LOGINS` says why."""
        self._add(_LOGIN_AT[why], 1)


def _taken(queue: deque[T]) -> list[T]:
    """Take all that is in a queue, to which others may add meanwhile."""
    return [queue.popleft() for _ in range(len(queue))]
