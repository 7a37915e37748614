"""A disk that can lose its power: what the store did to it, and every tree that a cut may leave.

The calls of `os` that change names or make them durable are recorded while they are
really done. The model is the weakest that the store is built for: until a directory's
fsync any subset of its name changes may be kept, whatever their order; a rename is one
change; a file moved between directories may show under both names, a directory never
does; bytes that were not fsynced may be missing. A killed process is one whose calls
stop: after the step at which it dies none is done any more, clean-up included.

Source: fsync(2), rename(2); Pillai et al., "All File Systems Are Not Created Equal", OSDI 2014.
"""

import itertools
import os
import random
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_CALLS = ("rename", "link", "unlink", "mkdir", "rmdir", "fsync", "fdatasync", "pwrite", "ftruncate", "open")
MOST_SUBSETS = 32


class Killed(BaseException):
    """The process is dead; whatever it still tries is not done."""


@dataclass(eq=False)
class File:
    """A file: its bytes as they last became durable."""

    durable: bytes = b""


@dataclass(eq=False)
class Folder:
    """A directory: its names now, and as they last became durable."""

    now: dict[str, Any] = field(default_factory=dict)
    durable: dict[str, Any] = field(default_factory=dict)


@dataclass(eq=False)
class Change:
    """A change of names that a cut keeps or loses as a whole; `after` is one without which it cannot be."""

    parts: list[tuple[Folder, str, Any]]
    after: "Change | None" = None


