"""Views: in whatever order the logs are read, lists are what the events are."""

import os
from itertools import permutations

import pytest

from c8ybin.domain.events import IS_BINARY, IS_INCOMPLETE
from c8ybin.domain.queries import Paging, Query
from c8ybin.index import Unsound, entry_of
from c8ybin.index.manifest import MANIFEST, read_manifest
from c8ybin.index.view import View

ALL = Paging(2000, with_total_elements=True)


def ids(index, query=None, paging=ALL):
    window = index.find(query or Query(), paging)
    assert window.total in (len(window.ids), None)
    return window.ids


def make_sound(index):
    """Have the first manifest made."""
    assert ids(index) == []


@pytest.mark.parametrize("names", list(permutations(["aa", "bb", "cc"])))
@pytest.mark.parametrize("folded_after", range(6))
def test_lines_of_several_processes_count_in_any_order(make_index, events, names, folded_after, monkeypatch):
    monkeypatch.setattr("c8ybin.index.index.FOLD_AT", 2)
    one, two, three = (make_index(name) for name in names)
    make_sound(one)
    binary = Query(fragment_type=IS_BINARY)

    def create():
        one.born(events.put(7, a="x"))

    def attach():
        events.put(7, 0, 20, a="x", **{IS_BINARY: {}})
        two.attached(7, 20, 5)

    def detach():
        events.put(7, 0, 30, a="x")
        three.touched(7)

    def attach_again():
        events.put(7, 0, 40, a="x", **{IS_BINARY: {}})
        one.attached(7, 40, 5)

    def delete():
        del events[7]
        two.gone(7, 0)

    for number, step in enumerate((create, attach, detach, attach_again, delete)):
        step()
        if number == folded_after:
            three.fold()
        for index in (one, two, three, make_index(f"d{number}")):
            assert ids(index) == list(events)
            shown = [i for i, facts in events.items() if IS_BINARY in facts.fragments]
            assert ids(index, binary) == shown
            moment = events[7].updated if events else 40
            assert ids(index, Query(updated_from=moment, updated_to=moment + 1)) == list(events)


def test_an_event_that_was_born_and_attached_is_not_read(make_index, events, index):
    make_sound(index)
    index.born(events.put(7))
    index.attached(7, 20, 5)
    events.clear()  # what is read from now on is not there
    assert ids(index, Query(fragment_type=IS_BINARY)) == [7]
    assert ids(index, Query(updated_from=20)) == [7]


def test_an_event_that_was_folded_and_then_attached_is_read(make_index, events, index, monkeypatch):
    monkeypatch.setattr("c8ybin.index.index.FOLD_AT", 2)
    make_sound(index)
    index.born(events.put(7))
    assert index.fold()
    events.put(7, 0, 50, **{IS_BINARY: {}})
    index.attached(7, 20, 5)
    assert ids(index, Query(fragment_type=IS_BINARY)) == [7]
    assert ids(index, Query(updated_from=50)) == [7]
    index.touched(7)
    assert index.fold()
    # What could be read is in no doubt any more: no list needs to read it.
    assert list(read_manifest(index._folder).doubtful) == []


@pytest.mark.parametrize("names", list(permutations(["aa", "bb"])))
def test_an_upload_goes_with_an_attachment_in_whatever_order_the_lines_are_read(make_index, events, names):
    one, two = (make_index(name) for name in names)
    make_sound(one)
    one.born(events.put(7))
    events.put(7, **{IS_INCOMPLETE: {}})
    two.touched(7)
    uploads = Query(fragment_type=IS_INCOMPLETE)
    assert ids(two, uploads) == ids(one, uploads) == [7]
    events.put(7, 0, 20, **{IS_BINARY: {}})
    two.attached(7, 20, 5)
    assert ids(two, uploads) == ids(one, uploads) == []


