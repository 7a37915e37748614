"""Backups: each event as it stood at one moment, while others change it."""

import errno
import hashlib
import json
import os
import re
import threading
from pathlib import Path

import pytest
from backup_tools import back_up, bring_back, files_of, furnish, members_of, state
from store_tools import Desk

from c8ybin import fsio
from c8ybin.accounts import ADMIN_PASSWORD_FILE
from c8ybin.accounts import changes as accounts_module
from c8ybin.domain.errors import EventNotFound
from c8ybin.domain.ids import EventId
from c8ybin.domain.records import decode, encode
from c8ybin.store import NotWritten, UnfitDirectory, Unsteady, existing_directory, write_backup
from c8ybin.store import layout as layout_module
from c8ybin.store.digesting import make_sure_of_digest
from c8ybin.store.layout import Layout
from c8ybin.store.snapshot import snapshot

LONG = bytes(range(256)) * 4096  # more than one block, and not kept in memory


@pytest.fixture()
def root(quick_root):
    """On a tmpfs where there is one: these tests fsync thousands of times, and what that does is tested elsewhere."""
    return quick_root


@pytest.fixture()
def archive(root):
    return root.parent / "full.tar"


def below(desk, event_id, archive):
    """The files that an archive has of an event, contents by their number: `content`."""
    folder = str(desk.home(event_id).relative_to(desk.root))
    files = files_of(archive)
    return {p.rpartition("/")[2].partition("-")[0]: d for p, d in files.items() if p.startswith(folder)}


