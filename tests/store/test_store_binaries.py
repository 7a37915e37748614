"""The one binary of an event: attach, replace, delete, read, damage."""

import errno
import hashlib
import os
from pathlib import Path

import pytest
from store_tools import by_path

from c8ybin import fsio
from c8ybin.domain.conditions import Precondition
from c8ybin.domain.errors import BinaryExists, BinaryNotFound, Damaged, EventNotFound, PreconditionFailed
from c8ybin.domain.queries import Paging, Query
from c8ybin.store import binaries as binaries_module

NONE_YET = Precondition(if_none_match="*")
SOME = Precondition(if_match="*")


@pytest.fixture()
def event_id(desk):
    return desk.create()


def bodies_of(desk):
    return [name for name in os.listdir(desk.store.folder) if name.startswith("body")]


def test_an_attached_binary_reads_back_with_all_that_was_told_of_it(desk, event_id):
    data = os.urandom(300_000)
    binary = desk.attach(event_id, data, name="photo.jpg", type='image/jpeg; x="y"')
    assert desk.get(event_id) == data
    assert desk.store.binaries.find(event_id) == binary
    assert (binary.name, binary.type, binary.length) == ("photo.jpg", 'image/jpeg; x="y"', 300_000)
    assert (binary.sha256, binary.owner) == (hashlib.sha256(data).digest(), "tester")
    assert binary.completed_by is None
    assert desk.files(event_id) == ["binary.json", "content", "event.json"]
    assert bodies_of(desk) == []


def test_a_binary_without_a_name_is_called_after_its_event(desk, event_id):
    assert desk.attach(event_id, b"x", name=None).name == str(event_id)
    assert desk.replace(event_id, b"x", name=None).name == str(event_id)


def test_an_empty_binary_is_a_binary(desk, event_id):
    assert desk.attach(event_id, b"").length == 0
    assert desk.get(event_id) == b""


def test_a_binary_is_the_file_that_was_received_not_a_copy(desk, event_id):
    received = desk.body(b"bytes")
    inode = os.fstat(received.body.fd).st_ino
    with received.body:
        binary = desk.store.binaries.attach(event_id, received, "tester", Precondition())
    assert (desk.home(event_id) / binary.content).stat().st_ino == inode


def test_second_attach_is_refused_and_keeps_the_first(desk, event_id):
    first = desk.attach(event_id, b"first")
    before = sorted(os.listdir(desk.home(event_id)))
    for wanted in (Precondition(), SOME):
        with pytest.raises(BinaryExists):
            desk.attach(event_id, b"second", wanted)
    assert desk.get(event_id) == b"first"
    assert desk.store.binaries.find(event_id) == first
    assert sorted(os.listdir(desk.home(event_id))) == before
    assert bodies_of(desk) == []


def test_second_attach_is_refused_before_its_body_is_moved(desk, event_id, monkeypatch):
    desk.attach(event_id, b"first")

    def fail(*arguments):
        raise AssertionError(arguments)

    monkeypatch.setattr(os, "rename", by_path(fail))
    monkeypatch.setattr(os, "link", by_path(fail))
    with pytest.raises(BinaryExists):
        desk.attach(event_id, b"second")


def test_an_attach_that_loses_at_the_last_step_leaves_nothing(desk, event_id, overtake):
    overtake(event_id)
    with pytest.raises(BinaryExists):
        desk.attach(event_id, b"slower")
    assert desk.get(event_id) == b"faster"
    assert desk.files(event_id) == ["binary.json", "content", "event.json"]


def test_of_sixteen_racing_attaches_one_wins(desk, event_id, race):
    results = race(16, lambda n: desk.attach(event_id, b"%d" % n * 1000))
    winners = [n for n, result in enumerate(results) if not isinstance(result, Exception)]
    assert len(winners) == 1
    assert sum(isinstance(result, BinaryExists) for result in results) == 15
    assert desk.get(event_id) == b"%d" % winners[0] * 1000
    assert desk.files(event_id) == ["binary.json", "content", "event.json"]
    assert bodies_of(desk) == []


