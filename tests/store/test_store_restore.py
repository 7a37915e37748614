"""Restores: all of an archive is checked before anything is replaced."""

import gzip
import hashlib
import io
import json
import os
import random
import tarfile

import pytest
from backup_tools import back_up, bend, bring_back, files_of, furnish, members_of, state, write_members
from brute_force import listed
from store_tools import Desk, by_path

from c8ybin.domain.errors import EventNotFound
from c8ybin.domain.queries import Paging, Query
from c8ybin.store import (
    BadArchive,
    MissingBackup,
    Source,
    UnfitDirectory,
    UnknownFormat,
    is_data_directory,
    restore_backup,
)
from c8ybin.store.manifest import Entry, Manifest

LONG = bytes(range(256)) * 2048


@pytest.fixture()
def root(quick_root):
    """On a tmpfs where there is one: these tests fsync thousands of times, and what that does is tested elsewhere."""
    return quick_root


@pytest.fixture(autouse=True)
def without_the_others(monkeypatch):
    """Let sync() wait for nothing: it would wait for what the whole machine has to write; the fsyncs follow."""
    monkeypatch.setattr(os, "sync", lambda: None)


@pytest.fixture()
def events(desk, root):
    """An event as such, one with a long binary, one with a short binary and an upload over it."""
    ids = desk.create(text="plain"), desk.create(text="long"), desk.create(text="both")
    desk.attach(ids[1], LONG)
    desk.attach(ids[2], b"short")
    desk.chunk(ids[2], "2-3/9", b"cd", put=True)
    (root / "accounts.json").write_text('{"users": {}}')
    (root / "admin-password").write_text("secret")
    return ids


@pytest.fixture()
def archive(root, events, tmp_path):
    back_up(root, tmp_path / "full.tar")
    return tmp_path / "full.tar"


@pytest.fixture()
def new(quick_root):
    """A directory that is not there yet, nor the one that it is to be in."""
    return quick_root.parent / "srv" / "new"


def everything(root):
    return {str(p.relative_to(root)): p.is_file() and p.read_bytes() for p in root.rglob("*")}


class TestWhatIsRestored:
    def test_is_the_state_with_the_modes_that_it_had(self, root, archive, new):
        done = bring_back(new, archive)
        assert state(new) == state(root)
        assert sorted(p.name for p in new.iterdir()) == [
            "accounts.json",
            "admin-password",
            "events",
            "format",
            "locks",
            "tmp",
        ]
        for path in state(root):
            if path != "format":  # made by hand
                assert oct((new / path).stat().st_mode)[-3:] == (
                    "640" if path.startswith("events/") else "600"
                )
        assert (done.events, done.files, done.before) == (3, len(state(root)), None)
        assert done.bytes == sum(map(len, state(root).values()))

    def test_has_the_same_ids_tags_times_and_bytes_and_its_uploads_go_on(
        self, desk, archive, new, events, locks
    ):
        bring_back(new, archive)
        with Desk(furnish(new, locks)) as restored:
            for event_id in events:
                assert restored.store.events.read(event_id) == desk.store.events.read(event_id)
            assert restored.get(events[1]) == LONG
            restored.chunk(events[2], "0-1/9", b"ab", put=True)
            restored.chunk(events[2], "4-8/9", b"efghi", put=True)
            assert restored.get(events[2]) == b"abcdefghi"

    def test_is_what_lists_show_and_what_they_were_made_of_stays_with_the_old(
        self, desk, root, archive, events, locks
    ):
        later = desk.create()
        desk.delete(events[0])
        everything = Query(), Paging(with_total_elements=True)
        assert sorted(listed(desk, *everything).ids) == sorted([*events[1:], later])
        desk.close()
        done = bring_back(root, archive, replace=True)
        for place, ids in (root, sorted(events)), (done.before, sorted([*events[1:], later])):
            with Desk(furnish(place, locks)) as restored:
                told = listed(restored, *everything)
            assert (sorted(told.ids), told.total) == (ids, len(ids))

    def test_lets_an_upload_rest_from_now_on(self, root, events, new, archive, locks):
        # Weeks later it must not be swept before its client knows of the restore.
        bring_back(new, archive)
        with Desk(furnish(new, locks), upload_expiry_s=3600) as restored:
            assert restored.store.sweep.stale_uploads() == 0

    def test_comes_out_of_a_compressed_archive_or_a_stream_as_well(self, root, archive, tmp_path):
        (tmp_path / "full.tar.gz").write_bytes(gzip.compress(archive.read_bytes()))
        bring_back(tmp_path / "one", tmp_path / "full.tar.gz")
        for name in ("full.tar", "full.tar.gz"):
            stream = io.BytesIO((tmp_path / name).read_bytes())
            restore_backup([Source("stream", stream)], tmp_path / name[4:])
            assert state(tmp_path / name[4:]) == state(tmp_path / "one") == state(root)


