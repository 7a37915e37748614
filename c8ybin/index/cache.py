"""The sections of columns that one view has read."""

from array import array
from collections import OrderedDict

from c8ybin.domain.sizes import MIB

CACHE_BYTES = 48 * MIB


class Cache:
    """The sections that were read, up to a number of bytes."""

    def __init__(self, most: int = CACHE_BYTES) -> None:
        self._most = most
        self._bytes = 0
        self._sections: OrderedDict[tuple[str, str], array[int]] = OrderedDict()

    def get(self, column: str, name: str) -> "array[int] | None":
        """Return a section if it is here."""
        section = self._sections.get((column, name))
        if section is not None:
            self._sections.move_to_end((column, name))
        return section

    def put(self, column: str, name: str, section: "array[int]") -> None:
        """Keep a section, and forget others where that are too many bytes."""
        self._sections[column, name] = section
        self._bytes += section.itemsize * len(section)
        while self._bytes > self._most and len(self._sections) > 1:
            _, oldest = self._sections.popitem(last=False)
            self._bytes -= oldest.itemsize * len(oldest)

    def forget(self, column: str) -> None:
        """Let go what belongs to a column."""
        for found in [k for k in self._sections if k[0] == column]:
            section = self._sections.pop(found)
            self._bytes -= section.itemsize * len(section)
