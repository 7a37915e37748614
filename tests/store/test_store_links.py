"""Symbolic links in a data directory: whoever puts one there gets nothing outside read, changed or removed."""

import os
import shutil
from contextlib import suppress

import pytest
from store_tools import Desk

from c8ybin.accounts import Accounts
from c8ybin.domain.errors import Damaged, Refusal
from c8ybin.domain.inventory import ExternalId
from c8ybin.domain.queries import Paging, Query
from c8ybin.store import Kind, Store, UnfitDirectory, started_directory
from c8ybin.store.check import Check

REFUSED = (Refusal, Damaged, OSError)
SECRET = b"nobody's but the operator's"


@pytest.fixture()
def root(quick_root):
    return quick_root


@pytest.fixture()
def event_id(desk):
    event_id = desk.create()
    desk.attach(event_id, b"bytes")
    desk.chunk(event_id, "0-2/9", b"abc", put=True)
    return event_id


@pytest.fixture()
def object_id(desk):
    made = desk.make(name="thing")
    desk.name(made)
    return made


@pytest.fixture()
def outside(root):
    """A directory elsewhere, to which a link leads."""
    return root.with_name("outside")


def content(desk, event_id):
    return desk.home(event_id) / desk.store.binaries.find(event_id).content


# In whose place the link is put.
PLACES = {
    "the tree of events": lambda desk, event_id, _: desk.layout.events,
    "a day": lambda desk, event_id, _: desk.home(event_id).parent.parent,
    "an hour": lambda desk, event_id, _: desk.home(event_id).parent,
    "an event": lambda desk, event_id, _: desk.home(event_id),
    "event.json": lambda desk, event_id, _: desk.home(event_id) / "event.json",
    "binary.json": lambda desk, event_id, _: desk.home(event_id) / "binary.json",
    "a journal": lambda desk, event_id, _: desk.home(event_id) / "upload.journal",
    "a content file": lambda desk, event_id, _: content(desk, event_id),
    "the locks": lambda desk, event_id, _: desk.layout.locks,
    "a lock": lambda desk, event_id, _: desk.layout.lock(event_id),
    "the writers": lambda desk, event_id, _: desk.layout.tmp,
    "a writer": lambda desk, event_id, _: desk.writer.folder,
    "the index": lambda desk, event_id, _: desk.layout.index,
    "the manifest": lambda desk, event_id, _: desk.layout.index / "manifest",
    "the objects": lambda desk, event_id, object_id: desk.layout.devices,
    "an object": lambda desk, event_id, object_id: desk.layout.object(object_id),
    "the external IDs": lambda desk, event_id, object_id: desk.layout.identities,
    "the ballast": lambda desk, event_id, object_id: desk.layout.ballast,
    "the quarantine": lambda desk, event_id, object_id: desk.layout.quarantine,
}


def state(folder):
    """What is in a directory, its files' bytes and what a change of them or of a name would leave."""
    return {
        str(path.relative_to(folder)): (
            path.lstat().st_mtime_ns,
            path.lstat().st_mode,
            path.read_bytes() if path.is_file() else b"",
        )
        for path in (folder, *folder.rglob("*"))
    }


def put_link(place, outside):
    """Move what is there elsewhere, as a copy, with a secret beside, and put a link to it in its place."""
    outside.mkdir()
    (outside / "secret").write_bytes(SECRET)
    target = outside / place.name
    if place.is_dir():
        shutil.copytree(place, target)
        shutil.rmtree(place)
    elif place.exists():
        shutil.copy(place, target)
        place.unlink()
    else:
        target.mkdir()
    place.symlink_to(target)
    return target


def everything(desk, event_id, object_id):
    """Each operation in turn."""
    store = desk.store
    return [
        lambda: desk.get(event_id),
        lambda: store.events.read(event_id),
        lambda: desk.attach(event_id, b"new"),
        lambda: desk.replace(event_id, b"new"),
        lambda: desk.chunk(event_id, "3-5/9", b"def", put=True),
        lambda: desk.update(event_id, text="new"),
        lambda: store.listing.find(Query(), Paging(with_total_elements=True)),
        lambda: desk.attach(desk.create(), b"another"),
        lambda: store.inventory.read(object_id),
        lambda: store.identities.find(ExternalId("c8y_Serial", "4711")),
        lambda: desk.name(object_id, "4712"),
        lambda: desk.make(name="another"),
        desk.disk.index.fold,
        desk.sweep,
        store.sweep.stale_uploads,
        lambda: list(Check(desk.layout).run()),
        lambda: desk.drop(event_id),
        lambda: desk.delete(event_id),
        lambda: store.inventory.delete(object_id),
        lambda: list(Check(desk.layout, repair=store.repair()).run()),
        desk.close,
    ]


