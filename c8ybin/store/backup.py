"""Writes a backup of a data directory, each event as it stood at one moment, while servers go on."""

import hashlib
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from c8ybin import fsio
from c8ybin.domain.errors import Damaged, EventNotFound, is_of_one_file
from c8ybin.domain.ids import EventId
from c8ybin.domain.steps import Step, uncounted
from c8ybin.store.archive import ArchiveWriter, Header, Output, Stamp
from c8ybin.store.layout import ACCOUNTS, FIRST_PASSWORD, Layout
from c8ybin.store.manifest import Entry, Manifest
from c8ybin.store.opening import UnfitDirectory
from c8ybin.store.single_snapshots import SinglesSnapshot
from c8ybin.store.snapshot import File, snapshot


class Unsteady(Exception):
    """A disk that gives other bytes than a moment before; the message is the file's path."""


@dataclass(slots=True)
class BackedUp:
    """What a backup holds.

    Attributes:
        stamp: Which it is.
        events: How many.
        files: How many, and of those how many were copied; the others are in earlier backups.
        bytes: Of all files, and of those that were copied.
        damaged: The events that were left out.
        others: The managed objects and external IDs that were, by their paths.
    """

    stamp: Stamp
    events: int = 0
    files: int = 0
    copied_files: int = 0
    bytes: int = 0
    copied_bytes: int = 0
    damaged: list[EventId] = field(default_factory=list)
    others: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Previous:
    """The backup that an incremental one builds on."""

    header: Header
    manifest: Manifest


def write_backup(
    layout: Layout,
    output: Output,
    previous: Previous | None = None,
    *,
    step: Step = uncounted,
    left_out: Callable[[str, str], None] = lambda *_: None,
) -> BackedUp:
    """Write a backup.

    Args:
        layout: The data directory; nothing in it is changed or locked.
        output: Where the archive goes, in a stream.
        previous: The backup whose files need not be copied again.
        step: Called as it goes on.
        left_out: Called for each event or other file that is damaged, with what is wrong.

    Raises:
        NotWritten: The output does not take it.
        Unsteady: The disk is failing; the archive is of no use.
        UnfitDirectory: It was replaced by a restore meanwhile.
        OSError: The data directory cannot be read.
    """
    header = Header.make(int(time.time() * 1000), previous.header if previous else None)
    with closing(ArchiveWriter(output, header)) as archive:
        done = BackedUp(header.stamp)
        known = _Known(iter(previous.manifest) if previous else iter(()))
        top, place = known.below(""), identity_of(layout)
        for path, data in _of_directory(layout):
            _add(archive, path, File.of_bytes(path, data), top.get(path), done)
        # In the alphabet's order, as the tree of events; external IDs of these objects alone.
        singles = SinglesSnapshot(layout, done.others, left_out)
        _add_singles(archive, singles.objects(), known, done)
        for event_id, home in layout.walk():
            try:
                _add_event(archive, layout, home, known, done, step)
                done.events += 1
            except EventNotFound:
                pass  # deleted meanwhile
            except (Damaged, OSError) as error:
                if isinstance(error, OSError) and not is_of_one_file(error):
                    raise
                done.damaged.append(event_id)
                left_out(f"event {event_id}", error.what if isinstance(error, Damaged) else str(error))
            step(events=1)
        _add_singles(archive, singles.external_ids(), known, done)
        if identity_of(layout) != place:
            raise UnfitDirectory(f"{layout.root} was replaced by a restore meanwhile; back it up again.")
        archive.finish()
    return done


def identity_of(layout: Layout) -> tuple[int, int] | None:
    """Return what tells a tree of events from another one in its place."""
    try:
        status = fsio.status(layout.events)
    except FileNotFoundError:
        return None
    return status.st_dev, status.st_ino


def _of_directory(layout: Layout) -> list[tuple[str, bytes]]:
    """Read the files that belong to no event, as they stood together."""
    names = (layout.format.name, ACCOUNTS, FIRST_PASSWORD)
    while True:
        first, second = ([fsio.read_if_there(layout.root / name) for name in names] for _ in range(2))
        if first == second:
            return [(name, data) for name, data in zip(names, first, strict=True) if data is not None]


def _add_event(
    archive: ArchiveWriter, layout: Layout, home: Path, known: "_Known", done: BackedUp, step: Step
) -> None:
    folder = home.relative_to(layout.root).as_posix()
    before = known.below(folder)
    with snapshot(home) as files:
        # What is wrong must be known before the first byte is written, for none can be taken back.
        for file in files:
            entry = before.get(f"{folder}/{file.name}")
            if not _is_unchanged(file, entry):
                digest = file.digest()
                if file.sha256 not in (None, digest):
                    raise Damaged(f"{home / file.name}: its bytes do not match its SHA-256")
                file.sha256 = digest
        for file in files:
            path = f"{folder}/{file.name}"
            _add(archive, path, file, before.get(path), done, step)


def _add_singles(
    archive: ArchiveWriter, files: Iterator[tuple[str, File]], known: "_Known", done: BackedUp
) -> None:
    folder, before = "", dict[str, Entry]()
    for path, file in files:
        if (own := path.rpartition("/")[0]) != folder:
            folder, before = own, known.below(own)
        _add(archive, path, file, before.get(path), done)


def _is_unchanged(file: File, entry: Entry | None) -> bool:
    # The digest counts, not the length alone: bytes of an upload that have not arrived are zeros in a backup.
    return entry is not None and (entry.length, entry.sha256) == (file.length, file.sha256)


def _add(
    archive: ArchiveWriter, path: str, file: File, entry: Entry | None, done: BackedUp, step: Step = uncounted
) -> None:
    done.files += 1
    done.bytes += file.length
    if entry and _is_unchanged(file, entry):
        archive.refer(entry)
        return
    done.copied_files += 1
    done.copied_bytes += file.length
    digest = file.sha256 or file.digest()
    archive.add(path, file.length, _steady(path, file, digest, step), digest)


def _steady(path: str, file: File, digest: bytes, step: Step) -> Iterator[bytes]:
    """Yield the bytes of a file, which were read before and found right.

    Raises:
        Unsteady: They are others now, or cannot be read any more.
    """
    again = hashlib.sha256()
    try:
        for block in file.blocks():
            again.update(block)
            yield block
            step(bytes=len(block))
    except (Damaged, OSError) as error:
        raise Unsteady(path) from error
    if again.digest() != digest:
        raise Unsteady(path)


class _Known:
    """The entries of an earlier manifest, directory by directory in the order of the walk.

    Both are sorted alike, so that no more than one directory is kept in memory.
    """

    def __init__(self, entries: Iterator[Entry]) -> None:
        self._entries = entries
        self._next = next(entries, None)

    def below(self, folder: str) -> dict[str, Entry]:
        """Return the entries of the files in a directory by their paths, once."""
        wanted, found = folder.split("/"), {}
        while self._next and (place := self._next.path.split("/")[:-1] or [""]) <= wanted:
            if place == wanted:
                found[self._next.path] = self._next
            self._next = next(self._entries, None)
        return found
