"""Events as directories: create, read, change, delete."""

import errno
import itertools
import json
import os
import threading
from pathlib import Path

import pytest
from store_tools import Desk, by_path, patch_call

from c8ybin import fsio
from c8ybin.domain.conditions import Precondition
from c8ybin.domain.errors import Damaged, EventNotFound, Invalid, PreconditionFailed
from c8ybin.domain.ids import RELEASED_MS, Clock, EventId, created_ms
from c8ybin.domain.records import encode
from c8ybin.store import binaries as binaries_module
from c8ybin.store import events as events_module


@pytest.fixture()
def clock():
    """A clock that a test sets: `clock.s` in seconds since 1970."""

    class Settable(Clock):
        def __init__(self):
            self.s = RELEASED_MS / 1000 + 1000
            super().__init__(lambda: self.s)

    return Settable()


def test_a_created_event_lies_in_its_hour_as_json(make_desk, clock):
    desk = make_desk(clock=clock)
    event_id = desk.create(myFragment={"ü": 1})
    assert created_ms(event_id) == clock.now_ms()
    assert desk.files(event_id) == ["event.json"]
    held = json.loads((desk.home(event_id) / "event.json").read_text())
    assert held["event"]["myFragment"] == {"ü": 1}
    assert held["server"] == {
        "created": "2026-11-24T00:16:40.000Z",
        "updated": "2026-11-24T00:16:40.000Z",
        "owner": "tester",
    }
    assert sorted(os.listdir(desk.store.folder)) == []


def test_a_created_event_reads_back_in_another_process(desk, make_desk, start, root):
    event_id = desk.create(myFragment=[1, None])
    child = start(
        "desk = Desk(Path(sys.argv[1]))\n"
        "event = desk.store.events.read(EventId(int(sys.argv[2])))\n"
        "say(event.file.document['myFragment'])\n",
        event_id,
    )
    assert child.hear() == "[1, None]"
    assert desk.store.events.read(event_id).file.owner == "tester"
    assert desk.store.events.exists(event_id)


def test_a_clash_of_ids_takes_another_number_and_leaves_the_first_alone(desk, monkeypatch):
    first = desk.create(number=1)
    offered = itertools.chain([first, first], itertools.count(first + 1))
    monkeypatch.setattr(events_module, "new_event_id", lambda now: EventId(next(offered)))
    second = desk.create(number=2)
    assert second == first + 1
    assert desk.store.events.read(first).file.document["number"] == 1
    assert desk.store.events.read(second).file.document["number"] == 2


def test_a_directory_that_somebody_else_made_there_is_a_clash_too(desk, monkeypatch):
    taken = desk.create()
    foreign = desk.home(taken + 1)
    foreign.mkdir()
    (foreign / "note.txt").touch()
    offered = iter([EventId(taken + 1), EventId(taken + 2)])
    monkeypatch.setattr(events_module, "new_event_id", lambda now: next(offered))
    assert desk.create() == taken + 2
    assert os.listdir(foreign) == ["note.txt"]


def test_a_clock_that_stands_still_does_not_run_out_of_ids(desk, start):
    # A box without a battery and without a network: 4096 IDs a millisecond, and time does not pass.
    # The dice fall on one number only, so that not all of them need be taken.
    taken = ((RELEASED_MS - 1_577_836_800_000) << 12) | 5
    desk.home(taken).mkdir(parents=True)
    (desk.home(taken) / "event.json").touch()
    child = start(
        "from c8ybin.domain.ids import Clock, random\n"
        "import threading\n"
        "random.getrandbits = lambda count: 5\n"
        "threading.Timer(2, os._exit, [9]).start()\n"
        "desk = Desk(Path(sys.argv[1]), clock=Clock(lambda: 0.0))\n"
        "say(desk.create())\n"
        "os._exit(0)\n"
    )
    assert child.hear() != ""
    assert child.end() == 0


def test_sixteen_racing_creates_make_sixteen_events(desk, race):
    ids = race(16, lambda n: desk.create(number=n))
    assert len(set(ids)) == 16
    assert sorted(desk.store.events.read(i).file.document["number"] for i in ids) == list(range(16))


