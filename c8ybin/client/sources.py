"""Files that are sent."""

import hashlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from c8ybin.client.errors import FileChanged
from c8ybin.client.sending import Body
from c8ybin.domain.labels import Label
from c8ybin.domain.ranges import Span

BLOCK_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Source:
    """An open file as it stood when it was looked at; what is sent later must be the same.

    Attributes:
        fd: A descriptor to read it at any place.
        length: In bytes.
        sha256: Of all of it.
        label: What the attachment is called and what it is.
        modified_ns: When it was last changed.
    """

    fd: int
    length: int
    sha256: bytes
    label: Label
    modified_ns: int

    @property
    def name(self) -> str:
        """What it is called."""
        return self.label.name or "attachment"

    def blocks(self, span: Span) -> Iterator[bytes]:
        """Give the bytes of a span.

        Raises:
            FileChanged: It has become shorter.
        """
        position = span.start
        while position < span.end:
            block = os.pread(self.fd, min(BLOCK_BYTES, span.end - position), position)
            if not block:
                raise self.changed()
            yield block
            position += len(block)

    def body(self, span: Span | None = None) -> Body:
        """Return a span, or all of it, as the body of a request."""
        part = span or Span(0, self.length)
        return Body(part.length, lambda: self.blocks(part))

    def require_unchanged(self) -> None:
        """Look whether it is still as it was.

        Raises:
            FileChanged: It is not.
        """
        now = os.fstat(self.fd)
        if (now.st_size, now.st_mtime_ns) != (self.length, self.modified_ns):
            raise self.changed()

    def changed(self) -> FileChanged:
        """Say that it is not as it was."""
        return FileChanged(f"{self.name} changed while it was sent; send it again once nobody writes it.")


def look_at(fd: int, label: Label, count: Callable[[int], None]) -> Source:
    """Read a file once for its digest, and return it as a source.

    Args:
        fd: A descriptor on it, which stays the caller's.
        label: What the attachment is to be called and what it is.
        count: Is called with how many bytes were read.

    Raises:
        FileChanged: It changed meanwhile.
        OSError: It cannot be read.
    """
    before = os.fstat(fd)
    found = hashlib.sha256()
    position = 0
    while block := os.pread(fd, 16 * BLOCK_BYTES, position):
        found.update(block)
        position += len(block)
        count(len(block))
    source = Source(fd, position, found.digest(), label, before.st_mtime_ns)
    source.require_unchanged()
    return source
