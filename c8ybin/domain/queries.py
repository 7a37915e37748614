"""Which events a list holds, in which order, and which page of it.

Source: Cumulocity OpenAPI 10.15, section Events.
"""

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any
from urllib.parse import parse_qsl, unquote_plus

from c8ybin.domain.errors import Invalid
from c8ybin.domain.filters import parse_filter
from c8ybin.domain.ids import EventId
from c8ybin.domain.times import parse_time

PAGE_SIZE = 5
LARGEST_PAGE = 2000


@dataclass(frozen=True, slots=True)
class Facts:
    """What a query asks of one event; times in milliseconds since 1970.

    `held` is how many bytes its binary and its incomplete upload take.
    """

    id: EventId
    time: int
    created: int
    updated: int
    source: str
    type: str
    fragments: Mapping[str, Any]
    held: int = 0

    @property
    def order(self) -> tuple[int, int]:
        """Where it stands among others: by time, ties by ID."""
        return self.time, self.id


@dataclass(frozen=True, slots=True)
class Query:
    """The filters of a list; None where one was not given. All bounds are inclusive but `updated_to`.

    `sources` are the only ones that exist for who asks.
    """

    source: str | None = None
    type: str | None = None
    fragment_type: str | None = None
    fragment_value: str | None = None
    date_from: int | None = None
    date_to: int | None = None
    created_from: int | None = None
    created_to: int | None = None
    updated_from: int | None = None
    updated_to: int | None = None
    sources: frozenset[str] | None = None

    def matches(self, event: Facts) -> bool:
        """Tell whether an event belongs to the list."""
        return (
            (self.source is None or event.source == self.source)
            and (self.sources is None or event.source in self.sources)
            and (self.type is None or event.type == self.type)
            and _within(event.time, self.date_from, self.date_to)
            and _within(event.created, self.created_from, self.created_to)
            and _within(event.updated, self.updated_from, None)
            and (self.updated_to is None or event.updated < self.updated_to)
            and (self.fragment_type is None or self.fragment_type in event.fragments)
            and (
                self.fragment_value is None
                or event.fragments.get(self.fragment_type or "") == self.fragment_value
            )
        )


def _within(value: int, least: int | None, greatest: int | None) -> bool:
    return (least is None or value >= least) and (greatest is None or value <= greatest)


@dataclass(frozen=True, slots=True)
class Paging:
    """Which page of a list is wanted, and which totals with it."""

    page_size: int = PAGE_SIZE
    current_page: int = 1
    oldest_first: bool = False
    with_total_pages: bool = False
    with_total_elements: bool = False

    @property
    def with_total(self) -> bool:
        """Whether the matches need to be counted."""
        return self.with_total_pages or self.with_total_elements

    @property
    def offset(self) -> int:
        """How many matches stand before the page."""
        return (self.current_page - 1) * self.page_size


def _text(value: str) -> str:
    return value


def _flag(value: str) -> bool:
    if value.lower() not in ("true", "false"):
        raise ValueError("not true or false")
    return value.lower() == "true"


def _positive(value: str) -> int:
    if not re.fullmatch(r"0{0,9}[1-9][0-9]{0,99}", value, re.ASCII):
        raise ValueError("not a whole number from 1")
    return int(value)


def _page_size(value: str) -> int:
    return min(_positive(value), LARGEST_PAGE)


class Kind(Enum):
    """What a value is: how it is read, and how to write it."""

    TEXT = (_text, "text in UTF-8")
    TIME = (parse_time, "an ISO 8601 time, like 2026-11-24T12:00:00.000Z")
    FLAG = (_flag, "true or false")
    COUNT = (_positive, "a whole number from 1")
    PAGE_SIZE = (_page_size, "a whole number from 1")
    FILTER = (parse_filter, "a filter with eq, has, and, or, not, like $filter=(name eq 'pump*')")

    def __init__(self, read: Callable[[str], Any], hint: str) -> None:
        self.read = read
        self.hint = hint


@dataclass(frozen=True, slots=True)
class Parameter:
    """One query parameter, also for the description of the API."""

    name: str
    field: str
    kind: Kind
    meaning: str


