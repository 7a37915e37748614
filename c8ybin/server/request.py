"""A request as far as its header: the body stays in the socket until the application reads it."""

import re
import socket
from io import BytesIO
from typing import Any

from waitress.parser import HTTPRequestParser, ParsingError, TransferEncodingNotImplemented

from c8ybin.server.incoming import Coded, Counted, Incoming, Patience

# With these, the parser does more than to hand them on; with a length it only notes that.
_FRAMING = {"CONNECTION", "EXPECT", "TRANSFER_ENCODING"}
_FIELDS_BYTES = 2048
_TRANSFER_ENCODING = re.compile(rb"^transfer-encoding:([^\r\n]*)", re.IGNORECASE | re.MULTILINE)


class _KnownFields:
    """What the latest header sections say: a client repeats most of them with each request."""

    _MOST = 256

    def __init__(self) -> None:
        self._known: dict[bytes, dict[str, str]] = {}

    def get(self, section: bytes) -> dict[str, str] | None:
        return self._known.get(section)

    def put(self, section: bytes, fields: dict[str, str]) -> None:
        if len(self._known) >= self._MOST:
            self._known.clear()
        self._known[section] = fields


_known_fields = _KnownFields()


class Request(HTTPRequestParser):
    """Parses the header by waitress, and is complete with it."""

    # What waitress's type stubs tell otherwise.
    headers: dict[str, str]
    command: str  # type: ignore[assignment]

    def __init__(self, adj: Any) -> None:
        super().__init__(adj)
        self.incoming: Incoming | None = None

    @property
    def has_body(self) -> bool:
        """Whether a body follows."""
        return bool(self.chunked or self.content_length)

    def received(self, data: bytes) -> int:
        """Take bytes of the header; return how many, for what follows is not for this."""
        count: int = super().received(data)
        if self.headers_finished:
            self.completed = True
        return count

    def parse_header(self, header_plus: bytes) -> None:
        """Read the header.

        Raises:
            ParsingError: It cannot be read, or it is unclear where the body ends.
        """
        first_line, _, fields = header_plus.partition(b"\r\n")
        try:
            self._parse(first_line, fields, header_plus)
        except ValueError:
            # As of a length of thousands of digits.
            raise ParsingError("A number or an address in the header cannot be read") from None

    def _parse(self, first_line: bytes, fields: bytes, header_plus: bytes) -> None:
        known = _known_fields.get(fields)
        if known is not None:
            super().parse_header(first_line + b"\r\n")
            self.headers = dict(known)
            self.content_length = int(known.get("CONTENT_LENGTH", 0))
            return
        super().parse_header(header_plus)
        coding = _TRANSFER_ENCODING.findall(fields)
        if coding and [name.strip().lower() for name in coding] != [b"chunked"]:
            # What waitress makes of several or of none would be a matter of taste (RFC 9112, section 6.1).
            raise TransferEncodingNotImplemented("Only one transfer coding is known, chunked")
        if len(fields) <= _FIELDS_BYTES and not (self.chunked or _FRAMING & self.headers.keys()):
            _known_fields.put(fields, dict(self.headers))
        if self.chunked:
            # The coding tells the length (RFC 9112, section 6.3), whatever else is there.
            if self.headers.pop("CONTENT_LENGTH", None) is not None:
                self.connection_close = True
            self.headers["TRANSFER_ENCODING"] = "chunked"
        elif "TRANSFER_ENCODING" in self.headers:
            raise ParsingError("Transfer-Encoding is not of this version of HTTP")

    @property
    def is_light(self) -> bool:
        """Whether it only reads, so that it may be answered from memory at once."""
        return not (self.error or self.has_body) and self.command in ("GET", "HEAD")

    @property
    def is_small(self) -> bool:
        """Whether it is a POST whose body came with the header."""
        incoming = self.incoming
        return incoming is not None and self.command == "POST" and incoming.has_arrived

    def receive_from(self, sock: socket.socket, ahead: bytes, patience: Patience) -> None:
        """Let the body be read from a socket, after what arrived of it together with the header."""
        if self.chunked:
            self.incoming = Coded(sock, ahead, patience, expected=self.expect_continue)
        else:
            self.incoming = Counted(sock, ahead, patience, self.content_length, expected=self.expect_continue)

    def get_body_stream(self) -> Any:
        """Return what the application reads the body from."""
        return self.incoming or BytesIO()

    def close(self) -> None:
        """There is nothing to let go of."""
