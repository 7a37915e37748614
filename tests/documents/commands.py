"""A box as the documents speak of it, and for each of their tested blocks what it needs and what it shows."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from harness import RunningServer, Serve, binaries, connected

DATA, BACKUPS, SETTINGS, LOGS = "var/lib/c8ybin", "backup", "etc/c8ybin", "var/log/c8ybin"
URL = "http://127.0.0.1:8080"
# Paths that begin so are the box's own.
_OF_THE_BOX = re.compile(r"(?<![\w./$~-])/(var|backup|etc|srv|mnt)\b")

# What stands in for commands that want a terminal or reach beyond the box; `other` is a second one, next to it.
STANDINS = {
    "c8ybin": 'exec "{python}" -m c8ybin "$@"\n',
    "sudo": 'exec "$@"\n',
    "less": "exec cat\n",
    "ssh": 'shift\nexec bash -c "${{*//"{root}"/"{root}/other"}}"\n',
}


class Box:
    """A machine's paths in a folder, with a server if need be."""

    def __init__(self, root: Path, start: Serve) -> None:
        self.root = root
        self._start = start
        self._running: tuple[RunningServer, tuple[str, ...]] | None = None
        self.url = URL
        for folder in (
            "bin",
            "home",
            BACKUPS,
            SETTINGS,
            LOGS,
            "srv",
            "etc/cron.d",
            f"other/{Path(DATA).parent}",
        ):
            (root / folder).mkdir(parents=True)
        for name, text in STANDINS.items():
            script = root / "bin" / name
            script.write_text("#!/bin/bash\n" + text.format(python=sys.executable, root=root))
            script.chmod(0o755)

    @property
    def data(self) -> Path:
        """The data directory."""
        return self.root / DATA

    @property
    def environment(self) -> dict[str, str]:
        """The variables of whoever types on it."""
        return {"PATH": f"{self.root}/bin:{os.environ['PATH']}", "HOME": f"{self.root}/home"}

    def serve(self, *arguments: str) -> RunningServer:
        """Return a server with the demo account and some options: the one that runs, where that has these."""
        if self._running and self._running[1] == arguments:
            return self._running[0]
        self.stop()
        server = self._start("--demo", *arguments)
        self._running = server, arguments
        self.url = server.url
        return server

    def stop(self, number: int = signal.SIGTERM) -> None:
        """Let no server run any more."""
        if self._running:
            (server, _), self._running = self._running, None
            server.stop(number)

    def place(self, text: str) -> str:
        """Return a text of the documents with this box's paths and address in it."""
        return _OF_THE_BOX.sub(rf"{self.root}/\1", text).replace(URL, self.url)

    def run(self, text: str, **environment: str) -> str:
        """Run a block of shell, which must succeed; return what it wrote, errors too."""
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", self.place(text)],
            cwd=self.root / "home",
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120,
            env={**self.environment, **environment},
        )
        assert done.returncode == 0, done.stdout
        return done.stdout

    def run_python(self, text: str, *arguments: object) -> subprocess.CompletedProcess[str]:
        """Run a block of Python with arguments."""
        return subprocess.run(
            [sys.executable, "-W", "error", "-c", text, *map(str, arguments)],
            capture_output=True,
            text=True,
            timeout=60,
        )

    def check(self, data: Path | None = None) -> list[dict[str, Any]]:
        """Return what a check finds, without its summary."""
        done = self.run(f"c8ybin check --json --data {data or self.data} || true")
        return [json.loads(line) for line in done.splitlines() if line.startswith("{")][:-1]


Scenario = Callable[[Box, str], None]
SCENARIOS: dict[str, Scenario] = {}


def scenario(name: str) -> Callable[[Scenario], Scenario]:
    """Let a function run the block of a name."""

    def note(function: Scenario) -> Scenario:
        assert name not in SCENARIOS
        SCENARIOS[name] = function
        return function

    return note


def given_by_cron(line: str) -> str:
    """Return the command of a line of /etc/cron.d as cron gives it to the shell; it has to be root's."""
    *when, user, command = line.split(maxsplit=6)
    assert (len(when), user) == (5, "root")
    assert all(re.fullmatch(r"[\d*]+", field) for field in when)
    assert not re.search(r"(?<!\\)%", command), "crontab(5): a % that is not escaped ends the command"
    return command.replace(r"\%", "%")


def attached(server: RunningServer, data: bytes, name: str = "file.bin") -> str:
    """Attach bytes to a new event; return its ID."""
    with connected(server) as connection:
        event_id = connection.create_event()
        label = f'attachment; filename="{name}"'
        answer, _ = connection.ask("POST", binaries(event_id), data, Content_Disposition=label)
    assert answer.status == 201
    return event_id


def read(server: RunningServer, event_id: str) -> bytes:
    """Download an attachment."""
    with connected(server) as connection:
        answer, data = connection.ask("GET", binaries(event_id))
    assert answer.status == 200
    return data


def content_of(data: Path, event_id: str) -> Path:
    """The content file of an event that has one attachment and no upload."""
    (found,) = data.glob(f"events/*/*/{event_id}/content-*")
    return found
