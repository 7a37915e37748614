"""What the Python of the one-file executable runs first: lets it import from the file, then is `c8ybin`.

Compiled modules are members `compiled/<name>.so`, which no dynamic loader can open in a zip:
each is copied into a file in memory when it is imported. What is imported here is built or frozen into Python, for
until there is `zlib`, nothing that is compressed can be read.
"""

import os
import sys
import zipimport
from _frozen_importlib import ModuleSpec
from _frozen_importlib_external import ExtensionFileLoader

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import ModuleType


class CompiledModule(ExtensionFileLoader):
    """Loads one module from its bytes."""

    loaded = 0

    def __init__(self, name: str, code: bytes, place: str) -> None:
        """Take what the module is, and the directory for it; none is memory."""
        super().__init__(name, f"{name}.so")
        self._code = code
        self._place = place

    def create_module(self, spec: ModuleSpec) -> "ModuleType":
        """Load it as if it were a file."""
        place = self._place
        file = os.open(place, os.O_TMPFILE | os.O_RDWR, 0o700) if place else os.memfd_create(spec.name)
        try:
            with open(file, "wb", closefd=False) as output:
                output.write(self._code)
            # The loader takes two files of one path for the same, and the descriptor will be another's.
            CompiledModule.loaded += 1
            spec.origin = self.path = f"/proc/self/fd{'/.' * CompiledModule.loaded}/{file}"
            return super().create_module(spec)
        finally:
            os.close(file)


class CompiledModules:
    """Finds modules that are compiled (importlib.abc.MetaPathFinder)."""

    def __init__(self, archive: zipimport.zipimporter, place: str) -> None:
        """Take the zip, and where to put modules."""
        self._archive = archive
        self._place = place

    def find_spec(self, name: str, *_: object) -> ModuleSpec | None:
        """Return how to load a module, or None where it is not compiled."""
        try:
            code = self._archive.get_data(f"compiled/{name}.so")
        except OSError:
            return None
        return ModuleSpec(name, CompiledModule(name, code, self._place), origin=f"{name}.so")


def begin() -> None:
    """Use nothing but this file from now on, and leave no trace of how it was started."""
    place, own, *others = os.environ.pop("C8YBIN_CARRY").split("\n")
    for name in ("PYTHONHOME", "PYTHONPATH"):
        del os.environ[name]
    for file in others:
        os.close(int(file))
    os.set_inheritable(int(own), False)
    archive = f"/proc/self/fd/{own}"
    sys.executable = os.readlink(archive)
    sys.path[:] = [archive]
    sys.meta_path.insert(0, CompiledModules(zipimport.zipimporter(archive), place))
    sys.argv[0] = "c8ybin"


def show_as(arguments: "Sequence[str]") -> None:
    """Let ps show these arguments, and not those that the dynamic loader and Python took (proc_pid_cmdline(5))."""
    with open("/proc/self/comm", "w", encoding="ascii") as name:
        name.write(arguments[0])
    with open("/proc/self/stat", encoding="ascii", errors="replace") as stat:
        begin, end = map(int, stat.read().rpartition(")")[2].split()[45:47])
    shown = b"".join(os.fsencode(argument) + b"\0" for argument in arguments)
    with open("/proc/self/mem", "r+b", buffering=0) as memory:
        memory.seek(begin)
        memory.write(shown.ljust(end - begin, b"\0"))


begin()
try:
    show_as(sys.argv)
except OSError:  # a kernel that lets nobody write there; the program runs all the same
    pass

from c8ybin.cli import main  # noqa: E402 - can be imported from here on

main(prog_name="c8ybin")
