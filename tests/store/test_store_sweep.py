"""The sweep, after processes that were really killed."""

import errno
import os
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import pytest
from harness import until
from store_tools import Desk, EventId, patch_call

from c8ybin.domain.errors import EventNotFound
from c8ybin.domain.ids import first_id
from c8ybin.store import Sweeper
from c8ybin.store.sweep import Sweep

ALL = ["binary.json", "content", "event.json"]
OPEN = "desk = Desk(Path(sys.argv[1]))\nevent_id = int(sys.argv[2])\n"


@pytest.fixture()
def event_id(make_desk):
    """An event that an earlier process made, which ended well."""
    earlier = make_desk()
    event_id = earlier.create()
    earlier.close()
    return event_id


@pytest.fixture()
def attached(make_desk):
    """An event with a binary, by an earlier process that ended well."""
    earlier = make_desk()
    event_id = earlier.create()
    earlier.attach(event_id, b"old")
    earlier.close()
    return event_id


@pytest.fixture()
def kill(start, event_id):
    """Return a runner of a process that kills itself at some step; nobody has swept after it."""

    def run(code, *, event=event_id):
        child = start(OPEN + code, event)
        assert child.end() == -9
        assert child.process.stdout.read() == ""

    return run


def is_clean(desk):
    assert os.listdir(desk.layout.tmp) == [desk.writer.name]


