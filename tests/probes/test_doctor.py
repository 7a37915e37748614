"""`c8ybin doctor`: its lines, JSON and exit codes, and data directories in use."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from harness import Serve, binaries, connected, until

from c8ybin.probes.examining import ROWS
from c8ybin.probes.folder import FOLDER
from c8ybin.probes.kinds import kind_of

COMMAND = [sys.executable, "-m", "c8ybin"]


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*COMMAND, *map(str, arguments)], capture_output=True, text=True, timeout=120)


def test_where_the_store_may_live_is_0_and_says_what_was_not_tried(tmp_path: Path) -> None:
    done = run("doctor", tmp_path)
    assert done.returncode == 0
    first, *rows, last = done.stdout.splitlines()
    assert first.startswith(f"{tmp_path} is on {kind_of(tmp_path).name}")
    assert all(row.startswith("holds ") for row in rows)
    assert last == f"The store may live in {tmp_path}, for one host."
    assert "PATH2" in done.stderr
    assert os.listdir(tmp_path) == []


def test_where_it_may_not_is_1_and_names_what_is_missing(faulty: Callable[..., list[Path]]) -> None:
    (point,) = faulty("no-link")
    done = run("doctor", point)
    assert done.returncode == 1
    lacks = [line for line in done.stdout.splitlines() if line.startswith("lacks ")]
    assert [line.split("  ")[1].strip() for line in lacks] == [
        "a second name, only where none stands (link)",
        "of two that link to a name one wins",
    ]
    assert f"may not live in {point}, which lacks: a second name" in done.stdout.splitlines()[-1]


def test_two_hosts_may_lack_what_one_has(faulty: Callable[..., list[Path]]) -> None:
    here, there = faulty("flock-by-mount", times=2)
    done = run("doctor", here, there, "--json")
    assert done.returncode == 1
    *rows, summary = map(json.loads, done.stdout.splitlines())
    assert len(rows) == ROWS
    lacks = [(row["primitive"], row["paths"], row["must"]) for row in rows if row["outcome"] == "lacks"]
    assert lacks == [("flock-others", 2, True), ("flock-dead", 2, True)]
    assert (summary["fit"], summary["fit_for_one_host"], summary["one_mount"]) == (False, True, False)
    assert (summary["type"], summary["lacks"]) == ("fuse.faulty", ["flock-others", "flock-dead"])
    assert "for one host, but not for several" in run("doctor", here, there).stdout


def test_one_mount_named_twice_proves_nothing_of_two_hosts(tmp_path: Path) -> None:
    done = run("doctor", tmp_path, tmp_path)
    assert done.returncode == 0
    assert done.stdout.splitlines()[-1].endswith(", for one host.")
    assert "one mount of this host" in done.stderr


def test_what_cannot_be_tried_is_2_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path in ("missing", "file"):
        assert run("doctor", tmp_path / path).returncode == 2
    assert run("doctor").returncode == 2
    done = run("doctor", "/proc")
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith("Error: What /proc holds cannot be tried: ")


def test_a_data_directory_in_use_may_be_probed(serve: Serve, tmp_path: Path) -> None:
    server = serve("--demo")
    data = tmp_path / "data"
    with connected(server) as c:
        event_id = c.create_event()
        assert c.ask("POST", binaries(event_id), b"bytes")[0].status == 201
        before = sorted(os.listdir(data))
        assert run("doctor", data).returncode == 0
        assert sorted(os.listdir(data)) == before
        assert c.ask("GET", binaries(event_id))[1] == b"bytes"
    assert run("check", "--data", data).returncode == 0


def test_killed_it_leaves_a_folder_that_says_so_and_the_next_one_removes_it(tmp_path: Path) -> None:
    process = subprocess.Popen([*COMMAND, "doctor", str(tmp_path)], stdout=subprocess.PIPE)
    assert process.stdout
    while b"wins" not in process.stdout.readline():
        pass  # its processes are at work
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    (left,) = os.listdir(tmp_path)
    assert left.startswith(FOLDER)
    assert len(children) == 2
    assert until(lambda: not any(Path(f"/proc/{child}").exists() for child in children))
    assert run("check", "--data", tmp_path).returncode == 2
    assert run("doctor", tmp_path).returncode == 0
    assert os.listdir(tmp_path) == []


def test_interrupted_it_leaves_nothing(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [*COMMAND, "doctor", str(tmp_path)], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout
    while b"wins" not in process.stdout.readline():
        pass
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 1
    assert b"Traceback" not in errors
    assert os.listdir(tmp_path) == []


def test_which_file_system_it_is_is_told_by_the_kernel(
    tmp_path: Path, faulty: Callable[..., list[Path]]
) -> None:
    (point,) = faulty()
    faulty_kind = kind_of(point)
    assert (faulty_kind.type, faulty_kind.source) == ("fuse.faulty", "faulty")
    (moosefs,) = faulty("as-moosefs")
    assert (kind_of(moosefs).type, kind_of(moosefs).name) == ("fuse.mfs", "MooseFS")
    told = subprocess.run(["stat", "-f", "-c", "%T", tmp_path], capture_output=True, text=True, check=True)
    kind = kind_of(tmp_path)
    assert kind.type in ("ext4", "tmpfs", "overlay", "xfs", "btrfs")
    assert told.stdout.strip().startswith(kind.type[:3]) or kind.type == "overlay"
    assert "Holds all" in kind.known
