"""A disk that can lose its power: replays a recording and yields every tree that a cut may leave.

The model is the weakest that the store is built for. Until a directory's fsync any subset
of its name changes may be kept, whatever their order. A rename within a directory is one
change; a file renamed between directories may show under either name or both, a
directory shows under one. Until a file's fsync any part of its writes may be kept: each is
at least two pieces and a size; what was lost before a kept piece or within a kept size
reads as it did before, or as zeros. What is durable stays.

Source: fsync(2), rename(2); Pillai et al., "All File Systems Are Not Created Equal", OSDI 2014.
"""

import itertools
import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from recording import SYNCS, Step
from trees import Tree


@dataclass(eq=False)
class File:
    """A file: its bytes now, and as they last became durable."""

    now: bytes = b""
    durable: bytes = b""


@dataclass(eq=False)
class Folder:
    """A directory: its names now, and as they last became durable."""

    now: dict[str, "Node"] = field(default_factory=dict)
    durable: dict[str, "Node"] = field(default_factory=dict)


Node: TypeAlias = File | Folder


@dataclass(eq=False)
class Names:
    """A change of names that is kept or lost as a whole; `after` is one without which it cannot be."""

    parts: list[tuple[Folder, str, Node | None]]
    after: "Names | None" = None


@dataclass(eq=False)
class Piece:
    """A piece of a write, or a truncation where `data` is None. A piece of no bytes is a size."""

    file: File
    offset: int
    data: bytes | None

    def apply(self, content: bytes) -> bytes:
        """Return what a file holds with it."""
        kept = content[: self.offset].ljust(self.offset, b"\0")
        if self.data is None:
            return kept
        return kept + self.data + content[self.offset + len(self.data) :]


Change: TypeAlias = Names | Piece


