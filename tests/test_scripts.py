"""The scripts, in a checkout whose path has a space, with an environment that is there already."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
HOSTS_BEGIN = "<!-- written by scripts/prove-hosts -->\n"
HOSTS_END = "<!-- end of what scripts/prove-hosts wrote -->\n"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout with a `.venv` that bootstrap takes for its own."""
    folder = tmp_path / "my clone"
    (folder / ".venv" / "bin").mkdir(parents=True)
    shutil.copytree(ROOT / "scripts", folder / "scripts")
    for name in ("pyproject.toml", "requirements.lock", "requirements-dev.lock"):
        shutil.copy(ROOT / name, folder)
    python = folder / ".venv" / "bin" / "python"
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    sums = subprocess.run(
        ["cksum", "pyproject.toml", "requirements.lock", "requirements-dev.lock"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.rstrip("\n")
    (folder / ".venv" / "installed").write_text(f"requirements-dev.lock {sums} {folder}\n")
    return folder


def serve(checkout: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    clean = {k: v for k, v in os.environ.items() if not k.startswith("C8YBIN_")}
    return subprocess.run(
        [str(checkout / "scripts" / "serve"), *arguments],
        env=clean | {"PYTHONPATH": str(ROOT), "C8YBIN_PORT": "0"} | environment,
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_serve_passes_its_arguments_and_keeps_its_data_in_the_checkout(checkout: Path) -> None:
    assert serve(checkout, "--help").stdout.startswith("Usage: ")
    # A foreign file tells which directory is used, without a server to stop.
    (checkout / "data").mkdir()
    (checkout / "data" / "mine.txt").touch()
    refused = serve(checkout)
    assert refused.returncode == 2
    assert f"{checkout}/data holds other files" in refused.stderr


@pytest.mark.parametrize("by_variable", [True, False])
def test_a_config_file_alone_decides_what_serve_serves(
    checkout: Path, tmp_path: Path, by_variable: bool
) -> None:
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs" / "mine.txt").touch()
    config = tmp_path / "c.toml"
    config.write_text(f'data = "{tmp_path}/theirs"\ndemo = false\n')
    refused = (
        serve(checkout, C8YBIN_CONFIG=str(config))
        if by_variable
        else serve(checkout, "--config", str(config))
    )
    assert refused.returncode == 2
    assert f"{tmp_path}/theirs holds other files" in refused.stderr


def test_bootstrap_says_in_one_sentence_what_to_install(checkout: Path, tmp_path: Path) -> None:
    shutil.rmtree(checkout / ".venv")
    tools = tmp_path / "bin"
    tools.mkdir()
    for name in ("sh", "cat", "cksum", "dirname", "rm"):
        found = shutil.which(name)
        assert found
        (tools / name).symlink_to(found)
    done = subprocess.run(
        [str(checkout / "scripts" / "bootstrap")], env={"PATH": str(tools)}, capture_output=True, text=True
    )
    assert done.returncode == 1
    assert "install Python 3.11 or newer" in done.stderr.splitlines()[-1]


def reliability_table(*arguments: object) -> subprocess.CompletedProcess[str]:
    script = ROOT / "scripts" / "reliability_table.py"
    return subprocess.run([sys.executable, script, *map(str, arguments)], capture_output=True, text=True)


def test_what_was_counted_takes_its_place_in_the_readme(tmp_path: Path) -> None:
    (tmp_path / "tally").write_text(
        '{"Kills": {"rounds": 1100, "acknowledged_requests": 7, "lost": 1, "mixed": 0},'
        ' "Cuts": {"cuts": 3, "bad_blocks": 1, "copies": 1}}'
    )
    (tmp_path / "second part").write_text('{"Kills": {"rounds": 100}}')
    shutil.copy(ROOT / "README.md", tmp_path)
    done = reliability_table(tmp_path / "tally", tmp_path / "second part", "--write", tmp_path / "README.md")
    assert done.stdout.splitlines()[2:] == [
        "| Cuts | 3 cuts, 1 bad block, 1 copy | 0 | 0 |",
        "| Kills | 1,200 rounds, 7 acknowledged requests | 1 | 0 |",
    ]
    new, old = (tmp_path / "README.md").read_text(), (ROOT / "README.md").read_text()
    before, after = old.partition("<!-- written by scripts/prove -->\n")[::2]
    after = after[after.index("<!-- end") :]
    assert new == f"{before}<!-- written by scripts/prove -->\n{done.stdout}{after}"


def test_a_file_without_a_place_for_the_table_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "tally").write_text("{}")
    (tmp_path / "file").write_text("text")
    done = reliability_table(tmp_path / "tally", "--write", tmp_path / "file")
    assert (done.returncode, (tmp_path / "file").read_text()) == (1, "text")
    assert "markers" in done.stderr


def test_what_hosts_measured_becomes_tables_in_a_files_place(tmp_path: Path) -> None:
    fault = {"table": "faults", "fault": "a server killed", "refused": 1, "unanswered": 2, "mixed": 0}
    speed = {"table": "workloads", "commits_per_s": 1234.5, "mb_per_s": 56.7, "list_p50_ms": 8.91}
    suite = {"table": "suites", "failed": 0, "error": 0}
    rows = [
        {**speed, "file_system": "cephfs", "hosts": 2},
        {**speed, "file_system": "moosefs", "hosts": 0},
        {**fault, "file_system": "moosefs", "longest_pause_s": 1.26, "lost": 0},
        {**fault, "file_system": "cephfs", "longest_pause_s": 2.0, "lost": 3},
        {**fault, "file_system": "cephfs", "fault": "a cable pulled", "longest_pause_s": 4.0, "lost": 0},
        {**suite, "file_system": "moosefs", "passed": 1000},
        {**suite, "file_system": "moosefs", "passed": 1},
    ]
    (tmp_path / "rows").write_text(json.dumps(rows))
    (tmp_path / "page").write_text(f"before\n{HOSTS_BEGIN}old\n{HOSTS_END}after\n")
    script = str(ROOT / "scripts" / "hosts_table.py")
    command = [sys.executable, script, str(tmp_path / "rows"), "--write", str(tmp_path / "page")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [
        "| file system | hosts | commits/s | MB/s | list, p50 |",
        "|---|---:|---:|---:|---:|",
        "| the machine's own disk | 1 | 1,234 | 57 | 8.9 ms |",
        "| CephFS 16.2 | 2 | 1,234 | 57 | 8.9 ms |",
        "",
        "| fault, under load on two hosts | MooseFS 3.0: longest pause | errors | lost | CephFS 16.2: longest pause "
        "| errors | lost |",
        "|---|---:|---:|---:|---:|---:|---:|",
        "| a server killed | 1.3 s | 3 | 0 | 2.0 s | 3 | 3 |",
        "| a cable pulled |  | |  | 4.0 s | 3 | 0 |",
        "",
        "Tests of the contract, of races and of faults, over two hosts: MooseFS 3.0: 1,001 passed, 0 failed.",
    ]
    assert (tmp_path / "page").read_text() == (f"before\n{HOSTS_BEGIN}{done.stdout}{HOSTS_END}after\n")


def test_hosts_are_proved_in_parts_that_add_up(checkout: Path) -> None:
    # What stands for Python measures one row in each run, tells its first argument, and fails where FAILING says so.
    python = checkout / ".venv" / "bin" / "python"
    row = json.dumps([{"table": "suites", "file_system": "cephfs", "passed": 1, "failed": 0, "error": 0}])
    python.write_text(
        f'#!/bin/sh\n[ "$1" = -m ] || exec "{sys.executable}" "$@"\necho "ran $3"\n'
        f'for last; do :; done\necho \'{row}\' >"$last"\n[ "$3" != "$FAILING" ]\n'
    )
    (checkout / "README.md").write_text(f"{HOSTS_BEGIN}{HOSTS_END}")

    def prove(*arguments: str, failing: str = "") -> tuple[int, list[str], bool]:
        done = subprocess.run(
            [str(checkout / "scripts" / "prove-hosts"), *arguments],
            cwd=checkout.parent,
            env=os.environ | {"FAILING": failing},
            capture_output=True,
            text=True,
        )
        ran = [line.removeprefix("ran ") for line in done.stdout.splitlines() if line.startswith("ran ")]
        return done.returncode, ran, "passed" in (checkout / "README.md").read_text()

    parts = ["tests/hosts/test_workloads.py", "tests/hosts", "tests/api/test_binaries_chunks.py"]
    kept = ("--rows", "kept")
    assert prove("--small", *kept) == (0, 3 * parts, False)
    assert prove(*kept, "moosefs", failing="tests/hosts") == (1, parts, False)
    # Only what has not passed is run again.
    assert prove(*kept, "moosefs") == (0, ["tests/hosts"], False)
    assert prove(*kept, "cephfs") == (0, parts, False)
    assert prove(*kept) == (0, parts, True)
    assert len(list((checkout.parent / "kept").glob("*-*"))) == 9


def test_generate_takes_its_path_from_where_it_is_called(checkout: Path, tmp_path: Path) -> None:
    for name in ("bench", "c8ybin"):
        shutil.copytree(ROOT / name, checkout / name)
    done = subprocess.run(
        [str(checkout / "scripts" / "generate"), "--data", "made", "--events", "100"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert (done.returncode, (tmp_path / "made" / "format").is_file()) == (0, True), done.stderr


def test_bench_lists_needs_no_certain_folder_to_be_called_from(checkout: Path, tmp_path: Path) -> None:
    for name in ("bench", "c8ybin"):
        shutil.copytree(ROOT / name, checkout / name)
    script = str(checkout / "scripts" / "bench-lists")
    done = subprocess.run([script, "--sizes", "99"], cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, "--sizes must be at least 100" in done.stderr) == (2, True), done.stderr


@pytest.mark.parametrize(
    "failing",
    [
        "",
        "tests/reliability/test_power_cuts.py",
        "tests/reliability",
        "tests/accounts",
        "tests/hosts",
        "tests",
    ],
)
def test_all_tests_end_well_where_each_run_of_them_does(checkout: Path, failing: str) -> None:
    # What stands for Python tells which group pytest was to run, by its first argument.
    python = checkout / ".venv" / "bin" / "python"
    python.write_text(f'#!/bin/sh\n[ "$1" = -m ] || exit 0\necho "ran $3"\n[ "$3" != "{failing}" ]\n')
    done = subprocess.run([str(checkout / "scripts" / "test")], capture_output=True, text=True)
    assert done.returncode == (1 if failing else 0), done.stderr
    hosts = ("tests/hosts", *2 * ("tests/hosts/test_two_hosts.py",))  # for each file system a run
    cuts = 2 * ("tests/reliability/test_power_cuts.py",)
    ran = ("tests", "tests/accounts", *hosts, "tests/reliability", *cuts)
    assert sorted(done.stdout.splitlines()) == [f"ran {group}" for group in ran]
