"""The order of the system calls that a commit makes, as strace sees it."""

from pathlib import Path

import pytest
from strace_log import Call, namer, parse, trace

OPEN = (
    "desk = Desk(Path(sys.argv[1]))\nevent_id = int(sys.argv[2]) if len(sys.argv) > 2 else None\n"
    # What leads to the event is durable already and the log is there, for they are not what is looked at.
    "if event_id and 'cold' not in sys.argv:\n"
    "    desk.disk.prepare(event_id)\n"
    "    desk.disk.index.touched(event_id)\n"
)


@pytest.fixture()
def calls(strace, root, desk, tmp_path):
    """Return a runner of one operation that gives its calls as short lines."""

    def run(operation, event_id=None, *arguments, before=""):
        code = f"{OPEN}{before}\nsay('begin')\n{operation}\nsay('end')\n"
        extra = () if event_id is None else (event_id, *arguments)
        traced = trace(code, root, *extra, log=tmp_path / "strace.log")
        home = desk.home(event_id) if event_id is not None else created(traced)
        write = namer(root, home)
        return [write(call) for call in traced[:-1]] + ["answer"]

    return run


def created(traced):
    return next(Path(c.paths[1]) for c in traced if c.name == "rename" and "/event-" in c.paths[0])


@pytest.fixture()
def event_id(desk):
    return desk.create()


@pytest.fixture()
def attached(desk, event_id):
    desk.attach(event_id, b"old")
    return event_id


def in_order(calls, *expected):
    """Tell that these calls are there in this order; others may stand between them."""
    rest = iter(calls)
    missing = [call for call in expected if call not in rest]
    assert not missing, f"not in this order: {missing[0]}\n" + "\n".join(calls)


def test_a_line_of_strace_is_read_with_its_paths():
    text = (
        '12 openat(AT_FDCWD</w>, "/d/new", O_RDWR|O_CREAT|O_EXCL, 0640) = 3</d/new>\n'
        '12 openat(AT_FDCWD</w>, "/d/old", O_RDONLY) = 4</d/old>\n'
        "12 fsync(3</d/new> <unfinished ...>\n"
        '13 unlink("/d/gone") = -1 ENOENT (No such file or directory)\n'
        "12 <... fsync resumed>)              = 0\n"
        '12 rename("/d/new", "/d/a, b")      = 0\n'
        '12 unlinkat(5</d/x>, "alive", 0)    = 0\n'
        '12 write(1<pipe:[7]>, "end\\n", 4)  = 4\n'
    )
    assert [str(call) for call in parse(text)] == [
        "create /d/new",
        "fsync /d/new",
        "rename /d/new",
        "unlink /d/x/alive",
        "write pipe:[7] end\\n",
    ]
    assert parse('1 link("/a", "/b") = 0') == [Call("link", ("/a", "/b"))]


def test_attach_is_body_name_draft_directory_link_directory_answer(calls, event_id):
    assert calls("desk.attach(event_id, b'new')", event_id) == [
        "create body",
        "pwrite64 body",
        "rename body > content",
        "create .binary.json",
        "pwrite64 .binary.json",
        "fsync .binary.json",
        "fsync content",
        "fsync home",
        "link .binary.json > binary.json",
        "unlink .binary.json",
        "fsync home",
        "pwrite64 log",
        "answer",
    ]


def test_a_first_attach_makes_what_leads_to_the_event_durable_and_notes_the_hour(calls, event_id):
    found = calls("desk.attach(event_id, b'new')", event_id, "cold")
    assert found[2:] == [
        "pwrite64 hours",
        "fdatasync hours",
        "fsync day",
        "fsync events",
        "fsync root",
        "rename body > content",
        "create .binary.json",
        "pwrite64 .binary.json",
        "fsync .binary.json",
        "fsync content",
        "fsync home",
        "fsync hour",
        "link .binary.json > binary.json",
        "unlink .binary.json",
        "fsync home",
        "create log",
        "pwrite64 log",
        "answer",
    ]


def test_replace_keeps_the_old_content_until_the_new_name_is_durable(calls, attached):
    assert calls("desk.replace(event_id, b'new')", attached) == [
        "create body",
        "pwrite64 body",
        "rename body > content",
        "create .binary.json",
        "pwrite64 .binary.json",
        "fsync .binary.json",
        "fsync content",
        "fsync home",
        "rename .binary.json > binary.json",
        "fsync home",
        "pwrite64 log",
        "unlink content",
        "fsync home",
        "answer",
    ]


def test_create_is_event_box_hour_answer(calls, desk):
    desk.create()
    found = calls("desk.create()")
    assert found == [
        "mkdir event",
        "create event.json",
        "pwrite64 event.json",
        "fsync event.json",
        "fsync event",
        "pwrite64 hours",
        "fdatasync hours",
        "fsync day",
        "fsync events",
        "fsync root",
        "rename event > home",
        "create log",
        "pwrite64 log",
        "fsync hour",
        "answer",
    ]


