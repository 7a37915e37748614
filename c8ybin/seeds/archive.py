"""The files of a tar, plain or compressed by gzip, from a stream that can be read only once.

Nothing in it is trusted: its names become no paths on this disk, what is not a plain file is refused, and both what
it says of its files and what they unpack to is bounded.
"""

import gzip
import io
import tarfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from c8ybin.domain.errors import BadSeed, TooLarge
from c8ybin.domain.sizes import MIB
from c8ybin.seeds.files import MOST_FILES, Found, checked_path, shown

MOST_BYTES = 512 * MIB
# What may stand before one file: names of any sensible length, and no more.
_HEADER_BYTES = 64 * 1024
_BLOCK_BYTES = 128 * 1024
_DAMAGED = "The tar is none, or damaged or cut short; make it anew."
_GZIP = b"\x1f\x8b"


class Stream(Protocol):
    """What a tar is read from."""

    def read(self, size: int, /) -> bytes:
        """Return the next bytes, at most so many; none at the end."""


class _Ahead(io.RawIOBase):
    """A stream of which some bytes were read already."""

    def __init__(self, ahead: bytes, stream: Stream) -> None:
        self._ahead = ahead
        self._stream = stream

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        data = self._ahead[: len(buffer)] if self._ahead else self._stream.read(len(buffer))
        self._ahead = self._ahead[len(data) :]
        buffer[: len(data)] = data
        return len(data)


class _Forward:
    """A stream that tarfile can read: it goes forward only, and not farther than allowed."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._place = 0
        self._last = b""
        self.header_left = _HEADER_BYTES
        self.in_header = True

    def read(self, size: int) -> bytes:
        if self.in_header:
            self.header_left -= size
            if self.header_left < 0:
                raise BadSeed("What the tar says of a file is too long; make it anew with a plain tar.")
        self._last = self._read(size)
        return self._last

    @property
    def has_ended_well(self) -> bool:
        """Whether what was read last is what a tar ends with; tarfile takes anything else for the end, too."""
        return len(self._last) == tarfile.BLOCKSIZE and not any(self._last)

    def _read(self, size: int) -> bytes:
        # A decompressor may give less than was asked for.
        blocks: list[bytes] = []
        while size and (block := self._stream.read(min(size, _BLOCK_BYTES))):
            blocks.append(block)
            size -= len(block)
            self._place += len(block)
            if self._place > MOST_BYTES:
                raise TooLarge("A tar of events, unpacked,", MOST_BYTES)
        return b"".join(blocks)

    def tell(self) -> int:
        return self._place

    def seek(self, place: int) -> None:
        if place < self._place:
            raise tarfile.ReadError("backwards")
        while self._place < place and self._read(min(_BLOCK_BYTES, place - self._place)):
            pass


@contextmanager
def _told() -> Iterator[None]:
    """Say in a sentence what is wrong with a tar."""
    try:
        yield
    except (
        tarfile.TarError,
        EOFError,
        zlib.error,
        gzip.BadGzipFile,
        ValueError,
        OverflowError,
        RecursionError,
    ):
        raise BadSeed(_DAMAGED) from None


def unpack(stream: Stream, folder: Path, check: Callable[[int], None]) -> Iterator[Found]:
    """Write the files of a tar into a folder, under numbers for names, and yield each.

    Args:
        stream: The tar.
        folder: An empty folder.
        check: Called with the length of each file before it is written; raises where that is too long.

    Raises:
        BadSeed: It is damaged, or holds what it should not.
        TooLarge: It is more than `MOST_BYTES`.
        OSError: The disk did not take it.
    """
    begin = b""
    while len(begin) < len(_GZIP) and (more := stream.read(len(_GZIP) - len(begin))):
        begin += more
    plain = io.BufferedReader(_Ahead(begin, stream), _BLOCK_BYTES)
    source = _Forward(gzip.GzipFile(fileobj=plain) if begin == _GZIP else plain)
    with _told():
        tar = tarfile.open(fileobj=source, mode="r:")  # type: ignore[call-overload] # noqa: SIM115 - not a file's
    seen: set[str] = set()
    number = 0
    while info := _next(tar, source):
        number += 1
        if number > MOST_FILES:
            raise BadSeed(f"There are more than {MOST_FILES} files; make it several.")
        path = checked_path(info.name)
        if path is None or info.isdir():
            continue
        if not info.isreg() or info.issparse():
            raise BadSeed(f"{shown(path)} is a link or no plain file; leave it out.")
        if path in seen:
            raise BadSeed(f"{shown(path)} is in the tar twice; make it anew.")
        seen.add(path)
        check(info.size)
        yield Found(path, _write(tar, info, folder / str(number)))
    # To the end of the request, so that the connection stands, and of gzip, whose checksum comes last.
    source.in_header = False
    with _told():
        while source.read(_BLOCK_BYTES):
            pass


def _next(tar: tarfile.TarFile, source: _Forward) -> tarfile.TarInfo | None:
    source.header_left, source.in_header = _HEADER_BYTES, True
    with _told():
        info = tar.next()
    source.in_header = False
    tar.members.clear()  # type: ignore[attr-defined] # it would keep them all
    if info is None and not source.has_ended_well:
        raise BadSeed(_DAMAGED)
    return info


def _write(tar: tarfile.TarFile, info: tarfile.TarInfo, target: Path) -> Path:
    with target.open("xb") as file:
        left = info.size
        with _told():
            data = tar.extractfile(info)
        while left:
            with _told():
                block = data.read(min(left, _BLOCK_BYTES)) if data else b""
            if not block:
                raise BadSeed(_DAMAGED)
            file.write(block)
            left -= len(block)
    return target
