"""A short memory of verified pairs of name and password."""

import secrets
import time
from collections import OrderedDict
from hashlib import blake2b
from threading import Lock

KEEP_S = 300.0
MOST = 4096


class Verified:
    """Remembers pairs as digests under a key of its own; no password is kept.

    When accounts change, another takes its place.
    """

    def __init__(self, keep_s: float = KEEP_S) -> None:
        self._keep_s = keep_s
        self._key = secrets.token_bytes(32)
        self._until: OrderedDict[bytes, float] = OrderedDict()
        self._lock = Lock()

    def _digest(self, name: str, password: str) -> bytes:
        pair = f"{len(name)}:{name}{password}".encode()
        # Keyed BLAKE2 (RFC 7693, section 2.9) costs a fourth of an HMAC of so few bytes.
        return blake2b(pair, key=self._key, digest_size=32).digest()

    def knows(self, name: str, password: str) -> bool:
        """Tell whether the pair was verified lately."""
        digest = self._digest(name, password)
        with self._lock:
            return self._until.get(digest, 0.0) > time.monotonic()

    def remember(self, name: str, password: str) -> None:
        """Remember a pair that was just verified."""
        digest = self._digest(name, password)
        with self._lock:
            self._until[digest] = time.monotonic() + self._keep_s
            self._until.move_to_end(digest)
            if len(self._until) > MOST:
                self._until.popitem(last=False)
