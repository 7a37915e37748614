"""A server of this checkout, and the requests of a workload to it."""

import http.client
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from base64 import b64encode
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import IO

_AUTH = "Basic " + b64encode(b"demo:demo").decode()
_ADDRESS = re.compile(r"http://127\.0\.0\.1:(\d+)")
_STARTS_WITHIN_S, _STOPS_WITHIN_S, _ASK_AGAIN_S = 60.0, 60.0, 0.02
_KIB, _MIB = 1024, 1 << 20
_CHUNK = 5 * _MIB  # of ten, so 50 MiB
_BODY = bytes(_MIB)


@dataclass(frozen=True)
class Server:
    """A server that answers: its process, which may be a tracer's, and its port."""

    process: subprocess.Popen[bytes]
    port: int


@contextmanager
def served(root: Path, *more: str, before: Sequence[str | Path] = ()) -> Iterator[Server]:
    """Serve a data directory during the block, on a free port.

    Args:
        root: The data directory; made where it is missing.
        more: Further arguments.
        before: A command that runs the server, as strace.

    Raises:
        RuntimeError: It did not start.
    """
    command = [*before, sys.executable, "-m", "c8ybin", "serve", "--demo", "--no-demo-events", "--port", "0"]
    # In front of others, as a balancer would be, no address may have too few places.
    command += ["--data", root, "--max-connections-per-address", "1000", *more]
    with tempfile.TemporaryFile() as told, _started(command, told) as process:
        try:
            yield Server(process, _port(process, told))
        finally:
            # A tracer takes no signal; the server is its child.
            for pid in _children(process.pid) if before else ():
                os.kill(pid, signal.SIGTERM)
            process.terminate()
            try:
                process.wait(_STOPS_WITHIN_S)
            except subprocess.TimeoutExpired:
                process.kill()


def _started(command: Sequence[str | Path], told: IO[bytes]) -> subprocess.Popen[bytes]:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("C8YBIN_")}
    return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=told, stderr=told, env=environment)


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _port(process: subprocess.Popen[bytes], told: IO[bytes]) -> int:
    # By pread, for the server writes at the offset that both share.
    def text() -> str:
        return os.pread(told.fileno(), 1 << 16, 0).decode(errors="replace")

    deadline = time.monotonic() + _STARTS_WITHIN_S
    while time.monotonic() < deadline and process.poll() is None:
        if match := _ADDRESS.search(text()):
            return int(match[1])
        time.sleep(_ASK_AGAIN_S)
    raise RuntimeError(f"the server did not start: {text()[-300:]}")


class Client:
    """One client, on one connection."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)

    def close(self) -> None:
        """End the connection."""
        self._connection.close()

    def ask(self, method: str, path: str, body: bytes | None = None, **fields: str) -> bytes:
        """Send a request and return the answer's body.

        Raises:
            RuntimeError: The answer is no success.
        """
        named = {name.replace("_", "-"): value for name, value in fields.items()}
        headers = {"Authorization": _AUTH, "Accept": "application/json"} | named
        self._connection.request(method, path, body, headers)
        answer = self._connection.getresponse()
        text = answer.read()
        if answer.status >= 300:
            raise RuntimeError(f"{method} {path}: {answer.status} {text[:200]!r}")
        return text

    def create(self, source: str = "1") -> str:
        """Make an event of the present time; return its ID."""
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        event = {"source": {"id": source}, "type": "c8y_Growth", "time": now, "text": "growth"}
        made = self.ask("POST", "/event/events", json.dumps(event).encode(), Content_Type="application/json")
        return str(json.loads(made)["id"])

    def attach(self, event: str, size: int) -> None:
        """Attach so many bytes, at most a MiB."""
        path = f"/event/events/{event}/binaries"
        self.ask("POST", path, _BODY[:size], Content_Type="application/octet-stream")

    def chunks(self, event: str, number: int = 10, size: int = _CHUNK) -> None:
        """Attach a file in chunks, one after the other."""
        body = bytes(size)
        for n in range(number):
            span = f"{n * size}-{(n + 1) * size - 1}/{number * size}"
            self.ask("PUT", f"/event/events/{event}/binaries", body, Content_Range=span)

    def get(self, event: str) -> None:
        """Fetch the attachment."""
        self.ask("GET", f"/event/events/{event}/binaries", Accept="*/*")

    def list(self) -> None:
        """Ask for the newest five events."""
        self.ask("GET", "/event/events")


def works(client: Client) -> dict[str, tuple[Callable[[], object], int]]:
    """Return the workloads by name: what is done, and how many events with an attachment it wants ahead."""
    ahead: list[str] = []

    def event() -> str:
        return ahead.pop() if ahead else client.create()

    kept = client.create()
    client.attach(kept, _KIB)
    return {
        "create": (client.create, 0),
        "attach_1k": (lambda: client.attach(event(), _KIB), 1),
        "attach_1m": (lambda: client.attach(event(), _MIB), 1),
        "chunks_50m": (lambda: client.chunks(event()), 1),
        "get_1k": (lambda: client.get(kept), 0),
        "list": (client.list, 0),
        "_ahead": (lambda: ahead.append(client.create()), 0),
    }


def rate(ports: Sequence[int], clients: int, requests: int, name: str) -> list[float]:
    """Have clients of each server do a workload, and return the rates of the servers, requests a second.

    Args:
        ports: The servers'.
        clients: How many for each server.
        requests: How many each of them sends.
        name: Of the workload.
    """
    ends = [0.0] * (len(ports) * clients)
    barrier = threading.Barrier(len(ends) + 1)
    number = count()

    def run(port: int) -> None:
        with closing(Client(port)) as client:
            mine = works(client)
            do, ahead = mine[name]
            for _ in range(requests * ahead):
                mine["_ahead"][0]()
            barrier.wait()
            for _ in range(requests):
                do()
            ends[next(number)] = time.monotonic()

    threads = [threading.Thread(target=run, args=(port,)) for port in ports for _ in range(clients)]
    for thread in threads:
        thread.start()
    barrier.wait()
    begun = time.monotonic()
    for thread in threads:
        thread.join()
    took_s = max(ends) - begun
    return [clients * requests / took_s for _ in ports]
