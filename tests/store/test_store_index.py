"""What keeps the index right when processes die, disks fail, and files are copied about."""

import errno
import os
import shutil
import subprocess
from contextlib import contextmanager

import pytest
from backup_tools import back_up, bring_back, furnish
from store_tools import Desk, by_path, patch_call

from c8ybin.domain.events import IS_BINARY
from c8ybin.domain.queries import Paging, Query
from c8ybin.index import index as room
from c8ybin.index import view
from c8ybin.store.writer import untold_hours_of

EVERYTHING = (Query(), Query(type="test_Event"), Query(fragment_type=IS_BINARY), Query(updated_from=0))


@pytest.fixture()
def event_id(desk):
    return desk.create()


@pytest.fixture()
def made_anew(monkeypatch):
    """Return the times that an index was made anew."""
    times, real = [], room.rebuild

    def count(*arguments):
        times.append(arguments)
        return real(*arguments)

    monkeypatch.setattr(room, "rebuild", count)
    return times


def is_right(desk):
    """Hold some lists with their totals against a walk over the tree."""
    listing = desk.store.listing
    for query in EVERYTHING:
        page = listing.find(query, Paging(page_size=2000, with_total_elements=True))
        walked = sorted((event.facts.order for event in listing._walk(query)), reverse=True)
        assert [event.facts.order for event in page.events] == walked
        assert page.total == len(walked)
    return True


def by_index(desk):
    assert is_right(desk)
    assert not desk.store.listing._is_bypassed()
    return True


@contextmanager
def failing(monkeypatch, call, below, error=errno.EIO):
    """Let a call of `os` fail for whatever is below a path."""

    def wrap(real):
        def refuse(at, *arguments, **more):
            path = os.readlink(f"/proc/self/fd/{at}") if isinstance(at, int) else str(at)
            if path.startswith(str(below)):
                raise OSError(error, os.strerror(error), path)
            return real(at, *arguments, **more)

        return refuse

    with monkeypatch.context() as patch:
        patch_call(patch, call, wrap)
        yield


