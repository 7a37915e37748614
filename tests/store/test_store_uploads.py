"""Uploads in chunks and their journal."""

import hashlib
import itertools
import os

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from store_tools import Desk, by_path

from c8ybin.domain.errors import (
    BinaryExists,
    BinaryNotFound,
    ChunkConflict,
    Damaged,
    DigestMismatch,
    EventNotFound,
    Refusal,
    Unreadable,
)
from c8ybin.store import Binary, Journal
from c8ybin.store.commit import drop_void_upload
from c8ybin.store.journal import read_journal

ALL = ["binary.json", "content", "event.json"]
PARTLY = ["content", "event.json", "upload.journal"]
DATA = bytes(range(10))


@pytest.fixture()
def event_id(desk):
    return desk.create()


@pytest.fixture()
def journal(desk, event_id):
    return desk.home(event_id) / "upload.journal"


class TestAnUpload:
    def test_in_order_ends_as_a_binary(self, desk, event_id):
        assert str(desk.chunk(event_id, "0-3/*", DATA[:4])) == "0-3/*"
        assert desk.files(event_id) == PARTLY
        assert desk.upload(event_id) == "0-3/*"
        with pytest.raises(BinaryNotFound):
            desk.get(event_id)
        binary = desk.chunk(event_id, "4-9/10", DATA[4:])
        assert desk.get(event_id) == DATA
        assert (binary.length, binary.sha256) == (10, hashlib.sha256(DATA).digest())
        assert (binary.name, binary.type, binary.owner) == ("chunks.txt", "text/plain", "tester")
        assert desk.files(event_id) == ALL
        assert desk.upload(event_id) is None

    @pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
    def test_in_any_order_ends_as_a_binary(self, desk, event_id, order):
        places = ["0-3/10", "4-7/10", "8-9/10"]
        for number in order:
            end = desk.chunk(event_id, places[number], DATA[4 * number : 4 * number + 4])
        assert isinstance(end, Binary)
        assert desk.get(event_id) == DATA

    def test_shows_its_gaps(self, desk, event_id):
        desk.chunk(event_id, "0-3/*", DATA[:4])
        desk.chunk(event_id, "8-9/10", DATA[8:])
        assert desk.upload(event_id) == "0-3,8-9/10"

    def test_of_one_chunk_is_complete_at_once(self, desk, event_id):
        assert isinstance(desk.chunk(event_id, "0-9/10", DATA), Binary)
        assert desk.files(event_id) == ALL

    def test_is_complete_when_a_repeated_chunk_tells_the_length(self, desk, event_id):
        desk.chunk(event_id, "0-9/*", DATA)
        assert isinstance(desk.chunk(event_id, "4-9/10", DATA[4:]), Binary)
        assert desk.get(event_id) == DATA

    def test_side_by_side_ends_once(self, desk, event_id, race):
        data = os.urandom(16_000)
        results = race(
            16, lambda n: desk.chunk(event_id, f"{n * 1000}-{n * 1000 + 999}/16000", data[n * 1000 :][:1000])
        )
        assert not any(isinstance(result, Exception) for result in results)
        assert sum(isinstance(result, Binary) for result in results) == 1
        assert desk.get(event_id) == data
        assert desk.files(event_id) == ALL

    def test_side_by_side_by_several_processes_ends_once(self, desk, event_id, start):
        code = (
            "desk = Desk(Path(sys.argv[1]))\nn = int(sys.argv[3])\nsay('ready')\nwait()\n"
            "for k in range(n, 24, 3):\n"
            "    end = desk.chunk(int(sys.argv[2]), f'{k * 9}-{k * 9 + 8}/216', bytes([k]) * 9)\n"
            "    say(type(end).__name__)\n"
        )
        children = [start(code, event_id, number) for number in range(3)]
        assert [child.hear() for child in children] == ["ready"] * 3
        for child in children:
            child.tell()
        assert [child.end() for child in children] == [0, 0, 0]
        said = "".join(child.process.stdout.read() for child in children).split()
        assert sorted(said) == ["Binary"] + ["Journal"] * 23
        assert desk.get(event_id) == b"".join(bytes([k]) * 9 for k in range(24))

    def test_survives_another_process_at_every_chunk(self, make_desk, desk, event_id):
        for start in range(0, 10, 2):
            other = make_desk()
            end = other.chunk(event_id, f"{start}-{start + 1}/10", DATA[start : start + 2])
            other.close()
        assert isinstance(end, Binary)
        assert desk.get(event_id) == DATA
        assert desk.files(event_id) == ALL

    def test_keeps_none_of_the_bytes_of_a_chunk_that_did_not_count(self, desk, event_id, monkeypatch):
        desk.chunk(event_id, "0-3/*", DATA[:4])
        fdatasync = os.fdatasync

        def fail(fd):
            raise OSError(28, "no space")

        monkeypatch.setattr(os, "fdatasync", fail)
        with pytest.raises(OSError, match="no space"):
            desk.chunk(event_id, "8-19/*", b"x" * 12)
        monkeypatch.setattr(os, "fdatasync", fdatasync)
        assert desk.upload(event_id) == "0-3/*"
        desk.chunk(event_id, "4-9/10", DATA[4:])
        assert desk.get(event_id) == DATA

    @pytest.mark.parametrize(("earlier", "files"), [(False, ["event.json"]), (True, PARTLY)])
    def test_that_could_not_be_completed_is_as_it_was(self, desk, event_id, monkeypatch, earlier, files):
        if earlier:
            desk.chunk(event_id, "0-3/*", DATA[:4])
        shown = desk.upload(event_id)

        def fail(*_):
            raise OSError(28, "no space")

        with monkeypatch.context() as patch:
            patch.setattr(os, "link", by_path(fail))
            with pytest.raises(OSError, match="no space"):
                desk.chunk(event_id, "0-9/10", DATA)
        assert desk.upload(event_id) == shown
        assert desk.files(event_id) == files
        desk.chunk(event_id, "0-9/10", DATA)
        assert desk.get(event_id) == DATA

    def test_of_a_deleted_event_is_not_found(self, desk, event_id):
        desk.chunk(event_id, "0-3/*", DATA[:4])
        desk.delete(event_id)
        with pytest.raises(EventNotFound):
            desk.chunk(event_id, "4-9/10", DATA[4:])


