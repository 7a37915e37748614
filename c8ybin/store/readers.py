"""Reads all events for an index that is made anew, in one process for each CPU: most of it is Python's own time."""

import errno
import gc
import marshal
import os
import signal
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from select import select
from types import TracebackType
from typing import Any, BinaryIO, Self

from c8ybin import fsio
from c8ybin.index import Entry, entry_of
from c8ybin.store.event import read_facts
from c8ybin.store.layout import EVENT, Layout

_BLOCK_EVENTS = 512
_GO = b"g"


@dataclass(frozen=True, slots=True)
class Block:
    """Some events: what the index is to know of them, and those that are there and cannot be read."""

    entries: Sequence[Entry]
    unread: Sequence[int]


@dataclass(frozen=True, slots=True)
class _Reader:
    pid: int
    go: BinaryIO
    blocks: BinaryIO


class Readers:
    """Forks of this process, begun while it has one thread; each has every n-th hour.

    They read nothing before they are asked, and end with this process, however that ends.
    """

    def __init__(self, layout: Layout, count: int) -> None:
        """Fork so many."""
        self._readers: list[_Reader] = []
        for number in range(count):
            go, told = os.pipe()
            got, blocks = os.pipe()
            pid = os.fork()
            if not pid:
                for end in (told, got, *(f.fileno() for r in self._readers for f in (r.go, r.blocks))):
                    os.close(end)
                _serve(layout, slice(number, None, count), go, blocks)
            os.close(go)
            os.close(blocks)
            self._readers.append(_Reader(pid, open(told, "wb", 0), open(got, "rb")))  # noqa: PTH123, SIM115 - pipes

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        for reader in self._readers:
            reader.go.close()
            reader.blocks.close()
            os.waitpid(reader.pid, 0)

    def read(self) -> Iterator[Block]:
        """Yield all events that are there from now on, in no order; once.

        Raises:
            OSError: Not all could be read.
        """
        for reader in self._readers:
            reader.go.write(_GO)
        reading = {reader.blocks: reader for reader in self._readers}
        while reading:
            # What a buffer holds of a next block waits until there is more, or the end: a reader ends when it is done.
            for file in select(list(reading), (), ())[0]:
                block = _receive(file)
                if block is None:
                    del reading[file]
                else:
                    yield block


def _receive(file: BinaryIO) -> Block | None:
    """Return the next block; None after the last."""
    try:
        kind, *told = marshal.load(file)  # noqa: S302 - what a fork of this very process wrote
    except (EOFError, ValueError):
        raise OSError(errno.ECHILD, "a process that read events ended before it was done") from None
    if kind == "failed":
        raise OSError(*told)
    if kind == "done":
        return None
    entries, unread = told
    return Block([Entry(*members) for members in entries], unread)


def _serve(layout: Layout, hours: slice, go: int, blocks: int) -> None:
    """Be a reader, and never return."""
    try:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # the other end sees to it
        gc.disable()
        if os.read(go, 1) == _GO:
            with open(blocks, "wb", 0) as file:
                _send_all(layout, hours, file)
    except BaseException:  # noqa: S110 - the other end is told by what it does not get
        pass
    finally:
        os._exit(0)


def _send_all(layout: Layout, hours: slice, file: BinaryIO) -> None:
    try:
        entries: list[Any] = []
        unread: list[int] = []
        for hour in layout.hours()[hours]:
            for event_id in layout.walk_ids(hour):
                home = f"{hour}/{event_id}"
                if facts := read_facts(event_id, home):
                    e = entry_of(facts)
                    entries.append((e.id, e.time, e.created, e.updated, e.terms, e.values, e.held))
                elif fsio.exists(f"{home}/{EVENT}"):
                    unread.append(event_id)
                if len(entries) >= _BLOCK_EVENTS:
                    marshal.dump(("events", entries, unread), file)
                    entries, unread = [], []
        marshal.dump(("events", entries, unread), file)
        marshal.dump(("done",), file)
    except OSError as error:
        marshal.dump(("failed", error.errno, error.strerror), file)
