"""Names that no symbolic link leads to.

Who can write into a part of the data directory, be it a group or an archive that was unpacked there, could
put a link in the place of a directory and have the server read, overwrite or remove what it alone may. So a
path is opened by one call that refuses links in all of its components, and what is done to a name is done
below the open directory that holds it, which nobody can exchange in between. The path of a data directory
may have links itself: it is resolved once, at start.

Source: openat2(2), RESOLVE_NO_SYMLINKS (Linux 5.6). Elsewhere each component is opened with O_NOFOLLOW.
"""

import ctypes
import errno
import functools
import os
import stat
import struct
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

# A path as text costs a tenth of a `Path` where many are put together.
AnyPath = Path | str

RESOLVE_NO_SYMLINKS = 0x04
RESOLVE_CACHED = 0x20
NO_SUCH_CALL = (errno.ENOSYS, errno.EINVAL, errno.EPERM, errno.EOPNOTSUPP)

_OPENAT2 = 437  # on every architecture but alpha
_AT_FDCWD = -100
# A descriptor that only leads to a directory needs no right to read it.
_PATH_ONLY = getattr(os, "O_PATH", os.O_RDONLY)
_DIRECTORY = os.O_DIRECTORY | os.O_CLOEXEC


@functools.cache
def _how(flags: int, resolve: int) -> bytes:
    """Return a struct open_how."""
    return struct.pack("=QQQ", flags, 0, resolve)


@functools.cache
def openat2(resolve: int, *, waits: bool) -> Callable[[AnyPath | bytes, int], int]:
    """Return the system call, for which the standard library has no function: path and flags to a descriptor.

    Args:
        resolve: How the path is resolved: flags of `RESOLVE_...`.
        waits: Whether it may wait for the disk; without, it keeps the interpreter's lock.
    """
    call = (ctypes.CDLL if waits else ctypes.PyDLL)(None, use_errno=True).syscall
    call.restype = ctypes.c_long
    number, here = ctypes.c_long(_OPENAT2), ctypes.c_int(_AT_FDCWD)
    size = ctypes.c_size_t(len(_how(0, 0)))

    def opening(path: AnyPath | bytes, flags: int) -> int:
        encoded, how = os.fsencode(path), _how(flags, resolve)
        if b"\0" in encoded:
            raise ValueError("embedded null byte")
        while (fd := int(call(number, here, encoded, how, size))) < 0:
            error = ctypes.get_errno()
            if error != errno.EINTR:
                raise OSError(error, os.strerror(error), os.fsdecode(path))
        return fd

    return opening


def open_beneath(path: AnyPath, flags: int) -> int:
    """Open what is there already, and nothing that a symbolic link leads to.

    Raises:
        OSError: As open(2); ELOOP or ENOTDIR where a component is a link.
    """
    if sys.platform == "linux":  # where the number is this call's
        try:
            return openat2(RESOLVE_NO_SYMLINKS, waits=True)(path, flags)
        except OSError as error:
            if error.errno not in NO_SUCH_CALL:
                raise
    return walk_beneath(path, flags)


def walk_beneath(path: AnyPath, flags: int) -> int:
    """Do the same where the kernel does not do it in one call."""
    *folders, name = Path(path).parts or (".",)
    fd: int | None = None
    try:
        for folder in folders:
            below = os.open(folder, _PATH_ONLY | _DIRECTORY | os.O_NOFOLLOW, dir_fd=fd)
            if fd is not None:
                os.close(fd)
            fd = below
        return os.open(name, flags | os.O_NOFOLLOW, dir_fd=fd)
    finally:
        if fd is not None:
            os.close(fd)


def open_directory(path: AnyPath) -> int:
    """Open a directory, to read its names or make them durable."""
    return open_beneath(path, os.O_RDONLY | _DIRECTORY)


# Directories that this process holds open for its life, by their paths.
_held: dict[str, int] = {}


def hold_open(path: AnyPath) -> None:
    """Keep a directory open that this process made for itself, since much is done in it."""
    _held[os.fspath(path)] = open_beneath(path, _PATH_ONLY | _DIRECTORY)


def let_go(path: AnyPath) -> None:
    """End that."""
    fd = _held.pop(os.fspath(path), None)
    if fd is not None:
        os.close(fd)


class Place:
    """Where a name is: the directory that holds it, open during a `with`, and its last component.

    Attributes:
        fd: A descriptor on the directory, good for `dir_fd`.
        name: The last component.
    """

    __slots__ = ("_folder", "_is_ours", "fd", "name")

    fd: int
    name: str

    def __init__(self, path: AnyPath, beside: "Place | None" = None) -> None:
        """Open it; `beside` is one that is open, for what may be in the same directory.

        Raises:
            OSError: As open(2) of the directory.
        """
        text = os.fspath(path)
        folder, slash, self.name = text.rpartition("/")
        self._folder = folder or slash or "."
        self._is_ours = False
        if beside and beside._folder == self._folder:
            self.fd = beside.fd
        elif (held := _held.get(self._folder)) is not None:
            self.fd = held
        else:
            self.fd = open_beneath(self._folder, _PATH_ONLY | _DIRECTORY)
            self._is_ours = True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._is_ours:
            os.close(self.fd)


def status(path: AnyPath) -> os.stat_result:
    """Return what stat(2) tells of a name; of a link, what it tells of the link itself."""
    with Place(path) as place:
        return os.stat(place.name, dir_fd=place.fd, follow_symlinks=False)


def is_directory(path: AnyPath) -> bool:
    """Tell whether a directory is there; a link to one is none."""
    try:
        return stat.S_ISDIR(status(path).st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return False


def is_link(path: AnyPath) -> bool:
    """Tell whether a symbolic link is there."""
    try:
        return stat.S_ISLNK(status(path).st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return False


@contextmanager
def scanned(path: AnyPath) -> Iterator[Iterator["os.DirEntry[str]"]]:
    """Yield what is in a directory, in no order; the `path` of each is its name."""
    fd = open_directory(path)
    try:
        with os.scandir(fd) as entries:
            yield entries
    finally:
        os.close(fd)


def names(path: AnyPath) -> list[str]:
    """Return the names in a directory, in no order."""
    fd = open_directory(path)
    try:
        return os.listdir(fd)
    finally:
        os.close(fd)


def entries(path: Path) -> list[Path]:
    """Return the paths of what is in a directory, in the alphabet's order."""
    return [path / name for name in sorted(names(path))]
