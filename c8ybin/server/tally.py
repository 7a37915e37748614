"""What has become of connections for which there was no room, told in one line now and then."""

import logging
import time
from collections.abc import Callable

log = logging.getLogger(__name__)

_TELL_AGAIN_S = 60.0


class Tally:
    """Counts them, and tells of them soon after the first, then once a minute; only the main loop does.

    Attributes:
        closed: How many had to go for others.
        refused: How many new ones were told 503, or could not even be told that.
        without_descriptor: Of both, how many for lack of a descriptor and not of a place.
    """

    def __init__(self, shed: Callable[[], None]) -> None:
        """Have none yet; `shed` is called for each."""
        self._shed = shed
        self._tell_at = 0.0
        self._clear()

    def _clear(self) -> None:
        self.closed = self.refused = self.without_descriptor = 0

    def note_closed(self) -> None:
        """Count one that had to go."""
        self.closed += 1
        self._shed()

    def note_refused(self) -> None:
        """Count one for which there was no room."""
        self.refused += 1
        self._shed()

    def tell(self, now_stand: str, *, at_once: bool = False) -> None:
        """Log what has come together since the last time, if it is time, and how many stand now."""
        now = time.monotonic()
        if not (self.closed or self.refused) or (now < self._tell_at and not at_once):
            return
        log.warning(
            "too many connections: %d closed to make room, %d refused, %d of all these for lack of descriptors; %s",
            self.closed,
            self.refused,
            self.without_descriptor,
            now_stand,
        )
        self._tell_at = now + _TELL_AGAIN_S
        self._clear()
