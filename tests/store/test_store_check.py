"""The check and its repair: what is wrong is found, told once, and put right; nothing else is touched."""

import errno
import hashlib
import os
import threading

import pytest
from store_tools import LOCK_NAMES, Desk, by_path, own_locks

from c8ybin import fsio
from c8ybin.bodies import HASHED_ON_ARRIVAL
from c8ybin.domain.errors import BinaryNotFound, EventNotFound
from c8ybin.domain.records import encode
from c8ybin.fsio import files
from c8ybin.store import Binary, Check, Kind
from c8ybin.store.commit import commit
from c8ybin.store.digesting import Digester
from c8ybin.store.layout import Layout


def look(desk, **more):
    """What a check finds, as kinds by path."""
    found = list(Check(desk.layout, **more).run())
    return {str(f.path.relative_to(desk.root)): f.kind for f in found}


def repair(desk):
    """Repair, look again, and return what the first look found and what was done."""
    found = list(Check(desk.layout, repair=desk.store.repair()).run())
    assert all(finding.done for finding in found), found
    assert look(desk) == {}
    return {str(f.path.relative_to(desk.root)): f.kind for f in found}


def tree(root, *, without=()):
    return {
        str(p.relative_to(root)): p.read_bytes() if p.is_file() else None
        for p in root.rglob("*")
        if not any(part in without for part in p.relative_to(root).parts)
    }


def aside(desk):
    """What lies in the quarantine, by the path that it had."""
    return {
        str(p.relative_to(q)) for q in desk.layout.quarantine.glob("*") for p in q.rglob("*") if p.is_file()
    }


@pytest.fixture()
def relative(desk):
    return lambda path: str(path.relative_to(desk.root))


@pytest.fixture()
def content(desk):
    """Return the content file of an event."""
    return lambda event_id: next(desk.home(event_id).glob("content-*"))


@pytest.fixture()
def full(desk):
    """An event with a binary and an upload that is to replace it."""
    event_id = desk.create()
    desk.attach(event_id, b"0123456789")
    desk.chunk(event_id, "0-2/9", b"abc", put=True)
    desk.chunk(event_id, "6-8/9", b"ghi", put=True)
    return event_id


def flip(path, at):
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)


def locked(path):
    """Lock a body that its writer is about to name; the descriptor is the caller's to close."""
    fd = fsio.open_existing(path, write=True)
    assert fsio.try_lock(fd)
    return fd


def test_what_the_store_writes_is_clean(desk, full):
    desk.create()
    desk.replace(desk_event := desk.create(), b"x" * 1000)
    desk.update(desk_event, text="new")
    read = []
    assert list(Check(desk.layout, step=read.append).run()) == []
    assert sorted(read) == [0, 16, 1000]
    assert list(Check(desk.layout, step=read.append, quick=True).run()) == []
    assert read[3:] == [0, 0, 0]


def test_a_check_writes_nothing(desk, full):
    (desk.home(full) / "event.json").write_bytes(b"")
    (desk.root / "locks2").mkdir()
    before = tree(desk.root)
    assert look(desk)
    assert tree(desk.root) == before


