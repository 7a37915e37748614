"""A copy elsewhere: what it has, what it reads again, what it refuses, and what it is told of."""

import os
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest
from backup_tools import state
from store_tools import Desk, patch_call

from c8ybin import fsio
from c8ybin.accounts import ROLES, Accounts
from c8ybin.bodies import files as body_files
from c8ybin.domain.ids import EventId
from c8ybin.store import (
    Check,
    StillWritten,
    Store,
    Sync,
    Synced,
    UnfitDirectory,
    digesting,
    end_read_only,
    event_copy,
    existing_directory,
    make_read_only,
    stamps,
    sync,
)
from c8ybin.store.layout import BINARY, EVENT, JOURNAL, Layout
from c8ybin.store.stamps import Times

Copy = Callable[..., Synced]


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "copy"


@pytest.fixture
def copy(root: Path, place: Path) -> Copy:
    def run(*, final: bool = False, **more: object) -> Synced:
        return Sync(Layout(root), place, **more).run(final=final, within_s=0.1)  # type: ignore[arg-type]

    return run


@pytest.fixture
def settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let times settle at once, so that nothing is read again for its youth."""
    monkeypatch.setattr(stamps, "_SETTLED_NS", -(10**18))


def complete(copy: Copy, root: Path) -> Synced:
    make_read_only(Layout(root))
    return copy(final=True)


def test_a_copy_has_all_of_it_byte_for_byte(root: Path, place: Path, copy: Copy) -> None:
    with Desk(root) as desk:
        for data in (b"", b"x", os.urandom(600_000)):
            desk.attach(desk.create(), data)
        event = desk.create()
        desk.chunk(event, "3-5/9", b"def")
        desk.chunk(event, "7-7/9", b"h")
        desk.name(desk.make(name="thing"))
    with closing(Accounts(root)) as accounts:
        accounts.add("ann", "password-1", ROLES)
    (root / "tls").mkdir()
    (root / "tls" / "key.pem").write_text("key")
    done = complete(copy, root)
    assert (done.events, done.changed_events, done.removed_events) == (4, 4, 0)
    assert done.is_complete
    assert state(place) == state(root)
    assert (place / "tls" / "key.pem").read_text() == "key"
    for private in ("accounts.json", "tls/key.pem"):
        assert (place / private).stat().st_mode & 0o777 == 0o600
    assert {path.name for path in place.iterdir()} == {
        *("accounts.json", "devices", "events", "format", "identities", "locks", "tls", "tmp")
    }
    assert list(Check(Layout(place)).run()) == []


def test_the_source_is_never_written(root: Path, copy: Copy, monkeypatch: pytest.MonkeyPatch) -> None:
    with Desk(root) as desk:
        desk.attach(desk.create(), b"bytes")
    make_read_only(Layout(root))

    def refusing(real: Callable[..., object]) -> Callable[..., object]:
        def called(*arguments: object) -> object:
            assert not any(str(a).startswith(f"{root}/") for a in arguments[:2]), arguments
            return real(*arguments)

        return called

    for call in ("rename", "link", "unlink", "mkdir", "rmdir"):
        patch_call(monkeypatch, call, refusing)
    times = {path: path.stat().st_mtime_ns for path in root.rglob("*")}
    copy(final=True)
    assert {path: path.stat().st_mtime_ns for path in root.rglob("*")} == times


@pytest.mark.usefixtures("settled")
def test_what_has_not_changed_is_not_read_again(
    root: Path, place: Path, copy: Copy, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Desk(root) as desk:
        desk.attach(desk.create(), b"bytes")
        changed = desk.create()
    assert copy().changed_events == 2
    read: list[Path] = []
    real = event_copy.snapshot
    monkeypatch.setattr(event_copy, "snapshot", lambda home: read.append(home) or real(home))
    assert copy().changed_events == 0
    assert read == []
    with Desk(root) as desk:
        desk.attach(changed, b"new")
    assert copy().changed_events == 1
    assert read == [Layout(root).event(changed)]


def test_what_changed_just_now_is_read_again_for_its_time_may_stand_still(
    root: Path, place: Path, copy: Copy
) -> None:
    with Desk(root) as desk:
        event = desk.create()
        copy()
        (note,) = (place / ".sync" / "hours").iterdir()
        assert note.read_bytes().count(b"null") == 1
        desk.attach(event, b"new")
        assert copy().changed_events == 1


@dataclass
class Status:
    """What stat(2) tells."""

    st_mtime_ns: int
    st_ctime_ns: int
    st_ino: int = 7


def test_a_time_has_settled_by_that_very_file_systems_clock(root: Path) -> None:
    times = Times(Layout(root))
    latest = max(path.stat().st_ctime_ns for path in (root, root / "events", root / "tmp"))

    def stamp(mtime_ns: int, ctime_ns: int) -> object:
        return times.stamp(Status(mtime_ns, ctime_ns))  # type: ignore[arg-type]

    before = latest - stamps._SETTLED_NS
    assert stamp(before - 1, before - 1) == (7, before - 1, before - 1)
    assert stamp(before, 0) is None
    assert stamp(0, before) is None
    # What is seen to have changed later tells that it is later.
    assert stamp(latest + 1, 0) is None
    assert stamp(before, 0) is not None


@pytest.mark.usefixtures("settled")
def test_an_upload_is_looked_at_each_time_and_only_what_arrived_is_copied(
    root: Path, place: Path, copy: Copy
) -> None:
    with Desk(root) as desk:
        event = desk.create()
        desk.chunk(event, "0-99999/300000", b"a" * 100_000)
        copy()
        moved = Layout(place).event(event)
        content = next(moved.glob("content-*"))
        number = content.stat().st_ino
        desk.chunk(event, "200000-299999/300000", b"c" * 100_000)
        done = copy()
        assert 100_000 <= done.copied_bytes < 102_000
        assert content.stat().st_ino == number
        assert (moved / JOURNAL).read_bytes() == (desk.home(event) / JOURNAL).read_bytes()
        desk.chunk(event, "100000-199999/300000", b"b" * 100_000)
        done = copy()
        assert 100_000 <= done.copied_bytes < 102_000
        assert content.read_bytes() == desk.get(event)
    assert not (moved / JOURNAL).exists()


@pytest.mark.usefixtures("settled")
def test_bytes_that_rotted_in_the_copy_of_an_upload_are_copied_anew_when_it_is_complete(
    root: Path, place: Path, copy: Copy
) -> None:
    with Desk(root) as desk:
        event = desk.create()
        desk.chunk(event, "0-2/6", b"abc")
        copy()
        content = next(Layout(place).event(event).glob("content-*"))
        content.write_bytes(b"axc")
        desk.chunk(event, "3-5/6", b"def")
        assert copy().damaged == []
        assert next(Layout(place).event(event).glob("content-*")).read_bytes() == b"abcdef"


@pytest.mark.usefixtures("settled")
def test_what_has_gone_goes_from_the_copy(root: Path, place: Path, copy: Copy) -> None:
    with Desk(root) as desk:
        gone, kept = desk.create(), desk.create()
        desk.attach(gone, b"bytes")
        thing = desk.make(name="thing")
        desk.name(thing)
        (root / "admin-password").write_text("first")
        copy()
        desk.delete(gone)
        desk.store.inventory.delete(thing)
        (root / "admin-password").unlink()
        old = Layout(root).event(EventId(7))
        old.mkdir(parents=True)
        (old / EVENT).write_bytes((desk.home(kept) / EVENT).read_bytes())
        assert copy().removed_events == 1
        assert Layout(place).event(EventId(7)).exists()
        (old / EVENT).unlink()
        for folder in (old, old.parent):
            folder.rmdir()
        assert copy().removed_events == 1
    assert complete(copy, root).removed_events == 0
    assert state(place) == state(root)
    assert [number for number, _ in Layout(place).walk()] == [kept]


@pytest.mark.usefixtures("settled")
def test_what_a_killed_copy_left_in_an_hour_and_has_gone_since_goes(
    root: Path, place: Path, copy: Copy
) -> None:
    with Desk(root) as desk:
        desk.create()
        copy()
        created = desk.create()
        real = sync.HoursCopy._finish
        sync.HoursCopy._finish = lambda self, hour: self._never  # type: ignore[method-assign,attr-defined]
        try:
            with pytest.raises(AttributeError):
                copy()
        finally:
            sync.HoursCopy._finish = real  # type: ignore[method-assign]
        assert Layout(place).event(created).exists()
        desk.delete(created)
        copy()
        assert not Layout(place).event(created).exists()


def undigested(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> EventId:
    monkeypatch.setattr(body_files, "HASHED_ON_ARRIVAL", 0)
    monkeypatch.setattr(digesting.Digester, "follow", lambda *_: None)
    event = desk.create()
    assert desk.attach(event, b"bytes").sha256 is None
    return event


@pytest.mark.usefixtures("settled")
def test_a_digest_that_has_not_followed_is_made_of_what_was_read_back(
    root: Path, place: Path, copy: Copy, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Desk(root) as desk:
        event = undigested(desk, monkeypatch)
        copy()
        wanted = (desk.home(event) / BINARY).read_bytes()
        moved = Layout(place).event(event) / BINARY
        assert moved.read_bytes().startswith(wanted)
        assert moved.read_bytes() != wanted
        desk.update(event, text="changed")
        copy()
        assert moved.read_bytes().startswith(wanted)
        assert moved.read_bytes() != wanted
    check = Check(Layout(place))
    complete(copy, root)
    assert list(check.run()) == []
    assert check.undigested == 0


def test_what_is_written_wrong_is_found_by_reading_it_back(
    root: Path, place: Path, copy: Copy, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Desk(root) as desk:
        event = undigested(desk, monkeypatch)
    real = fsio.write_at

    def write(fd: int, data: bytes, offset: int) -> None:
        real(fd, b"bytez" if bytes(data) == b"bytes" else data, offset)

    monkeypatch.setattr(fsio, "write_at", write)
    assert copy().damaged == [event]


def test_verify_finds_what_rotted_in_the_copy(root: Path, place: Path, copy: Copy) -> None:
    with Desk(root) as desk:
        event = desk.create()
        desk.attach(event, b"bytes")
    copy()
    content = next(Layout(place).event(event).glob("content-*"))
    content.write_bytes(b"bytez")
    assert copy().changed_events == 0
    assert copy(verify=True).changed_events == 1
    assert next(Layout(place).event(event).glob("content-*")).read_bytes() == b"bytes"
    assert copy(verify=True).changed_events == 0


@pytest.mark.parametrize("damage", [EVENT, BINARY, "content"])
def test_what_is_damaged_is_left_out_also_where_it_was_copied_before(
    root: Path, place: Path, copy: Copy, damage: str
) -> None:
    with Desk(root) as desk:
        event = desk.create()
        desk.attach(event, b"bytes")
        desk.create()
        copy()
        path = next(desk.home(event).glob(f"{damage}*"))
        path.write_bytes(b"x\n")
        told: list[str] = []
        done = copy(left_out=lambda which, _: told.append(which))
    assert done.damaged == [event]
    assert told == [f"event {event}"]
    assert done.events == 1
    assert not Layout(place).event(event).exists()
    # What was whole when it was copied may be the last that is.
    assert (done.quarantined, done.removed_events) == (1, 0)
    (kept,) = (place / "quarantine").glob(f"*/events_*_{event}")
    assert next(kept.glob("content-*")).read_bytes() == b"bytes"
    assert copy().quarantined == 0
    complete(copy, root)
    assert list(Check(Layout(place)).run()) == []


def test_the_copy_of_a_managed_object_that_is_damaged_by_now_is_set_aside(
    root: Path, place: Path, copy: Copy
) -> None:
    with Desk(root) as desk:
        thing = desk.make(name="thing")
        copy()
        path = desk.layout.object(thing)
        whole = path.read_bytes()
        path.write_bytes(b"x\n")
        done = copy()
    name = path.relative_to(root)
    assert (done.others, done.quarantined) == ([name.as_posix()], 1)
    assert not (place / name).exists()
    (kept,) = (place / "quarantine").glob(f"*/{name.as_posix().replace('/', '_')}")
    assert kept.read_bytes() == whole


def test_it_refuses_while_changes_are_taken(root: Path, place: Path, copy: Copy) -> None:
    with pytest.raises(StillWritten, match="read-only on"):
        copy(final=True)
    make_read_only(Layout(root))
    with Desk(root), pytest.raises(StillWritten, match="has not heard"):
        copy(final=True)
    assert not (place / "format").exists()


def test_an_order_that_was_taken_back_meanwhile_does_not_count(
    root: Path, place: Path, copy: Copy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever changed in between may be missing."""
    layout = Layout(root)
    make_read_only(layout)
    real = sync.SinglesCopy.external_ids

    def and_back(self: sync.SinglesCopy) -> None:
        real(self)
        end_read_only(layout)
        make_read_only(layout)

    monkeypatch.setattr(sync.SinglesCopy, "external_ids", and_back)
    with pytest.raises(StillWritten, match="open for changes meanwhile"):
        copy(final=True)
    assert not (place / "format").exists()


