"""The Python that the one-file executable takes along: its interpreter, its libraries, its standard library."""

import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from carry.problems import Unbuildable

# What a server has no use for. `distutils` goes with setuptools, the rest with screens, tests and old formats.
_LEFT_OUT = frozenset(
    {"__phello__", "_distutils_hack", "curses", "dbm", "distutils", "ensurepip", "idlelib", "lib2to3"}
    | {"nis", "pydoc_data", "site-packages", "sqlite3", "test", "tkinter", "turtle", "turtledemo", "venv"}
)
_COMPILED_LEFT_OUT = re.compile(
    r"_?(crypt|curses|curses_panel|dbm|gdbm|lsprof|nis|ossaudiodev|readline|spwd|sqlite3|tkinter|audioop)$"
    r"|_codecs_|_?xx|_test|_ctypes_test"
)
# `name => path (address)`, or the loader itself: `path (address)`.
_LIBRARY = re.compile(r"^\s+(?:\S+ => )?(/\S+) \(0x", re.MULTILINE)


def standard_library() -> Iterator[tuple[str, bytes]]:
    """Yield the modules that are Python, each with its path below the library and its text."""
    root = Path(sysconfig.get_path("stdlib"))
    for path in sorted(root.rglob("*.py")):
        first = path.relative_to(root).parts[0]
        is_wanted = first.removesuffix(".py") not in _LEFT_OUT and not first.startswith(
            ("config-", "_sysconfig")
        )
        if is_wanted and not {"test", "tests", "idle_test"} & set(path.relative_to(root).parts):
            yield str(path.relative_to(root)), path.read_bytes()


def imported_first() -> tuple[str, ...]:
    """Return the files below the standard library, as bytecode, that Python reads before it runs anything."""
    tell = "import sys; [print(m.__file__) for m in [*sys.modules.values()] if getattr(m, '__file__', None)]"
    command = [sys.executable, "-I", "-S", "-X", "utf8", "-c", tell]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    root = Path(sysconfig.get_path("stdlib"))
    return tuple(f"{Path(line).relative_to(root).with_suffix('.pyc')}" for line in told.splitlines())


def compiled_modules() -> dict[str, Path]:
    """Return the files of the modules that are compiled, by the modules' names."""
    folder = Path(sysconfig.get_path("stdlib"), "lib-dynload")
    files = {path.name.partition(".")[0]: path for path in sorted(folder.glob("*.so"))}
    return {name: path for name, path in files.items() if not _COMPILED_LEFT_OUT.match(name)}


def native_files(modules: Iterable[Path]) -> list[Path]:
    """Return the dynamic loader, the interpreter, and the libraries that it and some modules need, in this order.

    Raises:
        Unbuildable: This Python has no dynamic loader, as one linked statically.
    """
    interpreter = Path(getattr(sys, "_base_executable", sys.executable)).resolve()
    found = dict.fromkeys(path for file in (interpreter, *modules) for path in _libraries(file))
    loaders = [path for path in found if path.name.startswith("ld-")]
    if not loaders:
        raise Unbuildable(f"{interpreter} has no dynamic loader; build with a Python that glibc runs.")
    return [loaders[0], interpreter, *(path for path in found if path not in loaders)]


def _libraries(file: Path) -> list[Path]:
    done = subprocess.run(["ldd", file], capture_output=True, text=True, check=False)
    if done.returncode or "not found" in done.stdout:
        raise Unbuildable(f"ldd finds not all libraries of {file}; install what it needs.")
    return [Path(path) for path in _LIBRARY.findall(done.stdout)]


def licences(files: Iterable[Path]) -> dict[str, bytes]:
    """Return the licences of Python and, where dpkg knows them, of the libraries, by the names of their packages."""
    python = Path(sysconfig.get_path("stdlib"), "LICENSE.txt")
    texts = {"python": python} if python.exists() else {}
    if shutil.which("dpkg"):
        for file in files:
            command = ["dpkg", "-S", f"*/{file.resolve().name}"]
            told = subprocess.run(command, capture_output=True, text=True, check=False).stdout
            package = told.partition(":")[0]
            copyright_file = Path("/usr/share/doc", package, "copyright")
            if package and copyright_file.exists():
                texts[package] = copyright_file
    return {f"licences/{name}.txt": text.read_bytes() for name, text in sorted(texts.items())}


def stripped(file: Path) -> bytes:
    """Return a library's bytes without what only debuggers read."""
    if not shutil.which("strip"):
        raise Unbuildable("there is no strip (Debian: apt-get install binutils).")
    with tempfile.TemporaryDirectory() as folder:
        small = Path(folder, file.name)
        done = subprocess.run(
            ["strip", "--strip-unneeded", "-o", small, file], capture_output=True, check=False
        )
        if done.returncode:
            raise Unbuildable(f"strip does not take {file}.")
        return small.read_bytes()
