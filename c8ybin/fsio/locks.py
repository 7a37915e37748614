"""Lasting lock files, which part threads, processes and hosts.

Source: flock(2).
"""

import contextlib
import errno
import fcntl
import os
import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Lock

from c8ybin.fsio.cached import WouldWait, is_hurried, waits
from c8ybin.fsio.files import create, open_existing
from c8ybin.fsio.lacking import Lack, is_excused

_POLL_FIRST_S = 0.001
_POLL_LONGEST_S = 0.05
_LONGEST_RUN_S = 0.5


def try_lock(fd: int, *, shared: bool = False) -> bool:
    """Take the flock of an open file if nobody else has it: alone, or shared with others who do so."""
    try:
        return _flock(fd, shared=shared)
    except OSError as error:
        if not is_excused(Lack.LOCK, error):
            raise
        return True


def is_let_go(fd: int, *, shared: bool = False) -> bool:
    """Take the flock of a file that says whether its maker lives; nobody is dead where there are no locks."""
    try:
        return _flock(fd, shared=shared)
    except OSError as error:
        if not is_excused(Lack.LOCK, error):
            raise
        return False


def _flock(fd: int, *, shared: bool) -> bool:
    try:
        fcntl.flock(fd, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
            return False
        raise
    return True


def is_locked(path: Path) -> bool:
    """Tell whether somebody holds the flock of a file alone; nobody holds that of one that is not there.

    It is asked for shared, so that others who ask, too, do not look like holders.
    """
    try:
        # For writing, as those who hold it have it; but a disk may be read-only.
        fd = open_existing(path, write=True)
    except FileNotFoundError:
        return False
    except OSError as error:
        if error.errno not in (errno.EROFS, errno.EACCES):
            raise
        fd = open_existing(path)
    try:
        return not is_let_go(fd, shared=True)
    finally:
        os.close(fd)


def open_lock(path: Path) -> int:
    """Open a lasting lock file, making it where it is missing.

    With O_EXCL, because on MooseFS two clients that open with plain O_CREAT collide.
    """
    while True:
        try:
            return open_existing(path, write=True)
        except FileNotFoundError:
            with contextlib.suppress(FileExistsError):
                return create(path)


class _Queue:
    """The threads of this process that want one lock file; they hand the turn on to each other."""

    def __init__(self) -> None:
        self.turn = Lock()
        self._waiting = 0
        self._guard = Lock()
        self._since = time.monotonic()

    def join(self, timeout_s: float) -> bool:
        """Wait for the turn; return False when it did not come.

        Where it was handed on for long, other processes get a chance first: one that polls
        hardly ever meets the moment between two holders.
        """
        with self._guard:
            self._waiting += 1
        has_turn = self.turn.acquire(timeout=timeout_s)
        with self._guard:
            self._waiting -= 1
            is_last = not self._waiting
        if has_turn and time.monotonic() - self._since > _LONGEST_RUN_S:
            if not is_last:
                time.sleep(1.5 * _POLL_LONGEST_S)
            self._since = time.monotonic()
        return has_turn


_queues: dict[str, _Queue] = {}


def _taken(fd: int, name: str, held: set[str] | None) -> bool:
    """Try to take a lock that is noted before it is taken."""
    if held is None:
        return try_lock(fd)
    held.add(name)
    is_taken = try_lock(fd)
    if not is_taken:
        held.discard(name)
    return is_taken


@contextlib.contextmanager
def locked(
    path: Path,
    timeout_s: float,
    *,
    held: set[str] | None = None,
    meanwhile: Callable[[], None] = lambda: None,
) -> Iterator[None]:
    """Hold the flock of a lasting lock file during the block.

    Threads of this process queue, and only the first polls the file: a host that died
    on a distributed file system leaves its lock behind for a while, so the kernel's own
    waiting cannot be trusted to end.

    Args:
        path: The lock file.
        timeout_s: How long to wait for it.
        held: Gets its name before it is taken, and loses it after it was let go.
        meanwhile: Called after each try in vain; what it raises ends the waiting.

    Raises:
        TimeoutError: Somebody held it for `timeout_s` seconds.
        WouldWait: Somebody holds it, and this thread may not wait for that.
    """
    waits()
    late: type[OSError] = TimeoutError
    if is_hurried():
        timeout_s, late = 0.0, WouldWait
    deadline = time.monotonic() + timeout_s
    queue = _queues.setdefault(str(path), _Queue())
    if not queue.join(timeout_s):
        raise late
    try:
        fd = open_lock(path)
        try:
            pause_s = _POLL_FIRST_S
            while not _taken(fd, path.name, held):
                meanwhile()
                if time.monotonic() + pause_s > deadline:
                    raise late
                time.sleep(pause_s * random.uniform(0.5, 1))  # noqa: S311 # nosec B311 # no secret
                pause_s = min(2 * pause_s, _POLL_LONGEST_S)
            yield
        finally:
            os.close(fd)
            if held is not None:
                held.discard(path.name)
    finally:
        queue.turn.release()
