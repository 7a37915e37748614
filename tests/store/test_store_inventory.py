"""Managed objects and external IDs as single files: commits, races, what is left, check, backup."""

import hashlib
import os
import random
import signal
from contextlib import nullcontext
from pathlib import Path

import pytest
from backup_tools import back_up, bring_back, files_of, furnish, state
from store_tools import Desk, by_path

from c8ybin import fsio
from c8ybin.domain.errors import Busy, ExternalIdNotFound, ExternalIdTaken, ObjectNotFound
from c8ybin.domain.ids import RELEASED_MS, Clock
from c8ybin.domain.inventory import ExternalId
from c8ybin.domain.queries import Query
from c8ybin.store import Check, Kind, WouldWait
from c8ybin.store.layout import Layout

SERIAL = ExternalId("c8y_Serial", "4711")


def look(desk):
    return {str(f.path.relative_to(desk.root)): f.kind for f in Check(desk.layout).run()}


def object_path(desk, object_id):
    return desk.layout.object(object_id)


def singles(desk):
    """The files of the inventory, by their names."""
    return sorted(p.name for top in ("devices", "identities") for p in (desk.root / top).rglob("*.json"))


@pytest.fixture
def thing(desk):
    return desk.make(name="thing")


class TestFiles:
    def test_lie_where_the_layout_draws_them(self, desk, thing):
        desk.name(thing)
        digest = hashlib.sha256(b"4711").hexdigest()
        path = desk.layout.external_id(*SERIAL)
        assert object_path(desk, thing) == desk.root / "devices" / str(thing // 10**12) / f"{thing}.json"
        assert path == desk.root / "identities" / "c8y_Serial" / f"{digest}.json"
        assert singles(desk) == sorted([f"{thing}.json", path.name])

    def test_of_one_day_share_a_directory(self, make_desk):
        seconds = iter(range(0, 86_400, 7_200))
        desk = make_desk(clock=Clock(lambda: RELEASED_MS / 1000 + next(seconds)))
        made = [desk.make(name=f"n{n}") for n in range(10)]
        (shelf,) = (desk.root / "devices").iterdir()
        assert sorted(p.stem for p in shelf.iterdir()) == sorted(map(str, made))

    def test_are_made_lazily(self, desk):
        assert not (desk.root / "devices").exists()
        assert not (desk.root / "identities").exists()
        assert look(desk) == {}

    def test_nothing_is_left_in_the_writers_folder(self, desk, thing):
        desk.name(thing)
        desk.store.inventory.update(thing, {"name": "new"})
        desk.unname()
        desk.store.inventory.delete(thing)
        assert not [p for p in desk.store.folder.iterdir() if p.name.startswith("record-")]
        assert singles(desk) == []

    @pytest.mark.parametrize("kind", [".", "..", ".x", "a/b", "\0", "é" * 300, "%2E", "x" * 201, "=x"])
    def test_a_type_becomes_one_safe_name_of_its_own(self, kind):
        layout = Layout(Path("/d"))
        path = layout.external_id(kind, "v")
        others = [layout.external_id(k, "v") for k in ("a_b", "x", "%252E", "x" * 202) if k != kind]
        assert path not in others
        assert path.parent.parent == Path("/d/identities")
        assert len(path.parent.name.encode()) <= 255
        assert not path.parent.name.startswith(".")


class TestIds:
    def test_two_of_one_moment_get_different_ids(self, make_desk, monkeypatch):
        desk = make_desk(clock=Clock(lambda: RELEASED_MS / 1000))
        monkeypatch.setattr(random, "getrandbits", lambda _: 7)
        ids = [desk.make(name=f"n{n}") for n in range(3)]
        assert len(set(ids)) == 3
        assert [desk.store.inventory.read(i).document["name"] for i in ids] == ["n0", "n1", "n2"]

    def test_updates_of_two_processes_are_both_kept(self, make_desk, race):
        desks = [make_desk() for _ in range(4)]
        thing = desks[0].make(name="n")

        def change(number):
            for turn in range(5):
                desks[number].store.inventory.update(thing, {f"f{number}_{turn}": True})

        race(4, change)
        kept = desks[0].store.inventory.read(thing).document
        assert {k for k in kept if k.startswith("f")} == {f"f{n}_{t}" for n in range(4) for t in range(5)}

    def test_no_time_falls_back_where_a_clock_is_behind(self, make_desk, thing):
        other = make_desk(clock=Clock(lambda: 0))
        before = other.store.inventory.read(thing)
        assert other.store.inventory.update(thing, {"a": 1}).updated >= before.updated


class TestExternalIds:
    def test_of_an_object_that_is_gone_count_as_gone(self, desk, thing):
        desk.name(thing)
        object_path(desk, thing).unlink()  # as far as a killed deletion comes
        with pytest.raises(ExternalIdNotFound):
            desk.store.identities.find(SERIAL)
        with pytest.raises(ExternalIdNotFound):
            desk.unname()
        heir = desk.make(name="heir")
        desk.name(heir)
        assert desk.store.identities.find(SERIAL) == heir

    def test_are_not_given_to_an_object_that_is_deleted_meanwhile(self, desk, thing, monkeypatch):
        link = os.link

        def late(source, target):
            link(source, target)
            if "identities" in str(target):
                fsio.remove(object_path(desk, thing))

        monkeypatch.setattr(os, "link", by_path(late))
        with pytest.raises(ObjectNotFound):
            desk.name(thing)
        assert singles(desk) == []

    def test_of_two_processes_one_gets_it_and_the_link_decides(self, make_desk, desk, thing, monkeypatch):
        other, heir, link = make_desk(), desk.make(name="heir"), os.link
        monkeypatch.setattr(fsio, "locked", lambda *_, **__: nullcontext())

        def be_overtaken(source, target):
            monkeypatch.setattr(os, "link", link)
            other.name(heir)
            link(source, target)

        monkeypatch.setattr(os, "link", by_path(be_overtaken))
        with pytest.raises(ExternalIdTaken):
            desk.name(thing)
        assert desk.store.identities.find(SERIAL) == heir

    def test_that_are_in_use_do_not_hold_up_a_deletion_and_are_swept(
        self, make_desk, desk, thing, monkeypatch
    ):
        desk.name(thing)
        monkeypatch.setattr("c8ybin.store.disk.LOCK_TIMEOUT_S", 0.0)
        path = desk.layout.external_id(*SERIAL)
        with fsio.locked(desk.layout.lock(desk.layout.number_of(path)), 1):
            desk.store.inventory.delete(thing)
            with pytest.raises(Busy):
                desk.store.identities.drop_dangling()
        assert singles(desk) == [path.name]
        desk.close()
        assert make_desk().sweep() == 1
        assert singles(desk) == []


class TestAThreadThatMayNotTakeLong:
    """As the one is that answers small requests, such as a POST with X-HTTP-METHOD: DELETE."""

    def test_leaves_a_deletion_with_its_external_ids_whole_to_another(self, desk, thing):
        desk.name(thing)
        with desk.store.without_waiting(for_disk=True), pytest.raises(WouldWait):
            desk.store.inventory.delete(thing)
        assert desk.store.identities.find(SERIAL) == thing
        desk.store.inventory.delete(thing)
        assert singles(desk) == []

    def test_leaves_looking_for_events_to_another_without_blaming_the_index(self, desk, caplog):
        with desk.store.without_waiting(for_disk=True), pytest.raises(WouldWait):
            list(desk.store.listing.ids(Query(source="1")))
        assert not caplog.records


class TestAKilledProcess:
    def test_that_deleted_an_object_is_swept_with_its_external_ids(self, desk, make_desk, start, thing):
        desk.name(thing)
        code = "desk = Desk(Path(sys.argv[1])); die('rename', sys.argv[3], after=True); "
        code += "desk.store.inventory.delete(int(sys.argv[2]))"
        child = start(code, thing, f"{thing}.json")
        assert child.end() == -signal.SIGKILL
        assert len(singles(desk)) == 1
        assert "dead writer" in look(desk).values()
        assert desk.sweep() == 1
        assert (singles(desk), look(desk)) == ([], {})

    @pytest.mark.parametrize("after", [False, True])
    def test_that_created_an_object_leaves_one_or_none_and_no_draft(self, desk, start, after):
        code = "desk = Desk(Path(sys.argv[1])); die('link', '*.json', after=sys.argv[2] == 'True'); desk.make(name='n')"
        assert start(code, after).end() == -signal.SIGKILL
        assert desk.sweep() == 1
        assert len(singles(desk)) == after
        assert look(desk) == {}
        assert list(desk.layout.tmp.rglob("record-*")) == []

    def test_without_alive_is_swept_with_its_drafts(self, desk, start):
        code = "desk = Desk(Path(sys.argv[1])); die('link', '*.json', after=True); desk.make(name='n')"
        start(code).end()
        (dead,) = (p for p in desk.layout.tmp.iterdir() if p != desk.writer.folder)
        assert [p.name[:7] for p in dead.glob("drafts/record-*")] == ["record-"]
        (dead / "alive").unlink()
        assert desk.sweep() == 1
        assert not dead.exists()


class TestCheck:
    def test_finds_nothing_wrong_in_a_whole_inventory(self, desk, thing):
        desk.name(thing)
        assert look(desk) == {}

    @pytest.mark.parametrize("data", [b"", b"{}\n", b"\0" * 80])
    def test_sets_aside_what_is_damaged(self, desk, thing, data):
        desk.name(thing)
        other = desk.make(name="other")
        paths = [object_path(desk, other), desk.layout.external_id(*SERIAL)]
        for path in paths:
            path.write_bytes(data)
        names = [str(path.relative_to(desk.root)) for path in paths]
        assert look(desk) == dict(zip(names, (Kind.OBJECT, Kind.IDENTITY), strict=True))
        found = list(Check(desk.layout, repair=desk.store.repair()).run())
        assert all(finding.done for finding in found)
        assert look(desk) == {}
        aside = next(desk.layout.quarantine.iterdir())
        assert all((aside / name).read_bytes() == data for name in names)
        assert singles(desk) == [f"{thing}.json"]

    def test_sets_aside_an_external_id_that_lies_under_another_name(self, desk, thing):
        desk.name(thing)
        path = desk.layout.external_id(*SERIAL)
        path.rename(wrong := path.with_name("0" * 64 + ".json"))
        assert look(desk) == {str(wrong.relative_to(desk.root)): Kind.IDENTITY}

    def test_sets_aside_external_ids_whose_object_is_gone_unless_somebody_is_at_it(
        self, desk, make_desk, thing
    ):
        other = make_desk()
        other.name(thing)
        object_path(desk, thing).unlink()
        assert look(desk) == {}
        other.close()
        path = desk.layout.external_id(*SERIAL)
        assert look(desk) == {str(path.relative_to(desk.root)): Kind.IDENTITY}

    def test_tells_what_is_not_ours(self, desk, thing):
        desk.name(thing)
        shelf = object_path(desk, thing).parent
        foreign = [
            shelf / "notes.txt",
            shelf / "1.json",
            shelf.parent / "x.json",
            desk.root / "identities" / "notes.txt",
            desk.root / "identities" / "c8y_Serial" / "4711.json",
        ]
        for path in foreign:
            path.write_text("x")
        assert look(desk) == {str(path.relative_to(desk.root)): Kind.FOREIGN for path in foreign}

    def test_tells_what_cannot_be_read_and_leaves_it(self, desk, thing, monkeypatch):
        def fail(path):
            raise OSError(5, "Input/output error")

        monkeypatch.setattr("c8ybin.store.single_checks.fsio.read", fail)
        assert set(look(desk).values()) == {Kind.UNREADABLE}


class TestBackup:
    @pytest.fixture
    def root(self, quick_root):
        return quick_root

    @pytest.fixture
    def archive(self, root):
        return root.parent / "full.tar"

    def test_has_the_inventory_and_a_restore_brings_it_back(self, desk, root, archive, locks):
        ids = [desk.make(name=f"n{n}") for n in range(3)]
        desk.create()
        desk.name(ids[1])
        desk.name(ids[2], "5", "a/b")
        whole = state(root)
        done = back_up(root, archive)
        assert files_of(archive) == whole
        assert (done.events, done.files, done.others) == (1, len(whole), [])
        restored = root.parent / "restored"
        bring_back(restored, archive)
        assert state(restored) == whole
        with Desk(furnish(restored, locks)) as other:
            assert other.store.identities.find(SERIAL) == ids[1]

    def test_that_builds_on_another_copies_what_is_new_alone(self, desk, root, archive):
        thing = desk.make(name="n")
        desk.create()
        desk.name(thing)
        back_up(root, archive)
        assert back_up(root, root.parent / "same.tar", since=archive).copied_files == 0
        desk.store.inventory.update(thing, {"name": "new"})
        desk.name(thing, "2")
        done = back_up(root, root.parent / "second.tar", since=archive)
        assert (done.files, done.copied_files) == (len(state(root)), 2)
        bring_back(root.parent / "restored", archive, root.parent / "second.tar")
        assert state(root.parent / "restored") == state(root)

    def test_without_an_inventory_restores_over_one_and_takes_it_away(self, desk, root, archive):
        desk.create()
        back_up(root, archive)
        desk.name(desk.make(name="n"))
        desk.close()
        before = state(root)
        done = bring_back(root, archive, replace=True)
        assert not (root / "devices").exists()
        assert not (root / "identities").exists()
        assert state(done.before) == before

    def test_leaves_out_an_external_id_that_came_after_its_object_was_passed(self, desk, root, archive):
        desk.create()
        desk.make(name="n")
        done = back_up(
            root, archive, step=lambda *, events=0, **_: events and desk.name(desk.make(name="late"))
        )
        assert done.files == 3
        assert not any(path.startswith("identities/") for path in files_of(archive))

    def test_leaves_out_what_is_damaged_and_tells_it(self, desk, root, archive):
        thing, other = desk.make(name="n"), desk.make(name="m")
        desk.name(thing, "1")
        desk.name(other, "2")
        object_path(desk, thing).write_bytes(b"{}\n")
        told = []
        done = back_up(root, archive, left_out=lambda *what: told.append(what))
        name = str(object_path(desk, thing).relative_to(root))
        assert (done.others, [which for which, _ in told]) == ([name], [name])
        kept = {object_path(desk, other), desk.layout.external_id("c8y_Serial", "2")}
        assert {root / path for path in files_of(archive)} >= kept
        assert done.files == 3

    @pytest.mark.parametrize(
        "path",
        [
            "devices/1/2.json",
            "devices/0/01.json",
            "devices/0//1.json",
            "devices/0/../0/1.json",
            "devices/0/1.json/",
            "devices/1.json",
            f"identities/../{'0' * 64}.json",
            f"identities/./{'0' * 64}.json",
            f"identities/a b/{'0' * 64}.json",
            f"identities/a/{'0' * 63}.json",
            f"/identities/a/{'0' * 64}.json",
        ],
    )
    def test_with_another_path_is_no_backup_of_ours(self, path):
        assert not Layout(Path()).holds(path)
        assert Layout(Path()).holds("devices/0/1.json")
        assert Layout(Path()).holds(f"identities/c8y_Serial/{'0' * 64}.json")
