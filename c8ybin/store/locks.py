"""The locks of events and that of the index, and how one is broken whose holder is gone.

A lock is the flock on a file that lasts, `locks/1a3` or `locks/index`. On a distributed file system that of a
host which died, or was cut off, is held for minutes. So a lock has generations, `1a3`,
`1a3.1` and so on, of which the last one that exists is the present one:

1. Who waits while some writer is silent *shuts* the present one by the empty file `1a3.shut`.
   Who gets the flock and then finds it shut lets it go: nobody new holds it from then on.
2. Who may have held it before that is each writer in `tmp/`. It does not hold it any more
   once it is fenced (fence.py), which those are that stay silent; or once a beat that it began
   after the shutting does not name it among its locks.
3. When that is so of all, or somebody gets the flock, `1a3.1` is made, which is taken from then on.

Each step may be done by several at once and be gone on with after a kill; it is durable before
the next. The holder of a lock that was shut may finish; who was fenced changes nothing more.
What an upload's holder may still write to is told by the generation in its journal.
"""

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from c8ybin import fsio
from c8ybin.store.fence import fence, is_fenced
from c8ybin.store.layout import Layout
from c8ybin.store.watch import SILENT_S, Watch
from c8ybin.store.writer import ALIVE

# Who waits looks at the beats from then on, and so often.
_PATIENCE_S = 0.5
_LOOK_EVERY_S = 0.25
# So silent somebody must be for a lock to be shut, which costs the uploads of its events a copy each.
_SUSPECT_S = 2.5
# The second beat after one that was seen is composed after it was seen.
_BEATS = 2


class _MovedOn(Exception):
    """There is a next generation of the lock."""


@dataclass(frozen=True, slots=True)
class _Generation:
    """One of a lock's.

    Attributes:
        number: From 0 on.
        path: Its lock file.
        shut: The file that says that nobody takes it any more.
        following: The lock file of the next one.
    """

    number: int
    path: Path
    shut: Path
    following: Path

    @staticmethod
    def of(first: Path, number: int) -> "_Generation":
        """Return a generation of the lock whose first file is given."""
        path, following = (Layout.of_generation(first, n) for n in (number, number + 1))
        return _Generation(number, path, Layout.lock_shut(path), following)


class Locks:
    """The locks of one data directory as one process takes them."""

    def __init__(self, layout: Layout, watch: Watch | None) -> None:
        """Take locks; without a watch none is broken."""
        self._layout = layout
        self._watch = watch
        # By the first file; the last generation that this process knows.
        self._known: dict[Path, _Generation] = {}

    @contextlib.contextmanager
    def locked(self, number: int, timeout_s: float) -> Iterator[int]:
        """Hold the lock of a number during the block, and yield its generation.

        Raises:
            TimeoutError: Somebody held it for `timeout_s` seconds.
            WouldWait: Somebody holds it, and this thread may not wait for that.
        """
        with self._taken(self._layout.lock(number), timeout_s) as generation:
            yield generation

    @contextlib.contextmanager
    def index_locked(self, timeout_s: float) -> Iterator[None]:
        """Hold the lock of the index during the block.

        Raises:
            TimeoutError, WouldWait: As `locked`.
        """
        with self._taken(self._layout.index_lock, timeout_s):
            yield

    def generation(self, number: int) -> int:
        """Return the generation of the lock that this process took last; the present one while it holds it."""
        return self._present(self._layout.lock(number)).number

    def _present(self, first: Path) -> _Generation:
        return self._known.get(first) or self._known.setdefault(first, _Generation.of(first, 0))

    @contextlib.contextmanager
    def _taken(self, first: Path, timeout_s: float) -> Iterator[int]:
        """Hold the lock whose first file is given."""
        deadline = time.monotonic() + timeout_s
        with contextlib.ExitStack() as stack:
            while not self._enter(stack, present := self._present(first), deadline):
                if self._present(first) is present:  # another thread may have moved on, too
                    self._known[first] = _Generation.of(first, present.number + 1)
            yield present.number

    def _enter(self, stack: contextlib.ExitStack, present: _Generation, deadline: float) -> bool:
        """Take the lock of a generation; return False where there is a next one."""
        meanwhile = _Breaking(present, self._layout, self._watch).step
        timeout_s = max(0.0, deadline - time.monotonic())
        held = self._watch.held if self._watch else None
        with contextlib.ExitStack() as entered:
            try:
                entered.enter_context(fsio.locked(present.path, timeout_s, held=held, meanwhile=meanwhile))
            except _MovedOn:
                return False
            if fsio.exists(present.shut):
                # Whoever shut it waits for its holder, and nobody else is it.
                _make_next(present.following)
                return False
            stack.push(entered.pop_all())
        return True


