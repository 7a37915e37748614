"""The index of one data directory, as one process reads it and adds to it."""

import errno
import logging
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import TypeVar

from c8ybin import fsio
from c8ybin.domain.errors import ListUnavailable, is_of_one_file
from c8ybin.domain.ids import EventId
from c8ybin.domain.queries import Facts, Paging, Query
from c8ybin.index.damage import Missing, Unsound
from c8ybin.index.entry import Entry, born_line, entry_of
from c8ybin.index.folding import fold, rebuild
from c8ybin.index.log import (
    LogWriter,
    attached_line,
    cut_off_damage,
    gone_line,
    log_names,
    touched_line,
    unread_line,
)
from c8ybin.index.manifest import Stamp, give_up, stamp
from c8ybin.index.overview import Overview, TypeNames, find_overview
from c8ybin.index.patience import awaited, begun
from c8ybin.index.search import search_of
from c8ybin.index.view import View
from c8ybin.index.window import Usage, Window, find_ids, find_usage, find_window

log = logging.getLogger(__name__)

# So many lines are kept in memory before they are folded into columns.
FOLD_AT = 4096
_MOST_TRIES = 4

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class State:
    """What an index consists of.

    Attributes:
        columns: How many.
        logs: How many.
        lines: About how many of their lines are in no column yet.
        written_s: When the manifest was written, in seconds since 1970.
    """

    columns: int
    logs: int
    lines: int
    written_s: float