def test_a_source_that_a_restore_replaced_meanwhile_is_no_copy(
    root: Path, place: Path, copy: Copy, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = sync.SinglesCopy.external_ids

    def and_replace(self: sync.SinglesCopy) -> None:
        real(self)
        (root / "events").rename(root / "before-restore-x")
        (root / "events").mkdir()

    monkeypatch.setattr(sync.SinglesCopy, "external_ids", and_replace)
    with pytest.raises(UnfitDirectory, match="was replaced by a restore"):
        copy()


def test_who_changes_accounts_is_waited_for(root: Path, place: Path, copy: Copy) -> None:
    with closing(Accounts(root)) as accounts:
        accounts.add("ann", "password-1", ROLES)
        make_read_only(Layout(root))
        with accounts.changes.exclusive(), pytest.raises(TimeoutError):
            copy(final=True)
    assert not (place / "format").exists()


def test_who_changed_accounts_and_lost_the_lock_changes_nothing_after_that(root: Path, copy: Copy) -> None:
    late = root / ".accounts.json.0123456789ab"
    with closing(Accounts(root)) as accounts:
        accounts.add("ann", "password-1", ROLES)
    late.mkdir()
    (late / "accounts.json").write_text("what it would rename")
    make_read_only(Layout(root))
    copy(final=True)
    assert not late.exists()


def test_no_server_starts_on_what_is_not_complete(root: Path, place: Path, copy: Copy) -> None:
    copy()
    for start in (Store.open, existing_directory, Store.look_at):
        with pytest.raises(UnfitDirectory, match=f"{place} is a copy that is not complete: run `c8ybin sync"):
            start(place)


def test_what_is_complete_is_no_place_for_a_copy(root: Path, place: Path, copy: Copy) -> None:
    complete(copy, root)
    for final in (False, True):
        with pytest.raises(UnfitDirectory, match="is a data directory already"):
            copy(final=final)


def test_a_copy_that_was_cut_after_its_completion_is_told_to_be_complete(
    root: Path, place: Path, copy: Copy
) -> None:
    complete(copy, root)
    (place / ".sync").mkdir()
    with Desk(place) as desk:
        served = desk.create()
    assert copy().is_complete
    assert not (place / ".sync").exists()
    assert Layout(place).event(served).exists()


def test_other_files_are_left_alone(root: Path, place: Path, copy: Copy) -> None:
    place.mkdir()
    (place / "README.md").write_text("may be there")
    copy()
    (place / "README.md").read_text()
    other = place.with_name("other")
    other.mkdir()
    (other / "letter").write_text("mine")
    with pytest.raises(UnfitDirectory, match="holds other files"):
        Sync(Layout(root), other).run()
    assert [path.name for path in other.iterdir()] == ["letter"]


def test_neither_may_be_in_the_other(root: Path) -> None:
    for place in (root, root / "copy", root.parent):
        with pytest.raises(UnfitDirectory, match="in the other"):
            Sync(Layout(root), place).run()


def test_of_two_copies_at_once_one_is_refused(root: Path, place: Path, copy: Copy) -> None:
    copy()
    with fsio.opened(place / ".sync" / "alive", write=True) as fd:
        assert fsio.try_lock(fd)
        with pytest.raises(UnfitDirectory, match="Another copy"):
            copy()
    copy()


def test_a_server_that_began_a_data_directory_meanwhile_keeps_it(
    root: Path, place: Path, copy: Copy, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_read_only(Layout(root))
    real = sync.SinglesCopy.make_durable

    def and_begin(self: sync.SinglesCopy) -> None:
        real(self)
        (place / "format").write_text("c8ybin 1\n")

    monkeypatch.setattr(sync.SinglesCopy, "make_durable", and_begin)
    with pytest.raises(UnfitDirectory, match="became a data directory"):
        copy(final=True)


def test_links_in_the_source_are_not_followed(root: Path, place: Path, copy: Copy, tmp_path: Path) -> None:
    with Desk(root) as desk:
        event = desk.create()
        desk.attach(event, b"bytes")
        content = next(desk.home(event).glob("content-*"))
        (tmp_path / "secret").write_bytes(b"bytes")
        content.unlink()
        content.symlink_to(tmp_path / "secret")
    assert copy().damaged == [event]


def test_an_error_of_the_copys_disk_is_no_damage_of_the_source(
    root: Path, place: Path, copy: Copy, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Desk(root) as desk:
        desk.attach(desk.create(), b"bytes")

    def fail(*_: object) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(fsio, "write_at", fail)
    with pytest.raises(OSError, match="Input/output"):
        copy()