class _Breaking:
    """What one that waits for a lock does meanwhile."""

    def __init__(self, present: _Generation, layout: Layout, watch: Watch | None) -> None:
        self._present = present
        self._layout = layout
        self._watch = watch
        self._began = time.monotonic()
        self._due: float | None = None
        # The counts of the others, as they were seen when the lock was shut; None before that.
        self._counts: dict[str, int] | None = None

    def step(self) -> None:
        """Do what can be done now.

        Raises:
            _MovedOn: There is a next generation.
            OSError: The file system fails.
        """
        now = time.monotonic()
        if self._due is None:
            self._due = now + _PATIENCE_S
        if now < self._due:
            return
        self._due = now + _LOOK_EVERY_S
        if fsio.exists(self._present.following):
            raise _MovedOn
        if self._watch is None:
            return
        others = self._watch.others()
        if self._counts is None and not self._may_break(self._watch, others):
            return
        if self._counts is None:
            heard = {name: self._watch.ear.hear(name) for name in others}
            self._counts = {name: seen.count for name, seen in heard.items() if seen and seen.record}
            return
        # Each is looked at, for its silence counts only while somebody looks.
        are_let_go = [self._is_let_go_by(name, self._watch) for name in others]
        if all(are_let_go):
            _make_next(self._present.following)
            raise _MovedOn

    def _may_break(self, watch: Watch, others: list[str]) -> bool:
        """Shut the lock where somebody is silent; tell whether it is shut."""
        heard = [watch.ear.hear(name) for name in others]
        is_suspect = any(seen and seen.silent_s >= _SUSPECT_S for seen in heard)
        if not (is_suspect or self._waits_beside_a_fenced_one(others)):
            return fsio.exists(self._present.shut)
        with contextlib.suppress(FileExistsError):
            fsio.close(fsio.create(self._present.shut))
        fsio.sync_directory(self._present.shut.parent)
        return True

    def _waits_beside_a_fenced_one(self, others: list[str]) -> bool:
        """Tell whether the holder may be one that others have found silent.

        Where many processes are slow to be read, nobody is heard often enough to be found silent here.
        """
        if time.monotonic() - self._began < _SUSPECT_S:
            return False
        return any(is_fenced(self._layout.tmp / name) for name in others)

    def _is_let_go_by(self, name: str, watch: Watch) -> bool:
        """Tell whether a writer surely does not hold the lock; fence it where it is silent."""
        folder = self._layout.tmp / name
        if is_fenced(folder):
            return True
        heard = watch.ear.hear(name)
        if heard is None:
            return self._is_dead(folder)
        if heard.silent_s >= SILENT_S:
            watch.fence(name, heard)
            return True
        if heard.record is None or self._counts is None:
            return False
        has_beaten = heard.count >= self._counts.setdefault(name, heard.count) + _BEATS
        return has_beaten and self._present.path.name not in heard.locks

    def _is_dead(self, folder: Path) -> bool:
        """Fence a writer without a beat whose lock of life is free; one that has it cannot be told from a dead one."""
        try:
            with fsio.opened(folder / ALIVE, write=True) as alive:
                if not fsio.is_let_go(alive):
                    return False
                fence(folder)
        except (FileNotFoundError, NotADirectoryError):
            pass
        return True


def _make_next(path: Path) -> None:
    """Make the lock file of a generation, durably."""
    fsio.close(fsio.open_lock(path))
    fsio.sync_directory(path.parent)
