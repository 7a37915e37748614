"""The threads that requests are worked on in."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Any

from waitress.task import ThreadedTaskDispatcher


class Threads(ThreadedTaskDispatcher):
    """A fixed number of threads at work; one that waits for a slow sender lends its place to another."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self._count = count
        self._waiting = 0
        self._guard = Lock()
        self._stopped = False
        self.set_thread_count(count)

    @property
    def waiting(self) -> int:
        """How many requests wait although all threads are at work."""
        return max(0, len(self.queue) + self.active_count - len(self.threads))

    def take(self) -> Any:
        """Take what waits longest out of the queue; None where nothing waits."""
        with self.lock:
            return self.queue.popleft() if self.queue else None

    @contextmanager
    def lent(self) -> Iterator[None]:
        """Let another thread work while this one waits in the block."""
        self._change(1)
        try:
            yield
        finally:
            self._change(-1)

    def _change(self, by: int) -> None:
        with self._guard:
            self._waiting += by
            if not self._stopped:
                self.set_thread_count(self._count + self._waiting)

    def shutdown(self, cancel_pending: bool = True, timeout: int = 5) -> bool:
        """End all threads."""
        with self._guard:
            self._stopped = True
        return bool(super().shutdown(cancel_pending, timeout))
