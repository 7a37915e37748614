"""`python -m bench`: the command behind `scripts/bench`."""

import argparse
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from bench.load import Failed
from bench.measure import settle
from bench.peers import PEERS
from bench.tools import Missing, set_up
from bench.workloads import BARE, FLOORS, WORKLOADS, Bench, Sample, Subject, Workload, quick

SUBJECTS: dict[str, Subject] = {subject.name: subject for subject in (*PEERS, *FLOORS, BARE)}


def say(text: str) -> None:
    """Tell whoever waits."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


Step = tuple[Workload, Subject, int]


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


def run(bench: Bench, planned: Sequence[Step]) -> list[Sample]:
    """Take all samples; what fails is told and left out."""
    samples: list[Sample] = []
    begun = time.monotonic()
    for done, (workload, subject, number) in enumerate(planned):
        try:
            sample = bench.sample(workload, subject, number)
        except Failed as error:
            say(f"bench: {workload.name}, {subject.name}: {error}")
            continue
        samples.append(sample)
        left = (time.monotonic() - begun) / (done + 1) * (len(planned) - done - 1)
        said = f"{workload.name:15} {subject.name:12} {rate(workload, sample):>12}"
        say(f"[{done + 1:3}/{len(planned)}] round {number} {said}   about {left / 60:.1f} min left")
        if sample.get("errors"):
            say(f"bench: {sample['errors']} errors: {sample['first_error']}")
    return samples


def read_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="scripts/bench", description="Compare c8ybin with other servers.")
    parser.add_argument("--rounds", type=int, default=3, help="rounds, of which the median counts")
    parser.add_argument("--only", default="", metavar="NAME,...", help=", ".join(w.name for w in WORKLOADS))
    parser.add_argument("--peers", default="", metavar="NAME,...", help=", ".join(SUBJECTS))
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every sample there")
    parser.add_argument("--quick", action="store_true", help="one round with small counts, to try it out")
    parser.add_argument("--scratch", type=Path, metavar="DIR", help="where on the disk; tools stay in it")
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


def main() -> None:
    """Do what the command line says."""
    arguments = read_arguments()
    peers = chosen(arguments.peers, list(SUBJECTS))
    names = chosen(arguments.only, [w.name for w in WORKLOADS])
    workloads = [quick(w) if arguments.quick else w for w in WORKLOADS if w.name in names]
    temporary = None if arguments.scratch else tempfile.mkdtemp(prefix="c8ybin-bench-", dir="/var/tmp")
    scratch = arguments.scratch or Path(str(temporary))
    scratch.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix="run-", dir=scratch)).resolve()
    try:
        tools = set_up(scratch.resolve() / "tools", peers)
        subjects = [SUBJECTS[name] for name in peers if name not in tools.missing]
        bench = Bench(tools, work, arguments.serve_arguments.split())
        rounds = 1 if arguments.quick else arguments.rounds
        samples = run(bench, list(steps(workloads, subjects, rounds)))
        settle()
    except Missing as error:
        sys.exit(f"bench: {error}")
    finally:
        say("bench: removing what was written")
        shutil.rmtree(temporary or work, ignore_errors=True)
    if arguments.json:
        arguments.json.write_text(json.dumps(samples, indent=1) + "\n")


if __name__ == "__main__":
    main()
