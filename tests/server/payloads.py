"""Requests that must be refused, byte for byte: smuggling, malformed, too large, too slow.

In each, `@PATH` is the address of an attachment that a well-formed GET would read and a PUT change, `@AUTH` the
credentials for it. Whoever read a payload otherwise would find the request `SMUGGLED` behind it.
"""

from dataclasses import dataclass

KIB = 1024
MAX_BINARY = 1024 * KIB
SMUGGLED = b"PUT @PATH HTTP/1.1\r\nHost: test\r\nAuthorization: @AUTH\r\nContent-Length: 8\r\n\r\nsmuggled"
HOST = b"Host: test"
AUTH = b"Authorization: @AUTH"


@dataclass(frozen=True)
class Payload:
    """One of them.

    Attributes:
        raw: What is sent.
        statuses: What may be the answer; none where the connection ends without one.
        then: Sent again and again, a tenth of a second apart, until the answer; nothing where it is empty.
        waits: Whether it is only refused after the time-out.
    """

    name: str
    raw: bytes
    statuses: tuple[int, ...] = (400,)
    then: bytes = b""
    waits: bool = False


def lines(*given: bytes) -> bytes:
    return b"".join(line + b"\r\n" for line in given) + b"\r\n"


def line(name: str, first: bytes, *statuses: int) -> Payload:
    """A request line that is wrong."""
    return Payload(f"line: {name}", lines(first, HOST, AUTH) + SMUGGLED, statuses or (400,))


def field(name: str, *fields: bytes, status: int = 400) -> Payload:
    """Fields that are wrong."""
    raw = lines(b"GET @PATH HTTP/1.1", HOST, AUTH, *fields) + SMUGGLED
    return Payload(f"field: {name}", raw, (status,))


def host(name: str, *hosts: bytes, version: bytes = b"1.1", target: bytes = b"@PATH") -> Payload:
    """A host that is wrong, or missing."""
    return Payload(f"host: {name}", lines(b"GET " + target + b" HTTP/" + version, AUTH, *hosts) + SMUGGLED)


def framed(name: str, *fields: bytes, body: bytes = b"hello", status: int = 400) -> Payload:
    """A body whose end is unclear."""
    raw = lines(b"PUT @PATH HTTP/1.1", HOST, AUTH, *fields) + body + SMUGGLED
    return Payload(f"framing: {name}", raw, (status,))


CHUNKED = b"Transfer-Encoding: chunked"


def chunked(name: str, body: bytes) -> Payload:
    """A body in chunks that is malformed."""
    return Payload(f"chunks: {name}", lines(b"PUT @PATH HTTP/1.1", HOST, AUTH, CHUNKED) + body + SMUGGLED)


END = b"0\r\n\r\n"
HELLO = b"5\r\nhello\r\n" + END

