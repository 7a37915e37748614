"""What is told of a request once its answer is out, and the ID by which all tell of it."""

import os
import re
import time
from typing import Any

from c8ybin.domain.exchanges import Exchange

_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_ID_BYTES = 8


def request_id(wanted: str | None) -> str:
    """Return the ID of a request: what the client calls it, if that is fit for one, else one that is made."""
    if wanted and _ID.fullmatch(wanted):
        return wanted
    return os.urandom(_ID_BYTES).hex()


class Telling:
    """What is kept of a request until then."""

    def __init__(self) -> None:
        """Begin as the request does."""
        # What the application has to tell of it.
        self.notes: dict[str, Any] = {}
        self._time_ms = time.time_ns() // 1_000_000
        self._begun = time.monotonic()

    def exchange(self, request: Any, task: Any, peer: str, sent: int, *, is_whole: bool) -> Exchange:
        """Return what is told.

        Args:
            request: The request.
            task: What wrote the answer.
            peer: The address of the client.
            sent: How many bytes of the answer were sent, header and all.
            is_whole: Whether that was all of it.
        """
        return Exchange(
            request_id=request.request_id,
            time_ms=self._time_ms,
            peer=peer,
            # Empty where they could not be read.
            method=request.command or None,
            path=request.path or None,
            version=request.version,
            status=int(task.status[:3]),
            received=request.incoming.received if request.incoming else 0,
            sent=max(0, sent - task.header_bytes),
            is_whole=is_whole,
            duration_s=time.monotonic() - self._begun,
            referer=request.headers.get("REFERER"),
            agent=request.headers.get("USER_AGENT"),
            notes=self.notes,
        )
