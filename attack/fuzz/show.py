"""The fuzz as a show: each target in a process of its own, one after the other."""

import os
import re
import sys
import sysconfig
import tempfile
from pathlib import Path

from attack.fuzz.targets import TARGETS
from attack.shows import Plan, Row, run_with_progress, say
from attack.tools import CHECKOUT, python_with
from bench.tools import Missing

_SECONDS, _QUICK_SECONDS = 600, 20
_STARTS_WITHIN_S = 60
_EXECUTED = re.compile(r"stat::number_of_executed_units: (\d+)")


def _engine(by: str | None) -> tuple[Path, str]:
    """Return a Python and the name of what it fuzzes by."""
    if by != "hypothesis":
        try:
            return python_with("atheris"), "atheris"
        except Missing as missing:
            say(f"hypothesis instead of atheris: {missing}")
    return Path(sys.executable), "hypothesis"


def fuzz_one(plan: Plan, name: str, seconds: int, by: str | None = None) -> tuple[int, str]:
    """Fuzz a target; return how many inputs it took, and what went wrong, which is empty where nothing did."""
    python, engine = _engine(by)
    log = plan.folder / f"fuzz-{name}.log"
    environment = os.environ | {
        "C8YBIN_FUZZ_BY": engine,
        # What the code needs is in this environment, and atheris in its own.
        "PYTHONPATH": os.pathsep.join((str(CHECKOUT), sysconfig.get_path("purelib"))),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    command = [str(python), "-m", "attack.fuzz", name, str(seconds), str(plan.folder)]
    # Forms become files, thousands a second; atheris ends without removing any.
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else plan.folder
    with tempfile.TemporaryDirectory(prefix="c8ybin-fuzz-", dir=memory) as files:
        done = run_with_progress(
            command,
            f"fuzz {name}",
            seconds + _STARTS_WITHIN_S,
            log=log,
            env=environment | {"TMPDIR": files},
            cwd=CHECKOUT,
        )
    text = log.read_text(errors="replace")
    executed = _EXECUTED.search(text)
    return int(executed[1]) if executed else 0, text[-8000:] if done.returncode else ""


def fuzz(plan: Plan) -> list[Row]:
    """Fuzz all targets, in equal parts of the time."""
    seconds = plan.of(_QUICK_SECONDS, _SECONDS) // len(TARGETS)
    engine = _engine(None)[1]
    count, faults = 0, []
    for number, name in enumerate(TARGETS, 1):
        inputs, fault = fuzz_one(plan, name, max(1, seconds))
        say(f"fuzz {name}: {inputs:,} inputs, {(len(TARGETS) - number) * seconds} s left")
        plan.figures[f"fuzz {name}"] = {"inputs": inputs, "seconds": seconds, "by": engine}
        count += inputs
        if fault or not inputs:
            say(f"fuzz {name}: {fault or 'no input was tried'}")
            faults.append(name)
    return [
        Row(
            f"fuzz by {engine}: {', '.join(TARGETS)}",
            f"{count:,} inputs in {seconds * len(TARGETS)} s, {len(faults)} crashes",
            "0 crashes",
            not faults,
        )
    ]