class TestWhatAKilledProcessLeft:
    def test_of_a_body_is_removed(self, kill, desk):
        kill(
            "from c8ybin.domain.labels import Label\n"
            "receiver = desk.intake.whole(Label(), ())\nreceiver.feed(b'half')\n"
            "os.kill(os.getpid(), 9)\n"
        )
        assert len(list(desk.layout.tmp.glob("*/drafts/body-*"))) == 1
        assert desk.sweep() == 1
        is_clean(desk)

    def test_of_a_chunk_and_its_spool_is_removed(self, kill, desk, event_id):
        kill("die('fdatasync', 'content-*', after=False)\ndesk.chunk(event_id, '0-2/9', b'abc')\n")
        assert desk.files(event_id) == ["content", "event.json"]
        assert desk.sweep() == 1
        assert desk.files(event_id) == ["event.json"]
        is_clean(desk)

    def test_of_a_creation_is_removed(self, kill, desk, event_id):
        kill("die('rename', 'event-*', after=False)\ndesk.create()\n")
        assert len(list(desk.layout.tmp.glob("*/drafts/event-*/event.json"))) == 1
        desk.sweep()
        is_clean(desk)
        assert [found for found, _ in desk.layout.walk()] == [event_id]

    def test_of_a_deletion_is_removed(self, kill, desk, event_id):
        kill("die('rename', 'gone-*', after=True)\ndesk.delete(event_id)\n")
        assert len(list(desk.layout.tmp.glob("*/drafts/gone-*/event.json"))) == 1
        desk.sweep()
        is_clean(desk)

    @pytest.mark.parametrize(
        ("call", "pattern", "after"),
        [
            ("rename", "content-*", True),
            ("fsync", ".binary.json.*", False),
            ("fsync", ".binary.json.*", True),
            ("link", "binary.json", False),
        ],
    )
    def test_of_an_attach_is_removed(self, kill, desk, event_id, call, pattern, after):
        kill(f"die({call!r}, {pattern!r}, after={after})\ndesk.attach(event_id, b'new')\n")
        assert "content" in desk.files(event_id)
        desk.sweep()
        assert desk.files(event_id) == ["event.json"]
        desk.attach(event_id, b"newer")
        is_clean(desk)

    def test_of_an_attach_that_was_committed_is_a_draft(self, kill, desk, event_id):
        kill("die('link', 'binary.json', after=True)\ndesk.attach(event_id, b'new')\n")
        assert len(list(desk.layout.tmp.glob("*/drafts/.binary.json.*"))) == 1
        desk.sweep()
        assert desk.files(event_id) == ALL
        assert desk.get(event_id) == b"new"

    def test_of_an_update_is_removed(self, kill, desk, event_id):
        kill("die('rename', 'event.json', after=False)\ndesk.update(event_id, text='new')\n")
        assert len(list(desk.layout.tmp.glob("*/drafts/.event.json.*"))) == 1
        desk.sweep()
        is_clean(desk)
        assert desk.files(event_id) == ["event.json"]

    def test_of_a_replace_that_was_not_committed_is_removed(self, kill, desk, attached):
        kill("die('rename', 'binary.json', after=False)\ndesk.replace(event_id, b'new')\n", event=attached)
        assert desk.files(attached).count("content") == 2
        desk.sweep()
        assert desk.files(attached) == ALL
        assert desk.get(attached) == b"old"

    def test_of_a_replace_of_its_own_binary_is_the_old_one(self, kill, desk, event_id):
        kill(
            "desk.attach(event_id, b'old')\ndie('rename', 'binary.json', after=True)\n"
            "desk.replace(event_id, b'new')\n"
        )
        desk.sweep()
        assert desk.files(event_id) == ALL
        assert desk.get(event_id) == b"new"

    # What it was about to unlink bears the name of an earlier writer, who ended well long ago.

    def test_of_a_replace_of_an_earlier_processs_binary_is_the_old_one(self, kill, desk, attached):
        kill("die('rename', 'binary.json', after=True)\ndesk.replace(event_id, b'new')\n", event=attached)
        desk.sweep()
        assert desk.get(attached) == b"new"
        assert desk.files(attached) == ALL

    def test_of_a_replace_of_a_running_processs_binary_is_the_old_one(self, kill, desk, make_desk, event_id):
        running = make_desk()
        running.attach(event_id, b"old")
        kill("die('rename', 'binary.json', after=True)\ndesk.replace(event_id, b'new')\n")
        assert desk.sweep() == 1
        assert desk.get(event_id) == b"new"
        assert desk.files(event_id) == ALL

    def test_of_a_deletion_of_a_running_processs_binary_is_its_bytes(self, kill, desk, make_desk, event_id):
        running = make_desk()
        running.attach(event_id, b"old")
        kill("die('rename', 'binary.json', after=True)\ndesk.drop(event_id)\n")
        assert desk.sweep() == 1
        assert desk.files(event_id) == ["event.json"]

    def test_of_a_deletion_of_an_earlier_processs_binary_is_its_bytes(self, kill, desk, attached):
        kill("die('rename', 'binary.json', after=True)\ndesk.drop(event_id)\n", event=attached)
        desk.sweep()
        assert desk.files(attached) == ["event.json"]

    def test_of_a_deletion_of_an_earlier_processs_upload_is_its_bytes(self, kill, make_desk, desk, event_id):
        earlier = make_desk()
        earlier.chunk(event_id, "0-2/9", b"abc")
        earlier.close()
        kill("die('rename', 'upload.journal', after=True)\ndesk.drop(event_id)\n")
        desk.sweep()
        assert desk.files(event_id) == ["event.json"]

    def test_of_an_upload_begun_anew_over_an_earlier_processs_is_the_old_one(
        self, kill, make_desk, desk, event_id
    ):
        earlier = make_desk()
        earlier.chunk(event_id, "0-2/9", b"abc")
        earlier.close()
        kill("die('rename', 'upload.journal', after=True)\ndesk.chunk(event_id, '0-2/9', b'xyz')\n")
        desk.sweep()
        assert desk.upload(event_id) == "0-2/9"
        assert desk.files(event_id) == ["content", "event.json", "upload.journal"]

    def test_of_a_deletion_on_a_full_disk_is_the_rest_of_the_event(self, kill, desk, attached):
        # No room to move the directory aside: it renames event.json and is killed.
        kill(
            "real = os.rename\n"
            "def full(source, target):\n"
            "    if 'gone-' in str(target):\n"
            "        raise OSError(28, 'no space')\n"
            "    real(source, target)\n"
            "os.rename = by_path(full)\n"
            "die('rename', 'deleted', after=True)\ndesk.delete(event_id)\n",
            event=attached,
        )
        with pytest.raises(EventNotFound):
            desk.get(attached)
        desk.sweep()
        assert not desk.home(attached).exists()

    def test_bytes_whose_event_was_lost_stay_for_whoever_repairs_it(self, kill, desk, attached):
        kill("die('rename', 'content-*', after=True)\ndesk.replace(event_id, b'new')\n", event=attached)
        before = desk.files(attached)
        (desk.home(attached) / "event.json").unlink()
        desk.sweep()
        assert desk.files(attached) == [name for name in before if name != "event.json"]

    def test_of_a_void_upload_is_removed(self, kill, desk, event_id):
        kill(
            "desk.chunk(event_id, '0-2/9', b'abc')\n"
            "die('rename', 'upload.journal', after=False)\ndesk.attach(event_id, b'new')\n"
        )
        desk.sweep()
        assert desk.files(event_id) == ALL

    def test_in_an_hour_of_imported_events_is_removed(self, desk, kill):
        home = desk.home(123456)
        home.mkdir(parents=True)
        (home / "event.json").write_bytes((desk.home(desk.create()) / "event.json").read_bytes())
        kill("die('link', 'binary.json', after=False)\ndesk.attach(event_id, b'new')\n", event=123456)
        assert len(os.listdir(home)) == 2
        desk.sweep()
        assert os.listdir(home) == ["event.json"]

    def test_stays_while_it_is_named(self, kill, desk, event_id):
        kill(
            "second = desk.create()\ndesk.attach(second, b'bytes')\ndesk.chunk(event_id, '0-2/9', b'abc')\n"
            "desk.chunk(second, '0-2/9', b'abc', put=True)\n"
            "os.kill(os.getpid(), 9)\n"
        )
        desk.sweep()
        is_clean(desk)
        second = max(found for found, _ in desk.layout.walk())
        assert desk.upload(event_id) == "0-2/9"
        assert desk.get(second) == b"bytes"
        assert desk.upload(second) == "0-2/9"
        desk.chunk(event_id, "3-8/9", b"defghi")
        assert desk.get(event_id) == b"abcdefghi"

    def test_in_a_damaged_event_stays_for_whoever_repairs_it(self, kill, desk, attached):
        kill("die('rename', 'binary.json', after=False)\ndesk.replace(event_id, b'new')\n", event=attached)
        path = desk.home(attached) / "binary.json"
        whole = path.read_bytes()
        path.write_bytes(whole[:-5])
        before = sorted(os.listdir(desk.home(attached)))
        desk.sweep()
        assert sorted(os.listdir(desk.home(attached))) == before
        path.write_bytes(whole)
        assert desk.get(attached) == b"old"

    def test_in_an_event_that_is_in_use_is_removed_by_a_later_sweep(
        self, kill, desk, event_id, start, monkeypatch
    ):
        kill("die('link', 'binary.json', after=False)\ndesk.attach(event_id, b'new')\n")
        monkeypatch.setattr("c8ybin.store.disk.LOCK_TIMEOUT_S", 0.05)
        holder = start(OPEN + "with desk.disk.locked(event_id):\n    say('held')\n    wait()\n", event_id)
        assert holder.hear() == "held"
        desk.sweep()
        holder.kill()
        desk.sweep()
        assert desk.files(event_id) == ["event.json"]

    def test_in_a_deleted_event_is_no_trouble(self, kill, desk, event_id):
        kill("die('link', 'binary.json', after=False)\ndesk.attach(event_id, b'new')\n")
        desk.delete(event_id)
        assert desk.sweep() == 1
        is_clean(desk)