class TestOneBackup:
    def test_has_every_file_of_the_state_and_no_other(self, desk, root, archive):
        plain, attached, chunked = desk.create(text="plain"), desk.create(), desk.create()
        desk.attach(attached, LONG)
        desk.attach(chunked, b"old")
        desk.chunk(chunked, "0-2/9", b"abc", put=True)
        (root / "accounts.json").write_text('{"users": {}}')
        (root / "admin-password").write_text("secret")
        whole = state(root)
        # What a backup leaves out: locks, writers' folders, drafts, orphans and what is not ours.
        for path in ("accounts.lock", "thesis.tex", "events/notes.txt", "tmp/body-1"):
            (root / path).write_text("x")
        for name in (".binary.json.0123456789ab-7", "content-0123456789ab-7", "photo.jpg"):
            (desk.home(plain) / name).write_text("x")
        done = back_up(root, archive)
        assert files_of(archive) == whole
        assert (done.events, done.files, done.copied_files) == (3, len(whole), len(whole))
        assert done.bytes == done.copied_bytes == sum(map(len, whole.values()))
        assert done.damaged == []

    def test_tells_what_it_is_first_and_each_file_last(self, desk, root, archive):
        desk.attach(desk.create(), b"bytes")
        done = back_up(root, archive)
        (header, told), *files, (manifest, lines) = members_of(archive)
        assert (header, manifest) == ("c8ybin-backup.json", "manifest.jsonl")
        told = json.loads(told)
        assert (told["format"], told["store"], told["id"]) == ("c8ybin backup 1", "c8ybin 1", done.stamp.id)
        assert told["since"] == []
        *entries, last = lines.splitlines(keepends=True)
        assert [json.loads(line) for line in entries] == [
            {"path": p, "length": len(d), "sha256": hashlib.sha256(d).hexdigest(), "backup": done.stamp.id}
            for p, d in files
        ]
        assert json.loads(last) == {
            "lines": len(files),
            "sha256": hashlib.sha256(b"".join(entries)).hexdigest(),
        }
        assert archive.stat().st_size % 10240 == 0  # POSIX: records of twenty blocks

    def test_changes_nothing_and_waits_for_no_lock(self, desk, root, archive):
        desk.attach(event_id := desk.create(), b"bytes")

        def seen():
            return {p: (p.stat().st_mtime_ns, p.stat().st_ino) for p in root.rglob("*")}

        with fsio.locked(desk.layout.lock(event_id), 1), fsio.locked(root / "accounts.lock", 1):
            before = seen()
            assert back_up(root, archive).events == 1
            assert seen() == before

    def test_of_what_is_no_data_directory_is_refused(self, root, tmp_path):
        assert existing_directory(root) == Layout(root)
        for path in (tmp_path / "none", tmp_path):
            with pytest.raises(UnfitDirectory, match="no data directory"):
                existing_directory(path)
        assert not (tmp_path / "none").exists()
        (root / "format").write_text("c8ybin 2\n")
        with pytest.raises(UnfitDirectory, match="does not know"):
            existing_directory(root)

    def test_takes_the_accounts_and_the_first_password_as_they_stood_together(
        self, root, archive, before_reading
    ):
        (root / "accounts.json").write_text("old")
        (root / "admin-password").write_text("old")

        def change():  # what `user password admin` does
            (root / "accounts.json").write_text("new")
            (root / "admin-password").unlink()

        before_reading("admin-password", change)
        back_up(root, archive)
        assert files_of(archive) == {"format": b"c8ybin 1\n", "accounts.json": b"new"}

    def test_knows_the_names_that_accounts_have(self):
        assert layout_module.ACCOUNTS == accounts_module.FILE
        assert layout_module.ACCOUNTS_LOCK == accounts_module.LOCK
        assert layout_module.FIRST_PASSWORD == ADMIN_PASSWORD_FILE

    def test_of_a_directory_that_a_restore_replaces_meanwhile_is_refused(self, desk, root, archive):
        desk.create()

        def step(*, events=0, **_):
            if events:
                (root / "events").rename(root / "old")
                (root / "events").mkdir()

        with pytest.raises(UnfitDirectory, match="replaced by a restore"):
            back_up(root, archive, step=step)

    def test_that_cannot_be_written_says_so(self, desk, root):
        desk.attach(desk.create(), LONG)
        with open("/dev/full", "wb", buffering=0) as full, pytest.raises(NotWritten) as caught:
            write_backup(desk.layout, full)
        assert caught.value.__cause__.errno == errno.ENOSPC

    def test_counts_its_steps(self, desk, root, archive):
        for data in (LONG, b"short"):
            desk.attach(desk.create(), data)
        steps = []
        done = back_up(root, archive, step=lambda **done: steps.append(done))
        assert sum(step.get("events", 0) for step in steps) == done.events == 2
        assert sum(step.get("bytes", 0) for step in steps) == done.copied_bytes - len(b"c8ybin 1\n")


