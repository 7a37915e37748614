"""The program's own files: the wheel, and the packages that it needs as pure Python."""

import os
import shutil
import subprocess
import sys
import zipfile
import zlib
from pathlib import Path

from carry.problems import Unbuildable

ROOT = Path(__file__).parent.parent
LOCK = ROOT / "requirements.lock"
# The first moment that a zip can tell.
_FIRST_S = 315_532_800
# What pip notes about how it installed, of which nothing is needed to run.
_NOTES = frozenset({"RECORD", "INSTALLER", "REQUESTED"})


def epoch_s() -> int:
    """Return the time that all which is built bears: SOURCE_DATE_EPOCH, or that of the last commit."""
    if stated := os.environ.get("SOURCE_DATE_EPOCH"):
        return max(int(stated), _FIRST_S)
    command: list[str | Path] = ["git", "-C", ROOT, "log", "-1", "--format=%ct"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError:
        return _FIRST_S
    return int(done.stdout) if done.returncode == 0 and done.stdout.strip() else _FIRST_S


def wheel(folder: Path) -> Path:
    """Build the wheel into a folder.

    Raises:
        Unbuildable: Something in the checkout is not as flit wants it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    before = {path: path.stat().st_mtime_ns for path in folder.glob("*.whl")}
    done = subprocess.run(
        [sys.executable, "-m", "flit_core.wheel", "--outdir", folder, ROOT],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"SOURCE_DATE_EPOCH": str(epoch_s())},
    )
    made = [path for path in folder.glob("*.whl") if before.get(path) != path.stat().st_mtime_ns]
    if done.returncode or len(made) != 1:
        raise Unbuildable(
            f"flit builds no wheel: {(done.stderr.strip() or 'nothing was written').splitlines()[-1]}"
        )
    return made[0]


def packages(cache: Path) -> dict[str, bytes]:
    """Return the files of the packages that the program needs, by their names; nothing compiled is among them.

    Args:
        cache: Where they are installed once for each state of the lock.

    Raises:
        Unbuildable: The packages cannot be had.
    """
    folder = cache / f"packages-{zlib.crc32(LOCK.read_bytes()):08x}"
    if not folder.exists():
        draft = folder.with_name(f"{folder.name}.{os.getpid()}")
        options = ["--quiet", "--disable-pip-version-check", "--no-compile", "--no-deps", "--require-hashes"]
        pure = ["--platform=any", "--only-binary=:all:", f"--target={draft}", f"--requirement={LOCK}"]
        done = subprocess.run(
            [sys.executable, "-m", "pip", "install", *options, *pure],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            shutil.rmtree(draft, ignore_errors=True)
            raise Unbuildable(f"{LOCK.name} cannot be installed: {done.stderr.strip().splitlines()[-1]}")
        try:
            draft.rename(folder)
        except OSError:  # another build was quicker
            shutil.rmtree(draft)
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name not in _NOTES and path.relative_to(folder).parts[0] != "bin"
    }


def program(built: Path, cache: Path) -> dict[str, bytes]:
    """Return all files that the program runs from, the wheel's and those of what it needs."""
    with zipfile.ZipFile(built) as archive:
        own = {name: archive.read(name) for name in archive.namelist() if not name.endswith("/RECORD")}
    return own | packages(cache)
