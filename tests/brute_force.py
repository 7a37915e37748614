"""Lists by brute force: every event is read from the tree, filtered and sorted; and queries at random.

Written apart from the code that it is held against: nothing here asks `Query` or the index.
"""

from dataclasses import dataclass, fields
from random import Random
from typing import Any

from store_tools import Desk

from c8ybin.domain.errors import EventNotFound
from c8ybin.domain.ids import EventId
from c8ybin.domain.queries import Facts, Paging, Query
from c8ybin.store import Page, Usage

SOURCES = ("1001", "1002", "1003")
TYPES = ("test_Event", "test_Alarm", "1001")
TEXTS = ("old", "new", "x")
FRAGMENTS = ("a", "b", "c8y_IsBinary", "c8y_IsIncompleteBinary", "source", "type", "time", "text", "nowhere")
VALUES = ("x", "y", "", "old", "test_Event", "2026-11-24T12:00:00.000Z", "no such")
# Alone, many at one millisecond, next to each other, and at both ends of what a time can be.
TIMES = (
    "0001-01-01T00:00:00.000Z",
    "1969-12-31T23:59:59.999Z",
    "2026-11-24T11:59:59.999Z",
    "2026-11-24T12:00:00.000Z",
    "2026-11-24T12:00:00.000Z",
    "2026-11-24T12:00:00.000Z",
    "2026-11-24T12:00:00.001Z",
    "9999-12-31T23:59:59.999Z",
)


@dataclass(frozen=True)
class Answer:
    """What a list tells; `total` where it was asked for."""

    ids: list[int]
    is_full: bool
    total: int | None


def all_facts(desk: Desk) -> list[Facts]:
    """Read every event of a store."""
    found = []
    for event_id, _ in desk.layout.walk():
        try:
            found.append(desk.store.events.read(event_id).facts)
        except EventNotFound:
            continue
    return found


def listed(desk: Desk, query: Query, paging: Paging) -> Answer:
    """Ask the store for a list."""
    page: Page = desk.store.listing.find(query, paging)
    return Answer([event.id for event in page.events], page.is_full, page.total)


def expected(facts: list[Facts], query: Query, paging: Paging) -> Answer:
    """Tell what a list of these events holds."""
    found = [(event.time, event.id) for event in facts if _belongs(event, query)]
    found.sort(reverse=not paging.oldest_first)
    start = (paging.current_page - 1) * paging.page_size
    page = found[start : start + paging.page_size]
    asked = paging.with_total_pages or paging.with_total_elements
    return Answer([i for _, i in page], len(page) == paging.page_size, len(found) if asked else None)


def _belongs(event: Facts, query: Query) -> bool:
    wanted: list[bool] = [query.sources is None or event.source in query.sources]
    if query.source is not None:
        wanted.append(event.source == query.source)
    if query.type is not None:
        wanted.append(event.type == query.type)
    if query.fragment_type is not None:
        there = query.fragment_type in event.fragments
        held: Any = event.fragments.get(query.fragment_type)
        wanted.append(there and (query.fragment_value is None or held == query.fragment_value))
    for time, least, greatest in (
        (event.time, query.date_from, query.date_to),
        (event.created, query.created_from, query.created_to),
        (event.updated, query.updated_from, None if query.updated_to is None else query.updated_to - 1),
    ):
        wanted += [least is None or time >= least, greatest is None or time <= greatest]
    return all(wanted)


def query_at_random(random: Random, facts: list[Facts]) -> Query:
    """Combine filters: by what some events have, by what is next to that, and by what none has."""
    sample = facts or [Facts(1, 0, 0, 0, "1001", "test_Event", {})]  # type: ignore[arg-type]
    many = random.random() < 0.15

    def chosen(share: float = 0.25) -> bool:
        return random.random() < (0.7 if many else share)

    def moment(of: str) -> int | None:
        if not chosen():
            return None
        return int(getattr(random.choice(sample), of)) + random.choice((-1, 0, 0, 1))

    values: dict[str, Any] = {}
    if chosen():
        values["source"] = random.choice((*SOURCES, "none"))
    if chosen(0.3):
        values["sources"] = frozenset(random.sample((*SOURCES, "none", "0"), random.randint(0, 4)))
    if chosen():
        values["type"] = random.choice((*TYPES, "none"))
    if chosen(0.4):
        values["fragment_type"] = random.choice(FRAGMENTS)
        if chosen(0.4):
            values["fragment_value"] = random.choice(VALUES)
    for name, of in (("date", "time"), ("created", "created"), ("updated", "updated")):
        values[f"{name}_from"], values[f"{name}_to"] = moment(of), moment(of)
    assert values.keys() <= {field.name for field in fields(Query)}
    return Query(**values)


def paging_at_random(random: Random) -> Paging:
    """Choose a page."""
    return Paging(
        page_size=random.choice((1, 2, 3, 5, 2000)),
        current_page=random.choice((1, 1, 1, 2, 3, 10**9)),
        oldest_first=random.random() < 0.5,
        with_total_pages=random.random() < 0.5,
        with_total_elements=random.random() < 0.5,
    )


def bytes_of(desk: Desk, event_id: EventId) -> int:
    """Count the bytes that an event's binary and its upload take, by the files."""
    told = desk.store.events.read(event_id)
    held = sum(span.end - span.start for span in told.upload.spans) if told.upload else 0
    if told.binary:
        held += (desk.layout.event(event_id) / told.binary.content).stat().st_size
    return held


def check_lists(desk: Desk, random: Random, count: int) -> None:
    """Hold so many lists, and the one of all events, against brute force."""
    facts = all_facts(desk)
    sizes = {event.id: bytes_of(desk, event.id) for event in facts}
    questions = [(Query(), Paging(2000, with_total_elements=True))]
    questions += [(query_at_random(random, facts), paging_at_random(random)) for _ in range(count)]
    for query, paging in questions:
        told, wanted = listed(desk, query, paging), expected(facts, query, paging)
        assert told == wanted, (query, paging, told, wanted)
        own = [event.id for event in facts if _belongs(event, query)]
        assert desk.store.listing.usage(query) == Usage(len(own), sum(map(sizes.__getitem__, own))), query
        if paging.page_size == 2000 and paging.current_page == 1:
            everything = expected(facts, query, Paging(10**9)).ids
            assert sorted(desk.store.listing.ids(query)) == sorted(everything), query
