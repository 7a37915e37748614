"""Columns: immutable files that hold the events of a stretch of time, in the order of their places.

    {"column": 1, "rows": ..., "sections": {...}, "crc": ...}     one line
    ids times created updated held   64 bits a row
    term_keys term_ends term_rows    for each key, ascending, the rows that have it: 64 bits a key, 32 an end, 16 a row
    value_ends value_keys            for each row the keys of its texts: 32 bits a row, 64 a key

All numbers are little-endian. A section is read whole and held against its CRC-32 when it is
first needed; the cache of all columns together forgets what was not needed for longest. Read
with pread and not mapped: a file that was cut short under a map is a SIGBUS.
"""

import sys
import zlib
from array import array
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import Any, BinaryIO

from c8ybin import fsio
from c8ybin.domain.errors import Damaged
from c8ybin.domain.records import decode, encode
from c8ybin.index.cache import Cache
from c8ybin.index.damage import Unsound
from c8ybin.index.entry import Entry, Place
from c8ybin.index.search import Bounds, Search
from c8ybin.index.summary import Summary, bounds_of
from c8ybin.index.table import CUT_ROWS, MOST_ROWS, Table

_FORMAT = 2
# So many sums of bytes are kept of a column.
_MOST_SUMS = 256
_HEADER_BYTES = 4096
_KEY_BYTES = 8
_CODES = {
    "ids": "Q",
    "times": "q",
    "created": "q",
    "updated": "q",
    "held": "Q",
    "term_keys": "Q",
    "term_ends": "I",
    "term_rows": "H",
    "value_ends": "I",
    "value_keys": "Q",
}

Rows = Sequence[int]