def fold(desk, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(room, "FOLD_AT", 0)
        desk.disk.index.fold()


class TestADeadProcess:
    def test_is_told_for_before_anything_is_listed(self, desk, start, make_desk, made_anew):
        assert by_index(desk)
        code = "desk = Desk(Path(sys.argv[1]))\ndie('pwrite', '*.log', after=False)\ndesk.create()\n"
        assert start(code).end() == -9
        assert by_index(make_desk())
        assert len(made_anew) == 1

    def test_whose_deletion_a_power_cut_took_back_although_its_line_is_there(
        self, desk, start, make_desk, event_id, made_anew
    ):
        desk.attach(event_id, b"x")
        assert by_index(desk)
        home = desk.home(event_id)
        code = "desk = Desk(Path(sys.argv[1]))\ndie('pwrite', '*.log', after=True)\ndesk.delete(int(sys.argv[2]))\n"
        assert start(code, event_id).end() == -9
        (grave,) = desk.layout.tmp.glob("*/drafts/gone-*")
        grave.rename(home)
        other = make_desk()
        assert by_index(other)
        assert [e.id for e in other.store.listing.find(Query(), Paging()).events] == [event_id]
        other.delete(event_id)
        assert by_index(other)
        assert by_index(desk)
        assert len(made_anew) == 1

    def test_that_has_lost_its_lock_of_life_is_told_for_and_swept(self, desk, make_desk):
        assert by_index(desk)
        dead = make_desk()
        dead.create()
        dead.die()
        (dead.writer.folder / "alive").unlink()
        assert by_index(make_desk())
        assert desk.sweep() == 1
        assert by_index(desk)

    def test_that_a_power_cut_has_damaged_the_log_of_is_no_reason_to_make_the_index_anew(
        self, desk, make_desk, made_anew
    ):
        assert by_index(desk)
        dead = sorted((make_desk(), make_desk()), key=lambda each: each.writer.name)
        for each in dead:
            each.create()
            each.create()
            each.die()
        # Told for last; whoever is told for first must not meet it.
        (log,) = desk.layout.index.glob(f"{dead[-1].writer.name}-*.log")
        data = bytearray(log.read_bytes())
        data[20:30] = bytes(10)
        log.write_bytes(data)
        assert by_index(make_desk())
        assert desk.sweep() == 2
        assert by_index(desk)
        assert len(made_anew) == 1

    def test_is_no_reason_to_leave_another_one_untold(self, desk, make_desk, monkeypatch):
        assert by_index(desk)
        dead = [make_desk(), make_desk()]
        for each in dead:
            each.create()
            each.die()
        dead.sort(key=lambda each: each.writer.name)
        with failing(monkeypatch, "open", dead[0].writer.folder / "alive"):
            assert desk.sweep() == 1
        assert [bool(untold_hours_of(each.writer.folder)) for each in dead] == [True, False]
        assert desk.sweep() == 1
        assert by_index(desk)


class TestAProcessThatEnds:
    def test_leaves_its_hours_where_the_index_is_not_durable(self, desk, make_desk, monkeypatch):
        assert by_index(desk)
        ending = make_desk()
        ending.create()
        with failing(monkeypatch, "fdatasync", desk.layout.index):
            ending.close()
        assert untold_hours_of(ending.writer.folder)
        assert by_index(make_desk())
        assert desk.sweep() == 1
        assert by_index(desk)

    def test_takes_no_later_fsync_for_one_that_failed(self, root, monkeypatch):
        ending = Desk(root)
        ending.create()
        with failing(monkeypatch, "fdatasync", ending.layout.index), pytest.raises(OSError, match="error"):
            ending.disk.index.sync()
        assert not ending.disk.index.sync()
        ending.close()
        assert untold_hours_of(ending.writer.folder)


class TestAnIndexThatCannotBeWritten:
    @pytest.mark.parametrize(
        ("call", "error"),
        [
            ("open", errno.EMFILE),
            ("open", errno.EROFS),
            ("open", errno.ENOSPC),
            ("pwrite", errno.ENOSPC),
            ("pwrite", errno.EIO),
            ("mkdir", errno.ENOSPC),
        ],
    )
    def test_fails_no_change_and_lists_are_right_meanwhile_and_after(
        self, make_desk, monkeypatch, call, error, event_id
    ):
        # Another process than the one whose log is open already.
        desk, other = make_desk(), make_desk()
        assert is_right(other)
        if call == "mkdir":
            shutil.rmtree(desk.layout.index)
        with failing(monkeypatch, call, desk.layout.index, error):
            new = desk.create()
            desk.attach(new, b"x")
            desk.attach(event_id, b"x")
            desk.replace(new, b"y")
            desk.delete(desk.create())
            assert (desk.writer.folder / "unindexed").exists()
            assert is_right(desk)
            assert is_right(other)
        assert by_index(desk)
        assert not (desk.writer.folder / "unindexed").exists()
        assert by_index(other)
        desk.update(event_id, text="changed")
        assert by_index(other)

    def test_tells_the_others_so_as_soon_as_that_can_be_written(self, desk, make_desk, monkeypatch, event_id):
        other = make_desk()
        assert by_index(other)
        with (
            failing(monkeypatch, "open", desk.writer.folder / "unindexed", errno.ENOSPC),
            failing(monkeypatch, "pwrite", desk.layout.index, errno.ENOSPC),
        ):
            desk.delete(event_id)
        with failing(monkeypatch, "pwrite", desk.layout.index, errno.ENOSPC):
            assert is_right(desk)
            assert is_right(other)
        assert by_index(desk)
        assert by_index(other)

    def test_of_a_process_that_ends_meanwhile_is_told_by_the_next(self, desk, make_desk, monkeypatch):
        assert by_index(desk)
        ending = make_desk()
        with failing(monkeypatch, "pwrite", desk.layout.index):
            ending.create()
            assert is_right(desk)
            ending.close()
            assert is_right(desk)
        assert desk.sweep() == 1
        assert by_index(desk)

    @pytest.mark.parametrize("call", ["open", "rename", "fsync", "write"])
    def test_is_folded_later(self, desk, event_id, monkeypatch, call, made_anew):
        assert by_index(desk)
        desk.attach(event_id, b"x")
        folder = desk.writer.drafts if call == "rename" else desk.layout.index
        with _full(monkeypatch) if call == "write" else failing(monkeypatch, call, folder):
            with pytest.raises(OSError, match=r"error|space"):
                fold(desk, monkeypatch)
            assert is_right(desk)
        fold(desk, monkeypatch)
        assert by_index(desk)
        assert len(os.listdir(desk.layout.index / "columns")) == 1
        assert len(made_anew) == 1


@contextmanager
def _full(monkeypatch):
    """Let no column be written."""

    def refuse(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr("c8ybin.index.column._write_sections", refuse)
        yield


class TestAnEventThatCannotBeReadWhenTheIndexIsMade:
    @pytest.fixture()
    def unread(self, desk, event_id, monkeypatch):
        desk.attach(event_id, b"x")
        desk.create()
        with failing(monkeypatch, "open", desk.home(event_id) / "event.json"):
            assert is_right(desk)
        return event_id

    def test_is_listed_once_it_can_be_read(self, desk, make_desk, unread):
        assert by_index(desk)
        assert by_index(make_desk())

    def test_is_listed_although_that_was_folded(self, desk, make_desk, unread, monkeypatch):
        with failing(monkeypatch, "open", desk.home(unread) / "event.json"):
            fold(desk, monkeypatch)
        assert by_index(desk)
        assert by_index(make_desk())

    def test_is_not_listed_once_it_is_deleted(self, desk, unread):
        desk.delete(unread)
        assert by_index(desk)


class TestALogThatIsRemovedBecauseItIsFolded:
    def test_between_the_look_at_the_folder_and_the_reading_costs_no_new_index(
        self, desk, make_desk, monkeypatch, made_anew
    ):
        assert by_index(desk)
        ended = make_desk()
        ended.create()
        (path,) = desk.layout.index.glob(f"{ended.writer.name}-*.log")
        ended.close()
        reader = make_desk()
        log_names, remove = view.log_names, os.unlink

        def remove_meanwhile(folder):
            names = log_names(folder)
            remove(path)
            return names

        def be_overtaken(name, **more):
            if name != path:
                remove(name, **more)
                return
            # The manifest stands that says how much of this log is folded.
            with monkeypatch.context() as patch:
                patch.setattr(view, "log_names", remove_meanwhile)
                reader.store.listing.find(*EVERYTHING[:1], Paging())

        with monkeypatch.context() as patch:
            patch.setattr(os, "unlink", by_path(be_overtaken))
            fold(desk, monkeypatch)
        assert not path.exists()
        assert by_index(desk)
        assert len(made_anew) == 1

    def test_does_not_come_back_beside_a_manifest_that_has_forgotten_it(
        self, desk, make_desk, monkeypatch, made_anew
    ):
        assert by_index(desk)
        ended = make_desk()
        event_id = ended.create()
        (path,) = desk.layout.index.glob(f"{ended.writer.name}-*.log")
        told = path.read_bytes()
        ended.close()
        desk.delete(event_id)
        fold(desk, monkeypatch)
        assert not path.exists()
        is_durable, fsync, rename = [], os.fsync, os.rename

        def note(fd):
            is_durable.append(os.readlink(f"/proc/self/fd/{fd}") == str(desk.layout.index))
            fsync(fd)

        def be_cut(source, target):
            # A power cut after this may keep the manifest's name, and not that the log has gone.
            if target == desk.layout.index / "manifest" and not any(is_durable):
                path.write_bytes(told)
            rename(source, target)

        desk.create()
        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", note)
            patch.setattr(os, "rename", by_path(be_cut))
            fold(desk, monkeypatch)
        assert by_index(make_desk())
        assert len(made_anew) == 1


class TestACopy:
    @pytest.fixture()
    def copy(self, desk, tmp_path, locks):
        """Return a maker of a copy: other events, and the index as it was told of all."""

        def make(*how):
            assert by_index(desk)
            target = tmp_path / "copy"
            kept = desk.create()
            desk.attach(kept, b"x")
            gone = desk.create()
            subprocess.run([*how, f"{desk.root}/events", f"{tmp_path}/"], check=True)
            desk.create()
            desk.delete(gone)
            desk.drop(kept)
            for _ in range(2):
                assert desk.disk.index.sync()
                desk.writer.note_synced()
            subprocess.run([*how, f"{desk.root}/", str(target)], check=True)
            shutil.rmtree(target / "events")
            (tmp_path / "events").rename(target / "events")
            return target

        return make

    def test_has_an_index_that_is_made_anew(self, copy, made_anew):
        with Desk(copy("cp", "-a")) as desk:
            assert by_index(desk)
            assert by_index(desk)
        assert len(made_anew) == 2

    def test_of_hard_links_too(self, copy, made_anew):
        with Desk(copy("cp", "-al")) as desk:
            assert by_index(desk)
        assert len(made_anew) == 2

    def test_of_the_files_alone_in_the_place_of_the_originals_too(self, desk, event_id, tmp_path, made_anew):
        assert by_index(desk)
        shutil.copytree(desk.layout.index, tmp_path / "index")
        desk.delete(event_id)
        desk.create()
        desk.close()
        for path in desk.layout.index.glob("*.log"):
            path.unlink()
        for path in (tmp_path / "index").glob("*"):
            if path.is_file():  # as rsync does it
                shutil.copy2(path, desk.layout.index / ".new")
                (desk.layout.index / ".new").rename(desk.layout.index / path.name)
        with Desk(desk.root) as other:
            assert by_index(other)
        assert len(made_anew) == 2

    def test_is_no_index_that_was_moved_with_its_events(self, desk, event_id, tmp_path, made_anew):
        assert by_index(desk)
        desk.close()
        desk.root.rename(tmp_path / "elsewhere")
        with Desk(tmp_path / "elsewhere") as other:
            assert by_index(other)
        assert len(made_anew) == 1


def test_a_restore_takes_the_index_away_with_the_events_it_tells_of(desk, tmp_path, locks):
    kept = desk.create()
    assert by_index(desk)
    back_up(desk.root, tmp_path / "archive.tar")
    desk.delete(kept)
    other = desk.create()
    assert by_index(desk)
    desk.close()
    bring_back(desk.root, tmp_path / "archive.tar", replace=True)
    with Desk(furnish(desk.root, locks)) as again:
        assert by_index(again)
    (before,) = desk.root.glob("before-restore-*")
    with Desk(furnish(before, locks)) as old:
        assert by_index(old)
        assert [e.id for e in old.store.listing.find(Query(), Paging()).events] == [other]
