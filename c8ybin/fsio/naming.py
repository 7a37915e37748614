"""Names of files and directories: given, changed, taken away."""

import contextlib
import errno
import os
import secrets
import shutil
from pathlib import Path

from c8ybin.fsio.beneath import AnyPath, Place, is_directory
from c8ybin.fsio.lacking import Lack, is_excused, link_by_rename


def rename(source: AnyPath, target: AnyPath) -> None:
    """Move a file or directory, replacing a file or an empty directory at the target."""
    with Place(source) as old, Place(target, old) as new:
        os.rename(old.name, new.name, src_dir_fd=old.fd, dst_dir_fd=new.fd)


def link(source: AnyPath, target: AnyPath) -> None:
    """Give a file a second name that must not exist yet."""
    with Place(source) as old, Place(target, old) as new:
        try:
            os.link(old.name, new.name, src_dir_fd=old.fd, dst_dir_fd=new.fd, follow_symlinks=False)
        except OSError as error:
            if not is_excused(Lack.LINK, error):
                raise
            link_by_rename(old.name, old.fd, new.name, new.fd)


def remove(path: AnyPath) -> bool:
    """Remove a file's name; return False when it was gone."""
    try:
        with Place(path) as place:
            os.unlink(place.name, dir_fd=place.fd)
    except FileNotFoundError:
        return False
    return True


def remove_directory(path: AnyPath) -> None:
    """Remove an empty directory."""
    with Place(path) as place:
        os.rmdir(place.name, dir_fd=place.fd)


def remove_tree(path: Path) -> None:
    """Remove a directory and what is in it, as far as that goes: what stays is swept later."""
    with contextlib.suppress(OSError), Place(path) as place:
        shutil.rmtree(place.name, ignore_errors=True, dir_fd=place.fd)


def remove_any(path: Path) -> None:
    """Remove a file's name, or a directory and what is in it, as `remove_tree` does."""
    if is_directory(path):
        remove_tree(path)
    else:
        remove(path)


def is_taken(error: OSError) -> bool:
    """Tell whether a directory could not be renamed because the target is one that is not empty."""
    return error.errno in (errno.ENOTEMPTY, errno.EEXIST)


def unique_name() -> str:
    """Return a name that nobody else uses."""
    return secrets.token_hex(6)
