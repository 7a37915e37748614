"""Durable files: the one room that calls fsync, rename, link and flock.

The rule of every write is: new file, fsync the file, rename or link it into place,
fsync the directory, answer. Errors are OSError, untouched: whoever called knows
what ENOSPC or ENOENT means there.

beneath.py      names that no symbolic link leads to
files.py        files and directories: made, opened, read, written
naming.py       their names: given, changed, taken away
durable.py      what makes them durable
locks.py        lasting lock files
turns.py        turns at changing one file, of which a late one comes to nothing
lacking.py      what a file system lacks and is done without
shared.py       a lock of processes that were forked
appending.py    logs, which others may move away
parallel.py     many fsyncs at once
writeback.py    the kernel's writing, begun early
cached.py       what a thread reads that may not wait
remote.py       whether other hosts may use the same file system
"""

from c8ybin.fsio.beneath import (
    AnyPath,
    entries,
    hold_open,
    is_directory,
    is_link,
    let_go,
    names,
    open_directory,
    scanned,
    status,
)
from c8ybin.fsio.cached import (
    WouldWait,
    may_take_long,
    without_waiting,
)
from c8ybin.fsio.durable import (
    draft,
    remove_with_last,
    replacing,
    sync,
    sync_data,
    sync_directory,
    sync_each,
    sync_file,
    sync_tree,
)
from c8ybin.fsio.files import (
    COPY_BYTES,
    DIRECTORY_MODE,
    FILE_MODE,
    PRIVATE_MODE,
    close,
    closing,
    create,
    exists,
    free_and_total,
    has_name,
    length,
    make_directory,
    open_existing,
    opened,
    read,
    read_at,
    read_each,
    read_if_there,
    require_free,
    touch,
    truncate,
    write_at,
)
from c8ybin.fsio.lacking import NEVER, Lack, demand_all, do_without
from c8ybin.fsio.locks import (
    is_let_go,
    is_locked,
    locked,
    open_lock,
    try_lock,
)
from c8ybin.fsio.naming import (
    is_taken,
    link,
    remove,
    remove_any,
    remove_directory,
    remove_tree,
    rename,
    unique_name,
)
from c8ybin.fsio.remote import may_be_shared
from c8ybin.fsio.shared import (
    SharedLock,
)
from c8ybin.fsio.timing import watch_waits
from c8ybin.fsio.turns import overtake, turn

__all__ = [
    "COPY_BYTES",
    "DIRECTORY_MODE",
    "FILE_MODE",
    "NEVER",
    "PRIVATE_MODE",
    "AnyPath",
    "Lack",
    "SharedLock",
    "WouldWait",
    "close",
    "closing",
    "create",
    "demand_all",
    "do_without",
    "draft",
    "entries",
    "exists",
    "free_and_total",
    "has_name",
    "hold_open",
    "is_directory",
    "is_let_go",
    "is_link",
    "is_locked",
    "is_taken",
    "length",
    "let_go",
    "link",
    "locked",
    "make_directory",
    "may_be_shared",
    "may_take_long",
    "names",
    "open_directory",
    "open_existing",
    "open_lock",
    "opened",
    "overtake",
    "read",
    "read_at",
    "read_each",
    "read_if_there",
    "remove",
    "remove_any",
    "remove_directory",
    "remove_tree",
    "remove_with_last",
    "rename",
    "replacing",
    "require_free",
    "scanned",
    "status",
    "sync",
    "sync_data",
    "sync_directory",
    "sync_each",
    "sync_file",
    "sync_tree",
    "touch",
    "truncate",
    "try_lock",
    "turn",
    "unique_name",
    "watch_waits",
    "without_waiting",
    "write_at",
]