class TestWhatTheDiskFailsAt:
    """An EIO at one place: the sweep goes on at the others, and comes back to it."""

    @pytest.fixture()
    def leavings(self, desk, kill):
        """Two events of one dead writer, each with the content file of an attach that was not committed."""
        first, second = sorted(
            (desk.create(), desk.create())
        )  # of one millisecond, by chance in either order
        for event_id in (first, second):
            kill("die('link', 'binary.json', after=False)\ndesk.attach(event_id, b'new')\n", event=event_id)
        return first, second

    @pytest.fixture()
    def failing(self, monkeypatch):
        """Let calls fail at a path, and below it where it is an event's directory."""

        @contextmanager
        def fail(call, path):
            def wrap(real):
                def refuse(at, *arguments, **more):
                    named = os.readlink(f"/proc/self/fd/{at}") if isinstance(at, int) else at
                    if Path(named) in (path, path / "event.json"):
                        raise OSError(errno.EIO, os.strerror(errno.EIO), str(named))
                    return real(at, *arguments, **more)

                return refuse

            with monkeypatch.context() as patch:
                patch_call(patch, call, wrap)
                yield

        return fail

    @pytest.mark.parametrize("call", ["open", "lstat"])
    def test_is_one_event(self, desk, leavings, failing, call, caplog):
        first, second = leavings
        with failing(call, desk.home(first)):
            desk.sweep()
        assert desk.files(second) == ["event.json"]
        assert len(desk.files(first)) == 2
        assert str(desk.home(first)) in caplog.text
        desk.sweep()
        assert desk.files(first) == ["event.json"]
        is_clean(desk)

    @pytest.mark.parametrize("call", ["open", "scandir"])
    def test_is_an_hour(self, desk, leavings, kill, failing, call):
        home = desk.layout.event(EventId(123456))
        home.mkdir(parents=True)
        (home / "event.json").write_bytes((desk.home(leavings[0]) / "event.json").read_bytes())
        kill("die('link', 'binary.json', after=False)\ndesk.attach(event_id, b'new')\n", event=123456)
        with failing(call, home.parent):
            desk.sweep()
        assert [desk.files(event_id) for event_id in leavings] == [["event.json"]] * 2
        assert len(os.listdir(home)) == 2
        desk.sweep()
        assert os.listdir(home) == ["event.json"]
        is_clean(desk)

    def test_is_one_writers_folder(self, desk, leavings, failing):
        writers = sorted(path for path in desk.layout.tmp.iterdir() if path != desk.writer.folder)
        with failing("open", writers[0] / "alive"):
            assert desk.sweep() == 1
        assert sorted(os.listdir(desk.layout.tmp)) == sorted([writers[0].name, desk.writer.name])
        desk.sweep()
        assert [desk.files(event_id) for event_id in leavings] == [["event.json"]] * 2
        is_clean(desk)

    def test_is_whether_a_writer_lives(self, desk, start, leavings, failing):
        first, _ = leavings
        child = start(
            OPEN + "real = os.link\n"
            "def slow(*arguments, **more):\n    say(desk.writer.name)\n    wait()\n    real(*arguments, **more)\n"
            "os.link = slow\ndesk.attach(event_id, b'live')\nsay('done')\n",
            first,
        )
        folder = desk.layout.tmp / child.hear()
        with failing("lstat", folder):
            desk.sweep()
        child.tell()
        assert child.hear() == "done"
        assert desk.get(first) == b"live"

    @pytest.mark.parametrize("call", ["open", "lstat"])
    def test_is_a_stale_upload(self, desk, leavings, failing, call):
        for event_id in leavings:
            desk.chunk(event_id, "0-2/9", b"abc")
        desk.store.sweep.upload_expiry_s = 0
        with failing(call, desk.home(leavings[0])):
            assert desk.store.sweep.stale_uploads() == 1
        assert desk.upload(leavings[0]) == "0-2/9"
        assert desk.store.sweep.stale_uploads() == 1


