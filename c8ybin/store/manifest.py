"""The manifest of a backup: which files its state has, and in which backup the bytes of each are."""

import hashlib
import json
import re
import tempfile
from collections.abc import Iterable, Iterator
from typing import IO, NamedTuple

from c8ybin import fsio

_BACKUP = re.compile(r"[0-9a-f]{12}")


def is_backup_id(text: str) -> bool:
    """Tell whether a text can be the ID of a backup."""
    return bool(_BACKUP.fullmatch(text))


class BadArchive(Exception):
    """An archive that is damaged, cut short or none of ours; the message is a sentence on it."""


class Entry(NamedTuple):
    """A line of a manifest: a file's path and length in bytes, its SHA-256, and the backup with its bytes."""

    path: str
    length: int
    sha256: bytes
    backup: str

    def to_line(self) -> bytes:
        """Write it."""
        members = {
            "path": self.path,
            "length": self.length,
            "sha256": self.sha256.hex(),
            "backup": self.backup,
        }
        return json.dumps(members, separators=(",", ":")).encode() + b"\n"

    @classmethod
    def from_line(cls, line: bytes) -> "Entry":
        """Read it.

        Raises:
            KeyError, TypeError, ValueError: It is none.
        """
        members = json.loads(line)
        entry = cls(members["path"], members["length"], bytes.fromhex(members["sha256"]), members["backup"])
        if not (isinstance(entry.path, str) and isinstance(entry.length, int) and entry.length >= 0):
            raise TypeError
        if len(entry.sha256) != hashlib.sha256().digest_size or not is_backup_id(entry.backup):
            raise ValueError
        return entry


class Manifest:
    """The lines of a manifest, in a temporary file: there may be more than a box has memory for."""

    def __init__(self) -> None:
        self._file: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed by close()
        self._digest = hashlib.sha256()
        self._lines = 0

    def add(self, entry: Entry) -> None:
        """Add a file."""
        self._add(entry.to_line())

    def _add(self, line: bytes) -> None:
        self._file.write(line)
        self._digest.update(line)
        self._lines += 1

    def __iter__(self) -> Iterator[Entry]:
        """Yield its files; several may not be under way at once."""
        self._file.seek(0)
        return map(Entry.from_line, self._file)

    @property
    def _last(self) -> bytes:
        members = {"lines": self._lines, "sha256": self._digest.hexdigest()}
        return json.dumps(members, separators=(",", ":")).encode() + b"\n"

    def to_blocks(self) -> tuple[int, Iterator[bytes]]:
        """Return its length in bytes with the last line, and what to write."""
        length = self._file.tell() + len(self._last)
        self._file.seek(0)
        return length, _chain(iter(lambda: self._file.read(fsio.COPY_BYTES), b""), self._last)

    @classmethod
    def from_lines(cls, lines: Iterable[bytes]) -> "Manifest":
        """Read one.

        Raises:
            BadArchive: It is cut short, or other than it was written.
        """
        manifest = cls()
        try:
            last = b""
            for line in lines:
                if last:
                    Entry.from_line(last)
                    manifest._add(last)
                last = line
            if last != manifest._last:
                raise ValueError
        except (KeyError, TypeError, ValueError, RecursionError):
            manifest.close()
            raise BadArchive("is damaged: its manifest is not as it was written") from None
        except BaseException:
            manifest.close()
            raise
        return manifest

    def close(self) -> None:
        """Let the temporary file go."""
        self._file.close()


def _chain(blocks: Iterator[bytes], last: bytes) -> Iterator[bytes]:
    yield from blocks
    yield last
