"""What a worker is told by its supervisor, and what the supervisor keeps of it."""

import os
from dataclasses import dataclass

from c8ybin.server.shares import Share

IS_READY = b"+"
_FIRST_PAUSE_S = 0.1
_LONGEST_PAUSE_S = 5.0


@dataclass(frozen=True)
class Worker:
    """What a worker is told by its supervisor.

    Attributes:
        is_first: It alone does what a first start has to do.
        life: A descriptor that becomes readable when the supervisor is gone, however it went:
            then the worker is to stop gently.
        words: Where it tells that it serves.
        share: How its connections compare with those of the others.
        place: Which of the places it has, from 0.
    """

    is_first: bool
    life: int
    words: int
    share: Share
    place: int

    def ready(self, news: str = "") -> None:
        """Tell that it serves; the `news` of the first one are announced once all serve."""
        with os.fdopen(self.words, "wb") as pipe:
            pipe.write(IS_READY + news.encode())


@dataclass(eq=False)
class Place:
    """One of the N places: its process (0 for none), and monotonic times in seconds."""

    pid: int = 0
    since: float = 0.0
    quick_ends: int = 0
    due: float = 0.0


def pause_s(quick_ends: int) -> float:
    """Return how many seconds a place stays empty after so many workers in a row that ended quickly."""
    return min(_FIRST_PAUSE_S * 2 ** (quick_ends - 1), _LONGEST_PAUSE_S) if quick_ends else 0.0
