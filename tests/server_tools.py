"""A server in this process, clients that speak bytes, and small applications to serve."""

import ctypes
import mmap
import os
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from c8ybin.server import Server, listen

WAIT_S = 30  # for what must happen; never waited out where the code is right
MIB = 1024 * 1024
PAGE_BYTES = mmap.PAGESIZE


@dataclass
class Reply:
    """One answer as it was on the wire."""

    status: int
    fields: dict[str, str]
    body: bytes


class Raw:
    """A client that sends what it likes."""

    def __init__(
        self,
        port: int,
        *,
        buffer_bytes: int | None = None,
        source: str = "",
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """Connect, from an address; a client with small `buffer_bytes` holds little of what it does not read."""
        self.socket = socket.socket()
        if source:
            self.socket.bind((source, 0))
        if buffer_bytes:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer_bytes)
        self.socket.settimeout(WAIT_S)
        try:
            self.socket.connect(("127.0.0.1", port))
            if tls:
                self.socket = tls.wrap_socket(self.socket, suppress_ragged_eofs=False)
        except BaseException:
            self.socket.close()
            raise
        self._file = self.socket.makefile("rb")

    def __enter__(self) -> "Raw":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._file.close()
        self.socket.close()

    def reset(self) -> None:
        """End the connection without an orderly end."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.close()

    def send(self, data: bytes | str) -> None:
        try:
            self.socket.sendall(data.encode() if isinstance(data, str) else data)
        except ssl.SSLEOFError:
            raise ConnectionResetError from None  # what the kernel says is the same

    def ask(self, method: str, path: str, *fields: str, body: bytes = b"", version: str = "1.1") -> Reply:
        """Send a request, with the length of its body if it has one, and return the answer."""
        self.send(request(method, path, *fields, body=body, version=version))
        return self.reply(method)

    def reply(self, method: str = "GET") -> Reply:
        """Read one answer and not a byte more."""
        line = self._file.readline()
        assert line.startswith(b"HTTP/1."), f"no answer but {line!r}"
        status = int(line.split()[1])
        fields = {}
        while (line := self._file.readline()) != b"\r\n":
            name, _, value = line.decode("latin-1").partition(": ")
            assert line.endswith(b"\r\n")
            fields[name] = value.strip()
        return Reply(status, fields, b"" if method == "HEAD" else self._body(status, fields))

    def _body(self, status: int, fields: dict[str, str]) -> bytes:
        if status in (100, 204, 304):
            return b""
        if fields.get("Transfer-Encoding") == "chunked":
            pieces = []
            while size := int(self._file.readline(), 16):
                pieces.append(self._file.read(size))
                assert self._file.read(2) == b"\r\n"
            assert self._file.read(2) == b"\r\n"
            return b"".join(pieces)
        if "Content-Length" in fields:
            body = self._file.read(int(fields["Content-Length"]))
            assert len(body) == int(fields["Content-Length"]), "the body was cut short"
            return body
        return self._file.read()

    def rest(self) -> bytes:
        """Read up to the end of file; a reset raises ConnectionResetError."""
        return self._file.read()


def request(method: str, path: str, *fields: str, body: bytes = b"", version: str = "1.1") -> bytes:
    """Write a request, with the length of its body if it has one."""
    length = [f"Content-Length: {len(body)}"] if body else []
    lines = [f"{method} {path} HTTP/{version}", "Host: test", *length, *fields]
    return "\r\n".join([*lines, "", ""]).encode() + body


def coded(*pieces: bytes) -> bytes:
    """Write a body in chunked transfer coding."""
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in (*pieces, b""))


def believing() -> ssl.SSLContext:
    """Return a client that believes every certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