FILTERS = tuple(
    Parameter(*row)
    for row in (
        ("source", "source", Kind.TEXT, "Events of this source."),
        ("type", "type", Kind.TEXT, "Events of this type."),
        (
            "fragmentType",
            "fragment_type",
            Kind.TEXT,
            "Events that have this fragment, the server's own two included.",
        ),
        (
            "fragmentValue",
            "fragment_value",
            Kind.TEXT,
            "Events whose fragment `fragmentType` is this string.",
        ),
        ("dateFrom", "date_from", Kind.TIME, "Earliest `time`, inclusive."),
        ("dateTo", "date_to", Kind.TIME, "Latest `time`, inclusive."),
        ("createdFrom", "created_from", Kind.TIME, "Earliest `creationTime`, inclusive."),
        ("createdTo", "created_to", Kind.TIME, "Latest `creationTime`, inclusive."),
        ("lastUpdatedFrom", "updated_from", Kind.TIME, "Earliest `lastUpdated`, inclusive."),
        ("lastUpdatedTo", "updated_to", Kind.TIME, "Latest `lastUpdated`, exclusive."),
    )
)
PAGES = tuple(
    Parameter(*row)
    for row in (
        ("revert", "oldest_first", Kind.FLAG, "Oldest `time` first instead of newest."),
        (
            "pageSize",
            "page_size",
            Kind.PAGE_SIZE,
            f"Entries a page; more than {LARGEST_PAGE} is trimmed to that.",
        ),
        ("currentPage", "current_page", Kind.COUNT, "The page, counted from 1."),
        ("withTotalPages", "with_total_pages", Kind.FLAG, "Count the pages."),
        ("withTotalElements", "with_total_elements", Kind.FLAG, "Count the entries."),
    )
)
# Sources have no children here, so these two change nothing; they need a source all the same (OAS).
RELATED = tuple(
    Parameter(*row)
    for row in (
        ("withSourceAssets", "with_source_assets", Kind.FLAG, "Accepted and without effect; needs `source`."),
        (
            "withSourceDevices",
            "with_source_devices",
            Kind.FLAG,
            "Accepted and without effect; needs `source`.",
        ),
    )
)


def parse_query(query_string: str) -> list[tuple[str, str]]:
    """Split a query string into names and values, in their order.

    Raises:
        Invalid: A name or value is not UTF-8; the message names it.
    """
    pairs: list[tuple[str, str]] = []
    for text in query_string.split("&"):
        try:
            pairs += parse_qsl(text, keep_blank_values=True, errors="strict")
        except ValueError:
            name = unquote_plus(text.partition("=")[0])[:64]
            raise Invalid(f"{name} cannot be read; write text in UTF-8, in percent-encoding.") from None
    return pairs


def read_values(
    pairs: Iterable[tuple[str, str]], known: Collection[Parameter], *, closed: bool
) -> dict[str, Any]:
    """Read parameters into values by their fields.

    Args:
        pairs: Names and values as they came.
        known: What is read.
        closed: Whether an unknown name is refused; else it is passed over.

    Raises:
        Invalid: A parameter cannot be read; the message names it.
    """
    by_name = {parameter.name: parameter for parameter in known}
    values: dict[str, Any] = {}
    seen: dict[str, str] = {}
    for name, value in pairs:
        parameter = by_name.get(name)
        if parameter is None:
            if closed:
                raise Invalid(f"{name[:64]} is not a filter of a deletion; nothing was deleted.")
            continue
        if seen.setdefault(name, value) != value:
            raise Invalid(f"{name} is given twice with different values; give it once.")
        try:
            values[parameter.field] = parameter.kind.read(value)
        except ValueError:
            raise Invalid(f"{name} cannot be read; write {parameter.kind.hint}.") from None
    return values


def _read(pairs: Iterable[tuple[str, str]], known: Collection[Parameter], *, closed: bool) -> dict[str, Any]:
    values = read_values(pairs, known, closed=closed)
    if "fragment_value" in values and "fragment_type" not in values:
        raise Invalid("fragmentValue needs fragmentType.")
    for parameter in RELATED:
        if values.pop(parameter.field, False) and "source" not in values:
            raise Invalid(f"{parameter.name} needs source.")
    return values


def parse_filters(pairs: Iterable[tuple[str, str]]) -> Query:
    """Read the filters of a deletion, where a parameter that is none must not pass unnoticed.

    Raises:
        Invalid: A parameter is unknown or cannot be read; the message names it if it is known.
    """
    return Query(**_read(pairs, FILTERS, closed=True))


def parse_list(pairs: Iterable[tuple[str, str]]) -> tuple[Query, Paging]:
    """Read the filters and the page of a list; unknown parameters are passed over.

    Raises:
        Invalid: A parameter cannot be read; the message names it.
    """
    values = _read(pairs, (*FILTERS, *PAGES, *RELATED), closed=False)
    pages = {p.field for p in PAGES}
    return (
        Query(**{k: v for k, v in values.items() if k not in pages}),
        Paging(**{k: v for k, v in values.items() if k in pages}),
    )
