"""How far a command is: one line on standard error, kept up to date where that is a terminal."""

import itertools
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import click

from c8ybin.domain.sizes import round_size
from c8ybin.domain.steps import Step, uncounted

_EVERY_S = 0.1


@contextmanager
def progress(label: str, total_events: int | None, noun: str = "events") -> Iterator[Step]:
    """Yield what counts; the line tells events done of all, the time left, bytes and rate.

    Args:
        label: What is going on, as `backing up`.
        total_events: How many there will be, as far as is known; None where it is not.
        noun: What they are called.
    """
    if not sys.stderr.isatty():
        yield uncounted
        return
    start_s = time.monotonic()
    done = shown = seen_bytes = 0
    next_s = start_s

    def tell(_: object) -> str:
        seconds = max(time.monotonic() - start_s, 1e-3)
        if not seen_bytes:
            return f"{noun}  {round(done / seconds):,}/s"
        rate = seen_bytes / seconds
        return f"{noun}  {round_size(seen_bytes)}, {round_size(int(rate))}/s"

    # No least step, so that the bytes of a large file show while it is under way.
    with click.progressbar(
        itertools.count() if total_events is None else None,
        length=total_events,
        label=label,
        show_pos=True,
        item_show_func=tell,
        file=sys.stderr,
        width=20,
        update_min_steps=0,
    ) as bar:

        def step(*, events: int = 0, bytes: int = 0) -> None:  # noqa: A002
            nonlocal done, shown, seen_bytes, next_s
            done += events
            seen_bytes += bytes
            if time.monotonic() >= next_s:
                bar.update(done - shown)
                shown, next_s = done, time.monotonic() + _EVERY_S

        yield step
        bar.update(done - shown)
