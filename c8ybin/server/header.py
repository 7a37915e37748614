"""The header of a request, read as strictly as RFC 9112 allows.

What two readers of one connection might read differently is refused, for a proxy before this server could be
made to see other requests than this server sees. Nothing is mended, and nothing is guessed.
"""

import re
from contextlib import suppress
from dataclasses import dataclass
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

# Of the request line, of one field, and of all together with it.
LINE_BYTES = 8 * 1024
FIELD_BYTES = 16 * 1024
HEADER_BYTES = 64 * 1024
FIELDS = 100
# Clients send a line end after a body now and then (RFC 9112, section 2.2).
BLANK_BYTES = 16

_LENGTH_DIGITS = 18
_TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]++"
# Methods are capitals, as all that are registered; a fragment never leaves a client (RFC 9110, section 4.2.5).
_REQUEST_LINE = re.compile(rb"([!#$%&'*+\-.^_`|~0-9A-Z]++) ([!\"$-~]++) HTTP/([0-9]\.[0-9])")
_ABSOLUTE = re.compile(rb"https?://([^/?]*+)(/[^?]*+)?+(?:\?(.*+))?", re.IGNORECASE)
# Bytes above 0x7F are for the application to understand: names of files have them.
FIELD_LINE = rb"(" + _TOKEN + rb"):[\t -~\x80-\xff]*+\r\n"
_SECTION = re.compile(rb"(?:" + FIELD_LINE + rb")*+")
_WHOLE_FIELD = re.compile(rb"^(" + _TOKEN + rb"):([\t -~\x80-\xff]*+)\r$", re.MULTILINE)
_HOST = re.compile(r"(?:[A-Za-z0-9._-]++|\[[0-9A-Fa-f:.]++\])(?::[0-9]{0,5})?")
# A bare CR or LF among what has arrived; a CR at the end may be followed by its LF yet.
_BARE = re.compile(rb"(?<!\r)\n|\r(?!\n|\Z)")
# Of a method, or of an empty line before it whose other half is to come.
_BEGIN = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Z]|\r\Z")
_CODINGS = re.compile(r"(?:[!#$%&'*+\-.^_`|~0-9a-z]++, *+)*+chunked")
# What frames and routes a request.
_STRICT = {"HOST", "CONTENT_LENGTH", "TRANSFER_ENCODING"}


class BadHeader(Exception):
    """A header that is refused.

    Attributes:
        status: The status code that says why.
    """

    def __init__(self, status: int = 400) -> None:
        super().__init__(status)
        self.status = status


class Line(NamedTuple):
    """A request line (RFC 9112, section 3).

    Attributes:
        host: Of a target in absolute form; it wins over the field. None where the target tells none.
        path: Decoded, as PEP 3333 wants it: a character a byte.
    """

    method: str
    target: str
    version: str
    host: str | None
    path: str
    query: str


@dataclass(frozen=True, slots=True)
class Section:
    """What the fields of a header say; many requests share one, so nobody changes it.

    Attributes:
        fields: By their names in capitals, with `_` for `-`, as in WSGI; values of one name joined by a comma.
        length: Of the body, in bytes; 0 where it is not told.
        is_chunked: Whether the body is in chunked transfer coding.
        has_host: Whether there is a Host.
        closes: Whether the client wants the connection to end.
        keeps: Whether it wants it to stay.
        expects: Whether it waits for 100 (Continue).
    """

    fields: dict[str, str]
    length: int
    is_chunked: bool
    has_host: bool
    closes: bool
    keeps: bool
    expects: bool


def check_begun(header: bytes, seen: int) -> None:
    """Look at a header whose end has not arrived, of which the first `seen` bytes were looked at before.

    Raises:
        BadHeader: However it goes on, it would be refused.
    """
    if header and not _BEGIN.match(header):
        raise BadHeader
    if _BARE.search(header, max(0, seen - 1)):
        raise BadHeader
    if len(header) > LINE_BYTES and header.find(b"\r\n", 0, LINE_BYTES + 2) < 0:
        raise BadHeader(414)
    if len(header) > HEADER_BYTES:
        raise BadHeader(431)


