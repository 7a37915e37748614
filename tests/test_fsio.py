"""Durable files and locks, on a real file system and with real processes."""

import errno
import os
import resource
import signal
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from c8ybin import fsio

WAIT_S = 30  # for what must happen; never waited out where the code is right


@pytest.fixture()
def steps(monkeypatch):
    """What is done to the disk, in order; it is done, too. A file is named with its length at that moment."""
    done = []
    fsync, fdatasync, rename = os.fsync, os.fdatasync, os.rename

    def record_fsync(fd):
        path = Path(os.readlink(f"/proc/self/fd/{fd}"))
        status = os.fstat(fd)
        done.append(("fsync", path.name, None if stat.S_ISDIR(status.st_mode) else status.st_size))
        fsync(fd)

    def record_fdatasync(fd):
        done.append(("fdatasync", Path(os.readlink(f"/proc/self/fd/{fd}")).name, os.fstat(fd).st_size))
        fdatasync(fd)

    def record_rename(source, target, **folders):
        done.append(("rename", Path(source).name, Path(target).name))
        rename(source, target, **folders)

    monkeypatch.setattr(os, "fsync", record_fsync)
    monkeypatch.setattr(os, "fdatasync", record_fdatasync)
    monkeypatch.setattr(os, "rename", record_rename)
    return done


@pytest.fixture()
def failing_fsync(monkeypatch):
    """Inject EIO into every fsync of a file; directories are let through."""
    fsync = os.fsync

    def fail(fd):
        if not stat.S_ISDIR(os.fstat(fd).st_mode):
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        fsync(fd)

    monkeypatch.setattr(os, "fsync", fail)


def open_files():
    return os.listdir("/proc/self/fd")


def mode_of(path):
    return stat.S_IMODE(path.stat().st_mode)


class TestReplacing:
    @pytest.fixture()
    def path(self, tmp_path):
        (tmp_path / "room").mkdir()
        path = tmp_path / "room" / "file"
        path.write_bytes(b"old")
        return path

    def test_shows_the_old_bytes_until_the_block_ends_and_then_the_new(self, path):
        with fsio.replacing(path, "draft") as file:
            file.write(b"new bytes")
            file.flush()
            assert path.read_bytes() == b"old"
        assert path.read_bytes() == b"new bytes"
        assert os.listdir(path.parent) == ["file"]

    def test_makes_a_file_that_was_not_there(self, path):
        path.unlink()
        with fsio.replacing(path, "draft") as file:
            file.write(b"new")
            file.flush()
            assert not path.exists()
        assert path.read_bytes() == b"new"

    def test_the_order_is_file_then_name_then_directory(self, path, steps):
        with fsio.replacing(path, "draft") as file:
            file.write(b"new bytes")
        assert steps == [("fsync", "draft", 9), ("rename", "draft", "file"), ("fsync", "room", None)]

    @pytest.mark.parametrize("raised", [ValueError, KeyboardInterrupt, OSError])
    def test_leaves_the_old_file_and_no_draft_when_the_block_raises(self, path, raised):
        before = open_files()
        with pytest.raises(raised), fsio.replacing(path, "draft") as file:
            file.write(b"new")
            raise raised
        assert path.read_bytes() == b"old"
        assert os.listdir(path.parent) == ["file"]
        assert open_files() == before

    def test_leaves_the_old_file_and_no_draft_when_the_disk_does_not_take_the_bytes(
        self, path, failing_fsync
    ):
        with pytest.raises(OSError, match="Input/output"), fsio.replacing(path, "draft") as file:
            file.write(b"new")
        assert path.read_bytes() == b"old"
        assert os.listdir(path.parent) == ["file"]

    def test_leaves_no_draft_when_it_cannot_be_renamed(self, path):
        path.unlink()
        path.mkdir()
        with pytest.raises(IsADirectoryError), fsio.replacing(path, "draft") as file:
            file.write(b"new")
        assert os.listdir(path.parent) == ["file"]

    def test_lets_a_reader_of_the_old_file_read_on(self, path):
        with fsio.opened(path) as fd:
            with fsio.replacing(path, "draft") as file:
                file.write(b"new")
            assert fsio.read_at(fd, 99, 0) == b"old"

    def test_gives_the_mode_that_is_asked_for(self, path):
        with fsio.replacing(path, "draft"):
            pass
        assert mode_of(path) == fsio.FILE_MODE == 0o640
        with fsio.replacing(path, "draft", mode=fsio.PRIVATE_MODE):
            pass
        assert mode_of(path) == fsio.PRIVATE_MODE == 0o600


