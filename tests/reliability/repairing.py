"""What a power cut is tried on: a data directory that was damaged before, and its repair.

Whatever the repair set aside is where it was or in `quarantine/`, byte for byte, and
the next repair leaves what a check finds nothing wrong with.
"""

import dataclasses
import hashlib
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from alike import alike
from inspection import Lists, Lost, SeenEvent, State
from kinds import Events, few_locks, new_desk
from store_tools import Desk, new_root, own_locks
from trees import Tree, lay_out

from c8ybin.domain.errors import BinaryNotFound, Damaged, EventNotFound, Refusal
from c8ybin.store import Check, Kind, check
from c8ybin.store.layout import BINARY, DELETED, EVENT, JOURNAL

GONE = "0123456789ab"  # a writer
DAMAGED = b"(damaged)"

# Damages an event that has a binary and an upload that is to replace it; returns what is not to be lost.
Damage = Callable[[Path], Iterable[Path]]


def flip_a_byte(home: Path) -> Iterable[Path]:
    content, _ = _contents(home)
    content.write_bytes(b"X" + content.read_bytes()[1:])
    return [path for path in home.iterdir() if path.name != EVENT]


def zeros(name: str) -> Damage:
    def damage(home: Path) -> Iterable[Path]:
        of_binary, of_upload = _contents(home)
        (home / name).write_bytes(bytes(90))
        beside = {EVENT: home.iterdir(), BINARY: [of_binary], JOURNAL: [of_upload]}[name]
        return {home / name, *beside}

    return damage


def tear_a_line(home: Path) -> Iterable[Path]:
    with (home / JOURNAL).open("ab") as file:
        file.write(b'{"start":3')
    return []


def leave_an_orphan(home: Path) -> Iterable[Path]:
    (home / f"content-{GONE}-1").write_bytes(b"orphan")
    return []


def break_a_deletion_off(home: Path) -> Iterable[Path]:
    (home / EVENT).rename(home / DELETED)
    return []


def leave_a_writer(home: Path) -> Iterable[Path]:
    root = home.parents[3]
    folder = root / "tmp" / GONE
    folder.mkdir()
    (folder / "alive").touch()
    (folder / "hours").write_text(f"{home.parent.relative_to(root / 'events')}\n")
    (folder / "body-1").write_bytes(b"half a bo")
    return leave_an_orphan(home)


def add_foreign_files(home: Path) -> Iterable[Path]:
    found = [home.parents[3] / "notes.txt", home / "notes.txt"]
    for path in found:
        path.write_bytes(b"notes")
    return found


def _contents(home: Path) -> list[Path]:
    """Return the bytes of the binary and of the upload, which came later."""
    return sorted(home.glob("content-*"))


class Repaired(Events):
    """A data directory with one damaged event and a sound one."""

    # What a repair after a cut may make, besides what the operation does.
    _also_repaired: frozenset[State] = frozenset()

    def __init__(self, damage: Damage) -> None:
        self._damage = damage
        self._kept: dict[Path, bytes] = {}

    def prepare(self, base: Path, locks: Path) -> None:
        root = new_root(base / "data", locks)
        with alike(2), new_desk(root) as desk:
            sound, event = desk.create(text="sound"), desk.create(text="event")
            desk.attach(sound, b"sound bytes")
            desk.attach(event, b"old bytes")
            desk.chunk(event, "0-2/9", b"abc", put=True)
            home = desk.home(event)
        kept = self._damage(home)
        self._kept = {path.relative_to(root): path.read_bytes() for path in kept}

    def target(self, process: Desk, known: tuple[Any, ...] = ()) -> tuple[Any, ...]:
        return known or (max(event_id for event_id, _ in process.layout.walk()),)

    def see(self, process: Desk) -> State:
        seen = tuple(
            shown
            for event_id, home in process.layout.walk()
            if (shown := _see_event(process, event_id, home)) is not None
        )
        return seen, not self._check(process)

    def inspect(self, base: Path, allowed: Iterable[State]) -> None:
        with new_desk(base / "data") as desk:
            try:
                states = set(allowed)
                if (seen := self.see(desk)) not in states | self._halves(states):
                    raise Lost(f"a third state: {seen}")
                self._look_for_kept(base)
                self.repair(desk)
                if (repaired := self.see(desk)) not in states | self._also_repaired:
                    raise Lost(f"the next repair makes a third state: {repaired}")
                if not repaired[1]:
                    raise Lost("the next repair leaves something wrong")
                self._look_for_kept(base)
                Lists(desk, has_index=False).compare(desk, "when repaired")
            except (Refusal, OSError) as error:
                raise Lost(f"a third state: {error!r}") from error

    def _halves(self, states: set[State]) -> set[State]:
        """Return what else may be seen: half of a repair is told as wrong; an upload goes before the binary."""
        if len(states) == 1:
            return set()
        return {(half, False) for events, _ in states for half in (events, _without_uploads(events))}

    def _check(self, desk: Desk, repair: Any = None) -> Any:
        # That the power went while somebody repaired is no damage.
        found = Check(desk.layout, repair=repair).run()
        return [f for f in found if f.kind is not Kind.WRITER or f.path.name == GONE]

    def repair(self, desk: Desk, _: object = None) -> None:
        """Put right what is found."""
        if wrong := [f for f in self._check(desk, desk.store.repair()) if not f.done]:
            raise Lost(f"cannot be repaired: {wrong}")

    def _look_for_kept(self, base: Path) -> None:
        for path, data in self._kept.items():
            places = [base / "data" / path, *(base / "data" / "quarantine").glob(f"*/{path}")]
            if not any(place.is_file() and place.read_bytes() == data for place in places):
                raise Lost(f"what was set aside is lost: {path}")


