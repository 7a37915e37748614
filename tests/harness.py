"""What the tests of several rooms share: the application as a client sees it, a real server process."""

import base64
import hashlib
import http.client
import itertools
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from webtest import TestApp

from c8ybin.accounts import ROLES, Accounts
from c8ybin.api import Links, Watch, make_app
from c8ybin.bodies import Intake
from c8ybin.store import Store

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

EVENT = {"source": {"id": "1001"}, "type": "test_Event", "time": "2026-11-24T12:00:00.000Z", "text": "hello"}
USER, PASSWORD = "tester", "secret"
DEMO = "demo:demo"


class Client(TestApp):
    """The application in this process, as the user `tester`, who has every role."""

    store: Store
    root: Path
    accounts: Accounts
    watch: Watch
    # One, or with --hosts those of all hosts, which are asked in turn; `store` is the first.
    stores: Sequence[Store]

    def create_event(self, **fragments: Any) -> str:
        answer = self.post_json("/event/events", EVENT | fragments, headers={"Accept": "application/json"})
        return str(answer.json["id"])

    def binaries(self, event_id: str) -> str:
        return f"/event/events/{event_id}/binaries"

    def files(self) -> dict[str, bytes]:
        """Every file of the tree of events, by its path, with its bytes."""
        tree = self.root / "events"
        return {str(p.relative_to(tree)): p.read_bytes() for p in tree.rglob("*") if p.is_file()}

    def received(self) -> list[str]:
        """The files of bodies that lie in this process's folder, spools left out."""
        folders = [store.folder for store in self.stores]
        return sorted(p.name for at in folders for p in at.iterdir() if p.name.startswith("body-"))


class InTurn:
    """An application that hands each request to the next of several.

    What one has told the index, the lists of another show within a second. These need not wait
    for that: it is flushed after each request that may have changed something.
    """

    def __init__(self, applications: "Sequence[tuple[WSGIApplication, Store]]") -> None:
        self._next = itertools.cycle(applications)

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        application, store = next(self._next)
        try:
            return application(environ, start_response)
        finally:
            if environ["REQUEST_METHOD"] not in ("GET", "HEAD"):
                with suppress(OSError):  # a test lets the disk fail
                    store._disk.index.sync()


def open_client(
    roots: Path | Sequence[Path],
    stack: ExitStack,
    links: Links | None = None,
    *,
    min_free: int = 0,
    is_open: bool = False,
    **limits: int,
) -> Client:
    """Open the application over a data directory, once for each path that leads to it; the stack closes it."""
    opened = []
    for root in [roots] if isinstance(roots, Path) else roots:
        store = Store.open(root, min_free=min_free)
        stack.callback(store.close)
        accounts = Accounts(root, only_here={USER: (PASSWORD, ROLES)})
        stack.callback(accounts.close)
        intake = Intake(store.folder, min_free=min_free, **limits)
        stack.callback(intake.close)
        watch = replace(Watch.of_one(), is_open=is_open)
        opened.append((make_app(store, accounts, intake, links, watch=watch), store, root, accounts, watch))
    app = InTurn([(first, store) for first, store, *_ in opened]) if len(opened) > 1 else opened[0][0]
    client = Client(app)
    client.authorization = ("Basic", (USER, PASSWORD))
    client.stores = [store for _, store, *_ in opened]
    _, client.store, client.root, client.accounts, client.watch = opened[0]
    return client


# What connects to an address, within so many seconds: from this host, or from another one.
Dial = Callable[[tuple[str, int], float | None], socket.socket]


