"""The clients' packages: installed once for each lock, and what happens where that cannot be done."""

import fcntl
import json
import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import installing
import pytest
from harness import until
from installing import HERE, JAVASCRIPT, PYTHON_LOCK, installed

from bench.tools import Missing

ROOT = HERE.parent.parent
ONE_CHECK = "tests/clients/test_real_clients.py::test_client[@c8y/client: an event is deleted]"


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    path = tmp_path / "lock"
    path.write_text("one==1")
    return path


@pytest.fixture
def installs(tmp_path: Path, lock: Path) -> Callable[[], int]:
    """Return what asks for packages and tells how often they were installed by then."""
    folder = tmp_path / "packages"
    done: list[None] = []

    def install() -> None:
        folder.mkdir(exist_ok=True)
        done.append(None)

    def ask() -> int:
        assert installed(folder, lock, install) == folder
        return len(done)

    return ask


def test_packages_are_installed_again_only_when_their_lock_changes(
    installs: Callable[[], int], lock: Path
) -> None:
    assert [installs(), installs()] == [1, 1]
    lock.write_text("one==2")
    assert [installs(), installs()] == [2, 2]


def test_packages_that_were_moved_are_installed_anew(
    installs: Callable[[], int], tmp_path: Path, lock: Path
) -> None:
    installs()
    (tmp_path / "packages").rename(tmp_path / "moved")
    done: list[None] = []
    installed(tmp_path / "moved", lock, lambda: done.append(None))
    assert len(done) == 1


def test_of_runs_at_once_one_installs(installs: Callable[[], int], race: Callable[..., list[Any]]) -> None:
    assert race(8, lambda _: installs()) == [1] * 8


def test_packages_of_another_python_are_installed_anew(
    installs: Callable[[], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    installs()
    monkeypatch.setattr(sys, "version_info", (3, 99, 0))
    assert installs() == 2


def test_a_run_that_waits_for_another_one_to_install_outlasts_the_deadline_of_a_test(tmp_path: Path) -> None:
    (tmp_path / "lock").touch()
    (tmp_path / "test_waiting.py").write_text(
        "from pathlib import Path\nfrom installing import installed\nhere = Path(__file__).parent\n"
        "def test_it():\n"
        "    (here / 'waits').touch()\n"
        "    installed(here / 'packages', here / 'lock', lambda: (here / 'packages').mkdir())\n"
    )
    deadline_s = 1
    options = ["-c", os.devnull, "-p", "no:cacheprovider", "-o", f"faulthandler_timeout={deadline_s}"]
    options += ["-o", "faulthandler_exit_on_timeout=true", f"--rootdir={tmp_path}"]
    with (tmp_path / "packages.lock").open("w") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        other = subprocess.Popen(
            [sys.executable, "-m", "pytest", *options, tmp_path / "test_waiting.py"],
            env={**os.environ, "PYTHONPATH": f"{HERE}{os.pathsep}{ROOT}"},
            stdout=subprocess.PIPE,
            text=True,
        )
        assert until(lambda: (tmp_path / "waits").exists())
        with suppress(subprocess.TimeoutExpired):
            other.wait(3 * deadline_s)
    told, _ = other.communicate(timeout=60)
    assert "1 passed" in told


def test_a_failed_install_is_told_again_and_leaves_no_stamp(
    tmp_path: Path, lock: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(installing, "_missing", {})
    (tmp_path / "packages").mkdir()
    tries: list[None] = []

    def fail() -> None:
        tries.append(None)
        raise Missing("no network")

    for _ in range(2):
        with pytest.raises(Missing, match="no network"):
            installed(tmp_path / "packages", lock, fail)
    assert len(tries) == 1
    monkeypatch.setattr(installing, "_missing", {})  # the next run
    installed(tmp_path / "packages", lock, lambda: tries.append(None))
    assert len(tries) == 2


@pytest.mark.parametrize("ci", ["", "true"])
def test_a_client_that_cannot_be_had_is_a_skip_with_its_reason_and_in_ci_a_failure(
    tmp_path: Path, ci: str
) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", ONE_CHECK, "--basetemp", tmp_path / "base"],
        cwd=ROOT,
        env={**os.environ, "PATH": str(tmp_path), "CI": ci},
        capture_output=True,
        text=True,
    )
    assert "@c8y/client cannot be installed here: no node" in done.stdout
    assert ("1 failed" if ci else "1 skipped") in done.stdout
    assert done.returncode == (1 if ci else 0)


def test_the_locks_name_no_address_and_have_a_hash_of_each_package() -> None:
    assert "://" not in PYTHON_LOCK.read_text()  # pip refuses what has no hash
    packages = json.loads((JAVASCRIPT / "package-lock.json").read_text())["packages"]
    assert packages.pop("")
    for name, package in packages.items():
        package.pop("funding", None)
        assert package["integrity"] and "://" not in json.dumps(package), name
