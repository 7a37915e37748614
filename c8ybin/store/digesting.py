"""The digest that follows the answer: the SHA-256 of what was too long to be hashed as it arrived.

The binary is committed without it. Then a thread of this process reads the content file
once more and appends a line `{"sha256": ...}` to `binary.json`, whose entity tag is the
content file's name and stays the same.

Nobody waits for it. Where it is lost with a process or the power, the sweep of the
writer's hours makes it anew, and so does `check --repair`. It is fsynced all the same,
for when the writer's folder has gone no sweep looks there any more: a line that a power
cut tears after that would be told as damage.
"""

import logging
from collections import deque
from pathlib import Path
from threading import Condition, Thread

from c8ybin import fsio
from c8ybin.bodies import digests_of
from c8ybin.domain.digests import OURS
from c8ybin.domain.errors import Damaged
from c8ybin.domain.records import decode, encode
from c8ybin.domain.sizes import MIB
from c8ybin.store.binary import Binary, parse_binary
from c8ybin.store.layout import BINARY
from c8ybin.store.writer import Writer

log = logging.getLogger(__name__)

# Less than a second of hashing. Beyond it the digest is made before the answer.
MOST_WAITING = 256 * MIB
_FINISH_WITHIN_S = 3.0


class Digester:
    """Makes the missing digests of what one process commits, in the background."""

    def __init__(self, writer: Writer) -> None:
        """Wait for the first one; no thread runs before that, so this may be done before a fork."""
        self._writer = writer
        self._waiting: deque[tuple[Path, Binary]] = deque()
        self._bytes = 0
        self._ended = False
        self._changed = Condition()
        self._thread: Thread | None = None

    def follow(self, home: Path, binary: Binary) -> None:
        """Let the digest of a committed binary follow, or make it now where too much waits already.

        Not for under an event's lock, for that may take long. An error is no error of the commit.
        """
        if binary.sha256 is None and not self._take(home, binary):
            self._make(home, binary)

    def _take(self, home: Path, binary: Binary) -> bool:
        with self._changed:
            if self._ended or self._bytes > MOST_WAITING:
                return False
            self._waiting.append((home, binary))
            self._bytes += binary.length
            if self._thread is None:
                self._thread = Thread(target=self._run, name="digests", daemon=True)
                self._thread.start()
            self._changed.notify()
        return True

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._ended)
                if not self._waiting:
                    return
                home, binary = self._waiting.popleft()
            self._make(home, binary)
            with self._changed:
                self._bytes -= binary.length

    def _make(self, home: Path, binary: Binary) -> None:
        try:
            make_digest(home, binary)
        except FileNotFoundError:
            pass  # replaced or deleted meanwhile
        except (OSError, Damaged) as error:
            self._writer.left_something = True
            log.warning("no digest of %s for now: %r", home / binary.content, error)

    def close(self) -> None:
        """End when what waits is done; what takes longer than a few seconds is left to a sweep."""
        with self._changed:
            self._ended = True
            self._changed.notify()
        if self._thread:
            self._thread.join(_FINISH_WITHIN_S)
        with self._changed:
            if self._bytes:
                self._writer.left_something = True
            self._waiting.clear()


def make_sure_of_digest(home: Path) -> None:
    """Make the digest that an event's binary lacks; one that followed becomes durable.

    Whoever added it may have died before the fsync. The errors are those of `make_digest`.
    """
    path = home / BINARY
    try:
        data = fsio.read(path)
    except FileNotFoundError:
        return
    binary = parse_binary(data, path)
    if binary.sha256 is None:
        make_digest(home, binary)
    elif len(decode(data, str(path))[0]) > 1:
        fsio.sync_file(path)


def make_digest(home: Path, binary: Binary) -> bool:
    """Read the content file of a binary and add its digest; return whether it was missing.

    Raises:
        FileNotFoundError: The binary was replaced or deleted meanwhile.
        Damaged: The content file has another length.
        OSError: It cannot be read, or the line cannot be written.
    """
    with fsio.opened(home / binary.content) as fd:
        if fsio.length(fd) != binary.length:
            raise Damaged(f"{home / binary.content}: not {binary.length} bytes long")
        digest = digests_of(fd, [OURS])[OURS]
    return add_digest(home, binary.content, digest)


def add_digest(home: Path, content: str, sha256: bytes) -> bool:
    """Append a digest to `binary.json` where that names the content file and has none; return whether it did.

    Needs no lock. All is done through one descriptor: where the file is replaced or removed
    meanwhile, the line goes with it. Whoever appends at the same time writes the same bytes to
    the same place.

    Raises:
        FileNotFoundError: There is no binary any more.
        Damaged: `binary.json` does not hold what it should.
        OSError: The line cannot be written, or may not survive a power cut.
    """
    path = home / BINARY
    with fsio.opened(path, write=True) as fd:
        data = fsio.read_at(fd, fsio.length(fd), 0)
        binary = parse_binary(data, path)
        if binary.content != content or binary.sha256 is not None:
            return False
        end = decode(data, str(path))[1]
        if end < len(data):
            fsio.truncate(fd, end)  # a torn line, which no other line may follow
        fsio.write_at(fd, encode({"sha256": sha256.hex()}), end)
        fsio.sync_data(fd)
    return True
