"""The tree of a file system in memory that lacks what it is told to."""

import errno
import os
import stat
import time
from collections.abc import Callable
from dataclasses import dataclass, field

ROOT = 1

FAULTS = {
    "no-link": "link() is EPERM",
    "link-replaces": "link() replaces what another host has just made",
    "no-flock": "flock() is ENOSYS",
    "flock-by-mount": "a lock is known at its own mount alone",
    "locks-stay": "a lock is never let go",
    "no-fsync": "fsync() of a file is EINVAL",
    "no-fsyncdir": "fsync() of a directory is EINVAL",
    "two-winners": "O_EXCL takes what another host has just made",
    "full-replaced": "a directory is renamed over one that holds something",
    "folds-case": "capitals are not told apart",
    "short-names": "a name has 100 bytes at most",
    "no-holes": "what was never written is not zero",
    "forgets": "a file that was replaced or removed is gone for who has just looked it up or has it open",
    "split-rename": "rename removes what it replaces, then lets others look",
    "late": "the second mount remembers names for a while",
    "keeps-pages": "the second mount's kernel keeps what it has read",
    "other-inodes": "the second mount has other inode numbers",
}


@dataclass
class Node:
    """A file, directory or symbolic link."""

    number: int
    mode: int
    data: bytearray = field(default_factory=bytearray)
    names: dict[str, "Node"] = field(default_factory=dict)
    links: int = 1
    mtime_ns: int = field(default_factory=time.time_ns)
    owner: tuple[int, int] = (0, 0)


class Fault(Exception):
    """An error number that a call is answered."""


class FileSystem:
    """The tree, its locks, and what is wrong with it."""

    def __init__(self, faults: frozenset[str]) -> None:
        self.faults = faults
        self.nodes = {ROOT: Node(ROOT, stat.S_IFDIR | 0o755, links=2)}
        self._next = ROOT
        self.locks: dict[int, int] = {}
        # Set while a rename waits for others: what ends that.
        self.looked: Callable[[str], None] | None = None
        self.let_others: Callable[[Callable[[], bool]], None] = lambda _: None

    def key(self, name: bytes) -> str:
        text = os.fsdecode(name)
        if "short-names" in self.faults and len(text) > 100:
            raise Fault(errno.ENAMETOOLONG)
        return text.lower() if "folds-case" in self.faults else text

    def find(self, parent: int, name: bytes) -> Node:
        key = self.key(name)
        node = self.nodes[parent].names.get(key)
        if self.looked:
            self.looked(key)
        if node is None:
            raise Fault(errno.ENOENT)
        return node

    def add(self, parent: int, name: bytes, mode: int, *, exclusive: bool = True) -> Node:
        names, key = self.nodes[parent].names, self.key(name)
        if exclusive and "two-winners" in self.faults:
            self._let_look(key)
        if key in names:
            if exclusive and "two-winners" not in self.faults:
                raise Fault(errno.EEXIST)
            return names[key]
        self._next += 1
        node = names[key] = self.nodes[self._next] = Node(self._next, mode)
        return node

    def link(self, node: Node, parent: int, name: bytes) -> Node:
        names, key = self.nodes[parent].names, self.key(name)
        if "no-link" in self.faults:
            raise Fault(errno.EPERM)
        if "link-replaces" in self.faults:
            self._let_look(key)
        elif key in names:
            raise Fault(errno.EEXIST)
        names[key] = node
        node.links += 1
        return node

    def remove(self, parent: int, name: bytes, *, directory: bool) -> None:
        node = self.find(parent, name)
        if directory and node.names:
            raise Fault(errno.ENOTEMPTY)
        del self.nodes[parent].names[self.key(name)]
        self._lose(node)

    def _lose(self, node: Node) -> None:
        node.links -= 1
        if node.links <= 0 and "forgets" in self.faults:
            self.nodes.pop(node.number, None)

    def rename(self, parent: int, name: bytes, target_parent: int, target_name: bytes) -> None:
        node, target = self.find(parent, name), self.key(target_name)
        names = self.nodes[target_parent].names
        if (old := names.get(target)) is not None and old is not node:
            if old.names and "full-replaced" not in self.faults:
                raise Fault(errno.ENOTEMPTY)
            if "split-rename" in self.faults:
                del names[target]
                self._let_look(target, 2)  # the kernel asks twice before it believes that a name is gone
            elif "forgets" in self.faults and stat.S_ISREG(old.mode):
                self._let_look(target)
            self._lose(old)
        self.nodes[parent].names.pop(self.key(name), None)
        names[target] = node

    def _let_look(self, target: str, times: int = 1) -> None:
        """Answer others until somebody has looked a name up; for a moment only, for maybe nobody does."""
        seen: list[str] = []
        self.looked = lambda key: seen.append(key) if key == target else None
        try:
            self.let_others(lambda: len(seen) >= times)
        finally:
            self.looked = None

    def lock(self, node: int, owner: int, kind: int) -> None:
        if "no-flock" in self.faults:
            raise Fault(errno.ENOSYS)
        if kind == 2:
            if self.locks.get(node) == owner and "locks-stay" not in self.faults:
                del self.locks[node]
        elif self.locks.get(node, owner) != owner:
            raise Fault(errno.EAGAIN)
        else:
            # An owner's number may be another's later; this one is nobody's.
            self.locks[node] = -1 if "locks-stay" in self.faults else owner
