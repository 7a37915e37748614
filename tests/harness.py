"""What the tests of several rooms share: the application as a client sees it, a real server process."""

import base64
import hashlib
import http.client
import json
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from webtest import TestApp

from c8ybin.accounts import ROLES, Accounts
from c8ybin.api import Links, make_app
from c8ybin.bodies import Intake
from c8ybin.store import Store

EVENT = {"source": {"id": "1001"}, "type": "test_Event", "time": "2026-11-24T12:00:00.000Z", "text": "hello"}
USER, PASSWORD = "tester", "secret"
DEMO = "demo:demo"


class Client(TestApp):
    """The application in this process, as the user `tester`, who has every role."""

    store: Store
    root: Path
    accounts: Accounts

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
        return sorted(p.name for p in self.store.folder.iterdir() if p.name.startswith("body-"))


def open_client(
    root: Path, stack: ExitStack, links: Links | None = None, *, min_free: int = 0, **limits: int
) -> Client:
    """Open the application over a data directory; the stack closes it."""
    store = Store.open(root, min_free=min_free)
    stack.callback(store.close)
    accounts = Accounts(root, only_here={USER: (PASSWORD, ROLES)})
    stack.callback(accounts.close)
    intake = Intake(store.folder, min_free=min_free, **limits)
    stack.callback(intake.close)
    client = Client(make_app(store, accounts, intake, links))
    client.authorization = ("Basic", (USER, PASSWORD))
    client.store, client.root, client.accounts = store, root, accounts
    return client


@dataclass
class RunningServer:
    """A real `c8ybin serve` in a process of its own."""

    process: subprocess.Popen[str]
    url: str
    lines: list[str]

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    def workers(self) -> set[int]:
        """The processes that serve for it; none where it serves itself."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return set(map(int, children.read_text().split()))

    def stop(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        code = self.process.wait(timeout=30)
        assert self.process.stdout
        self.lines += self.process.stdout.read().splitlines()
        self.process.stdout.close()
        return code


Serve = Callable[..., RunningServer]


class Connection(http.client.HTTPConnection):
    """A connection that speaks as an account."""

    def __init__(self, server: RunningServer, account: str = DEMO) -> None:
        super().__init__("127.0.0.1", server.port, timeout=30)
        self._authorization = "Basic " + base64.b64encode(account.encode()).decode()

    def ask(
        self, method: str, path: str, body: Any = None, **headers: str
    ) -> tuple[http.client.HTTPResponse, bytes]:
        fields = {name.replace("_", "-"): value for name, value in headers.items()}
        self.request(method, path, body, {"Authorization": self._authorization, **fields})
        answer = self.getresponse()
        return answer, answer.read()

    def create_event(self) -> str:
        answer, body = self.ask("POST", "/event/events", json.dumps(EVENT), Accept="application/json")
        assert answer.status == 201
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
def connected(server: RunningServer, account: str = DEMO) -> Iterator[Connection]:
    with closing(Connection(server, account)) as connection:
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
        socket.create_connection(("127.0.0.1", server.port)).close()
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
