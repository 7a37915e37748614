"""A tree of files as plain data: read from a disk, and laid out on one."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TypeAlias

from store_tools import LOCK_NAMES

Tree: TypeAlias = Mapping[str, bytes | None]  # path to bytes; None for a directory


def read_tree(base: Path) -> dict[str, bytes | None]:
    """Return the tree below a directory; lock files that are lent are no part of it."""
    lent = {folder for folder in base.rglob("locks") if len(os.listdir(folder)) == len(LOCK_NAMES)}
    return {
        str(path.relative_to(base)): None if path.is_dir() else path.read_bytes()
        for path in sorted(base.rglob("*"))
        if not lent.intersection((path, *path.parents))
    }


def lay_out(tree: Tree, base: Path) -> None:
    """Make a tree below a directory."""
    for path, data in sorted(tree.items()):
        if data is None:
            (base / path).mkdir(exist_ok=True)
        else:
            (base / path).write_bytes(data)
