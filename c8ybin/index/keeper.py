"""Keeps the index in the background: folds, makes durable what was told, mends."""

import logging
from collections.abc import Callable
from threading import Condition, Event, Thread
from time import monotonic

from c8ybin.domain.errors import ListUnavailable
from c8ybin.index.damage import Unsound
from c8ybin.index.index import Index

log = logging.getLogger(__name__)

# After a power cut, the ID-hours changed in twice this time are read again.
SYNC_EVERY_S = 300.0
LONGEST_WAIT_S = 10.0
_STOP_WITHIN_S = 5.0


class Keeper:
    """One thread of a process that serves."""

    def __init__(self, index: Index, synced: Callable[[], None]) -> None:
        """Prepare to keep an index.

        Args:
            index: The index.
            synced: Called when all is durable that this process told before.
        """
        self._index = index
        self._synced = synced
        self._awake = Event()
        self._ended = False
        self._changed = Condition()
        self._wanted = self._done = 0
        self._failure: Exception | None = None
        self._thread = Thread(target=self._run, name="index", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._index.wake_keeper = self._awake.set
        self._index.mend_elsewhere = self._mend
        self._thread.start()

    def stop(self) -> None:
        """End; what takes long is left to another process."""
        self._index.mend_elsewhere = None
        self._ended = True
        self._awake.set()
        self._thread.join(timeout=_STOP_WITHIN_S)

    @property
    def is_mending(self) -> bool:
        """Whether the index is being made anew, or is to be, because it was found to be of no use."""
        return self._done != self._wanted

    def _mend(self, wait_s: float = LONGEST_WAIT_S) -> None:
        """Let the thread mend the index, and wait for that.

        Raises:
            ListUnavailable: It takes longer than a request may wait.
            OSError: It cannot be done.
        """
        with self._changed:
            self._wanted += 1
            mine = self._wanted
            self._awake.set()
            if not self._changed.wait_for(lambda: self._done >= mine or self._ended, wait_s):
                raise ListUnavailable
            if self._failure:
                raise self._failure

    def _run(self) -> None:
        synced_at = monotonic()
        while not self._ended:
            try:
                self._mend_if_wanted()
                self._tend()
                if monotonic() - synced_at >= SYNC_EVERY_S:
                    synced_at = monotonic()
                    if self._index.sync():
                        self._synced()
            except (ListUnavailable, OSError) as reason:
                log.warning("the index is left for later: %s", reason)
            except Exception:  # a thread that nobody waits for must not end unheard
                log.exception("the index could not be kept, which will be tried again")
            self._awake.wait(SYNC_EVERY_S)
            self._awake.clear()

    def _mend_if_wanted(self) -> None:
        with self._changed:
            wanted = self._wanted
            if wanted == self._done:
                return
        failure: Exception | None = None
        try:
            self._index.mend()
        except Exception as error:
            failure = error
        with self._changed:
            self._done, self._failure = wanted, failure
            self._changed.notify_all()

    def _tend(self) -> None:
        try:
            self._index.fold()
        except Unsound:
            self._index.mend()