class TestAChunkAgain:
    def test_counts_once(self, desk, event_id, journal):
        desk.chunk(event_id, "0-3/*", DATA[:4])
        before = journal.read_bytes()
        assert str(desk.chunk(event_id, "0-3/*", DATA[:4])) == "0-3/*"
        assert str(desk.chunk(event_id, "1-2/*", DATA[1:3])) == "0-3/*"
        assert journal.read_bytes() == before

    def test_that_completed_gives_the_same_binary_in_another_process(self, desk, make_desk, event_id):
        desk.chunk(event_id, "0-3/*", DATA[:4])
        binary = desk.chunk(event_id, "4-9/10", DATA[4:])
        assert make_desk().chunk(event_id, "4-9/10", DATA[4:]) == binary
        assert desk.files(event_id) == ALL

    def test_that_is_not_the_completing_one_is_refused(self, desk, event_id):
        desk.chunk(event_id, "0-3/*", DATA[:4])
        desk.chunk(event_id, "4-9/10", DATA[4:])
        for where, data, put in (
            ("0-3/*", DATA[:4], False),
            ("4-9/10", DATA[4:9] + b"x", False),
            ("4-9/*", DATA[4:], False),
        ):
            with pytest.raises(BinaryExists):
                desk.chunk(event_id, where, data, put=put)
        assert desk.get(event_id) == DATA
        assert desk.files(event_id) == ALL

    def test_of_a_kill_before_the_binary_completes(self, desk, event_id, start):
        desk.chunk(event_id, "0-3/*", DATA[:4])
        code = (
            "desk = Desk(Path(sys.argv[1]))\ndie('link', 'binary.json', after=False)\n"
            "desk.chunk(int(sys.argv[2]), '4-9/10', bytes(range(4, 10)))\n"
        )
        assert start(code, event_id).end() == -9
        # A client that goes by what the event shows must find something left to send.
        assert desk.upload(event_id) == "0-3/*"
        assert isinstance(desk.chunk(event_id, "4-9/10", DATA[4:]), Binary)
        assert desk.get(event_id) == DATA

    def test_of_a_kill_between_the_binary_and_the_end_of_the_journal_completes(self, desk, event_id, start):
        desk.chunk(event_id, "0-3/*", DATA[:4])
        code = (
            "desk = Desk(Path(sys.argv[1]))\ndie('rename', 'upload.journal', after=False)\n"
            "desk.chunk(int(sys.argv[2]), '4-9/10', bytes(range(4, 10)))\n"
        )
        assert start(code, event_id).end() == -9
        assert desk.upload(event_id) is None
        assert desk.get(event_id) == DATA
        assert desk.chunk(event_id, "4-9/10", DATA[4:]) == desk.store.binaries.find(event_id)
        assert desk.files(event_id) == ALL

    def test_with_a_put_completes_a_replacement_again_too(self, desk, make_desk, event_id):
        desk.attach(event_id, b"old")
        desk.chunk(event_id, "0-3/*", DATA[:4], put=True)
        binary = desk.chunk(event_id, "4-9/10", DATA[4:], put=True)
        assert make_desk().chunk(event_id, "4-9/10", DATA[4:], put=True) == binary
        assert desk.files(event_id) == ALL


