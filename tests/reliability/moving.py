"""What a power cut is tried on: a directory that a data directory is copied to, once and again, and its completion."""

import contextlib
import functools
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from alike import STARTED_S, alike
from backup_tools import state
from inspection import Lists, Lost, State
from kinds import few_locks, new_desk
from store_tools import make_locks
from trees import Tree, lay_out, read_tree

from c8ybin.domain.ids import Clock
from c8ybin.store import (
    Check,
    Sync,
    UnfitDirectory,
    check,
    make_read_only,
    opening,
    prepare_directory,
    stamps,
)
from c8ybin.store.layout import FORMAT, Layout

_kept: list["tempfile.TemporaryDirectory[str]"] = []


@functools.cache
def sources() -> tuple[Path, Path]:
    """Make a data directory, and what it is like after some changes; nothing else changes either.

    They lie apart, for what is copied is not what loses its power.
    """
    _kept.append(tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None))
    old, new = (Path(_kept[-1].name) / name for name in ("old", "new"))
    for name in ("events", "tmp"):
        (old / name).mkdir(parents=True)
    make_locks(old / "locks")
    (old / "format").write_text(f"{FORMAT}\n")
    with alike(3):
        with new_desk(old) as desk:
            replaced, deleted = (desk.create(text=text) for text in ("replaced", "deleted"))
            # In another hour, for one with an upload is always looked at.
            clock, desk.disk.clock = desk.disk.clock, Clock(lambda: STARTED_S + 3600)
            open_ = desk.create(text="open")
            desk.disk.clock = clock
            desk.attach(replaced, b"old bytes")
            desk.chunk(open_, "0-2/9", b"abc")
            desk.name(desk.make(name="thing"))
        (old / "accounts.json").write_text("old accounts")
        (old / "tls").mkdir()
        (old / "tls" / "key.pem").write_text("key")
        shutil.copytree(old, new)
        with new_desk(new) as desk:
            desk.disk.clock = Clock(lambda: STARTED_S + 60)
            desk.replace(replaced, b"new bytes")
            desk.delete(deleted)
            desk.chunk(open_, "5-6/9", b"fg")
            desk.create(text="created")
            desk.unname()
        (new / "accounts.json").write_text("new accounts")
        (new / "tls" / "key.pem").write_text("new key")
    for root in (old, new):
        make_read_only(Layout(root))
    return old, new


def all_of(root: Path) -> dict[str, bytes]:
    """Return every file that is to be the same in a copy, by its path."""
    return state(root) | {f"tls/{path.name}": path.read_bytes() for path in (root / "tls").glob("*")}


@functools.cache
def _wanted(which: int) -> dict[str, bytes]:
    return all_of(sources()[which])


class Moved:
    """A directory that a data directory is copied to; in the end it is to be as one of the two."""

    def __init__(self, which: int = 1) -> None:
        self._which = which
        self._clean: set[frozenset[tuple[str, bytes | None]]] = set()

    def prepare(self, base: Path, locks: Path) -> None:
        sources()
        base.mkdir(parents=True)

    def open(self, base: Path) -> Path:
        return base

    def target(self, process: Path, known: tuple[Any, ...] = ()) -> tuple[Any, ...]:
        return ()

    def close(self, process: Path) -> None:
        pass

    def die(self, process: Path) -> None:
        pass

    def see(self, process: Path) -> State:
        place = process / "data"
        return tuple(sorted(all_of(place).items())) if (place / "format").exists() else ()

    def lay_out(self, tree: Tree, base: Path, locks: Path) -> None:
        lay_out(tree, base)

    def inspect(self, base: Path, allowed: Iterable[State]) -> None:
        """Demand that no server starts on what is not complete, and that the same again completes it."""
        place, wanted = base / "data", _wanted(self._which)
        found = self.see(base)
        if found not in allowed:
            raise Lost("what was completed is lost" if found == () else "complete, and another state")
        if found == ():
            _demand_refusal(place)
            try:
                _copy(sources()[self._which], base, final=True)
            except (UnfitDirectory, OSError) as error:
                raise Lost(f"it cannot be run again: {error}") from error
        copied = all_of(place)
        if lost := {name for name, data in wanted.items() if copied.get(name) != data}:
            raise Lost(f"not copied: {sorted(lost)}")
        if more := copied.keys() - wanted.keys():
            raise Lost(f"left in the copy: {sorted(more)}")
        # Most states are completed to the very same copy: it is looked at once.
        completed = frozenset(read_tree(base).items())
        if completed in self._clean:
            return
        with few_locks(opening), few_locks(check):
            prepare_directory(place)
            if wrong := list(Check(Layout(place)).run()):
                raise Lost(f"not clean: {wrong}")
            with new_desk(place) as desk:
                Lists(desk, has_index=False).compare(desk, "when copied")
        self._clean.add(completed)


