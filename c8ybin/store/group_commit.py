"""Group commit: what waits together is made durable together, one fsync of a shared directory for all.

The steps of a commit are a generator that yields what must be durable before it goes on.
Whoever comes while nobody commits leads: it takes its own commit and all that arrive
meanwhile from one such point to the next, phase by phase. So a batch costs one change of
threads for each commit instead of one for each fsync, and the file system writes its own
journal once for all. Alone, a commit costs what it would without this.

The leader takes no lock for others: whoever needs the event's holds it while it waits.
"""

import errno
from collections import deque
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock, local
from typing import TYPE_CHECKING, Any, TypeVar

from c8ybin import fsio
from c8ybin.domain.sizes import MIB

MOST = 64
# How many commits one thread has under way at once.
DEEPEST = 16
# The most bytes of a file whose fsync others wait for: a larger one is made durable in its own thread.
SMALL = MIB

if TYPE_CHECKING:
    from c8ybin.fsio.parallel import ParallelSync

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Durable:
    """What must be durable before a commit goes on.

    Attributes:
        files: Descriptors of files, for their bytes and metadata.
        data: Descriptors of files, for their bytes and what reading them needs.
        directories: Directories for the names in them, after the files; equal ones of a batch cost one fsync.
    """

    files: Sequence[int] = ()
    data: Sequence[int] = ()
    directories: Sequence[Path] = ()


Steps = Generator[Durable, None, T]


def is_small(length: int) -> bool:
    """Tell whether others may wait for the fsync of so many bytes."""
    return length <= SMALL


def _held_lock() -> Any:
    lock = Lock()
    lock.acquire()
    return lock


@dataclass(slots=True, eq=False)
class _Commit:
    """A commit under way: what it waits for, and how it ended."""

    steps: Steps[Any]
    wanted: Durable = field(default_factory=Durable)
    error: OSError | None = None
    done: bool = False
    result: Any = None
    failure: BaseException | None = None
    # Held until the commit is done or is to lead; only one that waits can be told to lead.
    turn: Lock = field(default_factory=_held_lock)
    waits: bool = False

    def advance(self) -> None:
        """Go on to the next point at which something must be durable, or to the end."""
        error, self.error = self.error, None
        try:
            self.wanted = self.steps.throw(error) if error else next(self.steps)
        except StopIteration as end:
            self._end(end.value)
        except Exception as failure:
            self._end(None, failure)

    def fail(self, errors: Mapping[int, OSError], *fds: int) -> None:
        """Note the error of the first descriptor that has one."""
        for fd in fds:
            if fd in errors and not self.error:
                # One for each commit, for it is raised in another thread.
                self.error = OSError(errors[fd].errno, errors[fd].strerror)

    def break_off(self) -> None:
        """Let it clean up, and fail: what was made durable is not known."""
        failure: BaseException = BlockingIOError(errno.EAGAIN, "the group commit was broken off")
        try:
            self.steps.throw(failure)
            self.steps.close()
        except BaseException as error:
            failure = error
        self._end(None, failure)

    def _end(self, result: object, failure: BaseException | None = None) -> None:
        self.result, self.failure, self.done = result, failure, True
        self.turn.release()

    def wait(self) -> BaseException | None:
        """Wait for the turn; return what a signal handler raised meanwhile: the commit is under way all the same."""
        interruption = None
        while True:
            try:
                self.turn.acquire()
            except BaseException as error:
                interruption = error
            else:
                return interruption


class _Depth(local):
    depth = 0


