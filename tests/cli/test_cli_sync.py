"""`c8ybin sync` and `c8ybin read-only` as a person uses them: sentences and exit codes."""

import json
import stat
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from cli_tools import refused, run
from harness import RunningServer, connected

from c8ybin.store import Store, make_read_only
from c8ybin.store.layout import Layout


def test_it_tells_what_it_did(data: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    done = run("sync", data, copy)
    assert (done.exit_code, done.stderr) == (0, "")
    assert done.stdout.startswith("2 events, of which 2 were copied (")
    assert stat.S_IMODE((copy / "events").stat().st_mode) == 0o700
    assert (
        run("read-only", "on", "--data", data).stdout
        == f"{data} is read-only: nothing changes it any more.\n"
    )
    done = run("sync", data, copy, "--final")
    assert done.stdout.endswith(f"{copy} is complete; start the server on it.\n")


def test_the_same_as_json(data: Path, tmp_path: Path) -> None:
    make_read_only(Layout(data))
    told = json.loads(
        run("sync", data, tmp_path / "copy", "--final", "--json", "--data-group-readable").stdout
    )
    assert told == {
        "events": 2,
        "changedEvents": 2,
        "removedEvents": 0,
        "copiedFiles": 4,
        "copiedBytes": told["copiedBytes"],
        "damaged": [],
        "others": [],
        "quarantined": 0,
        "complete": True,
        "seconds": told["seconds"],
    }
    assert stat.S_IMODE((tmp_path / "copy" / "events").stat().st_mode) == 0o750


def test_what_cannot_be_copied_or_copied_to_is_a_sentence(data: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    refused(2, "is no data directory of c8ybin", "sync", other, tmp_path / "copy")
    refused(2, "in the other", "sync", data, data / "copy")
    (other / "letter").write_text("mine")
    refused(2, "holds other files", "sync", data, other)
    refused(2, "run `c8ybin read-only on --data", "sync", data, tmp_path / "copy", "--final")
    refused(2, "is a copy that is not complete", "check", "--data", tmp_path / "copy")
    refused(
        2, "is a copy that is not complete", "backup", "--data", tmp_path / "copy", "-o", tmp_path / "tar"
    )


def test_what_changes_something_is_refused_while_nothing_may_be_changed(data: Path, tmp_path: Path) -> None:
    make_read_only(Layout(data))
    (tmp_path / "file.txt").write_text("text")
    for command in (("check", "--repair"), ("reindex",), ("seed", tmp_path / "file.txt")):
        refused(2, "is read-only, as while it is moved", *command, "--data", data)
    done = run("user", "add", "ann", "--password-stdin", "--data", data, stdin=b"password-1\n")
    assert (done.exit_code, "is read-only" in done.stderr) == (1, True)
    assert run("check", "--data", data).exit_code == 0
    assert run("read-only", "off", "--data", data).stdout == f"{data} takes changes again.\n"
    assert run("reindex", "--data", data).exit_code == 0


def test_who_has_not_heard_it_is_named(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("c8ybin.cli.sync._WITHIN_S", 0.1)
    with closing(Store.open(data)) as store:
        refused(
            1, f"the process of {store.folder.parent} has not heard it yet", "read-only", "on", "--data", data
        )


def test_health_says_so(serve: Callable[..., RunningServer], data: Path) -> None:
    make_read_only(Layout(data))
    server = serve("--demo", data=data)
    assert run("health", server.url).stdout == f"{server.url} is up, but read-only.\n"
    with connected(server) as c:
        assert c.ask("POST", "/event/events", b"{}")[0].status == 503


def test_a_start_that_only_reads_makes_nothing(serve: Callable[..., RunningServer], data: Path) -> None:
    before = sorted(data.rglob("*"))
    server = serve("--demo", "--read-only", data=data, workers=2)
    with connected(server) as c:
        assert len(json.loads(c.ask("GET", "/event/events")[1])["events"]) == 2
    assert server.stop() == 0
    assert sorted(data.rglob("*")) == before
    assert not any("Traceback" in line for line in server.lines)


def test_a_start_that_only_reads_needs_what_was_started_once(tmp_path: Path) -> None:
    (tmp_path / "new").mkdir()
    done = run("serve", "--read-only", "--port", "0", "--workers", "1", "--data", tmp_path / "new")
    assert (done.exit_code, "is no data directory" in done.stderr) == (2, True)
    assert list((tmp_path / "new").iterdir()) == []
