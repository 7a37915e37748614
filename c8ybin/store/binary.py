"""What `binary.json` tells of the one binary of an event."""

import operator
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from c8ybin import fsio
from c8ybin.domain.conditions import Validators
from c8ybin.domain.errors import Damaged
from c8ybin.domain.records import Record, decode, texts
from c8ybin.domain.times import format_time, parse_time
from c8ybin.store.layout import BINARY, CONTENT, is_content_name


@dataclass(frozen=True, slots=True)
class Binary:
    """A committed binary.

    Attributes:
        content: Its content file, whose name no other upload ever has.
        type: Media type, verbatim.
        name: File name, safe.
        length: In bytes.
        sha256: Its digest, once known.
        time: When it was committed, in milliseconds since 1970.
        owner: Who sent it.
        completed_by: The chunk that completed it: method, range and digest.
    """

    content: str
    type: str
    name: str
    length: int
    sha256: bytes | None
    time: int
    owner: str
    completed_by: Mapping[str, str] | None = None

    @property
    def validators(self) -> Validators:
        """Its entity tag, new with every upload and independent of the digest, and its time."""
        return Validators(f'"{self.content.removeprefix(CONTENT + "-")}"', self.time)

    def to_record(self) -> Record:
        """Return its line in `binary.json`."""
        record: Record = {
            "content": self.content,
            "type": self.type,
            "name": self.name,
            "length": self.length,
            "sha256": self.sha256.hex() if self.sha256 else None,
            "time": format_time(self.time),
            "owner": self.owner,
        }
        if self.completed_by:
            record["completed_by"] = dict(self.completed_by)
        return record


def read_binary(home: Path) -> Binary | None:
    """Read what `binary.json` in an event's directory tells; None when there is none.

    Raises:
        Damaged: It does not hold what it should.
    """
    path = f"{home}/{BINARY}"
    try:
        data = fsio.read(path)
    except FileNotFoundError:
        return None
    return parse_binary(data, path)


@lru_cache(maxsize=2048)
def parse_binary(data: bytes, path: Path | str) -> Binary:
    """Read the bytes of a `binary.json`.

    Raises:
        Damaged: They are not what one holds.
    """
    records, _ = decode(data, str(path))
    # A later line adds to the first: the digest of a long binary follows the answer.
    merged = {k: v for record in records for k, v in record.items()}
    try:
        content, media_type, name, owner = texts(merged, "content", "type", "name", "owner")
        if not is_content_name(content):
            raise ValueError
        return Binary(
            content=content,
            type=media_type,
            name=name,
            length=operator.index(merged["length"]),
            sha256=bytes.fromhex(merged["sha256"]) if merged["sha256"] else None,
            time=parse_time(merged["time"]),
            owner=owner,
            completed_by=merged.get("completed_by"),
        )
    except (KeyError, TypeError, ValueError):
        raise Damaged(f"{path}: not the description of a binary") from None


def validators_of(binary: Binary | None) -> Validators | None:
    """Return what a condition on the binary is held against."""
    return binary.validators if binary else None
