"""Events as directories: the one room that changes the data directory's tree.

    Store.open(root)    checks or makes the data directory and joins it as a writer
    store.events        create, read, update, delete          (events.py)
    store.binaries      open, attach, replace, delete         (binaries.py)
    store.uploads       chunks                                (uploads.py)
    store.listing       lists, by the index                   (listing.py)
    store.inventory     managed objects                       (inventory.py)
    store.identities    external IDs                          (identities.py)
    store.sweep         what dead writers and old uploads left (sweep.py)

    Check, Repair       what is wrong in a data directory, and putting it right (check.py, repair.py)
    write_backup(...)   one tar of every event as it stood at one moment (backup.py, snapshot.py)
    restore_backup(...) back from such tars, checked first (restore.py, unpack.py, switch.py)
    Sync                a copy elsewhere that goes on where it was cut (sync.py, event_copy.py, stamps.py, target.py)
    make_read_only(...) nothing is changed any more, by nobody (read_only.py, mode.py)

`layout.py` draws the disk; `commit.py` has the commit steps; `disk.py` the locks and
what is known to be durable; `together.py` reads many events at once over a network.
Errors are domain errors, or OSError let through.
"""

from c8ybin.fsio import WouldWait
from c8ybin.index import DAY_MS, Overview, Usage
from c8ybin.store.archive import NotWritten, UnknownFormat
from c8ybin.store.backup import BackedUp, Previous, Unsteady, write_backup
from c8ybin.store.binaries import OpenBinary
from c8ybin.store.binary import Binary
from c8ybin.store.check import Check
from c8ybin.store.disk import MIN_FREE
from c8ybin.store.event import StoredEvent
from c8ybin.store.examination import Finding, Kind
from c8ybin.store.fitness import UnfitFileSystem, accept_unfit
from c8ybin.store.inventory import ObjectPage, StoredObject
from c8ybin.store.journal import Journal
from c8ybin.store.layout import QUARANTINE
from c8ybin.store.listing import Page
from c8ybin.store.manifest import BadArchive
from c8ybin.store.opening import (
    UnfitDirectory,
    existing_directory,
    is_data_directory,
    prepare_directory,
    started_directory,
)
from c8ybin.store.read_only import (
    end_read_only,
    is_read_only,
    make_read_only,
    still_writing,
    wait_until_read_only,
)
from c8ybin.store.readers import Readers
from c8ybin.store.repair import Repair
from c8ybin.store.restore import MissingBackup, Restored, restore_backup
from c8ybin.store.store import Room, Store
from c8ybin.store.sweep import UPLOAD_EXPIRY_S, Sweep, Sweeper
from c8ybin.store.sync import StillWritten, Sync
from c8ybin.store.sync_hours import Synced
from c8ybin.store.unpack import Source, read_index
from c8ybin.store.uploads import Chunk

__all__ = [
    "DAY_MS",
    "MIN_FREE",
    "QUARANTINE",
    "UPLOAD_EXPIRY_S",
    "BackedUp",
    "BadArchive",
    "Binary",
    "Check",
    "Chunk",
    "Finding",
    "Journal",
    "Kind",
    "MissingBackup",
    "NotWritten",
    "ObjectPage",
    "OpenBinary",
    "Overview",
    "Page",
    "Previous",
    "Readers",
    "Repair",
    "Restored",
    "Room",
    "Source",
    "StillWritten",
    "Store",
    "StoredEvent",
    "StoredObject",
    "Sweep",
    "Sweeper",
    "Sync",
    "Synced",
    "UnfitDirectory",
    "UnfitFileSystem",
    "UnknownFormat",
    "Unsteady",
    "Usage",
    "WouldWait",
    "accept_unfit",
    "end_read_only",
    "existing_directory",
    "is_data_directory",
    "is_read_only",
    "make_read_only",
    "prepare_directory",
    "read_index",
    "restore_backup",
    "started_directory",
    "still_writing",
    "wait_until_read_only",
    "write_backup",
]
