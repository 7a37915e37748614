"""All columns anew, from the events themselves: sorted on the disk, for they may be more than memory holds."""

import marshal
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from heapq import merge
from operator import attrgetter
from pathlib import Path
from typing import BinaryIO

from c8ybin import fsio
from c8ybin.index.column import write_entries
from c8ybin.index.entry import Entry
from c8ybin.index.summary import Summary

# Some tens of megabytes in memory.
RUN_EVENTS = 32_768
_BLOCK_EVENTS = 512

_place = attrgetter("time", "id")


def write_sorted(folder: Path, events: Iterable[Entry], scratch: Path) -> list[Summary]:
    """Write columns of events that come in any order.

    Args:
        folder: Where the columns go.
        events: The events.
        scratch: A path that begins the names of files which nobody else uses, for what is sorted in parts.

    Raises:
        OSError: Not all could be read or written.
    """
    runs: list[Path] = []
    waiting: list[Entry] = []
    try:
        for entry in events:
            waiting.append(entry)
            if len(waiting) >= RUN_EVENTS:
                waiting.sort(key=_place)
                runs.append(scratch.with_name(f"{scratch.name}-{len(runs)}"))
                _write_run(runs[-1], waiting)
                waiting = []
        waiting.sort(key=_place)
        with ExitStack() as stack:
            sources = [_read_run(stack.enter_context(_opened(path))) for path in runs]
            return write_entries(folder, merge(*sources, waiting, key=_place))
    finally:
        for path in runs:
            fsio.remove(path)


def _write_run(path: Path, entries: list[Entry]) -> None:
    with open(fsio.create(path), "wb") as file:  # noqa: PTH123 - a descriptor
        for start in range(0, len(entries), _BLOCK_EVENTS):
            block = [
                (entry.id, entry.time, entry.created, entry.updated, entry.terms, entry.values, entry.held)
                for entry in entries[start : start + _BLOCK_EVENTS]
            ]
            marshal.dump(block, file)


def _opened(path: Path) -> BinaryIO:
    return open(fsio.open_existing(path), "rb")  # noqa: PTH123 - a descriptor


def _read_run(file: BinaryIO) -> Iterator[Entry]:
    while True:
        try:
            block = marshal.load(file)  # noqa: S302 - what this very process wrote
        except EOFError:
            return
        for members in block:
            yield Entry(*members)
