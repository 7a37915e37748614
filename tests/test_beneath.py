"""Paths with symbolic links in them, by the kernel's own call and where there is none."""

import contextlib
import os

import pytest

from c8ybin import fsio
from c8ybin.fsio import beneath, files


@pytest.fixture(params=["openat2", "each component"])
def way(request, monkeypatch):
    if request.param == "each component":
        monkeypatch.setattr(files, "open_beneath", beneath.walk_beneath)
        monkeypatch.setattr(beneath, "open_beneath", beneath.walk_beneath)


@pytest.fixture()
def tree(tmp_path, way):
    (tmp_path / "real" / "folder").mkdir(parents=True)
    (tmp_path / "real" / "folder" / "file").write_bytes(b"bytes")
    (tmp_path / "link").symlink_to("real")
    return tmp_path


def refused(action):
    with pytest.raises(OSError, match=r"symbolic links|Not a directory") as caught:
        action()
    assert not isinstance(caught.value, FileNotFoundError)


def test_without_a_link_all_is_found(tree, monkeypatch):
    path = tree / "real" / "folder" / "file"
    assert fsio.read(path) == b"bytes"
    assert fsio.names(tree / "real") == ["folder"]
    assert fsio.entries(tree / "real" / "folder") == [path]
    assert fsio.status(path).st_size == 5
    assert fsio.is_directory(tree / "real")
    assert fsio.is_link(tree / "link")
    monkeypatch.chdir(tree / "real")
    assert fsio.read("folder/file") == b"bytes"
    os.close(fsio.create("new"))
    assert fsio.remove("new")
    with pytest.raises(FileNotFoundError):
        fsio.read(tree / "real" / "none")


@pytest.mark.parametrize("name", ["link", "link/folder"])
def test_a_link_on_the_way_is_refused(tree, name):
    folder, other = tree / name, tree / "real" / "other"
    other.touch()
    before = sorted(map(str, tree.rglob("*")))
    for action in (
        lambda: fsio.open_existing(folder / "file"),
        lambda: fsio.create(folder / "new"),
        lambda: fsio.make_directory(folder / "new"),
        lambda: fsio.rename(other, folder / "new"),
        lambda: fsio.rename(folder / "file", tree / "new"),
        lambda: fsio.link(other, folder / "new"),
        lambda: fsio.link(folder / "file", tree / "new"),
        lambda: fsio.remove(folder / "file"),
        lambda: fsio.remove_directory(folder / "folder"),
        lambda: fsio.names(folder),
        lambda: fsio.sync_directory(folder),
        lambda: fsio.touch(folder / "file"),
        lambda: fsio.open_lock(folder / "lock"),
    ):
        refused(action)
    fsio.remove_tree(folder)
    assert sorted(map(str, tree.rglob("*"))) == before


def test_removing_a_tree_removes_links_and_not_what_they_lead_to(tree):
    (tree / "doomed").mkdir()
    (tree / "doomed" / "link").symlink_to(tree / "real")
    fsio.remove_tree(tree / "doomed")
    assert sorted(os.listdir(tree)) == ["link", "real"]
    (tree / "doomed").mkdir()
    (tree / "doomed" / "last").symlink_to(tree / "real" / "folder" / "file")
    (tree / "doomed" / "link").symlink_to(tree / "real")
    fsio.remove_with_last(tree / "doomed", "last")
    assert sorted(os.listdir(tree)) == ["link", "real"]
    fsio.remove_any(tree / "link")
    assert os.listdir(tree) == ["real"]
    assert fsio.read(tree / "real" / "folder" / "file") == b"bytes"


def test_a_second_name_is_one_of_the_link_itself(tree):
    fsio.link(tree / "link", tree / "second")
    assert (tree / "second").is_symlink()


def test_a_directory_that_is_exchanged_once_it_is_open_is_still_the_one_that_was_opened(tree):
    with beneath.Place(tree / "real" / "folder" / "file") as place:
        (tree / "real" / "folder").rename(tree / "moved")
        (tree / "real" / "folder").symlink_to("/")
        assert os.listdir(f"/proc/self/fd/{place.fd}") == ["file"]
        os.unlink(place.name, dir_fd=place.fd)
    assert os.listdir(tree / "moved") == []


def test_no_descriptor_is_left(tree):
    before = len(os.listdir("/proc/self/fd"))
    for path in (tree / "real" / "folder" / "file", tree / "link" / "x", tree / "none" / "x"):
        for action in (fsio.read, fsio.names, fsio.status, fsio.remove, fsio.make_directory):
            with contextlib.suppress(OSError):
                action(path)
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_directory_that_is_held_open_is_not_opened_again(tree, monkeypatch):
    folder = tree / "real" / "folder"
    fsio.hold_open(folder)
    with beneath.Place(folder / "a") as one, beneath.Place(folder / "b") as other:
        assert one.fd == other.fd
    fsio.let_go(folder)
    with beneath.Place(folder / "a") as again:
        assert os.fstat(again.fd).st_ino == folder.stat().st_ino


def test_null_bytes_are_no_path(tree):
    with pytest.raises(ValueError, match="null byte"):
        fsio.read(f"{tree}/real\0/file")