FRAMING = [
    framed("length and coding", b"Content-Length: 5", CHUNKED, body=HELLO),
    framed("coding and length", CHUNKED, b"Content-Length: 5", body=HELLO),
    framed("no length and coding", b"Content-Length: 0", CHUNKED, body=HELLO),
    framed("malformed length and coding", b"Content-Length: x", CHUNKED, body=HELLO),
    framed("two lengths that differ", b"Content-Length: 5", b"Content-Length: 0"),
    framed("two lengths that agree", b"Content-Length: 5", b"Content-Length: 5"),
    framed("two lengths in capitals and not", b"Content-Length: 5", b"CONTENT-LENGTH: 5"),
    framed("a list of lengths", b"Content-Length: 5, 5"),
    framed("a list of lengths that differ", b"Content-Length: 0,5"),
    framed("a length with plus", b"Content-Length: +5"),
    framed("a length with minus", b"Content-Length: -5"),
    framed("a length with underscore", b"Content-Length: 0_5"),
    framed("a length with a space inside", b"Content-Length: 0 5"),
    framed("a length in hexadecimal", b"Content-Length: 0x5"),
    framed("a length with a fraction", b"Content-Length: 5.0"),
    framed("an empty length", b"Content-Length:"),
    framed("a length in words", b"Content-Length: five"),
    framed("a quoted length", b'Content-Length: "5"'),
    framed("a length in other digits", "Content-Length: ٥".encode()),
    framed("a length after a vertical tab", b"Content-Length: \x0b5"),
    framed("a length before a form feed", b"Content-Length: 5\x0c"),
    framed("a length before NUL", b"Content-Length: 5\x00"),
    framed("a length on the next line", b"Content-Length:", b" 5"),
    framed("a length that goes on", b"Content-Length: 0", b" 5"),
    framed("a length behind a bare LF", b"X: y\nContent-Length: 5"),
    framed("a length before a space and a colon", b"Content-Length : 5"),
    framed("a length with an underscore in its name", b"Content_Length: 5"),
    framed("a length beyond 64 bits", b"Content-Length: 18446744073709551621", status=413),
    framed("a length of thousands of digits", b"Content-Length: " + b"9" * 5000, status=413),
    framed("another coding before", b"Transfer-Encoding: gzip, chunked", body=HELLO, status=501),
    framed("another coding after", b"Transfer-Encoding: chunked, gzip", body=HELLO),
    framed("another coding alone", b"Transfer-Encoding: gzip", body=HELLO),
    framed("identity", b"Transfer-Encoding: identity", b"Content-Length: 5"),
    framed("identity after", b"Transfer-Encoding: chunked, identity", body=HELLO),
    framed("chunked twice", b"Transfer-Encoding: chunked, chunked", body=HELLO),
    framed("chunked in two fields", CHUNKED, CHUNKED, body=HELLO),
    framed("two codings in two fields", CHUNKED, b"Transfer-Encoding: identity", body=HELLO),
    framed("chunked and an end", b"Transfer-Encoding: chunked,", body=HELLO),
    framed("chunked with a parameter", b"Transfer-Encoding: chunked;q=1", body=HELLO),
    framed("chunked in quotes", b'Transfer-Encoding: "chunked"', body=HELLO),
    framed("what only ends like chunked", b"Transfer-Encoding: xchunked", body=HELLO),
    framed("chunked after a vertical tab", b"Transfer-Encoding: \x0bchunked", body=HELLO),
    framed("chunked before NUL", b"Transfer-Encoding: chunked\x00", body=HELLO),
    framed("chunked after 0x85", b"Transfer-Encoding: \x85chunked", body=HELLO),
    framed("an empty coding", b"Transfer-Encoding:", body=HELLO),
    framed("chunked on the next line", b"Transfer-Encoding:", b" chunked", body=HELLO),
    framed("a coding before a space and a colon", b"Transfer-Encoding : chunked", body=HELLO),
    framed("a coding with an underscore in its name", b"Transfer_Encoding: chunked", body=HELLO),
    Payload("framing: chunked in 1.0", lines(b"PUT @PATH HTTP/1.0", HOST, AUTH, CHUNKED) + HELLO + SMUGGLED),
]

