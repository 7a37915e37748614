"""The load generator, against a server that notes what it is sent and answers what the path asks for."""

import hashlib
import socket
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from bench.load import Failed, Load, request
from bench.tools import Tools


class Notes:
    """What arrived, by path."""

    def __init__(self) -> None:
        self.paths: list[str] = []
        self.bodies: dict[str, bytes] = {}
        self.headers: dict[str, dict[str, str]] = {}
        self.clients: dict[str, Any] = {}
        self.lock = threading.Lock()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    notes: Notes

    def log_message(self, *_: object) -> None: ...

    def do_GET(self) -> None:
        self._note(b"")
        self._answer(200, b"x" * int(self.path.rpartition("/")[2]))

    def do_POST(self) -> None:
        self._note(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path.startswith("/cut"):
            self.wfile.write(b"HTTP/1.1 201 Created\r\nContent-Length: 9\r\n\r\nhalf")
            self.close_connection = True
        else:
            self._answer(409 if self.path.startswith("/clash") else 201, b"")

    def _note(self, body: bytes) -> None:
        with self.notes.lock:
            self.notes.paths.append(self.path)
            self.notes.bodies[self.path] = body
            self.notes.headers[self.path] = dict(self.headers.items())
            self.notes.clients[self.path] = self.client_address

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Location", f"http://somewhere{self.path}/made")
        self.send_header("Content-Length", str(len(body)))
        if "closing" in self.path:
            self.send_header("Connection", "close")
            self.close_connection = True
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture
def server() -> Iterator[ThreadingHTTPServer]:
    class Noting(Handler):
        notes = Notes()

    class Server(ThreadingHTTPServer):
        notes = Noting.notes

    server = Server(("127.0.0.1", 0), Noting)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def load(tools: Tools, tmp_path: Any) -> Load:
    return Load(tools.program("load"), tmp_path)


def port_of(server: ThreadingHTTPServer) -> int:
    return int(server.server_address[1])


def test_bodies_arrive_whole_and_differ(load: Load, server: Any) -> None:
    sizes = (1, 1024, 3_000_000, 3_000_000)
    found = load.run(
        port_of(server), [request("POST", f"/{n}", size, 201) for n, size in enumerate(sizes)], connections=2
    ).figures
    bodies = [server.notes.bodies[f"/{n}"] for n in range(len(sizes))]
    assert tuple(len(body) for body in bodies) == sizes
    assert len({hashlib.sha256(body).digest() for body in bodies}) == len(sizes)
    # Nothing that a disk or a file system could store once for several.
    blocks = [bodies[2][start : start + 4096] for start in range(0, 1_000_000, 4096)]
    assert len(set(blocks)) == len(blocks)
    assert (found["requests"], found["errors"]) == (len(sizes), 0)
    assert found["bytes_sent"] > sum(sizes)


def test_answers_are_received_whole(load: Load, server: Any) -> None:
    found = load.run(port_of(server), [request("GET", "/2000000", 0, 200)] * 3, connections=1).figures
    assert (found["requests"], found["errors"]) == (3, 0)
    assert found["bytes_received"] > 6_000_000


def test_an_unexpected_status_is_an_error_that_is_named(load: Load, server: Any) -> None:
    requests = [request("POST", "/fine", 5, 201), request("POST", "/clash", 5, 201)]
    found = load.run(port_of(server), requests, connections=1).figures
    assert (found["requests"], found["errors"]) == (2, 1)
    assert found["first_error"] == "409, not 201, for POST /clash HTTP/1.1"


def test_an_answer_that_is_cut_is_an_error_and_the_next_goes_on(load: Load, server: Any) -> None:
    requests = [request("POST", "/cut", 5, 201), request("POST", "/next", 5, 201)]
    found = load.run(port_of(server), requests, connections=1).figures
    assert (found["requests"], found["errors"]) == (1, 1)
    assert server.notes.paths == ["/cut", "/next"]


def test_a_connection_that_the_server_closes_is_opened_again(load: Load, server: Any) -> None:
    requests = [request("GET", f"/closing{n}/7", 0, 200) for n in range(3)]
    found = load.run(port_of(server), requests, connections=1).figures
    assert (found["requests"], found["errors"]) == (3, 0)
    assert len(set(server.notes.clients.values())) == 3


def test_a_group_stays_on_one_connection_and_in_order(load: Load, server: Any) -> None:
    requests = [request("POST", f"/{file}/{part}", 10, 201) for file in range(6) for part in range(4)]
    load.run(port_of(server), requests, connections=3, group=4)
    for file in range(6):
        assert [p for p in server.notes.paths if p.startswith(f"/{file}/")] == [
            f"/{file}/{n}" for n in range(4)
        ]
        assert len({server.notes.clients[f"/{file}/{part}"] for part in range(4)}) == 1
    assert len(set(server.notes.clients.values())) == 3


def test_locations_are_told_in_the_order_of_the_requests(load: Load, server: Any) -> None:
    outcome = load.run(
        port_of(server),
        [request("POST", f"/{n}", 3, 201) for n in range(20)],
        connections=4,
        body='{"a":1}',
        headers=["X-Every: one", "X-Other: two"],
        wants_locations=True,
    )
    assert outcome.locations == [f"http://somewhere/{n}/made" for n in range(20)]
    assert set(server.notes.bodies.values()) == {b'{"a":1}'}
    assert all(h["X-Every"] == "one" and h["X-Other"] == "two" for h in server.notes.headers.values())


def test_a_cycle_ends_by_time_and_uses_every_request_again(load: Load, server: Any) -> None:
    requests = [request("GET", f"/{n}/1", 0, 200) for n in range(3)]
    found = load.run(port_of(server), requests, connections=1, seconds=0.3, cycles=True).figures
    assert found["requests"] == len(server.notes.paths) > 3
    assert set(server.notes.paths) == {"/0/1", "/1/1", "/2/1"}


def test_the_clock_covers_the_requests(load: Load, server: Any) -> None:
    requests = [request("GET", f"/{n}/1", 0, 200) for n in range(50)]
    found = load.run(port_of(server), requests, connections=1).figures
    # One after the other, so that half of them took at least the median.
    assert found["seconds"] * 1e3 >= 25 * found["p50_ms"] > 0
    assert found["p99_ms"] >= found["p50_ms"]


def test_a_server_that_is_not_there_is_a_failure(load: Load) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(Failed, match=f"port {port}"):
        load.run(port, [request("GET", "/", 0, 200)])


def test_an_unknown_argument_is_refused(tools: Tools) -> None:
    done = subprocess.run([tools.program("load"), "--prot", "1"], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (1, "load: unknown argument --prot\n")