def test_a_second_create_in_the_hour_syncs_no_parents_again(calls):
    # Frozen, lest the hour strikes between the two.
    frozen = "desk.disk.clock._wall_s = lambda: 1.9e9\ndesk.create()"
    found = calls("desk.create()", before=frozen)
    assert found[-5:] == ["fsync event", "rename event > home", "pwrite64 log", "fsync hour", "answer"]


def test_update_is_draft_name_directory_answer(calls, event_id):
    assert calls("desk.update(event_id, text='new')", event_id) == [
        "create .event.json",
        "pwrite64 .event.json",
        "fsync .event.json",
        "rename .event.json > event.json",
        "fsync home",
        "pwrite64 log",
        "answer",
    ]


def test_delete_is_durable_before_anything_of_the_event_is_unlinked(calls, attached):
    found = calls("desk.delete(event_id)", attached)
    assert found[:3] == ["rename home > gone", "pwrite64 log", "fsync hour"]
    assert sorted(found[3:-2]) == ["unlink binary.json", "unlink content", "unlink event.json"]
    assert found[-2:] == ["rmdir gone", "answer"]


def test_delete_of_a_binary_touches_the_event_then_unlinks_the_name_then_the_bytes(calls, attached):
    assert calls("desk.drop(event_id)", attached) == [
        "create .event.json",
        "pwrite64 .event.json",
        "fsync .event.json",
        "rename .event.json > event.json",
        "fsync home",
        "rename binary.json > gone",
        "unlink gone",
        "fsync home",
        "unlink content",
        "fsync home",
        "pwrite64 log",
        "answer",
    ]


def test_delete_of_an_upload_makes_the_end_of_its_journal_durable_before_its_bytes_go(calls, desk, event_id):
    # Else a power cut can keep a journal that names a content file which is gone.
    desk.chunk(event_id, "0-2/9", b"abc")
    in_order(
        calls("desk.drop(event_id)", event_id),
        "rename upload.journal > gone",
        "fsync home",
        "unlink content",
        "answer",
    )


def test_delete_of_an_upload_is_durable_before_the_answer(calls, desk, event_id):
    desk.chunk(event_id, "0-2/9", b"abc")
    in_order(calls("desk.drop(event_id)", event_id), "rename upload.journal > gone", "fsync home", "answer")


def test_delete_of_a_binary_takes_the_upload_that_replaces_it_along(calls, desk, attached):
    desk.chunk(attached, "0-2/9", b"abc", put=True)
    found = calls("desk.drop(event_id)", attached)
    assert found[found.index("rename binary.json > gone") :] == [
        "rename binary.json > gone",
        "unlink gone",
        "fsync home",
        "rename upload.journal > gone",
        "unlink gone",
        "fsync home",
        "unlink content",
        "fsync home",
        "unlink content",
        "fsync home",
        "pwrite64 log",
        "answer",
    ]


def test_delete_drops_a_void_journal_durably_before_the_binary(calls, desk, event_id):
    desk.chunk(event_id, "0-2/9", b"abc")
    journal = desk.home(event_id) / "upload.journal"
    kept = journal.read_bytes()
    desk.attach(event_id, b"whole")
    journal.write_bytes(kept)
    in_order(
        calls("desk.drop(event_id)", event_id),
        "rename upload.journal > gone",
        "fsync home",
        "rename binary.json > gone",
        "fsync home",
        "answer",
    )


def test_first_chunk_is_bytes_directory_journal_name_directory_answer(calls, event_id):
    assert calls("desk.chunk(event_id, '0-2/9', b'abc')", event_id) == [
        "create spool",
        "pwrite64 spool",
        "create content",
        "pwrite64 content",
        "fdatasync content",
        "fsync home",
        "create .upload.journal",
        "pwrite64 .upload.journal",
        "fsync .upload.journal",
        "rename .upload.journal > upload.journal",
        "fsync home",
        "pwrite64 log",
        "answer",
    ]


def test_next_chunk_is_bytes_line_answer(calls, event_id):
    before = "desk.chunk(event_id, '0-2/9', b'abc')"
    assert calls("desk.chunk(event_id, '3-5/9', b'def')", event_id, before=before) == [
        "pwrite64 spool",
        "pwrite64 content",
        "fdatasync content",
        "ftruncate upload.journal",
        "pwrite64 upload.journal",
        "fdatasync upload.journal",
        "answer",
    ]


def test_next_chunk_by_another_process_makes_the_journal_durable_before_its_line(calls, desk, event_id):
    desk.chunk(event_id, "0-2/9", b"abc")
    in_order(
        calls("desk.chunk(event_id, '3-5/9', b'def')", event_id),
        "pwrite64 content",
        "fdatasync content",
        "fsync upload.journal",
        "fsync home",
        "pwrite64 upload.journal",
        "fdatasync upload.journal",
        "answer",
    )