class TestConflicts:
    @pytest.fixture(autouse=True)
    def begun(self, desk, event_id):
        desk.chunk(event_id, "0-3/*", DATA[:4])
        desk.chunk(event_id, "6-7/10", DATA[6:8])

    @pytest.mark.parametrize(
        ("where", "data", "error"),
        [
            ("2-5/*", b"xxxx", ChunkConflict),
            ("7-8/*", b"xx", ChunkConflict),
            ("4-5/11", DATA[4:6], ChunkConflict),
            ("9-10/*", b"xx", ChunkConflict),
            ("4-5/7", DATA[4:6], Unreadable),
        ],
    )
    def test_change_nothing(self, desk, event_id, where, data, error, journal):
        before = journal.read_bytes()
        with pytest.raises(error):
            desk.chunk(event_id, where, data)
        assert journal.read_bytes() == before
        assert desk.upload(event_id) == "0-3,6-7/10"
        desk.chunk(event_id, "4-9/10", DATA[4:])
        assert desk.get(event_id) == DATA

    def test_from_0_begin_anew(self, desk, event_id):
        desk.chunk(event_id, "0-3/*", b"anew")
        assert desk.upload(event_id) == "0-3/*"
        assert desk.files(event_id) == PARTLY
        desk.chunk(event_id, "4-5/6", b"!!")
        assert desk.get(event_id) == b"anew!!"

    def test_from_0_with_equal_bytes_go_on(self, desk, event_id):
        desk.chunk(event_id, "0-4/*", DATA[:5])
        assert desk.upload(event_id) == "0-4,6-7/10"


