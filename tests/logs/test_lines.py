"""The thread that writes lines: in order, whole, and nobody waits for it; real files, full disks, pipes."""

import fcntl
import logging
import os
import re
import stat
import threading
from pathlib import Path

import pytest
from harness import until

from c8ybin.fsio.appending import AppendedFile
from c8ybin.logs import lines as lines_module
from c8ybin.logs.lines import LINE_BYTES, Lines


def line(text: str) -> bytes:
    return text.encode() + b"\n"


@pytest.fixture
def begin(request: pytest.FixtureRequest):
    """Start writing to a file; ended with the test."""

    def start(append, **more):
        started = Lines("test log", append, line, **more)
        started.start()
        request.addfinalizer(started.close)
        return started

    return start


def test_lines_are_written_in_order_and_none_is_left(begin, tmp_path):
    path = tmp_path / "log"
    log = begin(AppendedFile(path).append)
    for number in range(3000):
        log.put(str(number))
    log.close()
    assert path.read_text().split() == [str(number) for number in range(3000)]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_what_is_written_at_once_is_whole_lines_and_fits_into_a_pipe(begin):
    blocks = []
    log = begin(blocks.append)
    for number in range(500):
        log.put("x" * (number * 7 % 1500))
    log.close()
    assert all(len(block) <= LINE_BYTES and block.endswith(b"\n") for block in blocks)
    assert 10 < len(blocks) < 500


def test_a_file_that_was_moved_away_is_made_anew_and_one_put_in_its_place_is_used(begin, tmp_path):
    path, old = tmp_path / "log", tmp_path / "log.1"
    log = begin(AppendedFile(path).append)
    log.put("one")
    assert until(lambda: path.exists() and path.read_text() == "one\n")
    path.rename(old)
    log.put("two")
    assert until(lambda: path.exists() and path.read_text() == "two\n")
    path.unlink()
    path.touch(mode=0o640)
    log.put("three")
    assert until(lambda: path.read_text() == "three\n")
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert old.read_text() == "one\n"


def test_a_disk_that_takes_nothing_is_told_once_and_what_is_lost_is_counted(begin, tmp_path, caplog):
    path = tmp_path / "log"
    path.symlink_to("/dev/full")
    log = begin(AppendedFile(path).append, gap=lambda count: line(f"{count} lost"))
    for number in range(3):
        log.put(str(number))
        assert until(lambda number=number: log._lost == number + 1)
    path.unlink()
    log.put("again")
    assert until(lambda: path.exists() and path.read_text() == "3 lost\nagain\n")
    assert until(lambda: len(caplog.records) == 2)
    assert [r.getMessage() for r in caplog.records] == [
        "the test log cannot be written: No space left on device; requests go on, and what it lacks is counted",
        "the test log is written again; it lacks 3 lines",
    ]


def test_a_log_that_hangs_keeps_nobody_and_what_does_not_fit_is_counted(begin, monkeypatch, caplog):
    monkeypatch.setattr(lines_module, "_MOST_WAITING", 5)
    gate, written = threading.Event(), []

    def append(data):
        assert gate.wait(60)
        written.append(data)

    log = begin(append, gap=lambda count: line(f"{count} lost"))
    log.put("first")
    assert until(lambda: not log._waiting)
    for number in range(8):
        log.put(str(number))
    gate.set()
    log.close()
    assert b"".join(written) == b"first\n3 lost\n0\n1\n2\n3\n4\n"
    assert caplog.records[-1].levelno == logging.WARNING


def test_a_write_that_the_disk_takes_in_part_leaves_no_part(tmp_path):
    path = tmp_path / "log"
    file = AppendedFile(path)
    file.append(b"before\n")
    pid = os.fork()
    if not pid:
        try:
            import resource
            import signal

            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (10, resource.RLIM_INFINITY))
            try:
                file.append(b"0123456789\n")
            except OSError:
                os._exit(0)
        finally:
            os._exit(1)
    assert os.waitpid(pid, 0)[1] == 0
    file.append(b"after\n")
    assert path.read_bytes() == b"before\nafter\n"
    file.close()


def test_lines_of_processes_that_append_to_one_file_never_mix(tmp_path):
    path = tmp_path / "log"
    pids = []
    for letter in "abcd":
        pid = os.fork()
        if not pid:
            file = AppendedFile(path)
            for _ in range(300):
                file.append(letter.encode() * 3000 + b"\n")
            os._exit(0)
        pids.append(pid)
    assert [os.waitpid(pid, 0)[1] for pid in pids] == [0] * 4
    lines = path.read_bytes().split(b"\n")
    assert lines.pop() == b""
    assert len(lines) == 1200
    assert all(len(line) == 3000 and len(set(line)) == 1 for line in lines)


def test_who_appends_waits_for_who_does(tmp_path):
    path = tmp_path / "log"
    file = AppendedFile(path)
    with path.open("wb") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        thread = threading.Thread(target=file.append, args=(b"line\n",))
        thread.start()
        waits = re.compile(rf"-> FLOCK .*:{path.stat().st_ino} ")
        assert until(lambda: bool(waits.search(Path("/proc/locks").read_text())))
        assert path.read_bytes() == b""
    thread.join(60)
    assert path.read_bytes() == b"line\n"
    file.close()


def test_a_file_that_cannot_be_opened_says_why(tmp_path: Path):
    with pytest.raises(FileNotFoundError):
        AppendedFile(tmp_path / "missing" / "log").open()
    with pytest.raises(IsADirectoryError):
        AppendedFile(tmp_path).open()
