"""The check: walks the data directory and tells what is not as it should be, while servers run too.

It looks at each event without a lock first. Where something seems wrong it looks again
under the event's lock, so that what a running server is about to do is not taken for
damage; what a running writer has under way is never an orphan. It writes nothing unless
it is given a repair (repair.py).
"""

import os
import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import replace
from pathlib import Path

from c8ybin import fsio
from c8ybin.domain.errors import Damaged
from c8ybin.domain.ids import EventId
from c8ybin.store.binary import Binary
from c8ybin.store.digesting import add_digest
from c8ybin.store.disk import LOCK_TIMEOUT_S
from c8ybin.store.examination import Examination, Finding, Kind
from c8ybin.store.layout import LOCKS, STAGING, Layout, is_of_the_root
from c8ybin.store.locks import Locks
from c8ybin.store.repair import Repair
from c8ybin.store.single_checks import examine_single, lock_number, walk_singles
from c8ybin.store.writer import ALIVE, HOURS, is_running

_DAY = re.compile(r"\d{4}-\d\d-\d\d|imported", re.ASCII)
_HOUR = re.compile(r"\d+", re.ASCII)
# A repair may bring to light what hid behind what it mended.
_MOST_ROUNDS = 3


class Check:
    """Looks through one data directory.

    Attributes:
        undigested: How many binaries have no digest yet, which is nothing wrong.
        digested: To how many of them the repair added it.
    """

    def __init__(
        self,
        layout: Layout,
        *,
        quick: bool = False,
        repair: Repair | None = None,
        step: Callable[[int], object] = lambda _: None,
    ) -> None:
        """Prepare a check.

        Args:
            layout: The paths of the data directory.
            quick: Compare lengths but no digests.
            repair: What puts right what is found; nothing is written without.
            step: Called after each event with the bytes that were read of its content.
        """
        self._layout = layout
        self._locks = Locks(layout, None)
        self._quick = quick
        self._repair = repair
        self._step = step
        self.undigested = self.digested = 0

    def run(self) -> Iterator[Finding]:
        """Yield what is wrong, as it is found.

        Raises:
            OSError: A directory cannot be read.
        """
        for finding in self._around():
            yield self._mended(finding)
        for day in fsio.entries(self._layout.events):
            if not _is_directory(day, _DAY):
                yield self._mended(_foreign(day))
                continue
            for hour in fsio.entries(day):
                if _is_directory(hour, _HOUR):
                    yield from self._hour(hour)
                else:
                    yield self._mended(_foreign(hour))
        for path in walk_singles(self._layout):
            yield from self._single(path)

    def _single(self, path: Path) -> list[Finding]:
        seen = examine_single(self._layout, path)
        if seen is None:
            return []
        number = lock_number(self._layout, path)
        # As for an event: in use for long, it is told as it was seen without the lock.
        with suppress(TimeoutError), nullcontext() if number is None else self._held(number):
            found = examine_single(self._layout, path)
            return [self._mended(found)] if found else []
        return [seen]

    def _around(self) -> Iterator[Finding]:
        """Look at what is beside the events."""
        for path in fsio.entries(self._layout.root):
            if not is_of_the_root(path.name):
                yield _foreign(path)
            elif path.name.startswith(STAGING) and not fsio.is_locked(path / ALIVE) and fsio.exists(path):
                yield Finding(Kind.RESTORE, path, "left by a restore that was cut short")
        numbers = {f"{number:03x}" for number in range(LOCKS)}
        names = set(fsio.names(self._layout.locks))
        # That of the index is made when it is wanted: an earlier version has left none.
        for name in sorted(numbers - names):
            yield Finding(Kind.LOCK, self._layout.locks / name, "missing")
        for name in sorted(name for name in names - numbers if not self._layout.is_of_a_lock(name)):
            yield _foreign(self._layout.locks / name)
        for folder in fsio.entries(self._layout.tmp):
            if not fsio.is_directory(folder):
                if fsio.exists(folder):  # or its writer ended, or a repair swept it with the one before
                    yield _foreign(folder)
            elif _has_begun(folder) and not is_running(folder) and fsio.exists(folder):
                yield Finding(Kind.WRITER, folder, "left by a server that was killed or lost its power")

    def _hour(self, hour: Path) -> Iterator[Finding]:
        for home in fsio.entries(hour):
            event_id = self._layout.event_id(home)
            if event_id is not None:
                yield from self._event(event_id, home)
            elif fsio.exists(home):
                yield self._mended(_foreign(home))

    def _event(self, event_id: EventId, home: Path) -> list[Finding]:
        examination = Examination(self._layout, home, quick=self._quick)
        self._step(examination.read)
        found = self._looked_again(event_id, home, examination) if examination.found else []
        if examination.undigested:
            self.undigested += 1
            self.digested += self._add_digest(home, examination.undigested, examination.digest)
        return found

    def _looked_again(self, event_id: EventId, home: Path, examination: Examination) -> list[Finding]:
        # In use for long, it is told as it was seen without the lock.
        with suppress(TimeoutError), self._held(event_id):
            return self._confirmed(event_id, home)
        return examination.found

    def _add_digest(self, home: Path, binary: Binary, digest: bytes | None) -> bool:
        if self._repair and digest:
            # Replaced, deleted or set aside meanwhile, or the disk is full: then it is counted as missing.
            with suppress(OSError, Damaged):
                return add_digest(home, binary.content, digest)
        return False

    def _held(self, number: int) -> AbstractContextManager[object]:
        # Where no lock can be taken nobody else writes either, and a check makes no files.
        is_ours = os.access(self._layout.lock(number), os.W_OK)
        return self._locks.locked(number, LOCK_TIMEOUT_S) if is_ours else nullcontext()

    def _confirmed(self, event_id: EventId, home: Path) -> list[Finding]:
        told: list[Finding] = []
        for _ in range(_MOST_ROUNDS):
            found = Examination(self._layout, home, quick=self._quick).found
            told += (mended := [self._mended(finding, event_id) for finding in found])
            if not mended or not all(finding.done for finding in mended):
                break
        return told

    def _mended(self, finding: Finding, event_id: EventId | None = None) -> Finding:
        if self._repair is None:
            return finding
        try:
            return replace(finding, done=self._repair.mend(finding, event_id))
        except OSError as error:
            return replace(finding, what=f"{finding.what}, and cannot be repaired: {error.strerror}")


def _has_begun(folder: Path) -> bool:
    """Tell whether a writer came as far as to lock its `alive`; until then it looks like a dead one."""
    return fsio.exists(folder / HOURS)


def _is_directory(path: Path, name: re.Pattern[str]) -> bool:
    return bool(name.fullmatch(path.name)) and fsio.is_directory(path)


def _foreign(path: Path) -> Finding:
    return Finding(Kind.FOREIGN, path, "not a file of c8ybin")