CHUNKS = [
    chunked("a size with minus", b"-5\r\nhello\r\n" + END),
    chunked("a size with plus", b"+5\r\nhello\r\n" + END),
    chunked("a size with 0x", b"0x5\r\nhello\r\n" + END),
    chunked("a size with underscore", b"0_5\r\nhello\r\n" + END),
    chunked("a size before a space", b"5 \r\nhello\r\n" + END),
    chunked("a size after a space", b" 5\r\nhello\r\n" + END),
    chunked("a size before a tab", b"5\t;a\r\nhello\r\n" + END),
    chunked("an empty size", b"\r\nhello\r\n" + END),
    chunked("an empty line before the size", b"\r\n5\r\nhello\r\n" + END),
    chunked("a size that is none", b"hello\r\n" + END),
    chunked("a size that ends in LF", b"5\nhello\r\n" + END),
    chunked("a size that ends in LF and CRLF", b"5\n\r\nhello\r\n" + END),
    chunked("a size that ends in CR", b"5\rhello\r\n" + END),
    chunked("a size beyond 64 bits", b"10000000000000005\r\nhello\r\n" + END),
    chunked("a size beyond 63 bits", b"8000000000000005\r\nhello\r\n" + END),
    chunked("a size of a thousand zeros", b"0" * 1000 + b"5\r\nhello\r\n" + END),
    chunked("an empty extension", b"5;\r\nhello\r\n" + END),
    chunked("an extension with a bare LF", b"5;a=b\nc\r\nhello\r\n" + END),
    chunked("an extension with a bare CR", b"5;a\rb\r\nhello\r\n" + END),
    chunked("an extension with NUL", b"5;a=\x00\r\nhello\r\n" + END),
    chunked("an extension whose quotes stay open", b'5;a="b\r\nhello\r\n' + END),
    chunked("an extension that is too long", b"5;a=" + b"b" * 2000 + b"\r\nhello\r\n" + END),
    chunked("too many extensions", (b"1;a=" + b"b" * 900 + b"\r\nh\r\n") * 10 + END),
    chunked("data without an end", b"5\r\nhello" + END),
    chunked("data that ends in LF", b"5\r\nhello\n" + END),
    chunked("data longer than told", b"4\r\nhello\r\n" + END),
    chunked("data shorter than told", b"6\r\nhello\r\n" + END),
    chunked("a trailer with a length", b"5\r\nhello\r\n0\r\nContent-Length: 5\r\n\r\n"),
    chunked("a trailer with a coding", b"5\r\nhello\r\n0\r\nTransfer-Encoding: chunked\r\n\r\n"),
    chunked("a trailer with a host", b"5\r\nhello\r\n0\r\nHost: other\r\n\r\n"),
    chunked("a trailer with credentials", b"5\r\nhello\r\n0\r\nAuthorization: @AUTH\r\n\r\n"),
    chunked("a trailer with a length by another name", b"5\r\nhello\r\n0\r\nContent_Length: 5\r\n\r\n"),
    chunked("a trailer without a colon", b"5\r\nhello\r\n0\r\nnonsense\r\n\r\n"),
    chunked("a trailer that is folded", b"5\r\nhello\r\n0\r\nA: b\r\n c\r\n\r\n"),
    chunked("a trailer that ends in LF", b"5\r\nhello\r\n0\r\nA: b\n\r\n"),
    chunked("a trailer that is too long", b"5\r\nhello\r\n0\r\n" + b"A: b\r\n" * 2000 + b"\r\n"),
    chunked("a last chunk that ends in LF", b"5\r\nhello\r\n0\n\n"),
]

HOSTS = [
    host("none"),
    host("none but by another name", b"X-Forwarded-Host: test"),
    host("none but with an underscore", b"HOST_: test"),
    host("none with a target in absolute form", target=b"http://test@PATH"),
    host("twice", HOST, HOST),
    host("twice and unlike", HOST, b"Host: other"),
    host("twice in 1.0", HOST, HOST, version=b"1.0"),
    host("empty", b"Host:"),
    host("with a space", b"Host: te st"),
    host("with a tab", b"Host: te\tst"),
    host("with a path", b"Host: test/x"),
    host("with a user", b"Host: user@test"),
    host("with a comma", b"Host: test, other"),
    host("with a query", b"Host: test?x"),
    host("with a percent sign", b"Host: te%73t"),
    host("with other letters", "Host: tést".encode()),
    host("with a port that is none", b"Host: test:http"),
    host("with a port that is too long", b"Host: test:123456"),
    host("with two ports", b"Host: test:80:80"),
    host("with a bracket left open", b"Host: [::1"),
    host("with markup", b"Host: <test>"),
    host("malformed in 1.0", b"Host: te st", version=b"1.0"),
    host("of the target with a user", HOST, target=b"http://user@test@PATH"),
    host("of the target empty", HOST, target=b"http://@PATH"),
    host("of the target malformed", HOST, target=b"http://te,st@PATH"),
]

