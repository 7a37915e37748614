"""The folder in which is tried what a file system holds; nothing else of the directory is touched."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from c8ybin import fsio

# What the folders are called, whoever finds one that a killed probe left.
FOLDER = ".c8ybin-probe-"
ALIVE = "alive"
# Where no lock tells whether a probe still runs, one that began so long before this one does not.
_OLD_S = 3600.0


@contextmanager
def probe_folder(root: Path) -> Iterator[Path]:
    """Yield a new folder below a directory, which goes with all that is in it; what killed probes left goes too.

    Raises:
        OSError: It cannot be made: no room, no permission, read-only.
    """
    folder, alive = _make(root)
    try:
        try:
            remove_left(root, folder)
            yield folder
        finally:
            # The lock last: who holds it may remove the folder.
            fsio.remove_tree(folder)
    finally:
        fsio.close(alive)


def _make(root: Path) -> tuple[Path, int]:
    while True:
        folder = root / f"{FOLDER}{fsio.unique_name()}"
        fsio.make_directory(folder)
        try:
            alive = fsio.create(folder / ALIVE)
        except FileNotFoundError:
            continue  # taken for one that was left, while it was empty
        except BaseException:
            fsio.remove_tree(folder)
            raise
        try:
            with suppress(OSError):  # whether there are locks is tried later
                fsio.try_lock(alive)
            if fsio.exists(folder / ALIVE):
                return folder, alive
        except BaseException:
            fsio.close(alive)
            raise
        fsio.close(alive)


def remove_left(root: Path, own: Path) -> None:
    """Remove the folders of probes that were killed."""
    began_s = fsio.status(own).st_mtime
    for name in fsio.names(root):
        if name.startswith(FOLDER) and name != own.name:
            with suppress(OSError):
                _remove_if_left(root / name, began_s)


def _remove_if_left(folder: Path, now_s: float) -> None:
    try:
        alive = fsio.open_existing(folder / ALIVE, write=True)
    except FileNotFoundError:
        # The lock is made before anything else, and whoever finds its folder gone takes another.
        if fsio.names(folder):
            fsio.remove_tree(folder)
        else:
            fsio.remove_directory(folder)
        return
    try:
        is_old = now_s - fsio.status(folder).st_mtime > _OLD_S
        if _is_let_go(alive, is_old=is_old):
            fsio.remove_tree(folder)
    finally:
        os.close(alive)


def _is_let_go(alive: int, *, is_old: bool) -> bool:
    try:
        return fsio.is_let_go(alive)
    except OSError as error:
        return is_old and error.errno in fsio.NEVER
