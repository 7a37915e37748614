"""The logs: each process appends to its own, one line a change, after the change and before the answer.

    {"born": id, "time": ..., "created": ..., "updated": ..., "source": ..., "type": ..., "has": [...],
     "values": [...], "held": ...}
    {"attached": id, "time": ..., "length": ...}    got its binary, and had none since it was born
    {"touched": id}                    changed somehow: whoever needs to know reads the event
    {"gone": id, "time": ...}          deleted; the time is the event's, where it is known
    {"unread": id}                     is there, and could not be read when it was looked at for the index

A log is named `<writer>-<k>.log`; a writer begins the next one when one is long. A line is
not fsynced: what a power cut takes is found again in the ID-hours that the writer noted.
"""

import logging
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from threading import Lock
from typing import Any

from c8ybin import fsio
from c8ybin.domain.errors import Damaged
from c8ybin.domain.records import decode, encode
from c8ybin.domain.sizes import MIB
from c8ybin.index.damage import Unsound
from c8ybin.index.manifest import give_up

log = logging.getLogger(__name__)

LONGEST = MIB
# Lines that could not be written are kept up to this; then lists walk the tree until the process ends.
_MOST_WAITING = 4 * MIB
_NAME = re.compile(r"([0-9a-f]+)-([0-9]{1,9})\.log", re.ASCII)


def attached_line(event_id: int, time: int, length: int) -> bytes:
    """Write that an event got a binary of that length at `time`."""
    return encode({"attached": event_id, "time": time, "length": length})


def touched_line(event_id: int) -> bytes:
    """Write that an event was changed."""
    return encode({"touched": event_id})


def unread_line(event_id: int) -> bytes:
    """Write that an event could not be read."""
    return encode({"unread": event_id})


def gone_line(event_id: int, time: int | None) -> bytes:
    """Write that an event was deleted, whose `time` was this."""
    return encode({"gone": event_id, "time": time})


def log_names(folder: Path) -> dict[str, str]:
    """Return the names of all logs with those of their writers."""
    try:
        return {name: match[1] for name in fsio.names(folder) if (match := _NAME.fullmatch(name))}
    except (FileNotFoundError, NotADirectoryError):
        return {}


def is_superseded(name: str, names: dict[str, str]) -> bool:
    """Tell whether the writer of a log has begun a later one."""
    match = _NAME.fullmatch(name)
    return match is not None and f"{match[1]}-{int(match[2]) + 1}.log" in names