class Index:
    """What lists are made of; may be used by several threads."""

    def __init__(
        self,
        folder: Path,
        writer: str,
        scratch: Path,
        *,
        read: Callable[[EventId], Facts | None],
        is_there: Callable[[EventId], bool],
        read_all: Callable[[], Iterable[Facts]],
        is_writing: Callable[[str], bool],
        tell_behind: Callable[[bool], None],
        hold: Callable[[], AbstractContextManager[None]],
        may_write: Callable[[], bool] = lambda: True,
        patience_s: float | None = None,
    ) -> None:
        """Use the index in a folder.

        Args:
            folder: Where it is; made when something is written.
            writer: The name of this process.
            scratch: A path that begins names of files which nobody else uses; manifests come into place from there.
            read: Returns what an event is like now; None where it is gone or cannot be read.
            is_there: Tells whether there is such an event, readable or not.
            read_all: The same as `read` of all events.
            is_writing: Tells whether a process of this name may still add lines.
            tell_behind: As for `LogWriter`.
            hold: Holds the lock of the index during a block; TimeoutError says that it was not to be had.
            may_write: Tells whether the index may be folded and made anew now.
            patience_s: How long an answer may take, where the file system may keep a file from all readers for
                minutes; None for as long as it takes.
        """
        self._folder = folder
        self._scratch = scratch
        self._read = read
        self._is_there = is_there
        self._read_all = read_all
        self._is_writing = is_writing
        self._hold = hold
        self._may_write = may_write
        self._patience_s = patience_s
        self._log = LogWriter(folder, writer, tell_behind)
        self._view = View(folder, self._look, self._exists)
        self._type_names = TypeNames(lambda event_id: self._read(EventId(event_id)))
        self._guard = Lock()
        self._folded_at = 0
        self._unsound: Stamp | None = None
        # Does in another thread what takes long, and waits for it a while; see `Keeper`.
        self.mend_elsewhere: Callable[..., None] | None = None
        self.wake_keeper: Callable[[], None] = lambda: None

    def _look(self, event_id: int) -> Entry | None:
        facts = self._read(EventId(event_id))
        return None if facts is None else entry_of(facts)

    def _exists(self, event_id: int) -> bool:
        return self._is_there(EventId(event_id))

    def born(self, facts: Facts) -> None:
        """Tell of a new event."""
        self._append(born_line(facts))

    def attached(self, event_id: EventId, time: int, length: int) -> None:
        """Tell that an event got a binary where none stood."""
        self._append(attached_line(event_id, time, length))

    def touched(self, event_id: EventId) -> None:
        """Tell that an event, its binary or its upload was changed, or may have been."""
        self._append(touched_line(event_id))

    def unread(self, event_id: EventId) -> None:
        """Tell of an event that is there and could not be read: every list tries it again."""
        self._append(unread_line(event_id))

    def gone(self, event_id: EventId, time: int | None) -> None:
        """Tell that an event was deleted, whose `time` was this if it is known."""
        self._append(gone_line(event_id, time))

    def _append(self, line: bytes) -> None:
        self._log.append(line)
        if self.wants_folding:
            self.wake_keeper()

    @property
    def wants_folding(self) -> bool:
        """Whether this process has added many lines since it last saw to the folding."""
        return self._log.lines - self._folded_at >= FOLD_AT

    @property
    def is_behind(self) -> bool:
        """Whether a change of this process is in no log, because that could not be written."""
        self._log.flush()
        return self._log.is_behind

    def sync(self) -> bool:
        """Make durable what this process told; return whether that is all of it.

        Raises:
            OSError: It is not durable.
        """
        return self._log.sync()

    def cut_off_damage(self, writer: str) -> None:
        """Cut the logs of a process that is dead where a power cut has damaged them; the lock is held.

        What they told after that is found by the hours that the process noted.

        Raises:
            OSError: They cannot be read or written.
        """
        for name, of in log_names(self._folder).items():
            if of == writer:
                with suppress(FileNotFoundError):  # folded meanwhile
                    cut_off_damage(self._folder / name)

    def sync_of(self, writer: str) -> None:
        """Make durable what a process told that is dead by now.

        Raises:
            OSError: It is not durable.
        """
        for name, of in log_names(self._folder).items():
            if of == writer:
                with suppress(FileNotFoundError):  # folded meanwhile
                    fsio.sync_file(self._folder / name)

    def find(self, query: Query, paging: Paging) -> Window:
        """Return the part of a list that is asked for.

        Raises:
            ListUnavailable: The index is being made anew, which takes longer than may be waited for.
            OSError: A file of it cannot be read.
        """
        search = search_of(query)
        if search is None:
            return Window([], 0 if paging.with_total else None)
        return self._ask(lambda view: find_window(view, search, paging))

    def ids(self, query: Query) -> list[int]:
        """Return the IDs of all that match, oldest first; the errors are those of `find`."""
        search = search_of(query)
        return [] if search is None else self._ask(lambda view: find_ids(view, search))

    def usage(self, query: Query) -> Usage:
        """Return how much there is of what matches; the errors are those of `find`."""
        search = search_of(query)
        return Usage(0, 0) if search is None else self._ask(lambda view: find_usage(view, search))

    def overview(self, query: Query, *, may_wait: bool = True) -> Overview:
        """Return how much there is of what matches, by day and type; the errors are those of `find`.

        Where it `may_wait`, an index that is being made anew is waited for.
        """
        search = search_of(query)
        if search is None:
            return Overview()
        return self._ask(lambda view: find_overview(view, search, self._type_names), may_wait=may_wait)

    def state(self) -> State:
        """Return how much the index consists of, as it was read last.

        Raises:
            ListUnavailable: It is being read, for long.
        """
        with self._guarded(self._patience_s):
            view = self._view
            return State(len(view.manifest.columns), len(view.logs), view.fresh_lines, view.written_s)

    @property
    def is_there(self) -> bool:
        """Whether there is one, of use or not."""
        return stamp(self._folder) is not None

    def known_between(self, least: int, end: int) -> set[int]:
        """Return the IDs from `least` and below `end` of all events that it knows; the lock is held.

        Raises:
            Unsound: It is made anew by whoever lists next.
            OSError: A file of it cannot be read.
        """
        try:
            return self._answered(lambda view: view.known_between(least, end))
        except Unsound:
            # A list may never come to what is damaged, and so would not have it made anew.
            give_up(self._folder)
            raise

    def give_up(self) -> None:
        """Have it made anew by whoever next needs it, durably.

        Raises:
            OSError: It cannot be written.
        """
        give_up(self._folder)

    def _ask(self, question: Callable[[View], T], *, may_wait: bool = True) -> T:
        for _ in range(_MOST_TRIES):
            try:
                return self._answer(question)
            except Unsound as unsound:
                _tell(unsound)
            if not self._may_write():
                raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(self._folder))
            if may_wait or not self.mend_elsewhere:
                (self.mend_elsewhere or self.mend)()
            else:
                self.mend_elsewhere(0.0)
        raise ListUnavailable

    def _answer(self, question: Callable[[View], T]) -> T:
        if self._patience_s is None:
            return self._answered(question)
        return awaited(begun(lambda: self._answered(question, self._patience_s)), self._patience_s)

    def _answered(self, question: Callable[[View], T], patience_s: float | None = None) -> T:
        with self._guarded(patience_s):
            try:
                self._view.refresh()
                return question(self._view)
            except (Unsound, OSError) as error:
                self._unsound = stamp(self._folder)
                self._view.close()
                if isinstance(error, OSError) and is_of_one_file(error):
                    raise Unsound(str(error)) from None
                raise

    def mend(self) -> None:
        """Make the index anew where it was found to be unsound and nobody else has done so.

        Raises:
            ListUnavailable: Somebody else is about it.
            OSError: It cannot be written.
        """
        with self.locked():
            if stamp(self._folder) == self._unsound:
                rebuild(self._folder, map(entry_of, self._read_all()), self._scratch, self._is_writing)

    def reindex(self, events: Iterable[Entry]) -> None:
        """Make the index anew from all events, which are read meanwhile; the old one serves until that is done.

        Raises:
            ListUnavailable: Somebody else is about it.
            OSError: It cannot be written.
        """
        with self.locked():
            rebuild(self._folder, events, self._scratch, self._is_writing)

    def fold(self) -> bool:
        """Fold what the logs tell into the columns, where that is worth it; return whether it was.

        Raises:
            ListUnavailable: Somebody else is about it.
            Unsound: The index must be made anew.
            OSError: It cannot be written.
        """
        if not self._may_write():
            return False
        self._folded_at = self._log.lines
        self._log.flush()
        with self.locked():
            try:
                with self._guard:
                    # A log that has gone with lines in it shows only to who has read them.
                    self._view.refresh()
                    known = dict(self._view.logs)
                return fold(
                    self._folder,
                    self._look,
                    self._exists,
                    self._is_writing,
                    FOLD_AT // 2,
                    known,
                    self._scratch,
                )
            except Unsound as unsound:
                _tell(unsound)
                # Who reads it anew would not know what this process knew of it.
                with suppress(OSError):
                    give_up(self._folder)
                self._unsound = stamp(self._folder)
                raise

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold what parts those who fold, mend, or look for what dead processes did not tell.

        Raises:
            ListUnavailable: Somebody else holds it for long.
        """
        fsio.make_directory(self._folder)
        try:
            with self._hold():
                yield
        except TimeoutError:
            raise ListUnavailable from None

    @contextmanager
    def _guarded(self, patience_s: float | None) -> Iterator[None]:
        """Have the view for this thread alone; wait no longer for it than somebody has patience."""
        if not self._guard.acquire(timeout=-1 if patience_s is None else patience_s):
            raise ListUnavailable
        try:
            yield
        finally:
            self._guard.release()

    def close(self) -> None:
        """Leave it; what this process told stays."""
        self._log.close()
        # Who reads a file that nobody can read for now has the view; it goes with the process.
        with suppress(ListUnavailable), self._guarded(self._patience_s):
            self._view.close()


def _tell(reason: Unsound) -> None:
    """Log why the index is made anew; that there was none frightens nobody who starts on a new directory."""
    level = logging.DEBUG if isinstance(reason, Missing) else logging.WARNING
    log.log(level, "the index is made anew from the events: %s", reason)
