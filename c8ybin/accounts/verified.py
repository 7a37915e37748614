"""A memory of verified pairs of name and password, shared by the processes of one server."""

import time
from hashlib import blake2b

from c8ybin.accounts.memory import DIGEST_BYTES, Memory

# So long a pair needs no other hash.
KEEP_S = 300.0
# So long it is hashed whatever others failed at meanwhile: a device that reports once a day is a working one.
KNOWN_S = 86_400.0


class Verified:
    """Knows pairs as digests; no password is kept.

    The key is made of all that the file of accounts holds, so nothing that was verified
    by another file is known, whichever process verified it.
    """

    def __init__(self, memory: Memory, file: bytes) -> None:
        self._memory = memory
        self._key = blake2b(file, key=memory.key, digest_size=32).digest()

    def digest(self, name: str, password: str) -> bytes:
        """Return what a pair is known by."""
        pair = f"{len(name)}:{name}{password}".encode()
        # Keyed BLAKE2 (RFC 7693, section 2.9) costs a fourth of an HMAC of so few bytes.
        return blake2b(pair, key=self._key, digest_size=DIGEST_BYTES).digest()

    def _is_younger(self, digest: bytes, age_s: float) -> bool:
        # Without the lock, on the way of every request: at worst the time is that of another pair just verified.
        found = self._memory.verified.get(digest)
        return found is not None and time.monotonic() < found[0] + age_s

    def has(self, digest: bytes) -> bool:
        """Tell whether the pair was verified in the last minutes."""
        return self._is_younger(digest, KEEP_S)

    def had(self, digest: bytes) -> bool:
        """Tell whether the pair was verified in the last day."""
        return self._is_younger(digest, KNOWN_S)

    def remember(self, digest: bytes) -> None:
        """Remember a pair that was just verified."""
        with self._memory.lock.held():
            self._memory.verified.put(digest, (time.monotonic(), 0.0, 0.0))
