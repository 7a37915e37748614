"""Files and directories: made, opened, read, written, looked at."""

import contextlib
import errno
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from c8ybin.fsio.beneath import AnyPath, Place, open_beneath
from c8ybin.fsio.cached import may_wait, open_cached, read_cached, waits

COPY_BYTES = 256 * 1024
# At most: the command line's umask takes the group's part away where that is not to read.
FILE_MODE = 0o640
PRIVATE_MODE = 0o600
DIRECTORY_MODE = 0o750

_READING = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK


def create(path: AnyPath, *, mode: int = FILE_MODE) -> int:
    """Create a file that must not exist yet, and return a descriptor to read and write it.

    What root creates belongs to the owner of the directory, so that `sudo c8ybin user`
    does not lock out a server that runs as somebody else.
    """
    waits()
    with Place(path) as place:
        fd = os.open(place.name, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode, dir_fd=place.fd)
        try:
            _give_to_owner(place, fd)
        except BaseException:
            os.close(fd)
            os.unlink(place.name, dir_fd=place.fd)
            raise
    return fd


def _give_to_owner(place: Place, fd: int | None = None) -> None:
    if os.geteuid() == 0:
        owner = os.fstat(place.fd)
        if owner.st_uid == 0:
            return
        if fd is not None:
            os.chown(fd, owner.st_uid, owner.st_gid)
        else:
            # Never through a link, which the directory's owner may have put in its place.
            os.chown(place.name, owner.st_uid, owner.st_gid, dir_fd=place.fd, follow_symlinks=False)


def make_directory(path: AnyPath) -> bool:
    """Make a directory; return False when it was there. What root makes belongs as for `create`."""
    with Place(path) as place:
        try:
            os.mkdir(place.name, DIRECTORY_MODE, dir_fd=place.fd)
        except FileExistsError:
            return False
        try:
            _give_to_owner(place)
        except BaseException:
            os.rmdir(place.name, dir_fd=place.fd)
            raise
    return True


def open_existing(path: AnyPath, *, write: bool = False) -> int:
    """Open a file without following a symbolic link, or waiting for a pipe's other end."""
    flags = _READING | os.O_RDWR if write else _READING
    return open_beneath(path, flags) if may_wait() else open_cached(path, flags)


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
    fd = open_existing(path)
    try:
        return read_at(fd, os.fstat(fd).st_size, 0)
    finally:
        os.close(fd)


def read_if_there(path: AnyPath) -> bytes | None:
    """Return what a file holds; None where it is not there."""
    try:
        return read(path)
    except FileNotFoundError:
        return None


def read_each(folder: str, names: Sequence[str]) -> list[bytes | None]:
    """Return what some files of one directory hold, read in this order; None for each that is not there.

    The directory is looked up once, which is most of what small files cost.
    """
    if not may_wait():
        return [_read_if_there(f"{folder}/{name}") for name in names]
    try:
        with Place(f"{folder}/") as place:
            return [_read_below(place.fd, name) for name in names]
    except FileNotFoundError:
        return [None] * len(names)


def _read_if_there(path: str) -> bytes | None:
    try:
        return read(path)
    except FileNotFoundError:
        return None


def _read_below(folder: int, name: str) -> bytes | None:
    try:
        fd = os.open(name, _READING, dir_fd=folder)
    except FileNotFoundError:
        return None
    with closing(fd):
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


def length(fd: int) -> int:
    """Return how many bytes an open file holds."""
    return os.fstat(fd).st_size


def has_name(fd: int) -> bool:
    """Tell whether an open file still has a name somewhere."""
    return os.fstat(fd).st_nlink > 0


def require_free(file: Path | int, reserve: int, wanted: int = 0) -> None:
    """Refuse to write where the file system would be left with less than a reserve, as if it were full.

    Args:
        file: A path or a descriptor on that file system.
        reserve: What must stay free, in bytes; 0 leaves it to the file system.
        wanted: How many bytes are about to be written.

    Raises:
        OSError: ENOSPC; EHOSTDOWN where the file system reports a size of 0, as MooseFS does
            while its chunk servers are on their way back to a master that was started anew.

    Source: statvfs(3), whose f_bavail is what an unprivileged process may use.
    """
    if reserve == 0:
        return
    status = os.statvfs(file)
    if status.f_blocks == 0:
        raise OSError(
            errno.EHOSTDOWN, "the file system reports a size of 0; if it always does, say --min-free 0"
        )
    if status.f_bavail * status.f_frsize - wanted < reserve:
        raise OSError(errno.ENOSPC, f"no space left but the reserve of {reserve} bytes")


def free_and_total(path: AnyPath) -> tuple[int, int]:
    """Return how many bytes an unprivileged process may still use of a file system, and how many it has."""
    status = os.statvfs(path)
    return status.f_bavail * status.f_frsize, status.f_blocks * status.f_frsize


def touch(path: AnyPath, at_ns: int | None = None) -> None:
    """Let a file have changed now, or at a time in nanoseconds since 1970."""
    with opened(path, write=True) as fd:
        if at_ns is None:
            os.utime(fd)
        else:
            os.utime(fd, ns=(at_ns, at_ns))


def exists(path: AnyPath) -> bool:
    """Tell whether a name is there.

    Where it is asked of a thread that may wait, a link on the way is followed, because not to would cost
    twice as much: it tells no more than that, and what then opens or changes the name refuses.

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
