"""The end of a server in this process."""

import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from harness import until
from server_tools import MIB, Host, answer, descriptors, echo, hosted, request

from c8ybin.server import Server, listen

Hosted = Callable[..., Host]


@pytest.fixture
def host(either_host: Hosted) -> Hosted:
    """A starter of servers, without TLS and with it."""
    return either_host


def test_stop_after_the_end_touches_nothing() -> None:
    # The descriptor that wakes the loop is closed by then, and its number may be another file's.
    server = Server(lambda environ, start: [], listen("127.0.0.1", 0), threads=1)
    server.stop()
    assert server.run()
    server.stop()


def test_idle_connections_are_closed_and_new_ones_refused(host: Hosted) -> None:
    served = host(echo)
    clients = [served.connect() for _ in range(10)]
    assert {client.ask("GET", "/").status for client in clients[:5]} == {200}
    assert until(lambda: served.connections == 10)
    assert served.stop()
    assert [client.rest() for client in clients] == [b""] * 10
    for client in clients:
        client.close()
    with pytest.raises(ConnectionRefusedError):
        served.connect()


def test_what_is_under_way_is_finished(host: Hosted) -> None:
    """A body that arrives, an answer that is made, one that is read slowly, a refused body that goes on."""
    go_on, begun = threading.Event(), threading.Event()

    def app(environ: Any, start_response: Any) -> Any:
        if environ["PATH_INFO"] == "/refused":
            return answer(start_response, b"no", "404 Not Found")
        if environ["PATH_INFO"] == "/made":
            begun.set()
            go_on.wait()
        if environ["PATH_INFO"] == "/large":
            return answer(start_response, bytes(8 * MIB))
        return echo(environ, start_response)

    served = host(app)
    sender, waiter, reader, refused = (served.connect(buffer_bytes=4096) for _ in range(4))
    sender.send(request("POST", "/sent", "Content-Length: 6") + b"abc")
    waiter.send(request("GET", "/made"))
    reader.send(request("GET", "/large"))
    refused.send(request("POST", "/refused", "Content-Length: 9000000"))
    assert begun.wait(30)
    assert refused.reply().status == 404
    assert reader._file.read(1000)
    served.begin_to_stop()
    assert until(lambda: served.server._stopping)
    sender.send(b"def")
    go_on.set()
    refused.send(bytes(9_000_000))
    refused.close()
    assert sender.reply().body == b"POST /sent abcdef"
    assert waiter.reply().body == b"GET /made "
    assert len(reader.rest()) > 8 * MIB - 1000
    assert served.stop()
    for client in (sender, waiter, reader):
        client.close()


@pytest.mark.parametrize("answers_now", [False, True])
def test_nothing_stays_open_after_the_end(answers_now: bool) -> None:
    before = descriptors()
    with hosted(echo, answers_now=answers_now) as served:
        clients = [served.connect() for _ in range(5)]
        clients[0].ask("GET", "/")
        clients[1].ask("POST", "/", body=b"x")
        clients[2].send(b"GET")
        clients[3].send(request("POST", "/", "Content-Length: 9") + b"abc")
        for client in clients:
            client.close()
    assert descriptors() == before


def test_what_is_not_sent_at_the_end_is_closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("c8ybin.server.serving.STOP_WITHIN_S", 0.2)
    path = tmp_path / "file"
    path.write_bytes(bytes(16 * MIB))

    class Part:
        def __init__(self) -> None:
            self.fd = os.open(path, os.O_RDONLY)
            self.start, self.length, self.span = 0, 16 * MIB, self

        def fileno(self) -> int:
            return self.fd

        def close(self) -> None:
            os.close(self.fd)

    def sending(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [])
        return environ["wsgi.file_wrapper"](Part())

    before = descriptors()
    with hosted(sending) as served, served.connect(buffer_bytes=4096) as client:
        client.send(request("GET", "/"))
        assert client._file.read(1000)
        assert served.stop()
    assert descriptors() == before
