"""Programs of others: Debian's, which are looked for, and PyPI's, which are installed where their lock has changed."""

import fcntl
import hashlib
import shutil
import sys
from pathlib import Path

from bench.tools import Missing, install_python_packages

HERE = Path(__file__).parent
CHECKOUT = HERE.parent
# Beside the locks, where git ignores them, and used by the next run.
_INSTALLED = HERE / ".installed"


def program(name: str, package: str) -> str:
    """Return where a program is.

    Raises:
        Missing: It is not installed; the text names its Debian package.
    """
    found = shutil.which(name)
    if not found:
        raise Missing(f"no {name} (Debian: apt-get install {package})")
    return found


def python_with(name: str) -> Path:
    """Return a Python that has what `<name>.lock` pins, and nothing else; installed by one run at a time.

    Raises:
        Missing: It cannot be installed here; the text says why.
    """
    folder, lock = _INSTALLED / name, HERE / f"{name}.lock"
    _INSTALLED.mkdir(exist_ok=True)
    # An environment holds its own path and its Python's.
    wanted = f"{hashlib.sha256(lock.read_bytes()).hexdigest()} {sys.version_info[:3]} {folder}\n"
    stamp = folder / "installed"
    with (_INSTALLED / f"{name}.turn").open("w") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        if not stamp.exists() or stamp.read_text() != wanted:
            install_python_packages(folder, lock)
            stamp.write_text(wanted)
    return folder / "bin" / "python"
