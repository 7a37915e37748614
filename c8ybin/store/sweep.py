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
from c8ybin.domain.errors import Damaged, Refusal
from c8ybin.domain.events import IS_INCOMPLETE
from c8ybin.domain.ids import EventId
from c8ybin.domain.queries import Query
from c8ybin.store.binary import read_binary
from c8ybin.store.commit import drop_upload, drop_void_upload, named_contents
from c8ybin.store.disk import Disk
from c8ybin.store.layout import JOURNAL
from c8ybin.store.listing import Listing
from c8ybin.store.writer import ALIVE, hours_of

log = logging.getLogger(__name__)

UPLOAD_EXPIRY_S = 7 * 24 * 3600
WRITERS_EVERY_S = 60.0
UPLOADS_EVERY_S = 3600.0
_STOP_WITHIN_S = 5.0


class Sweep:
    """Cleans one data directory while it is in use."""

    def __init__(self, disk: Disk, listing: Listing, *, upload_expiry_s: float = UPLOAD_EXPIRY_S) -> None:
        self._disk = disk
        self._listing = listing
        self._upload_expiry_s = upload_expiry_s

    def dead_writers(self) -> int:
        """Remove what dead writers left; return how many writers that were."""
        swept = 0
        for folder in sorted(self._disk.layout.tmp.iterdir()):
            if folder != self._disk.writer.folder and folder.is_dir():
                with suppress(FileNotFoundError):
                    swept += self._writer(folder)
        return swept

    def _writer(self, folder: Path) -> bool:
        try:
            alive = fsio.open_existing(folder / ALIVE, write=True)
        except FileNotFoundError:
            # Made a moment ago, or left so: only an empty one goes, and its maker takes another name.
            with suppress(OSError):
                folder.rmdir()
            return False
        try:
            if not fsio.try_lock(alive):
                return False
            for hour in hours_of(folder):
                self._hour(self._disk.layout.events / hour, folder.name)
            fsio.remove_tree(folder)
        finally:
            os.close(alive)
        log.info("swept what the dead writer %s left", folder.name)
        return True

    def _hour(self, hour: Path, writer: str) -> None:
        left = re.compile(rf"content-{re.escape(writer)}-\d+|\..+\.{re.escape(writer)}-\d+")
        for event_id, home in self._disk.layout.walk_hour(hour):
            with suppress(Refusal, FileNotFoundError):
                leavings = [path.name for path in home.iterdir() if left.fullmatch(path.name)]
                if leavings or fsio.exists(home / JOURNAL):
                    self._event(event_id, leavings)

    def _event(self, event_id: EventId, leavings: list[str]) -> None:
        with self._disk.held(event_id) as home:
            drop_void_upload(home)
            # A damaged description raises here, and everything stays for whoever repairs it.
            named = named_contents(home)
            for name in leavings:
                if name not in named:
                    fsio.remove(home / name)

    def stale_uploads(self) -> int:
        """Remove incomplete uploads to which nothing was added for the expiry; return how many."""
        swept = 0
        for event_id in self._listing.ids(Query(fragment_type=IS_INCOMPLETE)):
            with suppress(Refusal, FileNotFoundError), self._disk.held(event_id) as home:
                idle_s = time.time() - (home / JOURNAL).stat().st_mtime
                if idle_s >= self._upload_expiry_s and drop_upload(home, read_binary(home)):
                    fsio.sync_directory(home)
                    swept += 1
                    log.info("removed the incomplete upload of event %s, idle for %.0f s", event_id, idle_s)
        return swept


class Sweeper:
    """Runs the sweep in the background: at once, then at intervals."""

    def __init__(self, sweep: Sweep, upload_expiry_s: float = UPLOAD_EXPIRY_S) -> None:
        self._sweep = sweep
        self._uploads_every_s = min(UPLOADS_EVERY_S, max(1.0, upload_expiry_s / 2))
        self._ended = Event()
        self._thread = Thread(target=self._run, name="sweep", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End; a step that takes long is left to the next start."""
        self._ended.set()
        self._thread.join(timeout=_STOP_WITHIN_S)

    def _run(self) -> None:
        uploads_at = 0.0
        while True:
            try:
                self._sweep.dead_writers()
                if time.monotonic() >= uploads_at:
                    self._sweep.stale_uploads()
                    uploads_at = time.monotonic() + self._uploads_every_s
            except (OSError, Damaged) as error:
                log.error("the sweep broke off and will be tried again: %s", error)
            if self._ended.wait(min(WRITERS_EVERY_S, self._uploads_every_s)):
                return
