"""What lets a process obey the order not to change anything; see read_only.py."""

import errno
import logging
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from threading import Condition, Event, Thread
from typing import Concatenate, ParamSpec, Protocol, TypeVar, cast

from c8ybin import fsio
from c8ybin.domain.errors import ReadOnly
from c8ybin.store.layout import Layout
from c8ybin.store.read_only import WRITES, is_read_only

log = logging.getLogger(__name__)

# Half of the second within which all are to obey.
LOOK_EVERY_S = 0.5
_POLL_S = 0.02
_JOIN_WITHIN_S = 5.0

P = ParamSpec("P")
T = TypeVar("T")


class Gate:
    """Counts the changes of one process that are under way, and lets none begin while it is closed."""

    def __init__(self) -> None:
        self._changed = Condition()
        self._under_way = 0
        self.is_open = True

    @contextmanager
    def changing(self) -> Iterator[None]:
        """Change something during the block.

        Raises:
            ReadOnly: Nothing may be changed.
        """
        with self._changed:
            if not self.is_open:
                raise ReadOnly
            self._under_way += 1
        try:
            yield
        finally:
            with self._changed:
                self._under_way -= 1
                self._changed.notify_all()

    def require_open(self) -> None:
        """Refuse what would change something.

        Raises:
            ReadOnly: Nothing may be changed.
        """
        if not self.is_open:
            raise ReadOnly

    def open(self) -> None:
        """Let changes begin."""
        with self._changed:
            self.is_open = True

    def close(self, within_s: float = 0.0) -> bool:
        """Let none begin any more; return whether those under way have ended, which is waited for."""
        with self._changed:
            self.is_open = False
            return self._changed.wait_for(lambda: not self._under_way, within_s)


class _HasDisk(Protocol):
    @property
    def _disk(self) -> "_HasGate": ...


class _HasGate(Protocol):
    gate: Gate


S = TypeVar("S", bound=_HasDisk)


def changes(method: Callable[Concatenate[S, P], T]) -> Callable[Concatenate[S, P], T]:
    """Declare a method that changes what is stored: it raises ReadOnly where that may not be."""

    @wraps(method)
    def gated(self: S, *arguments: P.args, **more: P.kwargs) -> T:
        with self._disk.gate.changing():
            return method(self, *arguments, **more)

    return cast("Callable[Concatenate[S, P], T]", gated)


class Mode:
    """Lets one process obey the file."""

    def __init__(self, layout: Layout, folder: Path, gate: Gate) -> None:
        """Prepare it; nothing is looked at before `join`.

        Args:
            layout: The data directory.
            folder: That of this process.
            gate: What it closes and opens.
        """
        self._layout = layout
        self._path = folder / WRITES
        self._gate = gate
        self._fd: int | None = None
        self._ended = Event()
        self._thread: Thread | None = None

    def join(self) -> None:
        """Begin to obey, before the first change of this process.

        Raises:
            OSError: The folder does not take the lock's file, or nobody can tell whether there is the file.
        """
        self._gate.close()
        fsio.close(fsio.create(self._path))
        deadline = time.monotonic() + _JOIN_WITHIN_S
        while not self._look():
            # Whoever asks whether the lock is held has it for a moment.
            if time.monotonic() > deadline:
                raise OSError(errno.EAGAIN, os.strerror(errno.EAGAIN), str(self._path))
            time.sleep(_POLL_S)
        if not self._gate.is_open:
            log.info("read-only for now, as %s says", self._layout.read_only)

    def start(self) -> None:
        """Go on to obey, in a thread."""
        self._thread = Thread(target=self._run, name="mode", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Look no more; what may be changed stays as it is."""
        self._ended.set()
        if self._thread:
            self._thread.join()

    def close(self) -> None:
        """Change nothing any more."""
        self._gate.close()
        self._let_go()

    def _run(self) -> None:
        while not self._ended.wait(LOOK_EVERY_S):
            try:
                self._look()
            except OSError as error:
                # As it was: where changes go on, the lock says so.
                log.warning("nobody can tell now whether the data directory is read-only: %s", error)

    def _look(self) -> bool:
        """Look for the file and obey; return False where that is to be tried again."""
        if is_read_only(self._layout):
            if self._gate.is_open:
                log.info("read-only from now on, as %s says", self._layout.read_only)
            if not self._gate.close(LOOK_EVERY_S):
                return False
            self._let_go()
            return True
        if self._fd is None and not self._take():
            return False
        if not self._gate.is_open:
            log.debug("changes are taken")
            self._gate.open()
        return True

    def _take(self) -> bool:
        """Take the lock; it is held only where the file is not there after that."""
        fd = fsio.open_existing(self._path, write=True)
        try:
            if fsio.try_lock(fd) and not is_read_only(self._layout):
                self._fd = fd
        finally:
            if self._fd is None:
                fsio.close(fd)
        return self._fd is not None

    def _let_go(self) -> None:
        if self._fd is not None:
            fsio.close(self._fd)
            self._fd = None
