"""Beginning to write a file's bytes to the disk before they are fsynced."""

import ctypes
import functools
import sys
from collections.abc import Callable

_SYNC_FILE_RANGE_WRITE = 2


@functools.cache
def _sync_file_range() -> Callable[..., int] | None:
    if sys.platform != "linux":
        return None
    function: Callable[..., int] | None = getattr(ctypes.CDLL(None), "sync_file_range", None)
    return function


def begin_writeback(fd: int, offset: int = 0, length: int = 0) -> None:
    """Let the kernel begin to write `length` bytes from `offset`, or all after it; the fsync then waits less.

    Nothing is durable by it, and what goes wrong is told by the fsync. Where there is no such
    call, nothing happens.

    Source: sync_file_range(2).
    """
    if call := _sync_file_range():
        call(fd, ctypes.c_int64(offset), ctypes.c_int64(length), _SYNC_FILE_RANGE_WRITE)
