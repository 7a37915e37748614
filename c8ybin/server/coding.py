"""The chunked transfer coding, read as strictly as RFC 9112, section 7.1, allows."""

import re
from collections import deque
from collections.abc import Callable
from typing import NoReturn

from c8ybin.domain.errors import Unreadable
from c8ybin.server.header import FIELD_LINE

# Of a line with a chunk's size; of the extensions and the trailer of a whole body, which nobody here reads.
_LINE_BYTES = 1024
_SPARE_BYTES = 8 * 1024
_TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]++"
_QUOTED = rb'"(?:[\t !#-\[\]-~\x80-\xff]|\\[\t -~\x80-\xff])*+"'
_SIZE = re.compile(
    rb"([0-9A-Fa-f]{1,15})((?:;" + _TOKEN + rb"(?:=(?:" + _TOKEN + rb"|" + _QUOTED + rb"))?+)*+)\r\n"
)
_FIELD = re.compile(FIELD_LINE)
# What frames, routes, or tells how to read the body comes before it (RFC 9110, section 6.5.1).
_NOT_IN_TRAILER = {
    *("content-length", "transfer-encoding", "host", "connection", "te", "trailer", "expect", "upgrade"),
    *("content-encoding", "content-type", "content-range", "content-disposition", "range", "max-forwards"),
    *("authorization", "cookie", "set-cookie", "cache-control", "pragma", "x-http-method"),
    *("if-match", "if-none-match", "if-modified-since", "if-unmodified-since", "if-range"),
}


class Chunks:
    """Decodes a body that comes in chunks.

    Attributes:
        pieces: What is decoded and was not moved yet.
        is_complete: Whether the body has come to its end.
    """

    def __init__(self) -> None:
        self.pieces: deque[memoryview] = deque()
        self.is_complete = False
        self._left = 0
        self._line = b""
        self._spare = _SPARE_BYTES
        self._take_line: Callable[[bytes], None] = self._begin_chunk

    def received(self, data: bytes) -> int:
        """Take bytes of the body; return how many, for what follows its end is not for this.

        Raises:
            Unreadable: The coding is malformed; then it is never complete.
        """
        view, at = memoryview(data), 0
        while at < len(data) and not self.is_complete:
            if self._left:
                piece = view[at : at + self._left]
                self.pieces.append(piece)
                self._left -= len(piece)
                at += len(piece)
                continue
            end = data.find(b"\n", at, at + _LINE_BYTES) + 1 or min(len(data), at + _LINE_BYTES)
            line = self._line + data[at:end]
            at = end
            if line.endswith(b"\n"):
                self._line = b""
                self._take_line(line)
            elif len(line) >= _LINE_BYTES:
                self._fail()
            else:
                self._line = line
        return at

    def _begin_chunk(self, line: bytes) -> None:
        match = _SIZE.fullmatch(line)
        if not match:
            self._fail()
        self._spend(len(match[2]))
        self._left = int(match[1], 16)
        self._take_line = self._end_chunk if self._left else self._take_trailer

    def _end_chunk(self, line: bytes) -> None:
        if line != b"\r\n":
            self._fail()
        self._take_line = self._begin_chunk

    def _take_trailer(self, line: bytes) -> None:
        if line == b"\r\n":
            self.is_complete = True
            return
        match = _FIELD.fullmatch(line)
        if not match or match[1].decode().lower().replace("_", "-") in _NOT_IN_TRAILER:
            self._fail()
        self._spend(len(line))

    def _spend(self, count: int) -> None:
        self._spare -= count
        if self._spare < 0:
            self._fail()

    def _fail(self) -> NoReturn:
        # Nothing that follows is taken for a part of the body, should somebody read on.
        self._left, self._line, self._take_line = 0, b"", self._take_nothing
        raise Unreadable("The chunked coding of the body is malformed.")

    def _take_nothing(self, _: bytes) -> None:
        self._fail()

    def move_into(self, view: memoryview) -> int:
        """Move decoded bytes into `view`; return how many."""
        filled = 0
        while self.pieces and filled < len(view):
            piece = self.pieces[0]
            count = min(len(view) - filled, len(piece))
            view[filled : filled + count] = piece[:count]
            filled += count
            if count == len(piece):
                self.pieces.popleft()
            else:
                self.pieces[0] = piece[count:]
        return filled
