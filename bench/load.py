"""Drives `load.c`."""

import json
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_ENDS_WITHIN_S = 180


class Failed(Exception):
    """A program of the comparison did not do its work; the text says what it said."""


def request(method: str, path: str, size: int, expected: int, *headers: str) -> str:
    """Return a line of the file of requests: a body of `size` bytes, an answer of status `expected`."""
    return "\t".join((method, path, str(size), str(expected), *headers))


@dataclass(frozen=True)
class Outcome:
    """What the generator measured.

    Attributes:
        figures: Its JSON object.
        locations: The Location of each answer, in the order of the requests, where they were wanted.
    """

    figures: dict[str, Any]
    locations: list[str]


def output_of(command: Sequence[str | Path]) -> dict[str, Any]:
    """Run a program that prints one JSON object.

    Raises:
        Failed: It ended otherwise.
    """
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_ENDS_WITHIN_S, check=False)
    except subprocess.TimeoutExpired:
        raise Failed(f"{Path(command[0]).name} did not end in {_ENDS_WITHIN_S} s") from None
    if done.returncode:
        raise Failed(done.stderr.strip() or f"{Path(command[0]).name} ended with {done.returncode}")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@dataclass(frozen=True)
class Load:
    """The generator, with a folder for its files; `encrypts` makes it speak TLS."""

    program: Path
    folder: Path
    encrypts: bool = False

    def run(
        self,
        port: int,
        requests: Sequence[str],
        *,
        connections: int = 16,
        seconds: float = 0,
        group: int = 1,
        body: str | None = None,
        headers: Sequence[str] = (),
        cycles: bool = False,
        wants_locations: bool = False,
    ) -> Outcome:
        """Send requests; see the head of `load.c` for what the arguments mean.

        Raises:
            Failed: The server cannot be spoken to.
        """
        listed, located = self.folder / "requests", self.folder / "locations"
        listed.write_text("\n".join(requests) + "\n")
        command: list[str | Path] = [self.program, "--port", str(port), "--requests", listed]
        command += ["--connections", str(connections), "--group", str(group), "--seconds", str(seconds)]
        command += ["--cycle"] if cycles else []
        command += ["--tls"] if self.encrypts else []
        command += ["--body", body] if body is not None else []
        command += ["--locations", located] if wants_locations else []
        for header in headers:
            command += ["--header", header]
        figures = output_of(command)
        return Outcome(figures, located.read_text().splitlines() if wants_locations else [])
