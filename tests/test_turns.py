"""Two turns at one file at the same time, in every order: as where a file system gives one lock to two hosts."""

import errno
import os
from contextlib import nullcontext
from threading import Condition, Thread, current_thread

import pytest

from c8ybin import fsio
from c8ybin.fsio import files, turns

CALLS = ("mkdir", "listdir", "rename", "unlink", "rmdir", "fsync")
STEPS = 24  # more than a turn has


class Change(Thread):
    """Adds a line to a file in a turn, and stops before any of its steps."""

    def __init__(self, path, line):
        super().__init__(daemon=True)
        self._path, self._line = path, line
        self._steps = 0
        self._moved = Condition()
        self._is_over = False
        self.failure = None

    def run(self):
        try:
            with fsio.turn(self._path, self._path.with_name("lock"), 0) as drafts:
                data = self._path.read_bytes()
                self.step()
                with fsio.replacing(self._path, drafts / "draft") as file:
                    file.write(data + self._line)
        except OSError as error:
            self.failure = error
        with self._moved:
            self._is_over = True
            self._moved.notify_all()

    def step(self):
        """Wait until this step may be made; told by the change's own thread."""
        with self._moved:
            assert self._moved.wait_for(lambda: self._steps, 60)
            self._steps -= 1
            self._moved.notify_all()

    def go(self, steps):
        """Let it make so many steps; tell whether it is over."""
        with self._moved:
            self._steps = steps
            self._moved.notify_all()
            assert self._moved.wait_for(lambda: self._is_over or not self._steps, 60)
            return self._is_over


@pytest.fixture
def lock_of_both(monkeypatch):
    monkeypatch.setattr(turns, "locked", lambda *_: nullcontext())
    monkeypatch.setattr(turns, "is_locked", lambda _: True)


@pytest.fixture
def steps(monkeypatch):
    def stepping(real):
        def called(*arguments, **more):
            if isinstance(current_thread(), Change):
                current_thread().step()
            return real(*arguments, **more)

        return called

    for name in CALLS:
        monkeypatch.setattr(os, name, stepping(getattr(os, name)))
    monkeypatch.setattr(files, "open_beneath", stepping(files.open_beneath))


@pytest.mark.usefixtures("lock_of_both", "steps")
@pytest.mark.parametrize("ahead", range(STEPS))
def test_no_change_takes_another_back(tmp_path, ahead):
    for between in range(STEPS):
        path = tmp_path / str(between) / "file"
        path.parent.mkdir()
        path.write_bytes(b"first ")
        one, other = Change(path, b"one "), Change(path, b"other ")
        for change in (one, other):
            change.start()
        one.go(ahead)
        other.go(between)
        assert one.go(1000)
        assert other.go(1000)
        lines = path.read_bytes().split()
        for change, line in ((one, b"one"), (other, b"other")):
            change.join()
            if change.failure is None:
                assert line in lines, between
            elif isinstance(change.failure, FileNotFoundError):
                assert line not in lines, between
            else:
                assert "the lock was lost" in str(change.failure), between
        assert lines[0] == b"first"
        assert len(lines) == len(set(lines))
        # Whoever has the next turn leaves nothing of theirs.
        with fsio.turn(path, path.with_name("lock"), 0):
            pass
        assert sorted(os.listdir(path.parent)) == ["file"]


@pytest.mark.usefixtures("steps")
def test_a_turn_is_shorter_than_what_was_tried(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    change = Change(tmp_path / "file", b"line")
    change.start()
    assert not change.go(8)
    assert change.go(STEPS - 8)
    assert change.failure is None


def test_who_has_lost_the_lock_does_not_say_that_it_was_done(tmp_path):
    lock = tmp_path / "lock"
    with pytest.raises(OSError, match="the lock was lost") as caught, fsio.turn(tmp_path / "file", lock, 0):
        lock.unlink()  # another file has its name: that of no one
        lock.touch()
    assert not isinstance(caught.value, FileNotFoundError)


def test_who_was_overtaken_after_the_change_does_not_say_that_it_was_done(tmp_path):
    path = tmp_path / "file"
    with pytest.raises(OSError, match="the lock was lost"), fsio.turn(path, tmp_path / "lock", 0) as drafts:
        with fsio.replacing(path, drafts / "draft") as file:
            file.write(b"new")
        fsio.overtake(path)
    assert path.read_bytes() == b"new"


def test_what_nobody_may_look_into_keeps_nobody_from_a_turn(tmp_path, monkeypatch):
    def entries(folder):
        if folder != tmp_path:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(folder))
        return fsio.entries(folder)

    (tmp_path / ".file.folder").mkdir()
    (tmp_path / ".file.link").symlink_to("file")
    monkeypatch.setattr(turns, "entries", entries)
    with fsio.turn(tmp_path / "file", tmp_path / "lock", 0):
        pass
    assert os.listdir(tmp_path) == ["lock"]


def test_whoever_overtakes_ends_the_turns_of_others(tmp_path):
    path, lock = tmp_path / "file", tmp_path / "lock"
    path.write_bytes(b"old")
    (tmp_path / ".file.draft").write_bytes(b"beside its target")
    (tmp_path / ".file2.draft").write_bytes(b"of another file")
    with pytest.raises(FileNotFoundError), fsio.turn(path, lock, 0) as drafts:
        assert not (tmp_path / ".file.draft").exists()
        with fsio.replacing(path, drafts / "draft") as file:
            file.write(b"new")
            fsio.overtake(path)
    assert path.read_bytes() == b"old"
    assert sorted(os.listdir(tmp_path)) == [".file2.draft", "file", "lock"]
