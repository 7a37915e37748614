"""A file system in memory that lacks what it is told to, mounted once or twice: `FAULTS POINT [POINT2]`.

It speaks to the kernel by /dev/fuse, so what a test meets is a real mount with a real fault. It says `ready` when it
is mounted, and unmounts and ends with its standard input. The second mount is what another host would be.

Source: linux/fuse.h, protocol 7.31.
"""

import ctypes
import errno
import os
import select
import stat
import struct
import sys
import time
from collections.abc import Callable

from faulty_tree import Fault, FileSystem, Node

_READ_BYTES = 512 * 1024
_MAX_WRITE = 128 * 1024
_FLOCK_LOCKS, _DONT_MASK, _BIG_WRITES = 1 << 10, 1 << 6, 1 << 5
_UNLOCK = 2
_INIT = 26
_KEEP_CACHE = 1 << 1
_WAIT_S = 0.02
LATE_S = 1


class Mount:
    """One mount of it: requests of the kernel, answered one after the other."""

    def __init__(self, tree: FileSystem, point: str, number: int) -> None:
        self.tree, self.number = tree, number
        # A request may be gone again by the time that it is read.
        self.fd = os.open("/dev/fuse", os.O_RDWR | os.O_CLOEXEC | os.O_NONBLOCK)
        options = f"fd={self.fd},rootmode=40000,user_id=0,group_id=0,allow_other".encode()
        libc = ctypes.CDLL(None, use_errno=True)
        # What mfsmount says of itself, where that is wanted; it is nothing that a file system lacks.
        what = (b"mfs#10.0.0.1:9421", b"fuse") if "as-moosefs" in tree.faults else (b"faulty", b"fuse.faulty")
        if libc.mount(what[0], os.fsencode(point), what[1], 0, options):
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))

    def answer_one(self) -> bool:
        """Answer a request; return False once this is mounted no more."""
        try:
            message = os.read(self.fd, _READ_BYTES)
        except OSError as error:
            return error.errno in (errno.ENOENT, errno.EINTR, errno.EAGAIN)
        _, opcode, unique, node = struct.unpack_from("<IIQQ", message)
        if opcode in (2, 36, 42):  # FORGET, INTERRUPT, BATCH_FORGET have no answer
            return True
        try:
            answer, number = self._do(opcode, node, message[40:]), 0
        except Fault as fault:
            answer, number = b"", int(fault.args[0])
        try:
            os.write(self.fd, struct.pack("<IiQ", 16 + len(answer), -number, unique) + answer)
        except OSError as error:
            if error.errno != errno.ENOENT:  # whoever asked was killed meanwhile
                raise
        return True

    def _attributes(self, node: Node) -> bytes:
        seconds, rest = divmod(node.mtime_ns, 10**9)
        number = node.number + (10**6 if self.number and "other-inodes" in self.tree.faults else 0)
        return struct.pack(
            "<6Q10I",
            number,
            len(node.data),
            (len(node.data) + 511) // 512,
            seconds,
            seconds,
            seconds,
            rest,
            rest,
            rest,
            node.mode,
            max(node.links, 0),
            *node.owner,
            0,
            4096,
            0,
        )

    def _entry(self, node: Node) -> bytes:
        valid = LATE_S if self.number and "late" in self.tree.faults else 0
        return struct.pack("<4Q2I", node.number, 0, valid, valid, 0, 0) + self._attributes(node)

    def _node(self, number: int) -> Node:
        if number not in self.tree.nodes:
            raise Fault(errno.ENOENT)
        return self.tree.nodes[number]

    def _do(self, opcode: int, number: int, body: bytes) -> bytes:
        tree = self.tree
        # What a file system says for good to a client whom it has shut out; it is nothing that it lacks.
        if "shut-out" in tree.faults and opcode != _INIT:
            raise Fault(errno.ESHUTDOWN)
        match opcode:
            case 1:  # LOOKUP
                return self._entry(tree.find(number, body.rstrip(b"\0")))
            case 3:  # GETATTR
                valid = LATE_S if self.number and "late" in tree.faults else 0
                return struct.pack("<Q2I", valid, 0, 0) + self._attributes(self._node(number))
            case 4:  # SETATTR
                return self._set(self._node(number), body)
            case 5:  # READLINK
                return bytes(self._node(number).data)
            case 6:  # SYMLINK
                name, target = body.split(b"\0")[:2]
                node = tree.add(number, name, stat.S_IFLNK | 0o777)
                node.data[:] = target
                return self._entry(node)
            case 9:  # MKDIR
                mode, umask = struct.unpack_from("<II", body)
                node = tree.add(number, body[8:-1], stat.S_IFDIR | (mode & ~umask))
                return self._entry(node)
            case 10 | 11:  # UNLINK, RMDIR
                tree.remove(number, body.rstrip(b"\0"), directory=opcode == 11)
            case 12 | 45:  # RENAME, RENAME2
                (target,) = struct.unpack_from("<Q", body)
                old, new = body[8 if opcode == 12 else 16 :].split(b"\0")[:2]
                tree.rename(number, old, target, new)
            case 13:  # LINK
                (old_number,) = struct.unpack_from("<Q", body)
                return self._entry(tree.link(self._node(old_number), number, body[8:-1]))
            case 14 | 27:  # OPEN, OPENDIR
                self._node(number)
                keeps = self.number and "keeps-pages" in tree.faults
                return struct.pack("<QII", number, _KEEP_CACHE if keeps else 0, 0)
            case 15:  # READ
                _, offset, size = struct.unpack_from("<QQI", body)
                return bytes(self._node(number).data[offset : offset + size])
            case 16:  # WRITE
                return self._write(self._node(number), body)
            case 17:  # STATFS
                return struct.pack(
                    "<5Q4I24x", 1 << 20, 1 << 19, 1 << 19, 1 << 20, 1 << 19, 4096, 255, 4096, 0
                )
            case 18:  # RELEASE
                _, _, flags, owner = struct.unpack_from("<QIIQ", body)
                if flags & _UNLOCK:
                    tree.lock(number, owner, 2)
            case 20 | 30:  # FSYNC, FSYNCDIR
                if ("no-fsync" if opcode == 20 else "no-fsyncdir") in tree.faults:
                    raise Fault(errno.EINVAL)
            case 25 | 29 | 38:  # FLUSH, RELEASEDIR, DESTROY
                pass
            case 26:  # INIT
                flags = _DONT_MASK | _BIG_WRITES
                if "flock-by-mount" not in tree.faults:
                    flags |= _FLOCK_LOCKS
                return struct.pack("<4I2H2I2H32x", 7, 31, 0, flags, 16, 12, _MAX_WRITE, 1, 32, 0)
            case 28:  # READDIR
                _, offset, size = struct.unpack_from("<QQI", body)
                return self._list(self._node(number), offset, size)
            case 32 | 33:  # SETLK, SETLKW
                _, owner, _, _, kind = struct.unpack_from("<4QI", body)
                tree.lock(number, owner, kind)
            case 35:  # CREATE
                flags, mode, umask = struct.unpack_from("<III", body)
                exclusive = bool(flags & os.O_EXCL)
                node = tree.add(
                    number, body[16:-1], stat.S_IFREG | (mode & ~umask & 0o7777), exclusive=exclusive
                )
                return self._entry(node) + struct.pack("<QII", node.number, 0, 0)
            case _:
                raise Fault(errno.ENOSYS)
        return b""

    def _set(self, node: Node, body: bytes) -> bytes:
        valid, _, _, size, _, _, mtime, _, _, nsec, _, mode, _, uid, gid = struct.unpack_from(
            "<II6Q3I5I", body
        )[:15]
        if valid & 1:
            node.mode = stat.S_IFMT(node.mode) | (mode & 0o7777)
        if valid & 6:
            node.owner = (uid if valid & 2 else node.owner[0], gid if valid & 4 else node.owner[1])
        if valid & 8:
            node.data[size:] = bytes(max(0, size - len(node.data)))
        if valid & 32:
            node.mtime_ns = time.time_ns() if valid & 256 else mtime * 10**9 + nsec
        return struct.pack("<Q2I", 0, 0, 0) + self._attributes(node)

    def _write(self, node: Node, body: bytes) -> bytes:
        _, offset, size = struct.unpack_from("<QQI", body)
        gap = b"?" if "no-holes" in self.tree.faults else b"\0"
        node.data.extend(gap * (offset - len(node.data)))
        node.data[offset : offset + size] = body[40 : 40 + size]
        node.mtime_ns = time.time_ns()
        return struct.pack("<II", size, 0)

    def _list(self, node: Node, offset: int, size: int) -> bytes:
        block = b""
        for position, (name, child) in enumerate(list(node.names.items())[offset:], offset + 1):
            encoded = os.fsencode(name)
            head = struct.pack("<QQII", child.number, position, len(encoded), stat.S_IFMT(child.mode) >> 12)
            entry = (head + encoded).ljust((24 + len(encoded) + 7) // 8 * 8, b"\0")
            if len(block) + len(entry) > size:
                break
            block += entry
        return block


def run(faults: frozenset[str], points: list[str]) -> None:
    """Mount, and answer until standard input ends or nothing is mounted any more."""
    tree = FileSystem(faults)
    mounts = {mount.fd: mount for mount in (Mount(tree, point, n) for n, point in enumerate(points))}
    sys.stdout.write("ready\n")
    sys.stdout.flush()

    def let_others(is_done: Callable[[], bool]) -> None:
        until_s = time.monotonic() + _WAIT_S
        while not is_done() and (left_s := until_s - time.monotonic()) > 0:
            for fd in select.select(list(mounts), [], [], left_s)[0]:
                mounts[fd].answer_one()

    tree.let_others = let_others
    while mounts:
        ready = select.select([*mounts, sys.stdin], [], [])[0]
        if sys.stdin in ready:
            break
        for fd in ready:
            if not mounts[fd].answer_one():
                del mounts[fd]
    libc = ctypes.CDLL(None)
    for point in points:
        libc.umount2(os.fsencode(point), 2)  # MNT_DETACH


if __name__ == "__main__":
    run(frozenset(sys.argv[1].split(",")) - {""}, sys.argv[2:])