class TestDamage:
    @pytest.mark.parametrize("at", [0, 4, 9])
    def test_one_flipped_byte_of_a_binary_is_found_and_set_aside(self, desk, content, relative, at):
        event_id = desk.create()
        desk.attach(event_id, b"0123456789")
        path = content(event_id)
        flip(path, at)
        assert look(desk) == {relative(path): Kind.BINARY}
        assert look(desk, quick=True) == {}
        updated = desk.store.events.read(event_id).updated
        assert repair(desk) == {relative(path): Kind.BINARY}
        with pytest.raises(BinaryNotFound):
            desk.get(event_id)
        assert desk.store.events.read(event_id).updated >= updated
        assert aside(desk) == {relative(path), relative(desk.home(event_id) / "binary.json")}
        desk.attach(event_id, b"again")

    @pytest.mark.parametrize("data", [b"", b"012345678", b"0123456789a"])
    def test_a_binary_of_another_length_is_found_without_its_digest(self, desk, content, relative, data):
        event_id = desk.create()
        desk.attach(event_id, b"0123456789")
        path = content(event_id)
        path.write_bytes(data)
        assert look(desk, quick=True) == {relative(path): Kind.BINARY}
        repair(desk)

    def test_a_binary_that_is_missing_is_found(self, desk, content, relative):
        event_id = desk.create()
        desk.attach(event_id, b"0123456789")
        path = content(event_id)
        path.unlink()
        assert repair(desk) == {relative(path): Kind.BINARY}
        assert aside(desk) == {relative(desk.home(event_id) / "binary.json")}

    @pytest.mark.parametrize("damage", [b"", b"\0" * 300, b'{"content":1}\n', b"[]"])
    def test_a_damaged_description_goes_aside_with_what_it_still_names(self, desk, content, relative, damage):
        event_id = desk.create()
        desk.attach(event_id, b"0123456789")
        bytes_path, path = content(event_id), desk.home(event_id) / "binary.json"
        path.write_bytes(damage)
        assert look(desk) == {relative(path): Kind.BINARY}
        found = repair(desk)
        assert found[relative(path)] == Kind.BINARY
        with pytest.raises(BinaryNotFound):
            desk.get(event_id)
        # Where it cannot be read which bytes are the binary's, all go aside that nothing else names.
        assert aside(desk) == {relative(bytes_path), relative(path)}

    def test_a_description_with_a_flipped_byte_takes_its_bytes_along(self, desk, content, relative):
        event_id = desk.create()
        desk.attach(event_id, b"0123456789")
        bytes_path, path = content(event_id), desk.home(event_id) / "binary.json"
        path.write_bytes(path.read_bytes().replace(b'"length":10', b'"length":11'))
        assert repair(desk) == {relative(path): Kind.BINARY}
        assert aside(desk) == {relative(bytes_path), relative(path)}

    def test_a_binary_that_goes_aside_takes_the_upload_that_replaces_it_along(self, desk, full, relative):
        (desk.home(full) / desk.store.binaries.find(full).content).write_bytes(b"x")
        repair(desk)
        assert os.listdir(desk.home(full)) == ["event.json"]
        assert len(aside(desk)) == 4

    def test_a_binary_and_its_replacement_that_are_both_damaged_go_aside_together(self, desk, full, relative):
        binary = desk.home(full) / desk.store.binaries.find(full).content
        upload = desk.home(full) / desk.store.events.read(full).upload.content
        flip(binary, 0)
        upload.unlink()
        assert repair(desk) == {relative(binary): Kind.BINARY, relative(upload): Kind.UPLOAD}
        assert aside(desk) == {
            relative(binary.with_name(n)) for n in ("binary.json", "upload.journal", binary.name)
        }

    @pytest.mark.parametrize("damage", [b"", b"\0" * 900, encode({"a": 1}), b'{"base":null}\nx\n'])
    def test_a_damaged_journal_goes_aside_and_the_binary_stays(self, desk, full, relative, damage):
        path = desk.home(full) / "upload.journal"
        path.write_bytes(damage)
        assert look(desk) == {relative(path): Kind.UPLOAD}
        repair(desk)
        assert desk.get(full) == b"0123456789"
        assert desk.upload(full) is None
        desk.chunk(full, "0-8/9", b"abcdefghi", put=True)

    @pytest.mark.parametrize("damage", [lambda p: flip(p, 7), lambda p: os.truncate(p, 8), os.unlink])
    def test_the_bytes_of_an_upload_are_held_against_its_journal(self, desk, full, relative, damage):
        path = desk.home(full) / desk.store.events.read(full).upload.content
        damage(path)
        assert look(desk) == {relative(path): Kind.UPLOAD}
        repair(desk)
        assert desk.get(full) == b"0123456789"

    def test_an_upload_that_is_too_short_is_found_without_its_digests(self, desk, full, relative):
        path = desk.home(full) / desk.store.events.read(full).upload.content
        os.truncate(path, 8)
        assert look(desk, quick=True) == {relative(path): Kind.UPLOAD}

    def test_bytes_between_those_that_arrived_do_not_matter(self, desk, full):
        flip(desk.home(full) / desk.store.events.read(full).upload.content, 4)
        assert look(desk) == {}

    @pytest.mark.parametrize("damage", [b"", b"\0" * 200, b"{}\n", encode({"server": 1})])
    def test_a_damaged_event_goes_aside_whole(self, desk, full, relative, damage):
        path = desk.home(full) / "event.json"
        files = {relative(p) for p in desk.home(full).iterdir()}
        path.write_bytes(damage)
        assert look(desk) == {relative(path): Kind.EVENT}
        assert repair(desk) == {relative(path): Kind.EVENT}
        with pytest.raises(EventNotFound):
            desk.store.events.read(full)
        assert aside(desk) == files

    def test_an_event_without_its_file_is_damage(self, desk, full, relative):
        (desk.home(full) / "event.json").unlink()
        assert repair(desk) == {relative(desk.home(full) / "event.json"): Kind.EVENT}

    def test_a_part_that_is_a_directory_or_a_link_is_damage(self, desk, full, relative):
        for name in ("binary.json", "event.json"):
            path = desk.home(full) / name
            path.unlink()
            path.mkdir()
            assert relative(path) in look(desk)
            path.rmdir()
            path.symlink_to("/etc/passwd")
            assert relative(path) in look(desk)
        repair(desk)

    def test_everything_at_once_is_told_and_put_right(self, desk, full, make_desk):
        others = [make_desk().create() for _ in range(3)]
        for name in ("binary.json", "upload.journal"):
            flip(desk.home(full) / name, 30)
        (desk.home(others[0]) / "event.json").write_bytes(b"")
        (desk.home(others[1]) / "notes.txt").touch()
        found = repair(desk)
        assert set(found.values()) == {Kind.BINARY, Kind.UPLOAD, Kind.EVENT, Kind.FOREIGN}
        assert [e for e, _ in desk.layout.walk()] == sorted([full, *others[1:]])


