"""Lines that are written by a thread of their own: whoever has one never waits for the disk."""

import logging
import os
from collections import deque
from collections.abc import Callable
from threading import Event, Lock, Thread
from typing import Generic, TypeVar

log = logging.getLogger(__name__)

T = TypeVar("T")

# A pipe takes so much at once, whoever else writes to it (pipe(7): PIPE_BUF); no line is longer.
LINE_BYTES = 4096
# How long a line waits for others: two changes of threads for each would cost more than the line.
_GATHER_S = 0.02
_MOST_WAITING = 10_000
_CLOSE_WITHIN_S = 5.0


class Lines(Generic[T]):
    """A queue of what becomes lines, and the thread that appends them."""

    def __init__(
        self,
        name: str,
        append: Callable[[bytes], None],
        line: Callable[[T], bytes],
        *,
        gap: Callable[[int], bytes] = lambda _: b"",
    ) -> None:
        """Prepare; nothing is started yet.

        Args:
            name: What people call the log.
            append: Appends some lines to it, whole or not at all; raises OSError.
            line: Writes one: at most `LINE_BYTES`, with its end.
            gap: Writes the line that stands for so many lost ones.
        """
        self._name = name
        self._append = append
        self._line = line
        self._gap = gap
        self._waiting: deque[T] = deque()
        self._some = Event()
        self._closing = Event()
        self._count = Lock()
        self._lost = 0
        self._is_failing = False
        self._thread = Thread(target=self._run, name=f"log {name}", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def put(self, item: T) -> None:
        """Have it written soon; where too many wait for the disk, it is counted as lost."""
        if len(self._waiting) >= _MOST_WAITING:
            self._lose(1)
            return
        self._waiting.append(item)
        if not self._some.is_set():
            self._some.set()

    def close(self) -> None:
        """Write what waits, for a few seconds."""
        self._closing.set()
        self._some.set()
        self._thread.join(_CLOSE_WITHIN_S)
        if lost := self._lost + len(self._waiting):
            log.warning("the %s lacks %d lines that could not be written", self._name, lost)

    def _run(self) -> None:
        while self._waiting or not self._closing.is_set():
            self._some.wait()
            self._closing.wait(_GATHER_S)
            self._some.clear()
            self._write_waiting()

    def _write_waiting(self) -> None:
        block, count = b"", 0
        while self._waiting:
            line = self._line(self._waiting.popleft())
            if len(block) + len(line) > LINE_BYTES:
                self._write(block, count)
                block, count = b"", 0
            block += line
            count += 1
        if count:
            self._write(block, count)

    def _write(self, block: bytes, count: int) -> None:
        lost = self._lost
        try:
            if lost:
                self._append(self._gap(lost))
            self._append(block)
        except OSError as error:
            self._lose(count)
            if not self._is_failing:
                self._is_failing = True
                log.error(
                    "the %s cannot be written: %s; requests go on, and what it lacks is counted",
                    self._name,
                    error.strerror,
                )
            return
        if lost:
            self._lose(-lost)
            log.warning("the %s is written again; it lacks %d lines", self._name, lost)
        self._is_failing = False

    def _lose(self, count: int) -> None:
        with self._count:
            self._lost += count


def to_standard_error(data: bytes) -> None:
    """Append to standard error."""
    view = memoryview(data)
    while view:
        view = view[os.write(2, view) :]
