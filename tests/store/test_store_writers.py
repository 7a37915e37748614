"""Processes in one data directory: their folders, their locks of life, their hours."""

import errno
import os
from pathlib import Path

import pytest
from store_tools import by_path

from c8ybin import fsio
from c8ybin.store.layout import Layout
from c8ybin.store.writer import Writer, hours_of, noted_inventory, untold_hours_of


@pytest.fixture()
def make_writer(root):
    made = []

    def make():
        made.append(Writer(Layout(root)))
        return made[-1]

    yield make
    for writer in made:
        if writer.folder.exists():
            writer.close()


def is_free(folder):
    with fsio.opened(folder / "alive", write=True) as fd:
        return fsio.try_lock(fd)


def test_two_writers_in_one_directory_have_folders_and_names_of_their_own(make_writer, root):
    one, two = make_writer(), make_writer()
    assert sorted(os.listdir(root / "tmp")) == sorted([one.name, two.name])
    names = {w.next_name("content") for w in (one, two) for _ in range(3)}
    names |= {w.draft_name("binary.json") for w in (one, two) for _ in range(3)}
    assert len(names) == 12
    assert "-" not in one.name
    assert one.next_name("content").startswith(f"content-{one.name}-")


def test_alive_is_held_until_the_writer_closes_and_nothing_of_it_stays(make_writer, root):
    writer = make_writer()
    assert not is_free(writer.folder)
    (writer.folder / "body-1").write_bytes(b"half")
    writer.close()
    assert os.listdir(root / "tmp") == []


def test_alive_is_held_by_a_process_and_free_once_it_is_killed(start, root):
    child = start("desk = Desk(Path(sys.argv[1]))\nsay(desk.writer.folder)\nwait()")
    folder = Layout(root).tmp / child.hear().rpartition("/")[2]
    assert not is_free(folder)
    child.kill()
    assert is_free(folder)


def test_an_hour_is_noted_once_in_order_and_read_back(make_writer):
    writer = make_writer()
    for hour in ("2026-11-24/15", "imported/7", "2026-11-24/15", "2026-11-24/16"):
        writer.note_hour(hour)
    assert hours_of(writer.folder) == ["2026-11-24/15", "imported/7", "2026-11-24/16"]


def test_an_hour_is_durable_when_the_note_returns(make_writer, monkeypatch):
    writer = make_writer()
    synced = []
    fdatasync = os.fdatasync

    def record(fd):
        synced.append((os.readlink(f"/proc/self/fd/{fd}"), os.fstat(fd).st_size))
        fdatasync(fd)

    monkeypatch.setattr(os, "fdatasync", record)
    writer.note_hour("2026-11-24/15")
    writer.note_hour("2026-11-24/15")
    assert synced == [(str(writer.folder / "hours"), len("2026-11-24/15\n"))]


def test_an_hour_that_could_not_be_noted_is_noted_at_the_next_try(make_writer, monkeypatch):
    writer = make_writer()
    fdatasync = os.fdatasync

    def fail(fd):
        raise OSError(28, "no space")

    monkeypatch.setattr(os, "fdatasync", fail)
    with pytest.raises(OSError, match="no space"):
        writer.note_hour("2026-11-24/15")
    monkeypatch.setattr(os, "fdatasync", fdatasync)
    writer.note_hour("2026-11-24/15")
    assert hours_of(writer.folder) == ["2026-11-24/15"]


def fill(writer, rounds):
    """Let many hours be noted and told, as in a year."""
    for _ in range(rounds):
        for hour in range(24):
            writer.note_hour(f"2026-11-24/{hour:02}")
        writer.note_synced()


