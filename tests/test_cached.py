"""Reading only what is in memory: real files that are, and are not."""

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from harness import pattern
from server_tools import MIB, PAGE_BYTES, cool, pages_in_memory

from c8ybin import fsio
from c8ybin.fsio import cached
from c8ybin.store.layout import Layout


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "file"
    path.write_bytes(pattern(MIB))
    return path


@pytest.fixture
def able(file: Path) -> None:
    """Skip where the kernel or the file system cannot tell what is in memory."""
    try:
        with fsio.without_waiting(), fsio.opened(file) as fd:
            fsio.read_at(fd, 10, 0)
    except BlockingIOError:
        pytest.skip("nobody tells here what is in memory")


def test_what_is_in_memory_is_read(able: None, file: Path) -> None:
    expected = file.read_bytes()
    with fsio.without_waiting():
        assert fsio.read(file) == expected
        with fsio.opened(file) as fd:
            assert fsio.read_at(fd, 10, 5) == expected[5:15]
            assert fsio.read_at(fd, 10, MIB) == b""
            assert fsio.read_at(fd, 0, 0) == b""


def test_what_is_not_in_memory_must_be_waited_for(able: None, file: Path) -> None:
    cool(file)
    with fsio.without_waiting(), pytest.raises(BlockingIOError):
        fsio.read(file)
    assert fsio.read(file) == pattern(MIB)


def test_what_is_in_memory_in_part_is_not_taken_for_the_whole(able: None, file: Path) -> None:
    cool(file)
    with file.open("rb") as opened:
        os.pread(opened.fileno(), 1, 0)
    if (MIB - 1) // PAGE_BYTES in pages_in_memory(file):
        pytest.skip("the kernel has read all of it ahead")
    with fsio.without_waiting(), pytest.raises(BlockingIOError):
        fsio.read(file)


def test_what_is_missing_is_missing(able: None, tmp_path: Path) -> None:
    for _ in range(2):  # the look-up that may wait leaves in memory that the name is not there
        assert not (tmp_path / "none").exists()
    with fsio.without_waiting():
        with pytest.raises(FileNotFoundError):
            fsio.read(tmp_path / "none")
        assert not fsio.exists(tmp_path / "none")
        assert fsio.exists(tmp_path)


def test_a_link_is_not_followed(able: None, file: Path, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(file)
    assert link.exists()
    with fsio.without_waiting():
        assert fsio.exists(link)
        with pytest.raises(OSError, match="symbolic links"):
            fsio.read(link)


@pytest.mark.parametrize(
    "action",
    [
        lambda folder: os.close(fsio.create(folder / "new")),
        lambda folder: fsio.locked(folder / "file", 1).__enter__(),
        lambda folder: list(Layout(folder).walk()),
    ],
    ids=["create", "lock", "scan"],
)
def test_what_may_take_long_is_not_begun(
    file: Path, tmp_path: Path, action: Callable[[Path], object]
) -> None:
    (tmp_path / "events" / "imported").mkdir(parents=True)
    before = sorted(os.listdir(tmp_path))
    with fsio.without_waiting(), pytest.raises(BlockingIOError):
        action(tmp_path)
    assert sorted(os.listdir(tmp_path)) == before


def test_it_ends_with_the_block_also_by_an_error(file: Path) -> None:
    with pytest.raises(KeyError), fsio.without_waiting():
        raise KeyError
    assert cached.may_wait()
    fsio.may_take_long()
    cool(file)
    assert fsio.read(file) == pattern(MIB)


def test_it_is_of_one_thread(file: Path) -> None:
    seen: list[bool] = []
    with fsio.without_waiting():
        thread = threading.Thread(target=lambda: seen.append(cached.may_wait()))
        thread.start()
        thread.join()
        assert not cached.may_wait()
    assert seen == [True]


def test_no_descriptor_is_left(able: None, file: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(10):
        cool(file)  # each time, for a read that does not wait may begin to bring the pages in
        with fsio.without_waiting():
            assert fsio.exists(file)
            with pytest.raises(BlockingIOError):
                fsio.read(file)
    assert len(os.listdir("/proc/self/fd")) == before


# As an older kernel, or a sandbox that forbids the call, answers: by a call number that nobody has.
WITHOUT = """
import sys
from c8ybin import fsio
from c8ybin.fsio import beneath
beneath._OPENAT2 = 100_000
with fsio.without_waiting():
    for action in (fsio.read, fsio.exists):
        try:
            action(sys.argv[1])
        except BlockingIOError:
            print("must wait")
print(len(fsio.read(sys.argv[1])))
"""
ELSEWHERE = "import sys\nsys.platform = 'darwin'\n" + WITHOUT.replace("beneath._OPENAT2 = 100_000\n", "")


@pytest.mark.parametrize("code", [WITHOUT, ELSEWHERE], ids=["no such call", "another system"])
def test_where_nobody_can_tell_everything_must_be_waited_for(file: Path, code: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", code, str(file)], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.split("\n")[:3] == ["must wait", "must wait", str(MIB)]


def test_a_thread_that_may_wait_for_the_disk_waits_for_no_lock(file: Path) -> None:
    lock = file.with_name("lock")
    with fsio.without_waiting(for_disk=True):
        with fsio.locked(lock, 30), pytest.raises(fsio.WouldWait), fsio.locked(lock, 30):
            raise AssertionError("it has been had twice")
        with fsio.opened(lock) as fd, fsio.locked(lock, 30):
            assert not fsio.try_lock(fd)
        with pytest.raises(fsio.WouldWait):
            fsio.may_take_long()
        assert fsio.read(file)


def test_what_a_thread_may_wait_for_is_restored_where_one_block_is_in_another() -> None:
    with fsio.without_waiting(for_disk=True):
        with fsio.without_waiting():
            assert not cached.may_wait()
        assert cached.may_wait()
        assert cached.is_hurried()
    assert not cached.is_hurried()
