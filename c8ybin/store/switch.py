"""Puts a whole data directory in the place of another; a power cut at any step leaves a known state.

`format` goes first and comes last, and is the one sign of a whole data directory: as
long as it is away, nobody starts on what is half. The steps, each durable before the
next one, in a directory that has

    a format                      the old: `format` moves to `before-restore-<time>/format.moving`
    that file                     the other old entries follow it, wherever a cut left them; it becomes `format`
    neither                       the new entries move in; what a cut left of others is removed first
    the new entries               the new `format` moves in

Lock files stay where they are: nothing of a state is in them.
"""

import errno
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from pathlib import Path

from c8ybin import fsio
from c8ybin.store.layout import (
    ACCOUNTS,
    ACCOUNTS_LOCK,
    BEFORE,
    DEVICES,
    FIRST_PASSWORD,
    FORMAT_MOVING,
    IDENTITIES,
    INDEX,
    STAGING,
    Layout,
)
from c8ybin.store.opening import (
    UnfitDirectory,
    existing_directory,
    foreign_names,
    interrupted_restore,
    moving_away,
)
from c8ybin.store.writer import ALIVE, has_running_writers, is_running

_LOCK_TIMEOUT_S = 10.0
_SWITCHING = "switching"


class Place:
    """A directory that a restore goes to, and its staging folder on the same file system."""

    def __init__(self, root: Path) -> None:
        self.layout = Layout(root)
        self.staging = root / f"{STAGING}{fsio.unique_name()}"
        # Where the new data is unpacked.
        self.new = self.staging / "new"
        # Where it is from the first step of the switch: what a cut leaves then is known by that name.
        self._switching = self.staging / _SWITCHING
        self._is_cut = False

    @property
    def _moved(self) -> tuple[Path, ...]:
        layout = self.layout
        names = (DEVICES, layout.events.name, IDENTITIES, INDEX, layout.tmp.name, ACCOUNTS, FIRST_PASSWORD)
        return tuple(layout.root / name for name in names)

    def check(self, *, replace: bool) -> None:
        """See whether a restore may go there.

        Args:
            replace: Whether a data directory may be replaced.

        Raises:
            UnfitDirectory: It may not; nothing was touched.
        """
        root = self.layout.root
        if not root.is_dir():
            raise UnfitDirectory(f"{root} is not a directory.")
        whole = fsio.exists(self.layout.format)
        if whole:
            existing_directory(root)
            if fsio.exists(self.layout.read_only):
                raise UnfitDirectory(
                    f"{root} is read-only, as while it is moved; `c8ybin read-only off` ends that."
                )
            if not replace:
                raise UnfitDirectory(f"{root} holds data already; name a new directory, or say --replace.")
            self._check_unused()
        elif moving_away(self.layout) and not replace:
            raise UnfitDirectory(interrupted_restore(self.layout) or "")
        elif foreign := self._foreign():
            raise UnfitDirectory(
                f"{root} holds other files ({foreign[0]}, ...) and is no data directory of c8ybin; "
                "name an empty or a new directory."
            )

    def _foreign(self) -> list[str]:
        layout = self.layout
        ours = {
            ACCOUNTS_LOCK,
            *(p.name for p in (layout.locks, layout.quarantine, layout.ballast, layout.tls)),
        }
        if moving_away(self.layout) or self._dead_switches():
            ours |= {path.name for path in self._moved}
        return [
            name
            for name in foreign_names(self.layout)
            if name not in ours and not name.startswith((BEFORE, STAGING))
        ]

    def _check_unused(self) -> None:
        if has_running_writers(self.layout):
            raise UnfitDirectory(f"A server uses {self.layout.root}; stop the server first.")

    def _dead_switches(self) -> list[Path]:
        """Return the staging folders of restores that may have been cut while they moved new data in."""
        found = self.layout.root.glob(f"{STAGING}*/{_SWITCHING}/{self.layout.format.name}")
        return [path.parent.parent for path in found]

    @contextmanager
    def staged(self) -> Iterator[None]:
        """Have the staging folder during the block, alone.

        Raises:
            UnfitDirectory: Another restore is under way.
            OSError: It cannot be made.
        """
        root = self.layout.root
        fsio.make_directory(self.staging)
        try:
            alive = fsio.create(self.staging / ALIVE)
        except FileNotFoundError:
            raise UnfitDirectory(f"Another restore into {root} is under way.") from None
        with ExitStack() as stack:
            stack.callback(fsio.close, alive)
            stack.callback(self._remove_staging)
            fsio.sync_directory(root)
            others = [path for path in root.glob(f"{STAGING}*") if path != self.staging]
            # Each locks its own before it looks for others: of two at once, one goes on or none.
            if not fsio.try_lock(alive) or any(map(is_running, others)):
                raise UnfitDirectory(f"Another restore into {root} is under way.")
            yield

    def _remove_staging(self) -> None:
        if not self._is_cut:
            fsio.remove_with_last(self.staging, ALIVE)

    def clean(self) -> None:
        """Remove what dead restores left: halves of what they moved in, then their staging folders."""
        dead = [path for path in self.layout.root.glob(f"{STAGING}*") if path != self.staging]
        is_half = not fsio.exists(self.layout.format) and not moving_away(self.layout)
        if is_half and any(path in dead for path in self._dead_switches()):
            for path in self._moved:
                fsio.remove_any(path)
            fsio.sync_directory(self.layout.root)
        for path in dead:
            fsio.remove_with_last(path, ALIVE)

    def switch(self) -> Path | None:
        """Put the new data, which is durable, in the place of the old.

        Returns:
            Where the old data is now, if there was any.

        Raises:
            UnfitDirectory: A server uses the directory; nothing has changed.
            TimeoutError: Somebody changes its accounts for too long; nothing has changed.
            OSError: The directory is without format, and the restore to be run again.
        """
        root = self.layout.root
        fsio.rename(self.new, self._switching)
        fsio.sync_directory(self.staging)
        has_old = fsio.exists(self.layout.format) or moving_away(self.layout) is not None
        with fsio.locked(root / ACCOUNTS_LOCK, _LOCK_TIMEOUT_S) if has_old else nullcontext():
            fsio.overtake(self.layout.accounts)
            before = (
                self._begin_to_move_away() if fsio.exists(self.layout.format) else moving_away(self.layout)
            )
            self._is_cut = True
            if before:
                self._move_away(before)
            else:
                # Whoever gave the old data its format may have died before the fsync.
                for path in root.glob(f"{BEFORE}*/{self.layout.format.name}"):
                    fsio.sync_directory(path.parent)
            self._move_in()
        self._is_cut = False
        return before

    def _begin_to_move_away(self) -> Path:
        root = self.layout.root
        for path in root.glob(f"{BEFORE}*/{FORMAT_MOVING}"):
            fsio.remove(path)  # a second name that a cut has left of `format`
        before = root / f"{BEFORE}{time.strftime('%Y-%m-%dT%H-%M-%SZ', time.gmtime())}"
        while not fsio.make_directory(before):
            before = before.with_name(f"{before.name}-{fsio.unique_name()}")
        fsio.sync_directory(root)
        moving = before / FORMAT_MOVING
        fsio.rename(self.layout.format, moving)
        fsio.sync_directory(before)
        fsio.sync_directory(root)
        try:
            # A server looks for `format` once more when it has joined: one of the two sees the other.
            self._check_unused()
        except UnfitDirectory:
            fsio.rename(moving, self.layout.format)
            fsio.sync_directory(root)
            fsio.remove_directory(before)
            raise
        return before

    def _move_away(self, before: Path) -> None:
        for path in self._moved:
            if fsio.exists(path):
                target = before / path.name
                while fsio.exists(target):  # a second name that a cut has left
                    target = target.with_name(f"{target.name}.{fsio.unique_name()}")
                fsio.rename(path, target)
        # The new names first: of a move between directories, a cut may keep the loss alone.
        fsio.sync_directory(before)
        fsio.sync_directory(self.layout.root)
        fsio.rename(before / FORMAT_MOVING, before / self.layout.format.name)
        fsio.sync_directory(before)

    def _move_in(self) -> None:
        root = self.layout.root
        accounts = fsio.read_if_there(self._switching / ACCOUNTS)
        for path in fsio.entries(self._switching):
            if path.name != self.layout.format.name:
                fsio.rename(path, root / path.name)
        # Who had lost the lock before may have begun after the first look, and read what was there before.
        fsio.overtake(self.layout.accounts)
        if fsio.read_if_there(self.layout.accounts) != accounts:
            raise OSError(errno.ESTALE, "somebody else changed the accounts meanwhile; restore it again")
        fsio.sync_directory(root)
        fsio.rename(self._switching / self.layout.format.name, self.layout.format)
        fsio.sync_directory(root)