def read_line(line: bytes) -> Line:
    """Read a request line, without its end.

    Raises:
        BadHeader: It is malformed or too long, or speaks of another version of HTTP.
    """
    if len(line) > LINE_BYTES:
        raise BadHeader(414)
    match = _REQUEST_LINE.fullmatch(line)
    if not match:
        raise BadHeader
    method, target, version = match.groups()
    if version not in (b"1.1", b"1.0"):
        raise BadHeader(505)
    host = None
    if target.startswith(b"/"):
        path, _, query = target.partition(b"?")
    elif target == b"*" and method == b"OPTIONS":
        path, query = target, b""
    else:
        host, path, query = _absolute(target)
    path = unquote_to_bytes(path) if b"%" in path else path
    return Line(
        method.decode(),
        target.decode(),
        version.decode(),
        host,
        path.decode("latin-1"),
        query.decode(),
    )


def recovered(header: bytes) -> tuple[Line | None, dict[str, str]]:
    """Return what can be read of a header that is refused, maybe before its end: its line, and its fields.

    For those who are told of it, and for how it is answered; nobody takes it for what the client wants.
    """
    first_line, end, rest = header.partition(b"\r\n")
    line = None
    if end:
        with suppress(BadHeader):
            line = read_line(first_line)
    fields: dict[str, str] = {}
    for match in _WHOLE_FIELD.finditer(rest):
        key = match[1].decode().upper().replace("-", "_")
        if b"_" not in match[1]:
            _add(fields, key, match[2].decode("latin-1"))
    return line, fields


def _add(fields: dict[str, str], key: str, value: str) -> None:
    """Add a field; two lengths, hosts, codings or origins make a value that is none."""
    value = value.strip(" \t")
    fields[key] = f"{fields[key]}, {value}" if key in fields else value


def _absolute(target: bytes) -> tuple[str, bytes, bytes]:
    """Return host, path and query of a target in absolute form (RFC 9112, section 3.2.2)."""
    match = _ABSOLUTE.fullmatch(target)
    if not match:
        raise BadHeader
    host = match[1].decode()
    if not _HOST.fullmatch(host):
        raise BadHeader
    return host, match[2] or b"/", match[3] or b""


def read_section(section: bytes) -> Section:
    """Read the fields of a header, each with its line end.

    Raises:
        BadHeader: One is malformed, they are too many or too long, or they leave open where the body ends.
    """
    if not _SECTION.fullmatch(section):
        raise BadHeader
    fields: dict[str, str] = {}
    lines = section.decode("latin-1").split("\r\n")[:-1]
    if len(lines) > FIELDS or max(map(len, lines), default=0) > FIELD_BYTES:
        raise BadHeader(431)
    for line in lines:
        name, _, value = line.partition(":")
        key = name.upper().replace("-", "_")
        if "_" in name:
            # In the environment it would be taken for the name with hyphens.
            if key in _STRICT:
                raise BadHeader
            continue
        _add(fields, key, value)
    return _understood(fields)


def _understood(fields: dict[str, str]) -> Section:
    host = fields.get("HOST")
    if host is not None and not _HOST.fullmatch(host):
        raise BadHeader
    options = {option.strip(" \t").lower() for option in fields.get("CONNECTION", "").split(",")}
    return Section(
        fields,
        _length(fields),
        _is_chunked(fields),
        host is not None,
        "close" in options,
        "keep-alive" in options,
        fields.get("EXPECT", "").lower() == "100-continue",
    )


def _length(fields: dict[str, str]) -> int:
    text = fields.get("CONTENT_LENGTH", "0")
    if not (text.isascii() and text.isdigit()):
        raise BadHeader
    if len(text) > _LENGTH_DIGITS:
        raise BadHeader(413)
    return int(text)


def _is_chunked(fields: dict[str, str]) -> bool:
    """Tell whether there is a transfer coding (RFC 9112, sections 6.1 and 6.3)."""
    if "TRANSFER_ENCODING" not in fields:
        return False
    coding = fields["TRANSFER_ENCODING"].lower()
    if "CONTENT_LENGTH" in fields:
        raise BadHeader
    if coding != "chunked":
        # Others may be before it, but none twice, and nothing after it.
        several = _CODINGS.fullmatch(coding) and coding.count("chunked") == 1
        raise BadHeader(501 if several else 400)
    fields["TRANSFER_ENCODING"] = coding
    return True
