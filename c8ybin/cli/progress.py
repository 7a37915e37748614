"""How far a command is: one line on standard error, kept up to date where that is a terminal."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

import click

from c8ybin.domain.sizes import round_size

_EVERY_S = 0.1


class Step(Protocol):
    """What a command calls when something is done: so many events, and so many bytes of them."""

    def __call__(self, *, events: int = 0, bytes: int = 0) -> None:  # noqa: A002 - the unit
        """Count it."""


@contextmanager
def progress(label: str, total_events: int, noun: str = "events") -> Iterator[Step]:
    """Yield what counts; the line tells events done of all, the time left, bytes and rate.

    Args:
        label: What is going on, as `backing up`.
        total_events: How many there will be, as far as is known.
        noun: What they are called.
    """
    if not sys.stderr.isatty():
        yield _unseen
        return
    start_s = time.monotonic()
    done = shown = seen_bytes = 0
    next_s = start_s

    def tell(_: object) -> str:
        rate = seen_bytes / max(time.monotonic() - start_s, 1e-3)
        return f"{noun}  {round_size(seen_bytes)}, {round_size(int(rate))}/s"

    # No least step, so that the bytes of a large file show while it is under way.
    with click.progressbar(
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


def _unseen(*, events: int = 0, bytes: int = 0) -> None:  # noqa: A002
    pass
