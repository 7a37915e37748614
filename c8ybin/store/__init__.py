"""Events as directories: the one room that changes the data directory's tree.

    Store.open(root)    checks or makes the data directory and joins it as a writer
    store.events        create, read, update, delete          (events.py)
    store.binaries      open, attach, replace, delete         (binaries.py)
    store.uploads       chunks                                (uploads.py)
    store.listing       lists; a plain walk for now           (listing.py)
    store.sweep         what dead writers and old uploads left (sweep.py)

`layout.py` draws the disk; `commit.py` has the commit steps; `disk.py` the locks and
what is known to be durable. Errors are domain errors, or OSError let through.
"""

from c8ybin.store.binaries import OpenBinary
from c8ybin.store.binary import Binary
from c8ybin.store.disk import MIN_FREE
from c8ybin.store.event import StoredEvent
from c8ybin.store.journal import Journal
from c8ybin.store.listing import Page
from c8ybin.store.opening import UnfitDirectory, is_data_directory, prepare_directory
from c8ybin.store.store import Store
from c8ybin.store.sweep import UPLOAD_EXPIRY_S, Sweep, Sweeper
from c8ybin.store.uploads import Chunk
from c8ybin.store.writer import UnfitFileSystem

__all__ = [
    "MIN_FREE",
    "UPLOAD_EXPIRY_S",
    "Binary",
    "Chunk",
    "Journal",
    "OpenBinary",
    "Page",
    "Store",
    "StoredEvent",
    "Sweep",
    "Sweeper",
    "UnfitDirectory",
    "UnfitFileSystem",
    "is_data_directory",
    "prepare_directory",
]
