"""A connection belongs to one thread at a time: the main loop until it hands it over, a worker until it arms it."""

import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from server_tools import MIB, WAIT_S, Host, answer, coded, cool, echo, hosted, request

from c8ybin.server.channel import Channel
from c8ybin.server.threads import Threads

TOUCHING = ("handle_read", "handle_write", "_take", "_answer", "_end", "_flush", "_arm", "_finish_closing")


class Ownership:
    """Whose each connection is, and who touched it though it was another's."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.violations: list[str] = []
        self._with_worker: set[int] = set()
        self._armed: set[int] = set()
        self._main: threading.Thread | None = None
        for name in TOUCHING:
            patch.setattr(Channel, name, self._checked(name, getattr(Channel, name)))

    def _checked(self, name: str, method: Callable[..., Any]) -> Callable[..., Any]:
        def checked(channel: Channel, *arguments: Any) -> Any:
            self.check(name, channel._fileno)
            return method(channel, *arguments)

        return checked

    def check(self, what: str, fd: int) -> None:
        is_main = threading.current_thread() is self._main
        if is_main == (fd in self._with_worker):
            self.violations.append(f"{what} of {fd} by {'the main loop' if is_main else 'a worker'}")

    def follow(self, host: Host) -> None:
        """Watch a server, in which a worker is always quicker than the main loop."""
        self._main = host.thread
        loop = host.server._listener.loop
        arm, forget, wait = loop.arm, loop.forget, loop.wait

        def armed(fd: int, events: int) -> None:
            self._armed.add(fd)
            self._with_worker.discard(fd)
            arm(fd, events)

        def waited(timeout_s: float) -> Any:
            ready = wait(timeout_s)
            self._armed -= {fd for fd, _ in ready}
            return ready

        def forgotten(fd: int) -> None:
            self.check("forget", fd)
            self._armed.discard(fd)
            forget(fd)

        loop.arm, loop.forget, loop.wait = armed, forgotten, waited
        for threads in (host.threads, host.server._listener.small):
            self._follow_threads(threads)

    def _follow_threads(self, threads: Threads) -> None:
        add_task = threads.add_task

        def handed_over(task: Any) -> None:
            channel = getattr(task, "_channel", task)
            done, service = threading.Event(), task.service
            if channel._fileno in self._armed:
                self.violations.append(f"{channel._fileno} is handed over although the loop may tell of it")
            self._with_worker.add(channel._fileno)

            def served() -> None:
                service()
                done.set()

            task.service = served
            add_task(task)
            done.wait(WAIT_S)

        threads.add_task = handed_over  # type: ignore[method-assign]


@pytest.fixture
def ownership(monkeypatch: pytest.MonkeyPatch) -> Iterator[Ownership]:
    watch = Ownership(monkeypatch)
    yield watch
    assert not watch.violations


def test_requests_sent_at_once_go_from_hand_to_hand(ownership: Ownership) -> None:
    chunked = request("POST", "/c", "Transfer-Encoding: chunked") + coded(b"ab", b"c")
    with hosted(echo) as host:
        ownership.follow(host)
        with host.connect() as client:
            client.send((request("GET", "/a") + request("POST", "/b", body=b"xyz") + chunked) * 3)
            assert [client.reply().body for _ in range(9)] == [b"GET /a ", b"POST /b xyz", b"POST /c abc"] * 3
            client.send(request("GET", "/a", version="1.0"))
            assert client.reply().body == b"GET /a "


def test_a_request_that_must_wait_is_called_again_by_a_worker_exactly_once(ownership: Ownership) -> None:
    calls: list[bool] = []

    def app(environ: Any, start_response: Any) -> list[bytes]:
        calls.append(environ["c8ybin.may_wait"])
        if not calls[-1]:
            raise BlockingIOError
        return answer(start_response, b"waited")

    with hosted(app, answers_now=True) as host:
        ownership.follow(host)
        with host.connect() as client:
            client.send(request("GET", "/") * 3)
            assert [client.reply().body for _ in range(3)] == [b"waited"] * 3
        assert calls == [False, True] * 3


class Span:
    """What an application wraps to have a part of a file sent."""

    def __init__(self, path: Path, start: int, length: int) -> None:
        self._file = path.open("rb")
        self.start, self.length = start, length
        self.span = self
        self.fileno, self.close = self._file.fileno, self._file.close


def test_a_file_that_is_not_in_memory_is_sent_by_a_worker(ownership: Ownership, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(os.urandom(8 * MIB))

    def app(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [("Content-Length", str(8 * MIB))])
        return environ["wsgi.file_wrapper"](Span(path, 0, 8 * MIB))

    with hosted(app, answers_now=True) as host:
        ownership.follow(host)
        for version in ("1.1", "1.0"):
            cool(path)
            with host.connect(buffer_bytes=4096) as client:
                assert client.ask("GET", "/", version=version).body == path.read_bytes()


def test_a_peer_that_is_gone_at_once_is_let_go_once(ownership: Ownership) -> None:
    with hosted(echo) as host:
        ownership.follow(host)
        for data in (request("GET", "/a"), request("POST", "/b", "Content-Length: 9") + b"x", b"GET", b""):
            for _ in range(5):
                client = host.connect()
                client.send(data)
                client.reset()
        with host.connect() as client:
            assert client.ask("GET", "/a").body == b"GET /a "