def test_of_several_racing_processes_one_wins_each_time(desk, start):
    ids = [desk.create() for _ in range(12)]
    code = (
        "desk = Desk(Path(sys.argv[1]))\n"
        "say('ready')\n"
        "for event_id in sys.argv[3:]:\n"
        "    wait()\n"
        "    try:\n"
        "        desk.attach(int(event_id), sys.argv[2].encode())\n"
        "        say('won')\n"
        "    except Refusal as error:\n"
        "        say(type(error).__name__)\n"
        "desk.close()\n"
    )
    children = [start(code, number, *ids) for number in range(4)]
    assert [child.hear() for child in children] == ["ready"] * 4
    for event_id in ids:
        for child in children:
            child.tell()
        said = [child.hear() for child in children]
        assert sorted(said) == ["BinaryExists"] * 3 + ["won"]
        assert desk.get(event_id) == b"%d" % said.index("won")
        assert desk.files(event_id) == ["binary.json", "content", "event.json"]
    assert [child.end() for child in children] == [0] * 4
    assert os.listdir(desk.layout.tmp) == [desk.writer.name]


def test_an_attach_that_fails_at_any_step_leaves_the_event_without_a_binary(desk, event_id, monkeypatch):
    desk.attach(desk.create(), b"warm: what leads there is durable")
    for call in ("link", "rename", "fsync"):
        real = getattr(os, call)

        def fail(*arguments, real=real, **folders):
            if any("binary.json" in str(a) or "content-" in str(a) for a in arguments):
                raise OSError(28, "no space")
            if isinstance(arguments[0], int) and ".binary.json" in os.readlink(
                f"/proc/self/fd/{arguments[0]}"
            ):
                raise OSError(28, "no space")
            return real(*arguments, **folders)

        with monkeypatch.context() as patch:
            patch.setattr(os, call, fail)
            with pytest.raises(OSError, match="no space"):
                desk.attach(event_id, b"bytes")
        assert desk.files(event_id) == ["event.json"]
        assert bodies_of(desk) == []


def test_an_attach_whose_names_cannot_be_made_durable_commits_nothing(desk, event_id, monkeypatch):
    desk.attach(desk.create(), b"warm")
    fsync = os.fsync

    def fail(fd):
        if os.readlink(f"/proc/self/fd/{fd}") == str(desk.home(event_id)):
            raise OSError(5, "input/output error")
        fsync(fd)

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="input/output"):
        desk.attach(event_id, b"bytes")
    assert desk.files(event_id) == ["event.json"]


class TestReplace:
    def test_gives_the_new_bytes_under_a_new_name_type_and_tag(self, desk, event_id):
        old = desk.attach(event_id, b"old", name="old.txt")
        new = desk.replace(event_id, b"newer", name=None, type="x/y")
        assert desk.get(event_id) == b"newer"
        assert (new.name, new.type) == (str(event_id), "x/y")
        assert new.validators.etag != old.validators.etag
        assert desk.files(event_id) == ["binary.json", "content", "event.json"]

    def test_makes_a_binary_where_there_was_none(self, desk, event_id):
        desk.replace(event_id, b"new")
        assert desk.get(event_id) == b"new"

    def test_keeps_an_old_descriptor_readable(self, desk, event_id):
        desk.attach(event_id, b"old")
        opened = desk.store.binaries.open(event_id)
        desk.replace(event_id, b"new")
        assert os.pread(opened.fd, 99, 0) == b"old"
        os.close(opened.fd)

    def test_that_meets_a_faster_attach_replaces_that(self, desk, event_id, overtake):
        overtake(event_id)
        desk.replace(event_id, b"slower")
        assert desk.get(event_id) == b"slower"
        assert desk.files(event_id) == ["binary.json", "content", "event.json"]

    def test_that_wants_none_there_and_meets_a_faster_attach_is_refused(self, desk, event_id, overtake):
        overtake(event_id)
        with pytest.raises(PreconditionFailed):
            desk.replace(event_id, b"slower", NONE_YET)
        assert desk.get(event_id) == b"faster"
        assert desk.files(event_id) == ["binary.json", "content", "event.json"]

    def test_that_fails_keeps_the_old(self, desk, event_id, monkeypatch):
        old, rename = desk.attach(event_id, b"old"), os.rename

        def fail(source, target):
            if str(target).endswith("binary.json"):
                raise OSError(28, "no space")
            rename(source, target)

        monkeypatch.setattr(os, "rename", by_path(fail))
        with pytest.raises(OSError, match="no space"):
            desk.replace(event_id, b"new")
        assert desk.get(event_id) == b"old"
        assert desk.store.binaries.find(event_id) == old
        assert desk.files(event_id) == ["binary.json", "content", "event.json"]

    def test_of_sixteen_at_once_leaves_one_of_them(self, desk, event_id, race):
        results = race(16, lambda n: desk.replace(event_id, b"%d" % n))
        assert not any(isinstance(result, Exception) for result in results)
        present = desk.store.binaries.find(event_id)
        assert present in results
        assert desk.get(event_id) == b"%d" % results.index(present)
        assert desk.files(event_id) == ["binary.json", "content", "event.json"]

    def test_of_several_processes_at_once_leaves_one_of_them(self, desk, event_id, start):
        code = (
            "desk = Desk(Path(sys.argv[1]))\nsay('ready')\nwait()\n"
            "for n in range(10):\n    desk.replace(int(sys.argv[2]), sys.argv[3].encode() * 50_000)\n"
        )
        children = [start(code, event_id, number) for number in range(3)]
        assert [child.hear() for child in children] == ["ready"] * 3
        for child in children:
            child.tell()
        while any(child.process.poll() is None for child in children):
            try:
                data = desk.get(event_id)
            except BinaryNotFound:
                continue
            assert data in (b"0" * 50_000, b"1" * 50_000, b"2" * 50_000)
        assert [child.end() for child in children] == [0, 0, 0]
        assert desk.files(event_id) == ["binary.json", "content", "event.json"]


