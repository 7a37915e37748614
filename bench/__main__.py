"""`python -m bench`: the command behind `scripts/bench`."""

import argparse
import json
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench import machine, report
from bench.figures import medians
from bench.load import Failed
from bench.plot import svg
from bench.report import SUBJECTS
from bench.sampling import Bench
from bench.tools import HERE, Missing, set_up
from bench.workloads import WORKLOADS, Sample, Subject, Workload, quick

_CHECKOUT = HERE.parent
_README, _PLOT = _CHECKOUT / "README.md", _CHECKOUT / report.PLOT
# On a disk; /tmp is in memory on many machines.
_TEMPORARY = "/var/tmp"
_IN_MEMORY = ("tmpfs", "ramfs")

Step = tuple[Workload, Subject, int]


def say(text: str) -> None:
    """Tell whoever waits."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def steps(workloads: Sequence[Workload], subjects: Sequence[Subject], rounds: int) -> Iterator[Step]:
    """Put the work in order: round by round, and in a round the durable ones first, together."""
    by_durability = sorted(subjects, key=lambda subject: not subject.is_durable)
    for workload in workloads:
        for number in range(rounds):
            for subject in by_durability:
                if workload.takes(subject):
                    yield workload, subject, number + 1


def rate(workload: Workload, sample: Sample) -> str:
    """Say in a few characters how fast it went."""
    if workload.kind == "start":
        return f"{sample['start_s'] * 1e3:,.0f} ms"
    if workload.is_big:
        return f"{sample['bytes'] / sample['seconds'] / 1e6:,.0f} MB/s"
    return f"{sample['requests'] / sample['seconds']:,.0f}/s"


def run(bench: Bench, planned: Sequence[Step]) -> tuple[list[Sample], list[str]]:
    """Take all samples; return them, and what failed."""
    samples: list[Sample] = []
    failures: list[str] = []
    begun = time.monotonic()
    for done, (workload, subject, number) in enumerate(planned):
        try:
            sample = bench.sample(workload, subject, number)
        except Failed as error:
            failures.append(f"{workload.name} of {subject.name}, round {number}: {error}")
            say(f"bench: {failures[-1]}")
            continue
        samples.append(sample)
        left = (time.monotonic() - begun) / (done + 1) * (len(planned) - done - 1)
        said = f"{workload.name:15} {subject.name:12} {rate(workload, sample):>12}"
        say(f"[{done + 1:3}/{len(planned)}] round {number}  {said}   about {left / 60:.1f} min left")
        if sample.get("errors"):
            failures.append(
                f"{workload.name} of {subject.name}, round {number}: {sample['errors']} errors,"
                f" the first {sample['first_error']}"
            )
            say(f"bench: {failures[-1]}")
    return samples, failures


def read_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="scripts/bench", description="Compare c8ybin with other servers.")
    parser.add_argument("--rounds", type=int, default=3, help="rounds, of which the medians count")
    parser.add_argument("--only", default="", metavar="NAME,...", help=", ".join(w.name for w in WORKLOADS))
    parser.add_argument("--peers", default="", metavar="NAME,...", help=", ".join(s.name for s in SUBJECTS))
    parser.add_argument("--quick", action="store_true", help="one round with small counts, to try it out")
    parser.add_argument("--scratch", type=Path, metavar="DIR", help="where on the disk; tools stay in it")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every sample there")
    parser.add_argument("--again", type=Path, metavar="FILE", help="measure nothing, report such a file")
    parser.add_argument(
        "--write", action="store_true", help=f"write the tables into README.md, the plot to {report.PLOT}"
    )
    parser.add_argument(
        "--serve-arguments", default="", metavar="TEXT", help="further arguments of `c8ybin serve`"
    )
    return parser.parse_args()


def chosen(names: str, among: Sequence[str]) -> list[str]:
    """Return the names of a list with commas; all where it is empty."""
    wanted = [name for name in names.split(",") if name]
    for name in wanted:
        if name not in among:
            sys.exit(f"bench: there is no {name}; there are {', '.join(among)}.")
    return wanted or list(among)


@contextmanager
def workspace(wanted: Path | None) -> Iterator[tuple[Path, Path]]:
    """Yield a folder for the tools and one for the data, and remove them in the end.

    Args:
        wanted: Where; the tools stay there. None: a temporary folder, of which nothing stays.
    """
    scratch = (wanted or Path(tempfile.mkdtemp(prefix="c8ybin-bench-", dir=_TEMPORARY))).resolve()
    scratch.mkdir(parents=True, exist_ok=True)
    data = Path(tempfile.mkdtemp(prefix="run-", dir=scratch))
    if machine.file_system(data) in _IN_MEMORY:
        say("bench: this is no disk, so that fsync costs nothing; give --scratch a folder on one")
    try:
        yield scratch / "tools", data
    finally:
        say("bench: removing what was written, which may take a minute")
        shutil.rmtree(data if wanted else scratch, ignore_errors=True)


def measured(arguments: argparse.Namespace, tools_folder: Path, data: Path) -> dict[str, Any]:
    """Measure what the command line asks for; return the samples, and what is to be known about them.

    Raises:
        Missing: The load generator cannot be compiled.
    """
    peers = chosen(arguments.peers, [s.name for s in SUBJECTS])
    names = chosen(arguments.only, [w.name for w in WORKLOADS])
    workloads = [quick(w) if arguments.quick else w for w in WORKLOADS if w.name in names]
    rounds = 1 if arguments.quick else arguments.rounds
    tools = set_up(tools_folder, peers)
    about = {
        "machine": machine.describe(data),
        "rounds": rounds,
        "versions": machine.versions(tools),
        "missing": tools.missing,
    }
    subjects = [s for s in SUBJECTS if s.name in peers and s.name not in tools.missing]
    bench = Bench(tools, data, arguments.serve_arguments.split())
    samples, about["failures"] = run(bench, list(steps(workloads, subjects, rounds)))
    return {"about": about, "samples": samples}


def publish(found: dict[str, Any], arguments: argparse.Namespace) -> None:
    """Report what was measured, wherever the command line wants it."""
    if arguments.json:
        arguments.json.write_text(json.dumps(found, indent=1) + "\n")
    figures = medians(found["samples"])
    text = report.everything(found["about"], figures)
    if arguments.write:
        _README.write_text(report.replaced(_README.read_text(), text))
        _PLOT.write_text(svg(figures))
    sys.stdout.write(text)
    sys.stdout.flush()


def main() -> None:
    """Do what the command line says."""
    arguments = read_arguments()
    # An end from outside stops the servers too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    # Before ten minutes of work, not after them.
    if arguments.write and not report.has_place(_README.read_text()):
        sys.exit("bench: README.md has no place for the tables; put the two markers back.")
    if arguments.again:
        publish(json.loads(arguments.again.read_text()), arguments)
        return
    with workspace(arguments.scratch) as (tools, data):
        try:
            found = measured(arguments, tools, data)
        except Missing as error:
            sys.exit(f"bench: {error}")
        publish(found, arguments)


if __name__ == "__main__":
    main()