@pytest.mark.parametrize("names", list(permutations(["aa", "bb"])))
@pytest.mark.parametrize("by_the_first", [True, False])
def test_a_number_that_is_given_again_is_listed_whichever_log_comes_first(
    make_index, events, names, by_the_first
):
    one, two = (make_index(name) for name in names)
    ids(one)
    one.born(events.put(7, 1))
    del events[7]
    two.gone(7, 1)
    assert ids(one) == []
    (one if by_the_first else two).born(events.put(7, 2))
    for index in (one, two, make_index("dd")):
        assert ids(index) == [7]
    del events[7]
    one.gone(7, 2)
    for index in (one, two, make_index("ee")):
        assert ids(index) == []


def test_the_line_of_a_birth_that_comes_after_the_deletion_shows_nothing(make_index, events):
    one, two = make_index("aa"), make_index("bb")
    make_sound(one)
    facts = events.put(7)
    del events[7]
    one.gone(7, facts.time)
    two.born(facts)
    for index in (one, two):
        assert ids(index) == []


def test_an_event_that_cannot_be_read_stays_in_doubt(make_index, events, index, monkeypatch):
    monkeypatch.setattr("c8ybin.index.index.FOLD_AT", 2)
    make_sound(index)
    index.born(events.put(7))
    index.touched(7)
    kept = events.pop(7)
    events.unreadable.add(7)
    index.fold()
    assert list(read_manifest(index._folder).doubtful) == [7]
    events[7] = kept
    events.put(7, 0, 99, a="y")
    assert ids(index, Query(fragment_type="a")) == [7]
    assert ids(make_index("bb"), Query(fragment_type="a")) == [7]


def test_an_event_that_was_touched_after_it_went_is_forgotten(make_index, events, index, monkeypatch):
    monkeypatch.setattr("c8ybin.index.index.FOLD_AT", 2)
    make_sound(index)
    facts = events.put(7)
    events.put(8)
    for event in list(events.values()):
        index.born(event)
    assert index.fold()
    del events[7]
    index.gone(7, facts.time)
    index.touched(8)
    assert index.fold()
    # As a repeated request does, or whoever tells for a dead process.
    index.touched(7)
    index.touched(8)
    assert index.fold()
    assert list(read_manifest(index._folder).doubtful) == []
    assert ids(index) == [8]


def test_an_event_that_went_without_a_word_is_dropped_where_it_was_in_doubt(
    make_index, events, index, monkeypatch
):
    monkeypatch.setattr("c8ybin.index.index.FOLD_AT", 2)
    make_sound(index)
    for number in (7, 8):
        index.born(events.put(number))
    assert index.fold()
    index.touched(7)
    index.touched(8)
    del events[7]
    for asked in (index, make_index("bb")):
        assert ids(asked, Query(updated_from=0)) == [8]
    assert index.fold()
    assert list(read_manifest(index._folder).doubtful) == []
    for asked in (index, make_index("cc")):
        assert ids(asked) == [8]


def test_a_manifest_that_changes_while_the_logs_are_read_is_read_again(
    make_index, events, folder, monkeypatch
):
    monkeypatch.setattr("c8ybin.index.index.FOLD_AT", 2)
    writing = {"aa"}
    reader = make_index("dd")
    index = make_index("bb", is_writing=writing.__contains__)
    gone = make_index("aa")
    make_sound(reader)
    gone.born(events.put(7))
    writing.clear()

    def fold_first(path):
        monkeypatch.undo()
        monkeypatch.setattr("c8ybin.index.index.FOLD_AT", 2)
        assert index.fold()
        assert not list(folder.glob("aa-*.log"))
        return {}

    # The folding comes after the look at the manifest: the log is gone, and all of it folded.
    monkeypatch.setattr("c8ybin.index.view.log_names", fold_first)
    assert ids(reader) == [7]


