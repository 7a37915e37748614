"""What a copy of an event has already, and digests of what is read back."""

import hashlib
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path

from c8ybin import fsio
from c8ybin.bodies import digests_of
from c8ybin.domain.digests import OURS
from c8ybin.domain.errors import Damaged, EventNotFound
from c8ybin.domain.ranges import Span, Spans
from c8ybin.store.binary import parse_binary, read_binary
from c8ybin.store.event import EventFiles, read_files
from c8ybin.store.journal import read_journal
from c8ybin.store.layout import BINARY


def files_there(place: Path) -> EventFiles | None:
    """Return the files that tell of an event; None where it is not copied yet."""
    try:
        return read_files(place)
    except (EventNotFound, FileNotFoundError):
        return None


def has_only_a_digest_more(there: bytes | None, data: bytes | None) -> bool:
    """Tell whether what describes an attachment says the same as another, and its digest besides."""
    if there is None or data is None or not there.startswith(data):
        return False
    return parse_binary(data, BINARY).sha256 is None


def known_bytes(place: Path, content: str) -> Spans:
    """Return which bytes of a content file a copy has, durably: what it tells of them came after them."""
    with suppress(Damaged, FileNotFoundError):
        binary = read_binary(place)
        if binary and binary.content == content:
            return Spans([Span(0, binary.length)] if binary.length else [])
        journal = read_journal(place)
        if journal and journal.content == content:
            return journal.spans
    return Spans()


def digest_of(blocks: Iterable[bytes]) -> bytes:
    """Return the SHA-256 of some bytes."""
    found = hashlib.sha256()
    for block in blocks:
        found.update(block)
    return found.digest()


def digest_of_spans(fd: int, spans: Sequence[Span]) -> bytes:
    """Return the SHA-256 of some spans of a file, one after the other."""
    if len(spans) == 1:
        return digests_of(fd, [OURS], spans[0].start, spans[0].end)[OURS]
    return digest_of(
        fsio.read_at(fd, block.length, block.start)
        for span in spans
        for block in span.blocks(fsio.COPY_BYTES)
    )
