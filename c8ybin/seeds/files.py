"""Which files are which events.

A directory with an `event.json` is one event, and the other file in it, if there is one, its attachment. Any
other file is an event of its own, of which all is made up but the attachment. An `event.json` is an event as a
client posts it, or as it reads one: what is missing is made up, and the name and type in its `c8y_IsBinary` are
those of the attachment. Names that begin with a dot are passed over, with all that is below them.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from mimetypes import MimeTypes
from pathlib import Path
from typing import Any

from c8ybin.domain.errors import BadSeed, Refusal
from c8ybin.domain.events import DOCUMENT_BYTES, IS_BINARY, Document, new_event, parse_document
from c8ybin.domain.labels import OCTET_STREAM, Label, media_type, safe_name
from c8ybin.domain.times import format_time
from c8ybin.seeds.planting import Attachment, Seed

EVENT = "event.json"
DEFAULT_SOURCE = "seed"
DEFAULT_TYPE = "c8ybin_Seed"

# More than this is no set of events for a test.
MOST_FILES = 10_000
_DEEPEST = 16
_PATH_BYTES = 1024
_SHOWN = 80
_BLOCK_BYTES = 128 * 1024

# By the table that Python brings along alone, so that it is the same everywhere.
_TYPES = MimeTypes()
_MORE_TYPES = {
    ".log": "text/plain",
    ".md": "text/markdown",
    ".yaml": "application/yaml",
    ".gz": "application/gzip",
}


@dataclass(frozen=True, slots=True)
class Found:
    """A file as it was found: what it is called there, with `/` between the names, and where its bytes are."""

    path: str
    file: Path


def shown(path: str) -> str:
    """Return a path as a message may repeat it."""
    return json.dumps(path[:_SHOWN] + "…" * (len(path) > _SHOWN))


def checked_path(path: str) -> str | None:
    """Return a path without the `.` in it; None where it is to be passed over.

    Raises:
        BadSeed: It leads out of where it was found, or is none that a file may have.
    """
    names = [name for name in path.split("/") if name not in ("", ".")]
    if path.startswith("/") or ".." in names:
        raise BadSeed(f"{shown(path)} leads out of the folder; name files by paths within it.")
    try:
        length = len(path.encode())
    except UnicodeEncodeError:
        raise BadSeed(f"{shown(path)} is not UTF-8; rename it.") from None
    if length > _PATH_BYTES or len(names) > _DEEPEST or not path.isprintable():
        raise BadSeed(f"{shown(path)} is too long, too deep or not printable; rename it.")
    return None if not names or any(name.startswith(".") for name in names) else "/".join(names)


def seeds(found: Iterable[Found], now_ms: int) -> list[Seed]:
    """Return the events that files stand for, by their paths in order.

    Args:
        found: The files.
        now_ms: The time of events that tell none; each next one is a millisecond later.

    Raises:
        BadSeed: An `event.json` holds none, or its directory more than one other file.
    """
    folders: dict[str, list[Found]] = defaultdict(list)
    for each in sorted(found, key=lambda each: each.path.split("/")):
        folders[each.path.rpartition("/")[0]].append(each)
    made: list[Seed] = []
    for folder, files in folders.items():
        for path, event, attachment in _paired(folder, files):
            made.append(_seed(path, event, attachment, now_ms + len(made)))
    return made


def _paired(folder: str, files: list[Found]) -> Iterator[tuple[str, Found | None, Found | None]]:
    """Yield for each event what it is called, its `event.json` and its attachment."""
    event = next((each for each in files if each.path.rpartition("/")[2] == EVENT), None)
    others = [each for each in files if each is not event]
    if event is None:
        yield from ((each.path, None, each) for each in others)
        return
    if len(others) > 1:
        raise BadSeed(
            f"{shown(folder or '.')} has {len(others)} files beside {EVENT}; an event has one attachment at most."
        )
    yield folder or event.path, event, others[0] if others else None


def _seed(path: str, event: Found | None, attachment: Found | None, now_ms: int) -> Seed:
    given = _read(event) if event else {}
    told = given.get(IS_BINARY)
    label = _label(attachment.path, told if isinstance(told, dict) else {}) if attachment else None
    document = {
        "source": {"id": DEFAULT_SOURCE},
        "type": DEFAULT_TYPE,
        "time": format_time(now_ms),
        "text": (label.name if label else None) or path,
    } | {k: v for k, v in given.items() if v is not None}
    try:
        document = new_event(document)
    except Refusal as error:
        raise BadSeed(f"{shown(event.path if event else path)}: {error.message}") from None
    file = Attachment(label, partial(_blocks, attachment.file)) if label and attachment else None
    return Seed(path, document, file)


def _read(event: Found) -> Document:
    try:
        with event.file.open("rb") as file:
            data = file.read(DOCUMENT_BYTES + 1)
        if len(data) > DOCUMENT_BYTES:
            raise BadSeed("It is longer than an event may be.")
        return parse_document(data)
    except Refusal as error:
        raise BadSeed(f"{shown(event.path)}: {error.message}") from None


def _label(path: str, told: dict[str, Any]) -> Label:
    name = path.rpartition("/")[2]
    stem, dot, ending = name.rpartition(".")
    ending = f".{ending.lower()}" if dot and stem else ""
    guessed = _MORE_TYPES.get(ending) or _TYPES.types_map[True].get(ending) or OCTET_STREAM
    kind, called = told.get("type"), told.get("name")
    return Label(
        type=(media_type(kind) if isinstance(kind, str) else None) or guessed,
        name=(safe_name(called) if isinstance(called, str) else None) or safe_name(name),
    )


def _blocks(file: Path) -> Iterator[bytes]:
    with file.open("rb") as opened:
        while block := opened.read(_BLOCK_BYTES):
            yield block