class Column:
    """One column, open for reading."""

    def __init__(self, path: Path, summary: Summary, cache: Cache) -> None:
        """Open it.

        Raises:
            FileNotFoundError: It is gone: another process has replaced it, or it was lost.
            Unsound: It is damaged or of another format.
        """
        self.summary = summary
        self._path = path
        self._cache = cache
        self._held: dict[Search, int] = {}
        # What it sums up to, for as long as somebody wants to remember that; see `overview`.
        self.sums: dict[Search, Any] = {}
        self._fd = fsio.open_existing(path)
        try:
            self._read_header()
        except BaseException:
            fsio.close(self._fd)
            raise

    def _read_header(self) -> None:
        start = fsio.read_at(self._fd, _HEADER_BYTES, 0)
        line = start[: start.find(b"\n") + 1]
        try:
            (header,), self._start = decode(line, str(self._path))
            sections = {name: header["sections"][name] for name in _CODES}
        except (Damaged, ValueError, KeyError, TypeError):
            raise Unsound(f"{self._path}: damaged") from None
        if header.get("column") != _FORMAT or header.get("rows") != self.summary.rows:
            raise Unsound(f"{self._path}: of another format or stretch")
        self._sections = sections

    def close(self) -> None:
        """Let it go."""
        fsio.close(self._fd)
        self._cache.forget(self.summary.name)

    def _section(self, name: str) -> "array[int]":
        section = self._cache.get(self.summary.name, name)
        if section is None:
            offset, length, checksum = self._sections[name]
            data = fsio.read_at(self._fd, length, self._start + offset)
            if len(data) != length or zlib.crc32(data) != checksum:
                raise Unsound(f"{self._path}: {name} are damaged")
            section = _little_endian(array(_CODES[name], data))
            self._cache.put(self.summary.name, name, section)
        return section

    def find(self, search: Search) -> Rows:
        """Return the rows that match, ascending.

        Raises:
            Unsound: A section is damaged.
        """
        summary = self.summary
        if not (_overlap(search.created, summary.created) and _overlap(search.updated, summary.updated)):
            return range(0)
        lists: list[Rows] = [self.having(term) for term in search.terms]
        lists += [self._with_value(value) for value in search.values]
        if search.any_of:
            # An event has one source, so no row comes twice.
            lists.append(sorted(chain.from_iterable(map(self.having, search.any_of))))
        start, stop = self._between(search.date)
        if not lists:
            rows: Rows = range(start, stop)
        else:
            lists.sort(key=len)
            rows = lists[0]
            if (start, stop) != (0, summary.rows):
                rows = rows[bisect_left(rows, start) : bisect_left(rows, stop)]
            for other in lists[1:]:
                rows = intersection(rows, other)
        for name, bounds, whole in (
            ("created", search.created, summary.created),
            ("updated", search.updated, summary.updated),
        ):
            if not (bounds[0] <= whole[0] and whole[1] <= bounds[1]):
                times = self._section(name)
                rows = [row for row in rows if bounds[0] <= times[row] <= bounds[1]]
        return rows

    def _between(self, date: Bounds) -> tuple[int, int]:
        start, stop = 0, self.summary.rows
        if date[0] > self.summary.first[0]:
            start = bisect_left(self._section("times"), date[0])
        if date[1] < self.summary.last[0]:
            stop = bisect_left(self._section("times"), date[1] + 1)
        return start, max(start, stop)

    def having(self, term: int) -> "array[int]":
        """Return the rows that have a key."""
        number = self._number(term)
        if number is None:
            return array("H")
        ends = self._section("term_ends")
        start = ends[number - 1] if number else 0
        return self._section("term_rows")[start : ends[number]]

    def count(self, term: int) -> int:
        """Return how many rows have a key."""
        number = self._number(term)
        if number is None:
            return 0
        ends = self._section("term_ends")
        return ends[number] - (ends[number - 1] if number else 0)

    def _number(self, term: int) -> int | None:
        keys = self._section("term_keys")
        number = bisect_left(keys, term)
        return number if number < len(keys) and keys[number] == term else None

    def _with_value(self, value: int) -> list[int]:
        """Return the rows that have the key of a text: most of these are of one event, so no list is kept of each."""
        keys, ends = memoryview(self._section("value_keys")).cast("B"), self._section("value_ends")
        wanted = value.to_bytes(_KEY_BYTES, sys.byteorder)
        data = keys.tobytes()
        rows: list[int] = []
        at = data.find(wanted)
        while at >= 0:
            if at % _KEY_BYTES == 0:
                rows.append(bisect_right(ends, at // _KEY_BYTES))
            at = data.find(wanted, at + 1)
        return rows

    def places(self, rows: Iterable[int]) -> Iterator[Place]:
        """Yield where the events of some rows stand."""
        times, ids = self._section("times"), self._section("ids")
        return ((times[row], ids[row]) for row in rows)

    def held(self, search: Search | None, rows: Iterable[int]) -> int:
        """Return how many bytes the events of some rows hold; remembered where those are all that a search finds."""
        known = None if search is None else self._held.get(search)
        if known is not None:
            return known
        held = self._section("held")
        total = sum(held[row] for row in rows)
        if search is not None:
            if len(self._held) >= _MOST_SUMS:
                self._held.clear()
            self._held[search] = total
        return total

    def days(self, rows: Rows, day_ms: int) -> Counter[int]:
        """Return how many of some rows, which ascend, are of each day since 1970."""
        times = self._section("times")
        found: Counter[int] = Counter()
        start = 0
        while start < len(rows):
            day = times[rows[start]] // day_ms
            stop = bisect_left(rows, (day + 1) * day_ms, start, key=times.__getitem__)
            found[day] = stop - start
            start = stop
        return found

    def id_of(self, row: int) -> int:
        """Return the ID of the event of a row."""
        return self._section("ids")[row]

    def row(self, place: Place) -> int | None:
        """Return the row of an event; None where it is not here."""
        times, ids = self._section("times"), self._section("ids")
        row = bisect_left(times, place[0])
        while row < len(times) and times[row] == place[0]:
            if ids[row] == place[1]:
                return row
            row += 1
        return None

    def row_of_id(self, event_id: int) -> int | None:
        """Return the row of an event whose time is not known."""
        if not self.summary.ids[0] <= event_id <= self.summary.ids[1]:
            return None
        try:
            return self._section("ids").index(event_id)
        except ValueError:
            return None

    def ids_between(self, least: int, end: int) -> Iterator[tuple[int, int]]:
        """Yield the IDs from `least` and below `end`, each with its row."""
        if self.summary.ids[0] < end and least <= self.summary.ids[1]:
            yield from ((i, row) for row, i in enumerate(self._section("ids")) if least <= i < end)

    def table(self) -> Table:
        """Return all that it holds."""
        ends, rows = self._section("term_ends"), self._section("term_rows")
        starts = (0, *ends[:-1])
        return Table(
            ids=self._section("ids"),
            times=self._section("times"),
            created=self._section("created"),
            updated=self._section("updated"),
            held=self._section("held"),
            terms={
                term: array("I", rows[start:end])
                for term, start, end in zip(self._section("term_keys"), starts, ends, strict=True)
            },
            value_ends=self._section("value_ends"),
            value_keys=self._section("value_keys"),
        )


def _overlap(one: Bounds, other: Bounds) -> bool:
    return one[0] <= other[1] and other[0] <= one[1]


def intersection(rows: Rows, others: Rows) -> Rows:
    """Return what two ascending lists share; the first is the shorter one."""
    if len(others) > 32 * len(rows):
        return [row for row in rows if (at := bisect_left(others, row)) < len(others) and others[at] == row]
    return sorted(set(rows).intersection(others))


def _little_endian(numbers: "array[int]") -> "array[int]":
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers


def write_entries(folder: Path, entries: Iterator[Entry]) -> list[Summary]:
    """Write entries, which come in the order of their places, as columns; durable but for their names.

    Raises:
        OSError: Not all could be written.
    """
    written: list[Summary] = []
    waiting = list(islice(entries, MOST_ROWS))
    while more := list(islice(entries, CUT_ROWS)):
        written.append(write_table(folder, Table.of(waiting[:CUT_ROWS])))
        waiting = waiting[CUT_ROWS:] + more
    return written + [write_table(folder, piece) for piece in Table.of(waiting).pieces()]


def write_table(folder: Path, table: Table) -> Summary:
    """Write a column; durable but for its name.

    Raises:
        OSError: It could not be written.
    """
    keys = array("Q", sorted(table.terms))
    ends, rows = array("I"), array("H")
    for term in keys:
        rows.extend(array("H", table.terms[term]))
        ends.append(len(rows))
    sections = {
        "ids": table.ids,
        "times": table.times,
        "created": table.created,
        "updated": table.updated,
        "held": table.held,
        "term_keys": keys,
        "term_ends": ends,
        "term_rows": rows,
        "value_ends": table.value_ends,
        "value_keys": table.value_keys,
    }
    summary = Summary(
        name=fsio.unique_name(),
        rows=len(table),
        first=table.first,
        last=table.last,
        ids=bounds_of(table.ids),
        created=bounds_of(table.created),
        updated=bounds_of(table.updated),
    )
    with fsio.draft(folder / summary.name) as file:
        _write_sections(file, len(table), sections)
    return summary


def _write_sections(file: BinaryIO, rows: int, sections: dict[str, "array[int]"]) -> None:
    offset = 0
    told = {}
    blocks = []
    for name in _CODES:
        block = _little_endian(sections[name][:]).tobytes()
        told[name] = (offset, len(block), zlib.crc32(block))
        offset += len(block)
        blocks.append(block)
    file.write(encode({"column": _FORMAT, "rows": rows, "sections": told}))
    for block in blocks:
        file.write(block)
