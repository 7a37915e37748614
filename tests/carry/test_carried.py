"""The wheel and the .pyz: the same bytes from the same commit, and that the .pyz serves."""

import hashlib
import os
import re
import shutil
import signal
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from curl_session import run_curl_session
from harness import RunningServer, until

from c8ybin import __version__

ROOT = Path(__file__).parent.parent.parent
WHEEL = f"c8ybin-{__version__}-py3-none-any.whl"


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_two_builds_in_two_places_give_the_same_bytes(built: Path, tmp_path: Path) -> None:
    there = tmp_path / "another checkout"
    tools = ROOT / ".venv-build"
    # No more than an image is built from.
    for name in re.findall(r"^!(.+)$", (ROOT / ".dockerignore").read_text(), re.MULTILINE):
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, there / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            there.mkdir(exist_ok=True)
            shutil.copy(ROOT / name, there)
    epoch = subprocess.run(
        ["git", "log", "-1", "--format=%ct"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.strip()
    subprocess.run(
        [tools / "bin" / "python", "-m", "carry", "pyz", "--dist", tmp_path / "dist"],
        env=os.environ
        | {"PYTHONPATH": str(there), "PYTHONHASHSEED": "0", "SOURCE_DATE_EPOCH": epoch, "TZ": "Asia/Tokyo"},
        check=True,
        umask=0o077,
    )
    for name in (WHEEL, "c8ybin.pyz"):
        assert sha256(built / name) == sha256(tmp_path / "dist" / name), name


def test_the_wheel_holds_the_files_that_are_served_and_nothing_of_the_tests(built: Path) -> None:
    with zipfile.ZipFile(built / WHEEL) as wheel:
        names = wheel.namelist()
    assert all(name.startswith(("c8ybin/", f"c8ybin-{__version__}.dist-info/")) for name in names)
    served = [p for p in (ROOT / "c8ybin").rglob("*") if p.is_file() and "__pycache__" not in p.parts]
    assert {str(p.relative_to(ROOT)) for p in served} <= set(names)


def test_what_is_carried_names_no_path_of_the_machine_that_built_it(built: Path) -> None:
    for name in (WHEEL, "c8ybin.pyz", "c8ybin"):
        with zipfile.ZipFile(built / name) as archive:
            for member in archive.namelist():
                assert str(ROOT).encode() not in archive.read(member), (name, member)


def test_the_pyz_serves_the_curl_session_and_its_workers_are_replaced(
    serve: Callable[..., RunningServer], built: Path, tmp_path: Path
) -> None:
    server = serve("--demo", program=[sys.executable, "-I", str(built / "c8ybin.pyz")], workers=2)
    first = server.workers()
    os.kill(min(first), signal.SIGKILL)
    assert until(lambda: len(server.workers() - first) == 1)
    run_curl_session(server.url, tmp_path)
    assert server.stop() == 0


def test_the_pyz_tells_an_old_python_what_it_needs(built: Path) -> None:
    with zipfile.ZipFile(built / "c8ybin.pyz") as archive:
        main = archive.read("__main__.py").decode()
    script = f"import sys; sys.version_info = (3, 10)\n{main}"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.startswith("c8ybin: this needs Python 3.11 or newer;")


def test_a_file_without_a_place_for_the_table_is_left_alone(tmp_path: Path) -> None:
    from carry.measure import put_into
    from carry.problems import Unbuildable

    file = tmp_path / "file"
    file.write_text("before\n<!-- carry:begin -->\nold\n<!-- carry:end -->\nafter\n")
    put_into(file, "new\n")
    assert file.read_text() == "before\n<!-- carry:begin -->\nnew\n<!-- carry:end -->\nafter\n"
    file.write_text("text")
    with pytest.raises(Unbuildable, match="markers"):
        put_into(file, "new\n")
    assert file.read_text() == "text"