def test_an_event_directory_is_never_there_without_its_event(quick_root):
    # A watcher lists the hour all the time; what it sees there must hold event.json.
    desk = Desk(quick_root)
    ended, empty, seen = threading.Event(), [], set()

    def watch():
        while not ended.is_set():
            for home in quick_root.glob("events/*/*/*"):
                names = os.listdir(home) if home.exists() else ["event.json"]
                seen.add(home.name)
                if "event.json" not in names and home.exists():
                    empty.append(home.name)

    watcher = threading.Thread(target=watch)
    watcher.start()
    ids = [desk.create() for _ in range(200)]
    ended.set()
    watcher.join()
    desk.close()
    assert seen & {str(i) for i in ids}
    assert empty == []


def test_what_could_not_be_created_leaves_nothing(desk, monkeypatch):
    desk.create()

    def fail(source, target):
        raise OSError(28, "no space")

    monkeypatch.setattr(os, "rename", by_path(fail))
    with pytest.raises(OSError, match="no space"):
        desk.create()
    assert sorted(os.listdir(desk.store.folder)) == []


def test_an_id_without_an_event_is_not_found(desk, id_gone):
    for event_id in (id_gone, 1, 2**53 - 1):
        assert not desk.store.events.exists(EventId(event_id))
        for act in (desk.store.events.read, desk.get, desk.upload, desk.delete, desk.update, desk.drop):
            with pytest.raises(EventNotFound):
                act(EventId(event_id))
        with pytest.raises(EventNotFound):
            desk.attach(event_id, b"x")
        with pytest.raises(EventNotFound):
            desk.replace(event_id, b"x")
        with pytest.raises(EventNotFound):
            desk.chunk(event_id, "0-0/1", b"x")


def test_a_damaged_event_is_told_as_damage(desk):
    event_id = desk.create()
    path = desk.home(event_id) / "event.json"
    whole = path.read_bytes()
    not_events = ({"a": 1}, {"server": {}, "event": {}}, {"server": 1, "event": []})
    for data in (
        b"",
        whole[:-9],
        whole * 2,
        whole + b"\0",
        b"[]",
        b"{}",
        bytes(len(whole)),
        whole.replace(b"1001", b"1002"),
        *map(encode, not_events),
        encode(json.loads(whole) | {"event": {"type": "no source"}}),
    ):
        path.write_bytes(data)
        with pytest.raises(Damaged):
            desk.store.events.read(event_id)


class TestUpdate:
    def test_merges_and_keeps_creation_owner_and_the_rest(self, make_desk, clock):
        desk = make_desk(clock=clock)
        event_id = desk.create(keep=1, drop=2)
        before = desk.store.events.read(event_id)
        clock.s += 5
        desk.update(event_id, text="new", drop=None)
        after = desk.store.events.read(event_id)
        assert (after.file.document["text"], after.file.document["keep"]) == ("new", 1)
        assert "drop" not in after.file.document
        assert (after.file.created, after.file.owner) == (before.file.created, "tester")
        assert after.updated == before.updated + 5000
        assert after.etag != before.etag
        assert desk.files(event_id) == ["event.json"]

    def test_answers_what_it_wrote(self, desk):
        event_id = desk.create()
        answer = desk.store.events.update(event_id, {"text": "new"}, Precondition())
        assert answer == desk.store.events.read(event_id)

    def test_that_is_invalid_changes_nothing(self, desk):
        event_id = desk.create()
        before = desk.store.events.read(event_id)
        with pytest.raises(Invalid):
            desk.update(event_id, type="other")
        assert desk.store.events.read(event_id) == before
        assert desk.files(event_id) == ["event.json"]

    def test_obeys_if_match(self, desk):
        event_id = desk.create()
        stale = desk.store.events.read(event_id).etag
        desk.update(event_id, Precondition(if_match=stale), text="new")
        with pytest.raises(PreconditionFailed):
            desk.update(event_id, Precondition(if_match=stale), text="newer")
        assert desk.store.events.read(event_id).file.document["text"] == "new"

    def test_of_sixteen_at_once_loses_none(self, desk, race):
        event_id = desk.create()
        assert race(16, lambda n: desk.update(event_id, **{f"f{n}": n})) == [None] * 16
        document = desk.store.events.read(event_id).file.document
        assert {document.get(f"f{n}") for n in range(16)} == set(range(16))

    def test_of_several_processes_at_once_loses_none(self, desk, start):
        event_id = desk.create()
        code = (
            "desk = Desk(Path(sys.argv[1]))\nsay('ready')\nwait()\n"
            "for n in range(8):\n    desk.update(int(sys.argv[2]), **{f'f{sys.argv[3]}x{n}': 1})\n"
        )
        children = [start(code, event_id, number) for number in range(3)]
        assert [child.hear() for child in children] == ["ready"] * 3
        for child in children:
            child.tell()
        assert [child.end() for child in children] == [0, 0, 0]
        document = desk.store.events.read(event_id).file.document
        assert sum(name.startswith("f") for name in document) == 24

    def test_keeps_the_time_from_falling_back(self, make_desk, clock):
        desk = make_desk(clock=clock)
        event_id = desk.create()
        clock.s += 3600
        desk.update(event_id, text="new")
        late = desk.store.events.read(event_id).updated
        other = make_desk()  # a process whose clock is behind
        other.disk.clock = Clock(lambda: 0.0)
        other.update(event_id, text="newer")
        assert other.store.events.read(event_id).updated == late


