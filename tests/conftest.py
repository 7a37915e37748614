"""What the tests of several rooms share: a store, the application over it, a real server process."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from webtest import TestApp

from c8ybin.accounts import ROLES, Accounts
from c8ybin.api import Settings, make_app
from c8ybin.bodies import Intake
from c8ybin.store import Store

EVENT = {"source": {"id": "1001"}, "type": "test_Event", "time": "2026-11-24T12:00:00.000Z", "text": "hello"}
USER, PASSWORD = "tester", "secret"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store.open(tmp_path / "data")
    yield opened
    opened.close()


@pytest.fixture
def intake(store: Store) -> Iterator[Intake]:
    made = Intake(store.folder)
    yield made
    made.close()


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


@pytest.fixture
def make_client(tmp_path: Path) -> Iterator[Callable[..., Client]]:
    """Return a maker of clients, with limits and settings of the application."""
    with ExitStack() as stack:

        def make(settings: Settings | None = None, **limits: int) -> Client:
            root = tmp_path / "data"
            store = Store.open(root)
            stack.callback(store.close)
            accounts = Accounts(root, only_here={USER: (PASSWORD, ROLES)})
            stack.callback(accounts.close)
            intake = Intake(store.folder, **limits)
            stack.callback(intake.close)
            client = Client(make_app(store, accounts, intake, settings))
            client.authorization = ("Basic", (USER, PASSWORD))
            client.store, client.root, client.accounts = store, root, accounts
            return client

        yield make


@pytest.fixture
def client(make_client: Callable[..., Client]) -> Client:
    return make_client()


@dataclass
class RunningServer:
    """A real `c8ybin serve` in a process of its own."""

    process: subprocess.Popen[str]
    url: str
    lines: list[str]

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    def stop(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        code = self.process.wait(timeout=30)
        assert self.process.stdout
        self.lines += self.process.stdout.read().splitlines()
        self.process.stdout.close()
        return code


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., RunningServer]]:
    """Return a starter of servers on a free port; they are stopped in the end."""
    running: list[RunningServer] = []

    def start(*arguments: str, data: Path = tmp_path / "data", **environment: str) -> RunningServer:
        clean = {k: v for k, v in os.environ.items() if not k.startswith("C8YBIN_")}
        process = subprocess.Popen(
            [sys.executable, "-m", "c8ybin", "serve", "--data", str(data), "--port", "0", *arguments],
            stdout=subprocess.PIPE,
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
        server = RunningServer(process, lines[-1].rpartition(" ")[2], lines)
        running.append(server)
        return server

    yield start
    for server in running:
        if server.process.poll() is None:
            server.stop(signal.SIGKILL)
        elif server.process.stdout:
            server.process.stdout.close()
