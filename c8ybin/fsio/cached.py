"""What a thread may wait for, and reading only what is in memory.

A server's main loop may wait for nothing: what `fsio` reads there comes from the kernel's caches of names
and pages. The thread that it has for small requests may wait for the disk, but for no lock that somebody
else holds and for nothing else that takes long. Whatever would wait for more raises WouldWait, and has
changed nothing; the caller then does the same again in a thread that may wait for anything.

Source: openat2(2), RESOLVE_CACHED (Linux 5.12); preadv2(2), RWF_NOWAIT. Without them all is waited for.
"""

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from threading import local

from c8ybin.fsio.beneath import NO_SUCH_CALL, RESOLVE_CACHED, RESOLVE_NO_SYMLINKS, AnyPath, openat2


class WouldWait(BlockingIOError):
    """What a thread was to do would make it wait for what it may not wait for."""

    def __init__(self) -> None:
        super().__init__(errno.EAGAIN, "would wait")


class _Thread(local):
    may_wait = True
    may_take_long = True


_this = _Thread()


@contextmanager
def without_waiting(*, for_disk: bool = False) -> Iterator[None]:
    """Let this thread wait for nothing during the block, or for the disk alone."""
    before = _this.may_wait, _this.may_take_long
    _this.may_wait, _this.may_take_long = for_disk, False
    try:
        yield
    finally:
        _this.may_wait, _this.may_take_long = before


def may_wait() -> bool:
    """Tell whether this thread may wait for the disk."""
    return _this.may_wait


def is_hurried() -> bool:
    """Tell whether this thread may wait for the disk at most."""
    return not _this.may_take_long


def waits() -> None:
    """Stand before what waits for the disk.

    Raises:
        WouldWait: This thread may not wait.
    """
    if not _this.may_wait:
        raise WouldWait


def may_take_long() -> None:
    """Stand before what may take long.

    Raises:
        WouldWait: This thread may wait for the disk at most.
    """
    if not _this.may_take_long:
        raise WouldWait


def open_cached(path: AnyPath, flags: int) -> int:
    """Open a file whose name is in memory, and none that a symbolic link leads to.

    Raises:
        WouldWait: It is not.
        OSError: As open(2).
    """
    if sys.platform != "linux":  # where the number is another call's
        raise WouldWait
    try:
        return openat2(RESOLVE_CACHED | RESOLVE_NO_SYMLINKS, waits=False)(path, flags)
    except OSError as error:
        if error.errno == errno.EAGAIN or error.errno in NO_SUCH_CALL:
            raise WouldWait from None
        raise


def read_cached(fd: int, count: int, offset: int) -> bytes:
    """Return up to `count` bytes from `offset` that are in memory; fewer only at the end of the file.

    Raises:
        WouldWait: They are not.
    """
    if count == 0:
        return b""
    buffer = bytearray(count)
    try:
        got = os.preadv(fd, [buffer], offset, os.RWF_NOWAIT)
    except OSError as error:
        if error.errno == errno.EAGAIN or error.errno in NO_SUCH_CALL:
            raise WouldWait from None
        raise
    if got < count and got:
        # The rest may be beyond the end, or on the disk.
        raise WouldWait
    return bytes(buffer[:got])
