"""The store: one data directory, joined by one process."""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from threading import Lock

from c8ybin import fsio
from c8ybin.domain.errors import is_full
from c8ybin.domain.ids import Clock
from c8ybin.store import ballast
from c8ybin.store.binaries import Binaries
from c8ybin.store.disk import Disk
from c8ybin.store.events import Events
from c8ybin.store.layout import Layout
from c8ybin.store.listing import Listing
from c8ybin.store.opening import UnfitDirectory, existing_directory, prepare_directory
from c8ybin.store.repair import Repair
from c8ybin.store.sweep import UPLOAD_EXPIRY_S, Sweep
from c8ybin.store.uploads import Uploads
from c8ybin.store.writer import Writer

_PROBE_KEEPS_S = 1.0
# As long as clients are told to wait: then one of them tries, and its failure counts again.
_FAILURE_KEEPS_S = 5.0


class Store:
    """The events and binaries of one data directory, as one process sees and changes them."""

    def __init__(self, disk: Disk, *, upload_expiry_s: float = UPLOAD_EXPIRY_S) -> None:
        self._disk = disk
        self._writer = disk.writer
        self.clock = disk.clock
        self.events = Events(disk)
        self.binaries = Binaries(disk)
        self.uploads = Uploads(disk)
        self.listing = Listing(disk)
        self.sweep = Sweep(disk, upload_expiry_s=upload_expiry_s)
        self._probe_lock = Lock()
        self._probed_at = -_PROBE_KEEPS_S
        self._trouble: OSError | None = None
        self._failed_at = -_FAILURE_KEEPS_S
        self._failure: OSError | None = None

    @classmethod
    def open(cls, root: Path, *, upload_expiry_s: float = UPLOAD_EXPIRY_S, min_free: int = 0) -> "Store":
        """Join a data directory, making it where it is new.

        Args:
            root: The directory.
            upload_expiry_s: How long an incomplete upload may rest.
            min_free: The reserve in bytes that only deletions may use.

        Raises:
            UnfitDirectory: It is not ours.
            UnfitFileSystem: It lacks hard links or file locks.
            OSError: It cannot be read or written.
        """
        layout: Layout = prepare_directory(root)
        try:
            writer = Writer(layout)
        except OSError as error:
            if not is_full(error):
                raise
            ballast.let_go(layout)
            writer = Writer(layout)
        else:
            ballast.take_in(layout)
        try:
            # A restore takes the format away before it looks for writers: one of the two sees the other.
            existing_directory(root)
            if not fsio.exists(writer.folder):
                raise UnfitDirectory(f"{root} was replaced by a restore just now; start again.")
        except BaseException:
            writer.close()
            raise
        disk = Disk(layout, writer, Clock(), min_free=min_free)
        return cls(disk, upload_expiry_s=upload_expiry_s)

    @property
    def folder(self) -> Path:
        """This process's own folder, where bodies are received."""
        return self._writer.folder

    def begin_meanwhile(self, begin: Callable[[], bool]) -> None:
        """Let threads that wait to commit begin other requests; see `GroupCommit.meanwhile`."""
        self._disk.together.meanwhile = begin

    @staticmethod
    def without_waiting(*, for_disk: bool) -> AbstractContextManager[None]:
        """Let this thread wait for nothing during a block, or for the disk alone; the rest raises WouldWait."""
        return fsio.without_waiting(for_disk=for_disk)

    def repair(self) -> Repair:
        """Return what puts right what a check finds."""
        return Repair(self._disk)

    def note_failure(self, error: OSError) -> None:
        """Remember for a few seconds that a request failed by the disk: a probe elsewhere may go well."""
        with self._probe_lock:
            self._failed_at, self._failure = time.monotonic(), error

    def trouble(self) -> OSError | None:
        """Return why the store cannot take a write now; None when it can. Tried at most once a second."""
        fsio.may_take_long()
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
        self._disk.digester.close()
        self._disk.together.close()
        self._writer.close()
