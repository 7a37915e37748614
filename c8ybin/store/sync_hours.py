"""The events of a copy, hour by hour, several at once."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock

from c8ybin import fsio
from c8ybin.domain.errors import Damaged, EventNotFound
from c8ybin.domain.ids import EventId
from c8ybin.domain.steps import Step
from c8ybin.store.event_copy import CopiedEvent, EventCopy
from c8ybin.store.layout import Layout
from c8ybin.store.stamps import Stamp, Times
from c8ybin.store.target import Target

# How many events of later hours are begun before an hour is done.
_AHEAD = 1024


@dataclass(slots=True)
class Synced:
    """What was done.

    Attributes:
        events: How many the copy has.
        changed_events: How many of them were copied, all or in part.
        removed_events: How many were removed from the copy, for they have gone.
        copied_files: How many files were copied, all or in part, and how many bytes of them.
        damaged: The events that were left out.
        quarantined: How many earlier copies of what was left out were set aside.
        others: The managed objects and external IDs that were, by their paths.
        is_complete: Whether the copy is a data directory now.
    """

    events: int = 0
    changed_events: int = 0
    removed_events: int = 0
    copied_files: int = 0
    copied_bytes: int = 0
    damaged: list[EventId] = field(default_factory=list)
    quarantined: int = 0
    others: list[str] = field(default_factory=list)
    is_complete: bool = False


@dataclass(slots=True)
class _Hour:
    """One hour that is being copied."""

    name: str
    known: dict[EventId, Stamp] | None
    stamps: dict[EventId, Stamp]
    under_way: dict[EventId, Future[CopiedEvent | None]] = field(default_factory=dict)


class AtOnce(Executor):
    """Does at once what it is given, in this thread."""

    def submit(self, fn, /, *arguments, **more):  # type: ignore[no-untyped-def]
        """Do it."""
        future: Future[object] = Future()
        try:
            future.set_result(fn(*arguments, **more))
        except Exception as error:
            future.set_exception(error)
        return future


class HoursCopy:
    """Copies the events."""

    def __init__(
        self,
        source: Layout,
        target: Target,
        pool: Executor,
        done: Synced,
        *,
        verify: bool,
        step: Step,
        left_out: Callable[[str, str], None],
    ) -> None:
        self._source = source
        self._target = target
        self._pool = pool
        self._done = done
        self._verify = verify
        self._step = step
        self._left_out = left_out
        self._lock = Lock()
        self._times = Times(source)

    def run(self) -> None:
        """Copy the events that may have changed, and remove those that have gone, durably.

        Raises:
            OSError: One of the directories cannot be read or written.
        """
        hours = [f"{hour.parent.name}/{hour.name}" for hour in self._source.hours()]
        waiting: deque[_Hour] = deque()
        for name in hours:
            if hour := self._begin(name):
                waiting.append(hour)
            while sum(len(each.under_way) for each in waiting) > _AHEAD:
                self._finish(waiting.popleft())
        while waiting:
            self._finish(waiting.popleft())
        self._drop_other_hours(set(hours))

    def _begin(self, name: str) -> _Hour | None:
        """Look which events of an hour may have changed, and begin to copy them; None where none has."""
        hour = _Hour(name, self._target.notes.read(name), dict(self._stamps(name)))
        self._done.events += len(hour.stamps)
        known = hour.known
        unchanged = [n for n, stamp in hour.stamps.items() if stamp and known and known.get(n) == stamp]
        if known is not None and not self._verify and len(unchanged) == len(hour.stamps) == len(known):
            self._step(events=len(unchanged))
            return None
        # Before its first change; where nothing is known of it, that is durable.
        self._target.notes.drop(name)
        self._target.make_hour(self._target.layout.events / name)
        passed = set() if self._verify else set(unchanged)
        self._step(events=len(passed))
        for number in hour.stamps:
            if number not in passed:
                hour.under_way[number] = self._pool.submit(self._event, number)
        return hour

    def _stamps(self, name: str) -> Iterator[tuple[EventId, Stamp]]:
        hour = self._source.events / name
        try:
            with fsio.scanned(hour) as entries:
                for entry in entries:
                    number = self._source.id_in(name, entry.name)
                    if number is not None and entry.is_dir(follow_symlinks=False):
                        yield number, self._times.stamp(entry.stat(follow_symlinks=False))
        except FileNotFoundError:
            return

    def _event(self, number: EventId) -> CopiedEvent | None:
        """Copy an event; return None where there is none, or it is left out."""
        home, place = self._source.event(number), self._target.layout.event(number)

        def count(size: int) -> None:
            with self._lock:
                self._step(bytes=size)

        try:
            return EventCopy(home, place, self._target, self._verify, count).run()
        except EventNotFound:
            return None  # deleted meanwhile
        except Damaged as error:
            with self._lock:
                self._done.damaged.append(number)
                self._left_out(f"event {number}", error.what)
        return None

    def _finish(self, hour: _Hour) -> None:
        """Wait for an hour's events, remove what has gone, and make all of it durable."""
        aside: list[Path | None] = []
        for number, future in hour.under_way.items():
            copied = future.result()
            with self._lock:
                self._step(events=1)
            if copied is None:
                del hour.stamps[number]
                self._done.events -= 1
                continue
            aside.append(copied.aside)
            if copied.is_open:
                hour.stamps[number] = None
            self._done.changed_events += bool(copied.copied_files)
            self._done.copied_files += copied.copied_files
            self._done.copied_bytes += copied.copied_bytes
        place = self._target.layout.events / hour.name
        aside += self._set_aside_from(place, {str(number) for number in hour.stamps})
        self._target.sync_hour(place)
        _remove(aside)
        self._target.notes.write(hour.name, hour.stamps)

    def _set_aside_from(self, place: Path, kept: Iterable[str]) -> list[Path | None]:
        gone = set(fsio.names(place)).difference(kept)
        damaged = gone.intersection(map(str, self._done.damaged))
        for name in sorted(damaged):
            self._target.quarantine(place / name)
        self._done.quarantined += len(damaged)
        self._done.removed_events += len(gone - damaged)
        return [self._target.set_aside(place / name) for name in sorted(gone - damaged)]

    def _drop_other_hours(self, hours: set[str]) -> None:
        for place in self._target.layout.hours():
            name = f"{place.parent.name}/{place.name}"
            if name not in hours:
                self._target.notes.drop(name)
                self._done.removed_events += len(fsio.names(place))
                aside = self._target.set_aside(place)
                self._target.sync_hour(place)
                _remove([aside])


def _remove(aside: Iterable[Path | None]) -> None:
    for path in aside:
        if path:
            fsio.remove_tree(path)
