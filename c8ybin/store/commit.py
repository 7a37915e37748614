"""The commit steps that attaching, replacing and completing share."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from c8ybin import fsio
from c8ybin.domain.errors import BinaryExists, Busy, Damaged
from c8ybin.domain.records import encode
from c8ybin.store.binary import Binary, read_binary
from c8ybin.store.disk import Disk
from c8ybin.store.event import EventFile, parse_event_file
from c8ybin.store.fence import take_away
from c8ybin.store.group_commit import Durable, Steps
from c8ybin.store.journal import is_void, read_journal
from c8ybin.store.layout import BINARY, EVENT, JOURNAL
from c8ybin.store.records import replace

log = logging.getLogger(__name__)


def commit(
    home: Path,
    binary: Binary,
    over: Binary | None,
    disk: Disk,
    *,
    content: Sequence[int] = (),
    leading: Sequence[Path] = (),
) -> Steps[None]:
    """Make `binary` the binary of an event, in steps; its content file is in the directory.

    The content and the names in the directory are made durable before `binary.json` gets
    its own: a power cut may keep any of the name changes since the last fsync, and
    `binary.json` must not name a content file that was lost.

    Args:
        home: The event's directory.
        binary: What `binary.json` is to tell.
        over: The binary that it replaces (the caller holds the lock), or None.
        disk: Where it happens.
        content: A descriptor on the content file where that is not fsynced yet.
        leading: The directories to be made durable too, as `Disk.preparation` tells them.

    Raises:
        BinaryExists: There is one, although `over` is None; nothing has changed.
        OSError: Nothing has changed, or, from the last fsync, the new binary stands but
            may not survive a power cut.
    """
    draft = f"{disk.writer.drafts}/{disk.writer.draft_name(BINARY)}"
    fd = fsio.create(draft)
    try:
        with fsio.closing(fd):
            fsio.write_at(fd, encode(binary.to_record()), 0)
            yield Durable(files=(fd, *content), directories=(home, *leading))
        _give_name(draft, f"{home}/{BINARY}", replacing=over is not None)
    finally:
        # After a link this frees no inode; after a rename there is nothing to remove.
        with tidying(disk):
            fsio.remove(draft)
    yield Durable(directories=(home,))


def _give_name(draft: str, path: str, *, replacing: bool) -> None:
    if replacing:
        fsio.rename(draft, path)
        return
    try:
        fsio.link(draft, path)
    except FileExistsError:
        raise BinaryExists from None


@contextmanager
def tidying(disk: Disk) -> Iterator[None]:
    """Remove what a commit made useless: what does not go is left to the sweep, for the commit stands."""
    try:
        yield
    except (OSError, Busy) as error:
        disk.writer.left_something = True
        log.warning("left to the sweep: %s", error)


@contextmanager
def removed_unless_named(home: Path, content: str) -> Iterator[None]:
    """Remove a content file where the block fails before `binary.json` or the journal names it."""
    try:
        yield
    except BaseException:
        with suppress(OSError, Damaged):
            if content not in named_contents(home):
                fsio.remove(home / content)
        raise


def named_contents(home: Path) -> set[str]:
    """Return the content files that an event's journal and `binary.json` name.

    The journal is read first: completing hands its content file over to the other.

    Raises:
        Damaged: One of them does not hold what it should.
    """
    return {named.content for named in (read_journal(home), read_binary(home)) if named}


def drop_upload(home: Path, binary: Binary | None, disk: Disk) -> bool:
    """Discard the incomplete upload of an event, durably, if there is one; the lock is held."""
    try:
        journal = read_journal(home)
    except Damaged:
        journal = None
    if not take_away(f"{home}/{JOURNAL}", disk.writer):
        return False
    # Before its bytes go, and before a binary does: an upload begun before that would come back.
    fsio.sync_directory(home)
    if journal is None:
        return True
    # The completing chunk makes the upload's content file the binary's.
    if binary is None or journal.content != binary.content:
        remove_content(home, journal.content)
    return True


def remove_content(home: Path, content: str) -> None:
    """Remove a content file that nothing names, durably: the next sweep may not look here any more."""
    fsio.remove(home / content)
    fsio.sync_directory(home)


def drop_void_upload(home: Path, disk: Disk) -> None:
    """Discard an upload whose base is no longer the binary of the event; the lock is held."""
    binary = read_binary(home)
    journal = read_journal(home)
    if journal and is_void(journal, binary):
        drop_upload(home, binary, disk)


def is_being_replaced(home: Path, binary: Binary) -> bool:
    """Tell whether there is an upload that began over this very binary."""
    try:
        journal = read_journal(home)
    except Damaged:
        return False
    return journal is not None and not is_void(journal, binary)


def write_event(home: Path, file: EventFile, disk: Disk, leading: Sequence[Path] = ()) -> Steps[None]:
    """Replace `event.json`, in steps, after the directories that `Disk.preparation` told; the lock is held."""
    return replace(home / EVENT, file.to_bytes(), disk.writer, leading)


def touch_event(home: Path, previous: int, disk: Disk) -> None:
    """Let the event's own time be now, but not before `previous`; the lock is held."""
    path = home / EVENT
    file = parse_event_file(fsio.read(path), path)
    updated = disk.next_time(max(file.updated, previous))
    touched = EventFile(file.created, updated, file.owner, file.document)
    disk.together.run(write_event(home, touched, disk))
