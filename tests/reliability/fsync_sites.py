"""Every line of the code that asks for an fsync, found in its source, so that no new one can be forgotten."""

import ast
import fcntl
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from recording import FSIO, FSIO_ROOM, GROUP_COMMIT, PACKAGE, Site

_CLIENTS = PACKAGE / "cli/remote"
# What processes of other hosts rest on, which live on when the server of their file system loses its power: in a cut as
# it is modelled here none does. `tests/store/test_store_fence.py` kills who is about it at each step.
_AMONG_HOSTS = tuple(PACKAGE / "store" / name for name in ("beats.py", "fence.py", "locks.py"))
# What makes durable by itself; the rest of `fsio` is followed to these.
_SYSTEM_CALLS = {"os.fsync", "os.fdatasync", "fcntl.fcntl"}


@dataclass(frozen=True)
class Call:
    """A call that leads to an fsync.

    Attributes:
        site: Where it stands, and which line of `fsio` it leads to.
        function: The function that it stands in.
        text: The call as it is written.
        inner: The call in `fsio` that it leads to, or the group commit, which makes one of each part.
        elsewhere: Whether it is made on another operating system alone.
    """

    site: Site
    function: str
    text: str
    inner: str
    elsewhere: bool

    @property
    def key(self) -> str:
        """The call without what changes with every edit."""
        return f"{self.site.file} {self.function}: {self.text}"

    def __str__(self) -> str:
        return f"{self.key} at {self.site.line} by {self.inner}"


def _calls(node: ast.AST) -> Iterator[ast.Call]:
    return (n for n in ast.walk(node) if isinstance(n, ast.Call))


def _functions(tree: ast.AST) -> list[ast.FunctionDef]:
    return [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef)]


def _syncing() -> dict[str, list[ast.Call]]:
    """Return the functions of `fsio` that make something durable, each with its own calls that do."""
    functions = _functions(ast.parse(Path(FSIO).read_text()))
    found: dict[str, list[ast.Call]] = {}
    while True:
        names = _SYSTEM_CALLS | set(found)
        now = {
            f.name: calls
            for f in functions
            if (calls := [c for c in _calls(f) if ast.unparse(c.func) in names])
        }
        if now.keys() == found.keys():
            return now
        found = now


def fsync_calls() -> list[Call]:
    """Return every call in the package that asks for an fsync, once for each fsync that it leads to."""
    syncing = _syncing()
    found = []
    for path in sorted(PACKAGE.rglob("*.py")):
        # What the commands that are clients of a server keep of their own is in no data directory.
        if path.is_relative_to(FSIO_ROOM) or str(path) == GROUP_COMMIT or path.is_relative_to(_CLIENTS):
            continue
        if path in _AMONG_HOSTS:
            continue
        tree = ast.parse(path.read_text())
        for function in _functions(tree):
            for call in _calls(function):
                file, text = str(path.relative_to(PACKAGE)), ast.unparse(call)
                if ast.unparse(call.func) == "Durable":
                    found.append(
                        Call(Site(file, call.lineno, 0), function.name, text, "the group commit", False)
                    )
                name = ast.unparse(call.func).removeprefix("fsio.")
                if not ast.unparse(call.func).startswith("fsio.") or name not in syncing:
                    continue
                for inner in syncing[name]:
                    site = Site(file, call.lineno, inner.lineno)
                    leads_to, elsewhere = ast.unparse(inner), _is_elsewhere(name, inner)
                    found.append(Call(site, function.name, text, leads_to, elsewhere))
    return sorted(set(found), key=str)


def _is_elsewhere(function: str, inner: ast.Call) -> bool:
    """macOS has F_FULLFSYNC, and no fdatasync."""
    called = ast.unparse(inner.func)
    if function == "sync":
        return (called == "fcntl.fcntl") != hasattr(fcntl, "F_FULLFSYNC")
    return function == "sync_data" and (called == "sync") == hasattr(os, "fdatasync")
