"""`python -m bench.lists`: the command behind `scripts/bench-lists`."""

import argparse
import json
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from bench import machine, report
from bench.fleet import LEAST_EVENTS, Fleet
from bench.lists import upkeep
from bench.lists.figures import medians
from bench.lists.plot import svg
from bench.lists.report import NAME, PLOT, everything
from bench.lists.sampling import Sampler
from bench.lists.site import Site, prepared
from bench.lists.works import DELETE, WORKS, Work
from bench.load import Failed
from bench.tools import HERE, Missing, Tools, compile_programs
from bench.workloads import Sample

_README, _PLOT = HERE.parent / "README.md", HERE.parent / PLOT
# On a disk; /tmp is in memory on many machines.
_TEMPORARY = "/var/tmp"
_SIZES = (1_000, 10_000, 100_000, 1_000_000)


def say(text: str) -> None:
    """Tell whoever waits."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def steps(works: Sequence[Work], sites: Sequence[Site], rounds: int) -> Iterator[tuple[Work, Site, int]]:
    """Put the work in order: sizes take turns round by round, so that what disturbs meets all of them.

    What deletes comes after all rounds of the others, for where inodes were freed others are made slowly.
    """
    for part in ([w for w in works if w != DELETE], [w for w in works if w == DELETE]):
        for number in range(1, rounds + 1):
            for work in part:
                for site in sites:
                    if work.fits(site.events):
                        yield work, site, number


class Run:
    """Takes samples, and keeps those that fail as text."""

    def __init__(self, tools: Tools, sampler: Sampler, rounds: int) -> None:
        self.samples: list[Sample] = []
        self.failures: list[str] = []
        self.missing: list[str] = []
        self._tools, self._sampler, self._rounds = tools, sampler, rounds

    def everything(self, works: Sequence[Work], sites: Sequence[Site], empty: Site) -> None:
        """Measure all there is."""
        is_indexed = upkeep.can_reindex()
        if is_indexed:
            for site in sites:
                self._take(f"reindex of {site.events:,}", upkeep.reindex, site)
        else:
            self.missing.append("reindex, for this version has none")
        with ExitStack() as stack:
            for site in (empty, *sites):
                stack.enter_context(site.served(self._tools))
                site.clean()
                stack.callback(site.clean)
            for site in (empty, *sites):
                site.rest()
            self._works(list(steps(works, sites, self._rounds)))
            for site in (empty, *sites):
                self._take(f"memory at {site.events:,}", upkeep.memory, site, works)
            for site in sites if is_indexed else ():
                self._take(f"reindex beside a server of {site.events:,}", upkeep.reindex_meanwhile, site)
        for number in range(1, self._rounds + 1):
            for site in sites:
                self._take(f"start on {site.events:,}", upkeep.start, site, self._tools, number)
        for site in sites:
            self._take(f"inodes of {site.events:,}", upkeep.inodes, site)

    def _works(self, planned: Sequence[tuple[Work, Site, int]]) -> None:
        begun = time.monotonic()
        for done, (work, site, number) in enumerate(planned, 1):
            name = f"{work.name} at {site.events:,}, round {number}"
            sample = self._take(name, self._sampler.sample, work, site, number)
            left_s = (time.monotonic() - begun) / done * (len(planned) - done)
            cost = f"{sample['p50_ms']:9.2f} ms" if sample else "failed"
            say(f"[{done:4}/{len(planned)}] {name:44} {cost:>12}   about {left_s / 60:.1f} min left")

    def _take(self, name: str, measure: Callable[..., Sample], *arguments: Any) -> Sample | None:
        try:
            self.samples.append(measure(*arguments))
        except Failed as error:
            self.failures.append(f"{name}: {error}")
            say(f"bench-lists: {self.failures[-1]}")
            return None
        return self.samples[-1]


def read_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="scripts/bench-lists", description="Measure lists over the number of events."
    )
    parser.add_argument("--sizes", type=_numbers, default=_SIZES, metavar="N,...", help="numbers of events")
    parser.add_argument("--data", type=Path, metavar="DIR", help="where the data directories are, and stay")
    parser.add_argument(
        "--rounds", type=int, default=5, metavar="N", help="rounds, of which the medians count (5)"
    )
    parser.add_argument(
        "--seconds", type=float, default=1.0, metavar="S", help="how long a request is asked (1)"
    )
    parser.add_argument(
        "--count", type=int, default=100, metavar="N", help="how many events are made a time (100)"
    )
    parser.add_argument("--only", default="", metavar="NAME,...", help=", ".join(w.name for w in WORKS))
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every sample there")
    parser.add_argument("--again", type=Path, metavar="FILE", help="measure nothing, report such a file")
    parser.add_argument(
        "--write", action="store_true", help=f"write the tables into README.md, the plot to {PLOT}"
    )
    arguments = parser.parse_args()
    if min(arguments.sizes) < LEAST_EVENTS:
        parser.error(f"--sizes must be at least {LEAST_EVENTS}.")
    known = {work.name: work for work in WORKS}
    names = [name for name in arguments.only.split(",") if name]
    if unknown := [name for name in names if name not in known]:
        parser.error(f"there is no {unknown[0]}; there are {', '.join(known)}.")
    arguments.works = [known[name] for name in names] or WORKS
    return arguments


def _numbers(text: str) -> list[int]:
    return sorted({int(number.replace("_", "")) for number in text.split(",")})


@contextmanager
def folder(wanted: Path | None) -> Iterator[Path]:
    """Yield where the data directories are; a temporary one goes in the end."""
    if wanted:
        wanted.mkdir(parents=True, exist_ok=True)
        yield wanted.resolve()
        return
    temporary = Path(tempfile.mkdtemp(prefix="c8ybin-lists-", dir=_TEMPORARY))
    try:
        yield temporary
    finally:
        say("bench-lists: removing what was generated, which may take minutes")
        shutil.rmtree(temporary, ignore_errors=True)


def measured(arguments: argparse.Namespace, data: Path, scratch: Path) -> dict[str, Any]:
    """Measure what the command line asks for; return the samples, and what is to be known about them.

    Raises:
        Missing: The load generator cannot be compiled.
    """
    compile_programs(scratch)
    tools = Tools(scratch)
    about = {
        "machine": machine.describe(data),
        "rounds": arguments.rounds,
        "versions": machine.versions(tools),
    }
    run = Run(
        tools, Sampler(tools.program("load"), scratch, arguments.seconds, arguments.count), arguments.rounds
    )
    sites = [prepared(data, events) for events in arguments.sizes]
    run.everything(arguments.works, sites, Site(Fleet.of(0), scratch / "empty"))
    return {"about": about | {"failures": run.failures, "missing": run.missing}, "samples": run.samples}


def publish(found: dict[str, Any], arguments: argparse.Namespace) -> None:
    """Report what was measured, wherever the command line wants it."""
    if arguments.json:
        arguments.json.write_text(json.dumps(found, indent=1) + "\n")
    figures = medians(found["samples"])
    text = everything(found["about"], figures)
    if arguments.write:
        _README.write_text(report.replaced(_README.read_text(), text, NAME, PLOT))
        _PLOT.write_text(svg(figures))
    sys.stdout.write(text)
    sys.stdout.flush()


def main() -> None:
    """Do what the command line says."""
    arguments = read_arguments()
    # An end from outside stops the servers too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    # Before the work, not after it.
    if arguments.write and not report.has_place(_README.read_text(), NAME):
        sys.exit("bench-lists: README.md has no place for the tables; put the two markers back.")
    if arguments.again:
        publish(json.loads(arguments.again.read_text()), arguments)
        return
    with folder(arguments.data) as data, tempfile.TemporaryDirectory(dir=data) as scratch:
        try:
            found = measured(arguments, data, Path(scratch))
        except Missing as error:
            sys.exit(f"bench-lists: {error}")
        publish(found, arguments)
    if found["about"]["failures"]:
        sys.exit(1)


if __name__ == "__main__":
    main()