class TestAChain:
    @pytest.fixture()
    def chain(self, desk, root, archive, events, tmp_path):
        """A full backup and two that build on it, and a full one of the last state."""
        desk.replace(events[1], b"new")
        desk.create(text="second")
        back_up(root, tmp_path / "inc1.tar", archive)
        desk.update(events[2], text="third")
        desk.delete(events[0])
        back_up(root, tmp_path / "inc2.tar", tmp_path / "inc1.tar")
        return [archive, tmp_path / "inc1.tar", tmp_path / "inc2.tar"]

    @pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0), (0, 0, 1, 2, 2)])
    def test_gives_the_same_as_a_full_backup_in_any_order(self, root, chain, new, order, tmp_path):
        bring_back(new, *(chain[n] for n in order))
        back_up(root, tmp_path / "again.tar")
        bring_back(tmp_path / "again", tmp_path / "again.tar")
        assert state(new) == state(tmp_path / "again") == state(root)

    @pytest.mark.parametrize("streamed", [0, 1, 2])
    def test_may_have_any_one_archive_as_a_stream(self, root, chain, new, streamed):
        sources = [Source.of_file(path) for path in chain]
        sources[streamed] = Source("stream", io.BytesIO(chain[streamed].read_bytes()))
        restore_backup(sources, new)
        assert state(new) == state(root)

    def test_a_state_between_can_be_restored_too(self, chain, new, events, locks):
        bring_back(new, *chain[:2])
        with Desk(furnish(new, locks)) as restored:
            assert restored.get(events[1]) == b"new"
            assert restored.store.events.read(events[0]).file.document["text"] == "plain"

    @pytest.mark.parametrize("missing", [0, 1])
    def test_what_is_missing_is_named_and_nothing_touched(self, chain, new, missing):
        header = json.loads(members_of(chain[missing])[0][1])
        with pytest.raises(MissingBackup, match=f"the backup {header['id']} of {header['time']}"):
            bring_back(new, *(path for n, path in enumerate(chain) if n != missing))
        assert not new.exists()

    def test_bytes_of_another_archive_that_were_changed_are_not_taken(self, chain, new, events):
        # A full backup that is whole in itself, but not the one that the others were built on.
        files = files_of(chain[0])
        path = next(p for p in files if p.endswith(f"{events[1]}/event.json"))

        data = files[path].replace(b"test", b"TEST")
        bent = bend(chain[0], lambda members: other(members, path, data))
        bring_back(new.with_name("alone"), bent)
        for sources in (
            [Source.of_file(bent)],
            [Source("stream", io.BytesIO(bent.read_bytes()))],
        ):
            with pytest.raises(BadArchive, match=r"does not match its SHA-256"):
                restore_backup([*sources, *map(Source.of_file, chain[1:])], new)
            assert not new.exists()


def linked(kind):
    info = tarfile.TarInfo("events/2026-11-24/08/891591061944308/event.json")
    info.type, info.linkname = kind, "/etc/passwd"
    return info


def again(members):
    members.insert(-1, members[-2])


