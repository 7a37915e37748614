"""What is not in the columns yet: events of which the logs tell, in memory, sorted by all that finds them."""

from bisect import bisect_left, insort
from collections.abc import Sequence
from itertools import chain

from c8ybin.index.entry import Entry, Place
from c8ybin.index.search import LEAST, Search

# Before all, and after all.
FIRST: Place = (LEAST, LEAST)
LAST: Place = (2**64, 0)


class Fresh:
    """Some thousand events."""

    def __init__(self) -> None:
        self.entries: dict[int, Entry] = {}
        self._order: list[Place] = []
        self._by_key: dict[int, list[Place]] = {}

    def add(self, entry: Entry) -> None:
        """Put an event in, in the place of what was known of it."""
        self.remove(entry.id)
        self.entries[entry.id] = entry
        insort(self._order, entry.place)
        for wanted in (*entry.terms, *entry.values):
            insort(self._by_key.setdefault(wanted, []), entry.place)

    def remove(self, event_id: int) -> Entry | None:
        """Take an event out, and return it if it was here."""
        entry = self.entries.pop(event_id, None)
        if entry:
            del self._order[bisect_left(self._order, entry.place)]
            for wanted in (*entry.terms, *entry.values):
                places = self._by_key[wanted]
                del places[bisect_left(places, entry.place)]
                if not places:
                    del self._by_key[wanted]
        return entry

    def find(self, search: Search, start: Place, stop: Place) -> Sequence[Place]:
        """Return the places from `start` and before `stop` of what matches, ascending."""
        lists: list[Sequence[Place]] = [
            self._by_key.get(wanted, ()) for wanted in (*search.terms, *search.values)
        ]
        if search.any_of:
            having = (self._by_key.get(wanted, ()) for wanted in search.any_of)
            lists.append(sorted(chain.from_iterable(having)))
        places: Sequence[Place] = min(lists, key=len, default=self._order)
        least = max(start, (search.date[0], LEAST))
        end = min(stop, (search.date[1] + 1, LEAST))
        places = places[bisect_left(places, least) : bisect_left(places, end)]
        if len(lists) <= 1 and not search.has_time_bounds:
            return places
        return [place for place in places if search.matches(self.entries[place[1]])]

    def between(self, start: Place, stop: Place) -> list[Entry]:
        """Return what stands from `start` and before `stop`, in order."""
        places = self._order[bisect_left(self._order, start) : bisect_left(self._order, stop)]
        return [self.entries[event_id] for _, event_id in places]
