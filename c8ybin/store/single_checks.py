"""What is wrong with the single files beside the events: managed objects and external IDs."""

import errno
from collections.abc import Iterator
from pathlib import Path

from c8ybin import fsio
from c8ybin.domain.errors import Damaged
from c8ybin.store.examination import Finding, Kind
from c8ybin.store.identities import Identity, parse_identity
from c8ybin.store.inventory import parse_object
from c8ybin.store.layout import Layout
from c8ybin.store.writer import is_running, noted_inventory

_FOREIGN = "not a file of c8ybin"


def walk_singles(layout: Layout) -> Iterator[Path]:
    """Yield what lies where managed objects and external IDs are, those first; and what lies in between."""
    for top in (layout.devices, layout.identities):
        for shelf in _entries(top):
            if fsio.is_directory(shelf):
                yield from _entries(shelf)
            else:
                yield shelf


def _entries(path: Path) -> list[Path]:
    try:
        return fsio.entries(path)
    except FileNotFoundError:
        return []


def lock_number(layout: Layout, path: Path) -> int | None:
    """Return the number by which a single file shares a lock; None where a path is none of one."""
    return layout.number_of(path) if layout.is_external_id(path) else layout.object_id(path)


def examine_single(layout: Layout, path: Path) -> Finding | None:
    """Look at one path, without a lock; what is gone is nothing wrong."""
    kind = Kind.IDENTITY if layout.is_external_id(path) else Kind.OBJECT
    if lock_number(layout, path) is None:
        return Finding(Kind.FOREIGN, path, _FOREIGN) if fsio.exists(path) else None
    try:
        data = fsio.read(path)
        object_id = layout.object_id(path)
        if object_id is not None:
            parse_object(object_id, data, path)
            return None
        identity = parse_identity(layout, data, path)
    except FileNotFoundError:
        return None
    except Damaged as error:
        return Finding(kind, path, error.what.removeprefix(f"{path}: "))
    except OSError as error:
        is_damage = error.errno in (errno.EISDIR, errno.ENOTDIR, errno.ELOOP)
        return Finding(kind if is_damage else Kind.UNREADABLE, path, f"cannot be read: {error.strerror}")
    # Whoever deletes an object removes its external IDs after; once no such process runs, they are gone.
    if _is_there(layout, identity) or _is_under_way(layout) or not fsio.exists(path):
        return None
    return Finding(kind, path, f"its managed object {identity.object_id} is gone")


def _is_there(layout: Layout, identity: Identity) -> bool:
    return fsio.exists(layout.object(identity.object_id))


def _is_under_way(layout: Layout) -> bool:
    return any(noted_inventory(folder) and is_running(folder) for folder in _entries(layout.tmp))
