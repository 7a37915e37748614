"""Whose data directory it is, and what a start makes of it."""

import errno
import os

import pytest
from store_tools import Desk, by_path, own_locks

from c8ybin import fsio
from c8ybin.fsio import files
from c8ybin.probes import FOLDER
from c8ybin.store import Store, UnfitDirectory, prepare_directory
from c8ybin.store.layout import FORMAT

LOCK_NAMES = [*(f"{number:03x}" for number in range(1024)), "index"]


def tree(root):
    return sorted(
        (str(p.relative_to(root)), p.read_bytes() if p.is_file() else None) for p in root.rglob("*")
    )


def is_whole(root):
    names = sorted(p.name for p in root.iterdir() if p.name in ("events", "format", "locks", "tmp"))
    assert names == ["events", "format", "locks", "tmp"]
    assert (root / "format").read_text() == f"{FORMAT}\n" == "c8ybin 1\n"
    assert sorted(os.listdir(root / "locks")) == LOCK_NAMES


def test_a_new_directory_is_made_with_its_parents_and_left_clean(tmp_path):
    root = tmp_path / "srv" / "c8ybin" / "data"
    store = Store.open(root)
    assert os.listdir(root / "tmp") == [store.folder.parent.name]
    store.close()
    is_whole(root)
    assert sorted(os.listdir(root)) == ["ballast", "events", "format", "locks", "tmp"]
    assert os.listdir(root / "tmp") == []


def test_a_directory_with_only_harmless_things_is_taken_and_keeps_them(tmp_path, monkeypatch):
    # The lock files take most of a second and are looked at above.
    monkeypatch.setattr("c8ybin.store.opening.LOCKS", 2)
    for name in ("README.md", ".gitignore", ".gitkeep", ".format.0123456789ab", f"{FOLDER}0123456789ab"):
        (tmp_path / name).write_text("x")
    (tmp_path / "lost+found").mkdir()
    prepare_directory(tmp_path)
    assert (tmp_path / "format").read_text() == f"{FORMAT}\n"
    assert (tmp_path / "README.md").read_text() == "x"


@pytest.mark.parametrize("name", ["photo.jpg", "events", "accounts.json", ".git"])
def test_a_directory_of_somebody_else_is_refused_and_untouched(tmp_path, name):
    (tmp_path / "README.md").touch()
    (tmp_path / name).mkdir()
    before = tree(tmp_path)
    with pytest.raises(UnfitDirectory, match=f"other files \\({name}"):
        Store.open(tmp_path)
    assert tree(tmp_path) == before


@pytest.mark.parametrize("text", ["c8ybin 2\n", "", "borg\n", "\xff" * 100])
def test_an_unknown_format_is_refused_and_untouched(tmp_path, text):
    (tmp_path / "format").write_bytes(text.encode("latin-1"))
    before = tree(tmp_path)
    with pytest.raises(UnfitDirectory, match="which this version does not know; it knows 'c8ybin 1'"):
        Store.open(tmp_path)
    assert tree(tmp_path) == before


def test_a_file_is_no_data_directory(tmp_path):
    (tmp_path / "data").touch()
    with pytest.raises(UnfitDirectory, match="not a directory"):
        Store.open(tmp_path / "data")


def test_what_a_cut_start_left_out_is_filled_in(root):
    own_locks(root)
    for number in range(1, 1024):  # hard links, for speed: a lock file is only a name to flock
        os.link(root / "format", root / "locks" / f"{number:03x}")
    (root / "events").rmdir()
    (root / "tmp").rmdir()
    prepare_directory(root)
    is_whole(root)
    assert not os.path.samefile(root / "locks" / "000", root / "format")


def test_a_lock_file_that_is_missing_on_a_full_disk_takes_the_room_of_the_ballast(root, monkeypatch):
    Store.open(root).close()
    own_locks(root, "000", "001")  # as an earlier version made them
    create = files.create

    def create_where_there_is_room(path):
        if (root / "ballast").exists():
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        return create(path)

    monkeypatch.setattr("c8ybin.store.opening.LOCKS", 2)
    monkeypatch.setattr("c8ybin.fsio.locks.create", create_where_there_is_room)
    Store.open(root).close()
    assert sorted(os.listdir(root / "locks")) == ["000", "001", "index"]


def test_an_open_directory_is_left_as_it_is_by_a_second_start(desk, root):
    event_id = desk.create()
    desk.attach(event_id, b"bytes")
    before = tree(root)
    prepare_directory(root)
    assert tree(root) == before