@dataclass
class RunningServer:
    """A real `c8ybin serve` in a process of its own."""

    process: subprocess.Popen[str]
    url: str
    lines: list[str]
    dial: Dial = socket.create_connection
    host: str = "127.0.0.1"

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    def opened(self, timeout_s: float) -> http.client.HTTPConnection:
        """Return a connection to it, which connects when it is used."""
        connection = http.client.HTTPConnection(self.host, self.port, timeout=timeout_s)
        reach(connection, self.dial)
        return connection

    def workers(self) -> set[int]:
        """The processes that serve for it; none where it serves itself."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return set(map(int, children.read_text().split()))

    def stop(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        # Nobody ends while a file system holds its call: MooseFS may, for 144 s, what it has lost the writer of.
        code = self.process.wait(timeout=170)
        assert self.process.stdout
        self.lines += self.process.stdout.read().splitlines()
        self.process.stdout.close()
        return code


def reach(connection: http.client.HTTPConnection, dial: Dial) -> None:
    """Let a connection connect in this way."""

    def connect(address: tuple[str, int], timeout_s: float | None, *_: object) -> socket.socket:
        return dial(address, timeout_s)

    connection._create_connection = connect  # the standard library's own seam, for tunnels


Serve = Callable[..., RunningServer]


@contextmanager
def servers(default_data: Path) -> Iterator[Serve]:
    """Yield a starter of servers, as the fixture `serve` describes it; they are killed in the end if they run."""
    running: list[RunningServer] = []

    def start(
        *arguments: str,
        data: Path = default_data,
        prefix: Sequence[str] = (),
        program: Sequence[str] = (sys.executable, "-m", "c8ybin"),
        workers: int | None = 1,
        stdin: socket.socket | None = None,
        at: tuple[str, Dial] = ("127.0.0.1", socket.create_connection),
        **environment: str,
    ) -> RunningServer:
        clean = {k: v for k, v in os.environ.items() if not k.startswith("C8YBIN_")}
        process = subprocess.Popen(
            [
                *prefix,
                *program,
                "serve",
                "--data",
                str(data),
                "--host",
                at[0],
                "--port",
                "0",
                *(("--workers", str(workers)) if workers else ()),
                *arguments,
            ],
            stdin=stdin,
            stdout=subprocess.PIPE,
            pipesize=1 << 20,  # nobody reads it while the server runs, and it must not wait for that
            stderr=subprocess.STDOUT,
            text=True,
            env=clean | environment,
        )
        assert process.stdout
        lines: list[str] = []
        while " serves " not in (lines[-1] if lines else ""):
            line = process.stdout.readline()
            assert line, f"the server ended early: {lines}"
            lines.append(line.rstrip("\n"))
        host, dial = at
        server = RunningServer(process, lines[-1].rpartition(" ")[2], lines, dial, host)
        running.append(server)
        return server

    try:
        yield start
    finally:
        for server in running:
            if server.process.poll() is None:
                server.stop(signal.SIGKILL)
            elif server.process.stdout:
                server.process.stdout.close()


class Connection(http.client.HTTPConnection):
    """A connection that speaks as an account."""

    def __init__(self, server: RunningServer, account: str = DEMO, *, at_once: bool = False) -> None:
        """Connect when asked; with `at_once` small bodies come in one segment with their headers."""
        super().__init__(server.host, server.port, timeout=30)
        reach(self, server.dial)
        self._at_once = at_once
        self._authorization = "Basic " + base64.b64encode(account.encode()).decode()

    def ask(
        self, method: str, path: str, body: Any = None, **headers: str
    ) -> tuple[http.client.HTTPResponse, bytes]:
        fields = {name.replace("_", "-"): value for name, value in headers.items()}
        if self._at_once:
            self._cork(True)
        self.request(method, path, body, {"Authorization": self._authorization, **fields})
        if self._at_once:
            self._cork(False)
        answer = self.getresponse()
        return answer, answer.read()

    def _cork(self, holds: bool) -> None:
        if not self.sock:
            self.connect()
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, holds)

    def create_event(self) -> str:
        answer, body = self.ask("POST", "/event/events", json.dumps(EVENT), Accept="application/json")
        assert answer.status == 201, body
        return str(json.loads(body)["id"])

    def begin_upload(self, event_id: str, data: bytes) -> None:
        """Send the header and half of a body, once the server has begun to work on it."""
        self.putrequest("POST", binaries(event_id))
        self.putheader("Authorization", self._authorization)
        self.putheader("Content-Length", str(len(data)))
        self.putheader("Expect", "100-continue")
        self.endheaders()
        answer = b""
        while not answer.endswith(b"\r\n\r\n"):
            answer += self.sock.recv(1)
        assert answer.startswith(b"HTTP/1.1 100 ")
        self.send(data[: len(data) // 2])

    def finish_upload(self, data: bytes) -> None:
        """Send the other half; the server takes it."""
        self.send(data[len(data) // 2 :])
        answer = self.getresponse()
        assert (answer.status, json.load(answer)["length"]) == (201, len(data))


@contextmanager
def connected(server: RunningServer, account: str = DEMO, *, at_once: bool = False) -> Iterator[Connection]:
    with closing(Connection(server, account, at_once=at_once)) as connection:
        yield connection


def binaries(event_id: str) -> str:
    return f"/event/events/{event_id}/binaries"


def pattern(length: int) -> bytes:
    """Bytes that differ everywhere, so that a misplaced block shows."""
    block = hashlib.sha512(b"c8ybin").digest()
    blocks = []
    while len(blocks) * len(block) < length:
        blocks.append(block)
        block = hashlib.sha512(block).digest()
    return b"".join(blocks)[:length]


def is_gone(pid: int) -> bool:
    """Tell whether a process has ended, though nobody may have waited for it yet."""
    try:
        return ") Z " in Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return True


def refuses(server: RunningServer) -> bool:
    """Tell whether nobody listens any more."""
    try:
        server.dial((server.host, server.port), None).close()
    except ConnectionRefusedError:
        return True
    except ConnectionResetError:  # accepted by the kernel just before
        return False
    return False


def until(condition: Callable[[], bool], within_s: float = 20.0) -> bool:
    """Wait for what another process does; there is no event to await across processes."""
    deadline = time.monotonic() + within_s
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True