class BesideADamagedUpload(Repaired):
    """A data directory in which a binary is replaced while the upload beside it is damaged."""

    _also_repaired = frozenset(
        ((SeenEvent("sound", b"sound bytes", None, ()), SeenEvent("event", data, None, ())), True)
        for data in (b"old bytes", b"the new bytes")
    )

    def __init__(self) -> None:
        super().__init__(lambda home: list(zeros(JOURNAL)(home))[:0])  # a replacement removes it


class WithoutALock(Repaired):
    """A data directory that lacks one of its lock files, of which there are three here."""

    def __init__(self) -> None:
        super().__init__(lambda _: [])

    def prepare(self, base: Path, locks: Path) -> None:
        root = base / "data"
        new_root(root, locks)
        own_locks(root, "000", "002")

    def target(self, process: Desk, known: tuple[Any, ...] = ()) -> tuple[Any, ...]:
        return (0,)

    def lay_out(self, tree: Tree, base: Path, locks: Path) -> None:
        lay_out(tree, base)

    def _halves(self, states: set[State]) -> set[State]:
        return {(events, False) for events, _ in states}  # the next start makes what is missing

    def _check(self, desk: Desk, repair: Any = None) -> Any:
        with few_locks(check):
            return super()._check(desk, repair)


def _without_uploads(events: State) -> State:
    return tuple(
        dataclasses.replace(event, upload=None) if isinstance(event, SeenEvent) else event for event in events
    )


def _see_event(desk: Desk, event_id: int, home: Path) -> SeenEvent | bytes | None:
    """Return what is seen of an event; what a check knows to be damaged is seen as just that."""
    try:
        event = desk.store.events.read(event_id)
    except EventNotFound:
        names = os.listdir(home)
        return None if DELETED in names or not names else DAMAGED
    except Damaged:
        return DAMAGED
    try:
        data = desk.get(event_id)
        if hashlib.sha256(data).digest() != event.binary.sha256:
            data = DAMAGED
    except BinaryNotFound:
        data = None
    except Damaged:
        data = DAMAGED
    return SeenEvent(event.file.document["text"], data, str(event.upload) if event.upload else None, ())


REPAIRS = {
    "a flipped byte": Repaired(flip_a_byte),
    "a damaged binary": Repaired(zeros(BINARY)),
    "a damaged upload": Repaired(zeros(JOURNAL)),
    "a damaged event": Repaired(zeros(EVENT)),
    "a torn line": Repaired(tear_a_line),
    "an orphan": Repaired(leave_an_orphan),
    "an unfinished deletion": Repaired(break_a_deletion_off),
    "foreign files": Repaired(add_foreign_files),
    "a dead writer": Repaired(leave_a_writer),
    "a missing lock": WithoutALock(),
}
BESIDE_A_DAMAGED_UPLOAD = BesideADamagedUpload()
