"""What is to go wrong with the next requests, in memory that the processes of a server share."""

import json
import mmap
import struct
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from c8ybin import fsio
from c8ybin.domain.errors import Invalid
from c8ybin.faults.fault import Fault, fault_of

MOST = 100
MOST_REQUESTS = 1_000_000
PATH_CHARACTERS = 500
METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE")
# Enough for as many as there may be, each as long as it may be.
_BYTES = 128 * 1024
_LENGTH = struct.Struct("<Q")


@dataclass(frozen=True, slots=True)
class Planned:
    """A fault for some requests to come.

    Attributes:
        fault: What goes wrong.
        method: Of which requests; None for all.
        path: How the path of these begins.
        count: With how many of them, from now on.
    """

    fault: Fault
    method: str | None = None
    path: str = "/"
    count: int = 1

    def document(self) -> dict[str, Any]:
        """Return it as `planned_of_document` reads it."""
        method = {"method": self.method} if self.method else {}
        return {**self.fault.document(), **method, "path": self.path, "count": self.count}

    def concerns(self, method: str, path: str) -> bool:
        """Tell whether a request is one of those."""
        return self.method in (None, method) and path.startswith(self.path)


def planned_of_document(document: Mapping[str, Any]) -> Planned:
    """Read a fault for requests to come.

    Raises:
        Invalid: It is none.
    """
    members = {name: value for name, value in document.items() if value is not None}
    method, path, count = members.pop("method", None), members.pop("path", "/"), members.pop("count", 1)
    if method is not None and method not in METHODS:
        raise Invalid(f"method must be one of {', '.join(METHODS)}.")
    if (
        not isinstance(path, str)
        or not path.startswith("/")
        or len(path) > PATH_CHARACTERS
        or not (path.isascii() and path.isprintable())
    ):
        raise Invalid(
            f"path must be the beginning of a path: / and at most {PATH_CHARACTERS} printable characters of ASCII."
        )
    if isinstance(count, bool) or not isinstance(count, int) or not 1 <= count <= MOST_REQUESTS:
        raise Invalid(f"count must be a whole number from 1 to {MOST_REQUESTS}.")
    return Planned(fault_of(members), method, path, count)


class Plan:
    """The faults to come, in the order in which they were planned; made before the workers are forked."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, _BYTES)
        self._lock = fsio.SharedLock()
        self._resets = fsio.SharedLock()

    @contextmanager
    def resetting(self) -> Iterator[None]:
        """Let one reset of the server run at a time, in whichever process: two would make two demos."""
        with self._resets.held():
            yield

    def add(self, planned: Planned) -> None:
        """Plan one more.

        Raises:
            Invalid: There are too many.
        """
        with self._lock.held():
            present = self._read()
            if len(present) >= MOST:
                raise Invalid(f"There are {MOST} faults planned already; delete them first.")
            self._write([*present, planned])

    def all(self) -> list[Planned]:
        """Return what is still to come."""
        with self._lock.held():
            return self._read()

    def clear(self) -> None:
        """Forget all."""
        with self._lock.held():
            self._write([])

    def concerns(self, method: str, path: str) -> bool:
        """Tell whether something may be planned for a request; mostly nothing is, and that costs nothing."""
        return self._length() > 0 and any(each.concerns(method, path) for each in self.all())

    def take(self, method: str, path: str) -> Fault | None:
        """Return what goes wrong with a request, and count that; None where nothing does."""
        if not self._length():
            return None
        with self._lock.held():
            present = self._read()
            for place, each in enumerate(present):
                if each.concerns(method, path):
                    left = [replace(each, count=each.count - 1)] if each.count > 1 else []
                    self._write([*present[:place], *left, *present[place + 1 :]])
                    return each.fault
        return None

    def _length(self) -> int:
        length: int = _LENGTH.unpack_from(self._memory)[0]
        return length

    def _read(self) -> list[Planned]:
        length = self._length()
        text = self._memory[_LENGTH.size : _LENGTH.size + length]
        return [planned_of_document(each) for each in json.loads(text or b"[]")]

    def _write(self, planned: list[Planned]) -> None:
        text = json.dumps([each.document() for each in planned]).encode() if planned else b""
        self._memory[_LENGTH.size : _LENGTH.size + len(text)] = text
        _LENGTH.pack_into(self._memory, 0, len(text))

    def close(self) -> None:
        """Let the memory go, in this process."""
        self._lock.close()
        self._resets.close()
        self._memory.close()
