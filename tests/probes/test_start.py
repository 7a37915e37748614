"""A start on a file system that lacks something: refused in a sentence, or done without it where somebody says so."""

import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner
from harness import Serve, binaries, connected

from c8ybin import fsio
from c8ybin.cli import main
from c8ybin.probes import FOLDER
from c8ybin.store import Store, UnfitFileSystem, accept_unfit
from c8ybin.store.writer import untold_hours_of

NAMES = {
    "no-flock": "exclusive locks on open files \\(flock\\): Function not implemented",
    "no-link": "a second name, only where none stands \\(link\\): Operation not permitted",
    "no-fsync": "a file made durable \\(fsync\\): Invalid argument",
    "no-fsyncdir": "names made durable \\(fsync\\): Invalid argument",
    "forgets": "a file replaced before readers \\(rename\\): not there",
}
# Each of these opens a store to write, or makes a data directory.
OPENERS = (
    ("serve", "--port", "0"),
    ("user", "add", "ann", "--no-password"),
    ("seed", "{files}"),
)


def run(*arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("C8YBIN_")}
    command = [sys.executable, "-m", "c8ybin", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, env=clean | environment)


@pytest.mark.parametrize("fault", sorted(NAMES))
def test_what_is_missing_is_named_and_nothing_is_touched(
    faulty: Callable[..., list[Path]], fault: str
) -> None:
    (point,) = faulty(fault)
    for root in (point, point / "new" / "data"):
        with pytest.raises(UnfitFileSystem, match=NAMES[fault]):
            Store.open(root)
    assert os.listdir(point) == []


@pytest.mark.parametrize("opener", OPENERS, ids=lambda opener: opener[0])
def test_a_command_is_refused_in_one_sentence_with_exit_code_2(
    faulty: Callable[..., list[Path]], tmp_path: Path, opener: tuple[str, ...]
) -> None:
    (point,) = faulty("no-flock", "no-link")
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "one.txt").write_text("one")
    data = point / "data"
    done = run(*(word.format(files=tmp_path / "files") for word in opener), "--data", data)
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("Error: ")
    assert "(flock): Function not implemented" in line and "(link): Operation not permitted" in line
    assert "--unsafe-filesystem" in line and f"c8ybin doctor {point}" in line
    assert os.listdir(point) == []


def test_a_copy_is_refused_before_its_first_byte_or_made_all_the_same(
    faulty: Callable[..., list[Path]], tmp_path: Path
) -> None:
    (point,) = faulty("no-link")
    data, place = tmp_path / "data", point / "copy"
    with closing(Store.open(data)):
        pass
    (point / "other").mkdir()
    for target in (place, point / "other"):
        done = run("sync", data, target)
        assert done.returncode == 2
        assert "(link): Operation not permitted" in done.stderr
    assert os.listdir(point) == ["other"]
    assert os.listdir(point / "other") == []
    assert run("read-only", "on", "--data", data).returncode == 0
    done = run("sync", data, place, "--final", "--unsafe-filesystem")
    assert (done.returncode, done.stderr.partition(":")[0]) == (0, "UNSAFE")
    assert (place / "format").exists()


def test_a_data_directory_that_was_moved_there_is_refused_and_kept(
    faulty: Callable[..., list[Path]], tmp_path: Path
) -> None:
    (point,) = faulty("no-link")
    (point / "format").write_text("c8ybin 1\n")
    with pytest.raises(UnfitFileSystem):
        Store.open(point)
    assert os.listdir(point) == ["format"]


@pytest.mark.parametrize("opener", [*OPENERS, ("user", "list"), ("check",)], ids=lambda opener: opener[0])
def test_a_mount_of_no_use_is_told_in_one_sentence(
    faulty: Callable[..., list[Path]], tmp_path: Path, opener: tuple[str, ...]
) -> None:
    (point,) = faulty("shut-out")
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "one.txt").write_text("one")
    done = run(*(word.format(files=tmp_path / "files") for word in opener), "--data", point / "data")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1
    assert f"{point}/data cannot be used: Cannot send after transport endpoint shutdown" in done.stderr


def test_one_says_so_and_is_warned(faulty: Callable[..., list[Path]], serve: Serve) -> None:
    """Without locks, links and fsync a single process still serves, for as long as all goes well."""
    (point,) = faulty("no-flock", "no-link", "no-fsync", "no-fsyncdir")
    server = serve("--demo", "--no-demo-events", "--unsafe-filesystem", data=point / "data")
    assert any("UNSAFE" in line and "serve with --workers 1" in line for line in server.lines)
    with connected(server) as c:
        event_id = c.create_event()
        assert c.ask("POST", binaries(event_id), b"bytes")[0].status == 201
        assert c.ask("POST", binaries(event_id), b"others")[0].status == 409
        assert c.ask("GET", binaries(event_id))[1] == b"bytes"
        assert c.ask("PUT", binaries(event_id), b"newer")[0].status == 201
        assert c.ask("GET", binaries(event_id))[1] == b"newer"
        assert c.ask("DELETE", f"/event/events/{event_id}")[0].status == 204
    assert server.stop() == 0
    assert not any("Traceback" in line for line in server.lines)


def test_where_there_are_no_locks_nobody_is_swept(faulty: Callable[..., list[Path]]) -> None:
    (point,) = faulty("no-flock")
    accept_unfit(True)
    try:
        with closing(Store.open(point / "data")) as one, closing(Store.open(point / "data")) as two:
            one._writer.note_hour("2026-11-24/15")
            assert two.sweep.dead_writers() == 0
            assert untold_hours_of(one._writer.folder) == ["2026-11-24/15"]
    finally:
        accept_unfit(False)


def test_what_was_said_for_one_command_does_not_hold_for_the_next(
    faulty: Callable[..., list[Path]],
) -> None:
    (point,) = faulty("no-link")
    data = ["--no-password", "--data", str(point / "data")]
    runner = CliRunner()
    assert runner.invoke(main, ["user", "add", "ann", "--unsafe-filesystem", *data]).exit_code == 0
    with pytest.raises(UnfitFileSystem):
        Store.open(point / "data")
    done = runner.invoke(main, ["user", "add", "bob", *data])
    assert (done.exit_code, "(link): Operation not permitted" in done.output) == (2, True)
    (point / "one").touch()
    with pytest.raises(OSError, match="not permitted"):
        fsio.link(point / "one", point / "two")


def test_a_start_sweeps_what_a_killed_probe_left(tmp_path: Path) -> None:
    left = tmp_path / f"{FOLDER}left"
    left.mkdir()
    (left / "alive").touch()
    Store.open(tmp_path).close()
    assert not left.exists()
