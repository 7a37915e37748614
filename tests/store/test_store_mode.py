"""The order not to change anything: who obeys it, from when on, and who is known not to."""

import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from store_tools import Desk, EventId

from c8ybin.accounts import ROLES, Accounts, AccountsProblem
from c8ybin.bodies import Intake
from c8ybin.domain.conditions import Precondition
from c8ybin.domain.errors import ReadOnly
from c8ybin.domain.events import new_event
from c8ybin.domain.inventory import ExternalId
from c8ybin.domain.labels import Label
from c8ybin.domain.queries import Paging, Query
from c8ybin.store import (
    Store,
    Sweeper,
    UnfitDirectory,
    end_read_only,
    make_read_only,
    mode,
    restore_backup,
    still_writing,
    wait_until_read_only,
)
from c8ybin.store.fence import fence
from c8ybin.store.layout import Layout

DOCUMENT = {"source": {"id": "1001"}, "type": "test", "time": "2026-11-24T12:00:00.000Z", "text": "old"}

CHANGES: dict[str, Callable[[Desk, EventId], object]] = {
    "create event": lambda desk, event: desk.create(),
    "change event": lambda desk, event: desk.update(event, text="new"),
    "delete event": lambda desk, event: desk.delete(event),
    "attach": lambda desk, event: desk.attach(event, b"bytes"),
    "replace": lambda desk, event: desk.replace(event, b"bytes"),
    "delete binary": lambda desk, event: desk.drop(event),
    "chunk": lambda desk, event: desk.chunk(event, "0-2/9", b"abc"),
    "create managed object": lambda desk, event: desk.make(name="thing"),
    "change managed object": lambda desk, event: desk.store.inventory.update(event, {"name": "other"}),
    "delete managed object": lambda desk, event: desk.store.inventory.delete(event),
    "add external ID": lambda desk, event: desk.name(event),
    "remove external ID": lambda desk, event: desk.unname(),
}


def tree(root: Path) -> dict[str, bytes | None]:
    return {
        str(path.relative_to(root)): path.read_bytes() if path.is_file() else None
        for path in sorted(root.rglob("*"))
    }


@pytest.fixture
def opened(root: Path) -> Iterator[Store]:
    with closing(Store.open(root)) as store:
        yield store


@pytest.mark.parametrize("name", CHANGES)
def test_nothing_changes_while_the_gate_is_closed(root: Path, name: str) -> None:
    with Desk(root) as desk:
        event = desk.create()
        before = tree(root / "events")
        desk.disk.gate.close()
        with pytest.raises(ReadOnly):
            CHANGES[name](desk, event)
        assert tree(root / "events") == before
        desk.disk.gate.open()


def test_who_joins_after_the_order_changes_nothing_and_is_known_to(
    root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "c8ybin")
    make_read_only(Layout(root))
    with closing(Store.open(root)) as store:
        assert store.is_read_only
        with pytest.raises(ReadOnly):
            store.events.create(new_event(DOCUMENT), "tester")
        assert still_writing(Layout(root)) == []
        assert store.trouble() is None
    assert f"read-only for now, as {root / 'read-only'} says" in caplog.text


def test_who_runs_obeys_within_a_second_and_again(opened: Store, root: Path) -> None:
    layout = Layout(root)
    assert still_writing(layout) == [opened.folder.parent]
    opened.mode.start()
    make_read_only(layout)
    assert wait_until_read_only(layout, 10.0) == []
    assert opened.is_read_only
    end_read_only(layout)
    deadline = threading.Event()
    while opened.is_read_only:
        assert not deadline.wait(0.01)
    assert still_writing(layout) == [opened.folder.parent]
    opened.mode.stop()


def test_a_change_under_way_ends_before_the_process_is_known_to_obey(opened: Store, root: Path) -> None:
    layout = Layout(root)
    make_read_only(layout)
    with opened._disk.gate.changing():
        assert not opened.mode._look()
        with pytest.raises(ReadOnly):
            opened.events.create(new_event(DOCUMENT), "tester")
        assert still_writing(layout) == [opened.folder.parent]
    assert opened.mode._look()
    assert still_writing(layout) == []


