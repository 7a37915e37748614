"""The sweep: removes what dead writers left, and uploads that nobody goes on with.

Age decides nothing about a writer's leavings: they are removed only by whoever obtains
its `alive`, whose flock ends with the process.
"""

import logging
import os
import re
import time
from contextlib import suppress
from pathlib import Path
from threading import Event, Thread

from c8ybin import fsio
from c8ybin.domain.errors import Busy, Damaged, EventNotFound, ListUnavailable, ReadOnly, Refusal
from c8ybin.domain.events import IS_INCOMPLETE
from c8ybin.domain.ids import RELEASED_MS, EventId
from c8ybin.domain.queries import Query
from c8ybin.store.beats import BEAT
from c8ybin.store.binary import read_binary
from c8ybin.store.commit import drop_upload, drop_void_upload, named_contents
from c8ybin.store.digesting import make_sure_of_digest
from c8ybin.store.disk import Disk
from c8ybin.store.fence import is_dead, is_fenced
from c8ybin.store.identities import Identities
from c8ybin.store.layout import BINARY, DELETED, JOURNAL, is_content_name
from c8ybin.store.listing import Listing
from c8ybin.store.mode import changes
from c8ybin.store.records import cut_off_torn_line
from c8ybin.store.writer import ALIVE, FENCED, HOURS, hours_of, noted_inventory, untold_hours_of, writer_of

log = logging.getLogger(__name__)

UPLOAD_EXPIRY_S = 7 * 24 * 3600
WRITERS_EVERY_S = 60.0
UPLOADS_EVERY_S = 3600.0
_STOP_WITHIN_S = 5.0

# What a writer keeps in its folder.
_OF_A_WRITER = re.compile(
    r"alive\.link|hours|writes|unindexed|beat|fenced|drafts"
    r"|(?:body|spool|event|gone|record|probe|run|seed)-[0-9a-f-]+|\..+"
)
# What stays there of one that was fenced, as long as it may hold locks.
_KEPT_OF_THE_FENCED = frozenset((ALIVE, BEAT, FENCED, HOURS))


