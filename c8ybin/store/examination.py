"""What is wrong with one event: each of its files is read and held against the others."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from c8ybin import fsio
from c8ybin.bodies import digests_of
from c8ybin.domain.digests import OURS
from c8ybin.domain.errors import Damaged
from c8ybin.domain.records import decode
from c8ybin.store.binary import Binary, read_binary
from c8ybin.store.commit import named_contents
from c8ybin.store.event import parse_event_file
from c8ybin.store.journal import Journal, is_void, read_journal
from c8ybin.store.layout import BINARY, DELETED, EVENT, JOURNAL, Layout, is_content_name
from c8ybin.store.writer import is_running, writer_of


class Kind(StrEnum):
    """What can be wrong."""

    EVENT = "damaged event"
    BINARY = "damaged attachment"
    UPLOAD = "damaged upload"
    TORN = "torn line"
    OBJECT = "damaged managed object"
    IDENTITY = "damaged external ID"
    ORPHAN = "orphan"
    VOID = "void upload"
    DELETION = "unfinished deletion"
    WRITER = "dead writer"
    RESTORE = "cut restore"
    LOCK = "missing lock"
    ACCOUNTS = "damaged accounts"
    FOREIGN = "foreign"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong.

    Attributes:
        kind: What it is.
        path: Where.
        what: What is wrong, as a phrase.
        done: What the repair did about it; None where nothing was done.
    """

    kind: Kind
    path: Path
    what: str
    done: str | None = None


class Examination:
    """Looks at one event, without a lock: what is found may be what somebody is just doing.

    Attributes:
        found: What is wrong.
        read: How many bytes of content were read.
        undigested: A binary whose digest did not follow yet; that is nothing wrong.
        digest: The missing one, unless the look was quick.
    """

    def __init__(self, layout: Layout, home: Path, *, quick: bool) -> None:
        """Look; `quick` compares lengths but no digests."""
        self.found: list[Finding] = []
        self.read = 0
        self.undigested: Binary | None = None
        self.digest: bytes | None = None
        self._layout = layout
        self._home = home
        self._quick = quick
        with self._telling(Kind.EVENT, home):
            self._look()
        if not fsio.exists(home):
            self.found.clear()  # deleted meanwhile

    def _look(self) -> None:
        names = sorted(fsio.names(self._home))
        # An event's directory is empty only for a moment, at the end of such a deletion.
        if DELETED in names or not names:
            self._tell(Kind.DELETION, self._home, "a deletion on a full disk did not come to its end")
            return
        with self._telling(Kind.EVENT, self._home / EVENT):
            parse_event_file(fsio.read(self._home / EVENT), self._home / EVENT)
        if self.found:
            return
        # The journal first: completing hands its content file over to the other.
        journal = binary = None
        with self._telling(Kind.UPLOAD, self._home / JOURNAL):
            journal = read_journal(self._home)
        with self._telling(Kind.BINARY, self._home / BINARY):
            binary = read_binary(self._home)
        # Where one of them cannot be told, nor can what belongs to it.
        is_known = not self.found
        if is_known:
            self._look_for_others(names, journal, binary)
        if binary:
            with self._telling(Kind.BINARY, self._home / binary.content):
                self._look_at_content(binary)
            self._look_for_torn_line(self._home / BINARY)
        if journal and is_known:
            self._look_at_upload(journal, binary)

    def _look_for_others(self, names: list[str], journal: Journal | None, binary: Binary | None) -> None:
        named = {EVENT, BINARY, JOURNAL, *(part.content for part in (journal, binary) if part)}
        for name in names:
            path = self._home / name
            if name in named or not fsio.exists(path):
                continue
            if writer_of(name) is None or fsio.is_directory(path):
                self._tell(Kind.FOREIGN, path, "not a file of c8ybin")
            # Named once more, after the look at the lock: a POST, which takes none of the event, names its body
            # and then lets it go.
            elif not self._is_under_way(name) and name not in named_contents(self._home):
                self._tell(Kind.ORPHAN, path, "nothing names it, and nobody is about to")

    def _look_at_content(self, binary: Binary) -> None:
        with fsio.opened(self._home / binary.content) as fd:
            length = fsio.length(fd)
            if length != binary.length:
                raise Damaged(f"{length} bytes instead of {binary.length}")
            if binary.sha256 is None:
                self.undigested = binary
                if not self._quick:  # also to see whether it can be read
                    self.digest = self._digest(fd, 0, length)
            elif not self._fits(fd, binary.sha256, 0, length):
                raise Damaged("its SHA-256 is not the one in binary.json")

    def _look_at_upload(self, journal: Journal, binary: Binary | None) -> None:
        if not is_void(journal, binary):
            with self._telling(Kind.UPLOAD, self._home / journal.content):
                self._look_at_chunks(journal)
            self._look_for_torn_line(self._home / JOURNAL)
        # Whoever attaches drops the upload that this makes void, so it may be about to.
        elif binary is None or not self._is_under_way(binary.content):
            self._tell(Kind.VOID, self._home / JOURNAL, "an upload to what is no longer there")

    def _look_at_chunks(self, journal: Journal) -> None:
        _header, *chunks = decode(fsio.read(self._home / JOURNAL), JOURNAL)[0]
        with fsio.opened(self._home / journal.content) as fd:
            if fsio.length(fd) < journal.spans.end:
                raise Damaged(f"shorter than the {journal.spans.end} bytes that arrived")
            for chunk in chunks:
                start, stop = chunk["start"], chunk["stop"]
                if chunk["sha256"] and not self._fits(fd, bytes.fromhex(chunk["sha256"]), start, stop + 1):
                    raise Damaged(f"the SHA-256 of its bytes {start}-{stop} is not the one in the journal")

    def _fits(self, fd: int, sha256: bytes, start: int, stop: int) -> bool:
        return self._quick or self._digest(fd, start, stop) == sha256

    def _digest(self, fd: int, start: int, stop: int) -> bytes:
        self.read += stop - start
        return digests_of(fd, [OURS], start, stop)[OURS]

    def _look_for_torn_line(self, path: Path) -> None:
        data = fsio.read(path)
        end = decode(data, path.name)[1]
        if end < len(data):
            self._tell(Kind.TORN, path, f"the line at byte {end} was not written to its end")

    def _is_under_way(self, name: str) -> bool:
        """Tell whether a running process is about to name a file, or has just named it."""
        writer = writer_of(name)
        if writer is None or not is_running(self._layout.tmp / writer):
            return False
        # A body is locked until it was named; what else names a file does so under the event's lock.
        return not is_content_name(name) or fsio.is_locked(self._home / name)

    @contextmanager
    def _telling(self, kind: Kind, path: Path) -> Iterator[None]:
        """Make a finding of what the block cannot read."""
        try:
            yield
        except Damaged as error:
            self._tell(kind, path, error.what.removeprefix(f"{path}: "))
        except FileNotFoundError:
            self._tell(kind, path, "missing")
        except OSError as error:
            is_damage = error.errno in (errno.EISDIR, errno.ENOTDIR, errno.ELOOP)
            self._tell(kind if is_damage else Kind.UNREADABLE, path, f"cannot be read: {error.strerror}")

    def _tell(self, kind: Kind, path: Path, what: str) -> None:
        self.found.append(Finding(kind, path, what))
