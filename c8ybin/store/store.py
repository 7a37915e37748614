"""The store: one data directory, joined by one process."""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

from c8ybin import fsio
from c8ybin.domain.errors import is_full
from c8ybin.domain.ids import Clock, EventId
from c8ybin.domain.steps import Step, uncounted
from c8ybin.index import Entry, Keeper
from c8ybin.store import ballast
from c8ybin.store.binaries import Binaries
from c8ybin.store.disk import Disk
from c8ybin.store.events import Events
from c8ybin.store.identities import Identities
from c8ybin.store.inventory import Inventory
from c8ybin.store.listing import Listing
from c8ybin.store.mode import Mode
from c8ybin.store.opening import (
    UnfitDirectory,
    existing_directory,
    layout_of,
    prepare_directory,
    started_directory,
)
from c8ybin.store.readers import Readers
from c8ybin.store.repair import Repair
from c8ybin.store.sweep import UPLOAD_EXPIRY_S, Sweep
from c8ybin.store.untold import Untold
from c8ybin.store.uploads import Uploads
from c8ybin.store.writer import Onlooker, Writer

_PROBE_KEEPS_S = 1.0
# As long as clients are told to wait: then one of them tries, and its failure counts again.
_FAILURE_KEEPS_S = 5.0


@dataclass(frozen=True, slots=True)
class Room:
    """Bytes on the disk of a data directory: what is free, what there is, and the reserve for deletions."""

    free: int
    total: int
    reserve: int