class TestLeavings:
    def test_what_a_dead_writer_left_is_found_and_swept(self, desk, make_desk, relative):
        dead = make_desk()
        event_id = dead.create()
        dead.attach(event_id, b"old")
        orphan = dead.home(event_id) / dead.writer.next_name("content")
        orphan.write_bytes(b"half")
        body = locked(orphan)
        draft = dead.home(event_id) / dead.writer.draft_name("binary.json")
        draft.write_bytes(b"half")
        assert look(desk) == {}, "its writer runs, and is about to name it"
        os.close(body)
        assert look(desk) == {relative(orphan): Kind.ORPHAN}, "its writer left it"
        dead.die()
        assert look(desk) == {
            relative(dead.writer.folder): Kind.WRITER,
            relative(orphan): Kind.ORPHAN,
            relative(draft): Kind.ORPHAN,
        }
        assert repair(desk) == {relative(dead.writer.folder): Kind.WRITER}
        assert desk.get(event_id) == b"old"

    def test_of_two_dead_writers_the_repair_sweeps_both_and_takes_neither_for_foreign(self, desk, make_desk):
        for dead in (make_desk(), make_desk()):
            dead.create()
            dead.die()
        repair(desk)

    def test_orphans_whose_writer_has_no_folder_any_more_are_removed(self, desk, relative):
        event_id = desk.create()
        orphan = desk.home(event_id) / "content-0123456789ab-7"
        orphan.touch()
        assert repair(desk) == {relative(orphan): Kind.ORPHAN}
        assert aside(desk) == set()

    def test_an_upload_that_a_dead_writer_left_void_is_removed(self, desk, make_desk, relative):
        event_id = desk.create()
        desk.chunk(event_id, "0-2/9", b"abc")
        journal = (desk.home(event_id) / "upload.journal").read_bytes()
        upload = desk.store.events.read(event_id).upload.content
        other = make_desk()
        other.attach(event_id, b"whole")
        (desk.home(event_id) / "upload.journal").write_bytes(journal)
        (desk.home(event_id) / upload).write_bytes(b"abc")
        journal_path = relative(desk.home(event_id) / "upload.journal")
        body = locked(desk.home(event_id) / desk.store.binaries.find(event_id).content)
        assert look(desk) == {}, "whoever attached is about to drop it"
        os.close(body)
        assert look(desk) == {journal_path: Kind.VOID}
        repair(desk)
        assert desk.get(event_id) == b"whole"
        assert desk.files(event_id) == ["binary.json", "content", "event.json"]

    def test_a_restore_that_was_cut_short_is_found_and_removed(self, desk, relative):
        staging = desk.root / ".restore-0123456789ab"
        (staging / "new" / "events").mkdir(parents=True)
        (staging / "alive").touch()
        alive = locked(staging / "alive")
        assert look(desk) == {}, "it is under way"
        os.close(alive)
        assert repair(desk) == {relative(staging): Kind.RESTORE}
        assert not staging.exists()

    def test_a_torn_line_is_found_and_cut_off(self, desk, full, relative):
        path = desk.home(full) / "upload.journal"
        whole = path.read_bytes()
        path.write_bytes(whole + b'{"start":3,"st')
        assert repair(desk) == {relative(path): Kind.TORN}
        assert path.read_bytes() == whole
        assert desk.upload(full) == "0-2,6-8/9"

    def test_a_torn_line_of_a_binary_is_found_and_cut_off(self, desk, full, relative):
        path = desk.home(full) / "binary.json"
        whole = path.read_bytes()
        path.write_bytes(whole + b'{"sha2')
        assert repair(desk) == {relative(path): Kind.TORN}
        assert path.read_bytes() == whole

    def test_an_unfinished_deletion_is_found_and_finished(self, desk, full, relative):
        (desk.home(full) / "event.json").rename(desk.home(full) / "deleted")
        assert repair(desk) == {relative(desk.home(full)): Kind.DELETION}
        assert not desk.home(full).exists()

    def test_an_empty_directory_of_an_event_is_the_end_of_a_deletion(self, desk, full, relative):
        for path in desk.home(full).iterdir():
            path.unlink()
        assert repair(desk) == {relative(desk.home(full)): Kind.DELETION}
        assert not desk.home(full).exists()

    def test_the_sweep_cuts_off_torn_lines_of_a_dead_writer(self, desk, make_desk):
        dead = make_desk()
        event_id = dead.create()
        dead.chunk(event_id, "0-2/9", b"abc")
        path = dead.home(event_id) / "upload.journal"
        whole = path.read_bytes()
        path.write_bytes(whole + b'{"start":3,"st')
        dead.die()
        desk.sweep()
        assert path.read_bytes() == whole
        assert look(desk) == {}


