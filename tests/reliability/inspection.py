"""What clients see of the events of a data directory, and what must hold of it after a cut."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from indexing import fold
from store_tools import Desk

from c8ybin.domain.errors import BinaryNotFound, EventNotFound, Refusal
from c8ybin.domain.events import IS_BINARY, IS_INCOMPLETE
from c8ybin.domain.inventory import ObjectQuery
from c8ybin.domain.queries import Paging, Query
from c8ybin.index import Unsound
from c8ybin.index.search import search_of
from c8ybin.index.window import Window, find_window
from c8ybin.store import Check

State = tuple[Any, ...]


class Lost(AssertionError):
    """What was left is neither the old nor the new, or it is not clean."""


@dataclass(frozen=True, order=True)
class SeenEvent:
    """What clients see of an event: its text, its binary's bytes, its upload's range and bytes."""

    text: str
    data: bytes | None
    upload: str | None
    arrived: tuple[bytes, ...]


def newest(desk: Desk) -> int | None:
    return max((event_id for event_id, _ in desk.layout.walk()), default=None)


def see_events(desk: Desk) -> State:
    found = []
    for event_id, home in desk.layout.walk():
        try:
            event = desk.store.events.read(event_id)
        except EventNotFound:
            continue
        try:
            data = desk.get(event_id)
        except BinaryNotFound:
            data = None
        if (data is None) != (event.binary is None):
            raise Lost("the event and its binary contradict each other")
        upload, arrived = None, []
        if event.upload:
            upload = str(event.upload)
            content = (home / event.upload.content).read_bytes()
            arrived = [content[span.start : span.end] for span in event.upload.spans]
        found.append(SeenEvent(event.file.document["text"], data, upload, tuple(arrived)))
    return tuple(sorted(found, key=repr))


@dataclass(frozen=True, order=True)
class SeenObject:
    """What clients see of a managed object: its name as its text, and its external IDs."""

    text: str
    external_ids: tuple[str, ...]


def newest_object(desk: Desk) -> int | None:
    return max((object_id for object_id, _ in desk.layout.walk_objects()), default=None)


def see_inventory(desk: Desk) -> State:
    found = []
    for thing in desk.store.inventory.find(ObjectQuery(), Paging(page_size=100)).objects:
        named = desk.store.identities.of(thing.id)
        if any(desk.store.identities.find(each) != thing.id for each in named):
            raise Lost("an external ID names another object than the one that has it")
        found.append(SeenObject(thing.document["name"], tuple(each.value for each in named)))
    return tuple(sorted(found))


def inspect_events(
    desk: Desk,
    allowed: Iterable[State],
    see: Callable[[Desk], State] = see_events,
    *,
    has_index: bool = True,
) -> None:
    """Look at what is there, sweep, look again: no trace of the dead, and nothing comes or goes by that.

    Lists are right at once, after the sweep, and when all of it is in columns; an index that was there durably
    is not made anew for that.
    """
    try:
        first = see(desk)
        if first not in allowed:
            raise Lost(f"a third state: {first}")
        lists = Lists(desk, has_index=has_index)
        lists.compare(desk, "at once")
        desk.sweep()
        if see(desk) != first:
            raise Lost("the sweep changed what is seen")
        lists.compare(desk, "after the sweep")
        fold(desk)
        lists.compare(desk, "when folded")
    except (Refusal, OSError, Unsound) as error:
        raise Lost(f"a third state: {error!r} {getattr(error, 'what', '')}") from error
    assert_clean(desk)


def inspect_lists(desk: Desk) -> None:
    """Demand that lists are right at once."""
    try:
        Lists(desk, has_index=True).compare(desk, "at once")
    except (Refusal, OSError, Unsound) as error:
        raise Lost(f"no lists: {error!r}") from error


def assert_clean(desk: Desk) -> None:
    """Demand that a check of the whole data directory finds nothing; a first start makes few locks here."""
    check = Check(desk.layout)
    if found := [f for f in check.run() if f.path.parent != desk.layout.locks]:
        raise Lost(f"not clean: {' '.join(f'{f.path.name}: {f.kind}: {f.what}' for f in found)}")
    if check.undigested:
        raise Lost("a digest is missing")


class Lists:
    """What some lists are to hold, by a walk over the tree; with their totals."""

    def __init__(self, desk: Desk, *, has_index: bool) -> None:
        if not has_index:
            desk.store.listing.find(Query(), Paging())
        there = [event.facts for event in desk.store.listing._walk(Query())]
        there.sort(key=lambda facts: facts.order, reverse=True)
        latest = max((facts.updated for facts in there), default=0)
        queries = [Query(), Query(type="test_Event"), Query(updated_from=latest)]
        queries += [Query(fragment_type=IS_BINARY), Query(fragment_type=IS_INCOMPLETE)]
        ids = [[facts.id for facts in there if query.matches(facts)] for query in queries]
        self._wanted = [Window(found, len(found)) for found in ids]
        self._searches = [search_of(query) for query in queries]

    def compare(self, desk: Desk, when: str) -> None:
        """Ask the index for all of them; what it gives is to be right before anything is read and dropped."""
        desk.store.listing.untold.tell_once()
        paging = Paging(page_size=100, with_total_elements=True)
        found = desk.disk.index._answer(
            lambda view: [find_window(view, search, paging) for search in self._searches]
        )
        if desk.store.listing._is_bypassed():
            raise Lost(f"{when}, lists walk the tree")
        if found != self._wanted:
            raise Lost(f"{when}, the lists have {found}, not {self._wanted}")


def compare_lists(root: Path) -> None:
    """Open a data directory, as servers have left it or use it at rest, and hold its lists against the tree."""
    with Desk(root) as desk:
        Lists(desk, has_index=False).compare(desk, "for one process more")
