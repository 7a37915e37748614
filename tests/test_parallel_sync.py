"""Several fsyncs at once: what the kernel is asked, what it says, and what is done where it cannot."""

import errno
import os
import subprocess
import sys

import pytest
from store_tools import CHILD_ENVIRONMENT
from strace_log import STRACE

from c8ybin import fsio
from c8ybin.fsio import durable, parallel
from c8ybin.fsio.parallel import ParallelSync

at_once = pytest.mark.skipif(
    ParallelSync()._calls is None, reason="no asynchronous fsync is known of this kind of machine"
)


@pytest.fixture()
def one_by_one(monkeypatch):
    """The descriptors that are made durable one after the other; they are."""
    seen, sync, sync_data = [], fsio.sync, fsio.sync_data
    monkeypatch.setattr(durable, "sync", lambda fd: (seen.append(("sync", fd)), sync(fd)))
    monkeypatch.setattr(durable, "sync_data", lambda fd: (seen.append(("sync_data", fd)), sync_data(fd)))
    return seen


@pytest.fixture()
def many():
    """Something that syncs many, and lets go what the kernel keeps."""
    sync = ParallelSync()
    yield sync
    sync.close()


@pytest.fixture()
def files(tmp_path):
    """Descriptors of some new files and of their directory."""
    fds = [fsio.create(tmp_path / name) for name in "abcd"]
    for fd in fds:
        fsio.write_at(fd, b"bytes", 0)
    fds.append(fsio.open_directory(tmp_path))
    yield fds
    for fd in fds:
        os.close(fd)


@at_once
def test_files_and_directories_are_made_durable_in_one_call(many, files, one_by_one):
    assert many.sync(files[2:], files[:2]) == {}
    assert one_by_one == []


@pytest.fixture()
def waits():
    """How many files each wait was for that was told of."""
    told = []
    fsio.watch_waits(lambda duration_s, files: told.append((files, duration_s)))
    yield lambda: [files for files, duration_s in told if duration_s > 0]
    fsio.watch_waits(None)


@at_once
def test_what_is_waited_for_at_once_is_told_as_one_wait_for_all(many, files, waits):
    many.sync(files)
    assert waits() == [len(files)]


def test_each_wait_for_one_file_is_told(files, waits):
    fsio.sync(files[0])
    fsio.sync_data(files[1])
    assert waits() == [1, 1]


@at_once
def test_more_than_the_kernel_takes_at_once_go_in_several_calls(many, files, one_by_one, monkeypatch):
    monkeypatch.setattr(parallel, "_MOST", 2)
    assert many.sync(files) == {}
    assert one_by_one == []


def test_an_error_is_told_of_its_own_file_alone(many, files):
    reading, writing = os.pipe()  # which cannot be fsynced
    try:
        errors = many.sync([files[0], writing, files[1]], [files[2]])
    finally:
        os.close(reading)
        os.close(writing)
    assert {fd: error.errno for fd, error in errors.items()} == {writing: errno.EINVAL}


@at_once
def test_after_an_error_the_next_files_go_well(many, files, one_by_one):
    reading, writing = os.pipe()
    many.sync([writing, *files])
    os.close(reading)
    os.close(writing)
    one_by_one.clear()
    assert many.sync(files) == {}
    assert one_by_one == []


def test_where_the_kernel_cannot_they_are_made_durable_one_by_one(files, one_by_one, monkeypatch):
    monkeypatch.setattr(parallel, "_SYSTEM_CALLS", {})
    assert ParallelSync().sync(files[:2], files[2:4]) == {}
    assert one_by_one == [
        ("sync", files[0]),
        ("sync", files[1]),
        ("sync_data", files[2]),
        ("sync_data", files[3]),
    ]


def test_where_the_kernel_refuses_they_are_made_durable_one_by_one(files, one_by_one, monkeypatch):
    no_such_call = 100_000
    monkeypatch.setattr(parallel, "_SYSTEM_CALLS", dict.fromkeys(["x86_64", "aarch64"], (no_such_call,) * 4))
    assert ParallelSync().sync(files[:2]) == {}
    assert one_by_one == [("sync", files[0]), ("sync", files[1])]


@at_once
def test_the_kernel_is_asked_for_an_fsync_of_each_and_is_waited_for(strace, tmp_path):
    code = (
        "import os, sys\n"
        "from c8ybin.fsio.parallel import ParallelSync\n"
        "fds = [os.open(sys.argv[1] + n, os.O_RDWR | os.O_CREAT) for n in 'ab']\n"
        "sync = ParallelSync()\n"
        "assert sync.sync(fds[:1], fds[1:]) == {}\n"
        "sync.close()\n"
    )
    log = tmp_path / "log"
    command = [STRACE, "-y", "-o", log, "-e", "trace=fsync,fdatasync,io_submit,io_getevents,io_destroy"]
    subprocess.run(
        [*command, sys.executable, "-c", code, f"{tmp_path}/file-"], env=CHILD_ENVIRONMENT, check=True
    )
    submit, getevents, destroy = (line for line in log.read_text().splitlines() if line.startswith("io_"))
    assert "IOCB_CMD_FSYNC" in submit and "IOCB_CMD_FDSYNC" in submit
    assert submit.index("file-a") < submit.index("file-b")
    assert [line.rpartition(" = ")[2] for line in (submit, getevents, destroy)] == ["2", "2", "0"]
    assert not any(line.startswith("f") for line in log.read_text().splitlines())
