"""Pages of other origins: none may use a real server, but for those that the operator names."""

import http.client
from collections.abc import Iterator

import pytest
from harness import RunningServer, Serve, connected, servers
from server_tools import Raw

ONE, OTHER = "https://app.example.com", "http://localhost:4200"
ALLOW = "Access-Control-Allow-Origin"
PREFLIGHT = {"Access_Control_Request_Method": "PUT", "Access_Control_Request_Headers": "authorization"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with servers(tmp_path_factory.mktemp("cors") / "data") as start:
        yield start("--demo", "--cors-origin", ONE, "--cors-origin", OTHER)


def options(server: RunningServer, path: str = "/event/events/1/binaries", **fields: str):  # type: ignore[no-untyped-def]
    """Ask without an account, as a browser does."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    connection.request("OPTIONS", path, headers={k.replace("_", "-"): v for k, v in fields.items()})
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer


@pytest.mark.parametrize("origin", [ONE, OTHER])
def test_a_preflight_is_answered_without_an_account(server: RunningServer, origin: str) -> None:
    answer = options(server, Origin=origin, **PREFLIGHT)
    assert (answer.status, answer.headers[ALLOW], answer.headers["Vary"]) == (204, origin, "Origin")
    assert {"PUT", "DELETE", "POST", "GET"} <= set(answer.headers["Access-Control-Allow-Methods"].split(", "))
    allowed = answer.headers["Access-Control-Allow-Headers"].split(", ")
    assert {"Authorization", "Content-Range", "Content-Disposition", "If-Match"} <= set(allowed)
    assert answer.headers["Access-Control-Max-Age"] == "3600"
    assert answer.headers["X-Request-ID"]


def test_answers_and_errors_are_for_that_origin_and_tell_what_pages_need(server: RunningServer) -> None:
    with connected(server) as c:
        event_id = c.create_event()
        for method, path, status in (
            ("GET", f"/event/events/{event_id}", 200),
            ("PUT", f"/event/events/{event_id}/binaries", 201),
            ("GET", "/event/events/1", 404),
            ("GET", "/no/such/address", 404),
            ("PATCH", "/event/events", 405),
        ):
            answer, _ = c.ask(method, path, b"x" if method == "PUT" else None, Origin=ONE)
            assert (answer.status, answer.headers[ALLOW]) == (status, ONE)
            exposed = answer.headers["Access-Control-Expose-Headers"].split(", ")
            assert {"Location", "ETag", "Content-Disposition", "Repr-Digest", "X-Request-ID"} <= set(exposed)
            assert len(answer.headers.get_all("Vary")) == 1
            assert "Origin" in answer.headers["Vary"].split(", ")
            assert "Access-Control-Allow-Credentials" not in answer.headers
        answer, _ = c.ask("GET", f"/event/events/{event_id}", Origin=ONE)
        assert answer.headers["Vary"] == "Accept, Origin"
    with connected(server, "demo:wrong") as c:
        answer, _ = c.ask("GET", "/event", Origin=ONE)
        assert (answer.status, answer.headers[ALLOW]) == (401, ONE)


@pytest.mark.parametrize(
    "origin",
    [
        "null",
        "https://app.example.com.evil.example",
        "http://app.example.com",
        "https://APP.example.com",
        ONE + "/",
    ],
)
def test_no_other_origin_is_allowed(server: RunningServer, origin: str) -> None:
    answer = options(server, Origin=origin, **PREFLIGHT)
    assert answer.status == 204
    assert "Access-Control-Allow-Methods" not in answer.headers
    with connected(server) as c:
        got, _ = c.ask("GET", "/event", Origin=origin)
    for each in (answer, got):
        assert ALLOW not in each.headers
        assert "Origin" in each.headers["Vary"]


def test_without_the_option_no_answer_speaks_of_origins(serve: Serve) -> None:
    server = serve("--demo")
    plain, preflight = options(server, "/event"), options(server, "/event", Origin=ONE, **PREFLIGHT)
    assert preflight.status == plain.status
    assert preflight.headers["Allow"] == plain.headers["Allow"]
    with connected(server) as c:
        got, _ = c.ask("GET", "/event", Origin=ONE)
    assert got.headers["Vary"] == "Accept"
    assert not [
        name for each in (preflight, got) for name in each.headers if name.startswith("Access-Control")
    ]


def test_a_star_is_for_all_origins(serve: Serve) -> None:
    server = serve("--demo", "--cors-origin", "*")
    assert options(server, Origin="null", **PREFLIGHT).headers[ALLOW] == "*"
    with connected(server) as c:
        got, _ = c.ask("GET", "/event", Origin=ONE)
    assert (got.headers[ALLOW], got.headers["Vary"]) == ("*", "Accept")


LONG = b"X-Long: " + b"x" * 20_000
REFUSED_BY_THE_SERVER = {
    "a malformed field": (b"GET /event HTTP/1.1", (b"Host: a", b"Origin: @", b"X : y"), 400),
    "no host": (b"GET /event HTTP/1.1", (b"Origin: @",), 400),
    "a field too long": (b"GET /event HTTP/1.1", (b"Host: a", LONG, b"Origin: @"), 431),
    "an unknown coding": (
        b"PUT /event HTTP/1.1",
        (b"Host: a", b"Origin: @", b"Transfer-Encoding: gzip, chunked"),
        501,
    ),
    "a length beyond all": (
        b"PUT /e HTTP/1.1",
        (b"Host: a", b"Content-Length: 1" + b"0" * 20, b"Origin: @"),
        413,
    ),
    "an address too long": (b"GET /" + b"x" * 9000 + b" HTTP/1.1", (b"Host: a", b"Origin: @"), 414),
    "another version": (b"GET /event HTTP/1.3", (b"Host: a", b"Origin: @"), 505),
}


def sent(server: RunningServer, origin: str, line: bytes, fields: tuple[bytes, ...], end: bytes = b"\r\n"):  # type: ignore[no-untyped-def]
    """Send a header as it is, with an origin in it; return the answer."""
    text = b"".join(part + b"\r\n" for part in (line, *fields)).replace(b"@", origin.encode()) + end
    with Raw(server.port) as client:
        client.send(text)
        return client.reply("HEAD" if line.startswith(b"HEAD") else "GET")


@pytest.mark.parametrize("case", REFUSED_BY_THE_SERVER)
def test_a_page_can_read_why_the_server_itself_refuses(server: RunningServer, case: str) -> None:
    line, fields, status = REFUSED_BY_THE_SERVER[case]
    answer = sent(server, ONE, line, fields)
    assert (answer.status, answer.fields.get(ALLOW)) == (status, ONE)
    assert answer.fields["Vary"] == "Origin"
    assert "Retry-After" in answer.fields["Access-Control-Expose-Headers"]
    answer = sent(server, "https://evil.example", line, fields)
    assert (answer.status, answer.fields.get(ALLOW)) == (status, None)


def test_a_page_can_read_that_its_header_came_too_slowly(serve: Serve) -> None:
    server = serve("--demo", "--cors-origin", ONE, "--body-timeout", "1s")
    answer = sent(server, ONE, b"GET /event HTTP/1.1", (b"Host: a", b"Origin: @"), end=b"X")
    assert (answer.status, answer.fields.get(ALLOW)) == (408, ONE)


def test_two_origins_are_none_to_the_server_itself_either(server: RunningServer) -> None:
    answer = sent(server, ONE, b"GET / HTTP/1.1", (b"Origin: @", b"Origin: " + OTHER.encode()))
    assert (answer.status, answer.fields.get(ALLOW)) == (400, None)


def test_where_all_places_are_taken_pages_may_ask_and_are_told(serve: Serve) -> None:
    server = serve("--demo", "--cors-origin", ONE, "--max-connections", "1")
    preflight = (b"Host: a", b"Origin: @", b"Access-Control-Request-Method: PUT")
    with connected(server) as c:
        event_id = c.create_event()
        c.begin_upload(event_id, b"abcdef")
        answer = sent(server, ONE, b"OPTIONS /event/events HTTP/1.1", preflight)
        assert (answer.status, answer.fields["Access-Control-Max-Age"]) == (204, "3600")
        answer = sent(server, ONE, b"GET /event HTTP/1.1", (b"Host: a", b"Origin: @"))
        assert (answer.status, answer.fields[ALLOW]) == (503, ONE)
        # What is no preflight has no more than that.
        answer = sent(server, ONE, b"OPTIONS /event HTTP/1.1", (b"Host: a", b"Origin: @"))
        assert answer.status == 503
        c.finish_upload(b"abcdef")
