"""Files that several processes append to, and that others may move away at any time: logs."""

import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from c8ybin.fsio.cached import waits

_MODE = 0o600


class AppendedFile:
    """A file that is appended to by its name: where that names another file, or none, it is opened anew.

    So whoever rotates it need tell nobody.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._fd: int | None = None
        self._identity: tuple[int, int] | None = None

    def open(self) -> None:
        """Open it, and make it where it is missing: for its owner alone.

        Raises:
            OSError: It cannot be opened.
        """
        self._current()

    def append(self, data: bytes) -> None:
        """Write behind what is there; whole, whoever else appends, or not at all.

        Raises:
            OSError: Nothing of it is in the file.
        """
        fd = self._current()
        with _alone(fd) as is_regular:
            before = os.fstat(fd).st_size
            try:
                append_all(fd, data)
            except OSError:
                if is_regular:
                    # A part may be there: the disk was full in the middle.
                    os.ftruncate(fd, before)
                raise

    def _current(self) -> int:
        waits()
        try:
            status = os.stat(self._path)
            if self._fd is not None and self._identity == (status.st_dev, status.st_ino):
                return self._fd
        except FileNotFoundError:
            pass
        self.close()
        # Else the open of a pipe waits for its reader.
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOCTTY | os.O_NONBLOCK
        self._fd = os.open(self._path, flags, _MODE)
        os.set_blocking(self._fd, True)
        status = os.fstat(self._fd)
        self._identity = status.st_dev, status.st_ino
        return self._fd

    def close(self) -> None:
        """Let it go."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None


@contextmanager
def _alone(fd: int) -> Iterator[bool]:
    """Keep other processes from appending; yield whether it is a file that has a length."""
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        yield False
        return
    fcntl.flock(fd, fcntl.LOCK_EX)
    try:
        yield True
    finally:
        fcntl.flock(fd, fcntl.LOCK_UN)


def append_all(fd: int, data: bytes) -> None:
    """Write all bytes where the file is open at.

    Raises:
        OSError: A part may have been written.
    """
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]
