"""Copies a data directory to another place while servers use it; again and again, until the last time.

A copy goes on where the one before ended or was cut: what has not changed since is known by the times of its
directory (stamps.py) and is not read. Each event is copied as it stood at one moment (snapshot.py, event_copy.py).
What has gone is removed, and the copy of what is damaged by now set aside. The last time nothing may be changed any
more where it is copied from (mode.py); then the copy becomes a data directory (target.py). Nothing is ever written
where it is copied from.
"""

from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import ExitStack, nullcontext
from pathlib import Path

from c8ybin import fsio
from c8ybin.domain.steps import Step, uncounted
from c8ybin.store.backup import identity_of
from c8ybin.store.layout import ACCOUNTS_LOCK, Layout
from c8ybin.store.opening import UnfitDirectory
from c8ybin.store.read_only import order, wait_until_read_only
from c8ybin.store.sync_hours import AtOnce, HoursCopy, Synced
from c8ybin.store.sync_singles import SinglesCopy
from c8ybin.store.target import Target, is_within

# Copied at once: what waits for one fsync is written in the meantime.
JOBS = 16
_WITHIN_S = 10.0


class StillWritten(Exception):
    """Somebody may change what is to be copied for the last time; the message is a sentence."""


class Sync:
    """Copies one data directory to another place."""

    def __init__(
        self,
        source: Layout,
        target: Path,
        *,
        verify: bool = False,
        jobs: int = JOBS,
        step: Step = uncounted,
        left_out: Callable[[str, str], None] = lambda *_: None,
    ) -> None:
        """Prepare it.

        Args:
            source: The data directory, which is not changed.
            target: A new or an empty directory, or an earlier copy that was not the last.
            verify: Whether also what the copy has already is read, and held against its digests.
            jobs: How many events are copied at once.
            step: Called as it goes on.
            left_out: Called for each event or other file that is damaged, with what is wrong.
        """
        self._source = source
        self._target = Target(target)
        self._verify = verify
        self._jobs = jobs
        self._step = step
        self._left_out = left_out
        self._done = Synced()

    def run(self, *, final: bool = False, within_s: float = _WITHIN_S) -> Synced:
        """Bring the copy up to date.

        Args:
            final: Whether it becomes a data directory; nothing may change in the source any more.
            within_s: How long is waited for those who may still change something.

        Raises:
            StillWritten: Somebody may; nothing was copied, or the copy is not complete.
            UnfitDirectory: One of them is not fit, or the source was replaced meanwhile.
            UnfitFileSystem: No server could use the copy where it is to be.
            OSError: It broke off; another one goes on from there.
        """
        if is_within(self._target.layout.root, self._source.root) or is_within(
            self._source.root, self._target.layout.root
        ):
            raise UnfitDirectory("One of the two directories is in the other; name one that is elsewhere.")
        with self._target.joined():
            if not self._target.is_complete:
                ordered = self._require_rest(within_s) if final else None
                place = identity_of(self._source)
                self._copy()
                if identity_of(self._source) != place:
                    raise UnfitDirectory(
                        f"{self._source.root} was replaced by a restore meanwhile; copy it again."
                    )
                if not final:
                    return self._done
                if self._require_rest(within_s) != ordered:
                    raise StillWritten(
                        f"{self._source.root} was open for changes meanwhile; make it read-only and copy it again."
                    )
                self._target.complete()
            self._target.clean()
        self._done.is_complete = True
        return self._done

    def _require_rest(self, within_s: float) -> bytes:
        """See that nobody changes anything; return by which order."""
        ordered = order(self._source)
        root = self._source.root
        if ordered is None:
            raise StillWritten(f"{root} still takes changes; run `c8ybin read-only on --data {root}` first.")
        if writing := wait_until_read_only(self._source, within_s):
            raise StillWritten(
                f"A process still changes {root}: the one of {writing[0]} has not heard that it is read-only; wait "
                "for it, or end it."
            )
        lock = root / ACCOUNTS_LOCK
        # Who changed accounts before has it until that is done; who comes later finds the order.
        with fsio.locked(lock, within_s) if fsio.exists(lock) else nullcontext():
            fsio.overtake(self._source.accounts)
        return ordered

    def _copy(self) -> None:
        singles = SinglesCopy(self._source, self._target, self._done, self._left_out)
        singles.of_directory()
        singles.objects()
        with ExitStack() as stack:
            pool: Executor = AtOnce()
            if self._jobs > 1:
                pool = ThreadPoolExecutor(self._jobs)
                stack.callback(pool.shutdown, cancel_futures=True)
            HoursCopy(
                self._source,
                self._target,
                pool,
                self._done,
                verify=self._verify,
                step=self._step,
                left_out=self._left_out,
            ).run()
        singles.external_ids()
        singles.make_durable()
        self._target.furnish()
