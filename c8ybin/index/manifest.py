"""The manifest: which columns count, and how far each log is folded into them."""

import errno
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from c8ybin import fsio
from c8ybin.domain.errors import Damaged
from c8ybin.domain.records import Record, decode, encode
from c8ybin.index.damage import Missing, Unsound
from c8ybin.index.summary import Summary

MANIFEST = "manifest"
COLUMNS = "columns"
_DRAFT = f".{MANIFEST}."
_FORMAT = 2

# What tells that a file was replaced; its time alone does not, on file systems that count seconds.
Stamp = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Manifest:
    """What the index consists of.

    Attributes:
        columns: In the order of their places, which do not overlap.
        logs: How many bytes of each log the columns tell already.
        doubtful: Events that could not be read when their lines were folded.
    """

    columns: Sequence[Summary] = ()
    logs: Mapping[str, int] = field(default_factory=dict)
    doubtful: Sequence[int] = ()


def stamp(folder: Path) -> Stamp | None:
    """Tell the present manifest from any other; None where there is none."""
    try:
        status = fsio.status(folder / MANIFEST)
    except (FileNotFoundError, NotADirectoryError):
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns


def read_manifest(folder: Path) -> Manifest:
    """Read it.

    Raises:
        Unsound: It is missing, damaged, or of another format.
    """
    path = folder / MANIFEST
    try:
        with fsio.opened(path) as fd:
            (record,), _ = decode(fsio.read_at(fd, fsio.length(fd), 0), str(path))
            place = _place(folder, fd)
        if record["manifest"] != _FORMAT:
            raise Unsound(f"{path}: of format {record['manifest']!r}, which this version does not know")
        if tuple(record["place"]) != place:
            # The files of a copy are not of one moment, and nobody dead says what it has missed.
            raise Unsound(f"{path}: a copy")
        return Manifest(
            columns=[Summary.of_record(told) for told in record["columns"]],
            logs={str(name): int(end) for name, end in record["logs"].items()},
            doubtful=[int(event_id) for event_id in record["doubtful"]],
        )
    except (FileNotFoundError, NotADirectoryError):
        raise (Unsound if _has_columns(folder) else Missing)(f"{path}: missing") from None
    except (Damaged, KeyError, TypeError, ValueError, AttributeError):
        raise Unsound(f"{path}: damaged") from None


def _has_columns(folder: Path) -> bool:
    """Tell whether there has been a manifest: columns are written only to be named by one."""
    try:
        return bool(fsio.names(folder / COLUMNS))
    except (FileNotFoundError, NotADirectoryError):
        return False


def write_manifest(folder: Path, manifest: Manifest, draft: Path | None = None) -> None:
    """Replace it, durably; the columns that it names are durable by now.

    Args:
        folder: The index's.
        manifest: What is to count.
        draft: A path that nobody else uses, from which a process that was fenced can rename nothing; beside it without
            that, or where the index is a mount of its own.

    Raises:
        OSError: The old one stands, or, from the last step, the new one may not survive a power cut.
    """
    record: Record = {
        "manifest": _FORMAT,
        "columns": [column.to_record() for column in manifest.columns],
        "logs": manifest.logs,
        "doubtful": manifest.doubtful,
    }
    if draft:
        try:
            _replace(folder, record, draft)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
        else:
            return
    _replace(folder, record, f"{_DRAFT}{fsio.unique_name()}")


def _replace(folder: Path, record: Record, draft: Path | str) -> None:
    with fsio.replacing(folder / MANIFEST, draft) as file:
        file.write(encode(record | {"place": _place(folder, file.fileno())}))


def _place(folder: Path, fd: int) -> tuple[int, int]:
    """Tell an index from a copy of it: by numbers that the file system gives, and that a copy cannot keep."""
    return fsio.status(folder).st_ino, os.fstat(fd).st_ino


def give_up(folder: Path) -> None:
    """Have the index made anew by whoever next needs it, durably.

    Raises:
        OSError: It cannot be written.
    """
    if fsio.remove(folder / MANIFEST):
        fsio.sync_directory(folder)


def is_draft(name: str) -> bool:
    """Tell whether a file in the index's folder is a manifest that was never finished."""
    return name.startswith(_DRAFT)
