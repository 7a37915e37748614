"""Checksummed lines: `event.json`, `binary.json`, the journal of an upload, the index.

A line is a JSON object whose last member `crc` is the CRC-32 of the text before it.
A torn last line does not count; anything else that does not fit is damage.
"""

import json
import re
import zlib
from collections.abc import Mapping
from typing import Any

from c8ybin.domain.errors import Damaged
from c8ybin.domain.events import serialize

Record = dict[str, Any]

_LINE = re.compile(rb'(\{.*),"crc":"([0-9a-f]{8})"\}', re.DOTALL)


def encode(record: Mapping[str, Any]) -> bytes:
    """Write a record, which must not be empty, as one line.

    Raises:
        Invalid: It holds what JSON in UTF-8 cannot say.
    """
    text = serialize(record)[:-1]
    return b'%b,"crc":"%08x"}\n' % (text, zlib.crc32(text))


def decode(data: bytes, what: str) -> tuple[list[Record], int]:
    """Read the lines of a file.

    Args:
        data: The file's bytes.
        what: Its name, for the log.

    Returns:
        The records, and the length of the valid lines in bytes; a torn line may follow.

    Raises:
        Damaged: The first line does not count, or a line after one that does not.
    """
    records: list[Record] = []
    valid = 0
    lines = data.split(b"\n")
    for number, line in enumerate(lines[:-1]):
        match = _LINE.fullmatch(line)
        if not match or zlib.crc32(match[1]) != int(match[2], 16):
            if number < len(lines) - 2 or lines[-1]:
                raise Damaged(f"{what}: line {number + 1} does not match its checksum")
            break
        records.append(json.loads(match[1].decode() + "}"))
        valid += len(line) + 1
    if not records:
        raise Damaged(f"{what}: no valid line")
    return records, valid


def texts(record: Record, *names: str) -> list[str]:
    """Return members of a record that must be text.

    Raises:
        KeyError, TypeError: One is missing, or something else.
    """
    found = [record[name] for name in names]
    if not all(isinstance(text, str) for text in found):
        raise TypeError
    return found
