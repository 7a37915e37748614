"""Ballast: a little space that a start on a full disk may let go, so that deletions are possible there.

A server that was killed on a full disk must be able to start on it, and joining takes a
folder and two files. `ballast/` holds that many files and blocks; a start that finds no
room removes it, and a later one that finds room makes it anew.
"""

import os
from contextlib import suppress

from c8ybin import fsio
from c8ybin.store.layout import Layout

FILES = 8
FILE_BYTES = 32 * 1024


def take_in(layout: Layout) -> None:
    """Make what is missing of the ballast; a disk without room for it is no trouble now."""
    with suppress(OSError):
        fsio.make_directory(layout.ballast)
        for number in range(FILES):
            path = layout.ballast / str(number)
            if fsio.exists(path) and fsio.status(path).st_size == FILE_BYTES:
                continue
            fsio.remove(path)
            fd = fsio.create(path)
            try:
                # Bytes that no file system makes smaller.
                fsio.write_at(fd, os.urandom(FILE_BYTES), 0)
            finally:
                fsio.close(fd)


def let_go(layout: Layout) -> None:
    """Remove the ballast."""
    fsio.remove_tree(layout.ballast)