class Store:
    """The events and binaries of one data directory, as one process sees and changes them."""

    def __init__(self, disk: Disk, *, upload_expiry_s: float = UPLOAD_EXPIRY_S) -> None:
        self._disk = disk
        self._writer = disk.writer
        self.clock = disk.clock
        self.events = Events(disk)
        self.binaries = Binaries(disk)
        self.uploads = Uploads(disk)
        self.listing = Listing(disk, Untold(disk))
        self.identities = Identities(disk)
        self.inventory = Inventory(disk, self.identities)
        self.sweep = Sweep(disk, self.listing, upload_expiry_s=upload_expiry_s)
        self.keeper = Keeper(disk.index, disk.writer.note_synced)
        self.mode = Mode(disk.layout, disk.writer.folder, disk.gate)
        self._probe_lock = Lock()
        self._probed_at = -_PROBE_KEEPS_S
        self._trouble: OSError | None = None
        self._failed_at = -_FAILURE_KEEPS_S
        self._failure: OSError | None = None

    @classmethod
    def open(
        cls,
        root: Path,
        *,
        upload_expiry_s: float = UPLOAD_EXPIRY_S,
        min_free: int = 0,
        several_hosts: bool | None = None,
    ) -> "Store":
        """Join a data directory, making it where it is new.

        Args:
            root: The directory.
            upload_expiry_s: How long an incomplete upload may rest.
            min_free: The reserve in bytes that only deletions may use.
            several_hosts: Whether processes of other hosts may use it, too; None: the file system tells.

        Raises:
            UnfitDirectory: It is not ours.
            UnfitFileSystem: The file system lacks something that the store rests on; nothing was touched.
            OSError: It cannot be read or written.
        """
        try:
            layout = prepare_directory(root)
            writer = Writer(layout)
        except OSError as error:
            if not is_full(error):
                raise
            ballast.let_go(layout_of(root))
            layout = prepare_directory(root)
            writer = Writer(layout)
        else:
            ballast.take_in(layout)
        try:
            # A restore takes the format away before it looks for writers: one of the two sees the other.
            existing_directory(root)
            if not fsio.exists(writer.folder):
                raise UnfitDirectory(f"{root} was replaced by a restore just now; start again.")
            if several_hosts is None:
                several_hosts = fsio.may_be_shared(layout.root)
            disk = Disk(layout, writer, Clock(), min_free=min_free, several_hosts=several_hosts)
        except BaseException:
            writer.close()
            raise
        if disk.watch:
            disk.watch.start()
        store = cls(disk, upload_expiry_s=upload_expiry_s)
        try:
            store.mode.join()
        except BaseException:
            store.close()
            raise
        return store

    @classmethod
    def look_at(cls, root: Path) -> "Store":
        """Open a data directory to read it; nothing in it is touched, so it may be on what is read-only.

        Raises:
            UnfitDirectory: It is not ours, or was never started.
            OSError: It cannot be read.
        """
        layout = started_directory(root)
        disk = Disk(layout, Onlooker(layout), Clock())
        disk.gate.close()
        return cls(disk)

    @property
    def is_read_only(self) -> bool:
        """Whether nothing may be changed."""
        return not self._disk.gate.is_open

    def require_writable(self) -> None:
        """Refuse what would change something.

        Raises:
            ReadOnly: Nothing may be changed.
        """
        self._disk.gate.require_open()

    @property
    def folder(self) -> Path:
        """A folder of this process alone, where bodies are received."""
        return self._writer.drafts

    def begin_meanwhile(self, begin: Callable[[], bool]) -> None:
        """Let threads that wait to commit begin other requests; see `GroupCommit.meanwhile`."""
        self._disk.together.meanwhile = begin

    def watch_commits(self, told: Callable[[int, int], None]) -> None:
        """Have a function told of each step of group commit; see `GroupCommit.told`."""
        self._disk.together.told = told

    def when_cut_off(self, told: Callable[[], None]) -> None:
        """Have a function called once other hosts have taken this process for dead: in another thread, or now."""
        if self._disk.watch:
            self._disk.watch.when_cut_off(told)

    def begin_to_list(self) -> None:
        """Begin what the first list waits for: to tell the index what dead processes of other hosts did not tell."""
        if self._disk.watch and self._disk.gate.is_open:
            self.listing.untold.begin()

    def when_fenced(self, told: Callable[[], None]) -> None:
        """Have a function called, in another thread, once this process has taken one of another host for dead."""
        if self._disk.watch:
            self._disk.watch.when_fenced = told

    def is_cut_off(self) -> bool:
        """Tell whether other hosts took this process for dead: then it changes nothing any more."""
        return self._disk.is_cut_off()

    def clocks_differ(self) -> bool:
        """Tell whether the clock of another host differs by so much from this one's that it should be set."""
        return self._disk.watch is not None and self._disk.watch.clocks_differ()

    @staticmethod
    def without_waiting(*, for_disk: bool) -> AbstractContextManager[None]:
        """Let this thread wait for nothing during a block, or for the disk alone; the rest raises WouldWait."""
        return fsio.without_waiting(for_disk=for_disk)

    @staticmethod
    def may_take_long() -> None:
        """Say that what follows may take long.

        Raises:
            WouldWait: This thread may not.
        """
        fsio.may_take_long()

    def reindex(self, readers: Readers, step: Step = uncounted) -> int:
        """Make the index anew from all events, and return how many there are; the old one serves meanwhile.

        Args:
            readers: Read the events; begun before this store was opened.
            step: Called as they are read.

        Raises:
            ListUnavailable: Somebody else is about it.
            OSError: The events cannot be read, or the index cannot be written.
        """
        counted = 0

        def read() -> Iterator[Entry]:
            nonlocal counted
            for block in readers.read():
                for event_id in block.unread:
                    self._disk.index.unread(EventId(event_id))
                counted += len(block.entries)
                step(events=len(block.entries))
                yield from block.entries

        self._disk.index.reindex(read())
        return counted

    def repair(self) -> Repair:
        """Return what puts right what a check finds."""
        return Repair(self._disk)

    def room(self) -> Room:
        """Return how much room there is on the disk.

        Raises:
            OSError: It cannot be told.
        """
        fsio.may_take_long()
        free, total = fsio.free_and_total(self._disk.layout.root)
        return Room(free, total, self._disk.reserve)

    def note_failure(self, error: OSError) -> None:
        """Remember for a few seconds that a request failed by the disk: a probe elsewhere may go well."""
        with self._probe_lock:
            self._failed_at, self._failure = time.monotonic(), error

    def trouble(self) -> OSError | None:
        """Return why the store cannot take a write now; None when it can, or is not to. Tried at most once a second."""
        fsio.may_take_long()
        if self.is_read_only:
            return None
        with self._probe_lock:
            if time.monotonic() - self._failed_at < _FAILURE_KEEPS_S:
                return self._failure
            if time.monotonic() - self._probed_at >= _PROBE_KEEPS_S:
                try:
                    self._disk.require_room()
                    self._writer.probe()
                    self._trouble = None
                except OSError as error:
                    self._trouble = error
                self._probed_at = time.monotonic()
            return self._trouble

    def close(self) -> None:
        """Leave the data directory; nothing of this process stays in `tmp/` that no sweep must look at."""
        self.mode.close()
        self.listing.close()
        self._disk.digester.close()
        self._disk.together.close()
        self._tell_durably()
        self._disk.index.close()
        # Last, for all of this may take seconds: who is silent meanwhile is taken for dead.
        if self._disk.watch:
            self._disk.watch.stop()
        self._writer.close()

    def _tell_durably(self) -> None:
        """Make durable what the index was told, or leave the folder for others to find out."""
        try:
            is_told = self._disk.index.sync()
        except OSError:
            is_told = False
        if not is_told or self._disk.is_cut_off():
            self._writer.left_something = True
