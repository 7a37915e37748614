"""What a power cut is tried on: the events of a data directory, its accounts, a directory that is new.

Each kind knows how a process joins it, how the process dies, what clients see of it, and
what must hold of whatever a cut has left.
"""

import contextlib
import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol

from alike import STARTED_S
from indexing import add_index
from inspection import (
    Lost,
    State,
    inspect_events,
    inspect_lists,
    newest,
    newest_object,
    see_events,
    see_inventory,
)
from store_tools import Desk, lend_locks, new_root
from trees import Tree, lay_out

from c8ybin.accounts import ADMIN_PASSWORD_FILE, Accounts, AccountsProblem, make_admin
from c8ybin.domain.ids import Clock
from c8ybin.store import UnfitDirectory, check, opening, prepare_directory

PASSWORDS = ("password-1", "password-2")


@dataclass(frozen=True, order=True)
class SeenUser:
    """What is seen of an account: its roles, and which password holds; None when nobody knows it."""

    name: str
    roles: tuple[str, ...]
    password: str | None


class Kind(Protocol):
    """Something that processes change together."""

    def prepare(self, base: Path, locks: Path) -> None:
        """Make what is there, durably, before the first process comes."""

    def open(self, base: Path) -> Any:
        """Join as a process."""

    def target(self, process: Any, known: tuple[Any, ...] = ()) -> tuple[Any, ...]:
        """Return what a process changes, besides what was known; the first one makes it."""

    def close(self, process: Any) -> None:
        """Leave."""

    def die(self, process: Any) -> None:
        """End as `kill -9` does."""

    def see(self, process: Any) -> State:
        """Return what clients see."""

    def lay_out(self, tree: Tree, base: Path, locks: Path) -> None:
        """Make what a power cut has left."""

    def inspect(self, base: Path, allowed: Iterable[State]) -> None:
        """Start on what is there, and demand one of the states, and that it is clean.

        Raises:
            Lost: It is not so.
        """


def new_desk(root: Path) -> Desk:
    """Open a data directory as a process whose clock goes on by a millisecond each time that it is read."""
    ticks = itertools.count()
    return Desk(root, clock=Clock(lambda: STARTED_S + next(ticks) / 1000))


class Events:
    """The events of a data directory that is in use."""

    def prepare(self, base: Path, locks: Path) -> None:
        add_index(new_root(base / "data", locks))

    def open(self, base: Path) -> Desk:
        return new_desk(base / "data")

    def target(self, process: Desk, known: tuple[Any, ...] = ()) -> tuple[Any, ...]:
        if known:
            return (newest(process) or known[0],)
        created = process.create(text="event")
        # Else what may be lost of its line would double the states that are looked at of everything else.
        process.disk.index.sync()
        return (created,)

    def close(self, process: Desk) -> None:
        process.close()

    def die(self, process: Desk) -> None:
        process.die()

    def see(self, process: Desk) -> State:
        return see_events(process)

    def lay_out(self, tree: Tree, base: Path, locks: Path) -> None:
        lay_out(tree, base)
        lend_locks(locks, base / "data")

    def inspect(self, base: Path, allowed: Iterable[State]) -> None:
        with new_desk(base / "data") as desk:
            inspect_events(desk, allowed)

    def inspect_lists(self, base: Path) -> None:
        """Start on what is there, and demand that lists are right at once."""
        with new_desk(base / "data") as desk:
            inspect_lists(desk)


class _Inventory(Events):
    """The managed objects of a data directory that is in use, and their external IDs."""

    def target(self, process: Desk, known: tuple[Any, ...] = ()) -> tuple[Any, ...]:
        return (newest_object(process) or known[0],) if known else (process.make(name="thing"),)

    def see(self, process: Desk) -> State:
        return see_inventory(process)

    def inspect(self, base: Path, allowed: Iterable[State]) -> None:
        with new_desk(base / "data") as desk:
            inspect_events(desk, allowed, see_inventory)


