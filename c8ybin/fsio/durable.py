"""What makes files and names durable, and what is durable by way of that.

Source: fsync(2), fdatasync(2), rename(2).
"""

import contextlib
import fcntl
import os
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from c8ybin.fsio.beneath import AnyPath, entries, is_directory, open_directory
from c8ybin.fsio.files import FILE_MODE, create, opened
from c8ybin.fsio.lacking import Lack, is_excused
from c8ybin.fsio.naming import remove, remove_any, remove_directory, rename
from c8ybin.fsio.timing import tell_wait

_FULL_FSYNC: int | None = getattr(fcntl, "F_FULLFSYNC", None)


def sync(fd: int) -> None:
    """Make a file's bytes and size durable; an error is final, for the kernel may have dropped the pages."""
    began = time.monotonic()
    try:
        if _FULL_FSYNC is None:
            os.fsync(fd)
        else:  # macOS, whose fsync leaves the bytes in the drive's cache
            fcntl.fcntl(fd, _FULL_FSYNC)
    except OSError as error:
        if not is_excused(Lack.SYNC, error):
            raise
    tell_wait(began)


def sync_data(fd: int) -> None:
    """Make a file's bytes durable, and of its metadata what reading them needs (fdatasync)."""
    if hasattr(os, "fdatasync"):
        began = time.monotonic()
        try:
            os.fdatasync(fd)
        except OSError as error:
            if not is_excused(Lack.SYNC, error):
                raise
        tell_wait(began)
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
    for folder, _, files in os.walk(path, topdown=False, onerror=_raise):
        for name in files:
            sync_file(Path(folder, name))
        sync_directory(Path(folder))


def _raise(error: OSError) -> None:
    raise error


def remove_with_last(path: Path, last: str) -> None:
    """Remove a directory in which the file `last` goes last, because it says that the others may go."""
    with contextlib.suppress(FileNotFoundError):
        for entry in entries(path):
            # A directory of that name says nothing.
            if entry.name != last or is_directory(entry):
                remove_any(entry)
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
def replacing(path: Path, draft_name: str | Path, *, mode: int = FILE_MODE) -> Iterator[BinaryIO]:
    """Yield a file that takes the place of `path` only if the block succeeds.

    A reader sees the old bytes or the new ones, never a mixture.

    Args:
        path: The file to replace or to make.
        draft_name: A name in the same directory that nobody else uses, or an absolute path on the same file system.
        mode: Permissions of the new file.

    Raises:
        OSError: Before the rename, `path` is untouched. From the last step, the new
            bytes are visible but may not survive a power cut.
    """
    beside = path.parent / draft_name
    with draft(beside, mode=mode) as file:
        yield file
    try:
        rename(beside, path)
    except BaseException:
        remove(beside)
        raise
    sync_directory(path.parent)
