"""The queue before the hashes: one at a time in a process, and few that wait."""

from collections.abc import Callable
from concurrent.futures import Future
from threading import Lock

from c8ybin.domain.errors import LoginsCrowded

# With some 50 ms each, nobody waits for long; and threads are left for those who are known already.
MOST_WAITING = 4
# Of these for one and the same pair: a client that begins with several requests at once, and not all threads.
MOST_ALIKE = 2


class _Run:
    """One pair that is hashed, or waits for it."""

    def __init__(self) -> None:
        self.result = Future[bool]()
        # How many others wait for it that are not known.
        self.strangers = 0


class Hashing:
    """Runs what takes long for each pair once, however many ask for it at the same time."""

    def __init__(self) -> None:
        self._guard = Lock()
        self._running: dict[bytes, _Run] = {}
        # One at a time, for each takes 16 MiB and a core.
        self._turn = Lock()

    def run(
        self, pair: bytes, admit: Callable[[], None], verify: Callable[[], bool], *, is_known: bool
    ) -> bool:
        """Return what `verify` says of a pair, or what it just says to another thread.

        Args:
            pair: What the pair is known by.
            admit: Called before; its errors are raised to all who ask for this pair.
            verify: Called when the turn has come.
            is_known: Whether it may wait even where too many do.

        Raises:
            LoginsCrowded: Too many wait, in all or for this pair.
        """
        with self._guard:
            running = self._running.get(pair)
            if not is_known:
                self._check_room(running)
            if running is None:
                mine = self._running[pair] = _Run()
            elif not is_known:
                running.strangers += 1
        if running:
            return running.result.result()
        try:
            admit()
            with self._turn:
                mine.result.set_result(verify())
        except BaseException as error:
            mine.result.set_exception(error)
            raise
        finally:
            with self._guard:
                del self._running[pair]
        return mine.result.result()

    def _check_room(self, running: _Run | None) -> None:
        """Let a stranger wait only where that leaves threads to others: each who waits holds one."""
        waiting = sum(1 + run.strangers for run in self._running.values())
        if waiting > MOST_WAITING or (running and running.strangers >= MOST_ALIKE):
            raise LoginsCrowded