class TestABinaryWithoutADigest:
    @pytest.fixture()
    def path(self, desk, monkeypatch):
        """The `binary.json` of a long binary whose digest did not follow."""
        with monkeypatch.context() as patch:
            patch.setattr(Digester, "follow", lambda *_: None)
            event_id = desk.create()
            desk.attach(event_id, bytes(HASHED_ON_ARRIVAL + 1))
        return desk.home(event_id) / "binary.json"

    def test_is_read_and_counted_but_nothing_wrong(self, desk, path):
        before, read = path.read_bytes(), []
        check = Check(desk.layout, step=read.append)
        assert list(check.run()) == []
        assert (check.undigested, check.digested, sum(read)) == (1, 0, HASHED_ON_ARRIVAL + 1)
        assert path.read_bytes() == before

    def test_is_not_read_by_a_quick_check(self, desk, path):
        read = []
        check = Check(desk.layout, quick=True, repair=desk.store.repair(), step=read.append)
        assert list(check.run()) == []
        assert (check.undigested, check.digested, sum(read)) == (1, 0, 0)

    @pytest.mark.parametrize("quick", [True, False])
    def test_is_damaged_where_its_length_is_another(self, desk, path, content, relative, quick):
        with content(int(path.parent.name)).open("ab") as file:
            file.write(b"x")
        assert look(desk, quick=quick) == {relative(content(int(path.parent.name))): Kind.BINARY}

    def test_is_told_where_it_cannot_be_read(self, desk, path, content, relative, monkeypatch):
        def failing(*_):
            raise OSError(errno.EIO, os.strerror(errno.EIO))

        monkeypatch.setattr(os, "preadv", failing)
        assert look(desk) == {relative(content(int(path.parent.name))): Kind.UNREADABLE}

    @pytest.mark.parametrize("torn", [b"", b'{"sha2'])
    def test_gets_it_from_a_repair(self, desk, path, torn):
        before = path.read_bytes()
        path.write_bytes(before + torn)
        check = Check(desk.layout, repair=desk.store.repair())
        assert [finding.kind for finding in check.run()] == ([Kind.TORN] if torn else [])
        assert (check.undigested, check.digested) == (1, 1)
        digest = hashlib.sha256(bytes(HASHED_ON_ARRIVAL + 1)).hexdigest()
        assert path.read_bytes() == before + encode({"sha256": digest})
        check = Check(desk.layout)
        assert (list(check.run()), check.undigested) == ([], 0)

    def test_that_a_full_disk_keeps_from_it_is_still_nothing_wrong(self, desk, path, monkeypatch):
        repair = desk.store.repair()

        def failing(*_):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        monkeypatch.setattr(os, "pwrite", failing)
        check = Check(desk.layout, repair=repair)
        assert list(check.run()) == []
        assert (check.undigested, check.digested) == (1, 0)