class TestDelete:
    def test_leaves_the_event_and_nothing_else(self, desk, event_id):
        desk.attach(event_id, b"bytes")
        desk.drop(event_id)
        assert desk.files(event_id) == ["event.json"]
        with pytest.raises(BinaryNotFound):
            desk.get(event_id)
        with pytest.raises(BinaryNotFound):
            desk.drop(event_id)
        desk.attach(event_id, b"again")
        assert desk.get(event_id) == b"again"

    def test_takes_an_incomplete_upload_along(self, desk, event_id):
        desk.attach(event_id, b"bytes")
        desk.chunk(event_id, "0-2/9", b"abc", put=True)
        desk.drop(event_id)
        assert desk.files(event_id) == ["event.json"]

    def test_of_an_upload_alone_is_a_deletion(self, desk, event_id):
        desk.chunk(event_id, "0-2/9", b"abc")
        desk.drop(event_id)
        assert desk.files(event_id) == ["event.json"]
        with pytest.raises(BinaryNotFound):
            desk.drop(event_id)

    def test_of_a_damaged_upload_is_a_deletion(self, desk, event_id):
        desk.chunk(event_id, "0-2/9", b"abc")
        (desk.home(event_id) / "upload.journal").write_bytes(b"rubbish\n")
        desk.drop(event_id)
        assert "upload.journal" not in desk.files(event_id)

    def test_of_sixteen_at_once_has_one_winner(self, desk, event_id, race):
        desk.attach(event_id, b"bytes")
        results = race(16, lambda n: desk.drop(event_id))
        assert results.count(None) == 1
        assert sum(isinstance(result, BinaryNotFound) for result in results) == 15

    def test_on_a_full_disk_unlinks_first_and_rewrites_after(self, desk, event_id, monkeypatch):
        desk.attach(event_id, b"bytes")
        before = desk.store.events.read(event_id).file.updated
        fsync, seen = os.fsync, []

        def fail_while_there(fd):
            if ".event.json" in os.readlink(f"/proc/self/fd/{fd}"):
                seen.append("binary.json" in desk.files(event_id))
                if seen[-1]:
                    raise OSError(28, "no space")
            fsync(fd)

        monkeypatch.setattr(os, "fsync", fail_while_there)
        desk.drop(event_id)
        assert seen == [True, False]
        assert desk.files(event_id) == ["event.json"]
        assert desk.store.events.read(event_id).file.updated >= before

    def test_on_a_full_disk_is_not_prevented_by_the_note_of_the_hour(
        self, desk, make_desk, event_id, monkeypatch
    ):
        desk.attach(event_id, b"bytes")

        def fail(fd):
            raise OSError(28, "no space")

        monkeypatch.setattr(os, "fdatasync", fail)
        make_desk().drop(event_id)
        assert desk.files(event_id) == ["event.json"]

    def test_that_meets_another_error_than_a_full_disk_keeps_the_binary(self, desk, event_id, monkeypatch):
        desk.attach(event_id, b"bytes")
        fsync = os.fsync

        def fail(fd):
            if ".event.json" in os.readlink(f"/proc/self/fd/{fd}"):
                raise OSError(5, "input/output error")
            fsync(fd)

        monkeypatch.setattr(os, "fsync", fail)
        with pytest.raises(OSError, match="input/output"):
            desk.drop(event_id)
        assert desk.get(event_id) == b"bytes"


