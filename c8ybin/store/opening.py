"""The data directory itself: whose it is, and what must be there before anything is stored."""

import os
from contextlib import suppress
from pathlib import Path

from c8ybin import fsio
from c8ybin.store.fitness import require_fit
from c8ybin.store.layout import (
    BEFORE,
    FORMAT,
    FORMAT_MOVING,
    LOCKS,
    STAGING,
    Layout,
    is_of_the_root,
    may_be_anywhere,
)


class UnfitDirectory(Exception):
    """A directory that the store does not take; the message says why and what to do."""


def is_data_directory(root: Path) -> bool:
    """Tell whether a directory is one of ours, of whichever format."""
    return fsio.exists(Layout(root).format)


def existing_directory(root: Path) -> Layout:
    """Return the layout of a data directory that is there, touching nothing.

    Raises:
        UnfitDirectory: It is none, or of a format that this version does not know.
        OSError: It cannot be read.
    """
    layout = layout_of(root)
    found = _format(layout)
    if found is None:
        raise UnfitDirectory(
            interrupted_restore(layout)
            or unfinished_copy(layout)
            or f"{root} is no data directory of c8ybin."
        )
    _check_format(root, found)
    return layout


def started_directory(root: Path) -> Layout:
    """Find a data directory that was started once; nothing in it is touched.

    Raises:
        UnfitDirectory: It is none, or of a format that this version does not know.
        OSError: It cannot be read.
    """
    layout = existing_directory(root)
    _refuse_links(layout)
    for directory in (layout.events, layout.locks, layout.tmp):
        if not fsio.is_directory(directory):
            raise UnfitDirectory(
                f"{root} is a data directory without {directory.name}; start the server once."
            )
    return layout


def foreign_names(layout: Layout) -> list[str]:
    """Return what a directory holds that a new data directory may not."""
    return sorted(name for name in fsio.names(layout.root) if not may_be_anywhere(name))


def interrupted_restore(layout: Layout) -> str | None:
    """Say what to do where a restore was interrupted, or None where none was.

    Only for a directory without a format: with it, a restore has not begun to replace
    anything, or is done.
    """
    if not layout.root.is_dir():
        return None
    cut = moving_away(layout)
    if cut:
        return (
            f"A restore into {layout.root} was interrupted: run it again; or, to go back, move what is in "
            f"{cut} back into {layout.root}, {FORMAT_MOVING} last and as format."
        )
    kept = sorted(layout.root.glob(f"{BEFORE}*"))
    if kept or any(layout.root.glob(f"{STAGING}*")):
        back = f" The old data is whole in {kept[-1]}, which can be used as it is." if kept else ""
        return f"A restore into {layout.root} is under way or was interrupted: then run it again.{back}"
    return None


def unfinished_copy(layout: Layout) -> str | None:
    """Say what to do where a copy is not complete, or None where there is none; for a directory without a format."""
    if not fsio.is_directory(layout.sync):
        return None
    return f"{layout.root} is a copy that is not complete: run `c8ybin sync SRC {layout.root} --final`, or remove it."


def moving_away(layout: Layout) -> Path | None:
    """Return where a restore that was interrupted began to move the old data to."""
    return next((path.parent for path in sorted(layout.root.glob(f"{BEFORE}*/{FORMAT_MOVING}"))), None)


def prepare_directory(root: Path) -> Layout:
    """Make a new data directory, or check an old one and fill in what a cut start left out.

    Returns:
        Its layout.

    Raises:
        UnfitDirectory: It is not ours, or of a format that this version does not know;
            nothing was touched.
        UnfitFileSystem: The file system lacks something that the store rests on; nothing was touched.
        OSError: It cannot be read or written.
    """
    layout = layout_of(root)
    root = layout.root
    is_there = root.exists()
    if not is_there:
        require_fit(next(parent for parent in root.parents if parent.is_dir()))
    make_with_parents(root)
    found = _format(layout)
    if found is None:
        foreign = foreign_names(layout)
        # Another first start may have made what was found, after its format.
        found = _format(layout) if foreign else None
        if foreign and found is None:
            raise UnfitDirectory(
                interrupted_restore(layout)
                or unfinished_copy(layout)
                or f"{root} holds other files ({foreign[0]}, ...) and is no data directory of c8ybin; "
                "name an empty or a new directory."
            )
    if found is not None:
        _check_format(root, found)
    if is_there:
        require_fit(root)
    if found is None:
        with fsio.replacing(layout.format, f".format.{fsio.unique_name()}") as file:
            file.write(f"{FORMAT}\n".encode())
    else:
        # Whoever made it may have died before the fsync; without it, what follows is a foreign tree.
        fsio.sync_directory(root)
    _refuse_links(layout)
    furnish(layout)
    fsio.sync_directory(root)
    return layout


def furnish(layout: Layout) -> None:
    """Make the directories and lock files that a data directory must have; not durable yet."""
    for directory in (layout.events, layout.locks, layout.tmp):
        fsio.make_directory(directory)
    _make_locks(layout)


def layout_of(root: Path) -> Layout:
    """Return the layout of a data directory, to which links may lead; in it none is followed."""
    return Layout(Path(os.path.realpath(root)))


def _refuse_links(layout: Layout) -> None:
    """Say in words what else would be no more than ELOOP.

    Raises:
        UnfitDirectory: A directory of the root is a symbolic link.
    """
    for name in fsio.names(layout.root):
        if is_of_the_root(name) and fsio.is_link(layout.root / name):
            raise UnfitDirectory(
                f"{layout.root / name} is a symbolic link, and none is followed in a data directory; put what it "
                "leads to in its place, by a bind mount where it is on another disk."
            )


def _check_format(root: Path, found: str) -> None:
    if found != FORMAT:
        raise UnfitDirectory(
            f"{root} has the format {found[:40]!r}, which this version does not know; it knows {FORMAT!r}. "
            "Use the version of c8ybin that wrote it."
        )


def _format(layout: Layout) -> str | None:
    try:
        return fsio.read(layout.format).decode("utf-8", "replace").strip()
    except FileNotFoundError:
        return None


def make_with_parents(root: Path) -> None:
    """Make a directory durably, with those that lead to it.

    Raises:
        UnfitDirectory: There is something else.
        OSError: It cannot be made.
    """
    for directory in reversed((root, *root.parents)):
        if not directory.exists() and fsio.make_directory(directory):
            fsio.sync_directory(directory.parent)
    if not root.is_dir():
        raise UnfitDirectory(f"{root} is not a directory.")
    # A start that was killed may have made the others; not every file system can sync its directories.
    for directory in root.parents:
        with suppress(OSError):
            fsio.sync_directory(directory)


def _make_locks(layout: Layout) -> None:
    # All at once, so that a deletion on a full disk finds its lock there.
    names = {f"{number:03x}" for number in range(LOCKS)} | {layout.index_lock.name}
    names -= set(fsio.names(layout.locks))
    for name in sorted(names):
        fsio.close(fsio.open_lock(layout.locks / name))
    if names:
        fsio.sync_directory(layout.locks)