def test_hours_that_are_noted_again_and_again_do_not_pile_up(make_writer, monkeypatch):
    monkeypatch.setattr("c8ybin.store.writer.MOST_SPARE_BYTES", 1024)
    writer = make_writer()
    writer.note_hour("2026-11-23/00")
    writer.note_hour("inventory")
    fill(writer, 20)
    assert (writer.folder / "hours").stat().st_size < 3 * 1024
    assert sorted(os.listdir(writer.folder)) == ["alive", "drafts", "hours"]
    # None is forgotten, for what this process may leave there, and none that may not be told.
    every = [f"2026-11-24/{hour:02}" for hour in range(24)]
    assert hours_of(writer.folder) == ["2026-11-23/00", *every]
    assert noted_inventory(writer.folder)
    assert sorted(untold_hours_of(writer.folder)) == every
    writer.note_synced()
    writer.note_hour("2026-11-24/03")
    assert untold_hours_of(writer.folder) == ["2026-11-24/03"]


@pytest.mark.parametrize("fails_for", [1, 2])
def test_no_hour_is_noted_in_a_new_file_whose_name_may_be_lost(make_writer, monkeypatch, fails_for):
    monkeypatch.setattr("c8ybin.store.writer.MOST_SPARE_BYTES", -1000)
    writer, fsync, failures = make_writer(), os.fsync, []

    def fail(fd):
        if os.readlink(f"/proc/self/fd/{fd}") == str(writer.folder) and len(failures) < fails_for:
            failures.append(fd)
            raise OSError(5, "input/output error")
        fsync(fd)

    writer.note_hour("2026-11-24/15")
    monkeypatch.setattr(os, "fsync", fail)
    writer.note_synced()
    if fails_for == 2:
        with pytest.raises(OSError, match="input/output error"):
            writer.note_hour("2026-11-24/16")
    before = (writer.folder / "hours").stat().st_ino
    with fsio.opened(writer.folder / "hours"):
        writer.note_hour("2026-11-24/16")
        assert (writer.folder / "hours").stat().st_ino != before
    assert hours_of(writer.folder) == ["2026-11-24/15", "2026-11-24/16"]
    assert untold_hours_of(writer.folder) == ["2026-11-24/15", "2026-11-24/16"]


def test_hours_stay_as_they_are_where_there_is_no_room_for_others(make_writer, monkeypatch):
    monkeypatch.setattr("c8ybin.store.writer.MOST_SPARE_BYTES", -1000)
    writer = make_writer()
    writer.note_hour("2026-11-24/15")

    def fail(*_):
        raise OSError(28, "no space")

    monkeypatch.setattr("c8ybin.fsio.durable.rename", fail)
    writer.note_synced()
    assert sorted(os.listdir(writer.folder)) == ["alive", "drafts", "hours"]
    writer.note_hour("2026-11-24/16")
    assert hours_of(writer.folder) == ["2026-11-24/15", "2026-11-24/16"]


def test_of_a_torn_last_hour_nothing_counts(tmp_path):
    (tmp_path / "hours").write_text("2026-11-24/15\n2026-11-2")
    assert hours_of(tmp_path) == ["2026-11-24/15"]
    assert hours_of(tmp_path / "nowhere") == []


def test_the_folder_is_durable_before_it_is_used(root, monkeypatch):
    synced = []
    fsync = os.fsync

    def record(fd):
        path = os.readlink(f"/proc/self/fd/{fd}")
        synced.append((path, sorted(os.listdir(path))))
        fsync(fd)

    monkeypatch.setattr(os, "fsync", record)
    writer = Writer(Layout(root))
    assert synced == [(str(writer.folder), ["alive", "drafts", "hours"]), (str(root / "tmp"), [writer.name])]
    writer.close()


def test_a_writer_whose_new_folder_a_sweep_removes_takes_another(root, monkeypatch):
    mkdir, folders = os.mkdir, []

    def make_and_lose(path, mode):
        mkdir(path, mode)
        if path.name == "drafts":
            return
        folders.append(path)
        if len(folders) == 1:
            os.rmdir(path)

    monkeypatch.setattr(os, "mkdir", by_path(make_and_lose))
    writer = Writer(Layout(root))
    assert len(folders) == 2
    assert writer.folder == folders[1]
    assert not is_free(writer.folder)
    writer.close()