class TestAnEventThatIsChangedMeanwhile:
    """Another process changes it between two files that the backup reads."""

    @pytest.fixture()
    def look(self, root, archive, locks):
        """Return what backs up, restores, and tells what is there of an event: text, bytes, upload."""

        def see(event_id):
            back_up(root, archive)
            bring_back(archive.with_name("restored"), archive)
            with Desk(furnish(archive.with_name("restored"), locks)) as restored:
                event = restored.store.events.read(event_id)
                data = restored.get(event_id) if event.binary else None
                return event.file.document["text"], data, event.upload and str(event.upload)

        return see

    @pytest.mark.parametrize("name", ["upload.journal", "binary.json", "event.json"])
    def test_is_never_a_mixture(self, desk, make_desk, look, before_reading, name):
        # The first text goes with the first bytes, or the second with the second; between lies one state.
        event_id, other = desk.create(text="1"), make_desk()
        desk.attach(event_id, b"1")

        def change():
            other.update(event_id, text="2")
            other.replace(event_id, b"2")

        before_reading(name, change)
        assert look(event_id) == ("2", b"2", None)

    def test_has_the_binary_that_was_replaced_before_its_bytes_were_opened(
        self, desk, make_desk, look, monkeypatch
    ):
        event_id, other = desk.create(text="1"), make_desk()
        desk.attach(event_id, b"1")
        real, done = fsio.open_existing, []

        def overtaken(path, **more):
            if Path(path).name.startswith("content-") and not done:
                done.append(True)
                other.replace(event_id, b"2")
            return real(path, **more)

        monkeypatch.setattr(fsio, "open_existing", overtaken)
        assert look(event_id) == ("1", b"2", None)

    def test_keeps_the_bytes_of_its_moment_although_they_are_replaced_before_they_are_copied(
        self, desk, make_desk
    ):
        # The snapshot holds the descriptor of a file that has no name any more.
        event_id, other = desk.create(text="1"), make_desk()
        desk.attach(event_id, LONG)
        with snapshot(desk.home(event_id)) as files:
            other.replace(event_id, b"2")
            other.delete(event_id)
            assert b"".join(files[2].blocks()) == LONG

    def test_shows_an_upload_or_the_binary_that_it_became(self, desk, make_desk, look, before_reading):
        event_id, other = desk.create(text="1"), make_desk()
        desk.chunk(event_id, "0-2/6", b"abc")
        before_reading("binary.json", lambda: other.chunk(event_id, "3-5/6", b"def"))
        assert look(event_id) == ("1", b"abcdef", None)

    @pytest.mark.parametrize("name", ["upload.journal", "binary.json", "event.json"])
    def test_has_the_digest_or_not_when_it_follows_meanwhile(self, desk, root, archive, before_reading, name):
        event_id = desk.create()
        digest = encode({"sha256": desk.attach(event_id, b"1").sha256.hex()})
        path = desk.home(event_id) / "binary.json"
        path.write_bytes(encode(decode(path.read_bytes(), "")[0][0] | {"sha256": None}))

        def follow():
            make_sure_of_digest(path.parent)

        before_reading(name, follow)
        assert back_up(root, archive)
        bring_back(archive.with_name("restored"), archive)
        restored = archive.with_name("restored") / path.relative_to(root)
        assert restored.read_bytes() == path.read_bytes()
        assert restored.read_bytes().endswith(b"\n" + digest)

    def test_is_copied_without_a_torn_line_of_its_binary(self, desk, root, archive):
        event_id = desk.create()
        desk.attach(event_id, b"1")
        path = desk.home(event_id) / "binary.json"
        whole = path.read_bytes()
        path.write_bytes(whole + b'{"sha256":"')
        assert back_up(root, archive)
        bring_back(archive.with_name("restored"), archive)
        assert (archive.with_name("restored") / path.relative_to(root)).read_bytes() == whole

    def test_counts_of_an_upload_what_its_journal_did_and_no_byte_more(self, desk, make_desk):
        event_id, other = desk.create(), make_desk()
        desk.chunk(event_id, "2-3/9", b"cd")
        with snapshot(desk.home(event_id)) as files:
            other.chunk(event_id, "0-1/9", b"ab")
            other.chunk(event_id, "4-8/9", b"efghi")
            assert [b"".join(file.blocks()) for file in files[2:]] == [b"\0\0cd"]

    @pytest.mark.parametrize("name", ["upload.journal", "binary.json", "event.json"])
    def test_is_left_out_when_it_is_deleted(self, desk, root, archive, before_reading, name):
        event_id = desk.create()
        desk.attach(event_id, b"bytes")
        kept = desk.create()
        before_reading(name, lambda: desk.delete(event_id))
        done = back_up(root, archive)
        assert (done.events, done.damaged) == (1, [])
        assert set(files_of(archive)) == {"format", f"{desk.home(kept).relative_to(root)}/event.json"}

    def test_is_left_out_when_it_is_deleted_in_place_on_a_full_disk(self, desk, root, archive):
        event_id = desk.create()
        desk.attach(event_id, b"bytes")
        (desk.home(event_id) / "event.json").rename(desk.home(event_id) / "deleted")
        done = back_up(root, archive)
        assert (done.events, done.damaged) == (0, [])

    def test_is_a_state_that_it_had_under_many_changes(self, quick_root):
        # Text n goes with a binary of n bytes, n - 1 for a moment, and with no upload but for a moment before it.
        desk, ended, wrong, seen = Desk(quick_root), threading.Event(), [], []
        event_id = desk.create(n=0)
        desk.attach(event_id, b"")

        def read():
            while not ended.is_set():
                with snapshot(desk.home(event_id)) as files:
                    n = json.loads(b"".join(files[0].blocks()))["event"]["n"]
                    data = b"".join(files[2].blocks())
                    upload = b"".join(files[4].blocks()) if len(files) > 3 else b"x"
                seen.append(n)
                if len(data) not in (n, n - 1) or {*data, *upload.replace(b"\0", b"")} - {*b"x"}:
                    wrong.append((n, data, upload))

        readers = [threading.Thread(target=read) for _ in range(2)]
        for reader in readers:
            reader.start()
        for n in range(1, 100):
            desk.update(event_id, n=n)
            if n % 2:
                desk.replace(event_id, b"x" * n)
            else:
                for at in (0, n - 1):
                    desk.chunk(event_id, f"{at}-{at}/{n + 1}", b"x", put=True)
                desk.replace(event_id, b"x" * n)
        ended.set()
        for reader in readers:
            reader.join()
        desk.close()
        assert wrong == []
        assert len(set(seen)) > 10


