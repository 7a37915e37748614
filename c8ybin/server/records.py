"""Where the records of TLS begin and end in what arrives, encrypted as it is (RFC 8446, section 5.1)."""

# The most that a record holds, and what it has around that.
RECORD_BYTES = 16 * 1024
_HEADER_BYTES = 5


class Records:
    """Follows the records of one connection by the lengths in their headers."""

    def __init__(self) -> None:
        self._header = b""
        self._left = 0

    @property
    def is_between(self) -> bool:
        """Whether nothing has come of a record whose rest is missing."""
        return not (self._header or self._left)

    def follow(self, data: bytes) -> None:
        """Go on with the next bytes that arrived."""
        place = 0
        while place < len(data):
            if self._left:
                step = min(self._left, len(data) - place)
                self._left -= step
            else:
                step = min(_HEADER_BYTES - len(self._header), len(data) - place)
                self._header += data[place : place + step]
                if len(self._header) == _HEADER_BYTES:
                    self._left = int.from_bytes(self._header[3:])
                    self._header = b""
            place += step
