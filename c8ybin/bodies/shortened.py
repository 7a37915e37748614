"""A JSON object of any length as a small one: its long strings are emptied on the way.

dynamic-mapper repeats the whole file as Base64 in the `object` part of its forms, so
that part is never buffered whole; what is asked of it is two short strings.
"""

import json
import re

from c8ybin.domain.sizes import KIB

# 4,000 characters, each escaped as a surrogate pair, and still some.
STRING_BYTES = 64 * KIB
OBJECT_BYTES = 256 * KIB

_IN_STRING = re.compile(rb'(?:[^"\\]+|\\.)*+', re.DOTALL)


class ShortenedObject:
    """Takes the bytes of a JSON text and gives its object, with long strings emptied."""

    def __init__(self) -> None:
        self._text = bytearray()
        self._string: bytearray | None = None
        self._too_long = False
        self._escaped = False

    def feed(self, data: memoryview) -> None:
        """Take the next bytes."""
        block, position = bytes(data), 0
        while position < len(block) and len(self._text) <= OBJECT_BYTES:
            position = (
                self._outside(block, position) if self._string is None else self._inside(block, position)
            )

    def _outside(self, block: bytes, position: int) -> int:
        quote = block.find(b'"', position)
        end = len(block) if quote < 0 else quote
        self._text += block[position:end]
        if quote < 0:
            return end
        self._string = bytearray()
        self._too_long = False
        return quote + 1

    def _inside(self, block: bytes, position: int) -> int:
        assert self._string is not None  # noqa: S101 - narrows the type
        if self._escaped:
            self._keep(block[position : position + 1])
            self._escaped = False
            return position + 1
        match = _IN_STRING.match(block, position)
        end = match.end() if match else position
        self._keep(block[position:end])
        if block[end : end + 1] == b"\\":  # what it escapes is in the next block
            self._keep(b"\\")
            self._escaped = True
        elif block[end : end + 1] == b'"':
            self._text += b'"' + (b"" if self._too_long else self._string) + b'"'
            self._string = None
        return end + 1

    def _keep(self, piece: bytes) -> None:
        assert self._string is not None  # noqa: S101 - narrows the type
        self._too_long = self._too_long or len(self._string) + len(piece) > STRING_BYTES
        if not self._too_long:
            self._string += piece

    def strings(self) -> dict[str, str]:
        """Return the top-level members that are strings; nothing when the text is no JSON object.

        c8ydm sends `{ "name": syslog, type: text/plain }`, which is none.
        """
        if self._string is not None or len(self._text) > OBJECT_BYTES:
            return {}
        try:
            members = json.loads(self._text.decode())
        except (ValueError, RecursionError):
            return {}
        if not isinstance(members, dict):
            return {}
        return {k: v for k, v in members.items() if isinstance(v, str)}
