"""What a client may meet: a way to its server that cuts, holds or loses, and a server that is no c8ybin."""

import json
import os
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

WAIT_S = 30
_RESET = struct.pack("ii", 1, 0)


@dataclass
class Way:
    """What becomes of one connection: how many bytes pass up to the server and down from it before it is cut."""

    up: int | None = None
    down: int | None = None


class Proxy:
    """A way to a server on loopback. Each connection takes the next `Way`; then all is let through.

    With `holds`, what would be cut stands still instead, and `held` is set.
    """

    def __init__(self, port: int, ways: Iterable[Way] = (), *, holds: bool = False) -> None:
        self._port = port
        self._ways = iter(ways)
        self._holds = holds
        self.held = threading.Event()
        self.cuts = 0
        self.up = 0  # bytes that went to the server
        self._stack = ExitStack()
        self._listener = self._stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._released = threading.Event()
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._released.set()
        self._stack.close()

    def _accept(self) -> None:
        while True:
            try:
                here, _ = self._listener.accept()
            except OSError:
                return
            way = next(self._ways, Way())
            there = socket.create_connection(("127.0.0.1", self._port))
            for source, target, most in ((here, there, way.up), (there, here, way.down)):
                threading.Thread(target=self._pump, args=(source, target, most), daemon=True).start()

    def _pump(self, source: socket.socket, target: socket.socket, most: int | None) -> None:
        passed = 0
        with suppress(OSError):
            while most is None or passed < most:
                data = source.recv(65536 if most is None else min(65536, most - passed))
                if not data:
                    break
                target.sendall(data)
                passed += len(data)
                if target.getpeername()[1] == self._port:
                    self.up += len(data)
            else:
                if self._holds:
                    self.held.set()
                    self._released.wait(WAIT_S)
                self.cuts += 1
                for end in (source, target):
                    end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        for end in (source, target):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()


@contextmanager
def proxied(port: int, ways: Iterable[Way] = (), *, holds: bool = False) -> Iterator[Proxy]:
    with closing(Proxy(port, ways, holds=holds)) as proxy:
        yield proxy


@dataclass
class StandIn:
    """A server of the API that is no c8ybin: one event, whose attachment is taken whole and has no digest."""

    url: str = ""
    binary: bytes | None = None
    name: str | None = None
    title: str | None = None  # of the description; None where there is none
    headers: dict[str, str] = field(default_factory=dict)  # of a download
    download_status: int = 200
    refuse: list[tuple[int, dict[str, str]]] = field(default_factory=list)  # the next answers
    seen: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)

    def methods(self) -> list[str]:
        """What was asked about the attachment."""
        return [method for method, path, _ in self.seen if path.endswith("/binaries")]


def _form_file(body: bytes, content_type: str) -> tuple[str, bytes]:
    boundary = content_type.partition("boundary=")[2].encode()
    _, part, end = body.split(b"--" + boundary)
    assert end == b"--\r\n"
    head, _, data = part.partition(b"\r\n\r\n")
    return head.decode().partition('filename="')[2].partition('"\r\n')[0], data.removesuffix(b"\r\n")


@contextmanager
def stand_in() -> Iterator[StandIn]:
    """Yield one that is served on loopback."""
    state = StandIn()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: Any) -> None:
            pass

        def _answer(self, status: int, body: bytes = b"", **fields: str) -> None:
            self.send_response(status)
            for name, value in fields.items():
                self.send_header(name.replace("_", "-"), value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        def _problem(self, status: int, message: str, **fields: str) -> None:
            self._answer(status, json.dumps({"error": "x", "message": message}).encode(), **fields)

        def _any(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            state.seen.append((self.command, self.path, dict(self.headers)))
            if state.refuse:
                status, fields = state.refuse.pop(0)
                self._problem(status, "Not now", **fields)
            elif self.path == "/openapi.json":
                if state.title is None:
                    self._problem(404, "No such page")
                else:
                    self._answer(200, json.dumps({"info": {"title": state.title}}).encode())
            elif self.path == "/event/events/7":
                fragment = {
                    "c8y_IsBinary": {"type": "x/y", "name": state.name, "length": len(state.binary or b"")}
                }
                self._answer(
                    200, json.dumps({"id": "7"} | (fragment if state.binary is not None else {})).encode()
                )
            elif self.path == "/event/events/7/binaries":
                self._binary(body)
            else:
                self._problem(404, "Finding event from database failed")

        def _binary(self, body: bytes) -> None:
            if self.command in ("GET", "HEAD"):
                if state.binary is None:
                    self._problem(404, "Attachment not found")
                else:
                    self._answer(state.download_status, state.binary, **state.headers)
            elif self.headers["Content-Range"]:
                self._problem(400, "Content-Range is not taken")
            elif self.command == "POST" and state.binary is not None:
                self._problem(409, "Attachment already exists")
            else:
                kind = self.headers["Content-Type"]
                if kind.startswith("multipart/form-data"):
                    state.name, body = _form_file(body, kind)
                state.binary = body
                self._answer(201, json.dumps({"source": "7", "length": len(body)}).encode())

        # As http.server calls them.
        do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = _any  # noqa: N815

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    state.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
        thread.join(WAIT_S)


def environment(url: str | None = None, **more: str) -> dict[str, str]:
    """The environment of a client's command: nothing of the caller's that would count, and the demo account."""
    clean = {
        k: v for k, v in os.environ.items() if not k.startswith(("C8Y", "XDG_")) and "proxy" not in k.lower()
    }
    account = {"C8YBIN_URL": url, "C8YBIN_USER": "demo", "C8YBIN_PASSWORD": "demo"} if url else {}
    return clean | account | more


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "c8ybin", *map(str, arguments)]


def run_command(*arguments: object, env: dict[str, str], **more: Any) -> subprocess.CompletedProcess[str]:
    """Run a command to its end, in a process of its own."""
    return subprocess.run(command(*arguments), env=env, capture_output=True, text=True, timeout=60, **more)
