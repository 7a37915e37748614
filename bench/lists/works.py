"""What is asked of a data directory, so that as many events come back whatever its size, and what it may cost."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from urllib.parse import urlencode

from bench.fleet import KINDS, LEAST_EVENTS, RARE_EVENTS, RARE_FRAGMENT, RARE_TYPE, Fleet

PAGE_SIZES = (5, 100)
# So many sources take turns, so that no answer is always the last one again.
_SOURCES = 50
_FAR_PAGE = 100
# What each filter finds at the least, of a thousand events or of a source's thousand.
_FOUND = 0.1

Parameters = dict[str, str]
Asks = Callable[[Fleet], list[Parameters]]


@dataclass(frozen=True)
class Limit:
    """What a work may cost.

    Attributes:
        ratio: Most that the median at the most events may be of that at the fewest; None where it decides nothing.
        ms: Most that the median at the most events may be.
    """

    ratio: float | None = None
    ms: float | None = None

    def __str__(self) -> str:
        return f"≤ {self.ratio:g}×" if self.ratio else f"≤ {self.ms:g} ms" if self.ms else ""


@dataclass(frozen=True)
class Work:
    """One kind of request: its name as in `--only`, its title as in the table, and what it may cost."""

    name: str
    title: str
    limit: Limit

    def fits(self, _: int) -> bool:
        """Tell whether so many events are enough for it."""
        return True


@dataclass(frozen=True)
class List(Work):
    """A page of a list.

    Attributes:
        asks: The filters that are asked of a fleet, in turn.
        page_size: How many events make a page.
        finds: How many events there are to be found, whatever the number of all; None for a share of all.
        share: That share, at the least.
        page: Which page.
        totals: Whether the pages are counted.
    """

    asks: Asks = lambda _: [{}]
    page_size: int = 0
    finds: int | None = None
    share: float = 1.0
    page: int = 1
    totals: bool = False

    @property
    def expected(self) -> int:
        """How many events come back."""
        return min(self.page_size, self.finds or self.page_size)

    def fits(self, events: int) -> bool:
        """Tell whether so many events are enough to fill the page."""
        return events >= LEAST_EVENTS if self.finds else events * self.share >= self.page * self.page_size

    def paths(self, fleet: Fleet) -> list[str]:
        """Return the requests."""
        paging = {"pageSize": str(self.page_size)}
        if self.page > 1:
            paging["currentPage"] = str(self.page)
        if self.totals:
            paging["withTotalPages"] = "true"
        return [f"/event/events?{urlencode(asked | paging)}" for asked in self.asks(fleet)]


def _always(asked: Parameters) -> Asks:
    return lambda _: [asked]


def _by_source(more: Parameters) -> Asks:
    def asks(fleet: Fleet) -> list[Parameters]:
        count = min(fleet.devices, _SOURCES)
        return [{"source": fleet.device(n * fleet.devices // count)} | more for n in range(count)]

    return asks


_FIRST, _FEW, _ANY = Limit(ratio=1.5), Limit(ratio=5), Limit()
_TYPE: Parameters = {"type": KINDS[0].name}
_FRAGMENT: Parameters = {"fragmentType": "c8y_Position"}
# Ten months: of a thousand events by two devices they hold a hundred of a device and a type.
_NARROW: Parameters = _TYPE | {"dateFrom": "2026-01-24", "dateTo": "2026-11-20"}

_LISTS = (
    List("newest", "newest first, no filter", _FIRST),
    List("oldest", "oldest first, no filter", _FIRST, _always({"revert": "true"})),
    List("source", "by source", _FIRST, _by_source({}), share=_FOUND),
    List("type", "by type", _FIRST, _always(_TYPE), share=_FOUND),
    List("narrow", "by source, type and dates", _FIRST, _by_source(_NARROW), share=_FOUND),
    List("fragment", "by fragment", _FIRST, _always(_FRAGMENT), share=_FOUND),
    List(
        "rare-type",
        f"by a type of {RARE_EVENTS} events",
        _FEW,
        _always({"type": RARE_TYPE}),
        finds=RARE_EVENTS,
    ),
    List(
        "rare-fragment",
        f"by a fragment of {RARE_EVENTS} events",
        _FEW,
        _always({"fragmentType": RARE_FRAGMENT}),
        finds=RARE_EVENTS,
    ),
    List("page", f"page {_FAR_PAGE}, no filter", _ANY, page=_FAR_PAGE),
    List("total", "with how many pages, no filter", _ANY, totals=True),
    List(
        "total-type", "with how many pages, by type", Limit(ms=100), _always(_TYPE), share=_FOUND, totals=True
    ),
)
LISTS = tuple(
    replace(found, name=f"{found.name}-{size}", page_size=size) for size in PAGE_SIZES for found in _LISTS
)

_FLAT = Limit(ratio=1.2)
CREATE = Work("create", "create an event", _FLAT)
ATTACH = Work("attach", "attach 1 KiB", _FLAT)
GET = Work("get", "get an event by ID", _FLAT)
DELETE = Work("delete", "delete 5 events by source and type", _ANY)
WORKS: tuple[Work, ...] = (*LISTS, CREATE, ATTACH, GET, DELETE)