class TestDelete:
    def test_takes_the_binary_and_the_upload_along(self, desk):
        event_id = desk.create()
        desk.attach(event_id, b"bytes")
        desk.chunk(event_id, "0-2/9", b"abc", put=True)
        desk.delete(event_id)
        assert not desk.home(event_id).exists()
        assert [n for n in os.listdir(desk.store.folder) if not n.startswith("spool-")] == []
        assert not [n for n in os.listdir(desk.store.folder) if n.startswith("gone")]
        with pytest.raises(EventNotFound):
            desk.get(event_id)
        with pytest.raises(EventNotFound):
            desk.delete(event_id)

    def test_leaves_a_reader_that_holds_the_bytes_its_bytes(self, desk):
        event_id = desk.create()
        desk.attach(event_id, b"bytes")
        opened = desk.store.binaries.open(event_id)
        desk.delete(event_id)
        assert os.pread(opened.fd, 99, 0) == b"bytes"
        os.close(opened.fd)

    def test_of_sixteen_at_once_has_one_winner(self, desk, race):
        event_id = desk.create()
        results = race(16, lambda n: desk.delete(event_id))
        assert results.count(None) == 1
        assert sum(isinstance(r, EventNotFound) for r in results) == 15

    def test_obeys_if_match(self, desk):
        event_id = desk.create()
        stale = desk.store.events.read(event_id).etag
        desk.attach(event_id, b"bytes")
        with pytest.raises(PreconditionFailed):
            desk.delete(event_id, Precondition(if_match=stale))
        assert desk.get(event_id) == b"bytes"
        desk.delete(event_id, Precondition(if_match=desk.store.events.read(event_id).etag))
        assert not desk.store.events.exists(event_id)

    def test_on_a_full_disk_unlinks_in_place(self, desk, monkeypatch):
        event_id = desk.create()
        desk.attach(event_id, b"bytes")
        full = OSError(28, "no space")
        rename = os.rename

        def fail(source, target):
            if str(target).startswith(str(desk.store.folder)):
                raise full
            rename(source, target)

        fsync, synced = os.fsync, []

        def record(fd):
            path = Path(os.readlink(f"/proc/self/fd/{fd}"))
            synced.append((path, "event.json" in os.listdir(path)))
            fsync(fd)

        monkeypatch.setattr(os, "rename", by_path(fail))
        monkeypatch.setattr(os, "fsync", record)
        desk.delete(event_id)
        assert not desk.home(event_id).exists()
        assert (desk.home(event_id), False) in synced

    def test_on_a_full_disk_that_takes_no_name_at_all_unlinks_the_event_first(
        self, desk, monkeypatch, unlinked
    ):
        event_id = desk.create()
        desk.attach(event_id, b"bytes")

        def full(*_):
            raise OSError(errno.EDQUOT, "quota")

        unlinked.clear()
        with monkeypatch.context() as patch:
            patch.setattr(os, "rename", by_path(full))
            desk.delete(event_id)
            with pytest.raises(EventNotFound):
                desk.delete(event_id)
        assert unlinked[0] == "event.json"
        assert not desk.home(event_id).exists()

    def test_on_a_full_disk_that_another_overtakes_is_not_found(self, desk, make_desk, monkeypatch):
        event_id, other, rename, done = desk.create(), make_desk(), os.rename, []

        def fail(source, target):
            if done:
                return rename(source, target)
            done.append(True)
            other.delete(event_id)
            raise OSError(28, "no space")

        monkeypatch.setattr(os, "rename", by_path(fail))
        with pytest.raises(EventNotFound):
            desk.delete(event_id)

    def test_on_a_full_disk_is_not_prevented_by_the_note_of_the_hour(self, desk, make_desk, monkeypatch):
        event_id = desk.create()
        other = make_desk()

        def fail(fd):
            raise OSError(28, "no space")

        monkeypatch.setattr(os, "fdatasync", fail)
        other.delete(event_id)
        assert not desk.home(event_id).exists()

    def test_that_meets_another_error_than_a_full_disk_keeps_the_event(self, desk, monkeypatch):
        event_id = desk.create()

        def fail(source, target):
            raise OSError(5, "input/output error")

        monkeypatch.setattr(os, "rename", by_path(fail))
        with pytest.raises(OSError, match="input/output"):
            desk.delete(event_id)
        assert desk.store.events.exists(event_id)

    @pytest.mark.parametrize("act", ["update", "attach", "replace", "chunk", "drop"])
    def test_in_the_middle_of_another_change_makes_that_one_not_found(
        self, desk, make_desk, act, monkeypatch
    ):
        # The event goes at the moment when the other request first makes or moves a file in it.
        event_id, other = desk.create(), make_desk()
        if act == "drop":
            desk.attach(event_id, b"old")
        home, gone = str(desk.home(event_id)), []
        calls = {
            "update": lambda: desk.update(event_id, text="new"),
            "attach": lambda: desk.attach(event_id, b"new"),
            "replace": lambda: desk.replace(event_id, b"new"),
            "chunk": lambda: desk.chunk(event_id, "0-2/9", b"new"),
            "drop": lambda: desk.drop(event_id),
        }
        real_rename = os.rename

        def go(path):
            if str(path).startswith(home + "/") and not gone:
                gone.append(path)
                other.delete(event_id)

        def open_after(real):
            def opening(path, flags, *mode):
                if flags & os.O_CREAT:
                    go(path)
                return real(path, flags, *mode)

            return opening

        def rename_after(source, target):
            go(target)
            real_rename(source, target)

        patch_call(monkeypatch, "open", open_after)
        monkeypatch.setattr(os, "rename", by_path(rename_after))
        with pytest.raises(EventNotFound):
            calls[act]()
        assert gone
        assert not desk.home(event_id).exists()


