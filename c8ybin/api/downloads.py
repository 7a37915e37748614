"""A part of a file as a stream, for whichever WSGI server sends it."""

import errno
import io
import os
from typing import TYPE_CHECKING

from c8ybin.domain.ranges import Span

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer


class FilePart(io.RawIOBase):
    """The bytes of a span of an open file, as a file of its own; closes the descriptor in the end."""

    def __init__(self, fd: int, span: Span, what: str) -> None:
        """Take over `fd`; `what` names the file in the log."""
        self._fd = fd
        self.span = span
        self.what = what
        self._position = 0

    def fileno(self) -> int:
        """Return the descriptor: a server may send `span` of it by itself."""
        return self._fd

    def readable(self) -> bool:
        """It is for reading."""
        return True

    def seekable(self) -> bool:
        """It can be measured, as waitress does."""
        return True

    def readinto(self, buffer: "WriteableBuffer") -> int:
        """Read the next bytes; 0 at the end.

        Raises:
            OSError: EIO, also where the file has become shorter than it was: the length is
                told by then, and a server that is given no bytes would wait for more for ever.
        """
        view = memoryview(buffer).cast("B")[: max(0, self.span.length - self._position)]
        count = os.preadv(self._fd, [view], self.span.start + self._position)
        if view and not count:
            raise OSError(errno.EIO, f"{self.what}: the content file became shorter while it was sent")
        self._position += count
        return count

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to a place within the span."""
        origin = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self.span.length}[whence]
        self._position = max(0, origin + offset)
        return self._position

    def tell(self) -> int:
        """Return the place within the span."""
        return self._position

    def close(self) -> None:
        """Let the file go."""
        if not self.closed:
            os.close(self._fd)
        super().close()