def test_a_writer_whose_new_lock_a_sweep_takes_first_takes_another_folder(root, monkeypatch):
    layout, taken, try_lock = Layout(root), [], fsio.try_lock

    def lose_the_first(fd):
        if not taken:
            taken.append(os.open(f"/proc/self/fd/{fd}", os.O_RDWR))
            assert try_lock(taken[0])
        return try_lock(fd)

    monkeypatch.setattr(fsio, "try_lock", lose_the_first)
    writer = Writer(layout)
    assert len(os.listdir(layout.tmp)) == 2
    os.close(taken[0])
    assert not is_free(writer.folder)
    writer.close()


def test_a_writer_whose_new_folder_a_sweep_took_and_left_takes_another(root, monkeypatch):
    # The sweep is through with it before the flock is tried, which then succeeds on a file that is gone.
    layout, folders, try_lock = Layout(root), [], fsio.try_lock

    def lose_the_first(fd):
        folders.append(Path(os.readlink(f"/proc/self/fd/{fd}")).parent)
        if len(folders) == 1:
            fsio.remove_tree(folders[0])
        return try_lock(fd)

    monkeypatch.setattr(fsio, "try_lock", lose_the_first)
    writer = Writer(layout)
    assert writer.folder == folders[1] != folders[0]
    assert (writer.folder / "alive").exists()
    writer.close()


def test_a_probe_writes_durably_and_leaves_nothing(make_writer, monkeypatch):
    writer, synced = make_writer(), []
    fsync = os.fsync

    def record(fd):
        synced.append(os.fstat(fd).st_size)
        fsync(fd)

    monkeypatch.setattr(os, "fsync", record)
    writer.probe()
    assert synced == [7]
    assert sorted(os.listdir(writer.folder)) == ["alive", "drafts", "hours"]


def test_the_store_tells_its_trouble_and_when_it_is_over(make_desk, monkeypatch):
    desk = make_desk()
    monkeypatch.setattr("c8ybin.store.store._PROBE_KEEPS_S", 0.0)
    assert desk.store.trouble() is None
    folder = desk.store.folder
    folder.rename(folder.with_name("away"))
    assert isinstance(desk.store.trouble(), FileNotFoundError)
    folder.with_name("away").rename(folder)
    assert desk.store.trouble() is None


def test_the_store_probes_at_most_once_a_second(make_desk):
    desk = make_desk()
    assert desk.store.trouble() is None
    folder = desk.store.folder
    folder.rename(folder.with_name("away"))
    assert desk.store.trouble() is None
    folder.with_name("away").rename(folder)


def test_the_store_tells_for_a_while_of_a_failure_that_a_probe_does_not_meet(make_desk, monkeypatch):
    desk = make_desk()
    failure = OSError(errno.EIO, "Input/output error")
    desk.store.note_failure(failure)
    assert desk.store.trouble() is failure
    monkeypatch.setattr("c8ybin.store.store._FAILURE_KEEPS_S", 0.0)
    assert desk.store.trouble() is None


def test_a_closing_writer_lets_its_lock_of_life_go_last(root, unlinked):
    # Killed on the way, what is left must still have an `alive`, or no sweep ever takes it.
    writer = Writer(Layout(root))
    (writer.folder / "body-1").touch()
    unlinked.clear()
    writer.close()
    assert sorted(unlinked) == ["alive", "body-1", "hours"]
    assert unlinked[-1] == "alive"


def test_of_a_dead_writers_hours_only_what_is_one_counts(tmp_path):
    (tmp_path / "hours").write_bytes(b"2026-11-24/15\n\0\0\0\0\n/etc\n../../x\nimported/7\n2026-11-24/1")
    assert hours_of(tmp_path) == ["2026-11-24/15", "imported/7"]
