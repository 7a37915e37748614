"""What is tried of a file system: real mounts that lack one thing each, and ones that lack nothing."""

import errno
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from faulty_tree import FAULTS

from c8ybin import fsio
from c8ybin.fsio.parallel import ParallelSync
from c8ybin.probes import missing_at
from c8ybin.probes.examining import ROWS, SINGLE, Hands, NotOneDirectory, examine
from c8ybin.probes.folder import FOLDER, probe_folder
from c8ybin.probes.pairs import PAIRS
from c8ybin.probes.primitive import Lacking, Outcome

# What each fault takes away, from whom: `1` for two processes at one path, `2` for one at each.
SINGLE_LACKS = {
    "no-link": {"link"},
    "no-flock": {"flock"},
    "locks-stay": {"flock"},
    "no-fsync": {"fsync-file", "fdatasync", "commit"},
    "no-fsyncdir": {"fsync-directory", "commit"},
    "full-replaced": {"rename-directory"},
    "folds-case": {"names"},
    "short-names": {"names"},
    "no-holes": {"sparse"},
    "forgets": {"open-file"},
}
PAIR_LACKS = {
    "no-link": {("race-link", 1), ("race-link", 2)},
    "link-replaces": {("race-link", 2)},
    "no-flock": {("flock-others", 1), ("flock-dead", 2)},
    "flock-by-mount": {("flock-others", 2), ("flock-dead", 2)},
    "locks-stay": {("flock-others", 1), ("flock-dead", 1), ("flock-dead", 2)},
    "two-winners": {("race-create", 2)},
    "forgets": {("rename-file", 1), ("open-file", 2)},
    "split-rename": {("rename-file", 2)},
    "late": {("sees-replace", 2), ("sees-state", 2), ("sees-remove", 2), ("sees-move", 2)},
    "keeps-pages": {("sees-rewrite", 2)},
    "other-inodes": {("inode", 2)},
}
QUICK_LACKS = {fault: lacks - {"fdatasync", "commit", "open-file"} for fault, lacks in SINGLE_LACKS.items()}
QUICK_LACKS["forgets"] = {"rename-file"}


def singly_lacking(folder: Path) -> set[str]:
    """Try all that one process can, and return the keys of what is missing."""
    lacks = set()
    for primitive, trial in SINGLE:
        try:
            trial(folder)
        except (Lacking, OSError):
            lacks.add(primitive.key)
    return lacks


def die(folder: Path) -> None:
    os._exit(3)


def echo(folder: Path, what: int) -> int:
    return what


def sleep(folder: Path) -> None:
    signal.pause()


@contextmanager
def without(lack: fsio.Lack) -> Iterator[None]:
    fsio.do_without([lack])
    try:
        yield
    finally:
        fsio.demand_all()


@pytest.fixture
def fat(tmp_path: Path) -> Iterator[Path]:
    """A FAT as memory cards have it."""
    mkfs = shutil.which("mkfs.vfat", path=f"{os.environ['PATH']}:/usr/sbin:/sbin")
    if os.geteuid() != 0 or mkfs is None or "vfat" not in Path("/proc/filesystems").read_text():
        pytest.skip("needs root, mkfs.vfat (Debian package dosfstools) and a kernel with vfat")
    image, point = tmp_path / "image", tmp_path / "fat"
    point.mkdir()
    with image.open("wb") as file:
        file.truncate(64 << 20)
    subprocess.run([mkfs, "-F", "32", str(image)], check=True, capture_output=True)
    done = subprocess.run(["mount", "-o", "loop", str(image), str(point)], capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"no loop mounts here: {done.stderr.strip()}")
    yield point
    subprocess.run(["umount", str(point)], check=True)


@pytest.fixture
def hands() -> Iterator[Hands]:
    with Hands() as made:
        yield made


def test_every_fault_is_looked_for() -> None:
    assert {*SINGLE_LACKS, *PAIR_LACKS} == set(FAULTS)


@pytest.mark.parametrize("fault", sorted(SINGLE_LACKS))
def test_what_one_process_misses_is_named(faulty, fault):
    (point,) = faulty(fault)
    with probe_folder(point) as folder:
        assert singly_lacking(folder) == SINGLE_LACKS[fault]
    assert os.listdir(point) == []


