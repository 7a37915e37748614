"""schemathesis on /openapi.json: requests made from the description, answers held against it."""

import json
import os
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from attack.serving import USER, Served, served
from attack.shows import Plan, Row, run_with_progress, say
from attack.tools import HERE, python_with

_WITHIN_S = 1200
_WANTED, _QUICK = 10_000, 300
_MOST_RUNS = 8
_OPERATIONS_THAT_VARY = 14


@dataclass
class Found:
    """What schemathesis found, in some runs."""

    cases: int = 0
    errored: int = 0
    server_errors: int = 0
    failures: Counter[str] = field(default_factory=Counter)
    seeds: list[int] = field(default_factory=list)

    def add(self, report: dict[str, Any]) -> bool:
        """Add what a run reports; tell whether that is bad news."""
        counts = report["test_cases"]
        self.cases += counts["generated"]
        # A case that it could not make, or an answer that it could not read.
        errored = counts["errored"] + report["operations"]["errored"]
        self.errored += errored
        self.failures.update({one["type"]: one["count"] for one in report["failures"]})
        self.seeds.append(report["seed"])
        return bool(errored or report["failures"])

    @property
    def is_clean(self) -> bool:
        """Whether all answers were as described."""
        return not (self.errored or self.server_errors or self.failures)


def _command(server: Served, folder: Path, cases: int, plan: Plan, number: int) -> list[str | Path]:
    """Return how schemathesis is called for some of the cases.

    Raises:
        Missing: It cannot be installed.
    """
    command: list[str | Path] = [
        python_with("schemathesis").with_name("schemathesis"),
        "--config-file",
        HERE / "schemathesis.toml",
        "run",
        f"{server.url}/openapi.json",
        # The most for an operation; those without parameters have one case.
        *("--max-examples", str(-(-cases // _OPERATIONS_THAT_VARY))),
        *("--report", "json", "--report-json-path", folder / "report.json"),
        "--continue-on-failure",
        "--no-color",
    ]
    if plan.quick:
        # The phase `coverage` alone has some 1,700 cases.
        command += ["--phases", "fuzzing,stateful"]
    if plan.seed is not None:
        command += ["--seed", str(plan.seed + number)]
    return command


def _run(plan: Plan, server: Served, name: str, cases: int, *, has_account: bool) -> Found:
    """Run schemathesis until it has tried so many cases; return what it found.

    Raises:
        Missing: It cannot be installed.
    """
    environment = os.environ | {
        "SCHEMATHESIS_HOOKS": "schemathesis_hooks",
        "PYTHONPATH": str(HERE),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    if not has_account:
        environment["C8YBIN_ATTACK_WITHOUT_CREDENTIALS"] = "1"
    found = Found()
    for number in range(_MOST_RUNS):
        if found.cases >= cases:
            break
        # A directory of its own, for it writes there what it finds.
        folder = plan.folder / f"schemathesis-{has_account}-{number}"
        folder.mkdir()
        say(f"schemathesis {name}: {found.cases:,} of {cases:,} cases")
        command = _command(server, folder, cases - found.cases, plan, number)
        if has_account:
            command += ["--auth", f"{USER}:{server.password}"]
        log = folder / "log"
        run_with_progress(command, "schemathesis", _WITHIN_S, log=log, env=environment, cwd=folder)
        if not (folder / "report.json").exists():
            raise RuntimeError(f"schemathesis failed:\n{log.read_text()[-2000:]}")
        report = json.loads((folder / "report.json").read_text())
        if found.add(report):
            say(f"schemathesis {name}:\n{log.read_text()[-20_000:]}")
    found.server_errors = len(server.errors())
    return found


def contract(plan: Plan) -> list[Row]:
    """Ask with every role, and without credentials."""
    rows = []
    for name, has_account, cases in (
        ("with every role", True, plan.of(_QUICK, _WANTED)),
        ("without credentials", False, plan.of(_QUICK, _WANTED) // 10),
    ):
        with served(plan.folder, f"contract-{has_account}", "--body-timeout", "5s") as server:
            found = _run(plan, server, name, cases, has_account=has_account)
        # `asdict` would count the pairs of a Counter.
        plan.figures[f"schemathesis {name}"] = asdict(found) | {"failures": dict(found.failures)}
        rows.append(
            Row(
                f"schemathesis {name}",
                f"{found.cases:,} cases, {found.server_errors} server errors, "
                f"{found.failures.total()} answers that the description does not allow",
                f"≥ {cases:,} cases, 0, 0",
                found.cases >= cases and found.is_clean,
            )
        )
    return rows
