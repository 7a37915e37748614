"""The archive of a backup: a POSIX tar that can be streamed, told whole by its last member.

    c8ybin-backup.json   format, ID and time of the backup, and of those that it builds on
    format, accounts.json, admin-password, devices/…, events/…, identities/…   under their paths in the data directory
    manifest.jsonl       a line a file of the state: path, length, SHA-256, and which backup has its bytes

The manifest's last line counts the others and has a SHA-256 over them, so an archive
that was cut short is known as such. Files stand in the order of the manifest, and that
is the same order in every backup.

Source: POSIX.1-2017, pax, "ustar Interchange Format".
"""

import json
import tarfile
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Protocol

from c8ybin import fsio
from c8ybin.domain.times import format_time, parse_time
from c8ybin.store.layout import FORMAT
from c8ybin.store.manifest import BadArchive, Entry, Manifest, is_backup_id

ARCHIVE_FORMAT = "c8ybin backup 1"
HEADER = "c8ybin-backup.json"
MANIFEST = "manifest.jsonl"
_BLOCK = 512


class UnknownFormat(Exception):
    """An archive of a format that this version does not know; the message as above."""


class NotWritten(Exception):
    """The archive cannot be written; its cause is the OSError."""


class Output(Protocol):
    """Where an archive goes."""

    def write(self, data: bytes, /) -> object:
        """Write all of it."""


@dataclass(frozen=True, slots=True)
class Stamp:
    """One backup: its ID and its time, in milliseconds since 1970."""

    id: str
    time: int

    def to_json(self) -> dict[str, str]:
        """Write it."""
        return {"id": self.id, "time": format_time(self.time)}

    @classmethod
    def from_json(cls, members: Any) -> "Stamp":
        """Read it.

        Raises:
            KeyError, TypeError, ValueError: It is none.
        """
        if not is_backup_id(members["id"]):
            raise ValueError
        return cls(members["id"], parse_time(members["time"]))


@dataclass(frozen=True, slots=True)
class Header:
    """What a backup tells of itself.

    Attributes:
        stamp: Which it is.
        chain: Those that it builds on, the latest first.
    """

    stamp: Stamp
    chain: tuple[Stamp, ...] = ()

    @classmethod
    def make(cls, now_ms: int, since: "Header | None") -> "Header":
        """Return the header of a new backup, which is never older than the one it builds on."""
        if since is None:
            return cls(Stamp(fsio.unique_name(), now_ms))
        stamp = Stamp(fsio.unique_name(), max(now_ms, since.stamp.time))
        return cls(stamp, (since.stamp, *since.chain))

    @property
    def age(self) -> tuple[int, int]:
        """What orders backups from the oldest to the newest."""
        return self.stamp.time, len(self.chain)

    def to_bytes(self) -> bytes:
        """Write it."""
        members = {"format": ARCHIVE_FORMAT, "store": FORMAT, **self.stamp.to_json()}
        return json.dumps({**members, "since": [s.to_json() for s in self.chain]}, indent=2).encode() + b"\n"

    @classmethod
    def from_bytes(cls, data: bytes) -> "Header":
        """Read it.

        Raises:
            UnknownFormat: It is of another version.
            BadArchive: It is none.
        """
        try:
            members = json.loads(data)
            formats = str(members["format"]), str(members["store"])
            if formats == (ARCHIVE_FORMAT, FORMAT):
                return cls(Stamp.from_json(members), tuple(map(Stamp.from_json, members["since"])))
        except (KeyError, TypeError, ValueError, RecursionError):
            raise BadArchive(f"is no backup of c8ybin: {HEADER} in it cannot be read") from None
        raise UnknownFormat(
            f"is a {formats[0][:40]!r} of {formats[1][:40]!r}, which this version does not know; "
            f"it knows {ARCHIVE_FORMAT!r} of {FORMAT!r}"
        )


class ArchiveWriter:
    """Writes an archive, member by member, and its manifest."""

    def __init__(self, output: Output, header: Header) -> None:
        """Begin it.

        Raises:
            NotWritten: The output does not take it.
        """
        self._output = output
        self._header = header
        self._manifest = Manifest()
        self._waiting = bytearray()
        self.bytes = 0
        data = header.to_bytes()
        self._member(HEADER, len(data), [data])

    def add(self, path: str, length: int, blocks: Iterable[bytes], sha256: bytes) -> None:
        """Add a file with its bytes.

        Where `blocks` raises, the archive cannot be gone on with.

        Raises:
            NotWritten: The output does not take it.
        """
        self._member(path, length, blocks)
        self.refer(Entry(path, length, sha256, self._header.stamp.id))

    def refer(self, entry: Entry) -> None:
        """Add a file whose bytes an earlier backup has."""
        try:
            self._manifest.add(entry)
        except OSError as error:
            raise NotWritten from error

    def finish(self) -> None:
        """Write the manifest and the end."""
        try:
            length, blocks = self._manifest.to_blocks()
        except OSError as error:
            raise NotWritten from error
        self._member(MANIFEST, length, blocks)
        # POSIX ends with two blocks of zeros; tapes and pipes are read in records of twenty.
        self._write(bytes(2 * _BLOCK))
        self._write(bytes(-self.bytes % tarfile.RECORDSIZE))
        self._flush()

    def close(self) -> None:
        """Let the temporary file go."""
        self._manifest.close()

    def _member(self, path: str, length: int, blocks: Iterable[bytes]) -> None:
        info = tarfile.TarInfo(path)
        info.size, info.mode, info.mtime = length, fsio.PRIVATE_MODE, self._header.stamp.time // 1000
        self._write(info.tobuf(tarfile.PAX_FORMAT))
        for block in blocks:
            self._write(block)
        self._write(bytes(-length % _BLOCK))

    def _write(self, data: bytes) -> None:
        self._waiting += data
        self.bytes += len(data)
        if len(self._waiting) >= fsio.COPY_BYTES:
            self._flush()

    def _flush(self) -> None:
        try:
            self._output.write(bytes(self._waiting))
        except OSError as error:
            raise NotWritten from error
        self._waiting.clear()