def _demand_refusal(place: Path) -> None:
    if not place.exists() or not any(place.iterdir()):
        return
    with few_locks(opening):
        try:
            prepare_directory(place)
        except UnfitDirectory as error:
            if "is a copy that is not complete" in str(error):
                return
            raise Lost(f"the next start is told something else: {error}") from error
    raise Lost("a server starts on what is half copied")


@contextlib.contextmanager
def _quickly() -> Iterator[None]:
    """Let times settle at once, for nothing changes any more; and have a few locks."""
    settled, stamps._SETTLED_NS = stamps._SETTLED_NS, -(10**18)
    try:
        with few_locks(opening):
            yield
    finally:
        stamps._SETTLED_NS = settled


def _copy(source: Path, base: Path, *, final: bool = False) -> None:
    with _quickly():
        Sync(Layout(source), base / "data", jobs=1).run(final=final)


def copy_first(base: Path) -> None:
    """Copy what is there at first."""
    _copy(sources()[0], base)


def copy_again(base: Path) -> None:
    """Copy what has changed."""
    _copy(sources()[1], base)


def copy_what_goes(base: Path) -> None:
    """Copy while there is an event more, which is gone again before the next copy."""
    old, new = sources()
    known = {number for number, _ in Layout(old).walk()}
    (home,) = (home for number, home in Layout(new).walk() if number not in known)
    moved = old / home.relative_to(new)
    moved.parent.mkdir(parents=True, exist_ok=True)
    shutil.copytree(home, moved)
    try:
        _copy(old, base)
    finally:
        shutil.rmtree(moved)


def copy_at_once(base: Path) -> None:
    """Copy for the first and the last time."""
    _copy(sources()[0], base, final=True)


def copy_last(base: Path) -> None:
    """Copy the last time."""
    _copy(sources()[1], base, final=True)


class Ordered:
    """A data directory that is not to be changed, or is again."""

    def prepare(self, base: Path, locks: Path) -> None:
        (base / "data").mkdir(parents=True)

    def open(self, base: Path) -> Layout:
        return Layout(base / "data")

    def target(self, process: Layout, known: tuple[Any, ...] = ()) -> tuple[Any, ...]:
        return ()

    def close(self, process: Layout) -> None:
        pass

    def die(self, process: Layout) -> None:
        pass

    def see(self, process: Layout) -> State:
        return (process.read_only.exists(),)

    def lay_out(self, tree: Tree, base: Path, locks: Path) -> None:
        lay_out(tree, base)

    def inspect(self, base: Path, allowed: Iterable[State]) -> None:
        layout = self.open(base)
        if self.see(layout) not in allowed:
            raise Lost("the order is lost, or back")
        if layout.read_only.exists() and not layout.read_only.read_bytes().endswith(b"\n"):
            raise Lost("an order like any other")


MOVED, MOVED_AS_BEFORE, ORDERED = Moved(), Moved(0), Ordered()