LINES = [
    line("of 0.9", b"GET @PATH"),
    line("another scheme", b"GET ftp://test@PATH HTTP/1.1"),
    line("a target in authority form", b"GET test:80 HTTP/1.1"),
    line("CONNECT", b"CONNECT test:443 HTTP/1.1"),
    line("an asterisk with GET", b"GET * HTTP/1.1"),
    line("a relative target", b"GET event/events HTTP/1.1"),
    line("a target with a fragment", b"GET @PATH#x HTTP/1.1"),
    line("a target with NUL", b"GET @PATH\x00 HTTP/1.1"),
    line("a target with DEL", b"GET @PATH\x7f HTTP/1.1"),
    line("a target with a tab", b"GET @PATH\tx HTTP/1.1"),
    line("a target with a space", b"GET @PATH x HTTP/1.1"),
    line("a target with a bare CR", b"GET @PATH\rx HTTP/1.1"),
    line("a target with raw letters", "GET @PATH?é HTTP/1.1".encode()),
    line("no target", b"GET HTTP/1.1"),
    line("two spaces", b"GET  @PATH HTTP/1.1"),
    line("tabs", b"GET\t@PATH\tHTTP/1.1"),
    line("a space before", b" GET @PATH HTTP/1.1"),
    line("a space after", b"GET @PATH HTTP/1.1 "),
    line("a target that is too long", b"GET @PATH?" + b"a" * 9000 + b" HTTP/1.1", 414),
    Payload("line: a target without an end", b"GET @PATH?" + b"a" * 9000, (414,)),
    line("HTTP/1.2", b"GET @PATH HTTP/1.2", 505),
    line("HTTP/2.0", b"GET @PATH HTTP/2.0", 505),
    line("HTTP/3 and more", b"GET @PATH HTTP/3"),
    line("a version of two digits", b"GET @PATH HTTP/1.10"),
    line("a version in small letters", b"GET @PATH http/1.1"),
    line("a version with a space", b"GET @PATH HTTP /1.1"),
    line("a version of another protocol", b"GET @PATH ICAP/1.1"),
    line("a method in small letters", b"get @PATH HTTP/1.1"),
    line("a method with NUL", b"GE\x00T @PATH HTTP/1.1"),
    line("a method with parentheses", b"GET() @PATH HTTP/1.1"),
    line("no method", b"@PATH HTTP/1.1"),
    line("a bare CR after it", b"GET @PATH HTTP/1.1\r"),
    Payload("line: LF after it", b"GET @PATH HTTP/1.1\n" + lines(HOST, AUTH) + SMUGGLED),
    Payload("line: LF after each", b"GET @PATH HTTP/1.1\nHost: test\nAuthorization: @AUTH\n\n"),
    Payload("line: LF before it", b"\n" + lines(b"GET @PATH HTTP/1.1", HOST, AUTH) + SMUGGLED),
    Payload("line: many empty lines before it", b"\r\n" * 20 + SMUGGLED),
    Payload("line: the preface of HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", (505,)),
    Payload("line: the beginning of TLS", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(40)),
]

FIELDS = [
    field("folded", b"X: a", b" b"),
    field("folded by a tab", b"X: a", b"\tb"),
    field("a space before the colon", b"X : a"),
    field("a tab before the colon", b"X\t: a"),
    field("no name", b": a"),
    field("no colon", b"nonsense"),
    field("a name with a space", b"X Y: a"),
    field("a name with NUL", b"X\x00: a"),
    field("a name with DEL", b"X\x7f: a"),
    field("a name with parentheses", b"X(): a"),
    field("a name with other letters", "É: a".encode()),
    field("a value with NUL", b"X: a\x00b"),
    field("a value with DEL", b"X: a\x7fb"),
    field("a value with ESC", b"X: a\x1b[31m"),
    field("a value with a bare CR", b"X: a\rContent-Length: 5"),
    field("a value with a bare LF", b"X: a\nContent-Length: 5"),
    field("a value with LF and CR", b"X: a\n\rContent-Length: 5"),
    field("a value that ends in CR CR LF", b"X: a\r"),
    field("too many", *[b"X: a"] * 101, status=431),
    field("one that is too long", b"X: " + b"a" * 17 * KIB, status=431),
    field("all together too long", *[b"X: " + b"a" * 8 * KIB] * 9, status=431),
    Payload(
        "field: one without an end", lines(b"GET @PATH HTTP/1.1")[:-2] + b"X: " + b"a" * 99 * KIB, (431,)
    ),
    Payload("field: a fold before the first", b"GET @PATH HTTP/1.1\r\n " + lines(HOST, AUTH) + SMUGGLED),
]

_PUT = lines(b"PUT @PATH HTTP/1.1", HOST, AUTH)[:-2]
TOO_LARGE = [
    Payload(
        "large: a length over the limit", _PUT + b"Content-Length: 999999999999\r\n\r\n" + SMUGGLED, (413,)
    ),
    Payload(
        "large: chunks over the limit",
        _PUT + CHUNKED + b"\r\n\r\n" + (b"10000\r\n" + bytes(64 * KIB) + b"\r\n") * 17 + END + SMUGGLED,
        (413,),
    ),
]

