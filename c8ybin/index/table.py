"""A column's numbers in memory: made of entries, merged with what is new, cut where they are too many.

Whole arrays are copied and renumbered, and no object is made for an event that is already in a
column: folding takes the interpreter from the requests for as long as it lasts.
"""

from array import array
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass
from itertools import accumulate

from c8ybin.index.entry import Entry, Place

# A row number has 16 bits.
MOST_ROWS = 65_536
# What is cut off the front of a longer one: the last one, where most is added, keeps room.
CUT_ROWS = 49_152

Numbers = "array[int]"
_NO_ROW = 2**32 - 1


@dataclass(slots=True)
class Table:
    """Events in the order of their places; what a column consists of.

    Attributes:
        ids: 64 bits a row, as the four that follow.
        times: Milliseconds since 1970.
        created: The same.
        updated: The same.
        held: Bytes.
        terms: For each key the rows that have it, ascending.
        value_ends: For each row where its keys end in the next one.
        value_keys: The keys of the values, row by row.
    """

    ids: "array[int]"
    times: "array[int]"
    created: "array[int]"
    updated: "array[int]"
    held: "array[int]"
    terms: dict[int, "array[int]"]
    value_ends: "array[int]"
    value_keys: "array[int]"

    @classmethod
    def of(cls, entries: Sequence[Entry]) -> "Table":
        """Make one of entries that are in order."""
        terms: defaultdict[int, array[int]] = defaultdict(lambda: array("I"))
        for row, entry in enumerate(entries):
            for term in entry.terms:
                terms[term].append(row)
        return cls(
            ids=array("Q", (entry.id for entry in entries)),
            times=array("q", (entry.time for entry in entries)),
            created=array("q", (entry.created for entry in entries)),
            updated=array("q", (entry.updated for entry in entries)),
            held=array("Q", (entry.held for entry in entries)),
            terms=dict(terms),
            value_ends=array("I", accumulate(len(entry.values) for entry in entries)),
            value_keys=array("Q", (value for entry in entries for value in entry.values)),
        )

    def __len__(self) -> int:
        """Tell how many events it holds."""
        return len(self.ids)

    @property
    def first(self) -> Place:
        """Where it begins."""
        return self.times[0], self.ids[0]

    @property
    def last(self) -> Place:
        """Where it ends."""
        return self.times[-1], self.ids[-1]

    def merged(self, fresh: Sequence[Entry], removed: Set[int]) -> "Table":
        """Return it with others put in, which are in order, and with some rows taken out."""
        other = Table.of(fresh)
        order = self._order(fresh, removed)
        at: array[int] = array("I", [_NO_ROW]) * len(self)
        fresh_at: array[int] = array("I", [0]) * len(other)
        for row, source in enumerate(order):
            if source >= 0:
                at[source] = row
            else:
                fresh_at[~source] = row
        value_ends, value_keys = self._merged_values(other, order)
        return Table(
            ids=_picked(self.ids, other.ids, order),
            times=_picked(self.times, other.times, order),
            created=_picked(self.created, other.created, order),
            updated=_picked(self.updated, other.updated, order),
            held=_picked(self.held, other.held, order),
            terms=_merged_terms((self.terms, at), (other.terms, fresh_at)),
            value_ends=value_ends,
            value_keys=value_keys,
        )

    def _order(self, fresh: Sequence[Entry], removed: Set[int]) -> list[int]:
        """Return what stands in each row to be: a row of this one, or ~k for the k-th of the fresh ones."""
        order: list[int] = []
        done = 0
        for number, entry in enumerate(fresh):
            place = bisect_left(self.times, entry.time, done)
            while place < len(self) and (self.times[place], self.ids[place]) < entry.place:
                place += 1
            order.extend(range(done, place))
            order.append(~number)
            done = place
        order.extend(range(done, len(self)))
        return [source for source in order if source not in removed] if removed else order

    def _merged_values(self, other: "Table", order: Sequence[int]) -> tuple["array[int]", "array[int]"]:
        ends, keys = array("I"), array("Q")
        for source in order:
            table, row = (self, source) if source >= 0 else (other, ~source)
            start = table.value_ends[row - 1] if row else 0
            keys += table.value_keys[start : table.value_ends[row]]
            ends.append(len(keys))
        return ends, keys

    def pieces(self) -> Iterator["Table"]:
        """Yield it in pieces of which each fits into a column; none if it is empty."""
        start = 0
        while len(self) - start > MOST_ROWS:
            yield self._between(start, start + CUT_ROWS)
            start += CUT_ROWS
        if start < len(self):
            yield self._between(start, len(self)) if start else self

    def _between(self, start: int, stop: int) -> "Table":
        terms = {
            term: array("I", (row - start for row in part))
            for term, rows in self.terms.items()
            if (part := rows[bisect_left(rows, start) : bisect_left(rows, stop)])
        }
        values = self.value_ends[start - 1] if start else 0
        return Table(
            ids=self.ids[start:stop],
            times=self.times[start:stop],
            created=self.created[start:stop],
            updated=self.updated[start:stop],
            held=self.held[start:stop],
            terms=terms,
            value_ends=array("I", (end - values for end in self.value_ends[start:stop])),
            value_keys=self.value_keys[values : self.value_ends[stop - 1]],
        )


def _picked(numbers: "array[int]", others: "array[int]", order: Sequence[int]) -> "array[int]":
    # ~k is the k-th from the end.
    both = numbers + others[::-1]
    return array(numbers.typecode, map(both.__getitem__, order))


def _merged_terms(*parts: tuple[dict[int, "array[int]"], "array[int]"]) -> dict[int, "array[int]"]:
    """Return the rows of each key, renumbered and without those that have no new number."""
    merged: dict[int, array[int]] = {}
    for terms, at in parts:
        for term, rows in terms.items():
            moved = array("I", map(at.__getitem__, rows))
            if _NO_ROW in moved:
                moved = array("I", (row for row in moved if row != _NO_ROW))
            present = merged.get(term)
            if present and moved:
                moved = present + moved if present[-1] < moved[0] else array("I", sorted(present + moved))
            if moved or present:
                merged[term] = moved or present or moved
    return merged
