"""Lists of the store against brute force: any history of several processes, dying ones and lost indexes included."""

import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from random import Random

import pytest
from brute_force import SOURCES, TEXTS, TIMES, TYPES, check_lists
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)
from store_tools import Desk, Refusal, give_locks_back, new_root

from c8ybin.domain.ids import EventId
from c8ybin.index import entry_of

DESKS = 3
MOST_EVENTS = 40
OPERATIONS = ("create", "update", "attach", "replace", "drop", "delete")
WHICH = st.integers(0, 10**6)
AT = st.integers(0, DESKS - 1)
CUSTOM = st.dictionaries(st.sampled_from(["a", "b"]), st.sampled_from(["x", "y", "", 5, None, {"x": 1}]))
CHANGES = CUSTOM.flatmap(lambda some: st.sampled_from([some, *({**some, "text": text} for text in TEXTS)]))


class Killed(BaseException):
    """Stands for `kill -9` between a change and its line in the index."""


class Histories(RuleBasedStateMachine):
    """Several processes on one directory do anything in any order; whoever lists tells what is there."""

    folder: Path
    locks: Path
    lists: int

    def __init__(self) -> None:
        super().__init__()
        self.root = new_root(self.folder / "data", self.locks)
        # What is durable of each log, in bytes.
        self.durable: dict[str, int] = {}
        self.desks = [self.opened() for _ in range(DESKS)]
        self.ids: list[EventId] = []

    def opened(self) -> Desk:
        desk = Desk(self.root)
        index = desk.disk.index
        sync, sync_of = index.sync, index.sync_of

        def note(writer: str) -> None:
            for path in desk.layout.index.glob(f"{writer}-*.log"):
                self.durable[path.name] = path.stat().st_size

        def noted() -> bool:
            done = sync()
            note(desk.writer.name)
            return done

        def noted_of(writer: str) -> None:
            sync_of(writer)
            note(writer)

        index.sync, index.sync_of = noted, noted_of  # type: ignore[method-assign]
        return desk

    def event(self, which: int) -> EventId:
        return self.ids[which % len(self.ids)]

    def tried(self, change: Callable[[], object]) -> None:
        """Make a change, which may be refused."""
        with suppress(Refusal):
            change()

    @initialize(seed=st.integers(0, 2**32))
    def begin(self, seed: int) -> None:
        self.random = Random(seed)

    @precondition(lambda self: len(self.ids) < MOST_EVENTS)
    @rule(
        at=AT,
        source=st.sampled_from(SOURCES),
        kind=st.sampled_from(TYPES),
        time=st.sampled_from(TIMES),
        text=st.sampled_from(TEXTS),
        custom=CUSTOM,
        imported=st.sampled_from([False, False, True]),
    )
    def create(
        self, at: int, source: str, kind: str, time: str, text: str, custom: dict[str, object], imported: bool
    ) -> None:
        with pytest.MonkeyPatch.context() as patch:
            if imported:
                numbers = iter(self.random.sample(range(1, 30_000), 100))
                patch.setattr("c8ybin.store.events.new_event_id", lambda now: EventId(next(numbers)))
            self.ids.append(
                self.desks[at].create(source={"id": source}, type=kind, time=time, text=text, **custom)
            )

    # Twice as often as the others.
    create_too = create

    @precondition(lambda self: self.ids)
    @rule(at=AT, which=WHICH, change=CHANGES)
    def update(self, at: int, which: int, change: dict[str, object]) -> None:
        self.tried(lambda: self.desks[at].update(self.event(which), **change))

    @precondition(lambda self: self.ids)
    @rule(at=AT, which=WHICH)
    def attach(self, at: int, which: int) -> None:
        self.tried(lambda: self.desks[at].attach(self.event(which), b"bytes"))

    @precondition(lambda self: self.ids)
    @rule(at=AT, which=WHICH)
    def replace(self, at: int, which: int) -> None:
        self.tried(lambda: self.desks[at].replace(self.event(which), b"other"))

    @precondition(lambda self: self.ids)
    @rule(at=AT, which=WHICH)
    def drop(self, at: int, which: int) -> None:
        self.tried(lambda: self.desks[at].drop(self.event(which)))

    @precondition(lambda self: self.ids)
    @rule(at=AT, which=WHICH, where=st.sampled_from(["0-1/4", "2-3/4"]), put=st.booleans())
    def chunk(self, at: int, which: int, where: str, put: bool) -> None:
        self.tried(lambda: self.desks[at].chunk(self.event(which), where, b"ab", put=put))

    @precondition(lambda self: self.ids)
    @rule(at=AT, which=WHICH)
    def delete(self, at: int, which: int) -> None:
        gone = self.event(which)
        self.ids.remove(gone)
        self.tried(lambda: self.desks[at].delete(gone))

    # The index

    @rule(at=AT)
    def fold(self, at: int) -> None:
        self.listing(at)
        self.desks[at].disk.index.fold()

    @rule(at=AT)
    def reindex(self, at: int) -> None:
        disk = self.desks[at].disk
        disk.index.reindex(map(entry_of, disk.facts()))

    @rule()
    def lose_the_index(self) -> None:
        shutil.rmtree(self.root / "index", ignore_errors=True)
        self.durable.clear()

    @rule(at=AT)
    def make_durable(self, at: int) -> None:
        disk = self.desks[at].disk
        if disk.index.sync():
            disk.writer.note_synced()

    # Processes

    @rule(at=AT, swept=st.booleans())
    def restart(self, at: int, swept: bool) -> None:
        self.desks[at].close()
        self.desks[at] = self.opened()
        if swept:
            self.desks[at].sweep()

    @precondition(lambda self: self.ids)
    @rule(
        at=AT,
        by=AT,
        which=WHICH,
        change=st.sampled_from(OPERATIONS),
    )
    def die_before_the_line(self, at: int, by: int, which: int, change: str) -> None:
        desk = self.desks[at]

        def killed(line: bytes) -> None:
            raise Killed

        desk.disk.index._log.append = killed  # type: ignore[method-assign]
        arguments = {
            "create": (),
            "attach": (self.event(which), b"last"),
            "replace": (self.event(which), b"last"),
        }.get(change, (self.event(which),))
        with suppress(Killed):
            self.tried(
                lambda: getattr(desk, change)(*arguments, **({"a": "y"} if change == "update" else {}))
            )
        desk.die()
        self.desks[at] = self.opened()
        if by != at:
            self.desks[by].sweep()
        else:
            self.listing(at)
        self.ids = [event_id for event_id, _ in desk.layout.walk()]

    @rule()
    def power_cut(self) -> None:
        for desk in self.desks:
            desk.die()
        for path in sorted((self.root / "index").glob("*.log")):
            least, size = self.durable.get(path.name, 0), path.stat().st_size
            if not least and self.random.random() < 0.3:
                path.unlink()
            elif least < size:
                os.truncate(path, self.random.randint(least, size))
        self.desks = [self.opened() for _ in range(DESKS)]

    # Lists

    @rule(at=AT)
    def listing(self, at: int) -> None:
        check_lists(self.desks[at], self.random, self.lists)

    listing_too = listing

    def teardown(self) -> None:
        try:
            for at in range(DESKS):
                self.listing(at)
        finally:
            for desk in self.desks:
                desk.close()
            give_locks_back(self.root, self.locks)
            shutil.rmtree(self.root)


@pytest.fixture()
def small_index(monkeypatch):
    """Let a few events be many: several columns, several runs, several logs of each process."""
    for module in ("column", "table"):
        monkeypatch.setattr(f"c8ybin.index.{module}.MOST_ROWS", 6)
        monkeypatch.setattr(f"c8ybin.index.{module}.CUT_ROWS", 4)
    monkeypatch.setattr("c8ybin.index.rebuilding.RUN_EVENTS", 7)
    monkeypatch.setattr("c8ybin.index.log.LONGEST", 600)
    monkeypatch.setattr("c8ybin.index.index.FOLD_AT", 2)


def test_any_history_lists_what_a_walk_over_the_tree_finds(quick_root, locks, full, small_index):
    machine = type(
        "Histories",
        (Histories,),
        {"folder": quick_root.parent / "runs", "locks": locks, "lists": 30 if full else 8},
    )
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=150 if full else 25,
            stateful_step_count=60 if full else 30,
            phases=[Phase.explicit, Phase.generate],
            suppress_health_check=list(HealthCheck),
        ),
    )