def test_a_void_upload_that_could_not_be_dropped_goes_once_its_process_has_ended(
    desk, make_desk, event_id, monkeypatch
):
    # Another request held the lock when the whole body came; nobody died, and it is in no list of uploads.
    first = make_desk()
    first.chunk(event_id, "0-3/*", b"abcd")
    with monkeypatch.context() as patch:
        patch.setattr("c8ybin.store.disk.LOCK_TIMEOUT_S", 0.01)
        with desk.disk.locked(event_id):
            first.attach(event_id, b"whole")
    assert "upload.journal" in desk.files(event_id)
    first.close()
    assert desk.sweep() == 1
    assert desk.files(event_id) == ["binary.json", "content", "event.json"]


class TestWhatALiveProcessHas:
    def test_is_not_touched(self, desk, event_id, start):
        child = start(
            OPEN
            + "received = desk.body(b'body')\nreal = os.link\n"
            + "def slow(source, target, **more):\n    say('placed')\n    wait()\n    real(source, target, **more)\n"
            + "os.link = slow\ndesk.attach(event_id, b'new')\nsay('done')\nwait()\n",
            event_id,
        )
        assert child.hear() == "placed"
        before = sorted(os.listdir(desk.home(event_id)))
        assert len(before) == 2
        assert desk.sweep() == 0
        assert sorted(os.listdir(desk.home(event_id))) == before
        assert len(list(desk.layout.tmp.glob("*/drafts/body-*"))) == 1
        child.tell()
        assert child.hear() == "done"
        assert desk.get(event_id) == b"new"

    def test_is_not_touched_when_another_in_the_same_hour_died(self, desk, event_id, start, kill):
        child = start(
            OPEN
            + "real = os.link\n"
            + "def slow(source, target, **more):\n    say('placed')\n    wait()\n    real(source, target, **more)\n"
            + "os.link = slow\ndesk.attach(event_id, b'new')\nsay('done')\nwait()\n",
            event_id,
        )
        assert child.hear() == "placed"
        kill("die('link', 'binary.json', after=False)\ndesk.attach(event_id, b'dead')\n")
        assert len(os.listdir(desk.home(event_id))) == 3
        assert desk.sweep() == 1
        assert len(os.listdir(desk.home(event_id))) == 2
        child.tell()
        assert child.hear() == "done"
        assert desk.get(event_id) == b"new"

    def test_is_not_touched_by_its_own_sweep(self, desk):
        with desk.body(b"bytes").body:
            assert desk.sweep() == 0
            assert len(list(desk.store.folder.glob("body-*"))) == 1