def test_who_takes_the_lock_looks_for_the_order_after_that(
    opened: Store, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The order comes between the look that finds none and the lock."""
    layout = Layout(root)
    make_read_only(layout)
    assert opened.mode._look()
    real = mode.is_read_only
    seen: list[bool] = []

    def look(of: Layout) -> bool:
        seen.append(bool(seen) and real(of))
        return seen[-1]

    monkeypatch.setattr(mode, "is_read_only", look)
    assert not opened.mode._look()
    assert seen == [False, True]
    assert opened.is_read_only
    assert still_writing(layout) == []


def test_where_nobody_can_tell_it_stays_as_it_is_and_is_known(
    opened: Store, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: Layout) -> bool:
        raise OSError(5, "Input/output error")

    make_read_only(Layout(root))
    monkeypatch.setattr(mode, "is_read_only", fail)
    monkeypatch.setattr(mode, "LOOK_EVERY_S", 0.01)
    opened.mode.start()
    assert wait_until_read_only(Layout(root), 0.1) == [opened.folder.parent]
    assert not opened.is_read_only
    opened.mode.stop()


def test_a_program_that_knows_no_order_counts_as_writing_until_it_ends(root: Path) -> None:
    make_read_only(Layout(root))
    with Desk(root) as desk:
        assert still_writing(Layout(root)) == [desk.writer.folder]
    assert still_writing(Layout(root)) == []


def test_a_dead_process_does_not_count(root: Path) -> None:
    desk = Desk(root)
    desk.die()
    assert still_writing(Layout(root)) == []


def test_one_that_was_fenced_does_not_count_though_it_holds_its_locks(root: Path) -> None:
    with closing(Store.open(root, several_hosts=True)) as silent:
        make_read_only(Layout(root))
        folder = silent.folder.parent
        assert still_writing(Layout(root)) == [folder]
        fence(folder)
        assert still_writing(Layout(root)) == []


def test_no_sweep_begins_while_nothing_may_be_changed(root: Path) -> None:
    dead = Desk(root)
    event = dead.create()
    (dead.home(event) / f"content-{dead.writer.name}-9").write_bytes(b"orphan")
    dead.die()
    with Desk(root) as desk:
        desk.disk.gate.close()
        before = tree(root / "events")
        with pytest.raises(ReadOnly):
            desk.sweep()
        with pytest.raises(ReadOnly):
            desk.store.sweep.require_writable()
        assert tree(root / "events") == before
        desk.disk.gate.open()
        desk.sweep()
        assert tree(root / "events") != before


def test_a_sweeper_waits_until_changes_are_taken(root: Path, caplog: pytest.LogCaptureFixture) -> None:
    with Desk(root) as desk:
        desk.disk.gate.close()
        sweeper = Sweeper(desk.store.sweep)
        sweeper.start()
        sweeper.stop()
        assert not caplog.records
        desk.disk.gate.open()


def test_accounts_are_not_changed(root: Path) -> None:
    with closing(Accounts(root)) as accounts:
        accounts.add("ann", "password-1", ROLES)
        make_read_only(Layout(root))
        with pytest.raises(AccountsProblem, match="is read-only"):
            accounts.add("bob", "password-1", ROLES)
        assert [user.name for user in accounts.users()] == ["ann"]


def test_no_restore_replaces_what_may_not_be_changed(root: Path) -> None:
    make_read_only(Layout(root))
    with pytest.raises(UnfitDirectory, match="is read-only"):
        restore_backup([], root, replace=True)


def furnished(root: Path) -> EventId:
    with Desk(root) as desk:
        event = desk.create()
        desk.attach(event, b"bytes")
        desk.name(desk.make(name="thing"), "4711")
        desk.store.listing.find(Query(), Paging())
    return event


@pytest.mark.parametrize("has_index", [True, False])
def test_a_look_touches_nothing_and_reads_all(root: Path, has_index: bool) -> None:
    event = furnished(root)
    if not has_index:
        for path in sorted((root / "index").rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()
    before = tree(root)
    with closing(Store.look_at(root)) as store, closing(Intake(store.folder)) as intake:
        assert store.is_read_only
        assert store.trouble() is None
        assert [e.id for e in store.listing.find(Query(), Paging()).events] == [event]
        assert store.listing.overview(Query()).events == 1
        assert store.binaries.find(event).length == 5
        assert store.identities.find(ExternalId("c8y_Serial", "4711"))
        with pytest.raises(ReadOnly):
            store.events.delete(event, Precondition())
        assert intake.max_binary
        assert Label("text/plain", None)
    assert tree(root) == before


def test_a_list_has_what_a_dead_process_did_not_tell_also_where_it_may_not_be_told(root: Path) -> None:
    first = furnished(root)
    dead = Desk(root)
    dead.disk.index._append = lambda line: None  # type: ignore[method-assign]
    second = dead.create()
    dead.die()
    before = tree(root)
    with closing(Store.look_at(root)) as store:
        found = {event.id for event in store.listing.find(Query(), Paging()).events}
    assert found == {first, second}
    assert tree(root) == before


def test_the_index_is_not_folded_while_nothing_may_be_changed(root: Path) -> None:
    with Desk(root) as desk:
        desk.create()
        desk.disk.gate.close()
        assert not desk.disk.index.fold()
        assert not (root / "index" / "manifest").exists()
        desk.disk.gate.open()
