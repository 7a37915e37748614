"""`c8ybin seed` and `serve --seed`: events with files from a folder or a tar."""

import json
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
from harness import RunningServer, binaries, connected


@pytest.fixture
def given(tmp_path: Path) -> Path:
    folder = tmp_path / "given"
    (folder / "one").mkdir(parents=True)
    (folder / "one" / "event.json").write_text('{"text": "first", "type": "t"}')
    (folder / "one" / "a.csv").write_text("1,2")
    (folder / "b.bin").write_bytes(b"xyz")
    return folder


def seed(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "c8ybin", "seed", *map(str, arguments)], capture_output=True, text=True
    )


def test_events_come_from_a_folder_or_a_tar_while_a_server_runs(
    serve: Callable[..., RunningServer], given: Path, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    server = serve("--demo", "--no-demo-events", "--seed", str(given))
    with connected(server) as c:
        events = json.loads(c.ask("GET", "/event/events")[1])["events"]
        assert sorted(event["text"] for event in events) == ["b.bin", "first"]
        tar = tmp_path / "given.tgz"
        with tarfile.open(tar, "w:gz") as archive:
            archive.add(given, arcname=".")
        done = seed(tar, "--data", data, "--json")
        assert (done.returncode, done.stderr) == (0, "")
        loose, one = json.loads(done.stdout)["events"]
        assert (loose["path"], one["path"], one["attachment"]["type"]) == ("b.bin", "one", "text/csv")
        assert c.ask("GET", binaries(one["id"]))[1] == b"1,2"
        done = seed(given, "--data", data)
        assert [line.split()[1:] for line in done.stdout.splitlines()] == [
            ["b.bin", "b.bin"],
            ["one", "a.csv"],
        ]
        assert len(json.loads(c.ask("GET", "/event/events?pageSize=100")[1])["events"]) == 6
    server.stop()
    again = serve("--demo", "--seed", str(given))
    with connected(again) as c:
        assert len(json.loads(c.ask("GET", "/event/events?pageSize=100")[1])["events"]) == 6


def test_what_is_not_acceptable_is_told_in_a_sentence(given: Path, tmp_path: Path) -> None:
    (given / "link").symlink_to("/etc/passwd")
    done = seed(given, "--data", tmp_path / "data")
    assert done.returncode == 1
    assert done.stderr.splitlines() == [f'Error: {given}: "link" is a link or no plain file; leave it out.']
    done = seed(tmp_path / "nowhere", "--data", tmp_path / "data")
    assert done.returncode == 2
    done = subprocess.run(
        [
            *(sys.executable, "-m", "c8ybin", "serve", "--port", "0", "--seed", given),
            "--data",
            tmp_path / "data",
        ],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert "is a link" in done.stderr
    assert "Traceback" not in done.stderr
