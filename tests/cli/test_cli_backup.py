"""`c8ybin backup` and `c8ybin restore` as a person uses them: files, pipes and exit codes."""

import json
import os
import pty
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from backup_tools import files_of, furnish, state
from cli_tools import refused, run
from harness import RunningServer
from store_tools import Desk

COMMAND = [sys.executable, "-m", "c8ybin"]


def test_a_backup_is_a_file_that_only_its_owner_reads(data: Path, tmp_path: Path) -> None:
    done = run("backup", "--data", data, "-o", tmp_path / "full.tar")
    assert (done.exit_code, done.stderr) == (0, "")
    assert "2 events, 5 files, " in done.stdout
    assert files_of(tmp_path / "full.tar") == state(data)
    assert stat.S_IMODE((tmp_path / "full.tar").stat().st_mode) == 0o600


def test_both_tell_what_they_did_as_json(data: Path, tmp_path: Path) -> None:
    archive = tmp_path / "full.tar"
    made = json.loads(run("backup", "--data", data, "-o", archive, "--json").stdout)
    size = sum(map(len, state(data).values()))
    whole = {"events": 2, "files": 5, "bytes": size}
    told = {"copiedFiles": 5, "copiedBytes": size, "damaged": [], "others": []}
    assert made == {"id": made["id"], "time": made["time"], **whole, **told}
    back = json.loads(run("restore", archive, "--data", tmp_path / "new", "--json").stdout)
    assert back == {"id": made["id"], "time": made["time"], **whole, "before": None}
    back = json.loads(run("restore", archive, "--data", data, "--replace", "--json").stdout)
    assert state(Path(back["before"])) == state(data)


