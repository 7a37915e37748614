"""What the tests of the console need from elsewhere, and what happens where it cannot be had."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from browsing import HERE

ROOT = HERE.parent.parent
ONE_TEST = "tests/console/test_console_signin.py::test_signing_in_shows_the_events_and_signing_out_forgets_the_account"


@pytest.mark.parametrize("ci", ["", "true"])
def test_without_chromium_is_a_skip_with_its_reason_and_in_ci_a_failure(tmp_path: Path, ci: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", ONE_TEST, "--basetemp", tmp_path / "base"],
        cwd=ROOT,
        env={**os.environ, "PATH": str(tmp_path), "CI": ci},
        capture_output=True,
        text=True,
    )
    assert "the console cannot be tried here: no Chromium" in done.stdout
    assert ("1 error" if ci else "1 skipped") in done.stdout
    assert done.returncode == (1 if ci else 0)


@pytest.mark.parametrize("folder", [HERE, HERE / "lighthouse"], ids=["axe", "lighthouse"])
def test_the_locks_name_no_address_and_have_a_hash_of_each_package(folder: Path) -> None:
    packages = json.loads((folder / "package-lock.json").read_text())["packages"]
    assert packages.pop("")
    for name, package in packages.items():
        package.pop("funding", None)
        assert package["integrity"] and "://" not in json.dumps(package), name
