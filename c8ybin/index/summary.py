"""What the manifest tells of a column."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from c8ybin.index.entry import Place
from c8ybin.index.search import Bounds


@dataclass(frozen=True, slots=True)
class Summary:
    """By it a column is found, and passed over where it cannot hold what is wanted. All bounds are inclusive."""

    name: str
    rows: int
    first: Place
    last: Place
    ids: Bounds
    created: Bounds
    updated: Bounds

    @classmethod
    def of_record(cls, record: dict[str, Any]) -> "Summary":
        """Read it.

        Raises:
            KeyError, TypeError, ValueError: It is none.
        """
        name, rows = record["name"], record["rows"]
        pairs = {
            k: (int(record[k][0]), int(record[k][1])) for k in ("first", "last", "ids", "created", "updated")
        }
        if not isinstance(name, str) or "/" in name or not isinstance(rows, int):
            raise TypeError
        return cls(name=name, rows=rows, **pairs)

    def to_record(self) -> dict[str, Any]:
        """Write it."""
        return asdict(self)


def bounds_of(numbers: Sequence[int]) -> Bounds:
    """Return the least and the greatest."""
    return min(numbers), max(numbers)
