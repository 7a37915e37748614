"""A tree of files as plain data: read from a disk, and laid out on one."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TypeAlias

from store_tools import LOCK_NAMES

Tree: TypeAlias = Mapping[str, bytes | None]  # path to bytes; None for a directory


def read_tree(base: Path) -> dict[str, bytes | None]:
    """Return the tree below a directory; lock files that are lent are no part of it."""
    found: dict[str, bytes | None] = {}
    for folder, folders, files in os.walk(base):
        if "locks" in folders and len(os.listdir(f"{folder}/locks")) == len(LOCK_NAMES):
            folders.remove("locks")
        start = len(f"{base}/")
        found |= {f"{folder}/{name}"[start:]: None for name in folders}
        found |= {f"{folder}/{name}"[start:]: Path(folder, name).read_bytes() for name in files}
    return found


def lay_out(tree: Tree, base: Path) -> None:
    """Make a tree below a directory."""
    for path, data in sorted(tree.items()):
        if data is None:
            (base / path).mkdir(exist_ok=True)
        else:
            (base / path).write_bytes(data)
