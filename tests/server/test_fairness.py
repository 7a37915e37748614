"""Nobody keeps the main loop, or the thread for small requests, from the others."""

import socket
import threading
from typing import Any

import pytest
from server_tools import MIB, Host, answer, echo, hosted, request

from c8ybin.server import outgoing
from c8ybin.server.outgoing import FilePart, Outgoing


def test_requests_that_one_client_sends_at_once_leave_others_their_turn() -> None:
    calls: list[str] = []
    other: list[Any] = []

    def app(environ: Any, start_response: Any) -> list[bytes]:
        calls.append(environ["PATH_INFO"])
        if len(calls) == 1:
            other[0].send(request("GET", "/other"))
        return answer(start_response, b"")

    with hosted(app, answers_now=True) as host, host.connect() as many, host.connect() as one:
        other.append(one)
        many.send(request("GET", "/many") * 50)
        assert one.reply().status == 200
        assert {many.reply().status for _ in range(50)} == {200}
    assert calls.index("/other") < 5


def test_a_reader_as_fast_as_the_main_loop_does_not_keep_it(tmp_path: Any) -> None:
    path = tmp_path / "file"
    path.write_bytes(bytes(64 * MIB))
    ours, theirs = socket.socketpair()
    ours.setblocking(False)

    def read() -> None:
        while theirs.recv(MIB):
            pass

    reader = threading.Thread(target=read)
    reader.start()

    class Whole:
        def __init__(self) -> None:
            self._file = path.open("rb")
            self.fileno, self.close = self._file.fileno, self._file.close
            self.start, self.length = 0, 64 * MIB
            self.span = self

    out = Outgoing()
    out.append(FilePart(Whole()))
    assert out.send(ours, may_wait=False) <= outgoing._TURN_BYTES + outgoing.WINDOW_BYTES
    out.close()
    ours.close()
    reader.join()
    theirs.close()


def test_a_small_request_that_would_take_long_is_begun_anew_by_another_thread_with_its_body() -> None:
    calls: list[tuple[bool, bytes]] = []

    def app(environ: Any, start_response: Any) -> list[bytes]:
        body = environ["wsgi.input"].read(3) + environ["wsgi.input"].read(3)
        calls.append((environ["c8ybin.may_take_long"], body))
        if not calls[-1][0]:
            raise BlockingIOError
        return answer(start_response, body)

    with hosted(app, answers_now=True) as host, host.connect() as client:
        client.send(request("POST", "/", body=b"abcdef") + request("POST", "/", body=b"ghijkl"))
        assert [client.reply().body for _ in range(2)] == [b"abcdef", b"ghijkl"]
    assert calls == [(False, b"abcdef"), (True, b"abcdef"), (False, b"ghijkl"), (True, b"ghijkl")]


def test_a_refused_client_that_keeps_its_end_open_does_not_keep_a_stop(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # The end would wait for it, were it not for the bound on what a refused client is waited for.
    monkeypatch.setattr("c8ybin.server.serving.STOP_WITHIN_S", 1e6)
    with hosted(echo) as host, host.connect() as client:
        client.send(b"nonsense\r\n\r\n")
        assert client.reply().status == 400
        assert host.stop()


@pytest.mark.parametrize(
    ("head", "status"),
    [
        ("GET http://[ HTTP/1.1", 400),
        (f"POST / HTTP/1.1\r\nContent-Length: {'9' * 5000}", 413),
        ("POST / HTTP/1.1\r\nTransfer-Encoding: chunked, chunked", 400),
        ("POST / HTTP/1.1\r\nTransfer-Encoding: ,\r\nContent-Length: 3", 400),
        ("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked", 400),
    ],
)
def test_what_only_looks_like_a_request_is_refused(host: Any, head: str, status: int) -> None:
    served: Host = host(echo)
    with served.connect() as client:
        client.send(head + "\r\nHost: test\r\n\r\n")
        assert client.reply().status == status
        assert client.rest() == b""
