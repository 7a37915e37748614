"""Each request has an ID: every answer tells it, also those that the application never sees."""

import re

import pytest
from harness import until
from server_tools import MIB, answer, echo, request

MADE = r"[0-9a-f]{16}"


def application(environ, start_response):
    """Answer as the path says, with the ID that the application is told."""
    if environ["PATH_INFO"] == "/fails":
        raise RuntimeError("on purpose")
    status = {"/304": "304 Not Modified", "/404": "404 Not Found"}.get(environ["PATH_INFO"], "200 OK")
    return answer(start_response, b"" if "304" in status else environ["c8ybin.request_id"].encode(), status)


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "OPTIONS"])
@pytest.mark.parametrize("path", ["/", "/304", "/404"])
def test_an_answer_tells_the_id_of_the_client(either_host, method, path):
    with either_host(application).connect() as client:
        for sent in ("a", "4f1c-9b.X_" + "z" * 54):
            reply = client.ask(method, path, f"X-Request-ID: {sent}", body=b"x" if method == "POST" else b"")
            assert reply.fields["X-Request-ID"] == sent
            assert reply.body.decode() in ("", sent)


@pytest.mark.parametrize("sent", ["", "z" * 65, "a b", "a\tb", "a;b", 'a"b', "é", "a, b", "a\x7f"])
def test_what_is_no_id_is_replaced(host, sent):
    with host(application).connect() as client:
        client.send(f"GET / HTTP/1.1\r\nHost: test\r\nX-Request-ID: {sent}\r\n\r\n".encode("latin-1"))
        assert re.fullmatch(MADE, client.reply().fields["X-Request-ID"])


def test_one_that_comes_twice_is_replaced(host):
    with host(application).connect() as client:
        reply = client.ask("GET", "/", "X-Request-ID: a", "X-Request-ID: b")
        assert re.fullmatch(MADE, reply.fields["X-Request-ID"])


def test_those_that_are_made_differ(host):
    with host(application).connect() as client:
        made = {client.ask("GET", "/").fields["X-Request-ID"] for _ in range(20)}
    assert len(made) == 20


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"nonsense\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost : test\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nX: " + b"x" * 70_000 + b"\r\n\r\n", 431),
        (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 501),
        (request("GET", "/fails"), 500),
    ],
)
def test_a_refusal_of_the_server_itself_and_a_failure_have_one(host, sent, status):
    with host(application).connect() as client:
        client.send(sent)
        reply = client.reply()
    assert reply.status == status
    assert re.fullmatch(MADE, reply.fields["X-Request-ID"])


class Told(list):
    """What a server told."""

    def __call__(self, exchange):
        self.append(exchange)


@pytest.mark.parametrize("answers_now", [False, True])
def test_each_request_is_told_once_with_what_was_received_and_sent(either_host, answers_now):
    told = Told()
    with either_host(echo, told=told, answers_now=answers_now).connect() as client:
        for body in (b"", b"abc", b"x" * 300_000):
            client.ask("POST", "/a%20b?token=x", "Referer: r", "User-Agent: u", body=body)
        client.send(b"POST /c HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n")
        client.reply()
        client.ask("HEAD", "/")
        client.send(b"nonsense\r\n\r\n")
        client.reply()
        assert until(lambda: len(told) == 6)
    assert [(e.method, e.path, e.status, e.received) for e in told] == [
        ("POST", "/a b", 200, 0),
        ("POST", "/a b", 200, 3),
        ("POST", "/a b", 200, 300_000),
        ("POST", "/c", 200, 3),
        ("HEAD", "/", 200, 0),
        (None, None, 400, 0),
    ]
    assert [e.sent for e in told[:5]] == [10, 13, 300_010, 11, 0]
    assert (told[0].referer, told[0].agent, told[0].peer) == ("r", "u", "127.0.0.1")
    assert all(e.is_whole and 0 <= e.duration_s < 60 for e in told)


def test_an_answer_that_nobody_reads_is_told_as_broken_off_with_what_was_sent(host):
    told = Told()
    big = bytes(30 * MIB)

    def application(_, start_response):
        return answer(start_response, big)

    with host(application, told=told).connect(buffer_bytes=4096) as client:
        client.send(request("GET", "/"))
        client.socket.recv(1000)
        assert not told
        client.reset()
        assert until(lambda: len(told) == 1)
    assert not told[0].is_whole
    assert told[0].sent < len(big)


def test_what_the_application_notes_is_told(host):
    told = Told()

    def application(environ, start_response):
        environ["c8ybin.notes"]["user"] = "ann"
        return answer(start_response, b"")

    with host(application, told=told).connect() as client:
        client.ask("GET", "/")
        assert until(lambda: len(told) == 1)
    assert told[0].notes == {"user": "ann"}


def test_where_nobody_is_told_nothing_is_noted(host):
    def application(environ, start_response):
        return answer(start_response, str("c8ybin.notes" in environ).encode())

    with host(application).connect() as client:
        assert client.ask("GET", "/").body == b"False"