class GroupCommit:
    """Where the threads of a process that commit meet."""

    def __init__(self) -> None:
        # Begins another commit in this thread, if one waits to be begun; tells whether it did.
        self.meanwhile: Callable[[], bool] | None = None
        # Told of each step: for how many commits something was made durable, and how many have ended after that.
        self.told: Callable[[int, int], None] | None = None
        self._depths = _Depth()
        self._guard = Lock()
        self._parallel: ParallelSync | None = None
        self._has_leader = False
        self._arrived: deque[_Commit] = deque()
        # The leader's alone.
        self._batch: list[_Commit] = []

    def run(self, steps: Steps[T], *, holds_lock: bool = True) -> T:
        """Take a commit through its steps, together with what other threads commit now.

        The steps may be run by another thread. A thread that holds no lock first begins another
        commit, if `meanwhile` gives it one. An OSError of an fsync is raised in them, where they
        wait for it: in all that asked for it, and in no others. They never come here themselves.

        Raises:
            BlockingIOError: The thread that led was interrupted; what was made durable is not known.
        """
        mine = _Commit(steps)
        with self._guard:
            self._arrived.append(mine)
        if not holds_lock:
            self._begin_another()
        interruption = None
        if not self._may_lead(mine):
            interruption = mine.wait()
        if not mine.done:
            self._lead(mine)
        if failure := interruption or mine.failure:
            raise failure
        result: T = mine.result
        return result

    def _begin_another(self) -> None:
        """Let this thread begin another commit that waits, so that one thread does a whole batch.

        It does not lead yet: the other comes here too, in a deeper frame, and begins the next.
        """
        if self.meanwhile and self._depths.depth < DEEPEST:
            self._depths.depth += 1
            try:
                # Once: of those that turn out to commit nothing there may be no end.
                self.meanwhile()
            finally:
                self._depths.depth -= 1

    def _may_lead(self, mine: _Commit) -> bool:
        """Take the lead where nobody has it and this is not done; else note that its thread waits."""
        with self._guard:
            mine.waits = self._has_leader or mine.done
            self._has_leader = self._has_leader or not mine.done
            return not mine.waits

    def _lead(self, mine: _Commit) -> None:
        try:
            while not mine.done:
                self._make_durable()
                together = len(self._batch)
                self._take_in()
                for commit in self._batch:
                    commit.advance()
                under_way = [commit for commit in self._batch if not commit.done]
                if self.told:
                    self.told(together, len(self._batch) - len(under_way))
                self._batch = under_way
        except BaseException:
            for commit in self._batch:
                if not commit.done:
                    commit.break_off()
            self._batch = []
            raise
        finally:
            self._pass_on()

    def _make_durable(self) -> None:
        """Make durable all that the batch waits for, and tell each commit what went wrong for it."""
        files = [fd for commit in self._batch for fd in commit.wanted.files]
        data = [fd for commit in self._batch for fd in commit.wanted.data]
        if files or data:
            errors = self._sync(files, data)
            for commit in self._batch:
                commit.fail(errors, *commit.wanted.files, *commit.wanted.data)
        opened = _open_directories([commit for commit in self._batch if not commit.error])
        try:
            if opened:
                errors = self._sync(list(opened.values()))
                for commit in self._batch:
                    commit.fail(errors, *(opened[d] for d in commit.wanted.directories if d in opened))
        finally:
            for fd in opened.values():
                fsio.close(fd)

    def _sync(self, files: Sequence[int], data: Sequence[int] = ()) -> Mapping[int, OSError]:
        if len(self._batch) == 1:
            return fsio.sync_each(files, data)
        if self._parallel is None:
            # Here, for a process that never commits two things at once need not have it.
            from c8ybin.fsio.parallel import ParallelSync

            self._parallel = ParallelSync()
        return self._parallel.sync(files, data)

    def close(self) -> None:
        """Let go what it keeps; nothing commits any more."""
        if self._parallel:
            self._parallel.close()

    def _take_in(self) -> None:
        with self._guard:
            while self._arrived and len(self._batch) < MOST:
                self._batch.append(self._arrived.popleft())

    def _pass_on(self) -> None:
        """Let one that waits lead, if any does."""
        with self._guard:
            waiting = next((c for c in (*self._batch, *self._arrived) if c.waits), None)
            self._has_leader = waiting is not None
            if waiting:
                waiting.turn.release()


def _open_directories(batch: Sequence[_Commit]) -> dict[Path, int]:
    """Open each directory that a batch asks for, once; a commit whose directory cannot be opened fails."""
    opened: dict[Path, int] = {}
    for commit in batch:
        try:
            for directory in commit.wanted.directories:
                if directory not in opened:
                    opened[directory] = fsio.open_directory(directory)
        except OSError as error:
            commit.error = error
    return opened
