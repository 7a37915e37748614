"""Receivers: what is fed with a body's bytes and ends as a file with a label."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from c8ybin.bodies.files import BodyFile, ReceivedBody
from c8ybin.domain.digests import check_digests
from c8ybin.domain.errors import TooLarge, Unreadable
from c8ybin.domain.labels import Label


@dataclass(frozen=True, slots=True)
class Received:
    """A body that arrived whole, and what its sender calls it."""

    body: ReceivedBody
    label: Label


@dataclass(frozen=True, slots=True)
class Stated:
    """A digest field of the request: its name, and its digests by algorithm (RFC 9530)."""

    field: str
    digests: Mapping[str, bytes]


class Receiver(Protocol):
    """What a server feeds: `with receiver: feed…, finish`."""

    def feed(self, data: bytes | memoryview) -> None:
        """Take the next bytes of the body."""

    def finish(self) -> Received:
        """Take the end of the body; the handle is the caller's to close."""

    def __enter__(self) -> "Receiver": ...

    def __exit__(self, *_: object) -> None:
        """Drop the file unless `finish` gave it away."""


class FileReceiver:
    """Owns the file of a body until `finish` gives it away."""

    def __init__(self, file: BodyFile, limit: int, what: str) -> None:
        self._file = file
        self._limit = limit
        self._what = what
        self._given = False

    def _too_large(self) -> TooLarge:
        return TooLarge(self._what, self._limit)

    def _give(self, label: Label) -> Received:
        self._given = True
        return Received(self._file.received(), label)

    def __exit__(self, *_: object) -> None:
        if not self._given:
            self._file.discard()


class BodyReceiver(FileReceiver):
    """A body that is the file itself: whole, or one chunk of it."""

    def __init__(
        self,
        file: BodyFile,
        label: Label,
        stated: Iterable[Stated],
        *,
        limit: int,
        chunk_length: int | None = None,
    ) -> None:
        """Receive into `file`.

        Args:
            file: Where the bytes go.
            label: What the header fields call the body.
            stated: Digests that the bytes must have.
            limit: The most bytes it may have.
            chunk_length: For a chunk, exactly how many; None for a whole body.
        """
        super().__init__(file, limit, "A file" if chunk_length is None else "A chunk")
        self._label = label
        self._stated = tuple(stated)
        self._chunk_length = chunk_length

    def feed(self, data: bytes | memoryview) -> None:
        """Write the next bytes.

        Raises:
            TooLarge: More than the limit.
            Unreadable: More than the chunk's range.
            OSError: The disk did not take them.
        """
        length = self._file.length + len(data)
        if length > self._limit:
            raise self._too_large()
        if self._chunk_length is not None and length > self._chunk_length:
            raise Unreadable("The chunk has more bytes than its Content-Range says.")
        self._file.write(data)

    def finish(self) -> Received:
        """Check the end; the bytes are not durable yet.

        Raises:
            Unreadable: Fewer bytes than the chunk's range.
            DigestMismatch: Not the bytes that the client meant.
            OSError: The disk did not take them.
        """
        if self._chunk_length is not None and self._file.length < self._chunk_length:
            raise Unreadable("The chunk has fewer bytes than its Content-Range says.")
        found = self._file.digests()
        for stated in self._stated:
            check_digests(stated.field, stated.digests, found)
        return self._give(self._label)

    def __enter__(self) -> "BodyReceiver":
        return self