def test_a_chunk_whose_event_goes_once_its_journal_was_read_is_not_found(desk, make_desk, monkeypatch):
    event_id, other, real, gone = desk.create(), make_desk(), os.lstat, []
    desk.chunk(event_id, "0-2/9", b"old")

    def look_after(path, **more):
        if Path(path).name.startswith("content-") and not gone:
            gone.append(path)
            other.delete(event_id)
        return real(path, **more)

    monkeypatch.setattr(os, "lstat", look_after)
    with pytest.raises(EventNotFound):
        desk.chunk(event_id, "3-5/9", b"new")
    assert gone


def test_an_event_directory_without_its_event_shows_nothing(desk):
    # What a deletion on a full disk leaves when it is killed: it unlinks event.json first.
    event_id = desk.create()
    desk.attach(event_id, b"bytes")
    (desk.home(event_id) / "event.json").unlink()
    with pytest.raises(EventNotFound):
        desk.store.events.read(event_id)
    with pytest.raises(EventNotFound):
        desk.get(event_id)


class TestReading:
    def test_while_an_upload_completes_shows_the_upload_or_the_binary(self, desk, make_desk, before_reading):
        # The last chunk arrives, and is answered, between two files that a reader reads.
        event_id, other = desk.create(), make_desk()
        desk.chunk(event_id, "0-2/6", b"abc")
        before_reading("upload.journal", lambda: other.chunk(event_id, "3-5/6", b"def"))
        event = desk.store.events.read(event_id)
        assert event.binary or event.upload

    def test_while_a_whole_body_takes_the_place_of_an_upload_shows_one_of_them(
        self, desk, make_desk, before_reading
    ):
        event_id, other = desk.create(), make_desk()
        desk.chunk(event_id, "0-2/6", b"abc")
        before_reading("upload.journal", lambda: other.attach(event_id, b"whole"))
        event = desk.store.events.read(event_id)
        assert event.binary or event.upload

    def test_while_a_void_upload_still_lies_there_does_not_show_it(
        self, desk, make_desk, before_reading, monkeypatch
    ):
        event_id, other = desk.create(), make_desk()
        desk.chunk(event_id, "0-2/6", b"abc")
        monkeypatch.setattr(os, "unlink", lambda path, **_: None)  # the journal is not dropped in time
        before_reading("upload.journal", lambda: other.attach(event_id, b"whole"))
        event = desk.store.events.read(event_id)
        assert event.upload is None
        assert event.binary

    @pytest.mark.parametrize("before", [b"old", None])
    def test_shows_the_binary_that_stood_when_its_text_did(self, desk, make_desk, before, before_reading):
        # A device attaches and then says so in the event, all of it between two files that a reader reads.
        event_id, other = desk.create(text="not yet"), make_desk()
        if before:
            desk.attach(event_id, before)

        def change():
            other.replace(event_id, b"new bytes")
            other.update(event_id, text="attached")

        before_reading("event.json", change)
        event = desk.store.events.read(event_id)
        assert event.file.document["text"] == "attached"
        assert event.binary.length == len(b"new bytes")

    def test_shows_the_upload_that_stood_when_its_text_did(self, desk, make_desk, before_reading):
        event_id, other = desk.create(text="not yet"), make_desk()
        desk.chunk(event_id, "0-2/9", b"abc")

        def change():
            other.chunk(event_id, "3-5/9", b"def")
            other.update(event_id, text="two of three")

        before_reading("binary.json", change)
        event = desk.store.events.read(event_id)
        assert (event.file.document["text"], str(event.upload)) == ("two of three", "0-5/9")

    def test_during_changes_gives_each_event_as_it_stood_at_some_time(self, quick_root):
        # Text n goes with a binary of n bytes, n - 1 for a moment: no reader may see more of a gap.
        desk, ended, wrong = Desk(quick_root), threading.Event(), []
        event_id = desk.create(n=0)
        desk.attach(event_id, b"")

        def read():
            while not ended.is_set():
                event = desk.store.events.read(event_id)
                n = event.file.document["n"]
                opened = desk.store.binaries.open(event_id)
                data = os.pread(opened.fd, 999, 0)
                os.close(opened.fd)
                if event.binary.length not in (n - 1, n) or data != b"x" * opened.binary.length:
                    wrong.append((n, event.binary.length, data))

        readers = [threading.Thread(target=read) for _ in range(3)]
        for reader in readers:
            reader.start()
        for n in range(1, 120):
            desk.update(event_id, n=n)
            desk.replace(event_id, b"x" * n)
        ended.set()
        for reader in readers:
            reader.join()
        desk.close()
        assert wrong == []

    def test_facts_name_the_fragments_that_belong_to_the_server(self, desk):
        event_id = desk.create()
        assert "c8y_IsBinary" not in desk.store.events.read(event_id).facts.fragments
        desk.attach(event_id, b"bytes")
        desk.chunk(event_id, "0-2/9", b"abc", put=True)
        fragments = desk.store.events.read(event_id).facts.fragments
        assert fragments["c8y_IsBinary"] == {"type": "text/plain", "name": "a.txt", "length": 5}
        assert fragments["c8y_IsIncompleteBinary"] == {"range": "0-2/9"}

    def test_entity_tag_changes_with_the_event_its_binary_and_each_chunk(self, desk):
        event_id = desk.create()
        tags = [desk.store.events.read(event_id).etag]
        for change in (
            lambda: desk.update(event_id, text="new"),
            lambda: desk.chunk(event_id, "0-2/9", b"abc"),
            lambda: desk.chunk(event_id, "3-5/9", b"def"),
            lambda: desk.attach(event_id, b"bytes"),
            lambda: desk.replace(event_id, b"bytes"),
            lambda: desk.drop(event_id),
        ):
            change()
            tags.append(desk.store.events.read(event_id).etag)
        assert len(set(tags)) == len(tags)

    def test_updated_is_the_later_of_the_events_and_the_binarys_time(self, make_desk, clock):
        desk = make_desk(clock=clock)
        event_id = desk.create()
        clock.s += 10
        desk.attach(event_id, b"bytes")
        assert desk.store.events.read(event_id).updated == clock.now_ms()
        clock.s += 10
        desk.update(event_id, text="new")
        assert desk.store.events.read(event_id).updated == clock.now_ms()