@pytest.mark.parametrize(
    "name",
    [
        "notes.txt",
        "folder/",
        "events/notes.txt",
        "events/2026-13/",
        "events/2026-11-24/notes.txt",
        "events/2026-11-24/x/",
        "events/imported/x/",
        "{hour}/notes.txt",
        "{hour}/123/",
        "{hour}/0123/",
        "{home}/notes.txt",
        "{home}/folder/",
        "{home}/.content-0123456789ab-1.XyZ123",
        "tmp/notes.txt",
        "locks/400",
    ],
)
def test_what_is_not_ours_is_found_and_set_aside_with_its_bytes(desk, relative, name, tmp_path):
    home = desk.home(desk.create())
    path = desk.root / name.format(home=relative(home), hour=relative(home.parent))
    if name.startswith("locks/"):  # they are shared with other tests
        own_locks(desk.root, *LOCK_NAMES)
    path.parent.mkdir(parents=True, exist_ok=True)
    if name.endswith("/"):
        path.mkdir()
        (path / "inside").write_text("bytes")
    else:
        path.write_text("bytes")
    assert repair(desk) == {relative(path): Kind.FOREIGN}
    assert {(desk.layout.quarantine / n).name for n in aside(desk)} <= {path.name, "inside"}
    assert len(aside(desk)) == 1


@pytest.mark.parametrize(
    "name", ["README.md", "lost+found/", ".gitignore", ".accounts.json.0123", "quarantine/x"]
)
def test_what_may_lie_in_a_data_directory_is_left_alone(desk, name):
    path = desk.root / name
    path.parent.mkdir(exist_ok=True)
    path.mkdir() if name.endswith("/") else path.touch()
    assert look(desk) == {}


def test_missing_lock_files_are_found_and_made(desk):
    own_locks(desk.root, "000")
    found = look(desk)
    assert len(found) == 0x3FF
    assert set(found.values()) == {Kind.LOCK}
    repair(desk)


def test_while_the_store_is_used_nothing_is_found(desk, make_desk):
    """Threads attach, replace, send chunks, delete; a check that looks all the while finds nothing."""
    stop = threading.Event()
    failed = []

    def work(number):
        own = make_desk()
        try:
            while not stop.is_set():
                event_id = own.create()
                own.chunk(event_id, "0-2/9", b"abc")
                own.attach(event_id, b"whole" * number)
                own.chunk(event_id, "0-2/9", b"abc", put=True)
                own.chunk(event_id, "3-8/9", b"defghi", put=True)
                own.replace(event_id, b"new" * number)
                own.drop(event_id)
                own.chunk(event_id, "0-2/9", b"abc")
                if number % 2:
                    own.delete(event_id)
        except Exception as error:
            failed.append(error)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(3)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(15):
            assert look(desk) == {}
    finally:
        stop.set()
        for thread in threads:
            thread.join(60)
    assert not failed


def test_a_repair_while_others_write_loses_nothing(desk, make_desk, relative):
    event_id = desk.create()
    writer = make_desk()
    orphan = writer.home(event_id) / writer.writer.next_name("content")
    orphan.write_bytes(b"about to be named")
    body = locked(orphan)
    assert repair(desk) == {}
    assert orphan.exists()
    os.close(body)


def test_a_killed_repair_is_done_by_the_next(start, desk, relative, content):
    event_id = desk.create()
    desk.attach(event_id, b"0123456789")
    path = content(event_id)
    flip(path, 3)
    for pattern in ("content-*", "binary.json"):
        child = start(
            "from c8ybin.store import Check\ndesk = Desk(Path(sys.argv[1]))\n"
            "die('rename', sys.argv[2], after=True)\n"
            "print(list(Check(desk.layout, repair=desk.store.repair()).run()))",
            pattern,
        )
        assert child.end() == -9
    found = list(Check(desk.layout, repair=desk.store.repair()).run())
    assert {f.kind for f in found} == {Kind.WRITER}
    assert look(desk) == {}
    assert aside(desk) == {relative(path), relative(desk.home(event_id) / "binary.json")}
    assert desk.files(event_id) == ["event.json"]


def test_what_a_killed_repair_left_is_found_by_the_sweep(start, desk, content):
    event_id = desk.create()
    desk.attach(event_id, b"0123456789")
    flip(content(event_id), 3)
    child = start(
        "from c8ybin.store import Check\ndesk = Desk(Path(sys.argv[1]))\n"
        "die('rename', 'event.json', after=False)\n"
        "print(list(Check(desk.layout, repair=desk.store.repair()).run()))"
    )
    assert child.end() == -9
    assert len(list(desk.layout.tmp.glob("*/drafts/.event.json.*"))) == 1
    desk.sweep()
    assert desk.files(event_id) == ["binary.json", "content", "event.json"]


