"""The journal of an incomplete upload: which content file it fills, and which bytes have arrived.

The first line names the content file and the binary that stood when the upload began
(its base); each further line is a chunk whose bytes were durable before it was written.
An upload whose base is no longer current is void.
"""

import errno
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from c8ybin import fsio
from c8ybin.domain.errors import Damaged
from c8ybin.domain.labels import Label
from c8ybin.domain.ranges import ContentRange, Span, Spans
from c8ybin.domain.records import Record, decode, encode, texts
from c8ybin.store.binary import Binary
from c8ybin.store.group_commit import Durable, Steps
from c8ybin.store.layout import JOURNAL, is_content_name
from c8ybin.store.records import replace
from c8ybin.store.writer import Writer

MOST_LINES = 256


@dataclass(slots=True)
class Journal:
    """An incomplete upload as its journal tells it.

    Attributes:
        base: The content file of the binary that it replaces; None where there was none.
        content: The content file that it fills.
        label: Type and name, from the chunk that began it.
        owner: Who began it.
        spans: The bytes that have arrived.
        length: The file's length, once a chunk told it.
        stated: Digests of the finished file that chunks stated, by algorithm.
        generation: That of the event's lock under which it began or was moved; see `locks.py`.
        sha256: That of the finished file, where it was read to check what was stated; in no line.
    """

    base: str | None
    content: str
    label: Label
    owner: str
    spans: Spans = field(default_factory=Spans)
    length: int | None = None
    stated: dict[str, bytes] = field(default_factory=dict)
    generation: int = 0
    sha256: bytes | None = None
    _header: bytes = b""
    _end: int = 0
    _lines: int = 0

    def __str__(self) -> str:
        """Write what has arrived, as the fragment and the answer show it: `0-3,8-9/10`."""
        return f"{self.spans}/{'*' if self.length is None else self.length}"

    @property
    def valid_bytes(self) -> int:
        """The length of its valid lines in bytes; a torn line may follow."""
        return self._end

    @property
    def complete(self) -> bool:
        """Whether every byte has arrived."""
        return self.length is not None and self.spans.covers(self.length)

    def completed_with(self, where: ContentRange) -> bool:
        """Whether every byte has arrived once those of this chunk have."""
        length = self.length if where.length is None else where.length
        return length is not None and all(
            where.span.start <= gap.start and gap.end <= where.span.end
            for gap in self.spans.missing(Span(0, length))
        )

    def take(self, chunk: Record) -> None:
        """Count a chunk's line."""
        self.spans.add(Span(chunk["start"], chunk["stop"] + 1))
        if chunk["length"] is not None:
            self.length = chunk["length"]
        self.stated |= {k: bytes.fromhex(v) for k, v in chunk.get("stated", {}).items()}

    def begin(self, home: Path, chunk: Record, writer: Writer) -> Steps[None]:
        """Write the journal of this upload with its first chunk, in place of an older one.

        Raises:
            OSError: The old journal stands, or the new one may not survive a power cut.
        """
        yield from self._rewrite(home, [chunk], writer)
        self.take(chunk)

    def move(self, home: Path, content: str, generation: int, writer: Writer) -> Steps[None]:
        """Go on in another content file, which holds the bytes that have arrived, and in a new journal.

        Raises:
            OSError: The old journal stands, or the new one may not survive a power cut.
        """
        self.content, self.generation = content, generation
        yield from self._rewrite(home, [self._record(span) for span in self.spans], writer)

    def append(self, home: Path, chunk: Record, writer: Writer) -> Steps[None]:
        """Add a chunk, after cutting off a torn line.

        Raises:
            FileNotFoundError: This upload is gone, and there may be another one: the lock was broken.
            OSError: The chunk does not count.
        """
        line = encode(chunk)
        with fsio.opened(home / JOURNAL, write=True) as fd:
            # Who was stopped before this would write into what others began meanwhile, and were answered for.
            # No two uploads have the same content file; one that replaces this file later leaves it behind.
            if fsio.read_at(fd, len(self._header), 0) != self._header:
                raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(home / JOURNAL))
            try:
                fsio.truncate(fd, self._end)
                fsio.write_at(fd, line, self._end)
                yield Durable(data=(fd,))
            except OSError:
                # The line may stand in memory and never reach the disk, and an fsync cannot be
                # tried again on this file: a new one takes its place before anything in it counts.
                with suppress(OSError):
                    fsio.truncate(fd, self._end)
                    yield from replace(home / JOURNAL, fsio.read_at(fd, self._end, 0), writer)
                raise
        self.take(chunk)
        self._end += len(line)
        self._lines += 1
        if self._lines > MOST_LINES:
            # Every chunk reads them all. The chunk counts, whether this goes well or not.
            with suppress(OSError):
                yield from self._rewrite(home, [self._record(span) for span in self.spans], writer)

    def _record(self, span: Span) -> Record:
        return chunk_record(ContentRange(span, self.length), None, self.stated)

    def _rewrite(self, home: Path, chunks: Sequence[Record], writer: Writer) -> Steps[None]:
        header: Record = {
            "base": self.base,
            "content": self.content,
            "type": self.label.type,
            "name": self.label.name,
            "owner": self.owner,
        }
        if self.generation:
            header["generation"] = self.generation
        first = encode(header)
        data = first + b"".join(map(encode, chunks))
        yield from replace(home / JOURNAL, data, writer)
        self._header = first
        self._end = len(data)
        self._lines = len(chunks)


def chunk_record(where: ContentRange, sha256: bytes | None, stated: Mapping[str, bytes]) -> Record:
    """Return the line of a chunk; one that stands for several merged ones has no digest."""
    record: Record = {
        "start": where.span.start,
        "stop": where.span.end - 1,
        "length": where.length,
        "sha256": sha256.hex() if sha256 else None,
    }
    if stated:
        record["stated"] = {k: v.hex() for k, v in stated.items()}
    return record


def read_journal(home: Path) -> Journal | None:
    """Read the journal in an event's directory; None when there is none.

    Raises:
        Damaged: It does not hold what it should.
    """
    path = home / JOURNAL
    try:
        data = fsio.read(path)
    except FileNotFoundError:
        return None
    return parse_journal(data, path)


def parse_journal(data: bytes, path: fsio.AnyPath) -> Journal:
    """Read the bytes of a journal.

    Raises:
        Damaged: They are not what one holds.
    """
    (header, *chunks), end = decode(data, str(path))
    try:
        if not chunks:
            raise ValueError  # the first chunk came into place with the header
        content, media_type, owner = texts(header, "content", "type", "owner")
        if not is_content_name(content):
            raise ValueError
        journal = Journal(
            base=header["base"] and texts(header, "base")[0],
            content=content,
            label=Label(media_type, header["name"] and texts(header, "name")[0]),
            owner=owner,
            generation=header.get("generation", 0),
            _header=data[: data.index(b"\n") + 1],
            _end=end,
            _lines=len(chunks),
        )
        for chunk in chunks:
            journal.take(chunk)
    except (KeyError, TypeError, ValueError):
        raise Damaged(f"{path}: not the lines of a journal") from None
    return journal


def sync_journal(home: Path) -> None:
    """Make durable what somebody else may have written: the journal and its name."""
    fsio.sync_file(home / JOURNAL)
    fsio.sync_directory(home)


def is_void(journal: Journal, binary: Binary | None) -> bool:
    """Tell whether an upload began over another binary than the present one."""
    return journal.base != (binary.content if binary else None)
