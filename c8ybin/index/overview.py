"""How much there is in all, a day and of each type: sums over columns and logs.

A column never changes, so what it sums up to is remembered with it: what is counted anew each time is what the
logs tell. The index knows types by keys alone; what a key is called is read from one event that has it, and then
known for good. That is done for so many types as an overview can be of use for; the events of others are summed up
under None.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from c8ybin.domain.events import IS_BINARY, IS_INCOMPLETE
from c8ybin.domain.queries import Facts
from c8ybin.index.column import Column, Rows, intersection
from c8ybin.index.entry import Entry, key
from c8ybin.index.search import Search
from c8ybin.index.view import Stretch, View

DAY_MS = 86_400_000
MOST_TYPES = 256
# So many searches of which the sums of a column are remembered: of all events, and of accounts with sources.
_MOST_SEARCHES = 8
# So many events of unknown type, one after the other, are tried to be read for a column.
_MOST_TRIES = 8


@dataclass(slots=True)
class Overview:
    """How much there is.

    Attributes:
        events: How many events.
        held: The bytes of their binaries and incomplete uploads.
        attachments: How many have a binary.
        incomplete: How many have an incomplete upload.
        days: How many have their `time` on a day, by days since 1970 in UTC.
        types: How many have a type, and what they hold; None: of types that were not looked up.
    """

    events: int = 0
    held: int = 0
    attachments: int = 0
    incomplete: int = 0
    days: Counter[int] = field(default_factory=Counter)
    types: dict[str | None, tuple[int, int]] = field(default_factory=dict)

    def add(self, facts: Facts) -> None:
        """Count one event that was read."""
        self.events += 1
        self.held += facts.held
        self.attachments += IS_BINARY in facts.fragments
        self.incomplete += IS_INCOMPLETE in facts.fragments
        self.days[facts.time // DAY_MS] += 1
        self.add_type(facts.type, 1, facts.held)

    def add_type(self, name: str | None, events: int, held: int) -> None:
        """Count some events of a type."""
        before = self.types.get(name, (0, 0))
        self.types[name] = (before[0] + events, before[1] + held)


class TypeNames:
    """What the types are called whose keys the index holds."""

    def __init__(self, read: Callable[[int], Facts | None]) -> None:
        """Know none yet; `read` returns what an event is like now, None where it cannot be read."""
        self._read = read
        self.of: dict[int, str] = {}

    @property
    def are_all(self) -> bool:
        """Whether no more are looked up."""
        return len(self.of) >= MOST_TYPES

    def learn(self, event_id: int, wanted: int | None = None) -> int | None:
        """Look at an event of unknown type, which is to have a key if that is given; return the key of its type."""
        if self.are_all:
            return None
        facts = self._read(event_id)
        if facts is None:
            return None
        found = key("type", facts.type)
        if wanted not in (None, found):
            return None  # the number was given again
        self.of[found] = facts.type
        return found


@dataclass(slots=True)
class Sums:
    """The sums of a column, or of a part of one; types by their keys."""

    events: int
    held: int
    attachments: int
    incomplete: int
    days: Counter[int]
    types: dict[int | None, tuple[int, int]]


def find_overview(view: View, search: Search, names: TypeNames) -> Overview:
    """Sum up what matches; to be refreshed before.

    Raises:
        Unsound: A section of a column is damaged.
    """
    view.resolve()
    found = Overview()
    for stretch in view.stretches():
        if stretch.column:
            sums = _sums_of(stretch.column, search, names)
            _add(found, sums, names, 1)
            if stretch.superseded:
                _add(found, _hidden(stretch, stretch.column, search, sums), names, -1)
        places = view.fresh.find(search, stretch.start, stretch.stop)
        for _, event_id in places:
            _add_entry(found, view.fresh.entries[event_id], names)
    found.days = +found.days
    found.types = {name: sums for name, sums in found.types.items() if sums[0]}
    return found


def _add(found: Overview, sums: Sums, names: TypeNames, sign: int) -> None:
    found.events += sign * sums.events
    found.held += sign * sums.held
    found.attachments += sign * sums.attachments
    found.incomplete += sign * sums.incomplete
    for day, events in sums.days.items():
        found.days[day] += sign * events
    for wanted, (events, held) in sums.types.items():
        found.add_type(None if wanted is None else names.of[wanted], sign * events, sign * held)


def _add_entry(found: Overview, entry: Entry, names: TypeNames) -> None:
    found.events += 1
    found.held += entry.held
    found.attachments += key("fragment", IS_BINARY) in entry.terms
    found.incomplete += key("fragment", IS_INCOMPLETE) in entry.terms
    found.days[entry.time // DAY_MS] += 1
    name = names.of.get(entry.type)
    if name is None and names.learn(entry.id, entry.type) is not None:
        name = names.of[entry.type]
    found.add_type(name, 1, entry.held)


def _sums_of(column: Column, search: Search, names: TypeNames) -> Sums:
    """Return what a column sums up to, superseded rows and all."""
    sums = column.sums.get(search)
    if sums is None:
        if len(column.sums) >= _MOST_SEARCHES:
            column.sums.clear()
        rows = column.find(search)
        _learn(column, rows, names)
        sums = _sum(column, rows, names.of)
        # What could not be read now is tried again the next time.
        if None not in sums.types or names.are_all:
            column.sums[search] = sums
    return sums


def _hidden(stretch: Stretch, column: Column, search: Search, sums: Sums) -> Sums:
    """Return what of the sums of a column does not count any more."""
    rows = column.find(search)
    among = rows if isinstance(rows, range) else set(rows)
    hidden = sorted(row for row in stretch.superseded if row in among)
    # Of those types alone that these sums are of: others are among its None.
    return _sum(column, hidden, [wanted for wanted in sums.types if wanted is not None])


def _learn(column: Column, rows: Rows, names: TypeNames) -> None:
    """Look up the types of some rows that are not known."""
    if names.are_all or sum(column.count(wanted) for wanted in names.of) == column.summary.rows:
        return
    unknown = set(rows).difference(*(column.having(wanted) for wanted in names.of))
    failed = 0
    while unknown and failed < _MOST_TRIES and not names.are_all:
        row = min(unknown)
        learnt = names.learn(column.id_of(row))
        failed = failed + 1 if learnt is None else 0
        if learnt is not None:
            unknown.difference_update(column.having(learnt))
        # Where its number was given again, the new event says nothing of it.
        unknown.discard(row)


def _sum(column: Column, rows: Rows, types: Iterable[int]) -> Sums:
    held = column.held(None, rows)
    sums: dict[int | None, tuple[int, int]] = {}
    events_left, held_left = len(rows), held
    for wanted in types:
        of_type = _within(column, wanted, rows)
        if of_type:
            sums[wanted] = len(of_type), column.held(None, of_type)
            events_left -= sums[wanted][0]
            held_left -= sums[wanted][1]
    if events_left:
        sums[None] = events_left, held_left
    return Sums(
        len(rows),
        held,
        len(_within(column, key("fragment", IS_BINARY), rows)),
        len(_within(column, key("fragment", IS_INCOMPLETE), rows)),
        column.days(rows, DAY_MS),
        sums,
    )


def _within(column: Column, term: int, rows: Rows) -> Sequence[int]:
    having = column.having(term)
    if len(rows) == column.summary.rows:
        return having
    return intersection(having, rows) if len(having) < len(rows) else intersection(rows, having)