@dataclass
class Host:
    """A server in a thread of this process."""

    server: Server
    port: int
    thread: threading.Thread
    life: int  # while this end of a pipe is open, it serves
    ended: list[bool] = field(default_factory=list)
    encrypts: bool = False

    def connect(self, **more: Any) -> Raw:
        return Raw(self.port, **({"tls": believing()} if self.encrypts else {}), **more)

    @property
    def connections(self) -> int:
        """How many connections stand."""
        return len(self.server._listener.active_channels)

    @property
    def threads(self) -> Any:
        """Its threads."""
        return self.server._threads

    def all_is_free(self) -> bool:
        """Tell whether no connection stands, nothing waits, and there are as many threads as at the start."""
        threads = self.threads
        return not (
            self.connections
            or threads.queue
            or threads.stop_count
            or threads.active_count
            or threads._waiting
        ) and (len(threads.threads) == threads._count)

    def begin_to_stop(self) -> None:
        """Let it stop; not by `Server.stop`, which is for signal handlers and not for other threads."""
        if self.life >= 0:
            os.close(self.life)
            self.life = -1

    def stop(self) -> bool:
        """Stop it and wait for that; tell whether all was finished."""
        self.begin_to_stop()
        self.thread.join(WAIT_S)
        assert not self.thread.is_alive()
        return self.ended == [True]


@contextmanager
def hosted(
    app: Callable[..., Any], *, threads: int = 2, answers_now: bool = False, **more: Any
) -> Iterator[Host]:
    """Serve an application until the block ends."""

    def served(environ: dict[str, Any], start_response: Any) -> Any:
        return app(environ, start_response)

    served.answers_now = answers_now  # type: ignore[attr-defined]
    served.answers_always = lambda environ: environ["PATH_INFO"] == "/health"  # type: ignore[attr-defined]
    listener = listen("127.0.0.1", 0)
    server = Server(served, listener, threads=threads, **more)
    end, life = os.pipe()
    server.stop_when_readable(end)
    thread = threading.Thread(target=lambda: host.ended.append(server.run()))
    host = Host(server, listener.getsockname()[1], thread, life, encrypts="tls" in more)
    thread.start()
    try:
        yield host
    finally:
        with suppress(AssertionError):
            host.stop()
        assert not thread.is_alive()
        os.close(end)


def descriptors() -> int:
    """Count the descriptors of this process."""
    return len(os.listdir("/proc/self/fd"))


def pages_in_memory(path: Path) -> set[int]:
    """Return the numbers of a file's pages that the kernel has in memory (mincore(2))."""
    libc = ctypes.CDLL(None, use_errno=True)
    with path.open("r+b") as file, mmap.mmap(file.fileno(), 0) as mapped:
        count = -(-len(mapped) // PAGE_BYTES)
        vector = (ctypes.c_ubyte * count)()
        view = (ctypes.c_char * len(mapped)).from_buffer(mapped)
        failed = libc.mincore(ctypes.c_void_p(ctypes.addressof(view)), ctypes.c_size_t(len(mapped)), vector)
        del view
    assert not failed
    return {number for number, state in enumerate(vector) if state & 1}


def cool(path: Path) -> None:
    """Take a file out of memory; skip the test where that does not work, or nobody can tell."""
    probe = path.with_name("probe")
    probe.write_bytes(bytes(PAGE_BYTES))
    for each in (probe, path):
        for _ in range(10):  # pages that the kernel is about to account for stay
            with each.open("rb") as file:
                os.fsync(file.fileno())
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
            if not pages_in_memory(each):
                break
        else:
            pytest.skip("this file system keeps a file in memory")
    with probe.open("rb") as file:
        try:
            os.preadv(file.fileno(), [bytearray(1)], 0, os.RWF_NOWAIT)
        except BlockingIOError:
            pass
        except (OSError, AttributeError):
            pytest.skip("this file system does not tell what is in memory")


def answer(start_response: Any, body: bytes, status: str = "200 OK", **fields: str) -> list[bytes]:
    """Answer with bytes."""
    start_response(status, [(k.replace("_", "-"), v) for k, v in fields.items()])
    return [body]


def echo(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    """Answer with method, path and body of the request."""
    body = environ["wsgi.input"].read()
    return answer(start_response, f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']} ".encode() + body)


def refuse(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    """Answer 404 without a look at the body, but for GET."""
    if environ["REQUEST_METHOD"] == "GET":
        return answer(start_response, b"here")
    return answer(start_response, b"not here", "404 Not Found")