class TestDraft:
    def test_is_durable_when_the_block_ends(self, tmp_path, steps):
        with fsio.draft(tmp_path / "draft") as file:
            file.write(b"12345")
        assert steps == [("fsync", "draft", 5)]
        assert (tmp_path / "draft").read_bytes() == b"12345"

    @pytest.mark.parametrize("raised", [ValueError, KeyboardInterrupt])
    def test_is_gone_when_the_block_raises(self, tmp_path, raised):
        with pytest.raises(raised), fsio.draft(tmp_path / "draft") as file:
            file.write(b"12345")
            raise raised
        assert os.listdir(tmp_path) == []

    def test_is_gone_when_its_fsync_fails(self, tmp_path, failing_fsync):
        with pytest.raises(OSError, match="Input/output"), fsio.draft(tmp_path / "draft") as file:
            file.write(b"12345")
        assert os.listdir(tmp_path) == []

    def test_never_touches_a_file_that_is_there_already(self, tmp_path):
        (tmp_path / "draft").write_bytes(b"theirs")
        with pytest.raises(FileExistsError), fsio.draft(tmp_path / "draft"):
            pytest.fail("the block ran")
        assert (tmp_path / "draft").read_bytes() == b"theirs"


class TestReadAndWrite:
    @pytest.fixture()
    def fd(self, tmp_path):
        fd = fsio.create(tmp_path / "file")
        yield fd
        os.close(fd)

    @pytest.mark.parametrize("make", [bytes, bytearray, memoryview])
    def test_write_at_writes_there_and_read_at_reads_there(self, fd, make):
        fsio.write_at(fd, make(b"0123456789"), 0)
        fsio.write_at(fd, make(b"abc"), 4)
        fsio.write_at(fd, b"", 2)
        assert fsio.read_at(fd, 99, 0) == b"0123abc789"
        assert fsio.read_at(fd, 3, 4) == b"abc"

    def test_write_at_past_the_end_leaves_zeros_between(self, fd):
        fsio.write_at(fd, b"x", 3)
        assert fsio.read_at(fd, 99, 0) == b"\0\0\0x"

    def test_read_at_gives_less_only_at_the_end(self, fd):
        fsio.write_at(fd, b"0123456789", 0)
        assert fsio.read_at(fd, 5, 8) == b"89"
        assert fsio.read_at(fd, 5, 10) == b""
        assert fsio.read_at(fd, 5, 99) == b""
        assert fsio.read_at(fd, 0, 0) == b""

    def test_both_go_on_where_the_kernel_takes_and_gives_a_part(self, fd, monkeypatch):
        pread, pwrite = os.pread, os.pwrite
        monkeypatch.setattr(os, "pwrite", lambda fd, data, offset: pwrite(fd, data[:7], offset))
        monkeypatch.setattr(os, "pread", lambda fd, count, offset: pread(fd, min(count, 3), offset))
        content = bytes(range(100))
        fsio.write_at(fd, content, 5)
        assert fsio.read_at(fd, 100, 5) == content
        assert fsio.read_at(fd, 4, 10) == content[5:9]

    def test_write_at_that_does_not_fit_raises_though_a_part_was_taken(self, fd):
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, hard))
        try:
            with pytest.raises(OSError, match="too large"):
                fsio.write_at(fd, b"x" * 150, 0)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        assert os.fstat(fd).st_size == 100

    def test_truncate_cuts(self, fd):
        fsio.write_at(fd, b"0123456789", 0)
        fsio.truncate(fd, 4)
        assert fsio.read_at(fd, 99, 0) == b"0123"

    def test_read_gives_the_whole_file(self, tmp_path):
        content = os.urandom(300_000)
        (tmp_path / "file").write_bytes(content)
        assert fsio.read(tmp_path / "file") == content


