"""Uploads in chunks: any order, side by side, twice, across restarts.

A chunk's bytes are durable in the content file before its line in the journal is, and
the line before the answer. The completing chunk gets no line: it counts by the commit of
`binary.json`, which names the content file where the bytes already are; then the
journal goes.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from c8ybin import fsio
from c8ybin.bodies import HASHED_ON_ARRIVAL, Received, ReceivedBody, digests_of
from c8ybin.domain.conditions import Precondition
from c8ybin.domain.digests import OURS, check_digests
from c8ybin.domain.errors import BinaryExists, ChunkConflict, Damaged, Unreadable
from c8ybin.domain.ids import EventId
from c8ybin.domain.ranges import ContentRange, Span
from c8ybin.domain.records import Record
from c8ybin.store.binary import Binary, read_binary, validators_of
from c8ybin.store.commit import (
    commit,
    drop_upload,
    remove_content,
    removed_unless_named,
    tidying,
)
from c8ybin.store.disk import Disk, acknowledged
from c8ybin.store.fence import take_away
from c8ybin.store.group_commit import Durable, Steps, is_small
from c8ybin.store.journal import Journal, chunk_record, is_void, read_journal, sync_journal
from c8ybin.store.layout import BINARY, CONTENT, JOURNAL


@dataclass(frozen=True, slots=True)
class Chunk:
    """One chunk of a file.

    Attributes:
        where: Its place in the file, and the file's length if it tells it.
        received: Its bytes, in a spool, and what its sender calls the file.
        replaces: Whether it was PUT: it may feed a replacement of a binary.
        owner: Who sent it.
        stated: Digests of the finished file that it states, by algorithm.
    """

    where: ContentRange
    received: Received
    replaces: bool
    owner: str
    stated: Mapping[str, bytes]

    @property
    def body(self) -> ReceivedBody:
        """Its bytes."""
        return self.received.body

    def record(self) -> Record:
        """Its line in the journal."""
        return chunk_record(self.where, self.body.digests[OURS], self.stated)

    def signature(self) -> dict[str, str]:
        """What `binary.json` remembers of the completing chunk, to know it when it is sent again."""
        return {
            "method": "PUT" if self.replaces else "POST",
            "range": str(self.where),
            "sha256": self.body.digests[OURS].hex(),
        }


class Uploads:
    """The incomplete uploads of the events in one data directory."""

    def __init__(self, disk: Disk) -> None:
        self._disk = disk

    @acknowledged
    def receive(self, event_id: EventId, chunk: Chunk, wanted: Precondition) -> Binary | Journal:
        """Add a chunk to the upload of an event, and complete it if that was the last byte.

        Returns:
            The binary if the upload is complete, else the state of the upload.

        Raises:
            EventNotFound: There is no such event.
            BinaryExists: It has a binary, and the chunk was POSTed.
            ChunkConflict: The chunk contradicts earlier ones; nothing has changed.
            Unreadable: It tells a length below a byte that arrived; nothing has changed.
            DigestMismatch: The finished file is not what was stated; the chunk does not
                count.
            PreconditionFailed: `wanted` does not hold.
            OSError: ENOSPC, EDQUOT, EIO: the chunk does not count.

        Source: the upstream document, "POST content-range".
        """
        outcome = self._receive(event_id, chunk, wanted)
        if isinstance(outcome, Binary):
            self._disk.digester.follow(self._disk.layout.event(event_id), outcome)
        return outcome

    def _receive(self, event_id: EventId, chunk: Chunk, wanted: Precondition) -> Binary | Journal:
        while True:
            with self._disk.held(event_id) as home:
                binary = read_binary(home)
                wanted.check(validators_of(binary))
                self._disk.prepare(event_id)
                journal = read_journal(home)
                if journal and is_void(journal, binary):
                    # What makes it void may not be durable yet, if its writer died.
                    fsio.sync_directory(home)
                    drop_upload(home, binary, self._disk)
                    journal = None
                if journal and not fsio.exists(home / journal.content):
                    raise Damaged(f"{home / journal.content}: missing")
                # A PUT may as well be a part of the replacement that is under way.
                may_repeat = journal is None or not chunk.replaces
                if binary and may_repeat and binary.completed_by == chunk.signature():
                    return self._again(home, binary)
                if binary and not chunk.replaces:
                    raise BinaryExists
                generation = self._disk.locks.generation(event_id)
                if journal and journal.generation != generation:
                    self._take_over(event_id, home, journal, generation)
                try:
                    return self._add(event_id, home, chunk, journal, binary)
                except BinaryExists:
                    continue  # a whole POST, which takes no lock, came first: look again

    def _again(self, home: Path, binary: Binary) -> Binary:
        """Repeat the finished answer; whoever committed it may have died before the fsync."""
        for name in (binary.content, BINARY):
            fsio.sync_file(home / name)
        fsio.sync_directory(home)
        return binary

    def _add(
        self, event_id: EventId, home: Path, chunk: Chunk, present: Journal | None, binary: Binary | None
    ) -> Binary | Journal:
        span = chunk.where.span
        journal = present
        if journal:
            equal = _equal(home / journal.content, chunk.body, span, journal.spans.within(span))
            if not equal and span.start == 0:
                journal = None
            else:
                _check_consistent(journal, chunk.where, equal=equal)
        if journal:
            self._append(home, chunk, journal)
        else:
            journal = self._begin(event_id, home, chunk, binary)
            if not (present or binary or journal.complete) and fsio.exists(home / BINARY):
                # By a whole POST, which takes no lock, and which may have looked for a journal before this one.
                drop_upload(home, read_binary(home), self._disk)
                raise BinaryExists
        outcome = self._complete(event_id, home, chunk, journal, binary) if journal.complete else journal
        if present and present.content != journal.content:
            with tidying(self._disk):
                remove_content(home, present.content)
        return outcome

    def _begin(self, event_id: EventId, home: Path, chunk: Chunk, base: Binary | None) -> Journal:
        journal = Journal(
            base=base.content if base else None,
            content=self._disk.writer.next_name(CONTENT),
            label=chunk.received.label,
            owner=chunk.owner,
            generation=self._disk.locks.generation(event_id),
        )
        fd = fsio.create(home / journal.content)
        told = self._disk.telling(event_id)
        with told, removed_unless_named(home, journal.content), fsio.closing(fd):
            self._write(fd, chunk, journal)
            unsynced = _unsynced(fd, chunk)
            if journal.completed_with(chunk.where):
                self._disk.together.run(_synced(unsynced))
                journal.take(chunk.record())
                return journal
            self._disk.together.run(self._journal_begun(home, chunk, journal, unsynced))
        return journal

    def _journal_begun(
        self, home: Path, chunk: Chunk, journal: Journal, unsynced: Sequence[int]
    ) -> Steps[None]:
        # The journal must not name a content file whose own name a power cut may take.
        yield Durable(data=unsynced, directories=(home,))
        yield from journal.begin(home, chunk.record(), self._disk.writer)
        self._disk.journal_is_durable(home)

    def _take_over(self, event_id: EventId, home: Path, journal: Journal, generation: int) -> None:
        """Go on with an upload in new files: the lock was broken, and who had it may write to the old ones yet."""
        left, content = journal.content, self._disk.writer.next_name(CONTENT)
        fd = fsio.create(home / content)
        with (
            self._disk.telling(event_id),
            removed_unless_named(home, content),
            fsio.closing(fd),
            fsio.opened(home / left) as old,
        ):
            self._disk.require_room()
            for span in journal.spans:
                for block in span.blocks(fsio.COPY_BYTES):
                    fsio.write_at(fd, fsio.read_at(old, block.length, block.start), block.start)
            fsio.sync_data(fd)
            self._disk.together.run(self._moved(home, journal, content, generation))
        with tidying(self._disk):
            remove_content(home, left)

    def _moved(self, home: Path, journal: Journal, content: str, generation: int) -> Steps[None]:
        # As for an upload that begins: its name must be durable before the journal tells it.
        yield Durable(directories=(home,))
        yield from journal.move(home, content, generation, self._disk.writer)
        self._disk.journal_is_durable(home)

    def _append(self, home: Path, chunk: Chunk, journal: Journal) -> None:
        with fsio.opened(home / journal.content, write=True) as fd:
            news = self._write(fd, chunk, journal)
            told = chunk.where.length is not None and journal.length is None
            if journal.completed_with(chunk.where):
                self._disk.together.run(_synced(_unsynced(fd, chunk)))
                journal.take(chunk.record())
            elif news or told or chunk.stated.items() - journal.stated.items():
                unsynced = _unsynced(fd, chunk)
                self._disk.together.run(self._line_appended(home, chunk, journal, unsynced))
            else:
                fsio.sync(fd)
                sync_journal(home)

    def _line_appended(
        self, home: Path, chunk: Chunk, journal: Journal, unsynced: Sequence[int]
    ) -> Steps[None]:
        yield Durable(data=unsynced)
        self._disk.make_journal_durable(home)
        yield from journal.append(home, chunk.record(), self._disk.writer)
        self._disk.journal_is_durable(home)

    def _write(self, fd: int, chunk: Chunk, journal: Journal) -> bool:
        """Write what is missing of a chunk; tell whether anything was. Not durable yet."""
        span = chunk.where.span
        missing = journal.spans.missing(span)
        length = journal.length if chunk.where.length is None else chunk.where.length
        if missing:
            self._disk.require_room()
        for gap in missing:
            _copy(chunk.body, fd, gap, span.start)
        if length is not None and journal.completed_with(chunk.where):
            # Bytes of a chunk that never counted may stand beyond the end.
            fsio.truncate(fd, length)
            stated = {**journal.stated, **chunk.stated}
            # A long file is read under the lock only for what a client stated.
            if stated or length <= HASHED_ON_ARRIVAL:
                found = digests_of(fd, {OURS, *stated})
                check_digests("Repr-Digest", stated, found)
                journal.sha256 = found[OURS]
        return bool(missing)

    def _complete(
        self, event_id: EventId, home: Path, chunk: Chunk, journal: Journal, over: Binary | None
    ) -> Binary:
        with fsio.opened(home / journal.content) as fd:
            length = fsio.length(fd)
        binary = Binary(
            content=journal.content,
            type=journal.label.type,
            name=journal.label.name or str(event_id),
            length=length,
            sha256=journal.sha256,
            time=self._disk.next_time(over.time if over else 0),
            owner=journal.owner,
            completed_by=chunk.signature(),
        )
        with self._disk.telling(event_id), removed_unless_named(home, binary.content):
            self._disk.together.run(commit(home, binary, over, self._disk))
        with tidying(self._disk):
            dropped = take_away(home / JOURNAL, self._disk.writer)
            if over:
                remove_content(home, over.content)
            elif dropped:
                # A void journal would be found by no sweep once the process has ended well.
                fsio.sync_directory(home)
        return binary


def _unsynced(fd: int, chunk: Chunk) -> Sequence[int]:
    """Return the content file where it is still to be made durable; a large chunk is here, so that nobody waits."""
    if is_small(chunk.where.span.length):
        return (fd,)
    fsio.sync_data(fd)
    return ()


def _synced(unsynced: Sequence[int]) -> Steps[None]:
    yield Durable(data=unsynced)


def _check_consistent(journal: Journal, where: ContentRange, *, equal: bool) -> None:
    if not equal:
        raise ChunkConflict("Other bytes have arrived in this range; DELETE the attachment to begin anew.")
    if where.length is not None:
        if where.length < journal.spans.end:
            raise Unreadable("Content-Range tells a length below a byte that has arrived.")
        if journal.length is not None and where.length != journal.length:
            raise ChunkConflict("An earlier chunk told another length; DELETE the attachment to begin anew.")
    if journal.length is not None and where.span.end > journal.length:
        raise ChunkConflict(
            "The chunk lies beyond the length that an earlier one told; DELETE the attachment to begin anew."
        )


def _equal(content: Path, body: ReceivedBody, span: Span, parts: Iterable[Span]) -> bool:
    """Compare the bytes of a chunk with those that arrived before it."""
    with fsio.opened(content) as fd:
        for part in parts:
            for block in part.blocks(fsio.COPY_BYTES):
                there = fsio.read_at(fd, block.length, block.start)
                if there != body.read_at(block.length, block.start - span.start):
                    return False
    return True


def _copy(body: ReceivedBody, fd: int, gap: Span, origin: int) -> None:
    for block in gap.blocks(fsio.COPY_BYTES):
        fsio.write_at(fd, body.read_at(block.length, block.start - origin), block.start)
