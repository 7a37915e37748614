"""A parser of multipart/form-data that is fed with bytes as they arrive (RFC 7578, RFC 2046).

It holds no more than a part's header or a delimiter in memory. Beyond the RFCs it
takes what real clients send: no boundary parameter (c8ydm), or one that already
includes the leading dashes (the upstream document's own example).
"""

import re
from enum import Enum, auto
from typing import Protocol

from c8ybin.domain.errors import Unreadable
from c8ybin.domain.sizes import KIB

MOST_PARTS = 16
HEADER_BYTES = 16 * KIB
DELIMITER_BYTES = 512  # RFC 2046 allows 70 in a boundary; some clients send more
PADDING_BYTES = 512

_CRLF = b"\r\n"
# What follows a delimiter, or may do so once more bytes have come.
_AFTER_DELIMITER = rb"(?:(?P<last>--)|[ \t]{0,%d}(?:(?P<next>\r\n)|\r?\Z)|-\Z)" % PADDING_BYTES


class PartHandler(Protocol):
    """What is told about the parts of a form."""

    def part_begin(self, headers: dict[str, str]) -> None:
        """Begin a part; header names are in lower case."""

    def part_data(self, data: memoryview) -> None:
        """Take some bytes of the part; the view is valid during the call only."""

    def part_end(self) -> None:
        """End the part: its closing delimiter was seen."""


class _State(Enum):
    FIRST_LINE = auto()
    PREAMBLE = auto()
    HEADER = auto()
    DATA = auto()
    EPILOGUE = auto()


def parse_part_header(block: bytes) -> dict[str, str]:
    """Read the header fields of a part; text that is not UTF-8 is Latin-1.

    Raises:
        Unreadable: A line is not a field.
    """
    headers: dict[str, str] = {}
    name = ""
    for raw in block.split(_CRLF) if block else []:
        try:
            line = raw.decode()
        except UnicodeDecodeError:
            line = raw.decode("latin-1")
        if line[:1] in (" ", "\t") and name:  # a folded line
            headers[name] += " " + line.strip()
            continue
        name, colon, value = line.partition(":")
        name = name.strip().lower()
        if not colon or not name:
            raise Unreadable("A multipart part has a header line that is not a field.")
        headers[name] = value.strip()
    return headers


class MultipartParser:
    """Cuts a form into parts and tells a handler."""

    def __init__(self, boundary: str | None, handler: PartHandler) -> None:
        """Begin a form.

        Args:
            boundary: The parameter of the Content-Type; None where it was not sent, and
                the first line of the body is the delimiter.
            handler: Is told what is found.
        """
        # What is not Latin-1 cannot have come in a header field.
        self._boundary = None if boundary is None else boundary.encode("latin-1", "replace")
        self._handler = handler
        self._state = _State.FIRST_LINE
        self._needle = b""
        self._delimiter: re.Pattern[bytes] | None = None
        # The first delimiter needs no line break before it; with this one all are alike.
        self._rest = _CRLF
        self._parts = 0
        self._skip = 0

    def feed(self, data: bytes | memoryview) -> None:
        """Take the next bytes of the body.

        Raises:
            Unreadable: This is no form.
        """
        if self._state is _State.EPILOGUE:
            return
        buffer = self._rest + data
        position = 0
        while (step := self._step(buffer, position)) is not None:
            position = step
        self._rest = buffer[position:]

    def finish(self) -> None:
        """Take the end of the body.

        Raises:
            Unreadable: The closing delimiter has not come.
        """
        if self._state is not _State.EPILOGUE:
            raise Unreadable("The multipart body ends before its closing delimiter; send it whole.")

    def _step(self, buffer: bytes, position: int) -> int | None:
        """Make what progress the bytes from `position` allow; return where to go on, None for more bytes."""
        match self._state:
            case _State.FIRST_LINE:
                return self._first_line(buffer)
            case _State.HEADER:
                return self._header(buffer, position)
            case _State.PREAMBLE | _State.DATA:
                return self._until_delimiter(buffer, position)
            case _State.EPILOGUE:
                return None

    def _first_line(self, buffer: bytes) -> int | None:
        start = len(_CRLF)
        if self._boundary is None:
            # Blank lines before an unknown delimiter, a few.
            while buffer.startswith(_CRLF, start) and start < DELIMITER_BYTES:
                start += len(_CRLF)
        window = DELIMITER_BYTES + len(_CRLF)
        end = buffer.find(_CRLF, start, start + window)
        if end < 0 and len(buffer) - start < window:
            return None
        line = buffer[start:end].rstrip(b" \t") if end >= 0 else b""
        if self._boundary is None:
            if not line.startswith(b"--") or len(line) == 2:
                raise Unreadable("Content-Type tells no boundary, and the body does not begin with one.")
            delimiter = line
        elif line == self._boundary and line.startswith(b"--"):
            delimiter = line
        else:
            delimiter = b"--" + self._boundary
        self._needle = _CRLF + delimiter
        self._delimiter = re.compile(re.escape(self._needle) + _AFTER_DELIMITER)
        self._state = _State.PREAMBLE
        return start - len(_CRLF)

    def _until_delimiter(self, buffer: bytes, position: int) -> int | None:
        assert self._delimiter  # noqa: S101 - narrows the type
        # A plain search first, for it is the faster one; the pattern passes over longer lines.
        found = buffer.find(self._needle, position)
        match = self._delimiter.search(buffer, found) if found >= 0 else None
        end = match.start() if match else max(position, len(buffer) - len(self._needle) + 1)
        self._data(buffer, position, end)
        if match is None or not match.lastgroup:
            return end if end > position else None
        self._end_part()
        self._state = _State.HEADER if match["next"] else _State.EPILOGUE
        return match.end() if match["next"] else len(buffer)

    def _header(self, buffer: bytes, position: int) -> int | None:
        if buffer.startswith(_CRLF, position):
            end, block = position, b""
        else:
            window = HEADER_BYTES + 2 * len(_CRLF)
            end = buffer.find(_CRLF + _CRLF, position, position + window)
            if end < 0:
                if len(buffer) - position >= window:
                    raise Unreadable(f"A multipart part's header is over {HEADER_BYTES // KIB} KiB.")
                return None
            block = buffer[position:end]
            end += len(_CRLF)
        self._parts += 1
        if self._parts > MOST_PARTS:
            raise Unreadable(f"A multipart body may have at most {MOST_PARTS} parts.")
        self._handler.part_begin(parse_part_header(block))
        self._state = _State.DATA
        # The blank line is no data, but its break may already be a delimiter's: a part without a body.
        self._skip = len(_CRLF)
        return end

    def _data(self, buffer: bytes, start: int, end: int) -> None:
        skipped = min(self._skip, end - start)
        self._skip -= skipped
        start += skipped
        if self._state is _State.DATA and end > start:
            self._handler.part_data(memoryview(buffer)[start:end])

    def _end_part(self) -> None:
        if self._state is _State.DATA:
            self._handler.part_end()
