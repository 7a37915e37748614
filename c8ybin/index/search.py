"""A query as the index understands it: keys that an event must have, and bounds of its times."""

from dataclasses import dataclass

from c8ybin.domain.events import MANDATORY
from c8ybin.domain.queries import Query
from c8ybin.domain.times import format_time, parse_time
from c8ybin.index.entry import Entry, key, value_key

LEAST = -(2**63)
GREATEST = 2**63 - 1

Bounds = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Search:
    """What an event must have; both ends of all bounds count.

    Attributes:
        terms: Keys of its source, its type and its fragments.
        values: Keys of fragments that are texts.
        date: Bounds of its time.
        created: Bounds of its creation.
        updated: Bounds of its last change.
        asks_what_changes: Whether the answer may change with a PUT of the event or with its binary.
        any_of: Keys of sources, of which it must have one; where there are none, that does not matter.
    """

    terms: tuple[int, ...]
    values: tuple[int, ...]
    date: Bounds
    created: Bounds
    updated: Bounds
    asks_what_changes: bool
    any_of: tuple[int, ...] = ()

    @property
    def has_time_bounds(self) -> bool:
        """Whether creation or last change matter."""
        return self.created != (LEAST, GREATEST) or self.updated != (LEAST, GREATEST)

    def matches(self, entry: Entry) -> bool:
        """Tell whether an event is found, its time apart."""
        return (
            all(term in entry.terms for term in self.terms)
            and (not self.any_of or any(term in entry.terms for term in self.any_of))
            and all(value in entry.values for value in self.values)
            and self.created[0] <= entry.created <= self.created[1]
            and self.updated[0] <= entry.updated <= self.updated[1]
        )


def search_of(query: Query) -> Search | None:
    """Return what the index is asked for a query; None where no event can match."""
    terms: list[int] = []
    values: list[int] = []
    types = {query.type} - {None}
    date = _bounds(query.date_from, query.date_to)
    name, value = query.fragment_type, query.fragment_value
    if name in MANDATORY:
        # Every event has these, so no list of those that do is kept.
        if value is not None and name == "source":
            return None
        if value is not None and name == "type":
            types.add(value)
        if value is not None and name == "text":
            values.append(value_key(name, value))
        if value is not None and name == "time":
            moment = _moment(value)
            if moment is None:
                return None
            date = max(date[0], moment), min(date[1], moment)
    elif name is not None:
        if value is None:
            terms.append(key("fragment", name))
        else:
            values.append(value_key(name, value))
    terms += [key("type", kind) for kind in types if kind is not None]
    sources = _sources(query)
    if sources is not None and len(sources) == 1:
        terms += [key("source", source) for source in sources]
    search = Search(
        terms=tuple(terms),
        any_of=()
        if sources is None or len(sources) == 1
        else tuple(sorted(key("source", each) for each in sources)),
        values=tuple(values),
        date=date,
        created=_bounds(query.created_from, query.created_to),
        updated=_bounds(query.updated_from, None if query.updated_to is None else query.updated_to - 1),
        asks_what_changes=bool(values or name not in (None, *MANDATORY))
        or not (query.updated_from is query.updated_to is None),
    )
    nothing = any(least > greatest for least, greatest in (search.date, search.created, search.updated))
    return None if nothing or len(types) > 1 or sources == frozenset() else search


def _sources(query: Query) -> frozenset[str] | None:
    """Return the sources of which an event must have one; None where it may have any."""
    if query.source is None:
        return query.sources
    wanted = frozenset([query.source])
    return wanted if query.sources is None else wanted & query.sources


def _bounds(least: int | None, greatest: int | None) -> Bounds:
    return LEAST if least is None else least, GREATEST if greatest is None else greatest


def _moment(text: str) -> int | None:
    """Return the time that an event with this very `time` has."""
    try:
        moment = parse_time(text)
    except ValueError:
        return None
    return moment if format_time(moment) == text else None
