"""What a power cut is tried on: the events of a data directory, its accounts, a directory that is new.

Each kind knows how a process joins it, how the process dies, what clients see of it, and
what must hold of whatever a cut has left.
"""

import contextlib
import dataclasses
import itertools
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from power_cut import Tree, lay_out
from store_tools import Desk, new_root

from c8ybin.accounts import ADMIN_PASSWORD_FILE, Accounts, AccountsProblem, make_admin
from c8ybin.domain.errors import BinaryNotFound, EventNotFound, Refusal
from c8ybin.domain.ids import Clock
from c8ybin.store import UnfitDirectory, opening, prepare_directory
from c8ybin.store.commit import named_contents

PASSWORDS = ("password-1", "password-2")
STARTED_S = 1.9e9  # the same in every process, lest the hour strikes between two events


@dataclass(frozen=True, order=True)
class SeenEvent:
    """What clients see of an event: its text, its binary's bytes, its upload's range and bytes."""

    text: str
    data: bytes | None
    upload: str | None
    arrived: tuple[bytes, ...]


@dataclass(frozen=True, order=True)
class SeenUser:
    """What is seen of an account: its roles, and which password holds; None when nobody knows it."""

    name: str
    roles: tuple[str, ...]
    password: str | None


State = tuple[Any, ...]


class Lost(AssertionError):
    """What was left is neither the old nor the new, or it is not clean."""


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


def newest(desk: Desk) -> int | None:
    return max((event_id for event_id, _ in desk.layout.walk()), default=None)


def with_event(state: State, **changes: Any) -> State:
    """Return a state of one event with that changed."""
    return tuple(dataclasses.replace(event, **changes) for event in state)


def see_events(desk: Desk) -> State:
    found = []
    for event_id, home in desk.layout.walk():
        try:
            event = desk.store.events.read(event_id)
        except EventNotFound:
            continue
        try:
            data = desk.get(event_id)
        except BinaryNotFound:
            data = None
        if (data is None) != (event.binary is None):
            raise Lost("the event and its binary contradict each other")
        upload, arrived = None, []
        if event.upload:
            upload = str(event.upload)
            content = (home / event.upload.content).read_bytes()
            arrived = [content[span.start : span.end] for span in event.upload.spans]
        found.append(SeenEvent(event.file.document["text"], data, upload, tuple(arrived)))
    return tuple(sorted(found, key=repr))


def inspect_events(desk: Desk, allowed: Iterable[State]) -> None:
    """Look at what is there, sweep, look again: no trace of the dead, and nothing comes or goes by that."""
    try:
        first = see_events(desk)
        if first not in allowed:
            raise Lost(f"a third state: {first}")
        desk.sweep()
        if see_events(desk) != first:
            raise Lost("the sweep changed what is seen")
    except (Refusal, OSError) as error:
        raise Lost(f"a third state: {error!r} {getattr(error, 'what', '')}") from error
    left = [p.name for p in desk.layout.tmp.iterdir() if p != desk.store.folder]
    for _, home in desk.layout.walk():
        named, names = named_contents(home), {p.name for p in home.iterdir()}
        left += names - named - {"event.json", "binary.json", "upload.journal"}
        if not named <= names:
            raise Lost(f"named but gone: {' '.join(sorted(named - names))}")
    if left:
        raise Lost(f"left behind: {' '.join(sorted(left))}")
    assert_clean(desk)


def assert_clean(desk: Desk) -> None:
    """Demand that a check of the whole data directory finds nothing."""


class _Events:
    """The events of a data directory that is in use."""

    def prepare(self, base: Path, locks: Path) -> None:
        new_root(base / "data", locks)

    def open(self, base: Path) -> Desk:
        return new_desk(base / "data")

    def target(self, process: Desk, known: tuple[Any, ...] = ()) -> tuple[Any, ...]:
        return (newest(process) or known[0],) if known else (process.create(text="event"),)

    def close(self, process: Desk) -> None:
        process.close()

    def die(self, process: Desk) -> None:
        process.die()

    def see(self, process: Desk) -> State:
        return see_events(process)

    def lay_out(self, tree: Tree, base: Path, locks: Path) -> None:
        lay_out(tree, base)
        (base / "data" / "locks").symlink_to(locks)

    def inspect(self, base: Path, allowed: Iterable[State]) -> None:
        with new_desk(base / "data") as desk:
            inspect_events(desk, allowed)


class Start:
    """A process that makes its data directory, with few locks: 1024 would be 1024 steps of one sort."""

    def __init__(self, base: Path) -> None:
        self._root = base / "new" / "data"
        self.desk: Desk | None = None

    def open(self) -> Desk:
        most, opening.LOCKS = opening.LOCKS, 3
        try:
            prepare_directory(self._root)
        finally:
            opening.LOCKS = most
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
        with desk:
            inspect_events(desk, allowed)


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


EVENTS: Kind = _Events()
FIRST_START: Kind = _FirstStart()
ACCOUNTS: Kind = _Accounts()
