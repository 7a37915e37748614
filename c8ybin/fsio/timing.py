"""How long it takes until something is durable, told to whoever wants to know that of this process."""

import time
from collections.abc import Callable

Told = Callable[[float, int], None]

_told: Told | None = None


def watch_waits(told: Told | None) -> None:
    """Have a function called after each wait: with its seconds, and how many files are durable by it; None: no more."""
    global _told
    _told = told


def tell_wait(began: float, files: int = 1) -> None:
    """Tell of a wait that began at a monotonic time, and is over."""
    if _told:
        _told(time.monotonic() - began, files)