class TestConditions:
    def test_if_match_holds_for_the_present_binary_alone(self, desk, event_id):
        for act in (desk.attach, desk.replace):
            with pytest.raises(PreconditionFailed):
                act(event_id, b"x", SOME)
        old = Precondition(if_match=desk.attach(event_id, b"old").validators.etag)
        new = Precondition(if_match=desk.replace(event_id, b"new", old).validators.etag)
        with pytest.raises(PreconditionFailed):
            desk.replace(event_id, b"newer", old)
        with pytest.raises(PreconditionFailed):
            desk.drop(event_id, old)
        with pytest.raises(PreconditionFailed):
            desk.chunk(event_id, "0-2/9", b"abc", put=True, wanted=old)
        assert desk.get(event_id) == b"new"
        assert desk.files(event_id) == ["binary.json", "content", "event.json"]
        desk.drop(event_id, new)

    def test_if_none_match_holds_where_there_is_none(self, desk, event_id):
        desk.attach(event_id, b"first", NONE_YET)
        for act in (desk.attach, desk.replace):
            with pytest.raises(PreconditionFailed):
                act(event_id, b"second", NONE_YET)
        assert desk.get(event_id) == b"first"

    def test_of_sixteen_conditional_replaces_of_one_version_one_wins(self, desk, event_id, race):
        wanted = Precondition(if_match=desk.attach(event_id, b"old").validators.etag)
        results = race(16, lambda n: desk.replace(event_id, b"%d" % n, wanted))
        assert sum(isinstance(result, PreconditionFailed) for result in results) == 15

    def test_an_attach_with_a_condition_waits_for_the_lock(self, desk, event_id, monkeypatch):
        locks = []
        locked = fsio.locked

        def record(path, timeout_s, **more):
            locks.append(path)
            return locked(path, timeout_s, **more)

        monkeypatch.setattr(fsio, "locked", record)
        desk.attach(desk.create(), b"x")
        assert locks == []
        desk.attach(event_id, b"x", NONE_YET)
        assert locks == [desk.layout.lock(event_id)]


class TestDamage:
    @pytest.fixture()
    def content(self, desk, event_id):
        return desk.home(event_id) / desk.attach(event_id, b"bytes").content

    def test_a_missing_content_file_is_damage(self, desk, event_id, content):
        content.unlink()
        with pytest.raises(Damaged) as caught:
            desk.get(event_id)
        assert str(content) in caught.value.what

    @pytest.mark.parametrize("data", [b"byte", b"bytes!", b""])
    def test_a_content_file_of_another_length_is_damage_and_leaves_no_descriptor(
        self, desk, event_id, content, data
    ):
        content.write_bytes(data)
        before = os.listdir("/proc/self/fd")
        with pytest.raises(Damaged, match="damaged"):
            desk.get(event_id)
        assert os.listdir("/proc/self/fd") == before

    @pytest.mark.parametrize("change", [(b"5", b"6"), (b'"length":5,', b""), (b'"}\n', b'"}')])
    def test_a_changed_description_is_damage_and_everything_stays(self, desk, event_id, content, change):
        path = desk.home(event_id) / "binary.json"
        path.write_bytes(path.read_bytes().replace(*change))
        before = sorted(os.listdir(desk.home(event_id)))
        for act in (desk.get, desk.drop, desk.store.events.read, desk.store.binaries.find):
            with pytest.raises(Damaged):
                act(event_id)
        with pytest.raises(Damaged):
            desk.replace(event_id, b"new")
        with pytest.raises(Damaged):
            desk.chunk(event_id, "0-2/9", b"new", put=True)
        assert sorted(os.listdir(desk.home(event_id))) == before

    def test_a_damaged_event_is_left_out_of_a_list_and_the_others_stay(self, desk, event_id, content):
        other = desk.create()
        (desk.home(event_id) / "binary.json").write_bytes(b"rubbish\n")
        page = desk.store.listing.find(Query(), Paging())
        assert [event.id for event in page.events] == [other]
        # A deletion of everything reaches it all the same.
        assert sorted(desk.store.listing.ids(Query())) == sorted([event_id, other])

    def test_an_event_that_cannot_be_read_is_left_out_of_a_list_too(self, desk, event_id):
        other = desk.create()
        (desk.home(event_id) / "event.json").unlink()
        (desk.home(event_id) / "event.json").mkdir()
        page = desk.store.listing.find(Query(), Paging())
        assert [event.id for event in page.events] == [other]

    def test_a_content_file_that_is_a_link_to_elsewhere_is_not_followed(
        self, desk, event_id, content, tmp_path
    ):
        (tmp_path / "secret").write_bytes(b"12345")
        content.unlink()
        content.symlink_to(tmp_path / "secret")
        with pytest.raises(OSError, match="symbolic"):
            desk.get(event_id)


