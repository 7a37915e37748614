"""The suites: a program each, in a client's own language, that checks the client against a running server.

The names of its checks are read from its text, so that pytest knows them before anything is installed.
"""

import json
import re
import shutil
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from installing import HERE, JAVASCRIPT, node_modules, python_of_clients

from bench.tools import Missing

_WITHIN_S = 120  # for what takes seconds; the program is killed then


@dataclass(frozen=True)
class Suite:
    """The checks of one client.

    Attributes:
        client: Its name, as its package is called.
        command: Returns what starts the program, once the client is installed; raises Missing where it cannot be.
        program: Runs the checks of modules beside it; prints a JSON object a line, the client's version first.
        declaration: Finds the name of each check in a module's text.
        modules: The modules, by their names.
    """

    client: str
    command: Callable[[], str | Path]
    program: Path
    declaration: str
    modules: Sequence[str]

    def checks(self) -> list[str]:
        """Return the names of the checks: sentences."""
        files = [self.program.with_name(module + self.program.suffix) for module in self.modules]
        found = [
            name for file in files for name in re.findall(self.declaration, file.read_text(), re.MULTILINE)
        ]
        return [name.replace("_", " ") for name in found]


@dataclass
class Outcome:
    """What a client's program told: the client's version; for each check why it failed, None where it did not."""

    version: str = ""
    failures: dict[str, str | None] = field(default_factory=dict)


def _node() -> str:
    node = shutil.which("node")
    if not node:
        raise Missing("no node")
    node_modules()
    return node


_PYTHON = (python_of_clients, HERE / "python" / "run.py", r"^@check\ndef (\w+)")
_JAVASCRIPT = (_node, JAVASCRIPT / "run.mjs", r'^check\("([^"]+)"')
_C8Y_API = [f"c8y_api_{part}" for part in ("events", "attachments", "lists", "errors", "around")]
SUITES = (
    Suite("c8y_api", *_PYTHON, _C8Y_API),
    Suite("c8ydm", *_PYTHON, ["c8ydm_agent"]),
    Suite("@c8y/client", *_JAVASCRIPT, ["events", "attachments", "lists", "errors", "around"]),
)


def run(suite: Suite, command: str | Path, setting: dict[str, str]) -> Outcome:
    """Run a client's checks.

    Args:
        suite: The suite.
        command: What starts its program.
        setting: What the checks are told, by name: URL, passwords of accounts, a folder to write in.

    Raises:
        AssertionError: The program did not run to its end, or ran other checks than those that were found.
    """
    arguments = [suite.program, json.dumps(setting), suite.client, *suite.modules]
    done = subprocess.run([command, *arguments], capture_output=True, text=True, timeout=_WITHIN_S)
    outcome = Outcome()
    for line in done.stdout.splitlines():
        told = json.loads(line)
        if "version" in told:
            outcome.version = told["version"]
        else:
            outcome.failures[told["check"].replace("_", " ")] = told["failure"]
    assert done.returncode == 0, done.stderr
    assert list(outcome.failures) == suite.checks()
    return outcome
