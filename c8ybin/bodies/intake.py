"""Where bodies are received: files in the folder of the running writer."""

import itertools
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from threading import Lock

from c8ybin import fsio
from c8ybin.bodies.files import BodyFile
from c8ybin.bodies.forms import FormReceiver
from c8ybin.bodies.receivers import BodyReceiver, Stated
from c8ybin.domain.digests import OURS
from c8ybin.domain.labels import Label
from c8ybin.domain.ranges import ContentRange
from c8ybin.domain.sizes import MIB

MAX_BINARY = 50 * MIB
MAX_CHUNK = 5 * MIB
# What the names of files end in, by the folder they are in. No process uses one twice there: a demo that is made
# anew while a server receives has an intake of its own in the same folder.
_NUMBERS: dict[Path, Iterator[int]] = {}


class Intake:
    """Hands out receivers whose files lie in one folder, and keeps that folder's spools.

    A whole body gets a file of its own, which the store renames into place. A chunk is
    copied from a spool, which is used again: freeing an inode for each would slow the
    creation of files on ext4.
    """

    def __init__(
        self, folder: Path, *, max_binary: int = MAX_BINARY, max_chunk: int = MAX_CHUNK, min_free: int = 0
    ) -> None:
        """Receive into `folder`, which must exist; limits and the reserve `min_free` are in bytes."""
        self.max_binary = max_binary
        self.max_chunk = max_chunk
        self._folder = folder
        self._numbers = _NUMBERS.setdefault(folder, itertools.count(1))
        self._min_free = min_free
        self._spools: list[tuple[int, Path]] = []
        self._lock = Lock()

    def require_room(self, length: int) -> None:
        """Refuse a body for which there is no room, before it is sent.

        Raises:
            OSError: ENOSPC.
        """
        fsio.require_free(self._folder, self._min_free, length)

    def whole(self, label: Label, stated: tuple[Stated, ...]) -> BodyReceiver:
        """Begin a raw body that is the file."""
        file = self._new_file({a for s in stated for a in s.digests})
        return BodyReceiver(file, label, stated, limit=self.max_binary)

    def form(self, boundary: str | None, stated: tuple[Stated, ...]) -> FormReceiver:
        """Begin a multipart/form-data body."""
        return FormReceiver(self._new_file(), boundary, stated, limit=self.max_binary)

    def chunk(self, where: ContentRange, label: Label, stated: tuple[Stated, ...]) -> BodyReceiver:
        """Begin one chunk of a file."""
        algorithms = {a for s in stated for a in s.digests}
        file = self._spool_file(algorithms)
        return BodyReceiver(file, label, stated, limit=self.max_chunk, chunk_length=where.span.length)

    def _new_file(self, algorithms: Iterable[str] = ()) -> BodyFile:
        path = Path(f"{self._folder}/body-{next(self._numbers)}")
        return BodyFile(fsio.create(path), path, algorithms, min_free=self._min_free)

    def _spool_file(self, algorithms: Iterable[str]) -> BodyFile:
        with self._lock:
            spool = self._spools.pop() if self._spools else None
        if spool is None:
            path = self._folder / f"spool-{next(self._numbers)}"
            spool = fsio.create(path), path

        def give_back() -> None:
            with self._lock:
                self._spools.append(spool)

        # Always, for the journal's line of the chunk is written once.
        return BodyFile(*spool, {OURS, *algorithms}, give_back, min_free=self._min_free)

    def close(self) -> None:
        """Let the spools go; nothing is being received any more."""
        with self._lock:
            for fd, path in self._spools:
                fsio.close(fd)
                with suppress(OSError):  # what stays in the folder is swept by another process
                    fsio.remove(path)
            self._spools.clear()
