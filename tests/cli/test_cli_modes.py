"""Who may read what the commands make, whatever the umask of whoever starts them."""

import os
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from harness import RunningServer, connected

from c8ybin.store import Store


@pytest.fixture(params=["0000", "0022", "0377"])
def umask(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def modes(root: Path) -> dict[str, set[str]]:
    """The modes of all directories and of all files."""
    found: dict[str, set[str]] = {"directories": set(), "files": set()}
    for path in (root, *root.rglob("*")):
        found["directories" if path.is_dir() else "files"].add(oct(stat.S_IMODE(path.lstat().st_mode)))
    return found


def with_umask(umask: str) -> list[str]:
    return ["sh", "-c", f'umask {umask}; exec "$@"', "sh"]


def run(umask: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [*with_umask(umask), sys.executable, "-m", "c8ybin", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)


@pytest.mark.parametrize("for_group", [False, True])
def test_what_is_made_is_the_owners_alone_or_for_its_group_to_read(
    serve: Callable[..., RunningServer], tmp_path: Path, umask: str, for_group: bool
) -> None:
    option = ["--data-group-readable"] * for_group
    data = tmp_path / "data"
    server = serve("--demo", *option, prefix=with_umask(umask), workers=2)
    with connected(server) as c:
        event_id = c.create_event()
        answer, _ = c.ask("POST", f"/event/events/{event_id}/binaries", b"bytes")
        assert answer.status == 201
    run(umask, "backup", "--data", data, "-o", tmp_path / "archive.tar")
    assert stat.S_IMODE((tmp_path / "archive.tar").stat().st_mode) == 0o600
    expected = {"directories": {"0o750"}, "files": {"0o640"}} if for_group else None
    assert modes(data) == (expected or {"directories": {"0o700"}, "files": {"0o600"}})
    assert server.stop() == 0
    run(umask, "restore", tmp_path / "archive.tar", "--data", tmp_path / "new", *option)
    assert modes(tmp_path / "new") == (expected or {"directories": {"0o700"}, "files": {"0o600"}})


def test_accounts_are_never_for_the_group(tmp_path: Path) -> None:
    command = [*with_umask("0000"), sys.executable, "-m", "c8ybin", "user", "add", "ann", "--password-stdin"]
    command += ["--data-group-readable", "--data", str(tmp_path / "data")]
    subprocess.run(command, input="secret\n", text=True, check=True, timeout=60)
    assert stat.S_IMODE((tmp_path / "data" / "accounts.json").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "data").stat().st_mode) == 0o750


@pytest.mark.parametrize(
    ("mode", "option", "told"),
    [
        (0o700, (), None),
        (0o750, (), "or say --data-group-readable"),
        (0o755, (), "chmod 700"),
        (0o750, ("--data-group-readable",), None),
        (0o770, ("--data-group-readable",), "chmod 750"),
    ],
)
def test_a_check_tells_who_else_may_enter(
    tmp_path: Path, mode: int, option: tuple[str, ...], told: str | None
) -> None:
    data = tmp_path / "data"
    Store.open(data).close()
    data.chmod(mode)
    done = run("0022", "check", "--data", data, *option)
    lines = [line for line in done.stderr.splitlines() if "lets others in" in line]
    assert bool(lines) == bool(told)
    if told:
        assert told in lines[0]
    assert stat.S_IMODE(data.stat().st_mode) == mode


def test_a_start_tells_it_and_that_it_runs_as_root(
    serve: Callable[..., RunningServer], tmp_path: Path
) -> None:
    serve("--demo").stop()
    (tmp_path / "data").chmod(0o755)
    told = "\n".join(serve("--demo").lines)
    assert told.count("lets others in than its owner (mode 0755): run chmod 700") == 1
    assert told.count("Running as root") == (os.geteuid() == 0)
