"""Slow readers and senders: none keeps others waiting, and each ends by its deadline."""

import ssl
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from harness import pattern, until
from server_tools import MIB, Host, Raw, answer, echo, request

from c8ybin.domain.errors import TooSlow

Hosted = Callable[..., Host]


@pytest.fixture
def host(either_host: Hosted) -> Hosted:
    """A starter of servers, without TLS and with it."""
    return either_host


SMALL = 4096  # what a client holds of what it does not read


class Whole:
    """A whole file, of which the server may send a span by itself."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("rb")
        self.start, self.length, self.span = 0, path.stat().st_size, self
        self.fileno, self.close = self._file.fileno, self._file.close


@pytest.fixture
def library(tmp_path: Path) -> Callable[[Any, Any], Any]:
    """An application: a large file, a large answer of bytes, one made block by block, what is sent to it."""
    path = tmp_path / "file"
    path.write_bytes(pattern(8 * MIB))

    def app(environ: Any, start_response: Any) -> Any:
        wanted = environ["PATH_INFO"]
        if wanted == "/file":
            start_response("200 OK", [])
            return environ["wsgi.file_wrapper"](Whole(path))
        if wanted == "/bytes":
            return answer(start_response, path.read_bytes())
        if wanted == "/blocks":
            start_response("200 OK", [])
            return (path.read_bytes()[n : n + 65536] for n in range(0, 8 * MIB, 65536))
        try:
            return echo(environ, start_response)
        except TooSlow:
            return answer(start_response, b"too slow", "408 Request Timeout")

    return app


def others_are_served(served: Host) -> bool:
    with served.connect() as other:
        return other.ask("POST", "/", body=b"x").body == b"POST / x" and other.ask("GET", "/").status == 200


@pytest.mark.parametrize("answers_now", [False, True])
@pytest.mark.parametrize("path", ["/file", "/bytes", "/blocks"])
def test_readers_that_do_not_read_keep_nobody_waiting(
    host: Hosted, library: Any, path: str, answers_now: bool
) -> None:
    served = host(library, threads=1, answers_now=answers_now)
    readers = [served.connect(buffer_bytes=SMALL) for _ in range(20)]
    for reader in readers:
        reader.send(request("GET", path))
        assert reader._file.peek(1)
    assert others_are_served(served)
    if path == "/file":
        assert len(served.threads.threads) == 1
    for reader in readers[:3]:  # and get it whole when they do
        assert reader.reply().body == pattern(8 * MIB)
    for reader in readers:
        reader.close()
    assert until(served.all_is_free)


def test_a_reader_that_never_reads_is_let_go(
    host: Hosted, library: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    served = host(library, threads=1)
    served.server._listener.adj.channel_timeout = 1
    readers = [served.connect(buffer_bytes=SMALL) for _ in range(3)]
    for reader, path in zip(readers, ("/file", "/bytes", "/blocks"), strict=True):
        reader.send(request("GET", path))
        assert reader._file.peek(1)
    assert until(served.all_is_free)
    for reader in readers:
        reader.close()


@pytest.mark.parametrize("path", ["/file", "/bytes", "/blocks"])
def test_a_reader_below_the_least_rate_is_let_go_although_it_reads(
    host: Hosted, library: Any, path: str
) -> None:
    served = host(library, threads=1, body_timeout_s=1)
    served.server._listener.adj.cleanup_interval = 0.1
    with served.connect(buffer_bytes=SMALL) as reader:
        reader.send(request("GET", path))

        def is_cut_off() -> bool:
            reader.socket.recv(1)
            return not served.connections

        assert reader.socket.recv(1)
        assert served.connections == 1
        assert until(is_cut_off)
        # What the kernel still had to send has gone, too; TLS may find its end before it finds the reset.
        with pytest.raises((ConnectionResetError, ssl.SSLEOFError)):
            reader.rest()
    assert until(served.all_is_free)


@pytest.mark.parametrize("path", ["/file", "/blocks"])
def test_a_steady_reader_is_served_although_the_kernel_asks_for_more_only_now_and_then(
    host: Hosted, library: Any, path: str
) -> None:
    served = host(library, threads=1, body_timeout_s=1)
    served.server._listener.adj.cleanup_interval = 0.1
    with served.connect(buffer_bytes=SMALL) as reader:
        reader.send(request("GET", path))
        ends = time.monotonic() + 4  # some time-outs
        while time.monotonic() < ends:
            assert len(reader._file.read(2000)) == 2000
            time.sleep(0.02)  # the client's pace
        assert served.connections == 1


@pytest.mark.parametrize("pace", ["silent", "piece by piece"])
def test_senders_keep_nobody_waiting(host: Hosted, library: Any, pace: str) -> None:
    served = host(library, threads=2)
    senders = [served.connect() for _ in range(10)]
    for sender in senders:
        sender.send(request("POST", "/", "Content-Length: 1000000"))
    stop = threading.Event()

    def send() -> None:
        while not stop.wait(0.004):  # often enough that no single wait is long
            for sender in senders:
                sender.send(b"123456789")

    sending = threading.Thread(target=send)
    if pace != "silent":
        sending.start()
    assert all(others_are_served(served) for _ in range(5))
    stop.set()
    if pace != "silent":
        sending.join()
    for sender in senders:
        sender.close()
    assert until(served.all_is_free)


def test_a_sender_that_stops_is_told_408_and_let_go(host: Hosted, library: Any) -> None:
    served = host(library, body_timeout_s=0.3)
    for coding in ("Content-Length: 1000", "Transfer-Encoding: chunked"):
        with served.connect() as client:
            client.send(request("POST", "/", coding) + b"3\r\nabc")
            reply = client.reply()
            assert (reply.status, reply.body, reply.fields["Connection"]) == (408, b"too slow", "close")
            assert client.rest() == b""
    assert until(served.all_is_free)


@pytest.mark.parametrize("begun", [b"G", b"GET / HTTP/1.1\r\nX: ", request("GET", "/")[:-1]])
def test_who_dallies_with_a_header_is_let_go_although_it_sends(host: Hosted, begun: bytes) -> None:
    served = host(echo, body_timeout_s=0.3)
    with served.connect() as client:
        client.send(begun)

        def is_cut_off() -> bool:
            try:
                client.send(b"x")
            except ConnectionError:
                return True
            return False

        assert until(is_cut_off)
    assert until(served.all_is_free)


def test_idle_connections_leave_no_trace(host: Hosted) -> None:
    served = host(echo, threads=1)
    idle = [served.connect() for _ in range(300)]
    assert all(others_are_served(served) for _ in range(20))
    assert idle[150].ask("GET", "/").body == b"GET / "
    for client in idle:
        client.close()
    assert until(served.all_is_free)


@pytest.fixture
def reset_clients() -> Iterator[list[Raw]]:
    clients: list[Raw] = []
    yield clients
    for client in clients:
        client.close()


@pytest.mark.parametrize("path", ["/file", "/bytes", "/blocks"])
def test_a_reset_during_an_answer_is_noticed(host: Hosted, library: Any, path: str) -> None:
    served = host(library, threads=1)
    for _ in range(5):
        client = served.connect(buffer_bytes=SMALL)
        client.send(request("GET", path))
        assert client._file.read(1000)
        client.reset()
    assert until(served.all_is_free)
    assert others_are_served(served)
