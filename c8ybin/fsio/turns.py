"""Turns at changing one file, of which a late one comes to nothing.

A lock alone is not enough where several hosts share a file system: that takes the lock of a process which
is stopped or cut off, gives it to another, and takes the rename with which the first goes on. So a draft
comes from a folder of its turn's own, which the next turn removes: a rename has come before that, and is
seen, or finds no source. Each turn makes its folder, removes the others', reads and renames. Of two that
overlap, the one that removes last has removed the other's folder before it reads.
"""

import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path

from c8ybin.fsio.beneath import entries
from c8ybin.fsio.files import exists, make_directory
from c8ybin.fsio.locks import is_locked, locked
from c8ybin.fsio.naming import is_taken, remove, remove_directory, unique_name

# Whoever is overtaken makes one draft, and one that is late makes none.
_MOST_ROUNDS = 100


@contextlib.contextmanager
def turn(path: Path, lock: Path, timeout_s: float) -> Iterator[Path]:
    """Hold a lock during the block, and yield a folder from which `path` is to be renamed.

    Args:
        path: The file to change; the folder is made beside it.
        lock: The lock file.
        timeout_s: How long to wait for it.

    Raises:
        TimeoutError: Somebody held the lock for `timeout_s` seconds.
        FileNotFoundError: Out of the block: somebody else had a turn meanwhile, so nothing was changed.
        OSError: ESTALE: the lock is lost by the end of the block, and nobody knows what the others see.
    """
    with locked(lock, timeout_s):
        folder = path.with_name(f".{path.name}.{unique_name()}")
        make_directory(folder)
        try:
            overtake(path, but=folder)
            yield folder
            if not (is_locked(lock) and exists(folder)):
                raise OSError(errno.ESTALE, "the lock was lost; look whether the change was made")
        finally:
            with contextlib.suppress(OSError):  # the next turn removes it
                _end(folder)


def overtake(path: Path, *, but: Path | None = None) -> None:
    """Let the turns that others had at a file come to nothing from now on; the lock is held.

    Raises:
        OSError: They may still come.
    """
    for folder in entries(path.parent):
        if folder.name.startswith(f".{path.name}.") and folder != but:
            _end(folder)


def _end(folder: Path) -> None:
    for _ in range(_MOST_ROUNDS):
        try:
            # Before anybody looks into it: what root was killed over may belong to root still.
            remove_directory(folder)
        except FileNotFoundError:
            return
        except NotADirectoryError:
            remove(folder)  # a draft that was made beside its target
            return
        except OSError as error:
            if not is_taken(error):
                raise
        else:
            return
        with contextlib.suppress(FileNotFoundError):
            for draft in entries(folder):
                remove(draft)
    raise OSError(errno.EBUSY, os.strerror(errno.EBUSY))
