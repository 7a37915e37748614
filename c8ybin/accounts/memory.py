"""What the processes of one server remember together of logins, in memory that goes with them."""

import mmap
import secrets
import struct

from c8ybin import fsio

DIGEST_BYTES = 16
_SLOT = struct.Struct(f"{DIGEST_BYTES}s3d")
_WAYS = 8
_NOTHING = bytes(DIGEST_BYTES)

Values = tuple[float, float, float]


class Table:
    """A fixed number of places for three numbers under a digest; the first number is a time.

    A digest may be in any of the eight places of its row. Where none is free, the one whose time
    is the earliest goes. Digests are keyed, so nobody can choose the row of another.
    """

    def __init__(self, slots: int) -> None:
        """Make an empty one; `slots` is a multiple of eight."""
        self._rows = slots // _WAYS
        self._memory = mmap.mmap(-1, slots * _SLOT.size)

    def _row(self, digest: bytes) -> int:
        return int.from_bytes(digest[:8], "little") % self._rows * _WAYS * _SLOT.size

    def _find(self, digest: bytes) -> int | None:
        row = self._row(digest)
        at = self._memory.find(digest, row, row + _WAYS * _SLOT.size)
        return None if at < 0 or (at - row) % _SLOT.size else at

    def get(self, digest: bytes) -> Values | None:
        """Return the numbers under a digest."""
        at = self._find(digest)
        return None if at is None else _SLOT.unpack_from(self._memory, at)[1:]

    def put(self, digest: bytes, values: Values) -> None:
        """Set the numbers under a digest; for one at a time."""
        at = self._find(digest)
        if at is None:
            row = self._row(digest)
            places = range(row, row + _WAYS * _SLOT.size, _SLOT.size)
            at = min(places, key=lambda place: _SLOT.unpack_from(self._memory, place)[1])
        _SLOT.pack_into(self._memory, at, digest, *values)

    def drop(self, digest: bytes) -> None:
        """Forget a digest; for one at a time."""
        at = self._find(digest)
        if at is not None:
            _SLOT.pack_into(self._memory, at, _NOTHING, 0.0, 0.0, 0.0)

    def close(self) -> None:
        """Let the memory go, in this process."""
        self._memory.close()


class Memory:
    """Made before the workers are forked, so that all of them have the same.

    Attributes:
        key: Under which names, addresses and passwords become digests; nobody else has it.
        lock: Held while a table is changed.
        verified: The pairs of name and password that were right.
        failures: Who failed how often.
    """

    def __init__(self, *, verified: int = 16_384, failures: int = 32_768) -> None:
        """Make it with so many places, of 40 bytes each that count once they are used."""
        self.key = secrets.token_bytes(32)
        self.lock = fsio.SharedLock()
        self.verified = Table(verified)
        self.failures = Table(failures)

    def close(self) -> None:
        """Let it go, in this process."""
        self.lock.close()
        self.verified.close()
        self.failures.close()
