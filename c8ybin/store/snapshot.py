"""One event's files as they stood together at one moment, read without a lock while others change them."""

import hashlib
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from c8ybin import fsio
from c8ybin.domain.errors import Damaged, EventNotFound
from c8ybin.domain.ranges import Span, Spans
from c8ybin.domain.records import decode
from c8ybin.store.event import EventFiles, parse_event_file, read_files
from c8ybin.store.journal import is_void
from c8ybin.store.layout import BINARY, DELETED, EVENT, JOURNAL


@dataclass(slots=True)
class File:
    """One file of an event, readable as often as needed whatever becomes of the event.

    Attributes:
        name: In the event's directory.
        length: In bytes.
        sha256: The digest that it must have; None where nothing tells it.
        is_upload: Whether more of it may arrive.
    """

    name: str
    length: int
    _source: bytes | int
    _spans: Spans
    sha256: bytes | None = None
    is_upload: bool = False

    @classmethod
    def of_bytes(cls, name: str, data: bytes) -> "File":
        """Return a file that was read whole."""
        return cls(name, len(data), data, Spans(), hashlib.sha256(data).digest())

    def blocks(self) -> Iterator[bytes]:
        """Yield its bytes; those that have not arrived are zeros.

        Raises:
            Damaged: There are fewer than there must be.
            OSError: They cannot be read.
        """
        return self.read(Span(0, self.length))

    def missing_in(self, there: Spans) -> list[Span]:
        """Return the spans of its bytes that another copy lacks, which has `there`."""
        return [gap for span in self._own() for gap in there.missing(span)]

    def _own(self) -> Iterable[Span]:
        return [Span(0, self.length)] if isinstance(self._source, bytes) else self._spans

    def read(self, span: Span) -> Iterator[bytes]:
        """Yield the bytes of a span; those that have not arrived are zeros.

        Raises:
            Damaged: There are fewer than there must be.
            OSError: They cannot be read.
        """
        if isinstance(self._source, bytes):
            yield self._source[span.start : span.end]
            return
        for block in span.blocks(fsio.COPY_BYTES):
            yield self._block(self._source, block)

    def _block(self, fd: int, block: Span) -> bytes:
        """Read of a block what has arrived, and put zeros where nothing did."""
        data = bytearray(block.length)
        for part in self._spans.within(block):
            piece = fsio.read_at(fd, part.length, part.start)
            if len(piece) != part.length:
                raise Damaged(f"{self.name}: not {self.length} bytes long")
            data[part.start - block.start : part.end - block.start] = piece
        return bytes(data)

    def digest(self) -> bytes:
        """Return the SHA-256 of its bytes; a short file is kept in memory, to be read only once."""
        if not isinstance(self._source, bytes) and self.length <= fsio.COPY_BYTES:
            self._source = b"".join(self.blocks())
        digest = hashlib.sha256()
        for block in self.blocks():
            digest.update(block)
        return digest.digest()


@contextmanager
def snapshot(home: Path) -> Iterator[list[File]]:
    """Yield the files of an event as they stood together, in the order of `event.json`, binary, upload.

    What tells of the event is read twice, and the content files are opened in between:
    where both readings are the same, all of it stood together at the moment between
    them, for no change of `event.json` or `binary.json` ever brings old bytes back.

    Of an upload there are the bytes that its journal counts, which never change; a torn
    line is left out, and so is an upload that is void.

    Raises:
        EventNotFound: There is no such event.
        Damaged: A file does not hold what it should; of a content file only the length is looked at.
        OSError: A file cannot be read.
    """
    while True:
        with ExitStack() as stack:
            first, damage, files = _read(home), None, []
            try:
                files = _files(first, stack)
            except Damaged as error:
                damage = error
            if _read(home) != first:
                continue
            if damage:
                raise damage
            yield files
            return


def _read(home: Path) -> EventFiles:
    try:
        return read_files(home)
    except EventNotFound:
        # A deletion in place leaves `deleted` until nothing else is there.
        if fsio.exists(home / DELETED) or not _holds_files(home):
            raise
        raise Damaged(f"{home / EVENT}: missing") from None


def _holds_files(home: Path) -> bool:
    try:
        return bool(fsio.names(home))
    except FileNotFoundError:
        return False


def _files(read: EventFiles, stack: ExitStack) -> list[File]:
    """Open what the files tell of.

    Raises:
        Damaged: A file does not hold what it should, or has been replaced meanwhile.
    """
    parse_event_file(read.event, f"{read.home}/{EVENT}")
    binary, journal = read.parse_binary(), read.parse_journal()
    files = [File.of_bytes(EVENT, read.event)]
    if binary and read.binary is not None:
        # Without a torn line: a digest may be on its way, or have been when a process was killed.
        lines = read.binary[: decode(read.binary, BINARY)[1]]
        files.append(File.of_bytes(BINARY, lines))
        fd = _open(read.home, binary.content, stack)
        if fsio.length(fd) != binary.length:
            raise Damaged(f"{read.home}/{binary.content}: not {binary.length} bytes long")
        whole = Spans([Span(0, binary.length)])
        files.append(File(binary.content, binary.length, fd, whole, binary.sha256))
    if journal and read.journal is not None and not is_void(journal, binary):
        files.append(File.of_bytes(JOURNAL, read.journal[: journal.valid_bytes]))
        fd = _open(read.home, journal.content, stack)
        files.append(File(journal.content, journal.spans.end, fd, journal.spans, is_upload=True))
    return files


def _open(home: fsio.AnyPath, name: str, stack: ExitStack) -> int:
    path = f"{home}/{name}"
    try:
        fd = fsio.open_existing(path)
    except FileNotFoundError:
        raise Damaged(f"{path}: missing") from None
    stack.callback(fsio.close, fd)
    return fd