class Disk:
    """What is recorded below `root`, from the moment that this is made."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.pending: list[Change] = []
        self.steps: list[str] = []
        self.die_at: int | None = None
        self.after_step: Callable[[], None] | None = None
        self._dead = False
        self.tree = self._load(root)

    def _load(self, path: Path) -> Any:
        if path.is_file():
            return File(path.read_bytes())
        names = {p.name: self._load(p) for p in path.iterdir() if not p.is_symlink()}
        return Folder(dict(names), dict(names))

    # Recording

    @contextmanager
    def recorded(self) -> Iterator[None]:
        """Record what is done to the disk in the block."""
        real = {name: getattr(os, name) for name in _CALLS}
        for name in _CALLS:
            setattr(os, name, self._wrap(name, real[name]))
        try:
            yield
        finally:
            for name in _CALLS:
                setattr(os, name, real[name])

    def revive(self) -> None:
        """Let another process go on where one was killed."""
        self.die_at, self._dead = None, False

    def _wrap(self, name: str, real: Any) -> Any:
        def call(*arguments: Any, **more: Any) -> Any:
            if name == "open" and not arguments[1] & os.O_CREAT:
                return real(*arguments, **more)
            taken = 2 if name in ("rename", "link") else 1
            paths = [self._path(a, more.get("dir_fd")) for a in arguments[:taken]]
            if not paths[0]:
                return real(*arguments, **more)
            if self._dead or self.die_at == len(self.steps):
                self._dead = True
                raise Killed
            result = real(*arguments, **more)
            self.steps.append(" > ".join([f"{name} {paths[0]}", *paths[1:]]))
            getattr(self, f"_{name}")(*paths)
            if self.after_step:
                self.after_step()
            return result

        return call

    def _path(self, argument: Any, dir_fd: int | None) -> str:
        if isinstance(argument, int):
            path = os.readlink(f"/proc/self/fd/{argument}") if argument > 2 else ""
        elif isinstance(argument, str | Path) and dir_fd is not None:
            path = os.path.join(os.readlink(f"/proc/self/fd/{dir_fd}"), argument)
        elif isinstance(argument, str | Path):
            path = str(argument)
        else:
            path = ""
        below = f"{path}/".startswith(f"{self.root}/")
        return f".{path.removeprefix(str(self.root)).removesuffix(' (deleted)')}" if below else ""

    def _find(self, path: str) -> Any:
        node: Any = self.tree
        for name in path.split("/")[1:]:
            node = node.now.get(name) if isinstance(node, Folder) else None
        return node

    def _place(self, path: str) -> tuple[Folder, str]:
        folder, _, name = path.rpartition("/")
        return self._find(folder), name

    def _do(self, *parts: tuple[Folder, str, Any], after: Change | None = None) -> Change:
        for folder, name, node in parts:
            if node is None:
                folder.now.pop(name)
            else:
                folder.now[name] = node
        self.pending.append(Change(list(parts), after))
        return self.pending[-1]

    def _open(self, path: str) -> None:
        folder, name = self._place(path)
        if name not in folder.now:
            self._do((folder, name, File()))

    def _mkdir(self, path: str) -> None:
        self._do((*self._place(path), Folder()))

    def _link(self, source: str, target: str) -> None:
        self._do((*self._place(target), self._find(source)))

    def _unlink(self, path: str) -> None:
        if self._find(path) is not None:
            self._do((*self._place(path), None))

    _rmdir = _unlink

    def _rename(self, source: str, target: str) -> None:
        node, old, new = self._find(source), self._place(source), self._place(target)
        if old[0] is new[0] or isinstance(node, Folder):
            self._do((*old, None), (*new, node))
        else:
            self._do((*old, None), after=self._do((*new, node)))

    def _pwrite(self, path: str) -> None:
        pass

    _ftruncate = _pwrite

    def _fsync(self, path: str) -> None:
        node = self._find(path)
        if isinstance(node, Folder):
            kept = {id(c) for c in self.pending if any(folder is node for folder, _, _ in c.parts)}
            kept |= {id(c.after) for c in self.pending if id(c) in kept and c.after}
            for change in self.pending:
                if id(change) in kept:
                    self._keep(change, None)
            self.pending = [c for c in self.pending if id(c) not in kept]
        elif node is not None:
            node.durable = (self.root / path).read_bytes()

    _fdatasync = _fsync

    @staticmethod
    def _keep(change: Change, names: dict[int, dict[str, Any]] | None) -> None:
        for folder, name, node in change.parts:
            held = folder.durable if names is None else names.setdefault(id(folder), dict(folder.durable))
            if node is None:
                held.pop(name, None)
            else:
                held[name] = node

    # Cutting

    def cuts(self, chance: random.Random) -> Iterator[dict[str, bytes]]:
        """Yield every tree that a cut at this moment may leave, as bytes by path; of very many some."""
        count = len(self.pending)
        if 2**count <= MOST_SUBSETS:
            choices: Any = itertools.product((False, True), repeat=count)
        else:
            choices = [[chance.random() < 0.5 for _ in range(count)] for _ in range(MOST_SUBSETS)]
            choices += [[True] * count, [False] * count]
        for choice in choices:
            kept = [c for c, keep in zip(self.pending, choice, strict=True) if keep]
            if any(c.after and c.after in self.pending and c.after not in kept for c in kept):
                continue
            names: dict[int, dict[str, Any]] = {}
            for change in kept:
                self._keep(change, names)
            yield dict(self._files(self.tree, "", names))

    def _files(
        self, folder: Folder, path: str, names: dict[int, dict[str, Any]]
    ) -> Iterator[tuple[str, bytes]]:
        for name, node in names.get(id(folder), folder.durable).items():
            if isinstance(node, File):
                yield path + name, node.durable
            else:
                yield f"{path}{name}/", b""
                yield from self._files(node, f"{path}{name}/", names)


def lay_out(files: dict[str, bytes], root: Path) -> None:
    """Make a tree under `root`, which keeps its lock files, in place of the one that is there."""
    for name in ("events", "tmp"):
        for path in (root / name).iterdir():
            shutil.rmtree(path)
    for path, data in sorted(files.items()):
        if path.startswith(("events/", "tmp/")) and path.endswith("/"):
            (root / path).mkdir(exist_ok=True)
        elif path.startswith(("events/", "tmp/")):
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_bytes(data)
