"""What strace saw of a process: its system calls on files, in order."""

import os
import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from store_tools import CHILD_ENVIRONMENT

STRACE = "/usr/bin/strace"
TRACED = (
    "openat,rename,renameat,renameat2,link,linkat,unlink,unlinkat,mkdir,mkdirat,rmdir,"
    "fsync,fdatasync,pwrite64,write,ftruncate"
)

_CALL = re.compile(r"^(?:\d+ +)?(\w+)\((.*)\) += (-?\d+)")
_UNFINISHED = re.compile(r"^(\d+) +(.*) <unfinished \.\.\.>$")
_RESUMED = re.compile(r"^(\d+) +<\.\.\. \w+ resumed>(.*)$")
# A descriptor is written 3</path>, with "(deleted)" after it where that holds; a name is quoted.
_FILE = re.compile(r"^(?:AT_FDCWD|\d+)<([^>]*)>|^\"([^\"]*)\"")
_NUMBER = re.compile(r", (\d+)$")
_ALIASES = {
    "renameat": "rename",
    "renameat2": "rename",
    "linkat": "link",
    "unlinkat": "unlink",
    "mkdirat": "mkdir",
}


@dataclass(frozen=True)
class Call:
    """One call that succeeded.

    Attributes:
        name: Without the `at` of the newer calls; `create` where it made a file.
        paths: The files that it names, in order.
        data: What it wrote.
        number: Its last argument where that is a number: an offset, a length.
        deleted: Whether a file that it names had no name any more.
    """

    name: str
    paths: tuple[str, ...]
    data: bytes = b""
    number: int = 0
    deleted: bool = False

    def __str__(self) -> str:
        return f"{self.name} {' '.join(self.paths)}"


def parse(text: str) -> list[Call]:
    """Read the output of `strace -f -y`; calls that failed are left out."""
    calls, unfinished = [], {}
    for line in text.splitlines():
        if match := _UNFINISHED.match(line):
            unfinished[match[1]] = match[2]
            continue
        if match := _RESUMED.match(line):
            line = f"{match[1]} {unfinished.pop(match[1])}{match[2]}"
        match = _CALL.match(line)
        if not match or match[3].startswith("-"):
            continue
        name = "rmdir" if "AT_REMOVEDIR" in match[2] else _ALIASES.get(match[1], match[1])
        if name == "openat" and "O_CREAT" not in match[2]:
            continue
        name = "create" if name == "openat" else name
        data = _bytes(match[2].split('"')[1])[: int(match[3])] if "write" in name else b""
        number = _NUMBER.search(match[2]) if name in ("pwrite64", "ftruncate") else None
        paths, deleted = _paths(match[1], match[2]), ">(deleted)" in match[2]
        calls.append(Call(name, paths, data, int(number[1]) if number else 0, deleted))
    return calls


def _bytes(text: str) -> bytes:
    """Return what a string of strace stands for; with `-xx` all of it is in hexadecimal."""
    return bytes.fromhex(text.replace("\\x", "")) if text.startswith("\\x") else text.encode()


def _paths(name: str, arguments: str) -> tuple[str, ...]:
    found, folder = [], ""
    for argument in arguments.split(", "):
        match = _FILE.match(argument)
        if not match:
            continue
        text = _bytes(match[2] if match[1] is None else match[1]).decode(errors="replace")
        if match[1] is None:
            found.append(text if name.endswith(("write", "write64")) else os.path.join(folder, text))
        elif name.endswith(("at", "at2")):
            folder = text
        else:
            found.append(text)
    if "write" in name and not found[0].startswith("pipe:"):
        return (found[0],)  # what is written is told only of what the child says
    return tuple(found)


def trace(
    code: str, root: Path, *arguments: object, log: Path, environment: Mapping[str, str] = CHILD_ENVIRONMENT
) -> list[Call]:
    """Run a child as the other tests do, and return its calls between what it says: `begin` and `end`."""
    command = [STRACE, "-f", "-y", "-xx", "-s", "1000000", "-e", f"trace={TRACED}", "-o", str(log)]
    child = [
        sys.executable,
        "-B",
        "-c",
        f"from store_tools import *\n{code}",
        str(root),
        *map(str, arguments),
    ]
    done = subprocess.run([*command, *child], env=environment, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    calls = parse(log.read_text())
    begin, end = (
        next(n for n, c in enumerate(calls) if c.name == "write" and c.paths[-1].startswith(word))
        for word in ("begin", "end")
    )
    return calls[begin + 1 : end + 1]


def namer(root: Path, home: Path) -> Callable[[Call], str]:
    """Return what writes a call with names as the design does: `fsync event`, `link .binary.json > binary.json`."""

    def name(path: str) -> str:
        if path in (str(root), str(root.parent)):
            return "root" if path == str(root) else "parent"
        if path == str(home):
            return "home"
        if path == str(home.parent):
            return "hour"
        if path == str(home.parent.parent):
            return "day"
        last = path.rpartition("/")[2]
        if last.startswith("."):
            return ".".join(last.split(".")[:-1])
        if last.endswith(".log"):
            return "log"
        return re.sub(r"-[0-9a-f]{12}-\d+$|-\d+$", "", last)

    return lambda call: " ".join([call.name, " > ".join(name(path) for path in call.paths)])
