"""One request after the other on a connection: where each ends, and whether the connection stays."""

import socket
from collections.abc import Callable
from typing import Any

import pytest
from server_tools import MIB, Host, answer, coded, echo, refuse, request
from waitress.adjustments import Adjustments

from c8ybin.server.request import Request

Hosted = Callable[..., Host]


@pytest.fixture
def host(either_host: Hosted) -> Hosted:
    """A starter of servers, without TLS and with it."""
    return either_host


@pytest.mark.parametrize("status", ["204 No Content", "304 Not Modified"])
@pytest.mark.parametrize("answers_now", [False, True])
def test_the_connection_stays_after_an_answer_without_a_body(
    host: Hosted, status: str, answers_now: bool
) -> None:
    def app(environ: Any, start_response: Any) -> list[bytes]:
        start_response(status, [])
        return []

    with host(app, answers_now=answers_now).connect() as client:
        for _ in range(3):
            reply = client.ask("GET", "/")
            assert reply.status == int(status[:3])
            assert not {"Content-Length", "Transfer-Encoding", "Connection"} & reply.fields.keys()


def test_a_small_body_that_nobody_read_is_passed_over_when_it_has_arrived(host: Hosted) -> None:
    with host(refuse).connect() as client:
        for _ in range(3):
            reply = client.ask("POST", "/", body=bytes(10_000))
            assert (reply.status, reply.body) == (404, b"not here")
            assert "Connection" not in reply.fields
        assert client.ask("GET", "/").body == b"here"


def test_a_large_body_that_nobody_read_ends_the_connection(host: Hosted) -> None:
    with host(refuse).connect() as client:
        client.send(request("POST", "/", "Content-Length: 1000000", body=b""))
        client.send(bytes(1000))
        reply = client.reply()
        assert (reply.status, reply.fields["Connection"]) == (404, "close")
        assert client.rest() == b""


@pytest.mark.parametrize("answers_now", [False, True])
@pytest.mark.parametrize(
    "first",
    [
        request("GET", "/a"),
        request("POST", "/a", body=b"GET /smuggled HTTP/1.1\r\n\r\n"),
        request("POST", "/a", "Transfer-Encoding: chunked") + coded(b"GET /x HTTP/1.1\r\n\r\n", b"more"),
        request("POST", "/a", "Transfer-Encoding: chunked") + coded(),
        request("POST", "/a", body=bytes(100_000)),
    ],
    ids=["GET", "POST", "chunked", "empty", "long"],
)
def test_of_requests_sent_at_once_each_is_answered_in_its_turn(
    host: Hosted, first: bytes, answers_now: bool
) -> None:
    with host(echo, answers_now=answers_now).connect() as client:
        client.send(first + request("GET", "/b") + first + request("GET", "/c"))
        replies = [client.reply().body for _ in range(4)]
        assert [body.split()[1] for body in replies] == [b"/a", b"/b", b"/a", b"/c"]
        assert replies[0] == replies[2]


def test_of_requests_cut_anywhere_each_is_answered(host: Hosted) -> None:
    stream = request("POST", "/a", "Transfer-Encoding: chunked") + coded(b"abc", b"d") + request("GET", "/b")
    served = host(echo)
    for cut in range(1, len(stream)):
        with served.connect() as client:
            client.send(stream[:cut])
            client.send(stream[cut:])
            assert client.reply().body == b"POST /a abcd"
            assert client.reply().body == b"GET /b "


def test_the_same_header_again_is_framed_the_same(host: Hosted) -> None:
    # Fields that were seen before are not parsed anew, and those that frame a body must not be lost by that.
    with host(echo).connect() as client:
        for _ in range(3):
            client.send(request("POST", "/a", "Transfer-Encoding: chunked") + coded(b"abc"))
            assert client.reply().body == b"POST /a abc"
        for length in (3, 4):
            assert client.ask("POST", "/a", body=bytes(length)).body == b"POST /a " + bytes(length)


def test_the_same_fields_in_another_version_are_framed_by_that(host: Hosted) -> None:
    served = host(echo)
    with served.connect() as client:
        assert client.ask("GET", "/a", "X: y").status == 200
        assert client.ask("GET", "/a", "X: y", version="1.0").fields["Connection"] == "close"
        assert client.rest() == b""
    with served.connect() as client:
        assert client.ask("GET", "/a", "Connection: close").fields["Connection"] == "close"
        assert client.rest() == b""
    with served.connect() as client:
        assert client.ask("GET", "/a", "Connection: close").fields["Connection"] == "close"
        assert client.rest() == b""