class TestStatedDigests:
    def test_that_fit_pass(self, desk, event_id):
        desk.chunk(event_id, "0-3/*", DATA[:4], stated={"sha-512": hashlib.sha512(DATA).digest()})
        desk.chunk(event_id, "4-9/10", DATA[4:], stated={"sha-256": hashlib.sha256(DATA).digest()})
        assert desk.get(event_id) == DATA

    @pytest.mark.parametrize("first", [True, False])
    def test_that_do_not_fit_refuse_the_completing_chunk_alone(self, desk, event_id, first):
        wrong = {"sha-256": hashlib.sha256(b"other").digest()}
        desk.chunk(event_id, "0-3/*", DATA[:4], stated=wrong if first else {})
        with pytest.raises(DigestMismatch):
            desk.chunk(event_id, "4-9/10", DATA[4:], stated={} if first else wrong)
        assert desk.upload(event_id) == "0-3/*"
        right = {"sha-256": hashlib.sha256(DATA).digest()}
        assert isinstance(desk.chunk(event_id, "4-9/10", DATA[4:], stated=right), Binary)

    def test_of_a_single_chunk_that_do_not_fit_leave_nothing(self, desk, event_id):
        with pytest.raises(DigestMismatch):
            desk.chunk(event_id, "0-9/10", DATA, stated={"sha-256": bytes(32)})
        assert desk.files(event_id) == ["event.json"]

    def test_of_a_repeated_chunk_are_remembered(self, desk, event_id, make_desk):
        desk.chunk(event_id, "0-3/*", DATA[:4])
        desk.chunk(event_id, "0-3/*", DATA[:4], stated={"sha-256": bytes(32)})
        with pytest.raises(DigestMismatch):
            make_desk().chunk(event_id, "4-9/10", DATA[4:])


class TestABinaryThatStands:
    def test_is_replaced_only_when_the_upload_is_complete(self, desk, event_id):
        desk.attach(event_id, b"old")
        desk.chunk(event_id, "0-3/*", DATA[:4], put=True)
        assert desk.get(event_id) == b"old"
        assert desk.upload(event_id) == "0-3/*"
        desk.chunk(event_id, "4-9/10", DATA[4:], put=True)
        assert desk.get(event_id) == DATA
        assert desk.files(event_id) == ALL

    def test_refuses_posted_chunks_and_keeps_what_was_put(self, desk, event_id):
        desk.attach(event_id, b"old")
        desk.chunk(event_id, "0-3/*", DATA[:4], put=True)
        with pytest.raises(BinaryExists):
            desk.chunk(event_id, "4-9/10", DATA[4:])
        assert desk.upload(event_id) == "0-3/*"

    def test_that_comes_while_a_chunk_completes_wins_over_a_posted_chunk(
        self, desk, event_id, monkeypatch, overtake
    ):
        desk.chunk(event_id, "0-3/*", DATA[:4])
        # The POST finds the upload void and cannot have the lock to drop it.
        monkeypatch.setattr("c8ybin.store.disk.LOCK_TIMEOUT_S", 0.01)
        overtake(event_id)
        with pytest.raises(BinaryExists):
            desk.chunk(event_id, "4-9/10", DATA[4:])
        assert desk.get(event_id) == b"faster"
        assert desk.files(event_id) == ALL


class TestAVoidUpload:
    def test_never_comes_back_after_a_whole_post_and_a_delete(self, desk, event_id, make_desk):
        desk.chunk(event_id, "0-3/*", DATA[:4])
        desk.attach(event_id, b"whole")
        assert desk.upload(event_id) is None
        assert desk.files(event_id) == ALL
        desk.drop(event_id)
        for each in (desk, make_desk()):
            assert each.upload(event_id) is None
        assert desk.files(event_id) == ["event.json"]
        assert str(desk.chunk(event_id, "4-9/*", DATA[4:])) == "4-9/*"

    @pytest.mark.parametrize("call", [("link", "binary.json", True), ("rename", "upload.journal", False)])
    def test_never_comes_back_though_the_post_was_killed_before_it_dropped_the_journal(
        self, desk, event_id, start, call
    ):
        desk.chunk(event_id, "0-3/*", DATA[:4])
        code = (
            f"desk = Desk(Path(sys.argv[1]))\ndie({call[0]!r}, {call[1]!r}, after={call[2]})\n"
            "desk.attach(int(sys.argv[2]), b'whole')\n"
        )
        assert start(code, event_id).end() == -9
        assert "upload.journal" in desk.files(event_id)
        assert desk.upload(event_id) is None
        assert desk.get(event_id) == b"whole"
        desk.drop(event_id)
        assert desk.upload(event_id) is None
        assert desk.files(event_id)[0] != "upload.journal"
        desk.sweep()
        assert desk.files(event_id) == ["event.json"]

    def test_of_a_replaced_base_gives_way_to_the_next_chunk(self, desk, event_id, make_desk, monkeypatch):
        desk.attach(event_id, b"old")
        desk.chunk(event_id, "0-3/*", DATA[:4], put=True)
        with monkeypatch.context() as patch:
            patch.setattr("c8ybin.store.binaries.drop_upload", lambda home, binary, disk: False)
            desk.replace(event_id, b"new")
        assert desk.upload(event_id) is None
        assert str(desk.chunk(event_id, "4-9/10", DATA[4:], put=True)) == "4-9/10"
        assert desk.files(event_id) == ["binary.json", "content", "content", "event.json", "upload.journal"]
        assert desk.get(event_id) == b"new"

    def test_of_a_put_goes_with_the_whole_put(self, desk, event_id):
        desk.attach(event_id, b"old")
        desk.chunk(event_id, "0-3/*", DATA[:4], put=True)
        desk.replace(event_id, b"new")
        assert desk.files(event_id) == ALL
        assert desk.upload(event_id) is None