class TestUpdatedDoesNotFallBack:
    def test_when_the_binary_goes(self, make_desk, clock):
        desk = make_desk(clock=clock)
        event_id = desk.create()
        clock.s += 10
        desk.attach(event_id, b"bytes")
        before = desk.store.events.read(event_id).updated
        clock.s += 10
        desk.drop(event_id)
        assert desk.store.events.read(event_id).updated == before + 10_000

    @pytest.mark.parametrize("act", ["drop", "replace"])
    def test_when_the_binary_goes_by_a_process_whose_clock_is_behind(self, make_desk, clock, act):
        desk, behind = make_desk(clock=clock), make_desk(clock=Clock(lambda: RELEASED_MS / 1000 + 1000))
        event_id = desk.create()
        clock.s += 3600
        desk.attach(event_id, b"bytes")
        before = desk.store.events.read(event_id).updated
        behind.drop(event_id) if act == "drop" else behind.replace(event_id, b"new")
        assert behind.store.events.read(event_id).updated >= before


def test_a_void_upload_does_not_show_when_its_binary_goes_while_it_is_read(
    desk, make_desk, monkeypatch, before_reading
):
    event_id = desk.create()
    desk.chunk(event_id, "0-2/9", b"abc")
    with monkeypatch.context() as patch:  # the lock is not to be had, so that the void journal stays
        patch.setattr("c8ybin.store.disk.LOCK_TIMEOUT_S", 0.01)
        with make_desk().disk.locked(event_id):
            desk.attach(event_id, b"whole")
    assert (desk.home(event_id) / "upload.journal").exists()
    before_reading("binary.json", lambda: desk.drop(event_id))
    event = desk.store.events.read(event_id)
    assert (event.binary, event.upload) == (None, None)


