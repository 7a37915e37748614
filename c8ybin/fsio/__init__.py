"""Durable files: the one module that calls fsync, rename, link and flock.

The rule of every write is: new file, fsync the file, rename or link it into place,
fsync the directory, answer. Errors are OSError, untouched: whoever called knows
what ENOSPC or ENOENT means there.

Source: fsync(2), rename(2), link(2), flock(2).
"""

import contextlib
import errno
import fcntl
import os
import random
import secrets
import shutil
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from threading import Lock
from typing import BinaryIO

from c8ybin.fsio.cached import (
    WouldWait,
    is_hurried,
    may_take_long,
    may_wait,
    open_cached,
    read_cached,
    waits,
    without_waiting,
)

__all__ = ["WouldWait", "may_take_long", "without_waiting"]

COPY_BYTES = 256 * 1024
FILE_MODE = 0o640
PRIVATE_MODE = 0o600
DIRECTORY_MODE = 0o750

# A path as text costs a tenth of a `Path` where many are put together.
AnyPath = Path | str

_FULL_FSYNC: int | None = getattr(fcntl, "F_FULLFSYNC", None)
_POLL_FIRST_S = 0.001
_POLL_LONGEST_S = 0.05
_LONGEST_RUN_S = 0.5


def create(path: AnyPath, *, mode: int = FILE_MODE) -> int:
    """Create a file that must not exist yet, and return a descriptor to read and write it.

    What root creates belongs to the owner of the directory, so that `sudo c8ybin user`
    does not lock out a server that runs as somebody else.
    """
    waits()
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    try:
        _give_to_owner(path, fd)
    except BaseException:
        os.close(fd)
        remove(path)
        raise
    return fd


def _give_to_owner(path: AnyPath, file: AnyPath | int) -> None:
    if os.geteuid() == 0:
        owner = os.stat(os.path.dirname(path) or ".")
        if owner.st_uid != 0:
            # Never through a link, which the directory's owner may have put in its place.
            os.chown(file, owner.st_uid, owner.st_gid, follow_symlinks=isinstance(file, int))


def open_existing(path: AnyPath, *, write: bool = False) -> int:
    """Open a file without following a symbolic link in its last component, or waiting for a pipe's other end."""
    flags = (os.O_RDWR if write else os.O_RDONLY) | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
    return os.open(path, flags) if may_wait() else open_cached(path, flags)


@contextlib.contextmanager
def closing(fd: int) -> Iterator[None]:
    """Close a descriptor at the end of the block."""
    try:
        yield
    finally:
        os.close(fd)


@contextlib.contextmanager
def opened(path: AnyPath, *, write: bool = False) -> Iterator[int]:
    """Yield a descriptor on an existing file."""
    fd = open_existing(path, write=write)
    with closing(fd):
        yield fd


def read(path: AnyPath) -> bytes:
    """Return what a file holds."""
    with opened(path) as fd:
        return read_at(fd, os.fstat(fd).st_size, 0)


def read_at(fd: int, count: int, offset: int) -> bytes:
    """Return up to `count` bytes from `offset`; fewer only at the end of the file."""
    if not may_wait():
        return read_cached(fd, count, offset)
    blocks = []
    while count > 0 and (block := os.pread(fd, min(count, 1 << 30), offset)):
        blocks.append(block)
        count -= len(block)
        offset += len(block)
    return b"".join(blocks)


def write_at(fd: int, data: bytes | bytearray | memoryview, offset: int) -> None:
    """Write all of `data` at `offset`."""
    view = memoryview(data)
    while view:
        written = os.pwrite(fd, view, offset)
        view = view[written:]
        offset += written


def truncate(fd: int, length: int) -> None:
    """Cut a file to `length` bytes."""
    os.ftruncate(fd, length)


def sync(fd: int) -> None:
    """Make a file's bytes and size durable; an error is final, for the kernel may have dropped the pages."""
    if _FULL_FSYNC is None:
        os.fsync(fd)
    else:  # macOS, whose fsync leaves the bytes in the drive's cache
        fcntl.fcntl(fd, _FULL_FSYNC)


def sync_data(fd: int) -> None:
    """Make a file's bytes durable, and of its metadata what reading them needs (fdatasync)."""
    if hasattr(os, "fdatasync"):
        os.fdatasync(fd)
    else:
        sync(fd)


def sync_each(files: Iterable[int], data: Iterable[int] = ()) -> dict[int, OSError]:
    """Do `sync` with some descriptors, then `sync_data` with others; return the errors by descriptor."""
    errors = {}
    for make_durable, fds in ((sync, files), (sync_data, data)):
        for fd in fds:
            try:
                make_durable(fd)
            except OSError as error:
                errors[fd] = error
    return errors


def sync_file(path: AnyPath) -> None:
    """Make durable what somebody else may have written to a file."""
    with opened(path) as fd:
        sync(fd)


def open_directory(path: AnyPath) -> int:
    """Open a directory, to make its names durable."""
    return os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)


def sync_directory(path: AnyPath) -> None:
    """Make the names in a directory durable."""
    fd = open_directory(path)
    try:
        sync(fd)
    finally:
        os.close(fd)


def sync_tree(path: Path) -> None:
    """Make a directory, all files in it and their names durable, however many they are.

    Raises:
        OSError: Something may not survive a power cut.
    """
    # At once is much faster than one after the other, but an error is told only by an fsync.
    os.sync()
    for folder, _, names in os.walk(path, topdown=False, onerror=_raise):
        for name in names:
            sync_file(Path(folder, name))
        sync_directory(Path(folder))