class TestRacingReaders:
    def test_a_reader_that_a_replace_overtakes_reads_the_new_bytes(
        self, desk, make_desk, event_id, monkeypatch
    ):
        desk.attach(event_id, b"old")
        other, done, real = make_desk(), [], binaries_module.read_binary

        def read_and_be_overtaken(home):
            binary = real(home)
            if not done:
                done.append(True)
                other.replace(event_id, b"newer")
            return binary

        monkeypatch.setattr(binaries_module, "read_binary", read_and_be_overtaken)
        assert desk.get(event_id) == b"newer"

    @pytest.mark.parametrize(("act", "error"), [("drop", BinaryNotFound), ("delete", EventNotFound)])
    def test_a_reader_that_a_deletion_overtakes_finds_nothing(
        self, desk, make_desk, event_id, monkeypatch, act, error
    ):
        desk.attach(event_id, b"old")
        other, done, real = make_desk(), [], binaries_module.read_binary

        def read_and_be_overtaken(home):
            binary = real(home)
            if not done:
                done.append(True)
                getattr(other, act)(event_id)
            return binary

        monkeypatch.setattr(binaries_module, "read_binary", read_and_be_overtaken)
        with pytest.raises(error):
            desk.get(event_id)


def test_a_second_line_of_binary_json_adds_to_the_first(desk, event_id):
    from c8ybin.domain.records import encode

    binary = desk.attach(event_id, b"bytes")
    with (desk.home(event_id) / "binary.json").open("ab") as file:
        file.write(encode({"sha256": "00" * 32}) + b'{"sha256":"torn')
    again = desk.store.binaries.find(event_id)
    assert again.sha256 == bytes(32)
    assert (again.content, again.validators) == (binary.content, binary.validators)


class TestWhatCannotBeRemoved:
    """After the commit: the answer stands, and the writer's folder stays for a sweep to look."""

    def test_of_a_replaced_binary_is_swept_after_this_process_ended(self, make_desk, monkeypatch):
        desk = make_desk()
        event_id = desk.create()
        desk.attach(event_id, b"old")
        real = os.unlink

        def failing(path, *arguments, **more):
            if Path(path).name.startswith("content-"):
                raise OSError(errno.EIO, "input/output error")
            real(path, *arguments, **more)

        with monkeypatch.context() as patch:
            patch.setattr(os, "unlink", by_path(failing))
            desk.replace(event_id, b"new")
        assert desk.get(event_id) == b"new"
        desk.close()
        after = make_desk()
        after.sweep()
        assert after.files(event_id) == ["binary.json", "content", "event.json"]
        assert after.get(event_id) == b"new"

    @pytest.mark.parametrize("old", [None, b"old"])
    def test_of_an_upload_that_failed_is_swept_after_this_process_ended(self, make_desk, monkeypatch, old):
        desk = make_desk()
        event_id = desk.create()
        if old:
            desk.attach(event_id, old)
        before = desk.files(event_id)

        def failing(*arguments, **more):
            raise OSError(errno.EIO, "input/output error")

        with monkeypatch.context() as patch, pytest.raises(OSError, match="input/output"):
            # Neither the commit goes well nor what removes the traces of it.
            patch.setattr(os, "link", by_path(failing))
            patch.setattr(os, "unlink", by_path(failing))
            patch.setattr(os, "fsync", failing)
            (desk.replace if old else desk.attach)(event_id, b"new")
        assert len(desk.files(event_id)) > len(before)
        desk.close()
        after = make_desk()
        after.sweep()
        assert after.files(event_id) == before

    def test_of_the_draft_of_a_commit_does_not_undo_it(self, make_desk, monkeypatch):
        desk = make_desk()
        event_id = desk.create()
        real = os.unlink

        def failing(path, *arguments, **more):
            if Path(path).name.startswith(".binary.json"):
                raise OSError(errno.EIO, "input/output error")
            real(path, *arguments, **more)

        with monkeypatch.context() as patch:
            patch.setattr(os, "unlink", by_path(failing))
            desk.attach(event_id, b"new")
        desk.close()
        after = make_desk()
        after.sweep()
        assert after.files(event_id) == ["binary.json", "content", "event.json"]