@pytest.fixture()
def steps(monkeypatch):
    """What a start makes durable and what it makes, in order; it is done, too."""
    done = []
    fsync, rename, mkdir = os.fsync, os.rename, os.mkdir

    def note(what, path):
        if FOLDER not in path:  # there the file system is tried, and nothing made
            done.append((what, path))

    def record_fsync(fd):
        note("fsync", os.readlink(f"/proc/self/fd/{fd}"))
        fsync(fd)

    def record_rename(source, target):
        note("rename", str(target))
        rename(source, target)

    def record_mkdir(path, mode):
        mkdir(path, mode)
        note("mkdir", str(path))

    monkeypatch.setattr(os, "fsync", record_fsync)
    monkeypatch.setattr(os, "rename", by_path(record_rename))
    monkeypatch.setattr(os, "mkdir", by_path(record_mkdir))
    monkeypatch.setattr("c8ybin.store.opening.LOCKS", 2)
    return done


def test_what_a_start_makes_is_durable_before_anything_is_stored(tmp_path, steps):
    root = tmp_path / "srv" / "data"
    prepare_directory(root)
    srv, data = str(tmp_path / "srv"), str(root)
    assert steps[:4] == [("mkdir", srv), ("fsync", str(tmp_path)), ("mkdir", data), ("fsync", srv)]
    named = steps.index(("rename", f"{data}/format"))
    assert steps[named - 1][1].startswith(f"{data}/.format.")  # the file before its name
    assert steps[named + 1] == ("fsync", data)
    # `format` stands before anything else does, or a cut start would look like a foreign directory.
    assert named + 1 < steps.index(("mkdir", f"{data}/events"))
    assert steps[-2:] == [("fsync", f"{data}/locks"), ("fsync", data)]


def test_names_that_a_killed_start_made_are_made_durable_by_the_next(root, steps):
    prepare_directory(root)
    assert ("fsync", str(root)) in steps


def test_the_name_of_the_data_directory_that_a_killed_start_made_is_made_durable_by_the_next(root, steps):
    # Killed between mkdir and the fsync of the parent; the next start finds the directory there.
    prepare_directory(root)
    assert ("fsync", str(root.parent)) in steps


def test_of_two_first_starts_at_once_none_takes_the_other_for_a_stranger(tmp_path, monkeypatch):
    monkeypatch.setattr("c8ybin.store.opening.LOCKS", 2)
    read, turn = fsio.read, []

    def read_and_be_overtaken(path):
        try:
            return read(path)
        except FileNotFoundError:
            if not turn:
                turn.append(True)
                prepare_directory(tmp_path)  # the other start, whole, between our two looks
            raise

    monkeypatch.setattr(fsio, "read", read_and_be_overtaken)
    prepare_directory(tmp_path)
    assert turn


MORE_THAN_ANY_DISK = 1 << 62


@pytest.fixture()
def no_room(root):
    with Desk(root, min_free=MORE_THAN_ANY_DISK) as desk:
        yield desk


@pytest.mark.parametrize(
    "act",
    [
        lambda desk, event_id: desk.create(),
        lambda desk, event_id: desk.update(event_id, text="new"),
        lambda desk, event_id: desk.chunk(event_id, "0-2/9", b"abc"),
        lambda desk, event_id: desk.chunk(event_id, "3-5/9", b"def"),
    ],
    ids=["create", "update", "first chunk", "next chunk"],
)
def test_below_the_reserve_nothing_is_added(desk, no_room, act):
    event_id = desk.create()
    desk.chunk(event_id, "0-1/9", b"ab")
    before = (desk.store.events.read(event_id).etag, desk.files(event_id))
    with pytest.raises(OSError) as caught:
        act(no_room, event_id)
    assert caught.value.errno == errno.ENOSPC
    assert (desk.store.events.read(event_id).etag, desk.files(event_id)) == before
    assert [event for event, _ in desk.layout.walk()] == [event_id]


def test_below_the_reserve_everything_can_be_deleted(desk, no_room):
    event_id = desk.create()
    desk.attach(event_id, b"bytes")
    no_room.drop(event_id)
    assert desk.files(event_id) == ["event.json"]
    no_room.delete(event_id)
    assert not desk.home(event_id).exists()


def test_below_the_reserve_a_store_tells_that_it_takes_nothing(no_room):
    assert no_room.store.trouble().errno == errno.ENOSPC


def test_a_reserve_of_none_leaves_it_to_the_file_system(desk):
    assert desk.store.trouble() is None
    desk.disk.require_room()
