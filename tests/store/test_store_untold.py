"""What dead processes did not tell the index: found again, and not forgotten before that is durable."""

import errno
import logging
import os
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest
from brute_force import all_facts, expected, listed
from store_tools import Desk

from c8ybin.cli.demo import greeting
from c8ybin.domain.errors import ListUnavailable
from c8ybin.domain.queries import Paging, Query
from c8ybin.index.manifest import read_manifest
from c8ybin.store import Readers, untold
from c8ybin.store.writer import untold_hours_of

EVERYTHING = Query(), Paging(2000, with_total_elements=True)


def is_right(desk):
    """Tell whether a list of all is what the tree holds."""
    return listed(desk, *EVERYTHING) == expected(all_facts(desk), *EVERYTHING)


def lose_the_lines_of(desk):
    """Take from a dead process what it told, as a power cut may."""
    for path in desk.layout.index.glob(f"{desk.writer.name}-*.log"):
        os.truncate(path, 0)


@pytest.mark.parametrize("change", ["create", "delete"])
def test_what_a_power_cut_took_from_the_log_is_told_by_the_next_process(desk, make_desk, change):
    event_id = desk.create()
    reader = make_desk()
    assert is_right(reader)
    desk.create() if change == "create" else desk.delete(event_id)
    desk.die()
    lose_the_lines_of(desk)
    assert is_right(make_desk())


def test_what_was_told_for_the_dead_is_found_again_after_another_power_cut(desk, make_desk):
    event_id = desk.create()
    reader = make_desk()
    assert is_right(reader)
    desk.delete(event_id)
    desk.die()
    lose_the_lines_of(desk)
    teller = make_desk()
    teller.store.listing.untold.tell()
    assert untold_hours_of(desk.writer.folder) == []
    teller.die()
    lose_the_lines_of(teller)
    assert is_right(make_desk())


def test_a_change_between_the_note_of_its_hour_and_its_line_is_looked_for_after_one_synced_line(
    desk, make_desk
):
    event_id = desk.create()
    assert is_right(make_desk())
    desk.writer.note_synced()
    assert untold_hours_of(desk.writer.folder)
    desk.writer.note_synced()
    assert not untold_hours_of(desk.writer.folder)
    desk.delete(event_id)
    assert untold_hours_of(desk.writer.folder)


def failing_below(monkeypatch, call, below):
    """Let a call of `os` fail for the files below a path."""
    real = getattr(os, call)

    def refuse(at, *arguments, **more):
        path = os.readlink(f"/proc/self/fd/{at}") if isinstance(at, int) else str(at)
        if path.startswith(str(below)):
            raise OSError(errno.EIO, "the disk failed", path)
        return real(at, *arguments, **more)

    monkeypatch.setattr(os, call, refuse)


def test_an_event_that_cannot_be_read_when_it_is_told_for_the_dead_is_listed_once_it_can(
    desk, make_desk, monkeypatch
):
    assert is_right(make_desk())
    event_id = desk.create()
    desk.die()
    lose_the_lines_of(desk)
    teller = make_desk()
    with monkeypatch.context() as patch:
        failing_below(patch, "open", desk.home(event_id) / "event.json")
        teller.store.listing.untold.tell()
    assert untold_hours_of(desk.writer.folder) == []
    assert is_right(teller)
    assert is_right(make_desk())


def test_an_index_that_cannot_be_read_for_a_moment_keeps_what_the_dead_did_not_tell(
    desk, make_desk, monkeypatch
):
    desk.create()
    teller = make_desk()
    with Readers(teller.layout, 2) as readers:
        teller.store.reindex(readers)
    assert is_right(teller)
    event_id = desk.create()
    desk.die()
    lose_the_lines_of(desk)
    teller = make_desk()
    with monkeypatch.context() as patch:
        failing_below(patch, "pread", desk.layout.index / "columns")
        teller.store.listing.untold.tell()
    assert is_right(teller)
    assert event_id in [event.id for event in teller.store.listing.find(*EVERYTHING).events]
    assert teller.sweep() == 1
    assert is_right(make_desk())


def test_no_list_waits_for_long_for_who_tells(desk, make_desk, monkeypatch):
    desk.create()
    desk.die()
    reader = make_desk()
    telling, go_on, tell = Event(), Event(), reader.store.listing.untold.tell

    def be_held_up():
        telling.set()
        assert go_on.wait(60)
        tell()

    monkeypatch.setattr(untold, "LONGEST_WAIT_S", 0.01)
    monkeypatch.setattr(reader.store.listing.untold, "tell", be_held_up)
    with ThreadPoolExecutor() as pool:
        first, second = (pool.submit(is_right, reader) for _ in range(2))
        try:
            for each in (first, second):
                with pytest.raises(ListUnavailable):
                    each.result(timeout=60)
            assert telling.is_set()
            # Nor does a start, which shows what to try.
            assert "demo" in greeting(reader.store, "http://127.0.0.1")
        finally:
            go_on.set()
    monkeypatch.setattr(untold, "LONGEST_WAIT_S", 60.0)
    assert is_right(reader)