BENT = {
    "a member missing": (lambda m: m.pop(3), "not those that its manifest names"),
    "the last member missing": (lambda m: m.pop(-2), "not those that its manifest names"),
    "a member twice": (again, "not those that its manifest names|is in it twice"),
    "a member shorter": (lambda m: m.insert(3, (m[3][0], m.pop(3)[1][:-1])), "not those that its"),
    "a member other": (lambda m: m.insert(3, (m[3][0], m.pop(3)[1][:-1] + b"?")), "SHA-256"),
    "members swapped": (lambda m: m.insert(4, m.pop(3)), "not those that its manifest names"),
    "a foreign member": (lambda m: m.insert(2, ("thesis.tex", b"x")), "no file of a data directory"),
    "a lock": (lambda m: m.insert(2, ("locks/000", b"")), "no file of a data directory"),
    "a path that climbs": (lambda m: m.insert(2, ("../escaped", b"x")), "no file of a data directory"),
    "a path that climbs late": (
        lambda m: m.insert(2, ("events/2026-11-24/08/891591061944308/../../../../../escaped", b"x")),
        "no file of a data directory",
    ),
    "an absolute path": (lambda m: m.insert(2, ("/tmp/escaped", b"x")), "no file of a data directory"),
    "a symbolic link": (lambda m: m.insert(2, (linked(tarfile.SYMTYPE), b"")), "no plain file"),
    "a hard link": (lambda m: m.insert(2, (linked(tarfile.LNKTYPE), b"")), "no plain file"),
    "a device": (lambda m: m.insert(2, (linked(tarfile.CHRTYPE), b"")), "no plain file"),
    "a directory": (lambda m: m.insert(2, (linked(tarfile.DIRTYPE), b"")), "no plain file"),
    "no manifest": (lambda m: m.pop(), "its manifest is missing"),
    "a manifest in the middle": (lambda m: m.insert(3, m.pop()), "goes on after its manifest"),
    "no header": (lambda m: m.pop(0), "does not begin with"),
    "a header of nothing": (lambda m: m.insert(0, (m.pop(0)[0], b"{}")), "cannot be read"),
    "a manifest without its last line": (
        lambda m: m.append((m[-1][0], b"".join(m.pop()[1].splitlines(keepends=True)[:-1]))),
        "its manifest is not as it was written",
    ),
    "a manifest that lacks a line": (
        lambda m: m.append((m[-1][0], b"".join(m.pop()[1].splitlines(keepends=True)[1:]))),
        "its manifest is not as it was written",
    ),
    "no format": (lambda m: without(m, "format"), "its file format is missing"),
    "another format": (lambda m: other(m, "format", b"borg\n"), "its file format is missing or another"),
    "a manifest that climbs": (
        lambda m: manifested(m, [*entries(m), Entry("../escaped", 1, bytes(32), "0123456789ab")]),
        "names '../escaped', which is no file",
    ),
    "a manifest with a file twice": (
        lambda m: (again(m), manifested(m, [*entries(m), entries(m)[-1]])),
        "is in it twice",
    ),
}


def entries(members):
    return [Entry.from_line(line) for line in members[-1][1].splitlines()[:-1]]


def manifested(members, lines):
    manifest = Manifest()
    for entry in lines:
        manifest.add(entry)
    members[-1] = ("manifest.jsonl", b"".join(manifest.to_blocks()[1]))
    manifest.close()


def without(members, path):
    kept = [entry for entry in entries(members) if entry.path != path]
    members[:] = [member for member in members if member[0] != path]
    manifested(members, kept)


def other(members, path, data):
    digest = hashlib.sha256(data).digest()
    changed = [e._replace(length=len(data), sha256=digest) if e.path == path else e for e in entries(members)]
    members[:] = [(p, data if p == path else d) for p, d in members]
    manifested(members, changed)


