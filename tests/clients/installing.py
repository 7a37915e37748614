"""The clients' own packages: installed where their lock has changed, by one test run at a time.

They stay below this folder, which git ignores, and are used by the next run.
"""

import faulthandler
import fcntl
import hashlib
import sys
from collections.abc import Callable
from pathlib import Path

from bench.tools import Missing, install_node_modules, install_python_packages

HERE = Path(__file__).parent
PYTHON_LOCK = HERE / "python.lock"
PYTHON_PACKAGES = HERE / ".venv"
JAVASCRIPT = HERE / "javascript"

# Another try would wait as long for a network that is not there.
_missing: dict[Path, Missing] = {}


def installed(folder: Path, lock: Path, install: Callable[[], None]) -> Path:
    """Return a folder of packages, made by `install` unless its stamp says that it stands for this lock.

    Raises:
        Missing: It cannot be made here; the text says why.
    """
    # An environment holds its own path and its Python's, so one that was moved, or whose Python was replaced, is
    # made anew.
    wanted = f"{hashlib.sha256(lock.read_bytes()).hexdigest()} {sys.version_info[:3]} {folder}\n"
    stamp = folder / "installed"
    with folder.with_name(f"{folder.name}.lock").open("w") as turn:
        try:
            fcntl.flock(turn, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            _let_test_take_long()
            fcntl.flock(turn, fcntl.LOCK_EX)
        if not stamp.exists() or stamp.read_text() != wanted:
            if folder in _missing:
                raise _missing[folder]
            _let_test_take_long()
            stamp.unlink(missing_ok=True)
            try:
                install()
            except Missing as missing:
                _missing[folder] = missing
                raise
            stamp.write_text(wanted)
    return folder


def _let_test_take_long() -> None:
    """Lift this test's deadline: the installers have some of their own, which are longer."""
    faulthandler.cancel_dump_traceback_later()


def python_of_clients() -> Path:
    """Return the Python that has the Python clients; see `installed`."""
    folder = installed(
        PYTHON_PACKAGES, PYTHON_LOCK, lambda: install_python_packages(PYTHON_PACKAGES, PYTHON_LOCK)
    )
    return folder / "bin" / "python"


def node_modules() -> Path:
    """Return the modules of the JavaScript client; see `installed`."""
    return installed(
        JAVASCRIPT / "node_modules",
        JAVASCRIPT / "package-lock.json",
        lambda: install_node_modules(JAVASCRIPT),
    )
