"""Many clients at once that cut, abort and go on as they like; afterwards everything is free."""

import gc
import random
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from harness import pattern, until
from server_tools import MIB, WAIT_S, Host, answer, coded, descriptors, echo, request

from c8ybin.server.loop import PollLoop

Hosted = Callable[..., Host]
FILE_BYTES = 2 * MIB


class Part:
    def __init__(self, path: Path) -> None:
        self._file = path.open("rb")
        self.start, self.length, self.span = 0, FILE_BYTES, self
        self.fileno, self.close = self._file.fileno, self._file.close


def mixture(path: Path) -> Callable[[Any, Any], Any]:
    """Return an application that answers in all the ways that there are."""

    def app(environ: Any, start_response: Any) -> Any:
        wanted = environ["PATH_INFO"]
        if wanted == "/file":
            start_response("200 OK", [])
            return environ["wsgi.file_wrapper"](Part(path))
        if wanted == "/none":
            start_response("204 No Content", [])
            return []
        if wanted == "/refused":
            return answer(start_response, b"no", "404 Not Found")
        if wanted == "/blocks":
            start_response("200 OK", [])
            return (b"x" * 50_000 for _ in range(40))
        if wanted == "/wait" and not environ["c8ybin.may_wait"]:
            raise BlockingIOError
        return echo(environ, start_response)

    return app


PATHS = ("/file", "/none", "/refused", "/blocks", "/wait", "/echo")


def some_requests(choose: random.Random) -> bytes:
    """Write one to three requests as a client sends them at once."""
    data = b""
    for _ in range(choose.randint(1, 3)):
        body = bytes(choose.choice((1, 1000, 100_000)))
        path = choose.choice(PATHS)
        data += choose.choice(
            (
                request("GET", path),
                request("GET", path),
                request("HEAD", path),
                request("POST", path, body=body),
                request("POST", path, "Transfer-Encoding: chunked") + coded(body[:500], body[500:]),
                request("GET", path, version="1.0"),
                request("GET", path, "Transfer-Encoding: gzip"),
            )
        )
    return data


def behave_badly(served: Host, seed: int, rounds: int) -> None:
    choose = random.Random(seed)
    for _ in range(rounds):
        data = some_requests(choose)
        client = served.connect(buffer_bytes=choose.choice((None, 4096)))
        client.socket.settimeout(0.5)  # for it sends on without reading, and so may wait for the server
        with suppress(ConnectionError, TimeoutError):
            cut = choose.randrange(len(data) + 1)
            client.send(data[:cut])
            if choose.random() < 0.7:
                client.send(data[cut:])
            how = choose.randrange(5)
            if how == 0:
                client.socket.recv(choose.choice((1, 1000)))
            elif how == 1:
                client.socket.shutdown(socket.SHUT_WR)
                client.rest()
            elif how == 2:
                client.reset()
        client.close()


@pytest.mark.parametrize("answers_now", [False, True])
@pytest.mark.parametrize("poll", [False, True])
def test_after_cuts_and_aborts_everything_is_free(
    host: Hosted, tmp_path: Path, answers_now: bool, poll: bool, full: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if poll:
        monkeypatch.setattr("c8ybin.server.serving.new_loop", PollLoop)
    path = tmp_path / "file"
    path.write_bytes(pattern(FILE_BYTES))
    served = host(mixture(path), threads=4, answers_now=answers_now, body_timeout_s=5)
    before = descriptors()
    rounds = 200 if full else 20
    clients = [threading.Thread(target=behave_badly, args=(served, seed, rounds)) for seed in range(32)]
    for client in clients:
        client.start()
    for client in clients:
        client.join(4 * WAIT_S)
        assert not client.is_alive()
    assert until(served.all_is_free)
    # What the frames of a failed application hold goes with their cycle, when the collector comes by.
    assert until(lambda: gc.collect() >= 0 and descriptors() == before)
    with served.connect() as last:
        assert last.ask("GET", "/file").body == path.read_bytes()
        assert last.ask("POST", "/echo", body=b"x").body == b"POST /echo x"


def test_no_descriptor_is_left_by_several_hundred_requests(host: Hosted, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(pattern(FILE_BYTES))
    served = host(mixture(path), answers_now=True)
    before = descriptors()
    for number in range(100):
        with served.connect() as client:
            for wanted in PATHS:
                method = "POST" if (number + len(wanted)) % 3 == 0 else "GET"
                assert client.ask(method, wanted).status in (200, 204, 404)
    assert until(served.all_is_free)
    assert descriptors() == before