def test_http_1_0_keeps_the_connection_only_on_demand(host: Hosted) -> None:
    served = host(echo)
    with served.connect() as client:
        for _ in range(2):
            reply = client.ask("POST", "/", "Connection: Keep-Alive", body=b"x", version="1.0")
            assert (reply.body, reply.fields["Connection"]) == (b"POST / x", "Keep-Alive")
        assert client.ask("GET", "/", version="1.0").fields["Connection"] == "close"
        assert client.rest() == b""


def test_http_1_0_is_not_sent_chunks_and_ends_an_answer_of_unknown_length(host: Hosted) -> None:
    def app(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [])
        return (piece for piece in (b"ab", b"c"))

    served = host(app)
    with served.connect() as client:
        reply = client.ask("GET", "/", "Connection: Keep-Alive", version="1.0")
        assert (reply.body, reply.fields["Connection"]) == (b"abc", "close")
    with served.connect() as client:
        for _ in range(2):
            reply = client.ask("GET", "/")
            assert (reply.body, reply.fields["Transfer-Encoding"]) == (b"abc", "chunked")


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (request("POST", "/", "Transfer-Encoding: chunked", version="1.0"), 400),
        (request("POST", "/", "Transfer-Encoding: gzip, chunked"), 501),
        (request("POST", "/", "Transfer-Encoding: chunked", "Content-Length: 3") + coded(b"abc"), 400),
        (request("POST", "/", "Content-Length: 1x"), 400),
        (request("POST", "/", "Content-Length: 1", "Content-Length: 2"), 400),
        (b"nonsense\r\n\r\n", 400),
        (request("GET", "/", "X: " + 300_000 * "x"), 431),
    ],
)
def test_what_cannot_be_framed_is_refused_and_the_connection_ends_with_the_answer(
    host: Hosted, head: bytes, status: int
) -> None:
    with host(echo).connect() as client:
        client.send(head)
        # A client that goes on reads the answer all the same, not a reset.
        client.send(bytes(2 * MIB))
        reply = client.reply()
        assert (reply.status, reply.fields["Connection"]) == (status, "close")
        assert client.rest() == b""


def test_a_malformed_coding_ends_the_connection(host: Hosted) -> None:
    def app(environ: Any, start_response: Any) -> list[bytes]:
        try:
            while environ["wsgi.input"].read(2):
                pass
        except Exception:
            return answer(start_response, b"malformed", "400 Bad Request")
        return answer(start_response, b"taken")

    for broken in (b"XX\r\n\r\n", b"\r\nnonsense\r\n\r\n", b"\r\n3;\x01\r\n\r\n\r\n"):
        with host(app).connect() as client:
            client.send(request("POST", "/", "Transfer-Encoding: chunked") + b"2\r\nab")
            client.send(broken + request("GET", "/smuggled"))
            reply = client.reply()
            assert (reply.status, reply.fields["Connection"]) == (400, "close")
            assert client.rest() == b""


def test_more_bytes_than_told_are_the_next_request(host: Hosted) -> None:
    with host(echo).connect() as client:
        client.send(request("POST", "/a", "Content-Length: 3") + b"abc" + request("GET", "/b"))
        assert client.reply().body == b"POST /a abc"
        assert client.reply().body == b"GET /b "
        client.send(request("POST", "/a", "Content-Length: 3") + b"abcdef\r\n\r\n" + bytes(MIB))
        assert client.reply().body == b"POST /a abc"
        assert client.reply().status == 400
        assert client.rest() == b""


@pytest.mark.parametrize("length", [None, 5])
def test_head_is_answered_without_a_body(host: Hosted, length: int | None) -> None:
    def app(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [("Content-Length", str(length))] if length else [])
        return (piece for piece in (b"abc", b"de"))

    with host(app).connect() as client:
        for _ in range(2):
            assert client.ask("HEAD", "/").status == 200
        assert client.ask("GET", "/").body == b"abcde"


def test_an_empty_line_before_a_request_may_come_in_two_pieces() -> None:
    begun = Request(Adjustments())
    for piece in (b"\r", b"\n\r", b"\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"):
        assert begun.received(piece) == len(piece)
    assert (begun.completed, begun.error, begun.path) == (True, None, "/")


def test_blank_lines_between_requests_are_passed_over(host: Hosted) -> None:
    with host(echo).connect() as client:
        client.send(b"\r\n" + request("GET", "/a") + b"\r\n\r\n\r\n" + request("GET", "/b"))
        assert client.reply().body == b"GET /a "
        assert client.reply().body == b"GET /b "


def test_a_client_that_says_it_has_sent_all_is_answered(host: Hosted) -> None:
    for body in (b"", b"abc"):
        with host(echo).connect() as client:
            client.send(request("POST", "/a", body=body))
            # Of the connection below TLS, which would not be read from any more.
            socket.socket.shutdown(client.socket, socket.SHUT_WR)
            assert client.reply().body == b"POST /a " + body
            assert client.rest() == b""