def test_no_list_over_several_hosts_waits_for_long_for_a_file_that_nobody_can_read(root, desk, monkeypatch):
    desk.create()
    monkeypatch.setattr("c8ybin.store.disk.LOCK_TIMEOUT_S", 0.01)
    with Desk(root, several_hosts=True) as reader:
        monkeypatch.setattr("c8ybin.store.disk.LOCK_TIMEOUT_S", 10.0)
        go_on, refresh = Event(), reader.disk.index._view.refresh

        def be_held_up():
            assert go_on.wait(60)
            refresh()

        monkeypatch.setattr(reader.disk.index._view, "refresh", be_held_up)
        try:
            # The second waits for the first to be done with what was read.
            for _ in range(2):
                with pytest.raises(ListUnavailable):
                    is_right(reader)
            assert reader.store.listing.overview_at_once() is None
        finally:
            go_on.set()
        monkeypatch.setattr(reader.disk.index, "_patience_s", 60.0)
        assert is_right(reader)


def test_what_could_not_be_told_is_told_by_the_next_list(desk, make_desk, monkeypatch):
    desk.create()
    desk.die()
    lose_the_lines_of(desk)
    reader = make_desk()
    with monkeypatch.context() as patch:
        failing_below(patch, "pread", desk.layout.tmp)
        with pytest.raises(OSError, match="the disk failed"):
            reader.store.listing.untold.tell_once()
    assert is_right(reader)


def test_the_sweep_goes_on_where_the_index_cannot_be_used(desk, make_desk, caplog):
    other = make_desk()
    other.close()
    desk.create()
    desk.die()
    sweeper = make_desk()
    # A plain file where the index should be.
    for path in sorted(desk.layout.index.iterdir()):
        path.unlink()
    desk.layout.index.rmdir()
    desk.layout.index.touch()
    with caplog.at_level(logging.WARNING):
        assert sweeper.sweep() == 0
    assert "the index cannot be told" in caplog.text
    desk.layout.index.unlink()
    assert sweeper.sweep() == 1


def test_a_process_that_ends_well_makes_durable_what_it_told(make_desk, monkeypatch):
    desk, synced = make_desk(), []
    desk.create()
    with monkeypatch.context() as patch:
        patch.setattr(
            "c8ybin.index.log.fsio.sync_data", lambda fd: synced.append(os.readlink(f"/proc/self/fd/{fd}"))
        )
        desk.close()
    assert synced == [str(next(desk.layout.index.glob("*.log")))]
    assert not desk.writer.folder.exists()


def test_a_process_whose_log_cannot_be_made_durable_leaves_its_hours_to_a_sweep(make_desk, monkeypatch):
    desk, reader = make_desk(), make_desk()
    desk.create()
    assert is_right(reader)

    def fail(fd):
        raise OSError(errno.EIO, "the disk failed")

    with monkeypatch.context() as patch:
        patch.setattr("c8ybin.index.log.fsio.sync_data", fail)
        desk.close()
    assert untold_hours_of(desk.writer.folder)
    lose_the_lines_of(desk)
    assert reader.sweep() == 1
    assert is_right(make_desk())


def test_what_the_dead_did_not_tell_is_not_lost_behind_a_damaged_column(desk, make_desk, monkeypatch):
    monkeypatch.setattr("c8ybin.index.index.FOLD_AT", 2)
    for module in ("column", "table"):
        monkeypatch.setattr(f"c8ybin.index.{module}.MOST_ROWS", 2)
        monkeypatch.setattr(f"c8ybin.index.{module}.CUT_ROWS", 1)
    for year in range(2001, 2009):
        desk.create(time=f"{year}-01-01T00:00:00.000Z")
    assert is_right(desk)
    desk.disk.index.fold()
    oldest = read_manifest(desk.layout.index).columns[0]
    path = desk.layout.index / "columns" / oldest.name
    data = path.read_bytes()
    # The first section is that of the IDs.
    at = data.index(b"\n") + 1
    path.write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
    event_id = desk.create(time="2020-01-01T00:00:00.000Z")
    desk.die()
    lose_the_lines_of(desk)
    fresh = make_desk()
    assert listed(fresh, Query(), Paging(1)).ids == [event_id]
    assert is_right(fresh)