def test_a_fold_removes_what_has_ended_and_nothing_else(make_index, events, folder, monkeypatch):
    monkeypatch.setattr("c8ybin.index.index.FOLD_AT", 2)
    writing = {"aa", "bb"}
    one = make_index("aa", is_writing=writing.__contains__)
    two = make_index("bb")
    make_sound(one)
    one.born(events.put(1))
    two.born(events.put(2))
    (folder / "columns" / "left").touch()
    (folder / ".manifest.left").touch()
    assert one.fold()
    assert {path.name for path in folder.glob("*.log")} == {"aa-1.log", "bb-1.log"}
    assert not (folder / "columns" / "left").exists()
    assert not (folder / ".manifest.left").exists()
    two.born(events.put(3))
    writing.remove("bb")
    assert one.fold()
    assert {path.name for path in folder.glob("*.log")} == {"aa-1.log"}
    one.born(events.put(4))
    assert one.fold()
    assert set(read_manifest(folder).logs) == {"aa-1.log"}
    assert ids(one) == [4, 3, 2, 1]


@pytest.mark.parametrize("how", ["removed", "cut short"])
@pytest.mark.parametrize("then", ["a list", "a fold"])
def test_a_log_of_another_that_loses_lines_is_missed_by_whoever_has_read_them(
    make_index, events, folder, how, then, monkeypatch
):
    monkeypatch.setattr("c8ybin.index.index.FOLD_AT", 2)
    one, two = make_index("aa"), make_index("bb")
    make_sound(two)
    for event_id in (1, 2, 3):
        one.born(events.put(event_id))
    one.close()
    assert ids(two) == [3, 2, 1]
    before = (folder / MANIFEST).read_bytes()
    (folder / "aa-1.log").unlink() if how == "removed" else os.truncate(folder / "aa-1.log", 0)
    if then == "a fold":
        # A list may come before the keeper has mended it.
        with pytest.raises(Unsound):
            two.fold()
    assert ids(two) == [3, 2, 1]
    assert (folder / MANIFEST).read_bytes() != before
    assert ids(make_index("cc")) == [3, 2, 1]


def test_a_fold_removes_the_logs_that_a_running_process_has_followed_by_others(
    events, folder, index, monkeypatch
):
    monkeypatch.setattr("c8ybin.index.index.FOLD_AT", 2)
    monkeypatch.setattr("c8ybin.index.log.LONGEST", 300)
    make_sound(index)
    for event_id in range(1, 9):
        index.born(events.put(event_id))
    logs = sorted(path.name for path in folder.glob("*.log"))
    assert len(logs) > 2
    assert index.fold()
    assert [path.name for path in folder.glob("*.log")] == logs[-1:]
    assert ids(index) == [8, 7, 6, 5, 4, 3, 2, 1]


def test_the_last_line_of_a_process_that_ends_while_its_log_is_folded_is_kept(
    make_index, events, folder, monkeypatch
):
    monkeypatch.setattr("c8ybin.index.index.FOLD_AT", 2)
    writing = {"aa", "bb"}
    one, two = make_index("aa", is_writing=writing.__contains__), make_index("bb")
    make_sound(one)
    two.born(events.put(1))
    refresh = View.refresh

    def end_after(view):
        refresh(view)
        if writing == {"aa", "bb"}:
            two.born(events.put(9))
            writing.remove("bb")

    with monkeypatch.context() as patch:
        patch.setattr(View, "refresh", end_after)
        assert one.fold()
    assert ids(make_index("cc")) == [9, 1]


def test_an_error_while_folding_leaves_the_old_state(make_index, events, folder, index, monkeypatch):
    monkeypatch.setattr("c8ybin.index.index.FOLD_AT", 2)
    make_sound(index)
    for event_id in range(1, 6):
        index.born(events.put(event_id))
    before = (folder / MANIFEST).read_bytes()

    def fail(path, draft):
        raise OSError(28, "full")

    with monkeypatch.context() as patch:
        patch.setattr("c8ybin.index.manifest.fsio.replacing", fail)
        with pytest.raises(OSError, match="full"):
            index.fold()
    assert (folder / MANIFEST).read_bytes() == before
    assert ids(index) == [5, 4, 3, 2, 1]


