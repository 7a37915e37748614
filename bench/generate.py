"""`python -m bench.generate`: the command behind `scripts/generate`, which fills a new data directory.

It writes what the server would have written, by the store's own encoders and paths, but straight
into the tree and with one sync at the end: a power cut meanwhile leaves anything.
"""

import argparse
import os
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

from bench.fleet import LEAST_EVENTS, Fleet, Made
from c8ybin import fsio
from c8ybin.cli.progress import progress
from c8ybin.domain.records import encode
from c8ybin.domain.steps import Step, uncounted
from c8ybin.store import UnfitDirectory, prepare_directory
from c8ybin.store.layout import BINARY, EVENT, Layout

_PART = 2_000  # events that a process makes at a time; another number would make others of the same seed


def generate(root: Path, fleet: Fleet, *, processes: int | None = None, step: Step = uncounted) -> None:
    """Fill a data directory.

    Args:
        root: The directory, which must be empty or not there.
        fleet: What it is to hold.
        processes: How many write; None for as many as there are CPUs.
        step: Told of each part that is done.

    Raises:
        UnfitDirectory: There is something in it.
        OSError: It cannot be written; what was written stays.
    """
    if root.exists() and any(root.iterdir()):
        raise UnfitDirectory(f"{root} is not empty; name an empty or a new directory.")
    layout = prepare_directory(root)
    with ProcessPoolExecutor(processes or len(os.sched_getaffinity(0))) as pool:
        for events, size in pool.map(partial(_write_part, layout, fleet), range(0, fleet.events, _PART)):
            step(events=events, bytes=size)
    os.sync()


def _write_part(layout: Layout, fleet: Fleet, first: int) -> tuple[int, int]:
    """Write a part; return how many events it has, and how many bytes."""
    stop = min(first + _PART, fleet.events)
    return stop - first, sum(_write(layout, made) for made in fleet.made(first, stop))


def _write(layout: Layout, made: Made) -> int:
    hour = layout.hour(made.id)
    home = f"{hour}/{made.id}"
    try:
        fsio.make_directory(home)
    except FileNotFoundError:
        for directory in (hour.parent, hour, Path(home)):
            fsio.make_directory(directory)
    size = 0
    for name, data in _files(made):
        fd = fsio.create(f"{home}/{name}")
        with fsio.closing(fd):
            fsio.write_at(fd, data, 0)
        size += len(data)
    return size


def _files(made: Made) -> Iterator[tuple[str, bytes]]:
    yield EVENT, made.event.to_bytes()
    if made.binary:
        yield made.binary.content, made.content
        yield BINARY, encode(made.binary.to_record())


def _count(text: str) -> int:
    count = int(text.replace("_", "").replace(",", ""))
    if count < 1:
        raise ValueError
    return count


def main() -> None:
    """Do what the command line says."""
    parser = argparse.ArgumentParser(
        prog="scripts/generate", description="Fill a new data directory with events."
    )
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="an empty or a new directory")
    parser.add_argument("--events", type=_count, default=1_000_000, metavar="N", help="how many (1,000,000)")
    parser.add_argument(
        "--devices", type=_count, metavar="N", help="of how many (one a thousand events, at least 2)"
    )
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="the same for the same (0)")
    parser.add_argument("--processes", type=_count, metavar="N", help="how many write (as many as CPUs)")
    arguments = parser.parse_args()
    if arguments.events < LEAST_EVENTS:
        parser.error(f"--events must be at least {LEAST_EVENTS}.")
    fleet = Fleet.of(arguments.events, arguments.devices, arguments.seed)
    begun = time.monotonic()
    try:
        with progress("generating", fleet.events) as step:
            generate(arguments.data, fleet, processes=arguments.processes, step=step)
    except (UnfitDirectory, OSError) as error:
        sys.exit(f"generate: {error}")
    seconds = time.monotonic() - begun
    sys.stderr.write(
        f"{fleet.events:,} events of {fleet.devices:,} devices in {seconds:,.0f} s, the sync included\n"
    )


if __name__ == "__main__":
    main()
