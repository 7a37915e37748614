"""What a power cut is tried on: a directory that a restore goes to, and a file that a backup is written to.

A cut restore leaves the old, the new, or what no server starts on; then the same restore
again gives the new, and the old is whole beside it.
"""

import contextlib
import errno
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from alike import alike
from backup_tools import back_up, bring_back, state
from inspection import Lists, Lost, State
from kinds import few_locks, new_desk
from store_tools import by_path, give_locks_back, lend_locks, new_root
from trees import Tree, lay_out

from c8ybin import fsio
from c8ybin.cli.backup import _output
from c8ybin.domain.queries import Paging, Query
from c8ybin.store import UnfitDirectory, opening, prepare_directory, write_backup
from c8ybin.store.layout import BEFORE, Layout
from c8ybin.store.writer import Writer

Files = dict[str, bytes]


def make_new_state(root: Path, locks: Path) -> Path:
    """Make the data directory that a backup is made of; return it."""
    new_root(root, locks)
    with new_desk(root) as desk:
        desk.attach(desk.create(text="new"), b"new bytes")
    (root / "accounts.json").write_text("new accounts")
    return root


def make_old_state(root: Path) -> Path:
    """Give a data directory an event, accounts, a first password, and what a dead writer left."""
    with new_desk(root) as desk:
        desk.attach(desk.create(text="old"), b"old bytes")
        # An index that tells of these events is not to stay over the new ones.
        desk.store.listing.find(Query(), Paging())
    (root / "accounts.json").write_text("old accounts")
    (root / "admin-password").write_text("old password")
    (root / "tmp" / "0123456789ab").mkdir()
    (root / "tmp" / "0123456789ab" / "hours").write_text("")
    return root


def found_in(place: Path) -> Files | None:
    """Return the state of a directory; None where it is no data directory."""
    return state(place) if (place / "format").exists() else None


def inspect_restored(
    place: Path, archive: Path, old: Files | None, new: Files, *, replace: bool = True
) -> None:
    """Look at what a kill or a cut left: the old, the new, or what no server starts on; then run it again.

    Args:
        place: The directory.
        archive: What is restored.
        old: What was there; None for a directory that was to be new.
        new: What the archive holds.
        replace: Whether the restore was told to replace what is there.

    Raises:
        Lost: It is not so.
    """
    found = found_in(place)
    if found is None:
        if old is not None or (place.exists() and _names(place)):
            _demand_refusal(place)
    elif found not in (old, new):
        raise Lost("a third state")
    try:
        bring_back(place, archive, replace=replace or found == new)
    except UnfitDirectory as error:
        raise Lost(f"it cannot be run again: {error}") from error
    if state(place) != new:
        raise Lost("run again, it does not give the new")
    aside = {path for path in place.iterdir() if path.name.startswith(BEFORE)}
    left = _names(place) - {path.name for path in aside} - {"format", "events", "accounts.json", "tmp"}
    if left:
        raise Lost(f"left behind: {left}")
    if old is not None and old not in [found_in(path) for path in aside]:
        raise Lost("the old data is lost")
    prepare_directory(place)
    with new_desk(place) as desk:
        Lists(desk, has_index=False).compare(desk, "when restored")


def _names(place: Path) -> set[str]:
    return {path.name for path in place.iterdir()} - {"locks", "accounts.lock"}


def _demand_refusal(place: Path) -> None:
    try:
        prepare_directory(place)
    except UnfitDirectory as error:
        if "was interrupted" in str(error):
            return
        raise Lost(f"the next start is told something else: {error}") from error
    raise Lost("a server starts on what is half")


@contextlib.contextmanager
def without_the_others() -> Iterator[None]:
    """Let sync() wait for nothing: it would wait for what the whole machine has to write; the fsyncs follow."""
    sync, os.sync = os.sync, lambda: None
    try:
        yield
    finally:
        os.sync = sync


