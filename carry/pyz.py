"""The `.pyz`: one zip that Python runs, for each version that the program takes (PEP 441)."""

from collections.abc import Mapping
from pathlib import Path

from carry.archive import compiled, write

_SHEBANG = b"#!/usr/bin/env python3\n"
_MAIN = b"""\
import sys

if sys.version_info < (3, 11):
    sys.exit("c8ybin: this needs Python 3.11 or newer; start it as `python3.11 c8ybin.pyz`, or take the executable.")
sys.argv[0] = "c8ybin"

from c8ybin.cli import main

main(prog_name="c8ybin")
"""


def build(path: Path, program: Mapping[str, bytes], epoch_s: int) -> None:
    """Write the archive.

    It holds sources, and bytecode for the version of Python that builds it; others compile at each start.
    Nothing is ever unpacked to a disk.

    Args:
        path: Where.
        program: The files of the program and the packages that it needs, by name.
        epoch_s: The time of all members.
    """
    members: dict[str, bytes] = {"__main__.py": _MAIN}
    for name, data in program.items():
        members[name] = data
        if name.endswith(".py"):
            members[f"{name}c"] = compiled(data, name)
    write(path, members, epoch_s, before=_SHEBANG)