class Sweep:
    """Cleans one data directory while it is in use."""

    def __init__(self, disk: Disk, listing: Listing, *, upload_expiry_s: float = UPLOAD_EXPIRY_S) -> None:
        self._disk = disk
        self._listing = listing
        self._identities = Identities(disk)
        self.upload_expiry_s = upload_expiry_s

    def require_writable(self) -> None:
        """Refuse to begin while nothing may be changed.

        Raises:
            ReadOnly: So it is.
        """
        self._disk.gate.require_open()

    def make_next_hour(self) -> None:
        """Make ahead what all processes would else make at once; see `Disk.make_next_hour`."""
        self._disk.make_next_hour()

    def dead_writers(self) -> int:
        """Remove what dead writers left; return how many writers that were.

        Raises:
            ReadOnly: Nothing may be changed; what was begun is left to the next sweep.
        """
        try:
            self._listing.untold.tell()
        except (ListUnavailable, OSError) as error:
            # Whose changes were not told keep their folders.
            log.warning("the index cannot be told now what dead writers changed: %s", error)
        swept = 0
        for folder in fsio.entries(self._disk.layout.tmp):
            if folder != self._disk.writer.folder and fsio.is_directory(folder):
                try:
                    swept += self._writer(folder)
                except FileNotFoundError:
                    continue  # swept by another process
                except OSError as error:
                    _put_off(folder, error)
        return swept

    def _writer(self, folder: Path) -> bool:
        try:
            alive = fsio.open_existing(folder / ALIVE, write=True)
        except FileNotFoundError:
            return self._without_alive(folder)
        try:
            if is_fenced(folder):
                return self._fenced(folder, alive)
            return is_dead(folder, alive) and self._dead(folder)
        finally:
            os.close(alive)

    def _fenced(self, folder: Path, alive: int) -> bool:
        """Remove what a writer left that was taken for dead.

        As long as `alive` is held, so may be its locks: a stopped process keeps them, and a file
        system those of a dead host, for minutes. Who waits for one of these tells by the folder
        that its holder is silent, so that much stays; and the hours, to be looked through again.
        """
        if fsio.is_let_go(alive):
            return self._dead(folder)
        left = [path for path in fsio.entries(folder) if path.name not in _KEPT_OF_THE_FENCED]
        if not left or not self._is_clean_after(folder):
            return False
        for path in left:
            fsio.remove_any(path)
        log.info("swept what the fenced writer %s left; its folder stays while it holds a lock", folder.name)
        return True

    def _without_alive(self, folder: Path) -> bool:
        """Remove a folder that has lost its `alive`.

        A writer makes `alive` before anything else in its folder. So an empty one may be a
        moment old (its maker takes another name when it is gone), and one that holds other
        files of a writer is what a power cut left.
        """
        names = fsio.names(folder)
        if fsio.exists(folder / ALIVE) or not all(map(_OF_A_WRITER.fullmatch, names)):
            return False
        if names:
            return self._dead(folder)
        with suppress(OSError):
            fsio.remove_directory(folder)
        return False

    def _dead(self, folder: Path) -> bool:
        if not self._is_clean_after(folder):
            return False
        fsio.remove_with_last(folder, ALIVE)
        log.info("swept what the dead writer %s left", folder.name)
        return True

    def _is_clean_after(self, folder: Path) -> bool:
        """Clean the hours that a dead writer noted; return False where some of it is left for another time."""
        if untold_hours_of(folder):
            return False  # it has died just now
        # Each hour, although an event in one was in use, and before the folder goes that names them.
        done = [self._hour(self._disk.layout.events / hour, folder) for hour in hours_of(folder)]
        done.append(not noted_inventory(folder) or self._external_ids())
        return all(done)

    def _hour(self, hour: Path, dead: Path) -> bool:
        """Clean the events of an hour; return False where that is left for another time."""
        try:
            with suppress(FileNotFoundError):
                # The writer may have moved an event away without this; what it moved must not be
                # removed while the event could still come back.
                fsio.sync_directory(hour)
            events = list(self._disk.layout.walk_hour(hour))
        except OSError as error:
            return _put_off(hour, error)
        done = [self._clean(event_id, home, dead) for event_id, home in events]
        return all(done)

    @changes
    def _external_ids(self) -> bool:
        """Remove external IDs whose managed object is gone; return False where that is left for another time."""
        try:
            self._identities.drop_dangling()
        except Busy:
            return False
        except OSError as error:
            return _put_off(self._disk.layout.identities, error)
        return True

    @changes
    def _clean(self, event_id: EventId, home: Path, dead: Path) -> bool:
        """Remove what is of no use in an event's directory; return False where it is in use or the disk fails."""
        try:
            names = fsio.names(home)
            leavings = self._leavings(home, names, dead)
            if DELETED in names or not names:
                # Whoever deleted it may have died before the fsync of that name.
                fsio.sync_directory(home)
                fsio.remove_with_last(home, DELETED)
                fsio.sync_directory(home.parent)
            elif leavings or JOURNAL in names:
                self._event(event_id, leavings)
            else:
                # What is gone may come back, for its writer may have died before the fsync.
                fsio.sync_directory(home)
            if BINARY in names:
                make_sure_of_digest(home)
        except Busy:
            return False
        except (EventNotFound, FileNotFoundError):
            return True
        except Damaged as error:
            # Everything in it stays for whoever repairs it.
            log.error("not swept: %s", error.what)
        except OSError as error:
            return _put_off(home, error)
        return True

    def _leavings(self, home: Path, names: list[str], dead: Path) -> list[str]:
        """Return what may be removed: contents and drafts of writers that are gone, contents that nothing names.

        Not only the dead writer's own: it may have been killed between replacing a binary
        and removing the old content, which bears the name of whoever wrote that, gone or not.
        """
        written = [(name, writer) for name in names if (writer := writer_of(name))]
        # The folders after the names: a writer makes its folder before anything else.
        gone = {w for _, w in written if w == dead.name or not fsio.exists(self._disk.layout.tmp / w)}
        contents = {name for name in names if is_content_name(name)}
        unnamed = contents - named_contents(home) if contents else set()
        return [name for name, writer in written if writer in gone or name in unnamed]

    def _event(self, event_id: EventId, leavings: list[str]) -> None:
        with self._disk.held(event_id) as home:
            # The names by which it is decided must not be taken back by a power cut.
            fsio.sync_directory(home)
            drop_void_upload(home, self._disk)
            if fsio.exists(home / JOURNAL) and not cut_off_torn_line(home / JOURNAL, self._disk.writer):
                # A whole last line may be torn yet, for its writer may have died before the fsync.
                fsio.sync_file(home / JOURNAL)
            # Before the names are read: what is locked here may be named by now, and let go after that.
            idle = [name for name in leavings if self._is_idle(home / name)]
            named = named_contents(home)
            for name in idle:
                if name not in named:
                    fsio.remove(home / name)
            # Durable before the folder goes that says where to look.
            fsio.sync_directory(home)

    def _is_idle(self, path: Path) -> bool:
        """Tell whether nobody is about to name a file: nobody locks it, or who does is fenced."""
        writer = writer_of(path.name)
        folder = self._disk.layout.tmp / (writer or "")
        return not fsio.is_locked(path) or (writer is not None and is_fenced(folder))

    def stale_uploads(self) -> int:
        """Remove incomplete uploads to which nothing was added for the expiry; return how many."""
        swept = 0
        for event_id in self._listing.ids(Query(fragment_type=IS_INCOMPLETE)):
            home = self._disk.layout.event(event_id)
            try:
                if fsio.exists(home / JOURNAL):
                    with self._disk.held(event_id):
                        swept += self._upload(event_id, home)
            except (Refusal, FileNotFoundError):
                continue
            except OSError as error:
                _put_off(home, error)
        return swept

    @changes
    def _upload(self, event_id: EventId, home: Path) -> bool:
        touched_s = fsio.status(home / JOURNAL).st_mtime
        if touched_s < RELEASED_MS / 1000:
            # Begun before the clock of a box without a battery was set: its rest begins now.
            fsio.touch(home / JOURNAL)
            return False
        idle_s = self._disk.clock.now_ms() / 1000 - touched_s
        if idle_s < self.upload_expiry_s:
            return False
        fsio.sync_directory(home)
        # So that the next sweep looks here if a power cut comes between the journal and the bytes.
        self._disk.prepare(event_id, freeing=True)
        log.info("removing the incomplete upload of event %s, idle for %.0f s", event_id, idle_s)
        with self._disk.telling(event_id):
            return drop_upload(home, read_binary(home), self._disk)


