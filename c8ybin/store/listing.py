"""Which events a query finds: by a plain walk over the tree.

The index will take this place; what it is asked stays the same. An entry whose event
is gone or no longer matches by the time it is read is dropped.
"""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from c8ybin.domain.errors import Damaged, EventNotFound, is_of_one_file
from c8ybin.domain.ids import EventId
from c8ybin.domain.queries import Paging, Query
from c8ybin.store.disk import Disk
from c8ybin.store.event import StoredEvent, read_event

log = logging.getLogger(__name__)


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

    def __init__(self, disk: Disk) -> None:
        self._disk = disk

    def find(self, query: Query, paging: Paging) -> Page:
        """Return a page of the events that match: newest `time` first unless the oldest are asked for."""
        matches = [event.facts.order for event in self._matching(query)]
        matches.sort(reverse=not paging.oldest_first)
        wanted = matches[paging.offset : paging.offset + paging.page_size]
        events = [event for _, event_id in wanted if (event := self._read(EventId(event_id), query))]
        return Page(events, len(wanted) == paging.page_size, len(matches) if paging.with_total else None)

    def ids(self, query: Query) -> Iterator[EventId]:
        """Yield the IDs of all events that match, in no order."""
        if query == Query():
            # Unread, so that also what is damaged can be deleted.
            yield from (event_id for event_id, _ in self._disk.layout.walk())
            return
        for event in self._matching(query):
            yield event.id

    def is_empty(self) -> bool:
        """Tell whether there is no event at all."""
        return next(self.ids(Query()), None) is None

    def _matching(self, query: Query) -> Iterator[StoredEvent]:
        for event_id, _ in self._disk.layout.walk():
            if event := self._read(event_id, query):
                yield event

    def _read(self, event_id: EventId, query: Query) -> StoredEvent | None:
        try:
            event = read_event(event_id, self._disk.layout.event(event_id))
        except EventNotFound:
            return None
        except (Damaged, OSError) as error:
            # One event that cannot be read does not take the others out of the list.
            if isinstance(error, OSError) and not is_of_one_file(error):
                raise
            log.error("left out of a list: event %s: %s", event_id, getattr(error, "what", error))
            return None
        return event if query.matches(event.facts) else None
