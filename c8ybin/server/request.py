"""A request as far as its header: the body stays in the socket until the application reads it."""

import socket
from functools import cached_property
from io import BytesIO
from typing import Any

from c8ybin.server.header import (
    BLANK_BYTES,
    HEADER_BYTES,
    BadHeader,
    Section,
    check_begun,
    read_line,
    read_section,
    recovered,
)
from c8ybin.server.incoming import Coded, Counted, Incoming, Patience
from c8ybin.server.telling import Telling, request_id

_FIELDS_BYTES = 2048
_NO_FIELDS = read_section(b"")


class _KnownSections:
    """What the latest header sections say: a client repeats most of them with each request."""

    _MOST = 256

    def __init__(self) -> None:
        self._known: dict[bytes, Section] = {}

    def read(self, section: bytes) -> Section:
        known = self._known.get(section)
        if known is None:
            known = read_section(section)
            if len(section) <= _FIELDS_BYTES:
                if len(self._known) >= self._MOST:
                    self._known.clear()
                self._known[section] = known
        return known


_known_sections = _KnownSections()


class Request:
    """What arrives of a header, and what it says; complete with it. waitress's tasks read its attributes.

    Attributes:
        error: The status of the answer where it is refused; then the rest is what could be read, if anything.
    """

    command = ""
    request_uri = ""
    path = ""
    query = ""
    version = "1.1"

    def __init__(self, adj: Any) -> None:
        self.url_scheme: str = adj.url_scheme
        self.completed = False
        self.connection_close = False
        self.error: int | None = None
        self.headers: dict[str, str] = {}
        self.incoming: Incoming | None = None
        # Why it is refused, where its status does not say that.
        self.sentence: str | None = None
        # Where somebody wants to be told of it.
        self.telling: Telling | None = None
        self._begun = b""
        self._blank = 0
        self._section = _NO_FIELDS

    @cached_property
    def request_id(self) -> str:
        """By which its answer and all logs name it: that of the client, or one that is made."""
        return request_id(self.headers.get("X_REQUEST_ID"))

    def known(self, peer: str) -> dict[str, Any]:
        """Return what is known of it, in the names of PEP 3333, also where it is refused."""
        environ: dict[str, Any] = {f"HTTP_{name}": value for name, value in self.headers.items()}
        if self.telling:
            environ["c8ybin.notes"] = self.telling.notes
        return environ | {"REQUEST_METHOD": self.command, "PATH_INFO": self.path, "REMOTE_ADDR": peer}

    @property
    def has_body(self) -> bool:
        """Whether a body follows."""
        return bool(self._section.is_chunked or self._section.length)

    @property
    def is_blank(self) -> bool:
        """Whether nothing of it has arrived but line ends."""
        return self._begun in (b"", b"\r")

    def received(self, data: bytes) -> int:
        """Take bytes of the header; return how many, for what follows is not for this."""
        kept = len(self._begun)
        data = self._begun + data if kept else data
        begin = 0
        while data.startswith(b"\r\n", begin):
            begin += 2
        end = data.find(b"\r\n\r\n", begin)
        self._blank += begin
        try:
            if self._blank > BLANK_BYTES:
                raise BadHeader
            if end < 0:
                self._begun = data[begin:]
                check_begun(self._begun, kept - begin)
                return len(data) - kept
            self._begun = data[begin : end + 2]
            self._read(self._begun)
            self._begun = b""
        except BadHeader as bad:
            self.refuse(bad.status)
        self.completed = True
        return (end + 4 if end >= 0 else len(data)) - kept

    def refuse(self, status: int, sentence: str | None = None) -> None:
        """Let it be answered with an error; the connection ends after that."""
        if not self.completed:
            self._recover()
        self.error, self.sentence = status, sentence
        self.completed = self.connection_close = True

    def _recover(self) -> None:
        line, self.headers = recovered(self._begun)
        if line:
            self.command, self.request_uri, self.version, _, self.path, self.query = line

    def _read(self, header: bytes) -> None:
        """Read the header.

        Raises:
            BadHeader: It is refused.
        """
        first_line, _, fields = header.partition(b"\r\n")
        line = read_line(first_line)
        if len(header) > HEADER_BYTES:
            raise BadHeader(431)
        section = _known_sections.read(fields)
        if line.version == "1.0":
            # Such a recipient may stand before us, for whom the coding is a part of the body.
            if section.is_chunked:
                raise BadHeader
            self.connection_close = not section.keeps
        elif not section.has_host:
            raise BadHeader
        self.connection_close |= section.closes
        self.command, self.request_uri, self.version, host, self.path, self.query = line
        self.headers = section.fields if host is None else section.fields | {"HOST": host}
        self._section = section

    @property
    def is_light(self) -> bool:
        """Whether it only reads, so that it may be answered from memory at once."""
        return not self.has_body and self.command in ("GET", "HEAD", "OPTIONS")

    @property
    def is_small(self) -> bool:
        """Whether it is a POST whose body came with the header."""
        incoming = self.incoming
        return incoming is not None and self.command == "POST" and incoming.has_arrived

    def receive_from(self, sock: socket.socket, ahead: bytes, patience: Patience) -> None:
        """Let the body be read from a socket, after what arrived of it together with the header."""
        section = self._section
        expected = section.expects and self.version == "1.1"
        if section.is_chunked:
            self.incoming = Coded(sock, ahead, patience, expected=expected)
        else:
            self.incoming = Counted(sock, ahead, patience, section.length, expected=expected)

    def get_body_stream(self) -> Any:
        """Return what the application reads the body from."""
        return self.incoming or BytesIO()

    def close(self) -> None:
        """There is nothing to let go of."""