class TestAnUpload:
    def test_is_copied_as_far_as_its_journal_counts(self, desk, root, archive):
        event_id = desk.create()
        desk.chunk(event_id, "2-3/9", b"cd")
        desk.chunk(event_id, "5-5/9", b"f")
        journal = (desk.home(event_id) / "upload.journal").read_bytes()
        content = next(desk.home(event_id).glob("content-*"))
        with (desk.home(event_id) / "upload.journal").open("ab") as file:
            file.write(b'{"start":6,"st')  # a torn line
        with content.open("r+b") as file:  # and bytes that no line counts
            file.write(b"??")
            file.seek(6)
            file.write(b"???")
        back_up(root, archive)
        files = below(desk, event_id, archive)
        assert files["upload.journal"] == journal
        assert files["content"] == b"\0\0cd\0f"

    def test_that_is_void_is_left_out(self, desk, make_desk, root, archive, monkeypatch):
        event_id = desk.create()
        desk.chunk(event_id, "0-2/9", b"abc")
        monkeypatch.setattr("c8ybin.store.disk.LOCK_TIMEOUT_S", 0.01)
        with make_desk().disk.locked(event_id):  # so that nobody drops it
            desk.attach(event_id, b"whole")
        assert (desk.home(event_id) / "upload.journal").exists()
        back_up(root, archive)
        assert sorted(below(desk, event_id, archive)) == ["binary.json", "content", "event.json"]
        assert below(desk, event_id, archive)["content"] == b"whole"


def write(name, data):
    return lambda home: (home / name).write_bytes(data)


def on_content(act):
    return lambda home: act(next(home.glob("content-*")))