SLOW = [
    Payload("slow: nothing", b"", (), waits=True),
    Payload("slow: an empty line", b"\r\n", (), waits=True),
    Payload("slow: half a request line", b"GET @PA", (408,), waits=True),
    Payload("slow: half a header", b"GET @PATH HTTP/1.1\r\nHost: test\r\n", (408,), waits=True),
    Payload("slow: a header that goes on", b"GET @PATH HTTP/1.1\r\nX: ", (408,), b"a", waits=True),
    Payload("slow: fields that go on", b"GET @PATH HTTP/1.1\r\n", (408,), b"X: a\r\n", waits=True),
    Payload("slow: half a body", _PUT + b"Content-Length: 5\r\n\r\nhel", (408,), waits=True),
    Payload("slow: a body that goes on", _PUT + b"Content-Length: 99999\r\n\r\n", (408,), b"a", waits=True),
    Payload("slow: half a chunk", _PUT + CHUNKED + b"\r\n\r\n5\r\nhel", (408,), waits=True),
    Payload("slow: chunks that go on", _PUT + CHUNKED + b"\r\n\r\n", (408,), b"1\r\na\r\n", waits=True),
]

PAYLOADS = [*FRAMING, *CHUNKS, *HOSTS, *LINES, *FIELDS, *TOO_LARGE, *SLOW]

# What is odd but right, and must be answered.
LEGAL = [
    Payload("absolute form", lines(b"GET http://other:8080@PATH HTTP/1.1", HOST, AUTH), (200,)),
    Payload("absolute form in capitals", lines(b"GET HTTP://other@PATH HTTP/1.1", HOST, AUTH), (200,)),
    Payload("absolute form of https", lines(b"GET https://other@PATH HTTP/1.1", HOST, AUTH), (200,)),
    Payload("an address of IPv6", lines(b"GET @PATH HTTP/1.1", b"Host: [::1]:8080", AUTH), (200,)),
    Payload("a host with an underscore", lines(b"GET @PATH HTTP/1.1", b"Host: a_b.c-d", AUTH), (200,)),
    Payload("a host with an empty port", lines(b"GET @PATH HTTP/1.1", b"Host: a:", AUTH), (200,)),
    Payload("1.0 without a host", lines(b"GET @PATH HTTP/1.0", AUTH), (200,)),
    Payload("no space after the colon", lines(b"GET @PATH HTTP/1.1", b"Host:test", AUTH), (200,)),
    Payload("spaces around a value", lines(b"GET @PATH HTTP/1.1", b"Host: \t test \t", AUTH), (200,)),
    Payload("an empty value", lines(b"GET @PATH HTTP/1.1", HOST, AUTH, b"X:"), (200,)),
    Payload("a value with other letters", lines(b"GET @PATH HTTP/1.1", HOST, AUTH, "X: é".encode()), (200,)),
    Payload("a name with an underscore", lines(b"GET @PATH HTTP/1.1", HOST, AUTH, b"X_Y: a"), (200,)),
    Payload("fields as many as may be", lines(b"GET @PATH HTTP/1.1", HOST, AUTH, *[b"X: a"] * 98), (200,)),
    Payload("a long token", lines(b"GET @PATH HTTP/1.1", HOST, AUTH, b"X: " + b"a" * 15 * KIB), (200,)),
    Payload("a long query", lines(b"GET @PATH?" + b"a" * 7 * KIB + b" HTTP/1.1", HOST, AUTH), (200,)),
    Payload("empty lines before", b"\r\n\r\n" + lines(b"GET @PATH HTTP/1.1", HOST, AUTH), (200,)),
    Payload("Chunked", _PUT + b"Transfer-Encoding: Chunked\r\n\r\n" + HELLO, (201,)),
    Payload("a chunk of many zeros", _PUT + CHUNKED + b"\r\n\r\n00005\r\nhello\r\n000\r\n\r\n", (201,)),
    Payload("extensions", _PUT + CHUNKED + b'\r\n\r\n5;a;b=c;d="e\\"f"\r\nhello\r\n0;x\r\n\r\n', (201,)),
    Payload("a trailer", _PUT + CHUNKED + b"\r\n\r\n5\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n", (201,)),
    Payload("a length with zeros", _PUT + b"Content-Length: 005\r\n\r\nhello", (201,)),
]
