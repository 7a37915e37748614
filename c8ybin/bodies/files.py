"""The files that bodies are received in, and the handle on a received one."""

import contextlib
import hashlib
import os
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from c8ybin import fsio
from c8ybin.domain.digests import ALGORITHMS, OURS
from c8ybin.domain.sizes import MIB

# A longer body is hashed by what the client stated alone; our own digest follows the answer.
HASHED_ON_ARRIVAL = 1 * MIB
WRITEBACK_BYTES = 8 * MIB


@dataclass(slots=True)
class ReceivedBody:
    """A body as a file in the writer's folder: moved into the store, or copied from it in parts.

    Attributes:
        fd: A descriptor on the file, open until `close`.
        path: Where the file is; None once it was moved.
        length: Its bytes; a spool file may hold older bytes beyond them.
        digests: Digests of its bytes by algorithm: those that the client stated, and `sha-256`
            of a chunk or of a body of up to `HASHED_ON_ARRIVAL` bytes.
    """

    fd: int
    path: Path | None
    length: int
    digests: Mapping[str, bytes]
    _is_durable: bool = False
    _give_back: Callable[[], None] | None = field(default=None, repr=False)
    _closed: bool = field(default=False, repr=False)

    def move_to(self, target: fsio.AnyPath) -> None:
        """Rename the file into place; from then on it is the target's owner's.

        Until `close` it is locked, which tells a sweep that it is under way while nothing names it.

        Raises:
            OSError: The file stays where it was.
        """
        if self.path is None:
            raise ValueError("the body was moved already")
        fsio.try_lock(self.fd)
        fsio.rename(self.path, target)
        self.path = None

    def make_durable(self) -> None:
        """Fsync its bytes now, in this thread.

        Raises:
            OSError: The bytes may not be on the disk.
        """
        fsio.sync(self.fd)
        self._is_durable = True

    @property
    def unsynced(self) -> tuple[int, ...]:
        """Its descriptor where its bytes must be fsynced before anything names them, else nothing."""
        return () if self._is_durable else (self.fd,)

    def read_at(self, count: int, offset: int) -> bytes:
        """Return up to `count` bytes of the body from `offset`."""
        return fsio.read_at(self.fd, min(count, max(0, self.length - offset)), offset)

    def close(self) -> None:
        """Let the file go: it is removed unless it was moved or is used again."""
        if self._closed:
            return
        self._closed = True
        if self._give_back:
            self._give_back()
        else:
            os.close(self.fd)
            if self.path:
                fsio.remove(self.path)

    def __enter__(self) -> "ReceivedBody":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Hashes:
    """The digests of one stream of bytes, by algorithm."""

    def __init__(self, algorithms: Iterable[str]) -> None:
        self._hashes = {a: hashlib.new(ALGORITHMS[a]) for a in algorithms}

    def keep(self, algorithms: Collection[str]) -> None:
        """Go on with some of the algorithms alone."""
        for algorithm in self._hashes.keys() - set(algorithms):
            del self._hashes[algorithm]

    def update(self, data: bytes | memoryview) -> None:
        """Add bytes."""
        for h in self._hashes.values():
            h.update(data)

    def digests(self) -> dict[str, bytes]:
        """Return the digests of all bytes so far."""
        return {a: h.digest() for a, h in self._hashes.items()}


def digests_of(
    fd: int, algorithms: Iterable[str], start: int = 0, stop: int | None = None
) -> dict[str, bytes]:
    """Return the digests, by algorithm, of what an open file holds from `start` up to `stop` or its end."""
    hashes = Hashes(algorithms)
    left = (fsio.length(fd) if stop is None else stop) - start
    buffer = memoryview(bytearray(max(0, min(fsio.COPY_BYTES, left))))
    while left > 0 and (count := os.preadv(fd, [buffer[:left]], start)):
        hashes.update(buffer[:count])
        start += count
        left -= count
    return hashes.digests()


class BodyFile:
    """A file that takes bytes as they arrive and hashes them."""

    def __init__(
        self,
        fd: int,
        path: Path,
        algorithms: Iterable[str] = (),
        give_back: Callable[[], None] | None = None,
        *,
        min_free: int = 0,
    ) -> None:
        """Write to `fd`; `algorithms` are those of which the digest is wanted however many bytes arrive."""
        self._fd = fd
        self._min_free = min_free
        self._path = path
        self._algorithms = frozenset(algorithms)
        self._give_back = give_back
        self.length = self._written_back = self._longest = 0
        self.restart()

    def restart(self) -> None:
        """Forget the bytes so far."""
        self._longest = max(self._longest, self.length)
        self.length = self._written_back = 0
        self._hashes = Hashes(self._algorithms | {OURS})

    def write(self, data: bytes | memoryview) -> None:
        """Append bytes.

        Raises:
            OSError: ENOSPC (also where less than the reserve would stay free), EDQUOT, EIO.
        """
        fsio.require_free(self._fd, self._min_free, len(data))
        fsio.write_at(self._fd, data, self.length)
        self.length += len(data)
        if self.length > HASHED_ON_ARRIVAL:
            self._hashes.keep(self._algorithms)
        self._hashes.update(data)
        # A spool is never fsynced.
        if self.length - self._written_back >= WRITEBACK_BYTES and not self._give_back:
            self._begin_writeback()

    def _begin_writeback(self) -> None:
        """Let the disk work while more arrives, so that the fsync in the end has little to wait for."""
        # Not at the top, for few processes receive so much at once.
        from c8ybin.fsio.writeback import begin_writeback

        begin_writeback(self._fd, self._written_back, self.length - self._written_back)
        self._written_back = self.length

    def digests(self) -> dict[str, bytes]:
        """Return the digests of the bytes so far, by algorithm."""
        return self._hashes.digests()

    def discard(self) -> None:
        """Let the file go; nothing of it stays, for it may be that the disk is full."""
        with contextlib.suppress(OSError):
            fsio.truncate(self._fd, 0)
        self.received().close()

    def received(self) -> ReceivedBody:
        """Return the handle on the body; from then on that owns the file."""
        return ReceivedBody(self._fd, self._path, self.length, self.digests(), _give_back=self._give_back)

    def cut(self) -> None:
        """Cut what an earlier start left beyond the end."""
        if self._longest > self.length:
            fsio.truncate(self._fd, self.length)