def test_an_attachment_to_an_event_that_is_deleted_in_place_meanwhile_is_refused(desk, monkeypatch):
    event_id = desk.create()
    commit = binaries_module.commit

    def commit_and_delete(home, *arguments, **more):
        yield from commit(home, *arguments, **more)
        (home / "event.json").rename(home / "deleted")

    monkeypatch.setattr(binaries_module, "commit", commit_and_delete)
    with pytest.raises(EventNotFound):
        desk.attach(event_id, b"bytes")


def test_the_name_of_a_journal_that_was_written_anew_by_another_is_made_durable_again(
    desk, make_desk, monkeypatch
):
    event_id = desk.create()
    make_desk().chunk(event_id, "0-0/9", b"a")
    synced = []
    sync = fsio.sync_directory
    monkeypatch.setattr(fsio, "sync_directory", lambda path: (synced.append(path), sync(path)))
    desk.chunk(event_id, "1-1/9", b"b")
    assert desk.home(event_id) in synced
    synced.clear()
    desk.chunk(event_id, "2-2/9", b"c")
    assert desk.home(event_id) not in synced
    journal = desk.home(event_id) / "upload.journal"
    journal.with_name("new").write_bytes(journal.read_bytes())
    journal.with_name("new").rename(journal)  # and whoever did so died before the fsync
    desk.chunk(event_id, "3-3/9", b"d")
    assert desk.home(event_id) in synced


def test_what_was_deleted_keeps_its_bytes_while_a_power_cut_could_bring_it_back(make_desk, monkeypatch):
    desk = make_desk()
    event_id = desk.create()
    hour, fsync = desk.home(event_id).parent, os.fsync

    def failing(fd):
        if os.readlink(f"/proc/self/fd/{fd}") == str(hour):
            raise OSError(errno.EIO, "input/output error")
        fsync(fd)

    with monkeypatch.context() as patch, pytest.raises(OSError, match="input/output"):
        patch.setattr(os, "fsync", failing)
        desk.delete(event_id)
    desk.close()
    (left,) = desk.layout.tmp.glob("*/drafts/gone-*/event.json")
    # As the power cut would: under its old name again, and whole.
    left.parent.rename(desk.home(event_id))
    after = make_desk()
    after.sweep()
    assert after.store.events.read(event_id).id == event_id
