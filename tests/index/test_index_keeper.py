"""The keeper: folds when that is worth it, mends while requests wait, ends when it is told."""

import threading

import pytest

from c8ybin.domain.errors import ListUnavailable
from c8ybin.domain.queries import Paging, Query
from c8ybin.index import Keeper
from c8ybin.index import keeper as keeper_module
from c8ybin.index.manifest import MANIFEST, read_manifest

WAIT_S = 30


@pytest.fixture()
def keep():
    kept = []

    def begin(index, synced=lambda: None):
        keeper = Keeper(index, synced)
        kept.append(keeper)
        keeper.start()
        return keeper

    yield begin
    for keeper in kept:
        keeper.stop()


def test_many_lines_wake_it_and_it_folds_them(index, events, folder, keep, monkeypatch):
    monkeypatch.setattr("c8ybin.index.index.FOLD_AT", 8)
    assert index.find(Query(), Paging()).ids == []
    begun, folded, fold = threading.Event(), threading.Event(), index.fold

    def told():
        if fold():
            folded.set()
        begun.set()

    monkeypatch.setattr(index, "fold", told)
    keep(index)
    # It looks once when it begins, and counts the lines from then on.
    assert begun.wait(WAIT_S)
    for event_id in range(1, 9):
        index.born(events.put(event_id))
    assert folded.wait(WAIT_S)
    assert sum(column.rows for column in read_manifest(folder).columns) == 8


def test_it_mends_while_a_list_waits(index, events, folder, keep, monkeypatch):
    events.put(1)
    index.find(Query(), Paging())
    keep(index)
    (folder / MANIFEST).write_bytes(b"noise")
    threads, rebuilt_by = [], []
    mend = index.mend

    def noted():
        rebuilt_by.append(threading.current_thread().name)
        mend()

    monkeypatch.setattr(index, "mend", noted)
    assert index.find(Query(), Paging()).ids == [1]
    assert set(rebuilt_by) == {"index"}
    assert not threads


def test_a_list_does_not_wait_for_ever(index, events, folder, keep, monkeypatch):
    events.put(1)
    monkeypatch.setattr(keeper_module, "LONGEST_WAIT_S", 0.05)
    go_on = threading.Event()
    monkeypatch.setattr(index, "mend", lambda: go_on.wait(WAIT_S))
    keep(index)
    with pytest.raises(ListUnavailable):
        index.find(Query(), Paging())
    go_on.set()


def test_an_error_of_mending_is_the_lists(index, folder, keep):
    folder.touch()
    keep(index)
    with pytest.raises(OSError):
        index.find(Query(), Paging())


def test_what_was_told_is_noted_as_durable_only_where_all_of_it_is(index, events, folder, monkeypatch):
    monkeypatch.setattr(keeper_module, "SYNC_EVERY_S", 0.0)
    noted = []

    def run_once():
        keeper = Keeper(index, lambda: noted.append(True))
        monkeypatch.setattr(keeper._awake, "wait", lambda _: setattr(keeper, "_ended", True))
        keeper._run()

    index.find(Query(), Paging())
    index.born(events.put(1))
    run_once()
    assert noted == [True]
    monkeypatch.setattr(index._log, "_may_be_lost", True)
    run_once()
    assert noted == [True]


def test_an_index_that_cannot_be_kept_is_told_in_one_line(index, folder, monkeypatch, caplog):
    folder.touch()
    keeper = Keeper(index, lambda: None)
    monkeypatch.setattr(keeper._awake, "wait", lambda _: setattr(keeper, "_ended", True))
    keeper._run()
    (record,) = caplog.records
    assert "left for later" in record.message
    assert not record.exc_info