class TestFiles:
    def test_create_refuses_a_file_that_is_there(self, tmp_path):
        (tmp_path / "file").write_bytes(b"theirs")
        with pytest.raises(FileExistsError):
            fsio.create(tmp_path / "file")
        assert (tmp_path / "file").read_bytes() == b"theirs"

    @pytest.mark.parametrize("write", [False, True])
    def test_open_existing_does_not_follow_a_symbolic_link(self, tmp_path, write):
        (tmp_path / "file").write_bytes(b"x")
        (tmp_path / "link").symlink_to("file")
        with pytest.raises(OSError, match="symbolic") as caught:
            fsio.open_existing(tmp_path / "link", write=write)
        assert caught.value.errno == errno.ELOOP

    def test_open_existing_writes_only_where_asked_to(self, tmp_path):
        (tmp_path / "file").write_bytes(b"x")
        with fsio.opened(tmp_path / "file") as fd, pytest.raises(OSError, match="Bad file"):
            fsio.write_at(fd, b"y", 0)
        with fsio.opened(tmp_path / "file", write=True) as fd:
            fsio.write_at(fd, b"y", 0)
        assert (tmp_path / "file").read_bytes() == b"y"

    def test_opened_closes_also_where_the_block_raises(self, tmp_path):
        (tmp_path / "file").write_bytes(b"x")
        before = open_files()
        with pytest.raises(ValueError, match="x"), fsio.opened(tmp_path / "file"):
            raise ValueError("x")
        assert open_files() == before

    def test_no_descriptor_is_inherited_by_a_child(self, tmp_path):
        for fd in (
            fsio.create(tmp_path / "file"),
            fsio.open_existing(tmp_path / "file"),
            fsio.open_lock(tmp_path / "lock"),
            fsio.open_lock(tmp_path / "lock"),
        ):
            assert not os.get_inheritable(fd)
            os.close(fd)

    def test_rename_replaces_and_link_does_not(self, tmp_path):
        one, two = tmp_path / "one", tmp_path / "two"
        one.write_bytes(b"1")
        two.write_bytes(b"2")
        with pytest.raises(FileExistsError):
            fsio.link(one, two)
        assert two.read_bytes() == b"2"
        fsio.rename(one, two)
        assert (two.read_bytes(), one.exists()) == (b"1", False)
        fsio.link(two, one)
        assert one.samefile(two)

    def test_remove_tells_whether_there_was_something(self, tmp_path):
        (tmp_path / "file").write_bytes(b"x")
        assert fsio.remove(tmp_path / "file")
        assert not fsio.remove(tmp_path / "file")
        with pytest.raises(NotADirectoryError):
            (tmp_path / "file").write_bytes(b"x")
            fsio.remove(tmp_path / "file" / "below")

    def test_make_directory_tells_whether_it_was_new(self, tmp_path):
        assert fsio.make_directory(tmp_path / "room")
        assert not fsio.make_directory(tmp_path / "room")
        assert mode_of(tmp_path / "room") == fsio.DIRECTORY_MODE == 0o750
        with pytest.raises(FileNotFoundError):
            fsio.make_directory(tmp_path / "missing" / "room")

    def test_remove_tree_removes_all_and_does_not_mind_nothing(self, tmp_path):
        (tmp_path / "room" / "inner").mkdir(parents=True)
        (tmp_path / "room" / "inner" / "file").write_bytes(b"x")
        fsio.remove_tree(tmp_path / "room")
        fsio.remove_tree(tmp_path / "room")
        assert os.listdir(tmp_path) == []

    def test_remove_any_removes_a_tree_or_a_file_and_does_not_mind_nothing(self, tmp_path):
        (tmp_path / "room" / "inner").mkdir(parents=True)
        (tmp_path / "file").write_bytes(b"x")
        for name in ("room", "file", "missing"):
            fsio.remove_any(tmp_path / name)
        assert os.listdir(tmp_path) == []

    def test_remove_with_last_removes_a_directory_of_that_name_too(self, tmp_path):
        (tmp_path / "room" / "last" / "inner").mkdir(parents=True)
        fsio.remove_with_last(tmp_path / "room", "last")
        assert os.listdir(tmp_path) == []

    def test_rename_onto_a_directory_that_is_not_empty_is_known_as_taken(self, tmp_path):
        (tmp_path / "empty").mkdir()
        (tmp_path / "full" / "inner").mkdir(parents=True)
        with pytest.raises(OSError, match="not empty") as caught:
            fsio.rename(tmp_path / "empty", tmp_path / "full")
        assert fsio.is_taken(caught.value)
        with pytest.raises(FileNotFoundError) as caught:
            fsio.rename(tmp_path / "missing", tmp_path / "full")
        assert not fsio.is_taken(caught.value)
        fsio.rename(tmp_path / "full", tmp_path / "empty")
        assert os.listdir(tmp_path) == ["empty"]

    @pytest.mark.parametrize("make", [fsio.create, fsio.make_directory])
    def test_nothing_is_left_where_the_owner_cannot_be_told(self, tmp_path, monkeypatch, make):
        def fail(path):
            raise OSError(errno.EIO, os.strerror(errno.EIO))

        before = open_files()
        with monkeypatch.context() as patch, pytest.raises(OSError, match="Input/output"):
            patch.setattr(os, "geteuid", lambda: 0)
            patch.setattr(os, "fstat", fail)
            make(tmp_path / "file")
        assert os.listdir(tmp_path) == []
        assert open_files() == before

    def test_exists_looks_at_the_name_and_not_at_what_it_links_to(self, tmp_path):
        (tmp_path / "link").symlink_to("missing")
        assert fsio.exists(tmp_path / "link")
        assert not fsio.exists(tmp_path / "missing")
        (tmp_path / "file").touch()
        assert not fsio.exists(tmp_path / "file" / "below")

    def test_exists_does_not_take_an_error_for_a_no(self, tmp_path):
        with pytest.raises(OSError, match="too long"):
            fsio.exists(tmp_path / ("x" * 300))

    def test_length_tells_the_bytes_and_close_closes(self, tmp_path):
        fd = fsio.create(tmp_path / "file")
        fsio.write_at(fd, b"123", 2)
        assert fsio.length(fd) == 5
        fsio.close(fd)
        with pytest.raises(OSError, match="Bad file"):
            fsio.length(fd)

    def test_unique_names_are_file_names_that_do_not_repeat(self):
        names = {fsio.unique_name() for _ in range(1000)}
        assert len(names) == 1000
        assert all(name.isascii() and name.isalnum() for name in names)

    def test_the_syncs_reach_the_file_and_the_directory(self, tmp_path, steps):
        before = open_files()
        (tmp_path / "file").write_bytes(b"123")
        fsio.sync_file(tmp_path / "file")
        fsio.sync_directory(tmp_path)
        with fsio.opened(tmp_path / "file") as fd:
            fsio.sync(fd)
            fsio.sync_data(fd)
        room = ("fsync", tmp_path.name, None)
        assert steps == [("fsync", "file", 3), room, ("fsync", "file", 3), ("fdatasync", "file", 3)]
        assert open_files() == before
        with pytest.raises(NotADirectoryError):
            fsio.sync_directory(tmp_path / "file")