def test_an_event_that_is_in_use_for_long_is_told_as_it_was_seen(desk, full, relative, monkeypatch):
    monkeypatch.setattr("c8ybin.store.check.LOCK_TIMEOUT_S", 0.05)
    path = desk.home(full) / "upload.journal"
    path.write_bytes(b"")
    with desk.disk.locked(full):
        found = list(Check(desk.layout, repair=desk.store.repair()).run())
    assert [(f.path, f.kind, f.done) for f in found] == [(path, Kind.UPLOAD, None)]


def test_an_event_that_cannot_be_put_aside_is_told_and_the_others_go_on(desk, full, monkeypatch):
    other = desk.create()
    for event_id in (full, other):
        (desk.home(event_id) / "event.json").write_bytes(b"")
    real = os.rename

    def refuse(source, target):
        if str(full) in str(source):
            raise OSError(5, "Input/output error")
        real(source, target)

    monkeypatch.setattr(os, "rename", by_path(refuse))
    found = {str(f.path): f for f in Check(desk.layout, repair=desk.store.repair()).run()}
    left = found[str(desk.home(full) / "event.json")]
    assert left.done is None
    assert "Input/output error" in left.what
    assert found[str(desk.home(other) / "event.json")].done


def test_a_check_looks_also_where_no_lock_can_be_taken(root):
    with Desk(root) as desk:
        event_id = desk.create()
    own_locks(root)
    (Layout(root).event(event_id) / "event.json").write_bytes(b"")
    kinds = {f.kind for f in Check(Layout(root)).run()}
    assert kinds == {Kind.LOCK, Kind.EVENT}
    assert list(Layout(root).locks.iterdir()) == []


class TestWhatCannotBeRead:
    @pytest.mark.parametrize("number", [errno.EIO, errno.ENFILE, errno.EMFILE, errno.EACCES, errno.ENOMEM])
    @pytest.mark.parametrize("name", ["event.json", "binary.json", "upload.journal"])
    def test_is_told_and_left_where_it_is(self, desk, full, monkeypatch, name, number):
        before, real = tree(desk.root / "events"), files.open_beneath

        def fail(path, flags):
            if str(path).endswith(f"{full}/{name}"):
                raise OSError(number, os.strerror(number))
            return real(path, flags)

        with monkeypatch.context() as patch:
            patch.setattr(files, "open_beneath", fail)
            found = list(Check(desk.layout, repair=desk.store.repair()).run())
        assert [(f.kind, f.done) for f in found] == [(Kind.UNREADABLE, None)]
        assert tree(desk.root / "events") == before
        assert look(desk) == {}

    def test_is_no_pipe_that_somebody_waits_for(self, desk, full, relative):
        path = desk.home(full) / "upload.journal"
        path.unlink()
        os.mkfifo(path)
        assert look(desk) == {relative(path): Kind.UPLOAD}
        repair(desk)


def test_a_directory_under_the_name_of_a_content_file_is_foreign(desk, full, relative):
    path = desk.home(full) / "content-0123456789ab-1"
    path.mkdir()
    assert repair(desk) == {relative(path): Kind.FOREIGN}


def test_a_post_that_is_answered_while_its_bytes_are_looked_at_is_kept(desk, make_desk, monkeypatch):
    # It takes no lock of the event: its body is locked until `binary.json` names it, and then let go.
    event_id, other, looks = desk.create(), make_desk(), []
    home, name = desk.home(event_id), other.writer.next_name("content")
    (home / "content-0123456789ab-1").touch()  # so that it is looked at twice
    received = other.body(b"acknowledged")
    received.body.move_to(home / name)
    real = fsio.is_locked

    def answer_at_the_second_look(path):
        if path.name == name:
            looks.append(real(path))
            if len(looks) == 2:
                digest = received.body.digests["sha-256"]
                binary = Binary(name, "a/b", "a", 12, digest, 0, "tester")
                other.disk.together.run(commit(home, binary, None, other.disk))
                received.body.close()
        return real(path)

    monkeypatch.setattr(fsio, "is_locked", answer_at_the_second_look)
    repair(desk)
    assert looks[:2] == [True, True]
    assert desk.get(event_id) == b"acknowledged"