def flip(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def to_folder(path):
    path.unlink()
    path.mkdir()


DAMAGES = {
    "event.json of zeros": (write("event.json", bytes(99)), "no valid line"),
    "event.json cut short": (write("event.json", b'{"server":{'), "no valid line"),
    "event.json missing": (lambda home: (home / "event.json").unlink(), "event.json: missing"),
    "event.json a directory": (lambda home: to_folder(home / "event.json"), "Is a directory"),
    "event.json of another kind": (write("event.json", encode({"server": {}})), "not an event"),
    "binary.json cut short": (write("binary.json", b'{"content":"con'), "no valid line"),
    "binary.json empty": (write("binary.json", b""), "no valid line"),
    "binary.json flipped": (lambda home: flip(home / "binary.json"), "checksum|no valid line"),
    "content missing": (on_content(lambda path: path.unlink()), "missing"),
    "content longer": (on_content(lambda path: path.write_bytes(LONG + b"x")), "bytes long"),
    "content shorter": (on_content(lambda path: path.write_bytes(LONG[1:])), "bytes long"),
    "content flipped": (on_content(flip), "do not match its SHA-256"),
    "content a link": (
        on_content(lambda path: (path.unlink(), path.symlink_to("/etc/hostname"))),
        "symbolic",
    ),
    "journal of zeros": (write("upload.journal", bytes(99)), "no valid line"),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_an_event_that_is_damaged_is_told_and_left_out_and_the_rest_is_complete(desk, root, archive, name):
    damage, says = DAMAGES[name]
    first, bad, last = (desk.create() for _ in range(3))
    for event_id in (first, bad, last):
        desk.attach(event_id, LONG)
    whole = state(root)
    damage(desk.home(bad))
    told = []
    done = back_up(root, archive, left_out=lambda *what: told.append(what))
    ((event_id, what),) = told
    assert event_id == f"event {bad}"
    assert re.search(says, what), what
    assert done.damaged == [bad]
    folder = str(desk.home(bad).relative_to(root))
    assert files_of(archive) == {p: d for p, d in whole.items() if not p.startswith(folder)}
    bring_back(archive.with_name("restored"), archive)


@pytest.mark.parametrize("act", ["content", "journal"])
def test_of_an_upload_whose_bytes_are_missing_nothing_is_copied(desk, root, archive, act):
    event_id = desk.create()
    desk.chunk(event_id, "0-2/9", b"abc")
    content = next(desk.home(event_id).glob("content-*"))
    content.unlink() if act == "content" else content.write_bytes(b"ab")
    assert back_up(root, archive).damaged == [event_id]


def test_a_name_of_a_content_file_that_leads_elsewhere_is_damage(desk, root, archive):
    event_id = desk.create()
    binary = desk.attach(event_id, b"x")
    (root / "accounts.json").write_text("x")
    path = desk.home(event_id) / "binary.json"
    path.write_bytes(encode(binary.to_record() | {"content": "../../../../accounts.json"}))
    assert back_up(root, archive).damaged == [event_id]


def test_a_disk_that_reads_differently_each_time_breaks_the_backup_off(desk, root, archive):
    # Too late to leave the event out: its first bytes are in the archive.
    event_id = desk.create()
    desk.attach(event_id, LONG)
    content = next(desk.home(event_id).glob("content-*"))

    def step(**done):
        if done.get("bytes") == fsio.COPY_BYTES and content.read_bytes() == LONG:
            with content.open("r+b") as file:
                file.seek(-1, os.SEEK_END)
                file.write(b"?")

    with pytest.raises(Unsteady, match="content-"):
        back_up(root, archive, step=step)


class TestSince:
    @pytest.fixture()
    def full(self, desk, root, archive):
        # What is gone comes first, for in a millisecond IDs are in no order.
        gone, kept, replaced, updated = sorted(desk.create() for _ in range(4))
        for event_id in (kept, replaced, gone):
            desk.attach(event_id, b"old")
        back_up(root, archive)
        desk.replace(replaced, b"new")
        desk.update(updated, text="new")
        desk.delete(gone)
        self.ids = kept, replaced, updated, gone
        return archive

    def test_only_what_is_new_or_changed_is_copied(self, desk, root, full, tmp_path):
        _, replaced, updated, _ = self.ids
        desk.attach(new := desk.create(), b"bytes")
        done = back_up(root, tmp_path / "inc.tar", full)
        assert {(p.split("/")[3], p.rpartition("/")[2][:7]) for p in files_of(tmp_path / "inc.tar")} == {
            (str(replaced), "binary."),
            (str(replaced), "content"),
            (str(updated), "event.j"),
            (str(new), "event.j"),
            (str(new), "binary."),
            (str(new), "content"),
        }
        assert (done.copied_files, done.files, done.events) == (6, len(state(root)), 4)

    def test_the_manifest_has_the_whole_state_and_where_each_file_is(self, desk, root, full, tmp_path):
        done = back_up(root, tmp_path / "inc.tar", full)
        (_, header), *_, (_, lines) = members_of(tmp_path / "inc.tar")
        first = json.loads(members_of(full)[0][1])
        assert json.loads(header)["since"] == [{"id": first["id"], "time": first["time"]}]
        entries = [json.loads(line) for line in lines.splitlines()[:-1]]
        assert {e["path"]: e["length"] for e in entries} == {p: len(d) for p, d in state(root).items()}
        here = {e["path"] for e in entries if e["backup"] == done.stamp.id}
        assert here == set(files_of(tmp_path / "inc.tar"))
        assert {e["backup"] for e in entries if e["path"] not in here} == {first["id"]}

    def test_an_upload_that_gets_its_last_bytes_in_the_middle_is_copied_again(
        self, desk, root, locks, tmp_path
    ):
        # The same name and the same length, but zeros in the earlier backup.
        event_id = desk.create()
        desk.chunk(event_id, "0-2/9", b"abc")
        desk.chunk(event_id, "6-8/9", b"ghi")
        back_up(root, tmp_path / "full.tar")
        desk.chunk(event_id, "3-5/9", b"def")
        back_up(root, tmp_path / "inc.tar", tmp_path / "full.tar")
        bring_back(tmp_path / "restored", tmp_path / "full.tar", tmp_path / "inc.tar")
        assert state(tmp_path / "restored") == state(root)
        with Desk(furnish(tmp_path / "restored", locks)) as restored:
            assert restored.get(event_id) == b"abcdefghi"

    def test_what_was_copied_once_is_not_read_again(self, desk, root, archive, tmp_path):
        event_id = desk.create()
        desk.attach(event_id, b"bytes")
        back_up(root, archive)
        flip(next(desk.home(event_id).glob("content-*")))
        done = back_up(root, tmp_path / "inc.tar", archive)
        assert (done.damaged, done.copied_files) == ([], 0)

    def test_it_is_never_older_than_what_it_builds_on(self, desk, root, full, tmp_path, monkeypatch):
        # The clock of a box without a battery.
        before = back_up(root, full)
        monkeypatch.setattr("time.time", lambda: 0.0)
        assert back_up(root, tmp_path / "inc.tar", full).stamp.time == before.stamp.time


@pytest.mark.parametrize(
    ("path", "holds"),
    [
        ("events/2026-11-24/08/891591061944308/event.json", True),
        ("events/2026-11-24/08/891591061944308/content-295640c09f7e-2", True),
        ("events/imported/7/70001/upload.journal", True),
        ("events/imported/8/70001/binary.json", False),
        ("events/2026-11-24/09/891591061944308/event.json", False),
        ("events/2026-11-24/08/0891591061944308/event.json", False),
        ("events/2026-11-24/08/891591061944308/deleted", False),
        ("events/2026-11-24/08/891591061944308/content-x-2", False),
        ("events/2026-11-24/08/891591061944308/../event.json", False),
        ("events/2026-11-24/08/891591061944308/a/event.json", False),
        ("/events/2026-11-24/08/891591061944308/event.json", False),
        ("events//2026-11-24/08/891591061944308/event.json", False),
        ("./events/2026-11-24/08/891591061944308/event.json", False),
        ("events/2026-11-24/08/891591061944308/event.json\n", False),
        (f"events/{Layout(Path()).hour_name(2**53)}/{2**53}/event.json", False),
        (f"events/{Layout(Path()).hour_name(2**53 - 1)}/{2**53 - 1}/event.json", True),
        ("event.json", False),
        ("", False),
    ],
)
def test_only_a_path_of_the_layout_is_one(path, holds):
    assert Layout(Path("data")).holds(path) == holds


def test_a_snapshot_of_what_is_gone_says_so(desk):
    event_id = desk.create()
    desk.delete(event_id)
    with pytest.raises(EventNotFound), snapshot(desk.home(EventId(event_id))):
        pass
