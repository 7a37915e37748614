"""Several fsyncs at once, from one thread.

One after the other each fsync waits for the disk, though one flush of its cache would do for
all; a thread for each costs more in changes of threads than the fsync itself. So the kernel
is given all of them in one call, by its asynchronous I/O, and waits for them at once.

Source: io_setup(2), io_submit(2), io_getevents(2), linux/aio_abi.h.
"""

import ctypes
import errno
import functools
import os
import platform
import sys
import time
from collections.abc import Sequence

from c8ybin import fsio
from c8ybin.fsio.lacking import Lack, is_excused
from c8ybin.fsio.timing import tell_wait
from c8ybin.fsio.writeback import begin_writeback

# Numbers of io_setup, io_destroy, io_getevents and io_submit, which the C library does not wrap.
_SYSTEM_CALLS = {"x86_64": (206, 207, 208, 209), "aarch64": (0, 1, 4, 2)}
_FSYNC, _FDSYNC = 2, 3
_MOST = 128


class _Request(ctypes.Structure):
    """struct iocb, on a machine that has the least byte first."""

    _fields_ = (
        ("data", ctypes.c_uint64),
        ("key", ctypes.c_uint32),
        ("rw_flags", ctypes.c_uint32),
        ("opcode", ctypes.c_uint16),
        ("priority", ctypes.c_int16),
        ("fd", ctypes.c_uint32),
        ("buffer", ctypes.c_uint64),
        ("count", ctypes.c_uint64),
        ("offset", ctypes.c_int64),
        ("reserved", ctypes.c_uint64),
        ("flags", ctypes.c_uint32),
        ("event_fd", ctypes.c_uint32),
    )


class _Event(ctypes.Structure):
    """struct io_event."""

    _fields_ = (
        ("data", ctypes.c_uint64),
        ("request", ctypes.c_uint64),
        ("result", ctypes.c_int64),
        ("result2", ctypes.c_int64),
    )


@functools.cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


class ParallelSync:
    """Makes several files durable at once; for one thread at a time, and not across a fork."""

    def __init__(self) -> None:
        self._calls = None
        if sys.platform == "linux" and sys.maxsize > 1 << 32:
            self._calls = _SYSTEM_CALLS.get(platform.machine())
        self._context = ctypes.c_ulong(0)

    def sync(self, files: Sequence[int], data: Sequence[int] = ()) -> dict[int, OSError]:
        """Do `fsio.sync` with some descriptors and `fsio.sync_data` with others; return the errors by descriptor."""
        if not self._open():
            for fd in (*files, *data):
                begin_writeback(fd)
            return fsio.sync_each(files, data)
        requests = [(fd, _FSYNC) for fd in files] + [(fd, _FDSYNC) for fd in data]
        errors: dict[int, OSError] = {}
        for start in range(0, len(requests), _MOST):
            try:
                errors |= self._at_once(requests[start : start + _MOST])
            except BaseException:
                self.close()  # lest an answer that was not awaited be taken for that of a later request
                raise
        return errors

    def _open(self) -> bool:
        """Tell whether the kernel does it here."""
        if (
            self._calls
            and not self._context
            and _call(self._calls[0], _MOST, ctypes.byref(self._context)) < 0
        ):
            self._calls = None
        return self._calls is not None

    def _at_once(self, wanted: Sequence[tuple[int, int]]) -> dict[int, OSError]:
        _, _, getevents, submit = self._calls or (0, 0, 0, 0)
        began = time.monotonic()
        requests = (_Request * len(wanted))()
        addresses = (ctypes.c_void_p * len(wanted))()
        for n, (fd, opcode) in enumerate(wanted):
            requests[n].data, requests[n].fd, requests[n].opcode = fd, fd, opcode
            addresses[n] = ctypes.addressof(requests[n])
        submitted = max(0, _call(submit, self._context, ctypes.c_long(len(wanted)), addresses))
        errors: dict[int, OSError] = {}
        events = (_Event * len(wanted))()
        done = 0
        while done < submitted:
            left = ctypes.c_long(submitted - done)
            count = _call(getevents, self._context, left, left, events, None)
            if count < 0 and ctypes.get_errno() != errno.EINTR:
                raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
            for event in events[: max(0, count)]:
                if event.result < 0:
                    error = OSError(-event.result, os.strerror(-event.result))
                    if not is_excused(Lack.SYNC, error):
                        errors[event.data] = error
            done += max(0, count)
        if done:
            tell_wait(began, done)
        # What the kernel did not take, as of a file system that cannot, it has not tried.
        rest = wanted[submitted:]
        return errors | fsio.sync_each(
            [fd for fd, opcode in rest if opcode == _FSYNC], [fd for fd, opcode in rest if opcode == _FDSYNC]
        )

    def close(self) -> None:
        """Wait for what is under way, and give back what the kernel keeps for it."""
        if self._calls and self._context:
            _call(self._calls[1], self._context)
            self._context = ctypes.c_ulong(0)


def _call(number: int, *arguments: object) -> int:
    return int(_libc().syscall(ctypes.c_long(number), *arguments))