class Restored:
    """A directory that a restore goes to: one with old data, or none yet; maybe one that is half restored."""

    def __init__(self, *, over: bool, half: bool = False) -> None:
        self._over = over
        self._half = half
        self._old: Files | None = None
        self._new: Files = {}

    def prepare(self, base: Path, locks: Path) -> None:
        with alike(2):
            if self._over:
                self._old = state(make_old_state(new_root(base / "data", locks)))
            source = make_new_state(base / "source", locks)
            self._new = state(source)
            back_up(source, base / "archive.tar")
            if self._half:
                with failing_at("format"), contextlib.suppress(OSError):
                    restore(base)
        give_locks_back(source, locks)
        shutil.rmtree(source)

    def open(self, base: Path) -> Path:
        return base

    def target(self, process: Path, known: tuple[Any, ...] = ()) -> tuple[Any, ...]:
        return ()

    def close(self, process: Path) -> None:
        pass

    def die(self, process: Path) -> None:
        pass

    def see(self, process: Path) -> State:
        return tuple(sorted((found_in(process / "data") or {}).items()))

    def lay_out(self, tree: Tree, base: Path, locks: Path) -> None:
        lay_out(tree, base)
        if self._over:
            lend_locks(locks, base / "data")

    def inspect(self, base: Path, allowed: Iterable[State]) -> None:
        states = list(allowed)
        if len(states) == 1 and self.see(base) not in states:
            raise Lost("what was restored is lost")
        with few_locks(opening), without_the_others():
            inspect_restored(base / "data", base / "archive.tar", self._old, self._new)


@contextlib.contextmanager
def failing_at(name: str) -> Iterator[None]:
    """Let the disk fail where new data of this name is moved in: what is there then stays."""

    def fail(source: Path) -> None:
        if (source.parent.name, source.name) == ("switching", name):
            raise OSError(errno.EIO, os.strerror(errno.EIO))

    with before_renames(fail):
        yield


@contextlib.contextmanager
def before_renames(do: Callable[[Path], None]) -> Iterator[None]:
    """Do something before each rename, which it is told the source of."""
    rename = os.rename

    def doing(source: Path, target: Path) -> None:
        do(source)
        rename(source, target)

    os.rename = by_path(doing)  # type: ignore[assignment]
    try:
        yield
    finally:
        os.rename = rename


def restore_while_a_server_starts(base: Path) -> None:
    """Restore over a directory that a server joins just then: it is refused, and nothing has changed."""
    root = base / "data"
    writers: list[Writer] = []

    def join(source: Path) -> None:
        if source == root / "format":
            writers.append(Writer(Layout(root)))

    old = found_in(root)
    try:
        with before_renames(join), contextlib.suppress(UnfitDirectory):
            restore(base)
        # What a killed one began is completed: then nobody starts, and nothing is refused.
        if writers and found_in(root) != old:
            raise Lost("a restore that is refused changed something")
    finally:
        for writer in writers:
            os.close(writer._hours_fd)
            os.close(writer._alive_fd)
            fsio.let_go(writer.drafts)
            fsio.let_go(writer.folder)


def restore(base: Path) -> None:
    """Restore, and replace what is there."""
    with few_locks(opening), without_the_others():
        bring_back(base / "data", base / "archive.tar", replace=True)


class Written(Restored):
    """A data directory and the file that a backup of it is written to, which may hold an earlier one."""

    def __init__(self) -> None:
        super().__init__(over=True)

    def see(self, process: Path) -> State:
        path = process / "archive.tar"
        return (path.read_bytes() if path.exists() else None,)

    def inspect(self, base: Path, allowed: Iterable[State]) -> None:
        if self.see(base) not in allowed:
            raise Lost("neither the old backup nor the new one, whole")


def write_a_backup(base: Path) -> None:
    """Write a backup as the command does."""
    with _output(str(base / "archive.tar")) as file:
        write_backup(Layout(base / "data"), file)


RESTORED_OVER, RESTORED_ANEW = Restored(over=True), Restored(over=False)
HALF_RESTORED = Restored(over=True, half=True)
WRITTEN = Written()