@pytest.mark.parametrize("streamed", [False, True], ids=["file", "stream"])
@pytest.mark.parametrize("name", BENT)
def test_an_archive_that_was_bent_is_refused_and_nothing_touched(archive, root, desk, new, name, streamed):
    change, says = BENT[name]
    bent = bend(archive, change)
    desk.close()
    for target, replace in ((new, False), (root, True)):
        before = everything(target)
        source = Source("bent", io.BytesIO(bent.read_bytes())) if streamed else Source.of_file(bent)
        with pytest.raises(BadArchive, match=says.replace("(", r"\(")):
            restore_backup([source], target, replace=replace)
        assert everything(target) == before
    assert not new.exists()
    assert not list(new.parent.rglob("escaped"))


def test_an_archive_that_was_cut_short_anywhere_is_refused(archive, new, full):
    data = archive.read_bytes()
    end = data.rindex(b"}\n") + 2  # of the manifest; what follows is padding
    cuts = [*range(0, end, 101 if full else 9973), *range(end - 9, end)]
    short = archive.with_name("short.tar")
    for cut in cuts:
        short.write_bytes(data[:cut])
        with pytest.raises(BadArchive):
            bring_back(new, short)
        with pytest.raises(BadArchive):
            restore_backup([Source("stream", io.BytesIO(data[:cut]))], new)
    assert not new.exists()


def test_any_bit_that_flips_is_noticed_or_means_nothing(archive, root, new, full, tmp_path):
    data, chance = archive.read_bytes(), random.Random(4)
    bent = tmp_path / "bent.tar"
    noticed = 0
    # Every part of it, whose lengths differ much.
    spots = [n for n in range(len(data)) if n < 4096 or n > len(data) - 14_000 or n % 4096 < 64]
    for number in range(3000 if full else 120):
        spot = chance.choice(spots)
        bent.write_bytes(data[:spot] + bytes([data[spot] ^ 1 << chance.randrange(8)]) + data[spot + 1 :])
        target = new.parent / str(number)
        try:
            bring_back(target, bent)
        except (BadArchive, UnknownFormat):
            noticed += 1
            assert not target.exists()
        else:
            assert state(target) == state(root)
    assert noticed > 20


@pytest.mark.parametrize("data", [b"", b"hello", bytes(10240), gzip.compress(b"hello"), b"\x1f\x8b garbage"])
def test_what_is_no_archive_is_refused(data, new, tmp_path):
    (tmp_path / "x").write_bytes(data)
    with pytest.raises(BadArchive, match=r"The archive .*x is no (archive of a )?backup"):
        bring_back(new, tmp_path / "x")
    with pytest.raises(BadArchive, match=r"The archive stream is no (archive of a )?backup"):
        restore_backup([Source("stream", io.BytesIO(data))], new)
    assert not new.exists()


@pytest.mark.parametrize("path", ["none.tar", "."])
def test_an_archive_that_cannot_be_read_is_refused(new, tmp_path, path):
    with pytest.raises(BadArchive, match="cannot be read: "):
        bring_back(new, tmp_path / path)
    assert not new.exists()


@pytest.mark.parametrize("key", ["format", "store"])
def test_an_archive_of_another_version_is_refused(archive, new, key):
    def change(members):
        header = json.loads(members[0][1]) | {key: "c8ybin 99"}
        members[0] = (members[0][0], json.dumps(header).encode())

    with pytest.raises(UnknownFormat, match="does not know; it knows 'c8ybin backup 1' of 'c8ybin 1'"):
        bring_back(new, bend(archive, change))
    assert not new.exists()


def test_a_tar_of_somebody_else_is_refused(new, tmp_path):
    write_members(tmp_path / "x.tar", [("README", b"hello")])
    with pytest.raises(BadArchive, match=r"does not begin with c8ybin-backup\.json"):
        bring_back(new, tmp_path / "x.tar")