class TestAFolderWithoutAlive:
    def test_that_is_empty_goes(self, desk):
        (desk.layout.tmp / "0123456789ab").mkdir()
        assert desk.sweep() == 0
        is_clean(desk)

    def test_that_holds_a_strangers_file_stays(self, desk):
        folder = desk.layout.tmp / "0123456789ab"
        folder.mkdir()
        (folder / "note.txt").write_text("mine")
        desk.sweep()
        assert (folder / "note.txt").read_text() == "mine"

    def test_is_never_left_by_a_sweep_that_is_killed(self, desk, kill, unlinked):
        # A sweep that unlinks `alive` first and is killed leaves a folder that none takes any more.
        kill("die('link', 'binary.json', after=False)\ndesk.attach(event_id, b'new')\n")
        unlinked.clear()
        desk.sweep()
        assert {"alive", "hours"} <= set(unlinked)
        assert unlinked[-1] == "alive"


def test_a_file_in_tmp_is_passed_over(desk):
    (desk.layout.tmp / "note.txt").write_text("mine")
    assert desk.sweep() == 0
    assert (desk.layout.tmp / "note.txt").read_text() == "mine"


def test_two_sweeps_at_once_are_fine(desk, make_desk, event_id, kill, race):
    for _ in range(6):
        kill("die('link', 'binary.json', after=False)\ndesk.attach(event_id, b'new')\n")
    desks = [desk, *(make_desk() for _ in range(3))]
    results = race(4, lambda n: desks[n].sweep())
    assert not any(isinstance(result, Exception) for result in results)
    assert sum(results) >= 6
    assert desk.files(event_id) == ["event.json"]
    assert sorted(os.listdir(desk.layout.tmp)) == sorted(d.writer.name for d in desks)


