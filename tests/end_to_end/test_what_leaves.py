"""What a real server lets out: header fields of downloads and errors, and no word about its inside."""

import base64
import json
import re
from collections.abc import Iterator
from email.parser import BytesParser
from email.policy import HTTP
from pathlib import Path
from urllib.parse import quote

import pytest
from harness import DEMO, RunningServer, binaries, connected, servers
from hypothesis import given, settings
from hypothesis import strategies as st
from server_tools import Raw

BASIC = "Authorization: Basic " + base64.b64encode(DEMO.encode()).decode()
SANDBOX = "sandbox; default-src 'none'"
FIELD = re.compile(rb"([A-Za-z][A-Za-z0-9-]*): ([\x20-\x7e\t]*)")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("leaving")


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[RunningServer]:
    with servers(folder / "data") as start:
        yield start("--demo", "--max-chunk", "1KiB")


@pytest.fixture(scope="module")
def event(server: RunningServer) -> str:
    """The ID of an event with ten bytes of HTML."""
    with connected(server) as c:
        event_id = c.create_event()
        assert c.ask("PUT", binaries(event_id), b"<b>ten</b>", Content_Type="text/html")[0].status == 201
    return event_id


def exchange(server: RunningServer, data: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
    """Send a request that closes the connection; return what came: each line of the header is one field."""
    with Raw(server.port) as client:
        client.send(data)
        answer = client.rest()
    head, _, body = answer.partition(b"\r\n\r\n")
    first, *lines = head.split(b"\r\n")
    match = re.fullmatch(rb"HTTP/1\.[01] (\d{3}) [A-Za-z -]+", first)
    assert match, first
    fields = []
    for line in lines:
        field = FIELD.fullmatch(line)
        assert field, line
        fields.append((field[1].decode(), field[2].decode()))
    return int(match[1]), fields, body


def message(method: str, path: str, *fields: bytes, body: bytes = b"") -> bytes:
    head = [f"{method} {path} HTTP/1.1".encode(), b"Host: test", BASIC.encode(), b"Connection: close"]
    return b"\r\n".join([*head, b"Content-Length: %d" % len(body), *fields, b"", b""]) + body


@pytest.mark.parametrize(
    ("method", "fields", "status"),
    [
        ("GET", {}, 200),
        ("HEAD", {}, 200),
        ("GET", {"Range": "bytes=1-3"}, 206),
        ("GET", {"If_None_Match": "*"}, 304),
    ],
)
def test_a_download_runs_nowhere(
    server: RunningServer, event: str, method: str, fields: dict[str, str], status: int
) -> None:
    with connected(server) as c:
        answer, _ = c.ask(method, binaries(event), **fields)
    assert answer.status == status
    assert answer.headers["Content-Security-Policy"] == SANDBOX
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert answer.headers["Cache-Control"] == "private, no-cache"
    if status != 304:
        assert answer.headers["Content-Disposition"].startswith("attachment; ")


def test_documents_are_revalidated_and_errors_kept_by_nobody(server: RunningServer, event: str) -> None:
    with connected(server) as c:
        answer, _ = c.ask("GET", f"/event/events/{event}")
        assert answer.headers["Cache-Control"] == "private, no-cache"
        again, _ = c.ask("GET", f"/event/events/{event}", If_None_Match=answer.headers["ETag"])
        assert (again.status, again.headers["X-Content-Type-Options"]) == (304, "nosniff")
        for path in ("/health", "/no/such/address", "/event/events/1"):
            assert c.ask("GET", path)[0].headers["Cache-Control"] == "no-store"


def errors(event: str, full: str) -> Iterator[tuple[int, bytes]]:
    """Yield requests that are refused, each with the status that they get."""
    binary = binaries(full)
    yield 400, b"nonsense\r\n\r\n"
    yield 400, b"GET / HTTP/1.1\r\nHost : test\r\n\r\n"
    yield 400, message("PUT", binary, b"Content-Range: ?", body=b"x")
    yield 400, message("POST", "/event/events", body=b"{")
    yield 400, message("PUT", binary, b"Content-Digest: sha-256=:AAAA:", body=b"x")
    yield 400, message("PUT", binary, b"Content-Type: multipart/form-data; boundary=x", body=b"--x\r\n\r\n")
    yield 401, b"GET /event HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n"
    yield 404, message("GET", "/event/events/1")
    yield 404, message("GET", "/../../etc/passwd")
    yield 404, message("GET", binaries(event))
    yield 405, message("PATCH", "/event/events", body=b"{}")
    yield 405, message("TRACE", "/event/events")
    yield 409, message("POST", binary, body=b"x")
    yield 412, message("PUT", binary, b'If-Match: "x"', body=b"x")
    yield 413, message("PUT", binary, b"Content-Range: 0-9999/*", body=b"x" * 10_000)
    yield 416, message("GET", binary, b"Range: bytes=99-")
    yield 422, message("POST", "/event/events", body=b"{}")
    yield 422, message("GET", "/event/events?pageSize=x")
    yield 431, b"GET / HTTP/1.1\r\nX: " + b"x" * 70_000 + b"\r\n\r\n"
    yield 501, b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n"


def test_no_error_tells_of_the_inside(server: RunningServer, event: str, folder: Path) -> None:
    with connected(server) as c:
        bare, damaged, foreign = (c.create_event() for _ in range(3))
    requests = list(errors(bare, event))
    for event_id, status in ((damaged, 500), (foreign, 500)):
        (file,) = (folder / "data" / "events").rglob(f"{event_id}/event.json")
        file.unlink()
        if event_id == damaged:
            file.write_text("no JSON")
        else:
            file.mkdir()  # which is no damage that the code knows
        requests.append((status, message("GET", f"/event/events/{event_id}")))
    accounts = folder / "data" / "accounts.json"
    for wanted, data in requests:
        status, fields, body = exchange(server, data)
        assert status == wanted, (data[:100], status, body)
        check_is_silent(folder, fields, body)
    accounts.write_text("no JSON")
    other = base64.b64encode(b"ann:x").decode().encode()
    status, fields, body = exchange(server, message("GET", "/event").replace(BASIC.encode()[21:], other))
    accounts.unlink()
    assert status == 500
    check_is_silent(folder, fields, body)


def check_is_silent(folder: Path, fields: list[tuple[str, str]], body: bytes) -> None:
    told = dict(fields)
    assert len(told) == len(fields)
    assert (told["X-Content-Type-Options"], told["Cache-Control"]) == ("nosniff", "no-store")
    assert not {"Server", "X-Powered-By", "Via"} & set(told)
    assert list(json.loads(body)) == ["error", "message", "info"]
    everything = (str(fields).encode() + body).lower()
    for word in (b"waitress", b"falcon", b"python", b"traceback", b"errno", b"exception", b"/usr", b".py"):
        assert word not in everything
    for word in (
        str(folder).encode(),
        b"event.json",
        b"binary.json",
        b"accounts.json",
        b"content-0",
        b"/data",
    ):
        assert word.lower() not in everything


NASTY = (
    "\r\nX-Evil: 1", "\n", "\0", '"', '\\"', "\\", ";", "; filename=evil", "*", "'", "''", "%0d%0a", "%", "é",
    "\u2028", "\x85", "\x7f", "日本", "🌡", "\u202e", "ﬁ", "／", "=?utf-8?q?=0d=0aX?=", ",", "UTF-8''", "\t", " ",
)  # fmt: skip
names = st.lists(st.sampled_from(NASTY) | st.text(max_size=3), min_size=1, max_size=5).map("".join)


def in_field(text: str) -> bytes:
    """Return a text as it can stand in a header field that is not thereby several."""
    return re.sub(rb"[\r\n]", b" ", text.encode(errors="replace"))


def form(*parts: tuple[bytes, bytes]) -> tuple[bytes, bytes]:
    """Return Content-Type and body of a form."""
    body = b"".join(b"--b0undary\r\n%s\r\n\r\n%s\r\n" % part for part in parts) + b"--b0undary--\r\n"
    return b"Content-Type: multipart/form-data; boundary=b0undary", body


def ways(name: str) -> Iterator[tuple[tuple[bytes, ...], bytes]]:
    """Yield header fields and body of uploads that bring a text in as a name or as a type."""
    field, encoded = in_field(name), quote(name, errors="replace").encode()
    part = b'Content-Disposition: form-data; name="file"; filename="f"'
    yield (b'Content-Disposition: attachment; filename="%s"' % field,), b"x"
    yield (b"Content-Disposition: attachment; filename=%s" % field,), b"x"
    yield (b"Content-Disposition: attachment; filename*=UTF-8''%s" % encoded,), b"x"
    yield (b"Content-Disposition: attachment; filename*=ISO-8859-1'en'%s" % encoded,), b"x"
    yield (b"Content-Type: %s" % field,), b"x"
    yield (b"Content-Type: text/plain; a=%s" % field,), b"x"
    for parts in (
        [(part.replace(b'"f"', b'"%s"' % name.encode(errors="replace")), b"x")],
        [(part + b"; filename*=UTF-8''" + encoded, b"x")],
        [(part + b"\r\nContent-Type: text/x; a=" + name.encode(errors="replace"), b"x")],
        [(b'Content-Disposition: form-data; name="%s"' % field, b"x")],
        [(b'Content-Disposition: form-data; name="type"', name.encode(errors="replace")), (part, b"x")],
        [
            (
                b'Content-Disposition: form-data; name="object"',
                json.dumps({"name": name, "type": f"text/plain; a={name}"}).encode(),
            ),
            (part, b"x"),
        ],
    ):
        kind, body = form(*parts)
        yield (kind,), body


@given(name=names)
@settings(max_examples=25)
def test_whatever_comes_in_as_a_name_or_a_type_goes_out_as_one_field(
    server: RunningServer, event: str, name: str
) -> None:
    with connected(server) as c:
        target = c.create_event()
        for fields, body in ways(name):
            status, told, _ = exchange(server, message("PUT", binaries(target), *fields, body=body))
            assert status in (201, 400)
            assert len(dict(told)) == len(told)
            if status == 201:
                check_download(server, target)


def check_download(server: RunningServer, target: str) -> None:
    """Hold an answer's header against what the event says, as the e-mail package reads it."""
    _, _, stored = exchange(server, message("GET", f"/event/events/{target}"))
    label = json.loads(stored)["c8y_IsBinary"]
    status, fields, body = exchange(server, message("GET", binaries(target)))
    assert (status, body) == (200, b"x")
    told = dict(fields)
    assert len(told) == len(fields)
    assert told["Content-Type"] == label["type"]
    text = "".join(f"{k}: {v}\r\n" for k, v in fields if k == "Content-Disposition") + "\r\n"
    read = BytesParser(policy=HTTP).parsebytes(text.encode())["Content-Disposition"]
    assert read.content_disposition == "attachment"
    assert set(read.params) == {"filename"}
    # Encoded words are of e-mail alone (RFC 6266, section 5).
    assert "=?" in text or not [d for d in read.defects if "duplicate" not in str(d)]
    match = re.fullmatch(
        r"attachment; (?:filename\*=UTF-8\'\'((?:[A-Za-z0-9!#$&+.^_`|~-]|%[0-9A-F]{2})+); )?"
        r'filename="((?:[^"\\]|\\")*)"',
        told["Content-Disposition"],
    )
    assert match
    assert (match[1] is not None) == (not label["name"].isascii())
    if match[1]:
        assert match[1] == quote(label["name"], safe="!#$&+-.^_`|~")
    else:
        assert match[2].replace('\\"', '"') == label["name"]
