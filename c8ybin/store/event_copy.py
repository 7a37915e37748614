"""One event of a copy: its files as they stood together, checked, durable, and put in place by one rename."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from c8ybin import fsio
from c8ybin.domain.errors import Damaged, is_of_one_file
from c8ybin.domain.ranges import Span, Spans
from c8ybin.domain.records import encode
from c8ybin.store.copied import (
    digest_of,
    digest_of_spans,
    files_there,
    has_only_a_digest_more,
    known_bytes,
)
from c8ybin.store.layout import BINARY, EVENT, JOURNAL
from c8ybin.store.snapshot import File, snapshot
from c8ybin.store.target import Target

_SMALL = (EVENT, BINARY, JOURNAL)


@dataclass(slots=True)
class CopiedEvent:
    """What was done with an event.

    Attributes:
        files: How many it has.
        bytes: Of all of them.
        copied_files: How many of them were copied, all or in part; the others were there.
        copied_bytes: How many bytes of them.
        is_open: Whether it has an upload, which goes on without a sign in the directory.
        aside: Where the copy before is, to be removed once the name of this one is durable.
    """

    files: int = 0
    bytes: int = 0
    copied_files: int = 0
    copied_bytes: int = 0
    is_open: bool = False
    aside: Path | None = None


@dataclass(slots=True)
class EventCopy:
    """Copies one event.

    Attributes:
        home: Where it is.
        place: Where it is copied to.
        target: Of which copy that is.
        verify: Whether what is there already is read and held against its digest.
        step: Called with the bytes as they are copied.
    """

    home: Path
    place: Path
    target: Target
    verify: bool
    step: Callable[[int], None]
    done: CopiedEvent = field(default_factory=CopiedEvent)

    def run(self) -> CopiedEvent:
        """Bring the copy up to date; its name is to be made durable.

        Raises:
            EventNotFound: There is no such event.
            Damaged: It is, or cannot be read; the copy is as it was.
            OSError: The copy cannot be written, or something is wrong with more than this event.
        """
        with ExitStack() as stack:
            with _readable(self.home):
                files = stack.enter_context(snapshot(self.home))
            self.done.files = len(files)
            self.done.bytes = sum(file.length for file in files)
            self.done.is_open = any(file.name == JOURNAL for file in files)
            if not self._is_copied(files):
                self._copy(files)
        return self.done

    def _is_copied(self, files: Sequence[File]) -> bool:
        there = files_there(self.place)
        if there is None:
            return False
        told = {file.name: b"".join(file.blocks()) for file in files if file.name in _SMALL}
        binary = told.get(BINARY)
        return (
            there.event == told[EVENT]
            and there.journal == told.get(JOURNAL)
            and (there.binary == binary or has_only_a_digest_more(there.binary, binary))
            # Gone where a cut brought back what was being removed.
            and all(fsio.exists(self.place / file.name) for file in files)
            and not (self.verify and self._is_wrong(files))
        )

    def _is_wrong(self, files: Sequence[File]) -> bool:
        """Tell whether the bytes of the copy are others than they must be."""
        for file in files:
            if file.name not in _SMALL:
                try:
                    with fsio.opened(self.place / file.name) as fd:
                        spans = file.missing_in(Spans())
                        expected = file.sha256 or digest_of(
                            piece for span in spans for piece in self._read(file, span)
                        )
                        if fsio.length(fd) != file.length or digest_of_spans(fd, spans) != expected:
                            return True
                except FileNotFoundError:
                    return True
        return False

    def _copy(self, files: Sequence[File]) -> None:
        box = self.target.place()
        fsio.make_directory(box)
        try:
            digest = None
            # The bytes first: what is wrong with them is found before anything tells of them.
            for file in sorted(files, key=lambda file: file.name in _SMALL):
                if file.name not in _SMALL:
                    found = self._put_content(file, box)
                    digest = found or digest
                else:
                    self._put(file, box, digest)
            fsio.sync_directory(box)
            self.done.aside = self.target.set_aside(self.place)
            fsio.rename(box, self.place)
        except BaseException:
            fsio.remove_tree(box)
            raise

    def _put(self, file: File, box: Path, digest: bytes | None) -> None:
        data = b"".join(file.blocks())
        if file.name == BINARY and digest:
            # It followed the answer, and who would make it stays behind.
            data += encode({"sha256": digest.hex()})
        with fsio.draft(box / file.name) as written:
            written.write(data)
        if file.name == JOURNAL:
            # By which an upload expires that nobody goes on with.
            with suppress(FileNotFoundError):
                fsio.touch(box / JOURNAL, fsio.status(self.home / JOURNAL).st_mtime_ns)
        self.done.copied_files += 1
        self.done.copied_bytes += file.length

    def _put_content(self, file: File, box: Path) -> bytes | None:
        """Bring the bytes of an attachment or an upload; return the digest where nothing tells it yet.

        Raises:
            Damaged: They are others than they must be.
        """
        known = Spans() if self.verify else known_bytes(self.place, file.name)
        try:
            return self._put_missing(file, box, known)
        except Damaged:
            if not known.count:
                raise
            # What is there may be what is damaged.
            fsio.remove(box / file.name)
            return self._put_missing(file, box, Spans())

    def _put_missing(self, file: File, box: Path, known: Spans) -> bytes | None:
        path = box / file.name
        if known.count:
            try:
                fsio.link(self.place / file.name, path)
            except FileNotFoundError:
                known = Spans()
        fd = fsio.open_existing(path, write=True) if known.count else fsio.create(path)
        with fsio.closing(fd):
            missing = file.missing_in(known)
            if missing or not known.count:
                read = self._write(file, fd, missing)
                return self._checked(file, fd, missing, read)
            return None if file.sha256 or file.is_upload else digest_of_spans(fd, _whole(file))

    def _write(self, file: File, fd: int, missing: Iterable[Span]) -> bytes:
        """Write some spans, durably; return the SHA-256 of what was read for that."""
        read = hashlib.sha256()
        for span in missing:
            at = span.start
            for block in self._read(file, span):
                fsio.write_at(fd, block, at)
                at += len(block)
                read.update(block)
                self.done.copied_bytes += len(block)
                self.step(len(block))
        fsio.truncate(fd, file.length)
        fsio.sync(fd)
        self.done.copied_files += 1
        return read.digest()

    def _read(self, file: File, span: Span) -> Iterator[bytes]:
        with _readable(self.home / file.name):
            yield from file.read(span)

    def _checked(self, file: File, fd: int, written: Sequence[Span], read: bytes) -> bytes | None:
        """Hold what was written against what tells of it; return the digest of a whole file that has none.

        Raises:
            Damaged: It is not the same.
        """
        whole = _whole(file)
        if file.is_upload:
            # Of an upload nobody tells the digest before its end.
            found, expected = digest_of_spans(fd, written), read
        elif list(written) == whole:
            found = read if file.sha256 else digest_of_spans(fd, whole)
            expected = file.sha256 or read
        else:
            found, expected = digest_of_spans(fd, whole), file.sha256 or file.digest()
        if found != expected:
            raise Damaged(f"{self.home / file.name}: its bytes do not match their SHA-256")
        return None if file.sha256 or file.is_upload else found


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    """Tell what is wrong with one file that is read from what is wrong with the copy."""
    try:
        yield
    except OSError as error:
        if not is_of_one_file(error):
            raise
        raise Damaged(f"{path}: cannot be read: {error.strerror}") from None


def _whole(file: File) -> list[Span]:
    """Return all bytes of a file, as spans."""
    return [Span(0, file.length)] if file.length else []
