"""A data directory of a size, and the server on it."""

import base64
import http.client
import json
import os
import random
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from bench import measure
from bench.fleet import Fleet
from bench.generate import generate
from bench.load import Failed
from bench.peers import C8YBIN
from bench.servers import Command, Running, started
from bench.tools import Tools
from c8ybin.cli.progress import progress
from c8ybin.domain.times import format_time
from c8ybin.store import is_data_directory
from c8ybin.store.layout import FIRST_PASSWORD, Layout

# What the bench makes is known by its type, and goes again.
MADE = "bench_Made"
MADE_PATH = f"/event/events?type={MADE}"

_ANSWERS_WITHIN_S = 600  # where there is no index, a list reads every event
_RESTS_WITHIN_S = 300


def _serve(_: Tools, root: Path, port: int) -> Command:
    # Not --demo, which asks for a list before it serves.
    command: Command = [sys.executable, "-m", "c8ybin", "serve", "--workers", "1"]
    return [*command, "--data", root, "--port", str(port)]


_PEER = replace(C8YBIN, command=_serve, headers=())


@dataclass
class Site:
    """A data directory.

    Attributes:
        fleet: Whose events it holds.
        root: Where it is.
        made: How many events of the bench it holds besides.
        server: What serves it, while that runs.
    """

    fleet: Fleet
    root: Path
    made: int = 0
    _server: Running | None = field(default=None, repr=False)

    @property
    def events(self) -> int:
        """How many events the fleet has."""
        return self.fleet.events

    @property
    def server(self) -> Running:
        """The server on it."""
        assert self._server
        return self._server

    @property
    def authorization(self) -> str:
        """The field of the account that the first start made."""
        password = (self.root / FIRST_PASSWORD).read_text().strip()
        return "Basic " + base64.b64encode(f"admin:{password}".encode()).decode()

    @contextmanager
    def served(self, tools: Tools) -> Iterator[Running]:
        """Serve it during the block.

        Raises:
            Failed: The server did not start.
        """
        with started(_PEER, tools, self.root) as self._server:
            try:
                yield self._server
            finally:
                self._server = None

    def rest(self) -> None:
        """Wait until the server does nothing: what it does once after a start is over."""
        measure.cpu_at_rest_s(self.server.process.pid, at_most_s=_RESTS_WITHIN_S)

    def ask(self, path: str, method: str = "GET", body: object = None) -> Any:
        """Send a request on a connection of its own; return the JSON of the answer, or None where it is empty.

        Raises:
            Failed: The answer is no success.
        """
        fields = {"Authorization": self.authorization, "Accept": "application/json"}
        data = None if body is None else json.dumps(body)
        if data:
            fields["Content-Type"] = "application/json"
        with closing(
            http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=_ANSWERS_WITHIN_S)
        ) as c:
            try:
                c.request(method, path, data, fields)
                answer = c.getresponse()
                text = answer.read()
            except OSError as error:
                raise Failed(f"{method} {path}: {error}") from None
        if answer.status not in (200, 201, 204):
            raise Failed(f"{method} {path}: {answer.status}")
        return json.loads(text) if text else None

    def clean(self) -> None:
        """Delete what the bench made."""
        self.ask(MADE_PATH, "DELETE")
        self.made = 0

    def some_paths(self, count: int, rng: random.Random) -> list[str]:
        """Return the paths of events from all over the year."""
        tree = Layout(self.root).events
        days = os.listdir(tree)  # noqa: PTH208 - a name is enough
        found: list[str] = []
        while len(found) < count:
            hours = list((tree / rng.choice(days)).iterdir())
            homes = list(rng.choice(hours).iterdir()) if hours else []
            if homes:
                found.append(f"/event/events/{rng.choice(homes).name}")
        return found


def made_event(source: str) -> dict[str, Any]:
    """Return an event of the bench, of the present time."""
    now = format_time(int(time.time() * 1000))
    return {"source": {"id": source}, "type": MADE, "time": now, "text": "Made by the bench"}


def prepared(folder: Path, events: int) -> Site:
    """Return a site of so many events; what stands in the folder is used, what is missing is generated.

    It is generated beside and then moved, so that what was cut short is never taken for a whole one.
    """
    root, part = folder / str(events), folder / f".{events}.part"
    fleet = Fleet.of(events)
    if not is_data_directory(root):
        shutil.rmtree(part, ignore_errors=True)
        with progress(f"generating {events:,}", events) as step:
            generate(part, fleet, step=step)
        part.rename(root)
    return Site(fleet, root)