@pytest.mark.parametrize("fault", sorted(PAIR_LACKS))
def test_what_two_processes_or_two_hosts_miss_is_named(faulty, hands, fault):
    here, there = faulty(fault, times=2)
    for key, count in sorted(PAIR_LACKS[fault]):
        (pair,) = (pair for pair in PAIRS if pair.primitive.key == key)
        with pytest.raises((Lacking, OSError)):
            pair.trial(hands.of("near", here), hands.of("far", there if count == 2 else here))
        hands.end()


def test_one_host_misses_nothing_where_only_two_do(faulty, hands):
    (point, _) = faulty("flock-by-mount", "split-rename", "late", "keeps-pages", "other-inodes", times=2)
    assert missing_at(point) == []
    for pair in PAIRS:
        if not pair.only_between_paths:
            pair.trial(hands.of("near", point), hands.of("far", point))


@pytest.mark.parametrize("fault", sorted(QUICK_LACKS))
def test_a_start_names_what_is_missing_and_leaves_nothing(faulty, fault):
    (point,) = faulty(fault)
    missing = {each.primitive.key for each in missing_at(point)}
    assert missing == QUICK_LACKS[fault]
    assert os.listdir(point) == []


def test_a_file_system_of_two_mounts_that_lacks_nothing_has_every_row(faulty):
    here, there = faulty(times=2)
    rows = list(examine(here, there))
    assert {row.outcome for row in rows} == {Outcome.HOLDS}, [r for r in rows if r.outcome != "holds"]
    assert len(rows) == ROWS
    assert len({(row.primitive.key, row.is_between_paths) for row in rows}) == ROWS
    assert os.listdir(here) == []


def test_what_only_the_first_path_sees_late_is_found_too(faulty):
    here, there = faulty("late", times=2)
    late = [row for row in examine(there, here) if row.outcome is Outcome.LACKS]
    assert {row.primitive.key for row in late} == {key for key, _ in PAIR_LACKS["late"]}
    assert all(row.is_between_paths and row.figure.endswith(", from PATH2 to PATH") for row in late)


@pytest.mark.parametrize("where", ["disk", "memory"])
def test_what_this_machine_has_holds_all(tmp_path, quick_root, where):
    path = tmp_path if where == "disk" else quick_root
    before = sorted(os.listdir(path))
    rows = list(examine(path, None))
    tried = [row for row in rows if not row.is_between_paths]
    assert {row.outcome for row in tried if row.primitive.is_must} == {Outcome.HOLDS}
    assert {row.outcome for row in rows if row.is_between_paths} == {Outcome.NOT_TRIED}
    assert sorted(os.listdir(path)) == before


def test_fat_has_no_links_and_folds_capitals(fat):
    assert {each.primitive.key for each in missing_at(fat)} == {"link", "names"}
    lacks = {row.primitive.key for row in examine(fat, None) if row.outcome is Outcome.LACKS}
    assert lacks == {"link", "names", "race-link", "modes"}


def test_two_directories_are_not_one(tmp_path):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    with pytest.raises(NotOneDirectory):
        next(examine(tmp_path / "one", tmp_path / "two"))
    assert os.listdir(tmp_path / "one") == os.listdir(tmp_path / "two") == []


def test_two_directories_of_two_mounts_are_not_one_where_the_folder_had_time_to_show(
    tmp_path, faulty, monkeypatch
):
    (other,) = faulty()
    (tmp_path / "one").mkdir()
    # It is waited for longer than an answer is.
    monkeypatch.setattr("c8ybin.probes.hand.PATIENCE_S", 0.9)
    monkeypatch.setattr("c8ybin.probes.examining._SHOWS_S", 1.0)
    with pytest.raises(NotOneDirectory):
        list(examine(tmp_path / "one", other))
    assert os.listdir(tmp_path / "one") == os.listdir(other) == []


def test_a_process_that_dies_or_fails_costs_its_row_alone(tmp_path, hands):
    with pytest.raises(Lacking, match="died"):
        hands.of("near", tmp_path).do(die)
    assert hands.of("near", tmp_path).do(echo, 7) == 7


