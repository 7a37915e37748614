"""What the tests of several rooms share: the application as a client sees it, a real server process."""

import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from webtest import TestApp

from c8ybin.accounts import Accounts
from c8ybin.store import Store

EVENT = {"source": {"id": "1001"}, "type": "test_Event", "time": "2026-11-24T12:00:00.000Z", "text": "hello"}
USER, PASSWORD = "tester", "secret"


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
