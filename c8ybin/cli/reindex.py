"""`c8ybin reindex`."""

import gc
import json
import os
import time
from contextlib import closing
from pathlib import Path

import click

from c8ybin.cli.options import config_option, data_option, option
from c8ybin.cli.problems import Problem, require_writable, using
from c8ybin.cli.progress import progress
from c8ybin.domain.errors import ListUnavailable
from c8ybin.store import Readers, Store, started_directory


@click.command()
@option("--json", "as_json", is_flag=True, help="Write what was done as JSON.")
@data_option
@config_option
def reindex(as_json: bool, data: Path) -> None:
    """Make the index, by which lists find events, anew from the events; also while servers run.

    A server does so by itself where it finds the index missing or damaged. Exit code 0: done;
    1: somebody else is about it; 2: the data directory cannot be used.
    """
    with using(data):
        layout = started_directory(data)
        # Forked before the store begins threads.
        with Readers(layout, _count_cpus()) as readers, closing(Store.open(data)) as store:
            require_writable(store, data)
            try:
                with progress("indexing", layout.count()) as step:
                    start_s = time.monotonic()
                    # Of some hundred thousand objects, none in a cycle.
                    gc.disable()
                    events = store.reindex(readers, step)
            except ListUnavailable:
                raise Problem(
                    "The index is being made anew by somebody else; try again when that is done."
                ) from None
    seconds = time.monotonic() - start_s
    if as_json:
        click.echo(json.dumps({"events": events, "seconds": round(seconds, 3)}))
    else:
        rate = round(events / max(seconds, 1e-3))
        click.echo(
            f"Indexed {events:,} event{'s' * (events != 1)} in {seconds:.1f} s, {rate:,} a second.", err=True
        )


def _count_cpus() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
