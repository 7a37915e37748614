"""What a thread may wait for, and reading only what is in memory.

A server's main loop may wait for nothing: what `fsio` reads there comes from the kernel's caches of names
and pages. The thread that it has for small requests may wait for the disk, but for no lock that somebody
else holds and for nothing else that takes long. Whatever would wait for more raises WouldWait, and has
changed nothing; the caller then does the same again in a thread that may wait for anything.

Source: openat2(2), RESOLVE_CACHED (Linux 5.12); preadv2(2), RWF_NOWAIT. Without them all is waited for.
"""

import errno
import functools
import os
import struct
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import local

_OPENAT2 = 437  # on every architecture but alpha
_RESOLVE_CACHED = 0x20
_AT_FDCWD = -100
_NO_SUCH_CALL = (errno.ENOSYS, errno.EINVAL, errno.EPERM, errno.EOPNOTSUPP)


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


@functools.cache
def _how(flags: int) -> bytes:
    """Return a struct open_how."""
    return struct.pack("=QQQ", flags, 0, _RESOLVE_CACHED)


@functools.cache
def _openat2() -> Callable[[bytes, int], int]:
    """Return the system call, for which the standard library has no function: path and flags to a descriptor."""
    import ctypes  # a start does not need it

    # It keeps the interpreter's lock, for it never waits.
    call = ctypes.PyDLL(None, use_errno=True).syscall
    call.restype = ctypes.c_long
    number, here = ctypes.c_long(_OPENAT2), ctypes.c_int(_AT_FDCWD)
    size = ctypes.c_size_t(len(_how(0)))

    def openat2(path: bytes, flags: int) -> int:
        fd = int(call(number, here, path, _how(flags), size))
        if fd < 0:
            error = ctypes.get_errno()
            if error == errno.EAGAIN or error in _NO_SUCH_CALL:
                raise WouldWait
            raise OSError(error, os.strerror(error))
        return fd

    return openat2


def open_cached(path: str | bytes | os.PathLike[str], flags: int) -> int:
    """Open a file whose name is in memory.

    Raises:
        WouldWait: It is not.
        OSError: As open(2).
    """
    if sys.platform != "linux":  # where the number is another call's
        raise WouldWait
    return _openat2()(os.fsencode(path), flags)


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
        if error.errno == errno.EAGAIN or error.errno in _NO_SUCH_CALL:
            raise WouldWait from None
        raise
    if got < count and got:
        # The rest may be beyond the end, or on the disk.
        raise WouldWait
    return bytes(buffer[:got])