@pytest.mark.parametrize("name", PLACES)
def test_nothing_beyond_a_link_is_changed_or_removed(desk, event_id, object_id, outside, name):
    desk.store.listing.find(Query(), Paging())
    desk.disk.index.fold()
    put_link(PLACES[name](desk, event_id, object_id), outside)
    before = state(outside)
    for act in everything(desk, event_id, object_id):
        with suppress(*REFUSED):
            act()
        assert state(outside) == before
    desk.is_dead = True


@pytest.mark.parametrize(
    "name", ["the tree of events", "a day", "an hour", "an event", "binary.json", "a content file"]
)
def test_nothing_beyond_a_link_is_read(desk, event_id, object_id, outside, name):
    put_link(PLACES[name](desk, event_id, object_id), outside)
    with pytest.raises(REFUSED):
        desk.get(event_id)


def test_a_link_to_a_file_or_to_itself_is_no_content(desk, event_id, tmp_path):
    (tmp_path / "secret").write_bytes(SECRET)
    path = content(desk, event_id)
    for target in (tmp_path / "secret", path, "/etc/passwd"):
        for place in desk.home(event_id).glob("content-*"):
            place.unlink()
            place.symlink_to(target)
        with pytest.raises(OSError, match="symbolic links"):
            desk.get(event_id)


@pytest.mark.parametrize("name", ["events", "tmp", "locks", "index", "devices", "identities", "ballast"])
def test_a_start_says_which_directory_is_a_link(root, outside, name):
    (root / name).mkdir(exist_ok=True)
    put_link(root / name, outside)
    before = state(outside)
    for start in (Store.open, started_directory):
        with pytest.raises(UnfitDirectory, match=f"{root}/{name} is a symbolic link, and none is followed"):
            start(root)
    assert state(outside) == before


def test_the_path_of_the_data_directory_may_have_links(root, tmp_path):
    (tmp_path / "link").symlink_to(root.parent)
    store = Store.open(tmp_path / "link" / "data")
    assert store.folder.parent.parent == root / "tmp"
    store.close()


@pytest.mark.parametrize("name", ["accounts.json", "accounts.lock"])
def test_accounts_are_neither_read_nor_written_through_a_link(root, outside, name):
    accounts = Accounts(root)
    accounts.add("ann", "secret", ["ROLE_ADMIN"])
    accounts.close()
    put_link(root / name, outside)
    before = state(outside)
    accounts = Accounts(root)
    with pytest.raises(OSError, match="symbolic links"):
        accounts.add("eve", "secret", ["ROLE_ADMIN"])
    accounts.close()
    assert state(outside) == before


def test_a_check_tells_of_links_and_a_repair_sets_the_link_itself_aside(desk, event_id, outside):
    home = desk.home(event_id)
    target = put_link(home, outside)
    assert [(f.kind, f.path) for f in Check(desk.layout).run()] == [(Kind.FOREIGN, home)]
    before = state(outside)
    (found,) = Check(desk.layout, repair=desk.store.repair()).run()
    assert found.done
    (aside,) = desk.layout.quarantine.rglob(str(event_id))
    assert os.readlink(aside) == str(target)
    assert state(outside) == before


def test_a_directory_that_becomes_a_link_between_two_steps_leads_nowhere(desk, outside, monkeypatch):
    event_id = desk.create()
    fsync, done = os.fsync, []

    def exchange(fd):
        fsync(fd)
        if os.readlink(f"/proc/self/fd/{fd}") == str(desk.home(event_id)) and not done:
            done.append(put_link(desk.home(event_id), outside))
            done.append(state(outside))

    monkeypatch.setattr("c8ybin.fsio.parallel._SYSTEM_CALLS", {})
    monkeypatch.setattr(os, "fsync", exchange)
    with Desk(desk.root) as other:
        with pytest.raises(REFUSED):
            other.attach(event_id, b"bytes")
        assert state(outside) == done[1]
        monkeypatch.undo()