CHILD = """
import sys
from pathlib import Path
from c8ybin import fsio

def say(word):
    print(word, flush=True)

path = Path(sys.argv[1])
"""


@pytest.fixture()
def run():
    """Start real processes that speak by lines; they are ended with the test."""
    children = []

    def start(code, path):
        child = subprocess.Popen(
            [sys.executable, "-c", CHILD + code, str(path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        children.append(child)
        return child

    yield start
    for child in children:
        child.kill()
        child.communicate()


HOLD = """
with fsio.locked(path, 30):
    say("held")
    sys.stdin.readline()
say("let go")
sys.stdin.readline()
"""
WAIT = """
fd = fsio.open_lock(path)
say("free" if fsio.try_lock(fd) else "busy")
with fsio.locked(path, 30):
    say("held")
"""
GIVE_UP = """
try:
    with fsio.locked(path, 0.1):
        say("held")
except TimeoutError:
    say("timeout")
"""
COUNT = """
import threading
counter = path.with_name("counter")

def count():
    for _ in range(25):
        with fsio.locked(path, 60):
            counter.write_text(str(int(counter.read_text()) + 1))

say("ready")
sys.stdin.readline()
threads = [threading.Thread(target=count) for _ in range(3)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
say("done")
"""


class TestOpenLock:
    def test_makes_the_file_where_it_is_missing(self, tmp_path):
        os.close(fsio.open_lock(tmp_path / "lock"))
        assert mode_of(tmp_path / "lock") == fsio.FILE_MODE

    def test_opens_the_one_that_is_there_as_it_is(self, tmp_path):
        (tmp_path / "lock").write_bytes(b"kept")
        inode = (tmp_path / "lock").stat().st_ino
        fd = fsio.open_lock(tmp_path / "lock")
        assert os.fstat(fd).st_ino == inode
        os.close(fd)
        assert (tmp_path / "lock").read_bytes() == b"kept"

    def test_does_not_follow_a_symbolic_link(self, tmp_path):
        (tmp_path / "lock").symlink_to("missing")
        with pytest.raises(OSError, match="symbolic"):
            fsio.open_lock(tmp_path / "lock")

    def test_of_racing_threads_all_get_the_same_file(self, tmp_path):
        for number in range(20):
            path = tmp_path / f"lock-{number}"
            barrier = threading.Barrier(4)
            inodes = []

            def take(path=path, barrier=barrier, inodes=inodes):
                barrier.wait(WAIT_S)
                fd = fsio.open_lock(path)
                inodes.append(os.fstat(fd).st_ino)
                os.close(fd)

            threads = [threading.Thread(target=take) for _ in range(4)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            assert inodes == [path.stat().st_ino] * 4


class TestTryLock:
    def test_takes_the_lock_once_per_opening(self, tmp_path):
        one, two = fsio.open_lock(tmp_path / "lock"), fsio.open_lock(tmp_path / "lock")
        assert fsio.try_lock(one)
        assert not fsio.try_lock(two)
        os.close(one)
        assert fsio.try_lock(two)
        os.close(two)

    def test_raises_what_is_not_a_refusal(self, tmp_path):
        fd = fsio.open_lock(tmp_path / "lock")
        os.close(fd)
        with pytest.raises(OSError, match="Bad file"):
            fsio.try_lock(fd)


class TestLocked:
    @pytest.fixture()
    def path(self, tmp_path):
        return tmp_path / "lock"

    def test_leaves_its_file_and_no_descriptor(self, path):
        before = open_files()
        with fsio.locked(path, 0):
            inode = path.stat().st_ino
        with fsio.locked(path, 0):
            assert path.stat().st_ino == inode
        assert path.exists()
        assert open_files() == before

    def test_is_free_again_after_the_block_raised(self, path):
        with pytest.raises(ValueError, match="x"), fsio.locked(path, 1):
            raise ValueError("x")
        with fsio.locked(path, 0):
            pass

    def test_raises_timeout_when_somebody_holds_the_file_and_works_once_that_is_over(self, path):
        before = open_files()
        fd = fsio.open_lock(path)
        assert fsio.try_lock(fd)
        for timeout_s in (0, 0.1):
            with pytest.raises(TimeoutError), fsio.locked(path, timeout_s):
                pytest.fail("the block ran")
        os.close(fd)
        with fsio.locked(path, 0):
            pass
        assert open_files() == before

    def test_waits_until_somebody_lets_go_of_the_file(self, path, monkeypatch):
        """The holder lets go only after the waiter was refused once."""
        fd = fsio.open_lock(path)
        assert fsio.try_lock(fd)
        refused = threading.Event()
        try_lock = fsio.try_lock

        def tell(descriptor):
            taken = try_lock(descriptor)
            if not taken:
                refused.set()
            return taken

        monkeypatch.setattr("c8ybin.fsio.locks.try_lock", tell)

        def let_go():
            refused.wait(WAIT_S)
            os.close(fd)

        holder = threading.Thread(target=let_go)
        holder.start()
        with fsio.locked(path, WAIT_S):
            assert refused.is_set()
        holder.join()

    def test_raises_timeout_in_a_thread_while_another_holds_it(self, path):
        outcome = []

        def attempt():
            try:
                with fsio.locked(path, 0.05):
                    outcome.append("held")
            except TimeoutError:
                outcome.append("timeout")

        with fsio.locked(path, 1):
            thread = threading.Thread(target=attempt)
            thread.start()
            thread.join()
        attempt()
        assert outcome == ["timeout", "held"]

    def test_of_threads_that_wait_only_the_first_opens_the_file(self, path):
        waiting = threading.Event()

        def attempt():
            waiting.set()
            with fsio.locked(path, WAIT_S):
                pass

        with fsio.locked(path, 1):
            before = open_files()
            threads = [threading.Thread(target=attempt) for _ in range(5)]
            for thread in threads:
                thread.start()
            assert waiting.wait(WAIT_S)
            threads[0].join(0.2)
            assert threads[0].is_alive()
            assert open_files() == before
        for thread in threads:
            thread.join(WAIT_S)
            assert not thread.is_alive()

    def test_excludes_threads(self, path):
        inside, worst = [], []

        def work():
            for _ in range(50):
                with fsio.locked(path, WAIT_S):
                    inside.append(1)
                    worst.append(len(inside))
                    inside.pop()

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert worst == [1] * 200

    def test_excludes_other_files_not_at_all(self, path):
        with fsio.locked(path, 0), fsio.locked(path.with_name("other"), 0):
            pass

    def test_held_by_another_process_raises_timeout_until_that_lets_go(self, path, run):
        child = run(HOLD, path)
        assert child.stdout.readline() == "held\n"
        with pytest.raises(TimeoutError), fsio.locked(path, 0.05):
            pytest.fail("the block ran")
        child.stdin.write("\n")
        child.stdin.flush()
        assert child.stdout.readline() == "let go\n"
        with fsio.locked(path, 0):
            pass

    def test_held_here_makes_another_process_give_up(self, path, run):
        with fsio.locked(path, 1):
            child = run(GIVE_UP, path)
            assert child.stdout.readline() == "timeout\n"
        assert run(GIVE_UP, path).stdout.readline() == "held\n"

    def test_held_here_makes_another_process_wait(self, path, run):
        with fsio.locked(path, 1):
            child = run(WAIT, path)
            assert child.stdout.readline() == "busy\n"
        assert child.stdout.readline() == "held\n"

    def test_of_a_process_that_was_killed_is_free(self, path, run):
        child = run(HOLD, path)
        assert child.stdout.readline() == "held\n"
        child.send_signal(signal.SIGKILL)
        child.wait(WAIT_S)
        with fsio.locked(path, 0):
            pass

    def test_excludes_threads_of_several_processes(self, path, run):
        path.with_name("counter").write_text("0")
        children = [run(COUNT, path) for _ in range(3)]
        for child in children:
            assert child.stdout.readline() == "ready\n"
        for child in children:
            child.stdin.write("\n")
            child.stdin.flush()
        for child in children:
            assert child.stdout.readline() == "done\n"
        assert path.with_name("counter").read_text() == "225"


@pytest.mark.skipif(os.geteuid() != 0, reason="takes root")
def test_what_root_creates_belongs_to_the_owner_of_the_directory(tmp_path):
    os.chown(tmp_path, 4711, 4712)
    with fsio.replacing(tmp_path / "accounts.json", "draft", mode=fsio.PRIVATE_MODE) as file:
        file.write(b"{}")
    status = (tmp_path / "accounts.json").stat()
    assert (status.st_uid, status.st_gid) == (4711, 4712)


@pytest.mark.skipif(os.geteuid() != 0, reason="takes root")
def test_what_root_makes_in_a_directory_of_somebody_else_belongs_to_him_all_the_way_down(tmp_path):
    os.chown(tmp_path, 4711, 4712)
    for folder in (tmp_path / "day", tmp_path / "day" / "hour"):
        fsio.make_directory(folder)
        assert (folder.stat().st_uid, folder.stat().st_gid) == (4711, 4712)


def test_a_tree_is_durable_once_each_file_and_then_the_directory_that_names_it_is(tmp_path, monkeypatch):
    (tmp_path / "a" / "b").mkdir(parents=True)
    for path in ("a/b/1", "a/b/2", "a/3"):
        (tmp_path / path).touch()
    synced, real = [], os.fsync

    def record(fd):
        synced.append(os.path.relpath(os.readlink(f"/proc/self/fd/{fd}"), tmp_path))
        real(fd)

    monkeypatch.setattr(os, "fsync", record)
    fsio.sync_tree(tmp_path)
    assert sorted(synced) == [".", "a", "a/3", "a/b", "a/b/1", "a/b/2"]
    for path in ("a/b/1", "a/b/2", "a/3", "a/b", "a"):
        assert synced.index(path) < synced.index(os.path.dirname(path) or ".")