class LogWriter:
    """The logs of this process; may be used by several threads."""

    def __init__(self, folder: Path, writer: str, tell_behind: Callable[[bool], None]) -> None:
        """Prepare to write; no file is made before the first line.

        Args:
            folder: The index's.
            writer: The name of this process.
            tell_behind: Called with True whenever lines could not be written, with False when all are.
        """
        self._folder = folder
        self._writer = writer
        self._tell_behind = tell_behind
        self._lock = Lock()
        self._fd: int | None = None
        self._number = 0
        self._end = 0
        self._waiting: list[bytes] = []
        self._has_lost = False
        self._is_synced = True
        # An fsync failed: what was told before it may be lost, whatever a second one says.
        self._may_be_lost = False
        self.lines = 0

    @property
    def is_behind(self) -> bool:
        """Whether a change is not in the logs."""
        return bool(self._waiting) or self._has_lost

    def append(self, line: bytes) -> None:
        """Add a line; where that fails it is kept and tried again with the next one, for the change stands."""
        with self._lock:
            self.lines += 1
            was_behind = self.is_behind
            self._waiting.append(line)
            self._write(was_behind=was_behind)

    def flush(self) -> None:
        """Try again what could not be written, and see whether what was written is still there."""
        with self._lock:
            self._check()
            if self._waiting:
                self._write(was_behind=True)

    def _write(self, *, was_behind: bool) -> None:
        data = b"".join(self._waiting)
        try:
            fd = self._open()
            # From the end that counts: what a failed write left after it is overwritten.
            fsio.write_at(fd, data, self._end)
        except OSError as error:
            if not was_behind:
                log.error("lists walk the tree until the index can be written again: %s", error)
            # Each time, for what did not let the line be written may have kept the others from hearing this.
            self._tell_behind(True)
            if len(data) > _MOST_WAITING:
                self._has_lost = True
                self._waiting.clear()
            return
        self._end += len(data)
        self._waiting.clear()
        self._is_synced = False
        if was_behind and not self._has_lost:
            log.info("the index can be written again")
            self._tell_behind(False)

    def _open(self) -> int:
        if self._fd is not None and self._end >= LONGEST:
            self._sync(self._fd)
            self._forget()
        self._check()
        if self._fd is None:
            fsio.make_directory(self._folder)
            self._fd = fsio.create(self._folder / f"{self._writer}-{self._number + 1}.log")
            self._number += 1
            self._end = 0
        return self._fd

    def _check(self) -> None:
        """Have the index made anew where somebody has removed this log, or cut it short."""
        if self._fd is not None and not (fsio.has_name(self._fd) and fsio.length(self._fd) >= self._end):
            self._forget()
            with suppress(OSError):
                give_up(self._folder)

    def _forget(self) -> None:
        if self._fd is not None:
            fsio.close(self._fd)
        self._fd = None

    def sync(self) -> bool:
        """Make all lines durable; return whether they are.

        Raises:
            OSError: They are not.
        """
        with self._lock:
            self._check()
            if self._fd is not None and not self._is_synced:
                self._sync(self._fd)
                self._is_synced = True
            return not (self.is_behind or self._may_be_lost)

    def _sync(self, fd: int) -> None:
        try:
            fsio.sync_data(fd)
            fsio.sync_directory(self._folder)
        except OSError:
            self._may_be_lost = True
            raise

    def close(self) -> None:
        """Write no more."""
        with self._lock:
            if self._fd is not None:
                self._forget()


def read_lines(path: Path, start: int) -> tuple[list[dict[str, Any]], int]:
    """Return the lines of a log from `start`, and where they end; a torn line ends them.

    Where it is shorter than that, its length is returned.

    Raises:
        FileNotFoundError: It is gone, for all of it is folded.
        Unsound: A whole line is damaged, so there is no telling what it told.
        OSError: It cannot be read.
    """
    if (size := fsio.status(path).st_size) <= start:
        return [], size
    with fsio.opened(path) as fd:
        data = fsio.read_at(fd, fsio.length(fd) - start, start)
    records, end = _valid_lines(data)
    if data.find(b"\n", end) >= 0:
        raise Unsound(f"{path}: damaged")
    return records, start + end


def cut_off_damage(path: Path) -> None:
    """Cut a log, to which nobody adds any more, where its valid lines end.

    Raises:
        OSError: It is gone, or cannot be read or written.
    """
    with fsio.opened(path, write=True) as fd:
        data = fsio.read_at(fd, fsio.length(fd), 0)
        end = _valid_lines(data)[1]
        if end < len(data):
            log.warning("%s: cut off what a power cut has damaged", path)
            fsio.truncate(fd, end)


def _valid_lines(data: bytes) -> tuple[list[dict[str, Any]], int]:
    """Return the lines up to one that does not count, and where they end."""
    records: list[dict[str, Any]] = []
    end = 0
    for line in _whole_lines(data):
        try:
            records += decode(line, "")[0]
        except Damaged:
            break
        end += len(line)
    return records, end


def _whole_lines(data: bytes) -> Iterator[bytes]:
    at = 0
    while (end := data.find(b"\n", at)) >= 0:
        yield data[at : end + 1]
        at = end + 1


def end_of_lines(path: Path) -> int:
    """Return where the last whole line of a log ends; 0 where the log is gone."""
    try:
        data = fsio.read(path)
    except FileNotFoundError:
        return 0
    return data.rfind(b"\n") + 1
