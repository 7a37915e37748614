"""Applications that fail, or would have to wait, before and after their header."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from harness import until
from server_tools import MIB, Host, answer, request

Hosted = Callable[..., Host]


@pytest.fixture
def host(either_host: Hosted) -> Hosted:
    """A starter of servers, without TLS and with it."""
    return either_host


def failing(environ: Any, start_response: Any) -> Iterator[bytes]:
    """Fail where the path says."""
    where = environ["PATH_INFO"]
    if where == "/at-once":
        raise ValueError(where)
    start_response("200 OK", [("Content-Length", "4")] if where == "/with-length" else [])
    if where == "/before-header":
        raise ValueError(where)
    yield b"ab"
    if where != "/fine":
        raise ValueError(where)
    yield b"cd"


@pytest.mark.parametrize("answers_now", [False, True])
def test_before_its_header_is_a_500_and_the_next_client_is_served(host: Hosted, answers_now: bool) -> None:
    served = host(failing, answers_now=answers_now)
    for where in ("/at-once", "/before-header"):
        with served.connect() as client:
            reply = client.ask("GET", where)
            assert (reply.status, reply.fields["Connection"]) == (500, "close")
            assert client.rest() == b""
    with served.connect() as client:
        assert client.ask("GET", "/fine").body == b"abcd"
    assert until(served.all_is_free)


@pytest.mark.parametrize("answers_now", [False, True])
def test_after_its_header_the_answer_is_visibly_cut(host: Hosted, answers_now: bool) -> None:
    served = host(failing, answers_now=answers_now)
    with served.connect() as client:
        client.send(request("GET", "/in-chunks"))
        assert client.rest().endswith(b"\r\n\r\n2\r\nab\r\n")
    with served.connect() as client:
        client.send(request("GET", "/with-length"))
        assert client.rest().endswith(b"\r\n\r\nab")
    assert until(served.all_is_free)


def test_with_too_few_bytes_ends_the_connection(host: Hosted) -> None:
    with host(lambda _, start: answer(start, b"ab", Content_Length="4")).connect() as client:
        client.send(request("GET", "/"))
        assert client.rest().endswith(b"\r\n\r\nab")


def test_that_must_wait_after_its_header_is_not_called_again(host: Hosted) -> None:
    calls: list[bool] = []

    def app(environ: Any, start_response: Any) -> Iterator[bytes]:
        calls.append(environ["c8ybin.may_wait"])
        start_response("200 OK", [])
        yield b"ab"
        raise BlockingIOError

    with host(app, answers_now=True).connect() as client:
        client.send(request("GET", "/"))
        assert client.rest().endswith(b"\r\n\r\n2\r\nab\r\n")
    assert calls == [False]


def test_that_must_wait_though_it_may_is_a_500(host: Hosted) -> None:
    calls: list[bool] = []

    def app(environ: Any, start_response: Any) -> Iterator[bytes]:
        calls.append(environ["c8ybin.may_wait"])
        raise BlockingIOError

    with host(app, answers_now=True).connect() as client:
        assert client.ask("GET", "/").status == 500
    assert calls == [False, True]


def test_only_what_reads_is_called_on_the_main_loop(host: Hosted) -> None:
    def app(environ: Any, start_response: Any) -> list[bytes]:
        return answer(start_response, str(environ["c8ybin.may_wait"]).encode())

    with host(app, answers_now=True).connect() as client:
        told = {m: client.ask(m, "/").body for m in ("GET", "POST", "PUT", "DELETE")}
        assert told == {"GET": b"False", "POST": b"True", "PUT": b"True", "DELETE": b"True"}
        assert client.ask("GET", "/", body=b"x").body == b"True"
    with host(app).connect() as client:
        assert client.ask("GET", "/").body == b"True"


def test_a_connection_that_the_server_itself_fails_on_is_let_go(host: Hosted) -> None:
    class Closed:
        """A file that its application closed too early."""

        start, length = 0, 2 * MIB

        def __init__(self) -> None:
            self.span = self

        def fileno(self) -> int:
            raise ValueError("I/O operation on closed file")

        def close(self) -> None:
            pass

    def app(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [])
        return environ["wsgi.file_wrapper"](Closed())

    for answers_now in (False, True):
        served = host(app, answers_now=answers_now)
        with served.connect() as client:
            client.send(request("GET", "/"))
            client.rest()
        assert until(served.all_is_free)