class Disk:
    """What a recording did to a tree that was durable when it began."""

    def __init__(self, tree: Tree) -> None:
        self.root = Folder()
        self.pending: list[Change] = []
        self._missed: set[Change] = set()
        for path, data in sorted(tree.items()):
            folder, name = self._place(path)
            node = Folder() if data is None else File(data, data)
            folder.now[name] = folder.durable[name] = node

    def do(self, step: Step) -> None:
        """Follow a step."""
        if step.call in SYNCS:
            self._sync(self._find(step.paths[0]))
        elif step.call in ("write", "truncate"):
            self._write(step)
        else:
            self._name(step)

    def miss(self, step: Step) -> None:
        """Note what an fsync would make durable that is not done."""
        self._missed |= self._due(self._find(step.paths[0]))

    @property
    def misses(self) -> bool:
        """Whether something is not durable for want of an fsync that was missed."""
        return not self._missed.isdisjoint(self.pending)

    def _find(self, path: str) -> Node:
        node: Node = self.root
        for name in path.split("/") if path != "." else ():
            assert isinstance(node, Folder)
            node = node.now[name]
        return node

    def _place(self, path: str) -> tuple[Folder, str]:
        folder, _, name = path.rpartition("/")
        found = self._find(folder or ".")
        assert isinstance(found, Folder)
        return found, name

    def _name(self, step: Step) -> None:
        old = self._place(step.paths[0])
        match step.call:
            case "create":
                self._change((*old, File()))
            case "mkdir":
                self._change((*old, Folder()))
            case "unlink" | "rmdir":
                self._change((*old, None))
            case "link":
                self._change((*self._place(step.paths[1]), self._find(step.paths[0])))
            case "rename":
                node, new = self._find(step.paths[0]), self._place(step.paths[1])
                if old[0] is new[0] or isinstance(node, Folder):
                    self._change((*old, None), (*new, node))
                else:
                    self._change((*old, None), after=self._change((*new, node)))

    def _change(self, *parts: tuple[Folder, str, Node | None], after: Names | None = None) -> Names:
        for folder, name, node in parts:
            _set(folder.now, name, node)
        change = Names(list(parts), after)
        self.pending.append(change)
        return change

    def _write(self, step: Step) -> None:
        file = self._find(step.paths[0])
        assert isinstance(file, File)
        if step.call == "truncate":
            pieces = [Piece(file, step.offset, None)] if step.offset != len(file.now) else []
        else:
            half, end = (len(step.data) + 1) // 2, step.offset + len(step.data)
            pieces = [Piece(file, step.offset, step.data[:half])]
            if half < len(step.data):
                pieces.append(Piece(file, step.offset + half, step.data[half:]))
            if end > len(file.now):
                pieces.insert(0, Piece(file, end, b""))
        for piece in pieces:
            file.now = piece.apply(file.now)
        self.pending += pieces

    def _sync(self, node: Node) -> None:
        done = self._due(node)
        if isinstance(node, File):
            node.durable = node.now
        earlier: list[Change] = []
        for change in self.pending:
            if change not in done:
                earlier.append(change)
            elif isinstance(change, Names):
                for folder, name, other in change.parts:
                    _set(folder.durable, name, other)
                    for passed in earlier:
                        if isinstance(passed, Names):
                            passed.parts = [p for p in passed.parts if p[0] is not folder or p[1] != name]
        self.pending = [c for c in earlier if isinstance(c, Piece) or c.parts]

    def _due(self, node: Node) -> set[Change]:
        """Return what an fsync makes durable."""
        if isinstance(node, File):
            return {c for c in self.pending if isinstance(c, Piece) and c.file is node}
        return self._whole({c for c in self.pending if isinstance(c, Names) and _is_in(c, node)})

    def _whole(self, kept: set[Change]) -> set[Change]:
        """Return a choice of changes with those that it cannot be without."""
        return kept | {
            c.after for c in kept if isinstance(c, Names) and c.after is not None and c.after in self.pending
        }

    def cuts(
        self, chance: random.Random, *, all_up_to: int, randomly: int
    ) -> Iterator[dict[str, bytes | None]]:
        """Yield the trees that a cut at this moment may leave; some of them may be equal.

        Where an fsync was missed, only those that it would have prevented.

        Args:
            chance: Chooses where there are too many.
            all_up_to: The most pending changes of which every subset is tried.
            randomly: How many are tried by chance besides the typical ones of more.
        """
        missed = self._missed.intersection(self.pending)
        for choice in subsets(len(self.pending), chance, all_up_to=all_up_to, randomly=randomly):
            kept = self._whole({self.pending[n] for n in choice})
            if not missed or not missed <= kept:
                yield self._tree(kept)

    def now(self) -> dict[str, bytes | None]:
        """Return the tree as the processes see it."""
        return self._tree(set(self.pending))

    def _tree(self, kept: set[Change]) -> dict[str, bytes | None]:
        names: dict[Folder, dict[str, Node]] = {}
        contents: dict[File, bytes] = {}
        for change in self.pending:
            if change not in kept:
                continue
            if isinstance(change, Piece):
                contents[change.file] = change.apply(contents.get(change.file, change.file.durable))
            else:
                for folder, name, node in change.parts:
                    _set(names.setdefault(folder, dict(folder.durable)), name, node)

        def walk(folder: Folder, path: str) -> Iterator[tuple[str, bytes | None]]:
            for name, node in names.get(folder, folder.durable).items():
                if isinstance(node, File):
                    yield path + name, contents.get(node, node.durable)
                else:
                    yield path + name, None
                    yield from walk(node, f"{path}{name}/")

        return dict(walk(self.root, ""))


def subsets(count: int, chance: random.Random, *, all_up_to: int, randomly: int) -> Iterator[Sequence[int]]:
    """Yield subsets of so many: all, or none, all, each alone, all but each, those before each, and some."""
    every = range(count)
    if count <= all_up_to:
        for size in range(count + 1):
            yield from itertools.combinations(every, size)
        return
    yield ()
    yield every
    for n in every:
        yield (n,)
        yield [m for m in every if m != n]
        yield range(n)
    for _ in range(randomly):
        yield [n for n in every if chance.random() < 0.5]


def _set(names: dict[str, Node], name: str, node: Node | None) -> None:
    if node is None:
        names.pop(name, None)
    else:
        names[name] = node


def _is_in(change: Names, folder: Folder) -> bool:
    return any(found is folder for found, _, _ in change.parts)


def replayed(tree: Tree, steps: Iterable[Step]) -> Disk:
    """Return the disk after some steps."""
    disk = Disk(tree)
    for step in steps:
        disk.do(step)
    return disk
