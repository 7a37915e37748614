"""What a file system lacks, and this process does without because somebody said so in spite of a warning.

Nothing here is as good as what is missing. Locks then part the threads of one process alone, and nobody is
taken for dead, so nothing is swept. A second name that must not exist yet is looked for, then renamed to, with
the threads of one process kept apart. What cannot be made durable is left to the kernel.
"""

import errno
import os
from collections.abc import Iterable
from enum import StrEnum
from threading import Lock

# How a file system says that it cannot do a thing at all, rather than not now: vfat has EPERM for link(2).
NEVER = (
    errno.EPERM,
    errno.ENOTSUP,
    errno.EOPNOTSUPP,
    errno.ENOSYS,
    errno.ENOLCK,
    errno.EINVAL,
    errno.EMLINK,
)


class Lack(StrEnum):
    """A primitive that can be done without, badly."""

    LINK = "link"
    LOCK = "flock"
    SYNC = "fsync"


_lacks: set[Lack] = set()
_one_name_at_a_time = Lock()


def do_without(lacks: Iterable[Lack]) -> None:
    """Do without these from now on, in this process and those that it forks."""
    _lacks.update(lacks)


def demand_all() -> None:
    """Do without nothing any more."""
    _lacks.clear()


def is_excused(lack: Lack, error: OSError) -> bool:
    """Tell whether an error is no more than what this process does without."""
    return lack in _lacks and error.errno in NEVER


def link_by_rename(old: str, old_fd: int, new: str, new_fd: int) -> None:
    """Give a file another name that must not exist yet, in the place of its own.

    Raises:
        FileExistsError: There is one, as far as this process can tell.
    """
    with _one_name_at_a_time:
        try:
            os.stat(new, dir_fd=new_fd, follow_symlinks=False)
        except FileNotFoundError:
            os.rename(old, new, src_dir_fd=old_fd, dst_dir_fd=new_fd)
        else:
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), new)