class TestTheDirectory:
    def test_that_holds_data_is_refused_unless_it_is_to_be_replaced(self, root, desk, archive, events):
        desk.close()
        before = everything(root)
        with pytest.raises(UnfitDirectory, match="holds data already"):
            bring_back(root, archive)
        assert everything(root) == before

    def test_that_is_replaced_keeps_its_data_aside_as_a_data_directory(self, root, desk, archive, locks):
        later = desk.create(text="later")
        (root / "thesis.md").write_text("not ours")
        desk.close()
        old = state(root)
        before = bring_back(root, archive, replace=True).before
        assert before.parent == root
        assert state(root) == {p: d for p, d in old.items() if str(later) not in p}
        assert state(before) == old
        assert (root / "thesis.md").read_text() == "not ours"
        with Desk(furnish(before, locks)) as aside:
            assert aside.store.events.read(later).file.document["text"] == "later"
        with Desk(furnish(root, locks)) as restored, pytest.raises(EventNotFound):
            restored.store.events.read(later)

    def test_may_be_replaced_several_times_within_a_second(self, root, desk, archive):
        desk.close()
        places = {bring_back(root, archive, replace=True).before for _ in range(3)}
        assert len(places) == 3
        assert all(map(is_data_directory, places))

    def test_on_which_a_server_runs_is_refused(self, root, desk, archive):
        before = everything(root)
        with pytest.raises(UnfitDirectory, match="stop the server first"):
            bring_back(root, archive, replace=True)
        assert everything(root) == before

    def test_that_a_dead_server_left_is_taken(self, root, desk, archive):
        desk.die()
        assert bring_back(root, archive, replace=True).events == 3

    def test_of_somebody_else_is_refused(self, archive, new):
        new.mkdir(parents=True)
        for name in ("events", "thesis.tex"):
            (new / name).mkdir()
            with pytest.raises(UnfitDirectory, match=f"other files \\({name}"):
                bring_back(new, archive, replace=True)
            assert [p.name for p in new.iterdir()] == [name]
            (new / name).rmdir()

    def test_of_an_unknown_format_is_refused(self, root, desk, archive):
        desk.close()
        (root / "format").write_text("c8ybin 2\n")
        before = everything(root)
        with pytest.raises(UnfitDirectory, match="does not know"):
            bring_back(root, archive, replace=True)
        assert everything(root) == before

    def test_that_is_empty_but_for_harmless_things_is_taken_and_keeps_them(self, archive, new):
        new.mkdir(parents=True)
        (new / "README.md").write_text("x")
        (new / "lost+found").mkdir()
        bring_back(new, archive)
        assert (new / "README.md").read_text() == "x"
        assert is_data_directory(new)

    def test_that_is_a_file_is_refused(self, archive, tmp_path):
        (tmp_path / "file").write_text("x")
        with pytest.raises(UnfitDirectory, match="is not a directory"):
            bring_back(tmp_path / "file", archive)

    @pytest.mark.parametrize("comes_in", [False, True])
    def test_takes_no_change_of_accounts_that_began_before(self, root, desk, archive, monkeypatch, comes_in):
        desk.close()
        rename, late = os.rename, root / ".accounts.json.0123456789ab"

        def rename_beside_a_late_one(source, target):
            rename(source, target)
            if target == root / "accounts.json":
                late.mkdir()
                (late / "accounts.json").write_text("what was there before, and a change")
                if comes_in:
                    rename(late / "accounts.json", target)

        with monkeypatch.context() as patch:
            patch.setattr(os, "rename", by_path(rename_beside_a_late_one))
            if comes_in:
                with pytest.raises(OSError, match="changed the accounts meanwhile"):
                    bring_back(root, archive, replace=True)
                assert not is_data_directory(root)
            else:
                bring_back(root, archive, replace=True)
        if comes_in:
            bring_back(root, archive)
        assert not late.exists()
        assert (root / "accounts.json").read_text() == '{"users": {}}'

    def test_overtakes_the_turn_at_the_accounts_that_it_finds_before_anything_moves(
        self, root, desk, archive, monkeypatch
    ):
        desk.close()
        rename, late, left = os.rename, root / ".accounts.json.0123456789ab", []

        def look(source, target):
            if source == root / "format":
                left.append(late.exists())
            rename(source, target)

        late.mkdir()
        (late / "accounts.json").write_text("what was there before, and a change")
        monkeypatch.setattr(os, "rename", by_path(look))
        bring_back(root, archive, replace=True)
        assert left == [False]
