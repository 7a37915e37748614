"""Where a download goes: a file that has its name only once it is whole, or a stream.

Until then its bytes are beside it in a file whose name tells which attachment they are of, by its entity tag:
that is all that a later command needs to go on.
"""

import errno
import hashlib
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Self

from c8ybin import fsio
from c8ybin.cli.remote.exits import Failure
from c8ybin.cli.remote.tables import plain

if TYPE_CHECKING:
    from c8ybin.client import Remote

# Anybody whom the umask lets: these are the user's own files.
FILE_MODE = 0o666
_NO_LINKS = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK)


class StreamSink:
    """Bytes that cannot be taken back."""

    def __init__(self, stream: BinaryIO, name: str, *, closes: bool = False) -> None:
        """Write to `stream`, which people call `name`, and close it in the end if that is wanted."""
        self.written = name
        self._stream = stream
        self._closes = closes
        self._has_begun = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._closes:
            self._stream.close()

    def begin(self, _: "Remote") -> Iterable[bytes]:
        """Begin; nothing is here."""
        return ()

    def write(self, data: bytes) -> None:
        """Write the next bytes."""
        self._has_begun = True
        self._stream.write(data)

    def restart(self) -> None:
        """Begin anew.

        Raises:
            Failure: Something was written already.
        """
        if self._has_begun:
            raise Failure(f"The attachment changed after a part of it was written to {self.written}.")

    def finish(self) -> None:
        """Write what is still in memory."""
        self._stream.flush()

    def discard(self) -> None:
        """Nothing can be taken back."""


class FileSink:
    """A file that takes its name when it is whole."""

    def __init__(self, choose: Callable[["Remote"], Path], what: str, *, force: bool) -> None:
        """Write to a file.

        Args:
            choose: Tells its path, once the attachment is known.
            what: Tells this attachment from those of other events and servers.
            force: Whether it may take the place of a file.
        """
        self.written = ""
        self._choose = choose
        self._what = what
        self._force = force
        self._target = Path()
        self._part: Path | None = None
        self._fd = -1
        self._length = 0
        self._can_resume = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._let_go(keeps=self._can_resume and self._length > 0)

    def begin(self, remote: "Remote") -> Iterator[bytes]:
        """Open the part that is here of exactly this attachment, or begin one; give what it has.

        Raises:
            Failure: There is a file already, or none can be made.
        """
        self._let_go(keeps=False)
        path = self._choose(remote)
        with self._explained(path):
            self._target = path.parent.resolve(strict=True) / path.name
        self.written = str(path)
        self._require_free()
        self._can_resume = remote.tag is not None
        which = f"{self._what}\n{path.name}\n{remote.tag or fsio.unique_name()}"
        self._part = self._target.with_name(f".{hashlib.sha256(which.encode()).hexdigest()[:20]}.part")
        with self._explained(path):
            try:
                self._fd = fsio.create(self._part, mode=FILE_MODE)
            except FileExistsError:
                self._fd = fsio.open_existing(self._part, write=True)
            if not fsio.try_lock(self._fd):
                self._part = None  # it is theirs
                raise Failure(f"{plain(str(path))} is being fetched by another command.")
            position, end = 0, fsio.length(self._fd)
            if remote.length is not None and end > remote.length:
                fsio.truncate(self._fd, 0)
                end = 0
            self._length = end
            while position < end:
                block = fsio.read_at(self._fd, min(fsio.COPY_BYTES, end - position), position)
                yield block
                position += len(block)

    def write(self, data: bytes) -> None:
        """Write the next bytes."""
        with self._explained(self._target):
            fsio.write_at(self._fd, data, self._length)
        self._length += len(data)

    def restart(self) -> None:
        """Begin anew."""
        with self._explained(self._target):
            fsio.truncate(self._fd, 0)
        self._length = 0

    def finish(self) -> None:
        """Make it durable, and give it its name.

        Raises:
            Failure: A file has that name, or it cannot be written.
        """
        assert self._part  # noqa: S101 - it began
        with self._explained(self._target):
            fsio.sync(self._fd)
            if self._force:
                fsio.rename(self._part, self._target)
            else:
                self._link()
            fsio.sync_directory(self._target.parent)
        self._part = None

    def discard(self) -> None:
        """Keep no part: its bytes are wrong."""
        self._can_resume = False

    def _link(self) -> None:
        """Give it a name that nothing has; where there are no links, as on FAT, a race may be lost."""
        assert self._part  # noqa: S101 - it began
        try:
            fsio.link(self._part, self._target)
        except FileExistsError:
            raise self._taken() from None
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise
            self._require_free()
            fsio.rename(self._part, self._target)
        else:
            fsio.remove(self._part)

    def _require_free(self) -> None:
        if not self._force and os.path.lexists(self._target):
            raise self._taken()

    def _taken(self) -> Failure:
        return Failure(
            f"{plain(self.written)} is there already: say --force to replace it, or -o FILE for another name."
        )

    def _let_go(self, *, keeps: bool) -> None:
        if self._fd >= 0:
            if self._part and not keeps:
                with suppress(OSError):
                    fsio.remove(self._part)
            os.close(self._fd)
        self._fd = -1
        self._length = 0

    @contextmanager
    def _explained(self, path: Path) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise Failure(f"{plain(str(path))} cannot be written: {error.strerror}.") from None
