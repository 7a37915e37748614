"""Which events a query finds: by the index, and by a plain walk over the tree where that cannot be used.

An entry whose event is gone or no longer matches by the time it is read is dropped.
"""

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from c8ybin import fsio
from c8ybin.domain.errors import ListUnavailable
from c8ybin.domain.ids import EventId
from c8ybin.domain.queries import Paging, Query
from c8ybin.index import Index, Overview, State, Usage
from c8ybin.store.disk import Disk
from c8ybin.store.event import StoredEvent, read_readable
from c8ybin.store.together import Together
from c8ybin.store.untold import Untold
from c8ybin.store.writer import is_unindexed

log = logging.getLogger(__name__)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a list.

    Attributes:
        events: Those of its events that are still there.
        is_full: Whether as many matched as a page holds, so that another may follow.
        total: The count of all matches, where that was asked.
    """

    events: Sequence[StoredEvent]
    is_full: bool
    total: int | None


class Listing:
    """Finds events."""

    def __init__(self, disk: Disk, untold: Untold) -> None:
        self._disk = disk
        self.untold = untold
        self._together = Together()

    def close(self) -> None:
        """End what reads events at once."""
        self._together.close()

    def find(self, query: Query, paging: Paging) -> Page:
        """Return a page of the events that match: newest `time` first unless the oldest are asked for.

        Raises:
            ListUnavailable: The index is being made anew.
        """
        fsio.may_take_long()
        if window := self._ask(lambda index: index.find(query, paging)):
            return self._page([EventId(i) for i in window.ids], query, paging, window.total)
        matches = [event.facts.order for event in self._walk(query)]
        matches.sort(reverse=not paging.oldest_first)
        wanted = matches[paging.offset : paging.offset + paging.page_size]
        total = len(matches) if paging.with_total else None
        return self._page([EventId(event_id) for _, event_id in wanted], query, paging, total)

    def _ask(self, question: Callable[[Index], T]) -> T | None:
        """Return what the index answers; None where that cannot be used, and the tree is to be walked."""
        if self._is_bypassed():
            return None
        try:
            if self._disk.gate.is_open:
                self.untold.tell_once()
            elif self.untold.is_there():
                return None
            return question(self._disk.index)
        except OSError as error:
            log.error("a list walks the tree, for the index cannot be used: %s", error)
            return None

    def _page(self, wanted: Sequence[EventId], query: Query, paging: Paging, total: int | None) -> Page:
        read = self._together.map(lambda event_id: self._read(event_id, query), wanted)
        return Page([event for event in read if event], len(wanted) == paging.page_size, total)

    def ids(self, query: Query) -> Iterator[EventId]:
        """Yield the IDs of all events that match, in no order; the errors are those of `find`."""
        fsio.may_take_long()
        if query == Query():
            # From the tree and unread, so that also what is damaged can be deleted.
            yield from (event_id for event_id, _ in self._disk.layout.walk())
            return
        found = self._ask(lambda index: index.ids(query))
        if found is None:
            yield from (event.id for event in self._walk(query))
        else:
            yield from (event_id for event_id in map(EventId, found) if self._read(event_id, query))

    def usage(self, query: Query) -> Usage:
        """Return how much there is of what matches; the errors are those of `find`."""
        fsio.may_take_long()
        if found := self._ask(lambda index: index.usage(query)):
            return found
        sizes = [event.facts.held for event in self._walk(query)]
        return Usage(len(sizes), sum(sizes))

    def overview(self, query: Query) -> Overview:
        """Return how much there is of what matches, by day and type; the errors are those of `find`."""
        fsio.may_take_long()
        if known := self._ask(lambda index: index.overview(query)):
            return known
        found = Overview()
        for event in self._walk(query):
            found.add(event.facts)
        return found

    def overview_at_once(self) -> tuple[Overview, State] | None:
        """Return how much there is in all, and the state of the index; None while that is of no use."""
        fsio.may_take_long()
        if self.is_bypassed:
            return None
        try:
            if self._disk.gate.is_open:
                self.untold.tell_once()
            found = self._disk.index.overview(Query(), may_wait=False)
            return found, self._disk.index.state()
        except (ListUnavailable, OSError):
            return None

    @property
    def has_index(self) -> bool:
        """Whether there is an index; a new data directory has one after a moment."""
        return self._disk.index.is_there

    def is_empty(self) -> bool:
        """Tell whether there is no event at all."""
        return next(self.ids(Query()), None) is None

    @property
    def is_bypassed(self) -> bool:
        """Whether lists walk the tree, because the index lacks changes that could not be written."""
        return self._is_bypassed()

    def _is_bypassed(self) -> bool:
        return self._disk.index.is_behind or is_unindexed(self._disk.layout.tmp)

    def _walk(self, query: Query) -> Iterator[StoredEvent]:
        for event_id, _ in self._disk.layout.walk():
            if event := self._read(event_id, query):
                yield event

    def _read(self, event_id: EventId, query: Query) -> StoredEvent | None:
        event = read_readable(event_id, self._disk.layout.event(event_id))
        return event if event and query.matches(event.facts) else None