def _raise(error: OSError) -> None:
    raise error


def make_directory(path: AnyPath) -> bool:
    """Make a directory; return False when it was there. What root makes belongs as for `create`."""
    try:
        os.mkdir(path, DIRECTORY_MODE)
    except FileExistsError:
        return False
    try:
        _give_to_owner(path, path)
    except BaseException:
        os.rmdir(path)
        raise
    return True


def rename(source: AnyPath, target: AnyPath) -> None:
    """Move a file or directory, replacing a file or an empty directory at the target."""
    os.rename(source, target)


def link(source: AnyPath, target: AnyPath) -> None:
    """Give a file a second name that must not exist yet."""
    os.link(source, target)


def remove(path: AnyPath) -> bool:
    """Remove a file's name; return False when it was gone."""
    try:
        os.unlink(path)
    except FileNotFoundError:
        return False
    return True


def remove_directory(path: AnyPath) -> None:
    """Remove an empty directory."""
    os.rmdir(path)


def remove_tree(path: Path) -> None:
    """Remove a directory and what is in it, as far as that goes: what stays is swept later."""
    shutil.rmtree(path, ignore_errors=True)


def remove_with_last(path: Path, last: str) -> None:
    """Remove a directory in which the file `last` goes last, because it says that the others may go."""
    with contextlib.suppress(FileNotFoundError):
        for entry in path.iterdir():
            if entry.is_dir() and not entry.is_symlink():
                remove_tree(entry)
            elif entry.name != last:
                remove(entry)
        sync_directory(path)
        remove(path / last)
        remove_directory(path)


@contextlib.contextmanager
def draft(path: Path, *, mode: int = FILE_MODE) -> Iterator[BinaryIO]:
    """Yield a new file that is durable when the block ends, and gone if the block or its fsync fails."""
    fd = create(path, mode=mode)
    try:
        with open(fd, "wb") as file:
            yield file
            file.flush()
            sync(file.fileno())
    except BaseException:
        remove(path)
        raise


@contextlib.contextmanager
def replacing(path: Path, draft_name: str, *, mode: int = FILE_MODE) -> Iterator[BinaryIO]:
    """Yield a file that takes the place of `path` only if the block succeeds.

    A reader sees the old bytes or the new ones, never a mixture.

    Args:
        path: The file to replace or to make.
        draft_name: A name in the same directory that nobody else uses.
        mode: Permissions of the new file.

    Raises:
        OSError: Before the rename, `path` is untouched. From the last step, the new
            bytes are visible but may not survive a power cut.
    """
    beside = path.with_name(draft_name)
    with draft(beside, mode=mode) as file:
        yield file
    try:
        os.rename(beside, path)
    except BaseException:
        remove(beside)
        raise
    sync_directory(path.parent)


def try_lock(fd: int) -> bool:
    """Take the exclusive flock of an open file if nobody else has it."""
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
            return False
        raise
    return True


def is_locked(path: Path) -> bool:
    """Tell whether somebody holds the flock of a file; nobody holds that of one that is not there."""
    try:
        # For writing, because NFS grants an exclusive lock to nobody else; but a disk may be read-only.
        fd = open_existing(path, write=True)
    except FileNotFoundError:
        return False
    except OSError as error:
        if error.errno not in (errno.EROFS, errno.EACCES):
            raise
        fd = open_existing(path)
    try:
        return not try_lock(fd)
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


@contextlib.contextmanager
def locked(path: Path, timeout_s: float) -> Iterator[None]:
    """Hold the flock of a lasting lock file during the block.

    Threads of this process queue, and only the first polls the file: a host that died
    on a distributed file system leaves its lock behind for a while, so the kernel's own
    waiting cannot be trusted to end.

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
            while not try_lock(fd):
                if time.monotonic() + pause_s > deadline:
                    raise late
                time.sleep(pause_s * random.uniform(0.5, 1))  # noqa: S311
                pause_s = min(2 * pause_s, _POLL_LONGEST_S)
            yield
        finally:
            os.close(fd)
    finally:
        queue.turn.release()


def length(fd: int) -> int:
    """Return how many bytes an open file holds."""
    return os.fstat(fd).st_size


def require_free(file: Path | int, reserve: int, wanted: int = 0) -> None:
    """Refuse to write where the file system would be left with less than a reserve, as if it were full.

    Args:
        file: A path or a descriptor on that file system.
        reserve: What must stay free, in bytes; 0 leaves it to the file system.
        wanted: How many bytes are about to be written.

    Raises:
        OSError: ENOSPC.

    Source: statvfs(3), whose f_bavail is what an unprivileged process may use.
    """
    if reserve == 0:
        return
    status = os.statvfs(file)
    if status.f_bavail * status.f_frsize - wanted < reserve:
        raise OSError(errno.ENOSPC, f"no space left but the reserve of {reserve} bytes")


def exists(path: AnyPath) -> bool:
    """Tell whether a name is there.

    Raises:
        OSError: EIO: nobody knows. `os.path.lexists` would say no, and what is not there may be
            created anew, or what it is in use by be removed.
    """
    try:
        if may_wait():
            os.lstat(path)
        else:
            os.close(open_cached(path, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC))
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True


def close(fd: int) -> None:
    """Close a descriptor."""
    os.close(fd)


def is_taken(error: OSError) -> bool:
    """Tell whether a directory could not be renamed because the target is one that is not empty."""
    return error.errno in (errno.ENOTEMPTY, errno.EEXIST)


def unique_name() -> str:
    """Return a name that nobody else uses."""
    return secrets.token_hex(6)
