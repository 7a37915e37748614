"""Files of checksummed lines: `event.json`, `binary.json` and the journal of an upload.

A line is a JSON object whose last member `crc` is the CRC-32 of the text before it.
A torn last line does not count; anything else that does not fit is damage.
"""

import json
import re
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from c8ybin import fsio
from c8ybin.domain.errors import Damaged
from c8ybin.domain.events import serialize
from c8ybin.store.group_commit import Durable, Steps
from c8ybin.store.writer import Writer

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
        records.append(json.loads(match[1] + b"}"))
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


def replace(path: Path, data: bytes, writer: Writer, leading: Sequence[Path] = ()) -> Steps[None]:
    """Replace a file or make it, in steps; the lock is held.

    Args:
        path: The file.
        data: What it is to hold.
        writer: This process.
        leading: The directories to be made durable first, as `Disk.preparation` tells them.

    Raises:
        OSError: The old file stands, or, from the last step, the new one does but may not survive a power cut.
    """
    draft = f"{path.parent}/{writer.draft_name(path.name)}"
    fd = fsio.create(draft)
    try:
        with fsio.closing(fd):
            fsio.write_at(fd, data, 0)
            yield Durable(files=(fd,), directories=leading)
        fsio.rename(draft, path)
    except BaseException:
        fsio.remove(draft)
        raise
    yield Durable(directories=(path.parent,))


def cut_off_torn_line(path: Path, writer: Writer) -> bool:
    """Replace a file of lines by one without its torn last line, durably; the lock is held.

    Returns:
        Whether there was one.

    Raises:
        Damaged: More than its last line does not fit.
    """
    try:
        data = fsio.read(path)
    except FileNotFoundError:
        return False
    _, end = decode(data, str(path))
    if end == len(data):
        return False
    with fsio.replacing(path, writer.draft_name(path.name)) as file:
        file.write(data[:end])
    return True