class TestTheJournal:
    def test_with_a_torn_line_counts_what_is_before_it_and_goes_on(self, desk, event_id, journal):
        desk.chunk(event_id, "0-3/*", DATA[:4])
        before = journal.read_bytes()
        desk.chunk(event_id, "4-5/*", DATA[4:6])
        line = journal.read_bytes()[len(before) :]
        for torn in (line[:1], line[:-1], line[: len(line) // 2], bytes(300), line.replace(b"5", b"6")):
            journal.write_bytes(before + torn)
            assert desk.upload(event_id) == "0-3/*"
            assert str(desk.chunk(event_id, "4-5/*", DATA[4:6])) == "0-5/*"
            assert journal.read_bytes() == before + line
        desk.chunk(event_id, "6-9/10", DATA[6:])
        assert desk.get(event_id) == DATA

    def test_damaged_in_the_middle_is_told_and_everything_stays(self, desk, event_id, journal):
        desk.chunk(event_id, "0-3/*", DATA[:4])
        desk.chunk(event_id, "4-5/*", DATA[4:6])
        journal.write_bytes(journal.read_bytes().replace(b'"start":0', b'"start":1'))
        before = journal.read_bytes()
        with pytest.raises(Damaged):
            desk.chunk(event_id, "6-9/10", DATA[6:])
        with pytest.raises(Damaged):
            desk.upload(event_id)
        assert journal.read_bytes() == before
        assert desk.files(event_id) == PARTLY

    @pytest.mark.parametrize("data", [b"", b'{"a":1'])
    def test_without_a_first_line_is_damaged(self, desk, event_id, journal, data):
        journal.write_bytes(data)
        with pytest.raises(Damaged):
            desk.chunk(event_id, "0-3/*", DATA[:4])

    def test_whose_line_could_not_be_made_durable_is_replaced_by_what_counted(
        self, desk, event_id, journal, monkeypatch
    ):
        desk.chunk(event_id, "0-3/*", DATA[:4])
        before, inode, fdatasync = journal.read_bytes(), journal.stat().st_ino, os.fdatasync

        def fail(fd):
            if os.readlink(f"/proc/self/fd/{fd}").endswith("upload.journal"):
                raise OSError(5, "input/output error")
            fdatasync(fd)

        with monkeypatch.context() as patch:
            patch.setattr(os, "fdatasync", fail)
            with pytest.raises(OSError, match="input/output"):
                desk.chunk(event_id, "4-5/*", DATA[4:6])
        assert journal.read_bytes() == before
        assert journal.stat().st_ino != inode
        assert desk.upload(event_id) == "0-3/*"
        assert desk.files(event_id) == PARTLY
        desk.chunk(event_id, "4-9/10", DATA[4:])
        assert desk.get(event_id) == DATA

    def test_that_could_not_be_replaced_either_still_ends_before_the_line(
        self, desk, event_id, journal, monkeypatch
    ):
        desk.chunk(event_id, "0-3/*", DATA[:4])
        before = journal.read_bytes()

        def fail(fd):
            raise OSError(28, "no space")

        fdatasync = os.fdatasync
        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", fail)
            patch.setattr(
                os,
                "fdatasync",
                lambda fd: fail(fd) if "journal" in os.readlink(f"/proc/self/fd/{fd}") else fdatasync(fd),
            )
            with pytest.raises(OSError, match="no space"):
                desk.chunk(event_id, "4-5/*", DATA[4:6])
        assert journal.read_bytes() == before

    def test_that_could_not_be_begun_leaves_nothing(self, desk, event_id, monkeypatch):
        desk.chunk(desk.create(), "0-3/*", DATA[:4])
        for pattern in ("upload.journal", "content"):
            fsync, fdatasync = os.fsync, os.fdatasync

            def fail(fd, real=fsync, pattern=pattern):
                if pattern in os.readlink(f"/proc/self/fd/{fd}").rpartition("/")[2]:
                    raise OSError(28, "no space")
                real(fd)

            def fail_data(fd, real=fdatasync, pattern=pattern):
                fail(fd, real, pattern)

            with monkeypatch.context() as patch:
                patch.setattr(os, "fsync", fail)
                patch.setattr(os, "fdatasync", fail_data)
                with pytest.raises(OSError, match="no space"):
                    desk.chunk(event_id, "0-3/*", DATA[:4])
            assert desk.files(event_id) == ["event.json"]

    def test_names_its_base(self, desk, event_id):
        desk.chunk(event_id, "0-3/*", DATA[:4])
        assert read_journal(desk.home(event_id)).base is None
        desk.drop(event_id)
        binary = desk.attach(event_id, b"old")
        desk.chunk(event_id, "0-3/*", DATA[:4], put=True)
        assert read_journal(desk.home(event_id)).base == binary.content

    def test_that_names_a_file_that_is_gone_is_damage_until_the_upload_is_deleted(self, desk, event_id):
        desk.chunk(event_id, "0-3/*", DATA[:4])
        (desk.home(event_id) / read_journal(desk.home(event_id)).content).unlink()
        with pytest.raises(Damaged):
            desk.chunk(event_id, "4-9/10", DATA[4:])
        desk.drop(event_id)
        desk.chunk(event_id, "0-3/*", DATA[:4])
        desk.chunk(event_id, "4-9/10", DATA[4:])
        assert desk.get(event_id) == DATA


class TestALongJournal:
    def test_does_not_grow_by_a_repeat_that_states_the_same_digest(self, desk, event_id, journal):
        stated = {"sha-256": hashlib.sha256(DATA).digest()}
        desk.chunk(event_id, "0-3/10", DATA[:4], stated=stated)
        before = journal.read_bytes()
        desk.chunk(event_id, "0-3/10", DATA[:4], stated=stated)
        assert journal.read_bytes() == before

    def test_is_written_anew_with_its_ranges_merged(self, desk, make_desk, event_id, journal, monkeypatch):
        monkeypatch.setattr("c8ybin.store.journal.MOST_LINES", 3)
        for start in (0, 2, 4, 6):
            desk.chunk(event_id, f"{start}-{start}/10", DATA[start : start + 1])
        desk.chunk(event_id, "1-1/10", DATA[1:2])
        assert journal.read_bytes().count(b"\n") == 1 + 3  # the header, and 0-2, 4-4, 6-6
        assert str(read_journal(desk.home(event_id))) == "0-2,4-4,6-6/10"
        other = make_desk()
        for start in (3, 5, 7, 8, 9):
            other.chunk(event_id, f"{start}-{start}/10", DATA[start : start + 1])
        assert other.get(event_id) == DATA


class TestExpiry:
    @pytest.fixture()
    def idle(self, journal, monkeypatch):
        # Days before this version's release are times like any other here.
        monkeypatch.setattr("c8ybin.store.sweep.RELEASED_MS", 0)

        def set_idle(seconds):
            past = journal.stat().st_mtime - seconds
            os.utime(journal, (past, past))

        return set_idle

    def test_sweeps_only_what_rested_long_enough(self, desk, event_id, idle):
        desk.chunk(event_id, "0-3/*", DATA[:4])
        idle(7 * 86400 - 60)
        assert desk.store.sweep.stale_uploads() == 0
        assert desk.upload(event_id) == "0-3/*"
        idle(61)
        assert desk.store.sweep.stale_uploads() == 1
        assert desk.upload(event_id) is None
        assert desk.files(event_id) == ["event.json"]

    def test_spares_what_began_before_the_clock_was_set(self, desk, event_id, journal):
        desk.chunk(event_id, "0-3/*", DATA[:4])
        os.utime(journal, (60, 60))  # a box without a battery boots in 1970
        assert desk.store.sweep.stale_uploads() == 0
        assert desk.upload(event_id) == "0-3/*"
        assert journal.stat().st_mtime > 1_700_000_000  # its rest begins now

    def test_keeps_the_binary_that_the_upload_was_to_replace(self, desk, event_id, idle):
        desk.attach(event_id, b"old")
        desk.chunk(event_id, "0-3/*", DATA[:4], put=True)
        idle(8 * 86400)
        assert desk.store.sweep.stale_uploads() == 1
        assert desk.get(event_id) == b"old"
        assert desk.files(event_id) == ALL

    def test_is_as_long_as_the_store_is_told(self, make_desk, desk, event_id, idle):
        desk.chunk(event_id, "0-3/*", DATA[:4])
        idle(100)
        assert make_desk(upload_expiry_s=200).store.sweep.stale_uploads() == 0
        assert make_desk(upload_expiry_s=90).store.sweep.stale_uploads() == 1

    def test_begins_anew_with_each_chunk(self, desk, event_id, idle):
        desk.chunk(event_id, "0-3/*", DATA[:4])
        idle(8 * 86400)
        desk.chunk(event_id, "4-5/*", DATA[4:6])
        assert desk.store.sweep.stale_uploads() == 0
        assert desk.upload(event_id) == "0-5/*"

    def test_passes_over_what_another_request_holds(self, desk, event_id, idle, start, monkeypatch):
        desk.chunk(event_id, "0-3/*", DATA[:4])
        idle(8 * 86400)
        monkeypatch.setattr("c8ybin.store.disk.LOCK_TIMEOUT_S", 0.1)
        child = start(
            "desk = Desk(Path(sys.argv[1]))\nwith desk.disk.locked(int(sys.argv[2])):\n    say('held')\n    wait()\n",
            event_id,
        )
        assert child.hear() == "held"
        assert desk.store.sweep.stale_uploads() == 0
        child.kill()
        assert desk.store.sweep.stale_uploads() == 1


class Model:
    """What an upload should do, on a bytearray."""

    def __init__(self):
        self.binary = None
        self.begin()

    def begin(self):
        self.data, self.arrived, self.length = bytearray(40), set(), None

    def chunk(self, start, data, length):
        """Return `done`, the range that has arrived, or the class of the error."""
        places = range(start, start + len(data))
        if self.binary is not None:
            return BinaryExists
        overlap = [p for p in places if p in self.arrived]
        equal = all(self.data[p] == data[p - start] for p in overlap)
        if not equal and start == 0:
            self.begin()
        elif not equal:
            return ChunkConflict
        elif self.arrived:
            if length is not None and length < max(self.arrived) + 1:
                return Unreadable
            if length is not None and self.length is not None and length != self.length:
                return ChunkConflict
            if self.length is not None and places.stop > self.length:
                return ChunkConflict
        self.data[start : places.stop] = data
        self.arrived |= set(places)
        self.length = self.length if length is None else length
        if self.length is not None and len(self.arrived) == self.length:
            self.binary = bytes(self.data[: self.length])
            return "done"
        return self.shown()

    def shown(self):
        runs, places = [], sorted(self.arrived)
        for _, run in itertools.groupby(enumerate(places), lambda pair: pair[1] - pair[0]):
            members = [place for _, place in run]
            runs.append(f"{members[0]}-{members[-1]}")
        return f"{','.join(runs)}/{'*' if self.length is None else self.length}"


CHUNKS = st.tuples(
    st.integers(0, 14),
    st.integers(1, 9),
    # Mostly the bytes of one file, so that overlaps are mostly equal.
    st.sampled_from([0, 0, 0, 0, 0, 0, 1]),
    st.sampled_from([None, None, None, 16, 16, 12]),
    st.sampled_from(["go on", "go on", "go on", "reopen", "tear"]),
)


@settings(
    deadline=None,
    max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.lists(CHUNKS, min_size=1, max_size=12))
def test_random_chunks_do_what_a_bytearray_does(quick_root, chunks):
    desk, model = Desk(quick_root), Model()
    event_id = desk.create()
    for start, count, other, length, then in chunks:
        if length is not None and length < start + count:
            length = start + count
        data = bytes((7 * place + 100 * other) % 256 for place in range(start, start + count))
        where = f"{start}-{start + count - 1}/{'*' if length is None else length}"
        expected = model.chunk(start, data, length)
        try:
            end = desk.chunk(event_id, where, data)
            found = "done" if isinstance(end, Binary) else str(end)
        except Refusal as error:
            found = type(error)
        if found == "done" and expected is BinaryExists:
            assert (
                desk.store.binaries.find(event_id).completed_by["range"] == where
            )  # the completing one again
        else:
            assert found == expected
        if model.binary is None:
            assert desk.upload(event_id) == (model.shown() if model.arrived else None)
            assert desk.files(event_id) == PARTLY
        else:
            assert desk.get(event_id) == model.binary
            assert desk.upload(event_id) is None
            assert desk.files(event_id) == ALL
        if then == "tear" and model.binary is None:
            with (desk.home(event_id) / "upload.journal").open("ab") as file:
                file.write(b'{"start":0,"stop":39,"le')
        if then == "reopen":
            desk.close()
            desk = Desk(quick_root)
    desk.close()


@pytest.mark.parametrize("put", [False, True])
def test_a_first_chunk_that_a_whole_post_overtakes_leaves_no_void_upload(desk, make_desk, monkeypatch, put):
    # The POST looks for a journal just before there is one.
    event_id, other, real = desk.create(), make_desk(), Journal.begin

    def overtaken(journal, *arguments):
        if not other.store.events.read(event_id).binary:
            other.attach(event_id, b"whole")
        yield from real(journal, *arguments)

    monkeypatch.setattr(Journal, "begin", overtaken)
    if put:
        assert str(desk.chunk(event_id, "0-2/9", b"abc", put=True)) == "0-2/9"
        assert desk.upload(event_id) == "0-2/9"
        assert desk.files(event_id) == ["binary.json", "content", "content", "event.json", "upload.journal"]
    else:
        with pytest.raises(BinaryExists):
            desk.chunk(event_id, "0-2/9", b"abc")
        assert desk.files(event_id) == ["binary.json", "content", "event.json"]
    assert desk.get(event_id) == b"whole"


def test_a_chunk_anew_that_a_whole_post_overtakes_leaves_nothing(desk, make_desk, monkeypatch):
    event_id, other, real = desk.create(), make_desk(), Journal.begin
    desk.chunk(event_id, "0-2/9", b"abc")

    def overtaken(journal, *arguments):
        with monkeypatch.context() as patch:  # it waits for the lock, to drop the upload
            patch.setattr("c8ybin.store.disk.LOCK_TIMEOUT_S", 0.01)
            other.attach(event_id, b"whole")
        yield from real(journal, *arguments)

    monkeypatch.setattr(Journal, "begin", overtaken)
    desk.chunk(event_id, "0-2/9", b"xyz")
    with desk.disk.held(event_id) as home:
        drop_void_upload(home, desk.disk)
    assert desk.files(event_id) == ["binary.json", "content", "event.json"]