@contextlib.contextmanager
def few_locks(module: ModuleType) -> Iterator[None]:
    """Let a module of the store know of three lock files only, and a start try nothing of the file system.

    What it tries is a hundred steps in a folder that goes again. Kills among them are tried by
    test_restore_switch.py, what they leave by tests/probes.
    """
    most, module.LOCKS = module.LOCKS, 3
    require_fit, opening.require_fit = opening.require_fit, lambda _: None
    try:
        yield
    finally:
        module.LOCKS = most
        opening.require_fit = require_fit


class Start:
    """A process that makes its data directory, with few locks: 1024 would be 1024 steps of one sort."""

    def __init__(self, base: Path) -> None:
        self._root = base / "new" / "data"
        self.desk: Desk | None = None

    def open(self) -> Desk:
        with few_locks(opening):
            prepare_directory(self._root)
        self.desk = new_desk(self._root)
        return self.desk


class _FirstStart:
    """A directory that is not there yet."""

    def prepare(self, base: Path, locks: Path) -> None:
        base.mkdir(parents=True)

    def open(self, base: Path) -> Start:
        return Start(base)

    def target(self, process: Start, known: tuple[Any, ...] = ()) -> tuple[Any, ...]:
        return ()

    def close(self, process: Start) -> None:
        if process.desk:
            process.desk.close()

    def die(self, process: Start) -> None:
        if process.desk:
            process.desk.die()

    def see(self, process: Start) -> State:
        return see_events(process.desk) if process.desk else ()

    def lay_out(self, tree: Tree, base: Path, locks: Path) -> None:
        lay_out(tree, base)

    def inspect(self, base: Path, allowed: Iterable[State]) -> None:
        try:
            desk = Start(base).open()
        except UnfitDirectory as error:
            raise Lost(f"the next start refuses it: {error}") from error
        with desk, few_locks(check):
            inspect_events(desk, allowed, has_index=False)


class _Accounts:
    """The accounts of a data directory."""

    def prepare(self, base: Path, locks: Path) -> None:
        (base / "data").mkdir(parents=True)

    def open(self, base: Path) -> Accounts:
        return Accounts(base / "data")

    def target(self, process: Accounts, known: tuple[Any, ...] = ()) -> tuple[Any, ...]:
        return ()

    def close(self, process: Accounts) -> None:
        process.close()

    def die(self, process: Accounts) -> None:
        process.close()

    def see(self, process: Accounts) -> State:
        passwords = {password: password for password in PASSWORDS}
        with contextlib.suppress(FileNotFoundError):
            kept = process._path.with_name(ADMIN_PASSWORD_FILE).read_text().strip()
            passwords["the one that was kept"] = kept
        return tuple(
            SeenUser(
                user.name,
                tuple(sorted(user.roles)),
                next((k for k, p in passwords.items() if process.authenticate(user.name, p)), None),
            )
            for user in process.users()
        )

    def lay_out(self, tree: Tree, base: Path, locks: Path) -> None:
        lay_out(tree, base)

    def inspect(self, base: Path, allowed: Iterable[State]) -> None:
        with contextlib.closing(self.open(base)) as accounts:
            try:
                seen = self.see(accounts)
                if seen not in allowed:
                    raise Lost(f"a third state: {seen}")
                # The next start and the next change go well, and remove what was left half done.
                make_admin(accounts, base / "data")
                accounts.add("another", "password-1", ["ROLE_EVENT_READ"])
                users = self.see(accounts)
            except (AccountsProblem, OSError) as error:
                raise Lost(f"a third state: {error!r}") from error
        if any(user.password is None for user in users):
            raise Lost("a password that nobody knows")
        if left := [p.name for p in (base / "data").glob(".accounts.json.*")]:
            raise Lost(f"left behind: {' '.join(left)}")


EVENTS = Events()
INVENTORY: Kind = _Inventory()
FIRST_START: Kind = _FirstStart()
ACCOUNTS: Kind = _Accounts()
