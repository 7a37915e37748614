"""The fence: a writer that was taken for dead changes nothing any more, whenever it comes back.

A process may be stopped between any two system calls, or its host be cut off and come back
minutes later. Its lock is broken meanwhile (locks.py), so what it goes on with must fail by
itself: a look before each step would leave the moment between the look and the step.

So every name that a writer gives, changes or takes away in the store goes from or to its
folder of drafts, `tmp/<writer>/drafts`: `binary.json`, `event.json` and journals are renamed
or linked from there, bodies and new events too; what is deleted is renamed into it. Who fences
a writer moves the drafts out and removes that directory. A rename from it then finds no
source, one into it no target, whatever descriptors are still open: the calls answer ENOENT.

Three kinds of change are not arbitrated by that, and need not be: contents have names that
nobody uses again, so a late removal removes what nothing names; bytes and lines of an upload
are written to files that whoever breaks a lock leaves behind (`Uploads`); and where a full
disk has no room for the name of what is deleted, it is removed in place.
"""

import errno
import os
from contextlib import suppress
from pathlib import Path

from c8ybin import fsio
from c8ybin.domain.errors import CutOff, is_full
from c8ybin.store.beats import BEAT
from c8ybin.store.writer import ALIVE, DRAFTS, FENCED, Writer

# Of a writer that is dead, one is enough; one that is not dead makes new drafts meanwhile.
_MOST_ROUNDS = 1000


def fence(folder: Path) -> None:
    """Let the writer of a folder in `tmp/` change nothing any more, durably; what it had under way is swept later.

    It may be done by several at once, and by another one that goes on where the first was killed.

    Raises:
        FileNotFoundError: The folder is gone, which does the same.
        OSError: Nobody knows whether it is done.
    """
    with suppress(FileExistsError):
        fsio.close(fsio.create(folder / FENCED))
    for _ in range(_MOST_ROUNDS):
        if _taken_down(folder):
            break
    else:
        raise OSError(errno.EBUSY, os.strerror(errno.EBUSY))
    fsio.sync_directory(folder)


def _taken_down(folder: Path) -> bool:
    drafts = folder / DRAFTS
    try:
        for name in fsio.names(drafts):
            # Moved and not removed: a deleted event may come back until its hour was fsynced.
            with suppress(FileNotFoundError):
                fsio.rename(drafts / name, folder / name)
        fsio.remove_directory(drafts)
    except FileNotFoundError:
        return True
    except OSError as error:
        if not fsio.is_taken(error):
            raise
        return False
    return True


def is_fenced(folder: Path) -> bool:
    """Tell whether the writer of a folder in `tmp/` can change nothing any more."""
    return fsio.exists(folder / FENCED) and not fsio.exists(folder / DRAFTS)


def is_dead(folder: Path, alive: int) -> bool:
    """Tell whether the writer of a folder has let its lock of life go, which this process then has.

    One with a beat is fenced before that is told: its file system may have taken its locks away, and it may come back.

    Args:
        folder: In `tmp/`.
        alive: Its lock of life, open.

    Raises:
        FileNotFoundError: The folder is gone.
        OSError: Nobody knows.
    """
    if not fsio.is_let_go(alive):
        return False
    if fsio.exists(folder / BEAT):
        fence(folder)
    return True


def is_cut_off(writer: Writer) -> bool:
    """Tell whether others took this process for dead."""
    return not fsio.exists(writer.drafts)


def take_away(path: fsio.AnyPath, writer: Writer) -> bool:
    """Remove a file's name by way of the drafts; tell whether it was there.

    For names that are used again. The removal is not durable yet.

    Raises:
        CutOff: This process was fenced; nothing was removed.
    """
    grave = f"{writer.drafts}/{writer.next_name('gone')}"
    try:
        fsio.rename(path, grave)
    except FileNotFoundError:
        if is_cut_off(writer):
            raise CutOff from None
        return False
    except OSError as error:
        if not is_full(error):
            raise
        return fsio.remove(path)  # there is no room for a name
    with suppress(OSError):  # what stays there is swept with the folder
        fsio.remove(grave)
    return True


def require_in_touch(writer: Writer) -> None:
    """Make sure that what was committed is what the others see: this process is one of them to this moment.

    A file system that has parted with a client takes its locks away, whether it tells the
    client or not, and may answer well to what it then throws away. The lock of life is asked
    for through a new descriptor: while it is this process's, nobody can have it. Then through
    the old one, for it may be that somebody else has it. Then there is the fence, since that
    somebody fences first.

    Raises:
        CutOff: It is not.
        OSError: Nobody knows.
    """
    try:
        fd = fsio.open_existing(writer.folder / ALIVE, write=True)
    except FileNotFoundError:
        raise CutOff from None
    with fsio.closing(fd):
        if _is_free(fd) or not writer.has_alive() or is_cut_off(writer):
            raise CutOff


def _is_free(alive: int) -> bool:
    """Tell whether the lock of life can be had, or the client of a file system says that it has lost its locks."""
    try:
        return fsio.is_let_go(alive, shared=True)
    except OSError as error:
        if error.errno != errno.EIO:
            raise
        return True