def test_a_process_that_does_not_answer_is_not_waited_for_for_ever(tmp_path, hands, monkeypatch):
    monkeypatch.setattr("c8ybin.probes.hand.PATIENCE_S", 0.0)
    asleep = hands.of("near", tmp_path)
    with pytest.raises(Lacking, match="no answer"):
        asleep.do(sleep)
    assert not asleep.is_there
    assert not Path(f"/proc/{asleep.pid}").exists()


def test_what_killed_probes_left_goes_and_what_runs_stays(tmp_path):
    left, empty, without = (tmp_path / f"{FOLDER}{name}" for name in ("left", "empty", "without"))
    for folder in (left, empty, without):
        folder.mkdir()
    for path in (left / "alive", left / "rest", without / "rest"):
        path.touch()
    (left / "below").mkdir()
    with probe_folder(tmp_path) as running:
        assert os.listdir(tmp_path) == [running.name]
        with probe_folder(tmp_path):
            assert running.exists()
    assert os.listdir(tmp_path) == []


def test_a_folder_that_another_probe_took_while_it_was_empty_is_made_anew(tmp_path, monkeypatch):
    create, taken = fsio.create, []

    def lose_the_first(path, **more):
        if path.name == "alive" and not taken:
            taken.append(path.parent)
            with probe_folder(tmp_path):
                assert not path.parent.exists()
        return create(path, **more)

    monkeypatch.setattr(fsio, "create", lose_the_first)
    with probe_folder(tmp_path) as folder:
        assert folder != taken[0]
        assert os.listdir(tmp_path) == [folder.name]


def test_where_there_are_no_locks_age_tells_what_was_left(faulty):
    (point,) = faulty("no-flock")
    left = point / f"{FOLDER}left"
    left.mkdir()
    (left / "alive").touch()
    with probe_folder(point):
        assert left.exists()
    os.utime(left, (0, 0))
    with probe_folder(point):
        assert not left.exists()


def test_a_full_or_failing_disk_is_no_lack(tmp_path, monkeypatch):
    def refuse(number):
        def act(*arguments, **named):
            raise OSError(number, os.strerror(number))

        return act

    for call in ("mkdir", "link", "pwrite", "rename", "fsync"):
        for number in (errno.ENOSPC, errno.EIO, errno.EROFS, errno.EACCES):
            with monkeypatch.context() as patch:
                patch.setattr(os, call, refuse(number))
                assert missing_at(tmp_path) == []
    assert os.listdir(tmp_path) == []


def test_locks_that_are_done_without_let_nobody_be_taken_for_dead(faulty):
    (point,) = faulty("no-flock")
    fd = fsio.create(point / "alive")
    with fsio.closing(fd):
        with pytest.raises(OSError, match="not implemented"):
            fsio.try_lock(fd)
        with without(fsio.Lack.LOCK):
            assert fsio.try_lock(fd)
            assert not fsio.is_let_go(fd)
            assert fsio.is_locked(point / "alive")


def test_links_that_are_done_without_replace_nothing(faulty):
    (point,) = faulty("no-link")
    for name in ("one", "two"):
        (point / name).write_text(name)
    with without(fsio.Lack.LINK):
        fsio.link(point / "one", point / "place")
        with pytest.raises(FileExistsError):
            fsio.link(point / "two", point / "place")
    assert (point / "place").read_text() == "one"
    assert (point / "two").read_text() == "two"


def test_what_is_not_made_durable_is_an_error_unless_it_is_done_without(faulty):
    (point,) = faulty("no-fsync", "no-fsyncdir")
    fd, parallel = fsio.create(point / "file"), ParallelSync()
    directory = fsio.open_directory(point)
    every = (lambda: fsio.sync_directory(point), lambda: fsio.sync(fd), lambda: fsio.sync_data(fd))
    try:
        assert set(parallel.sync([fd, directory])) == {fd, directory}
        for sync in every:
            with pytest.raises(OSError, match="Invalid argument"):
                sync()
        with without(fsio.Lack.SYNC):
            assert parallel.sync([fd, directory], [fd]) == {}
            for sync in every:
                sync()
    finally:
        parallel.close()
        fsio.close(fd)
        fsio.close(directory)
