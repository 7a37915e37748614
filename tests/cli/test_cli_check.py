"""`c8ybin check`: lines, JSON, exit codes, and data directories that it does not touch."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from store_tools import Desk

from c8ybin.bodies import HASHED_ON_ARRIVAL
from c8ybin.cli import main
from c8ybin.domain.queries import Query
from c8ybin.store.digesting import Digester

ALL_DIGESTS = {"undigested": 0, "digested": 0}


def check(data: Path, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["check", "--data", str(data), *arguments])


@pytest.fixture
def full(root: Path) -> Path:
    """The directory of an event with a binary of ten bytes."""
    with Desk(root) as desk:
        event_id = desk.create()
        desk.attach(event_id, b"0123456789")
        return desk.home(event_id)


def test_a_clean_directory_is_told_with_its_figures(root: Path, full: Path) -> None:
    done = check(root)
    assert (done.exit_code, done.stdout) == (0, "")
    assert done.stderr == "Checked 1 event and 10 bytes of attachments: nothing is wrong.\n"
    done = check(root, "--json")
    assert (
        json.loads(done.stdout)
        == {"events": 1, "bytes": 10, "found": 0, "wrong": 0, "aside": 0} | ALL_DIGESTS
    )


def test_what_is_wrong_is_a_line_each_and_exit_code_1_until_it_is_repaired(root: Path, full: Path) -> None:
    next(full.glob("content-*")).write_bytes(b"0123456780")
    (root / "notes.txt").touch()
    done = check(root)
    assert done.exit_code == 1
    name = next(full.glob("content-*")).relative_to(root)
    assert done.stdout.splitlines() == [
        "notes.txt: foreign: not a file of c8ybin",
        f"{name}: damaged attachment: its SHA-256 is not the one in binary.json",
    ]
    assert "2 findings; --repair puts right what it can" in done.stderr
    findings = [json.loads(line) for line in check(root, "--json").stdout.splitlines()]
    assert findings[1] == {
        "kind": "damaged attachment",
        "path": str(name),
        "what": "its SHA-256 is not the one in binary.json",
        "done": None,
    }
    assert findings[-1] == {"events": 1, "bytes": 10, "found": 2, "wrong": 2, "aside": 0} | ALL_DIGESTS
    done = check(root, "--repair")
    assert done.exit_code == 0
    assert "2 findings put right. 2 set aside in quarantine/." in done.stderr
    assert all("; set aside in quarantine/" in line for line in done.stdout.splitlines())
    assert check(root).exit_code == 0
    assert list((root / "tmp").iterdir()) == [], "the repair leaves the directory as it joined it"


def test_quick_compares_lengths_alone(root: Path, full: Path) -> None:
    next(full.glob("content-*")).write_bytes(b"0123456780")
    assert check(root, "--quick").exit_code == 0
    next(full.glob("content-*")).write_bytes(b"012345678")
    assert check(root, "--quick").exit_code == 1


def test_a_missing_digest_is_nothing_wrong_and_a_repair_adds_it(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Digester, "follow", lambda *_: None)
    with Desk(root) as desk:
        desk.attach(desk.create(), b"0123456789")
        for _ in range(2):
            desk.attach(desk.create(), bytes(HASHED_ON_ARRIVAL + 1))
    missing, before = "2 attachments without a digest, which may be about to follow", check(root)
    assert (before.exit_code, before.stdout) == (0, "")
    assert before.stderr.splitlines()[1:] == [f"{missing}; --repair adds what is missing."]
    assert "nothing is wrong" in before.stderr
    for arguments, added in (("--quick", "--repair"), 0), ((), 0), (("--repair",), 2):
        counts = json.loads(check(root, "--json", *arguments).stdout)
        assert (counts["undigested"], counts["digested"], counts["found"]) == (2, added, 0)
    assert json.loads(check(root, "--json").stdout).items() >= ALL_DIGESTS.items()


def test_a_repair_tells_how_many_digests_it_added(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Digester, "follow", lambda *_: None)
    with Desk(root) as desk:
        desk.attach(desk.create(), bytes(HASHED_ON_ARRIVAL + 1))
    told = "1 attachment without a digest, which may be about to follow: added to 1."
    assert check(root, "--repair").stderr.splitlines()[1:] == [told]
    assert len(check(root).stderr.splitlines()) == 1


def test_damaged_accounts_are_told_and_left_to_a_person(root: Path, full: Path) -> None:
    (root / "accounts.json").write_text("{")
    for arguments in ((), ("--repair",)):
        done = check(root, *arguments)
        assert done.exit_code == 1
        assert done.stdout.startswith("accounts.json: damaged accounts: ")
    assert (root / "accounts.json").read_text() == "{"


@pytest.mark.parametrize("arguments", [(), ("--repair",)])
@pytest.mark.parametrize("case", ["missing", "empty", "foreign", "newer", "half copied"])
def test_what_is_no_data_directory_is_exit_code_2_and_not_touched(
    tmp_path: Path, root: Path, case: str, arguments: tuple[str, ...]
) -> None:
    data = root if case in ("newer", "half copied") else tmp_path / case
    if case != "missing":
        data.mkdir(exist_ok=True)
    if case == "foreign":
        (data / "letter.txt").touch()
    elif case == "newer":
        (data / "format").write_text("c8ybin 2\n")
    elif case == "half copied":
        (data / "format").unlink()
    before = sorted(tmp_path.rglob("*"))
    done = check(data, *arguments)
    assert done.exit_code == 2
    assert len(done.stderr.splitlines()) == 1
    assert ("c8ybin 2" in done.stderr) == (case == "newer")
    assert sorted(tmp_path.rglob("*")) == before


def test_an_output_that_takes_nothing_does_not_break_the_repair_off(root: Path, full: Path) -> None:
    for number in range(3):
        (root / f"notes-{number}").touch()
    command = [sys.executable, "-m", "c8ybin", "check", "--repair", "--data", str(root)]
    read_end, write_end = os.pipe()
    os.close(read_end)
    done = subprocess.run(command, stdout=write_end, stderr=subprocess.PIPE, text=True)
    os.close(write_end)
    assert done.returncode == 1
    assert "Error: Not everything could be written to standard output: Broken pipe.\n" in done.stderr
    assert "Traceback" not in done.stderr
    assert check(root).exit_code == 0


def test_a_name_that_would_break_the_line_does_not(root: Path, full: Path) -> None:
    (root / "two\nlines").touch()
    assert check(root).stdout.splitlines() == ["'two\\nlines': foreign: not a file of c8ybin"]


@pytest.mark.parametrize("as_json", [True, False])
def test_reindex_tells_how_many_events_there_are_and_leaves_no_process(root: Path, as_json: bool) -> None:
    with Desk(root) as desk:
        ids = [desk.create(type=f"t{n}") for n in range(7)]
        (desk.home(ids[0]) / "event.json").write_bytes(b"damaged")
    done = subprocess.run(
        [sys.executable, "-m", "c8ybin", "reindex", "--data", str(root), *(["--json"] if as_json else [])],
        capture_output=True,
        text=True,
        check=True,
    )
    if as_json:
        assert json.loads(done.stdout)["events"] == 6
    else:
        assert "Indexed 6 events in " in done.stderr
    with Desk(root) as desk:
        # Two of one millisecond have IDs in any order.
        assert sorted(desk.disk.index.ids(Query())) == sorted(ids[1:])
    assert os.listdir(root / "tmp") == []
