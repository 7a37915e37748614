"""A server of the comparison: what is to be known of it, its start and its end."""

import os
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.load import Failed, Load
from bench.tools import HERE, Tools

_CHECKOUT = HERE.parent
_STARTS_WITHIN_S = 30.0
_STOPS_WITHIN_S = 40.0
_ASK_AGAIN_S = 0.002

Command = list[str | Path]


@dataclass(frozen=True)
class Running:
    """A server that answers."""

    peer: "Peer"
    process: subprocess.Popen[bytes]
    port: int
    root: Path
    start_s: float


@dataclass(frozen=True)
class Peer:
    """A server.

    Attributes:
        name: As in `--peers`.
        title: As in the table.
        is_durable: Whether what it answered with success survives a power cut.
        command: Makes its command line from the tools, its root and its port.
        uploads: Prepares uploads (how many, of how many bytes) and returns the requests.
        chunks: The same for uploads in chunks (how many, of how many bytes, in how many chunks); the chunks
            of one file stand together. None where it has no such thing.
        headers: Of every request.
        is_located: Whether an answer's Location is where the file is; else it is at the request's path.
        ready: A path that it answers, if only by saying that the port speaks TLS.
        encrypts: Whether it speaks TLS.
    """

    name: str
    title: str
    is_durable: bool
    command: Callable[[Tools, Path, int], Command]
    uploads: Callable[[Running, Load, int, int], list[str]]
    chunks: Callable[[Running, Load, int, int, int], list[str]] | None = None
    headers: tuple[str, ...] = ()
    is_located: bool = False
    ready: str = "/"
    encrypts: bool = False


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def _answers(port: int, path: str) -> bool:
    try:
        # From another address: while nobody listens, a connection could be one to itself.
        with socket.create_connection(("127.0.0.1", port), 5, ("127.0.0.2", 0)) as connection:
            connection.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
            return connection.recv(12).startswith(b"HTTP/1.")
    except OSError:
        return False


@contextmanager
def started(peer: Peer, tools: Tools, root: Path, more: Sequence[str] = ()) -> Iterator[Running]:
    """Start a server, and stop it in the end.

    Args:
        peer: Which.
        tools: What it needs.
        root: Its folder, on the disk that is measured; made where it is missing.
        more: Further arguments.

    Raises:
        Failed: It did not answer in time.
    """
    root.mkdir(parents=True, exist_ok=True)
    port = _free_port()
    command = [*peer.command(tools, root, port), *more]
    environment = {k: v for k, v in os.environ.items() if not k.startswith("C8YBIN_")}
    told = root.parent / f"{root.name}.log"
    with told.open("ab") as log:
        begun = time.monotonic()
        process = subprocess.Popen(
            command, cwd=_CHECKOUT, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )
    try:
        while not _answers(port, peer.ready):
            if process.poll() is not None or time.monotonic() - begun > _STARTS_WITHIN_S:
                last = told.read_text(errors="replace").strip().rpartition("\n")[2]
                raise Failed(f"it did not start: {last.replace(str(root.parent), '')}")
            time.sleep(_ASK_AGAIN_S)
        yield Running(peer, process, port, root, time.monotonic() - begun)
    finally:
        process.terminate()
        try:
            process.wait(_STOPS_WITHIN_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
