"""The directory that a data directory is copied to: no server starts on it before all of it is there.

    .sync/           there from before the first file until after the last
      alive          locked while a copy is under way
      new/           what is being copied, or being removed
      hours/         what is known of each hour, see stamps.py
    quarantine/      earlier copies of what is damaged by now where it is copied from
    format           comes last, and makes it a data directory

What bears its own name outside of `.sync` is whole and durable: files are fsynced, and the directories of events
are built in `.sync/new` and renamed.
"""

import itertools
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from c8ybin import fsio
from c8ybin.store.fitness import require_fit
from c8ybin.store.layout import FORMAT, may_be_anywhere
from c8ybin.store.opening import UnfitDirectory, furnish, layout_of, make_with_parents, prepare_directory
from c8ybin.store.stamps import Notes
from c8ybin.store.writer import ALIVE


class Target:
    """A copy that is being made."""

    def __init__(self, root: Path) -> None:
        self.layout = layout_of(root)
        self._new = self.layout.sync / "new"
        self._name = fsio.unique_name()
        self._numbers = itertools.count(1)
        stamp = time.strftime("%Y-%m-%dT%H-%M-%SZ", time.gmtime())
        self._quarantine = self.layout.quarantine / f"{stamp}-{self._name}"
        self.notes = Notes(self.layout.sync / "hours")
        # What leads to hours, and was made durable by this process.
        self._durable: set[Path] = set()

    @property
    def is_complete(self) -> bool:
        """Whether it is a data directory by now."""
        return fsio.exists(self.layout.format)

    @contextmanager
    def joined(self) -> Iterator[None]:
        """Have it during the block, alone.

        Raises:
            UnfitDirectory: It holds something else, or another copy to it is under way.
            UnfitFileSystem: No server could use it there; nothing was touched.
            OSError: It cannot be written.
        """
        root = self.layout.root
        if root.is_dir() and not fsio.exists(self.layout.sync):
            self._require_empty()
        # Now, and not when it becomes a data directory: that is hours later, and nothing changes meanwhile.
        require_fit(next(folder for folder in (root, *root.parents) if folder.is_dir()))
        make_with_parents(root)
        if not fsio.exists(self.layout.sync):
            self._require_empty()
            fsio.make_directory(self.layout.sync)
        # Before anything else is there: without it, what a power cut leaves would be a foreign tree.
        fsio.sync_directory(root)
        alive = fsio.open_lock(self.layout.sync / ALIVE)
        with fsio.closing(alive):
            if not fsio.try_lock(alive):
                raise UnfitDirectory(f"Another copy to {root} is under way.")
            if fsio.exists(self._new):
                fsio.remove_tree(self._new)
            for folder in (self._new, self.notes.folder):
                fsio.make_directory(folder)
            # Whoever removed a note may have died before the fsync.
            fsio.sync_directory(self.notes.folder)
            yield

    def _require_empty(self) -> None:
        names = sorted(name for name in fsio.names(self.layout.root) if not may_be_anywhere(name))
        if self.is_complete:
            raise UnfitDirectory(
                f"{self.layout.root} is a data directory already, which may have changed; name a new directory."
            )
        if names:
            raise UnfitDirectory(
                f"{self.layout.root} holds other files ({names[0]}, ...); name an empty or a new directory."
            )

    def place(self) -> Path:
        """Return a path that nobody has used, for what is not whole yet."""
        return self._new / f"{self._name}-{next(self._numbers)}"

    def set_aside(self, path: Path) -> Path | None:
        """Take away a directory; return where it is, to be removed once that is durable.

        Before that a power cut may bring it back without some of its files.
        """
        aside = self.place()
        try:
            fsio.rename(path, aside)
        except FileNotFoundError:
            return None
        return aside

    def quarantine(self, path: Path) -> None:
        """Set aside, durably and for good, the copy of what is damaged by now: it may be the last that is whole."""
        folder = self._quarantine
        for each in (self.layout.events, folder.parent, folder):
            fsio.make_directory(each)
        fsio.rename(path, folder / path.relative_to(self.layout.root).as_posix().replace("/", "_"))
        # Before the hour that it is taken from; it is as deep as one.
        self.sync_hour(folder)

    def make_hour(self, hour: Path) -> None:
        """Make an hour's directory."""
        for folder in (self.layout.events, hour.parent, hour):
            fsio.make_directory(folder)

    def sync_hour(self, hour: Path) -> None:
        """Make an hour durable, and what leads to it."""
        with suppress(FileNotFoundError):  # it is gone
            fsio.sync_directory(hour)
        if hour in self._durable:
            return
        day = hour.parent
        with suppress(FileNotFoundError):
            fsio.sync_directory(day)
        if day not in self._durable:
            for folder in (self.layout.events, self.layout.root):
                fsio.sync_directory(folder)
        self._durable |= {hour, day}

    def put(self, path: Path, data: bytes, *, mode: int = fsio.FILE_MODE) -> None:
        """Give a small file its bytes; its name is to be made durable."""
        draft = self.place()
        with fsio.draft(draft, mode=mode) as file:
            file.write(data)
        fsio.rename(draft, path)

    def furnish(self) -> None:
        """Make what a start would, which takes seconds: then the last copy need not."""
        furnish(self.layout)

    def complete(self) -> None:
        """Make it a data directory: it is furnished, and all else is durable.

        Raises:
            UnfitDirectory: It became one otherwise.
            OSError: It is not complete, or not for good.
        """
        draft = self.layout.sync / self.layout.format.name
        fsio.remove(draft)
        with fsio.draft(draft) as file:
            file.write(f"{FORMAT}\n".encode())
        try:
            # Not by a rename: where a server has begun a data directory meanwhile, this must fail.
            fsio.link(draft, self.layout.format)
        except FileExistsError:
            raise UnfitDirectory(f"{self.layout.root} became a data directory meanwhile.") from None
        prepare_directory(self.layout.root)

    def clean(self) -> None:
        """Remove what only a copy under way needs; what a power cut brings back is removed by the same again."""
        fsio.remove_tree(self.layout.sync)


def is_within(one: Path, other: Path) -> bool:
    """Tell whether one directory is another, or below it."""
    real, base = Path(os.path.realpath(one)), Path(os.path.realpath(other))
    return real == base or base in real.parents
