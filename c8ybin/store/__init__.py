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
from c8ybin.store.readers import Readers
from c8ybin.store.repair import Repair
from c8ybin.store.restore import MissingBackup, Restored, restore_backup
from c8ybin.store.store import Room, Store
from c8ybin.store.sweep import UPLOAD_EXPIRY_S, Sweep, Sweeper
from c8ybin.store.unpack import Source, read_index
from c8ybin.store.uploads import Chunk
from c8ybin.store.writer import UnfitFileSystem

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
    "Store",
    "StoredEvent",
    "StoredObject",
    "Sweep",
    "Sweeper",
    "UnfitDirectory",
    "UnfitFileSystem",
    "UnknownFormat",
    "Unsteady",
    "Usage",
    "WouldWait",
    "existing_directory",
    "is_data_directory",
    "prepare_directory",
    "read_index",
    "restore_backup",
    "started_directory",
    "write_backup",
]
