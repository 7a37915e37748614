"""What a search finds in a view: the part of a list that is asked for, or all of it."""

from collections.abc import Iterable
from dataclasses import dataclass
from heapq import merge
from itertools import islice

from c8ybin.domain.queries import Paging
from c8ybin.index.entry import Place
from c8ybin.index.search import Search
from c8ybin.index.view import Stretch, View


@dataclass(frozen=True, slots=True)
class Window:
    """The part of a list that is asked for.

    Attributes:
        ids: In their order; the events may be gone or changed by the time they are read.
        total: How many match, where that was asked.
    """

    ids: list[int]
    total: int | None


@dataclass(frozen=True, slots=True)
class Usage:
    """How many events there are, and how many bytes their binaries and incomplete uploads take."""

    events: int
    held: int


def find_usage(view: View, search: Search) -> Usage:
    """Tell how much there is of what matches; to be refreshed before.

    Raises:
        Unsound: A section of a column is damaged.
    """
    view.resolve()
    events = held = 0
    for stretch in view.stretches():
        fresh = view.fresh.find(search, stretch.start, stretch.stop)
        events += len(fresh)
        held += sum(view.fresh.entries[event_id].held for _, event_id in fresh)
        if stretch.column:
            rows = stretch.column.find(search)
            hidden = stretch.superseded.intersection(rows) if stretch.superseded else ()
            events += len(rows) - len(hidden)
            held += stretch.column.held(search, rows) - stretch.column.held(None, hidden)
    return Usage(events, held)


def find_window(view: View, search: Search, paging: Paging) -> Window:
    """Find what matches; to be refreshed before.

    Raises:
        Unsound: A section of a column is damaged.
    """
    view.resolve_for(search)
    skip, wanted, total = paging.offset, paging.page_size, 0
    found: list[int] = []
    stretches = list(view.stretches())
    for stretch in stretches if paging.oldest_first else reversed(stretches):
        if len(found) == wanted and not paging.with_total:
            break
        if stretch.start[0] > search.date[1] or stretch.stop[0] < search.date[0]:
            continue
        count, places = _matches(view, stretch, search, newest_first=not paging.oldest_first)
        total += count
        if skip >= count:
            skip -= count
            continue
        found += [event_id for _, event_id in islice(places, skip, skip + wanted - len(found))]
        skip = 0
    return Window(found, total if paging.with_total else None)


def _matches(
    view: View, stretch: Stretch, search: Search, *, newest_first: bool
) -> tuple[int, Iterable[Place]]:
    """Return how many of a stretch match, and their places in order."""
    fresh = view.fresh.find(search, stretch.start, stretch.stop)
    ordered_fresh = reversed(fresh) if newest_first else fresh
    column = stretch.column
    if column is None:
        return len(fresh), ordered_fresh
    rows = column.find(search)
    superseded = stretch.superseded
    if isinstance(rows, range):
        hidden = sum(row in rows for row in superseded)
    else:
        hidden = len(superseded.intersection(rows)) if superseded else 0
    ordered: Iterable[int] = reversed(rows) if newest_first else rows
    if hidden:
        ordered = (row for row in ordered if row not in superseded)
    places: Iterable[Place] = column.places(ordered)
    if fresh:
        places = merge(places, ordered_fresh, reverse=newest_first)
    return len(rows) - hidden + len(fresh), places


def find_ids(view: View, search: Search) -> list[int]:
    """Return the IDs of all that match, oldest first."""
    view.resolve_for(search)
    found: list[int] = []
    for stretch in view.stretches():
        found += [event_id for _, event_id in _matches(view, stretch, search, newest_first=False)[1]]
    return found
