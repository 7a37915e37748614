"""What a show says: rows of one table, each with what was wanted and whether it was reached."""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from bench.report import table


@dataclass(frozen=True)
class Row:
    """A line of the table; `reached` is None where nothing was measured, and `measured` says why."""

    what: str
    measured: str
    wanted: str
    reached: bool | None


@dataclass
class Plan:
    """How much is to be done, and where.

    Attributes:
        folder: For data directories and what tools write; on a disk, and gone in the end.
        quick: Whether to try out alone that all of it works.
        peer_limit: What `serve` is told of the connections of one address; None for its default.
        seed: Of what is random; None for a new one each time.
        figures: All that was measured, for `--json`.
    """

    folder: Path
    quick: bool = False
    peer_limit: int | None = None
    seed: int | None = None
    figures: dict[str, Any] = field(default_factory=dict)

    def of(self, quick: int, whole: int) -> int:
        """Return a count for this run."""
        return quick if self.quick else whole


Show = Callable[[Plan], list[Row]]


def say(text: str) -> None:
    """Tell how it goes."""
    sys.stderr.write(f"attack: {text}\n")
    sys.stderr.flush()


def run_with_progress(
    command: Sequence[str | Path], name: str, within_s: float, *, log: Path, **more: Any
) -> subprocess.CompletedProcess[bytes]:
    """Run a program, its output to `log`, and tell now and then how long it may go on; end it after that.

    Raises:
        subprocess.TimeoutExpired: It did not end by itself.
    """
    begun = time.monotonic()
    with log.open("wb") as output, subprocess.Popen(command, stdout=output, stderr=output, **more) as process:
        try:
            while True:
                try:
                    process.wait(10)
                    return subprocess.CompletedProcess(command, process.returncode)
                except subprocess.TimeoutExpired:
                    gone = time.monotonic() - begun
                    if gone > within_s:
                        raise subprocess.TimeoutExpired(command, within_s) from None
                    say(f"{name}: {gone:.0f} s, {within_s - gone:.0f} s left at most")
        except BaseException:
            process.kill()
            raise


def as_table(rows: Sequence[Row]) -> str:
    """Write the table in Markdown."""
    words = {None: "not measured", True: "yes", False: "**no**"}
    cells = [(row.what, row.measured, row.wanted, words[row.reached]) for row in rows]
    return table(("what", "measured", "wanted", "reached"), cells, words=range(4))


def as_json(rows: Sequence[Row], figures: dict[str, Any]) -> str:
    """Write the rows, and the figures behind them."""
    return json.dumps({"rows": [asdict(row) for row in rows], "figures": figures}, indent=2) + "\n"
