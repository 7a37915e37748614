"""One process's view of the index: the columns of the manifest, and what the logs tell since.

Lines of one log count in their order; between logs there is no order. So a line either tells
for good what is so (born, gone), or that the event may have changed (`doubtful`): such an
event is read from the tree when somebody asks for what may have changed. Only the one way
that nearly all go, an event that is born and then gets its binary, is followed by the lines
alone; anything else that happens to it as well makes it doubtful.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from errno import ENOENT
from pathlib import Path
from typing import Any

from c8ybin.index.cache import Cache
from c8ybin.index.column import Column
from c8ybin.index.damage import Unsound
from c8ybin.index.entry import Entry, Place, entry_of_record
from c8ybin.index.fresh import FIRST, LAST, Fresh
from c8ybin.index.log import log_names, read_lines
from c8ybin.index.manifest import COLUMNS, Manifest, Stamp, give_up, read_manifest, stamp
from c8ybin.index.search import Search

# Reads an event: its entry; None where it is gone or cannot be read.
Look = Callable[[int], Entry | None]
# Tells whether an event is there, readable or not.
IsThere = Callable[[int], bool]


@dataclass(frozen=True, slots=True)
class Stretch:
    """The events from one column's first place to the next one's, wherever they are told of."""

    column: Column | None
    superseded: frozenset[int] | set[int]
    start: Place
    stop: Place


class View:
    """For one thread at a time."""

    def __init__(self, folder: Path, look: Look, is_there: IsThere) -> None:
        self._folder = folder
        self._look = look
        self._is_there = is_there
        self._cache = Cache()
        self._stamp: Stamp | None = None
        self._columns: list[Column] = []
        self._superseded: dict[str, set[int]] = {}
        self._newest = 0
        self.manifest = Manifest()
        self.fresh = Fresh()
        self.logs: dict[str, int] = {}
        self.doubtful: set[int] = set()
        # Of these, the ones that may be in no column and in no line: every list reads them.
        self._unread: set[int] = set()
        self._gone: set[int] = set()
        # Of which no line but that of their birth is known.
        self._pristine: set[int] = set()

    def close(self) -> None:
        """Let the columns go."""
        for column in self._columns:
            column.close()
        self._columns = []
        self._stamp = None

    def refresh(self) -> None:
        """Take in what the logs tell by now, and the manifest if it is another.

        Raises:
            Unsound: A file of the index is missing or damaged.
            OSError: One cannot be read.
        """
        while True:
            present = stamp(self._folder)
            try:
                if present is None or present != self._stamp:
                    self._load(present)
                self._read_logs()
            except FileNotFoundError as error:
                # A log or a column that was folded meanwhile; then there is another manifest.
                self._stamp = None
                if present == stamp(self._folder):
                    raise self._lost(f"{error.filename}: missing") from None
                continue
            if present == stamp(self._folder):
                return

    def _load(self, present: Stamp | None) -> None:
        manifest = read_manifest(self._folder)
        kept = {column.summary: column for column in self._columns}
        columns: list[Column] = []
        try:
            for summary in manifest.columns:
                path = self._folder / COLUMNS / summary.name
                columns.append(kept.pop(summary) if summary in kept else Column(path, summary, self._cache))
        except BaseException:
            self._columns = [*columns, *kept.values()]
            self.close()
            raise
        for column in kept.values():
            column.close()
        self._columns = columns
        self._superseded = {summary.name: set() for summary in manifest.columns}
        self._newest = max((summary.ids[1] for summary in manifest.columns), default=0)
        self.manifest = manifest
        self.fresh = Fresh()
        self.logs = dict(manifest.logs)
        self.doubtful = set(manifest.doubtful)
        self._unread = set(manifest.doubtful)
        self._gone = set()
        self._pristine = set()
        self._stamp = present

    def _read_logs(self) -> None:
        names = log_names(self._folder)
        for name, end in self.logs.items():
            if name not in names and end > self.manifest.logs.get(name, 0):
                raise FileNotFoundError(ENOENT, "missing", str(self._folder / name))
        for name in sorted(names):
            start = self.logs.get(name, 0)
            try:
                records, end = read_lines(self._folder / name, start)
            except FileNotFoundError:
                if self.manifest.logs.get(name) == start:
                    continue  # all of it is folded, for which it was just removed
                raise
            # What is folded by now a power cut may take.
            if end < start and start > self.manifest.logs.get(name, 0):
                raise self._lost(f"{self._folder / name}: shorter than it was")
            for record in records:
                self._take(record)
            self.logs[name] = end

    def _lost(self, what: str) -> Unsound:
        """Give the index up where only this view knows that it lacks something, and may forget that."""
        give_up(self._folder)
        return Unsound(what)

    @property
    def written_s(self) -> float:
        """When the manifest was written, in seconds since 1970; 0 where none was read."""
        return self._stamp[2] / 1e9 if self._stamp else 0.0

    @property
    def fresh_lines(self) -> int:
        """About how many lines are not folded."""
        return len(self.fresh.entries) + len(self.doubtful) + len(self._gone)

    def _take(self, record: Mapping[str, Any]) -> None:
        try:
            if "born" in record:
                self._born(entry_of_record(record))
            elif "attached" in record:
                self._attached(record["attached"], record["time"], record["length"])
            elif "touched" in record:
                self._doubt(record["touched"])
            elif "unread" in record:
                self._doubt(record["unread"])
                self._unread = self.doubtful & {*self._unread, record["unread"]}
            else:
                self._went(record["gone"], record["time"])
        except (KeyError, TypeError):
            raise Unsound(f"{self._folder}: a log tells what this version does not know") from None

    def _born(self, entry: Entry) -> None:
        if entry.id in self._gone:
            # Of another log, after which it was deleted; or its number was given again.
            if self._look(entry.id) is None:
                return
            self._gone.discard(entry.id)
            self._doubt(entry.id)
        if entry.id in self.fresh.entries or self._supersede(entry.id, entry.time):
            # It was found before its line was: by whom, and how it was then, nobody knows.
            self._doubt(entry.id)
        elif entry.id not in self.doubtful:
            self._pristine.add(entry.id)
        self.fresh.add(entry)

    def _attached(self, event_id: int, time: int, length: int) -> None:
        if event_id in self._pristine:
            self._pristine.discard(event_id)
            self.fresh.add(self.fresh.entries[event_id].with_binary(time, length))
        else:
            self._doubt(event_id)

    def _doubt(self, event_id: int) -> None:
        self._pristine.discard(event_id)
        if event_id not in self._gone:
            self.doubtful.add(event_id)

    def _went(self, event_id: int, time: int | None) -> None:
        if event_id in self.fresh.entries and self._look(event_id) is not None:
            # Its number was given again, which this line is older than.
            self._doubt(event_id)
            return
        self._gone.add(event_id)
        self._pristine.discard(event_id)
        self.doubtful.discard(event_id)
        self._unread.discard(event_id)
        known = self.fresh.remove(event_id)
        self._supersede(event_id, known.time if known else time)

    def _supersede(self, event_id: int, time: int | None) -> bool:
        """Let what the columns tell of an event no longer count; return whether they tell of it."""
        if event_id > self._newest:
            return False
        for column in self._columns:
            summary = column.summary
            if time is None:
                row = column.row_of_id(event_id)
            elif summary.first <= (time, event_id) <= summary.last:
                row = column.row((time, event_id))
            else:
                continue
            if row is not None:
                self._superseded[summary.name].add(row)
                return True
        return False

    def resolve_for(self, search: Search) -> None:
        """Read the events that may have changed, where that matters to a search."""
        if search.asks_what_changes or self._unread:
            self.resolve()

    def resolve(self) -> None:
        """Read the events that may have changed."""
        for event_id in sorted(self.doubtful):
            entry = self._look(event_id)
            if entry is not None:
                self._supersede(event_id, entry.time)
                self.fresh.add(entry)
                self.doubtful.discard(event_id)
                self._unread.discard(event_id)
            elif not self._is_there(event_id):
                self._went(event_id, None)

    def stretches(self) -> Iterator[Stretch]:
        """Yield all stretches, the earliest first; there is always one."""
        firsts = [FIRST, *(column.summary.first for column in self._columns[1:]), LAST]
        if not self._columns:
            yield Stretch(None, set(), FIRST, LAST)
        for number, column in enumerate(self._columns):
            yield Stretch(column, self._superseded[column.summary.name], firsts[number], firsts[number + 1])

    def known_between(self, least: int, end: int) -> set[int]:
        """Return the IDs, from `least` and below `end`, of all events that are known."""
        known = {event_id for event_id in self.fresh.entries if least <= event_id < end}
        for column in self._columns:
            superseded = self._superseded[column.summary.name]
            known.update(i for i, row in column.ids_between(least, end) if row not in superseded)
        return known