def test_two_sweeps_of_two_processes_at_once_are_fine(desk, event_id, kill, start):
    for _ in range(4):
        kill("die('link', 'binary.json', after=False)\ndesk.attach(event_id, b'new')\n")
    children = [
        start(OPEN + "say('ready')\nwait()\ndesk.sweep()\ndesk.close()\n", event_id) for _ in range(2)
    ]
    assert [child.hear() for child in children] == ["ready"] * 2
    for child in children:
        child.tell()
    assert [child.end() for child in children] == [0, 0]
    assert desk.files(event_id) == ["event.json"]
    is_clean(desk)


def test_sweeping_again_and_again_while_others_attach_loses_nothing(quick_root):
    desks, ended = [Desk(quick_root) for _ in range(2)], threading.Event()
    ids = [desks[0].create() for _ in range(150)]

    def sweep():
        while not ended.is_set():
            desks[1].sweep()

    sweeper = threading.Thread(target=sweep)
    sweeper.start()
    for event_id in ids:
        desks[0].attach(event_id, b"%d" % event_id)
    ended.set()
    sweeper.join()
    assert [desks[1].get(event_id) for event_id in ids] == [b"%d" % event_id for event_id in ids]
    for desk in desks:
        desk.close()


class TestTheSweeper:
    def test_sweeps_writers_and_uploads_at_once_and_ends_when_told(self, desk, event_id, kill, monkeypatch):
        kill("os.kill(os.getpid(), 9)\n")
        swept, done = [], threading.Event()
        real_writers, real_uploads = Sweep.dead_writers, Sweep.stale_uploads

        def writers(self):
            swept.append(real_writers(self))

        def uploads(self):
            swept.append(real_uploads(self))
            done.set()

        monkeypatch.setattr(Sweep, "dead_writers", writers)
        monkeypatch.setattr(Sweep, "stale_uploads", uploads)
        sweeper = Sweeper(desk.store.sweep)
        sweeper.start()
        assert done.wait(30)
        sweeper.stop()
        assert swept == [1, 0]
        assert not sweeper._thread.is_alive()
        is_clean(desk)

    def test_goes_on_after_an_error(self, desk, event_id, monkeypatch, caplog):
        tried, done = [], threading.Event()

        def fail(self):
            tried.append(True)
            if len(tried) == 2:
                done.set()
            raise OSError(5, "input/output error")

        monkeypatch.setattr(Sweep, "dead_writers", fail)
        desk.store.sweep.upload_expiry_s = 0.1
        sweeper = Sweeper(desk.store.sweep)
        sweeper._uploads_every_s = 0.01
        sweeper.start()
        assert done.wait(30)
        sweeper.stop()
        assert "will be tried again" in caplog.text

    def test_makes_the_directory_of_the_next_hour_ahead(self, desk, event_id):
        sweeper, before = Sweeper(desk.store.sweep), time.time()
        sweeper.start()
        hour = desk.layout.event(event_id).parent
        assert until(lambda: len(desk.layout.hours()) > 1)
        sweeper.stop()
        [ahead] = [found for found in desk.layout.hours() if found != hour]
        first, after = desk.layout.ids_of_hour(f"{ahead.parent.name}/{ahead.name}")
        assert first <= first_id(int(before * 1000) + 3_600_000) < after
        assert list(desk.layout.walk_hour(ahead)) == []