def test_a_line_after_one_of_another_process_waits_for_that(calls, event_id):
    before = (
        "desk.chunk(event_id, '0-2/12', b'abc')\n"
        "with Desk(Path(sys.argv[1])) as other: other.chunk(event_id, '3-5/12', b'def')"
    )
    in_order(
        calls("desk.chunk(event_id, '6-8/12', b'ghi')", event_id, before=before),
        "fsync upload.journal",
        "fsync home",
        "pwrite64 upload.journal",
        "answer",
    )


def test_repeated_chunk_makes_durable_what_its_answer_rests_on(calls, desk, event_id):
    desk.chunk(event_id, "0-2/9", b"abc")
    assert calls("desk.chunk(event_id, '0-2/9', b'abc')", event_id) == [
        "create spool",
        "pwrite64 spool",
        "fsync content",
        "fsync upload.journal",
        "fsync home",
        "answer",
    ]


def test_completing_chunk_is_bytes_then_a_commit_then_the_journal_goes(calls, event_id):
    before = "desk.chunk(event_id, '0-2/9', b'abc')"
    assert calls("desk.chunk(event_id, '3-8/9', b'defghi')", event_id, before=before) == [
        "pwrite64 spool",
        "pwrite64 content",
        "ftruncate content",
        "fdatasync content",
        "create .binary.json",
        "pwrite64 .binary.json",
        "fsync .binary.json",
        "fsync home",
        "link .binary.json > binary.json",
        "unlink .binary.json",
        "fsync home",
        "pwrite64 log",
        "rename upload.journal > gone",
        "unlink gone",
        "fsync home",
        "answer",
    ]


def test_completing_chunk_again_makes_durable_what_its_answer_rests_on(calls, desk, event_id):
    desk.chunk(event_id, "0-2/3", b"abc")
    assert calls("desk.chunk(event_id, '0-2/3', b'abc')", event_id) == [
        "create spool",
        "pwrite64 spool",
        "fsync content",
        "fsync binary.json",
        "fsync home",
        "answer",
    ]


def test_a_chunk_makes_durable_what_makes_an_upload_void_before_it_drops_that(calls, desk, start, event_id):
    # A POST was killed before its fsync: a power cut may take the binary that makes the upload void.
    desk.chunk(event_id, "0-2/9", b"abc")
    code = "die('link', 'binary.json', after=True)\ndesk.attach(int(sys.argv[2]), b'whole')\n"
    assert start(f"desk = Desk(Path(sys.argv[1]))\n{code}", event_id).end() == -9
    in_order(
        calls("desk.chunk(event_id, '0-2/9', b'abc', put=True)", event_id),
        "fsync home",
        "rename upload.journal > gone",
    )


class TestTheSweep:
    """What a dead writer did may not be durable yet; what it left is unlinked only after it is."""

    @pytest.fixture()
    def kill(self, start, event_id):
        def run(code):
            assert (
                start(f"desk = Desk(Path(sys.argv[1]))\nevent_id = int(sys.argv[2])\n{code}", event_id).end()
                == -9
            )

        return run

    def test_makes_a_replacement_durable_before_it_removes_the_old_bytes(self, calls, kill, event_id):
        # Else a power cut can keep the old binary.json, which was acknowledged, and not its content.
        kill(
            "desk.attach(event_id, b'old')\ndie('rename', 'binary.json', after=True)\ndesk.replace(event_id, b'new')\n"
        )
        in_order(calls("desk.sweep()", event_id), "fsync home", "unlink content")

    def test_makes_a_deletion_durable_before_it_removes_the_event(self, calls, kill, event_id):
        # Else a power cut can bring the event's directory back to its hour with only a part of its files.
        kill("die('rename', 'gone-*', after=True)\ndesk.delete(event_id)\n")
        in_order(calls("desk.sweep()", event_id), "fsync hour", "unlink event.json")

    def test_makes_its_removals_durable_before_the_writers_hours_go(self, calls, kill, event_id):
        # Else a power cut can keep what was left and not the folder that says where.
        kill("die('link', 'binary.json', after=False)\ndesk.attach(event_id, b'new')\n")
        in_order(calls("desk.sweep()", event_id), "unlink content", "fsync home", "unlink hours")

    def test_makes_the_end_of_an_idle_upload_durable_before_its_bytes_go(self, calls, desk, event_id):
        desk.chunk(event_id, "0-2/9", b"abc")
        before = "desk.store.sweep.upload_expiry_s = -1.0"
        in_order(
            calls("desk.store.sweep.stale_uploads()", event_id, before=before),
            "rename upload.journal > gone",
            "fsync home",
            "unlink content",
        )