def _put_off(path: Path, error: OSError) -> bool:
    """Tell that the disk failed at one place, so that the sweep goes on at the others; return False."""
    log.warning("not swept now: %s: %s", path, error)
    return False


class Sweeper:
    """Runs the sweep in the background: at once, then at intervals."""

    def __init__(self, sweep: Sweep) -> None:
        self._sweep = sweep
        self._uploads_every_s = min(UPLOADS_EVERY_S, max(1.0, sweep.upload_expiry_s / 2))
        self._ended = False
        self._awake = Event()
        self._thread = Thread(target=self._run, name="sweep", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End; a step that takes long is left to the next start."""
        self._ended = True
        self._awake.set()
        self._thread.join(timeout=_STOP_WITHIN_S)

    def wake(self) -> None:
        """Sweep once more soon, for somebody has died."""
        self._awake.set()

    def _run(self) -> None:
        uploads_at = 0.0
        while True:
            try:
                self._sweep.require_writable()
                self._sweep.make_next_hour()
                self._sweep.dead_writers()
                if time.monotonic() >= uploads_at:
                    self._sweep.stale_uploads()
                    uploads_at = time.monotonic() + self._uploads_every_s
            except ReadOnly:
                log.debug("the sweep is put off, for nothing may be changed")
            except ListUnavailable:
                log.info("the sweep is put off, for the index is being made anew")
            except Exception:  # a thread that nobody waits for must not end unheard
                log.exception("the sweep broke off and will be tried again")
            self._awake.wait(min(WRITERS_EVERY_S, self._uploads_every_s))
            if self._ended:
                return
            self._awake.clear()
