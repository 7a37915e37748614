"""A lock for threads and for the processes that were forked from one.

Source: fcntl(2): a record lock belongs to a process, is not inherited, and goes with its holder.
"""

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock


class SharedLock:
    """Made before the fork. It is for a few steps in memory, for whoever wants it waits without a deadline."""

    def __init__(self) -> None:
        self._threads = Lock()
        if hasattr(os, "memfd_create"):
            self._fd = os.memfd_create("c8ybin")
        else:  # macOS
            with tempfile.TemporaryFile() as file:
                self._fd = os.dup(file.fileno())

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep all others out during the block."""
        with self._threads:
            fcntl.lockf(self._fd, fcntl.LOCK_EX)
            try:
                yield
            finally:
                fcntl.lockf(self._fd, fcntl.LOCK_UN)

    def close(self) -> None:
        """Let it go, in this process."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
