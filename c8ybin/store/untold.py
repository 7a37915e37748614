"""What dead processes changed and did not tell the index: found in the ID-hours that they noted.

A kill may come between a change and its line, a power cut takes lines that were not fsynced.
So before a process lists anything it looks at the hours of all dead ones, and so does each
round of the sweep, before a dead one's folder goes that names them. It is done under the
index's lock: who has waited for that knows that nobody else is at it.
"""

import logging
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from contextlib import ExitStack, suppress
from pathlib import Path
from threading import Lock

from c8ybin import fsio
from c8ybin.domain.ids import EventId
from c8ybin.index import Unsound
from c8ybin.index.patience import awaited, begun
from c8ybin.store.disk import Disk
from c8ybin.store.event import read_facts
from c8ybin.store.fence import is_dead, is_fenced
from c8ybin.store.layout import EVENT
from c8ybin.store.writer import ALIVE, forget_untold, is_running, untold_hours_of

log = logging.getLogger(__name__)

LONGEST_WAIT_S = 10.0


class Untold:
    """Tells the index for the dead."""

    def __init__(self, disk: Disk) -> None:
        self._disk = disk
        self._was_told = False
        self._telling: Future[None] | None = None
        self._guard = Lock()

    def begin(self) -> "Future[None]":
        """Begin to tell for all who were dead when this process began, in a thread of its own.

        That goes on with it when nobody waits any more: MooseFS lets nobody read for two minutes what a
        host was writing when it died, and no call can be broken off.
        """
        with self._guard:
            if self._telling is None or self._telling.done():
                self._telling = begun(self._tell_all)
            return self._telling

    def tell_once(self) -> None:
        """Wait until all is told of those who were dead when this process began.

        Raises:
            ListUnavailable: It takes long.
            OSError: As `tell`.
        """
        if not self._was_told:
            awaited(self.begin(), LONGEST_WAIT_S)

    def _tell_all(self) -> None:
        if self._disk.watch:
            self._disk.watch.wait_for_others()
        self.tell()
        self._was_told = True

    def is_there(self) -> bool:
        """Tell whether a dead one may have changed what it did not tell; nothing is told."""
        folders = (folder for folder in fsio.entries(self._disk.layout.tmp) if fsio.is_directory(folder))
        return any(untold_hours_of(folder) and not _surely_runs(folder) for folder in folders)

    def tell(self) -> None:
        """Tell for all who are dead.

        Raises:
            ListUnavailable: Somebody else is at it, for long.
            OSError: The tree or the index cannot be read; all else is told.
        """
        folders = [f for f in fsio.entries(self._disk.layout.tmp) if f != self._disk.writer.folder]
        folders = [f for f in folders if fsio.is_directory(f) and not _surely_runs(f) and untold_hours_of(f)]
        failures: list[OSError] = []

        def go_on(do: Callable[[Path], bool], at: Iterable[Path]) -> list[Path]:
            """Do something for each folder, and return those for which it was done."""
            done = []
            for folder in at:
                try:
                    if do(folder):
                        done.append(folder)
                except OSError as error:
                    failures.append(error)
            return done

        if folders:
            with self._disk.index.locked(), ExitStack() as stack:
                dead = go_on(lambda folder: self._is_dead(folder, stack), folders)
                # All before the first is told for: where one log is damaged, nobody can see what is known.
                go_on(self._tell_for, go_on(self._cut_off, dead))
        if failures:
            raise failures[0]

    def _is_dead(self, folder: Path, stack: ExitStack) -> bool:
        """Tell whether the process of a folder is dead; nobody sweeps it before the stack is closed."""
        try:
            alive = fsio.open_existing(folder / ALIVE, write=True)
        except FileNotFoundError:
            # Made before the hours and removed after them: a power cut has taken it, or its writer has just ended.
            return True
        stack.callback(fsio.close, alive)
        return is_dead(folder, alive) or is_fenced(folder)

    def _cut_off(self, folder: Path) -> bool:
        self._disk.index.cut_off_damage(folder.name)
        return True

    def _tell_for(self, folder: Path) -> bool:
        # Read again now that it is dead: those are all.
        for hour in untold_hours_of(folder):
            self._hour(hour)
        # What it told is not told again, and its notes go, which say where to look.
        self._disk.index.sync_of(folder.name)
        if self._disk.is_cut_off():
            return False  # what it told for the other is lost with its own log
        with suppress(FileNotFoundError):
            forget_untold(folder)
        return True

    def _hour(self, name: str) -> None:
        index, layout = self._disk.index, self._disk.layout
        there = dict(layout.walk_hour(layout.events / name))
        try:
            known = index.known_between(*layout.ids_of_hour(name))
        except Unsound:
            # It may be sound again in a moment, as after an error of the disk; made anew it lacks nothing.
            index.give_up()
            return
        # What is told here is not durable yet, and the folder that names the hour will go.
        self._disk.writer.note_hour(name)
        for event_id, home in there.items():
            if event_id not in known:
                self._found(event_id, home)
            elif fsio.exists(home / EVENT):
                known.discard(event_id)
                index.touched(event_id)
        for lost in sorted(known):
            if not fsio.exists(layout.event(EventId(lost)) / EVENT):
                index.gone(EventId(lost), None)

    def _found(self, event_id: EventId, home: Path) -> None:
        if facts := read_facts(event_id, home):
            self._disk.index.born(facts)
            if not fsio.exists(home / EVENT):
                # Deleted meanwhile, and perhaps told and folded before it was told of its birth.
                self._disk.index.gone(event_id, facts.time)
        elif fsio.exists(home / EVENT):
            self._disk.index.unread(event_id)


def _surely_runs(folder: Path) -> bool:
    """Tell whether the process of a folder runs; False also where that cannot be told now."""
    with suppress(OSError):
        return is_running(folder) and not is_fenced(folder)
    return False
