"""The executable: a launcher, and behind it a zip of Python, the libraries that it needs, and the program."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

from carry.archive import compiled, write
from carry.problems import Unbuildable
from carry.python import compiled_modules, imported_first, licences, native_files, standard_library, stripped

HERE = Path(__file__).parent
# What the launcher reads, and what is imported before anything compressed can be.
_STORED = ("native/", "compiled/zlib.so", "carried.pyc")


def build(path: Path, program: Mapping[str, bytes], epoch_s: int) -> None:
    """Write the executable.

    Args:
        path: Where.
        program: The files of the program and the packages that it needs, by name.
        epoch_s: The time of all members.

    Raises:
        Unbuildable: Something is missing here.
    """
    modules = compiled_modules()
    native = native_files(modules.values())
    members = {f"native/{number:02}-{file.name}": stripped(file) for number, file in enumerate(native)}
    members |= licences(native)
    members |= {f"compiled/{name}.so": stripped(file) for name, file in modules.items()}
    sources = dict(standard_library()) | dict(program)
    sources["carried.py"] = (HERE / "inside.py").read_bytes()
    for name, data in sources.items():
        if name.endswith(".py"):
            members[f"{name}c"] = compiled(data, name)
        else:
            members[name] = data
    write(path, members, epoch_s, before=_launcher(), stored=(*_STORED, *imported_first()))


def _launcher() -> bytes:
    compiler = os.environ.get("CC") or shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if not compiler:
        raise Unbuildable("there is no C compiler (Debian: apt-get install gcc libc6-dev).")
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder, "launcher")
        options = ["-static", "-O2", "-s", "-Wall", "-Wextra"]
        command: list[str | Path] = [compiler, *options, "-o", program, HERE / "launcher.c"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise Unbuildable(f"the launcher cannot be compiled: {done.stderr.strip().splitlines()[-1]}")
        return program.read_bytes()
