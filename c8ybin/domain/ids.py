"""IDs of events and managed objects: numbers that sort by creation and give the path without a look-up.

An ID is (milliseconds since 2020-01-01) * 4096 + 12 random bits. It stays below
2**53, so JavaScript keeps it whole, and its last bits spread over the locks. IDs
below 10**12 (the first three days of 2020) are kept for imported events.
"""

import random
import re
import time
from collections.abc import Callable
from threading import Lock
from typing import NewType

from c8ybin.domain.errors import EventNotFound, ObjectNotFound

EventId = NewType("EventId", int)

EPOCH_MS = 1_577_836_800_000  # 2020-01-01T00:00:00Z
# A box without a battery boots in 1970; no event is older than the program that made it.
RELEASED_MS = 1_795_478_400_000  # 2026-11-24T00:00:00Z
FIRST_OWN = 10**12
LIMIT = 2**53
RANDOM_BITS = 12
# A clock that is set wrong must not make IDs beyond the limit, which nobody could read.
_LATEST_MS = EPOCH_MS + (LIMIT >> RANDOM_BITS) - 1

_DECIMAL = re.compile(r"[1-9][0-9]{0,15}")


def parse_event_id(text: str) -> EventId:
    """Read an ID as it stands in a URL.

    Raises:
        EventNotFound: Not ASCII digits without a leading zero below 2**53; such an
            event cannot exist.
    """
    if not is_id(text):
        raise EventNotFound
    return EventId(int(text))


def is_id(text: str) -> bool:
    """Tell whether a text can be an ID, of an event or a managed object."""
    return bool(_DECIMAL.fullmatch(text)) and int(text) < LIMIT


def parse_object_id(text: str) -> EventId:
    """Read the ID of a managed object as it stands in a URL.

    Raises:
        ObjectNotFound: There can be no such object.
    """
    if not is_id(text):
        raise ObjectNotFound
    return EventId(int(text))


def created_ms(event_id: EventId) -> int:
    """Return when an ID of ours was made, in milliseconds since 1970."""
    return (event_id >> RANDOM_BITS) + EPOCH_MS


def first_id(made_ms: int) -> int:
    """Return the least number that an ID has which was made at a time or later."""
    return (made_ms - EPOCH_MS) << RANDOM_BITS


class Clock:
    """A wall clock in milliseconds since 1970 that never runs backwards in a process.

    It never starts before the release date of the program, either: boxes without a
    battery boot in 1970.
    """

    def __init__(self, wall_s: Callable[[], float] = time.time) -> None:
        self._wall_s = wall_s
        self._latest_ms = RELEASED_MS
        self._lock = Lock()

    def now_ms(self) -> int:
        """Return the present time."""
        with self._lock:
            now_ms = min(int(self._wall_s() * 1000), _LATEST_MS)
            self._latest_ms = max(self._latest_ms, now_ms)
            return self._latest_ms


def new_event_id(now_ms: int) -> EventId:
    """Make an ID for an event created at `now_ms`; whoever uses it must see whether it is free."""
    return EventId(first_id(now_ms) | random.getrandbits(RANDOM_BITS))  # nosec B311 # an ID is no secret
