"""What a request sends, and counting it."""

import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from c8ybin.client.errors import Interrupted


@dataclass(frozen=True, slots=True)
class Body:
    """What a request sends, made anew for each attempt.

    Attributes:
        length: In bytes.
        blocks: Gives the bytes from their beginning.
    """

    length: int
    blocks: Callable[[], Iterable[bytes]]


def nothing_counted(_: int) -> None:
    """Count nothing: nobody looks."""


class Sending:
    """One attempt to send a body."""

    def __init__(self, body: Body | None, count: Callable[[int], None], stop: threading.Event) -> None:
        self._body = body
        self._count = count
        self._stop = stop
        self._sent = 0
        # Told beforehand, for a body that is made block by block would else have no length.
        self.fields = {"Content-Length": str(body.length)} if body else {}

    def blocks(self) -> Iterator[bytes]:
        """Give the bytes, counting them."""
        for block in self._body.blocks() if self._body else ():
            if self._stop.is_set():
                raise Interrupted("It was stopped.")
            yield block
            self._sent += len(block)
            self._count(len(block))

    def undo(self) -> None:
        """Take back what was counted."""
        self._count(-self._sent)