def test_a_pipe_from_one_to_the_other_brings_all_of_it(data: Path, tmp_path: Path) -> None:
    backup = subprocess.Popen(
        [*COMMAND, "backup", "--data", str(data)], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    restore = subprocess.Popen(
        [*COMMAND, "restore", "-", "--data", str(tmp_path / "new")],
        stdin=backup.stdout,
        stdout=subprocess.PIPE,
    )
    assert backup.stdout
    backup.stdout.close()
    told, _ = restore.communicate(timeout=60)
    _, said = backup.communicate(timeout=60)
    assert (backup.returncode, restore.returncode) == (0, 0)
    assert b"Restored backup " in told
    assert b"Backup " in said  # not among the bytes of the archive
    assert state(tmp_path / "new") == state(data)


def test_of_several_earlier_backups_the_newest_counts(data: Path, tmp_path: Path) -> None:
    one, two, three = (tmp_path / f"{n}.tar" for n in (1, 2, 3))
    run("backup", "--data", data, "-o", one)
    with Desk(data) as desk:
        desk.create()
    run("backup", "--data", data, "-o", two, "--since", one)
    told = run("backup", "--data", data, "-o", three, "--since", two, "--since", one, "--json").stdout
    assert json.loads(told)["copiedFiles"] == 0
    refused(2, "builds on the backup", "restore", three, one, "--data", tmp_path / "new")
    assert run("restore", three, one, two, "--data", tmp_path / "new").exit_code == 0
    assert state(tmp_path / "new") == state(data)


def test_what_is_damaged_is_one_line_and_the_exit_code_is_1(data: Path, tmp_path: Path) -> None:
    bad = next((data / "events").rglob("content-*"))
    bad.write_bytes(b"byteZ")
    done = run("backup", "--data", data, "-o", tmp_path / "full.tar")
    assert done.exit_code == 1
    first, last = done.stderr.splitlines()
    assert f"event {bad.parent.name}: " in first
    assert "SHA-256" in first
    assert last.startswith("Error: 1 damaged event")
    assert len(files_of(tmp_path / "full.tar")) == 2
    assert run("restore", tmp_path / "full.tar", "--data", tmp_path / "new").exit_code == 0


def test_what_backup_refuses_is_one_sentence(data: Path, tmp_path: Path) -> None:
    good = ("backup", "--data", data)
    refused(2, "no data directory", "backup", "--data", tmp_path / "none", "-o", tmp_path / "x")
    refused(1, "No such file or directory", *good, "-o", tmp_path / "none" / "x")
    refused(1, "Is a directory", *good, "-o", tmp_path)
    (tmp_path / "garbage").write_bytes(b"hello")
    refused(1, "no archive of a backup", *good, "-o", tmp_path / "x", "--since", tmp_path / "garbage")
    (data / "format").write_text("c8ybin 2\n")
    refused(2, "does not know", *good, "-o", tmp_path / "x")
    assert not (tmp_path / "x").exists()
    assert not list(tmp_path.glob(".x.*"))


def test_a_pipe_with_a_name_is_written_to_and_not_replaced(data: Path, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    restore = subprocess.Popen([*COMMAND, "restore", str(tmp_path / "pipe"), "--data", str(tmp_path / "new")])
    try:
        assert run("backup", "--data", data, "-o", tmp_path / "pipe").exit_code == 0
        assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)
        assert restore.wait(60) == 0
    finally:
        restore.kill()
        restore.wait()
    assert state(tmp_path / "new") == state(data)


def test_what_restore_refuses_is_one_sentence(data: Path, tmp_path: Path) -> None:
    archive, new = tmp_path / "full.tar", tmp_path / "new"
    run("backup", "--data", data, "-o", archive)
    refused(2, "--replace", "restore", archive, "--data", data)
    refused(1, "cannot be read: No such file", "restore", tmp_path / "none", "--data", new)
    refused(1, "on standard input is no archive", "restore", "-", "--data", new, stdin=b"hello")
    refused(1, "on standard input is ", "restore", "-", "--data", new, stdin=archive.read_bytes()[:2000])
    refused(2, "one archive", "restore", "-", "-", "--data", new)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.tex").write_text("years of work")
    refused(2, "other files", "restore", archive, "--data", tmp_path / "full")
    refused(2, "Not a directory", "restore", archive, "--data", archive / "below")
    assert not new.exists()


def test_a_reader_that_goes_away_is_one_sentence(data: Path) -> None:
    with Desk(data) as desk:
        desk.attach(desk.create(), os.urandom(1 << 20))
    backup = subprocess.Popen(
        [*COMMAND, "backup", "--data", str(data)], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert backup.stdout
    assert backup.stderr
    backup.stdout.read(1)
    backup.stdout.close()
    said = backup.stderr.read().decode()
    assert backup.wait(60) == 1
    assert said == "Error: The backup cannot be written to standard output: Broken pipe.\n"
    backup.stderr.close()


def test_a_terminal_gets_no_archive(data: Path) -> None:
    master, terminal = pty.openpty()
    done = subprocess.run([*COMMAND, "backup", "--data", str(data)], stdout=terminal, stderr=subprocess.PIPE)
    os.close(terminal)
    os.close(master)
    assert done.returncode == 2
    assert b"Standard output is a terminal" in done.stderr


def test_a_running_server_keeps_its_directory(
    data: Path, tmp_path: Path, serve: Callable[..., RunningServer]
) -> None:
    server = serve("--demo", data=data)
    run("backup", "--data", data, "-o", tmp_path / "full.tar")
    refused(2, "stop the server first", "restore", tmp_path / "full.tar", "--data", data, "--replace")
    assert server.stop() == 0
    done = run("restore", tmp_path / "full.tar", "--data", data, "--replace")
    assert done.exit_code == 0
    assert f"The old data is in {data}/before-restore-" in done.stdout


def test_a_restored_directory_is_served_and_another_account_may_be_added(
    data: Path, tmp_path: Path, locks: Path
) -> None:
    run("backup", "--data", data, "-o", tmp_path / "full.tar")
    run("restore", tmp_path / "full.tar", "--data", tmp_path / "new")
    furnish(tmp_path / "new", locks)
    done = run("user", "add", "ann", "--password-stdin", "--data", tmp_path / "new", stdin=b"secret\n")
    assert done.exit_code == 0
    assert run("check", "--data", tmp_path / "new").exit_code == 0