def test_a_manifest_that_was_copied_is_unsound(make_index, events, folder, index, tmp_path):
    make_sound(index)
    copy = tmp_path / "copy"
    copy.mkdir()
    (copy / MANIFEST).write_bytes((folder / MANIFEST).read_bytes())
    with pytest.raises(Unsound, match="copy"):
        read_manifest(copy)


@pytest.mark.parametrize("runs", [1, 3, 1000])
def test_events_are_sorted_in_runs_on_the_disk(make_index, events, index, runs, tmp_path, monkeypatch):
    monkeypatch.setattr("c8ybin.index.rebuilding.RUN_EVENTS", runs)
    for event_id in range(1, 11):
        events.put(event_id, time=-event_id % 3)
    wanted = sorted(events, key=lambda event_id: (events[event_id].time, event_id), reverse=True)
    assert ids(index) == wanted
    assert not list(tmp_path.glob("run-*"))


def test_events_that_change_while_all_are_read_are_right_after(make_index, events, index):
    for event_id in range(1, 6):
        events.put(event_id)
    ids(index)

    def reading():
        for facts in list(events.values()):
            yield entry_of(facts)
            if facts.id == 2:
                del events[1]
                index.gone(1, 0)
                del events[4]
                index.gone(4, 0)
                index.born(events.put(9))
                events.put(2, 0, 77, a="y")
                index.touched(2)
                # Its creator has put it in place, and comes to its line only now.
                index.born(events[5])

    index.reindex(reading())
    assert ids(index) == [9, 5, 3, 2]
    assert ids(index, Query(fragment_type="a")) == [2]


def test_what_can_match_nothing_reads_no_file_of_the_index(index, monkeypatch):
    def fail(*_):
        raise AssertionError("read")

    monkeypatch.setattr("c8ybin.index.view.View.refresh", fail)
    for query in (
        Query(date_from=2, date_to=1),
        Query(created_from=2, created_to=1),
        Query(updated_from=2, updated_to=2),
        Query(type="a", fragment_type="type", fragment_value="b"),
        Query(fragment_type="source", fragment_value="1"),
        Query(fragment_type="time", fragment_value="no time"),
    ):
        assert ids(index, query) == []
        assert index.ids(query) == []


@pytest.mark.parametrize("oldest_first", [True, False])
def test_pages_go_on_across_columns_and_what_is_fresh(events, index, oldest_first, monkeypatch):
    for module in ("column", "table"):
        monkeypatch.setattr(f"c8ybin.index.{module}.MOST_ROWS", 4)
        monkeypatch.setattr(f"c8ybin.index.{module}.CUT_ROWS", 3)
    for event_id in range(1, 20):
        events.put(event_id, time=event_id // 2, source=str(event_id % 3))
    assert len(ids(index)) == 19
    for event_id in range(20, 24):
        index.born(events.put(event_id, time=event_id * 7 % 11, source=str(event_id % 3)))
    for gone in (3, 8, 21):
        index.gone(gone, events.pop(gone).time)
    for query in (Query(), Query(source="1"), Query(date_from=2, date_to=7), Query(source="2", date_from=3)):
        found = [
            (e.time, e.id)
            for e in events.values()
            if query.source in (None, e.source) and (query.date_from or 0) <= e.time <= (query.date_to or 99)
        ]
        wanted = [event_id for _, event_id in sorted(found, reverse=not oldest_first)]
        for size in range(1, 9):
            for page in range(1, 26):
                window = index.find(
                    query, Paging(size, page, oldest_first, with_total_elements=page % 2 == 0)
                )
                assert window.ids == wanted[(page - 1) * size : page * size], (query, size, page)
                assert window.total == (len(wanted) if page % 2 == 0 else None)


def test_a_page_far_beyond_the_end_is_empty(index, events):
    events.put(1)
    for page in (2, 10**9, 10**99):
        assert index.find(Query(), Paging(2000, page)).ids == []
        assert index.find(Query(), Paging(2000, page, with_total_pages=True)).total == 1
