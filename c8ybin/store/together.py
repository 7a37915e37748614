"""Reading many events at once where each read waits for another host.

On a disk of this machine an event of a page is read in some tens of microseconds, and threads would only cost. Over a
network each of its files is some round trips, and a page of fifty one after the other takes half a second.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Lock
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")

# So many are done by the asking thread, and tell how long one takes.
_FIRST = 4
_SLOW_S = 0.001
_THREADS = 8


class Together:
    """Threads that are there once something was slow."""

    def __init__(self) -> None:
        self._pool: ThreadPoolExecutor | None = None
        self._lock = Lock()

    def map(self, function: Callable[[T], R], items: Sequence[T]) -> Iterator[R]:
        """Yield what a function returns for each item, in their order; by several threads where the first are slow.

        Raises:
            Exception: What the function raised for the first item for which it did.
        """
        began = time.monotonic()
        yield from map(function, items[:_FIRST])
        rest = items[_FIRST:]
        is_slow = time.monotonic() - began > _FIRST * _SLOW_S
        yield from self._threads().map(function, rest) if is_slow and rest else map(function, rest)

    def _threads(self) -> ThreadPoolExecutor:
        with self._lock:
            if self._pool is None:
                self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="reading")
            return self._pool

    def close(self) -> None:
        """End the threads; what they are at ends first."""
        with self._lock:
            if self._pool is not None:
                self._pool.shutdown(cancel_futures=True)
                self._pool = None
