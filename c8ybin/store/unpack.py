"""Reads archives of backups: what they tell, and their files out of them; nothing in them is trusted."""

import hashlib
import lzma
import stat
import tarfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import IO, BinaryIO

from c8ybin import fsio
from c8ybin.domain.steps import Step
from c8ybin.store.archive import HEADER, MANIFEST, Header, UnknownFormat
from c8ybin.store.layout import ACCOUNTS, EVENT, FIRST_PASSWORD, Layout
from c8ybin.store.manifest import BadArchive, Entry, Manifest

_LONGEST_HEADER = 1 << 20
_OF_DIRECTORY = (Layout(Path()).format.name, ACCOUNTS, FIRST_PASSWORD)
_PRIVATE = (ACCOUNTS, FIRST_PASSWORD)

Member = tuple[tarfile.TarInfo, IO[bytes]]


@dataclass(frozen=True, slots=True)
class Source:
    """An archive to read: a file, or a stream that can be read only once.

    Attributes:
        name: For messages, and the file's path where there is no stream.
        stream: The stream.
        is_ours: Whether the stream is closed once it was read.
    """

    name: str
    stream: BinaryIO | None = None
    is_ours: bool = False

    @classmethod
    def of_file(cls, path: Path) -> "Source":
        """Return a file as a source; a pipe or a device is a stream.

        Raises:
            BadArchive: It cannot be opened.
        """
        with about(str(path)), _told():
            if not stat.S_ISREG(path.stat().st_mode):
                return cls(str(path), path.open("rb"), is_ours=True)
        return cls(str(path))

    @contextmanager
    def members(self) -> Iterator[Iterator[Member]]:
        """Yield its members, each with its bytes, which are to be read before the next one.

        Raises:
            BadArchive: It cannot be read.
        """
        with _told():
            tar = self._open()
        with closing(tar), closing(self.stream) if self.stream and self.is_ours else nullcontext():
            yield _members(tar)

    def _open(self) -> tarfile.TarFile:
        if self.stream:
            return tarfile.open(fileobj=self.stream, mode="r|*")
        return tarfile.open(self.name, mode="r:*")


@contextmanager
def about(name: str) -> Iterator[None]:
    """Let what is raised of an archive begin with its name."""
    try:
        yield
    except (BadArchive, UnknownFormat) as error:
        raise type(error)(f"The archive {name} {error}") from None


@contextmanager
def _told() -> Iterator[None]:
    """Say in a sentence why an archive cannot be read."""
    try:
        yield
    except (tarfile.TarError, EOFError, zlib.error, lzma.LZMAError, ValueError):
        raise BadArchive("is no archive of a backup, or is damaged or cut short") from None
    except OSError as error:
        raise BadArchive(f"cannot be read: {error.strerror or 'it is damaged'}") from None


def _members(tar: tarfile.TarFile) -> Iterator[Member]:
    while True:
        with _told():
            info = tar.next()
            if info is None:
                return
            tar.members.clear()  # type: ignore[attr-defined] # it would keep them all
            data = tar.extractfile(info) if info.isreg() and not info.issparse() else None
        if data is None:
            raise BadArchive(f"holds {info.name[:80]!r}, which is no plain file")
        yield info, data


@dataclass(frozen=True, slots=True)
class Index:
    """What an archive tells, once all of its members were found to be those that its manifest names."""

    source: Source
    header: Header
    manifest: Manifest


def read_index(source: Source, keep: Callable[[str, Iterable[bytes]], object] | None = None) -> Index:
    """Read what an archive tells, and see that it is whole as far as names and lengths go.

    Args:
        source: The archive.
        keep: Called with each file's path and blocks; without it they are passed over.

    Raises:
        BadArchive: It is damaged, cut short or none of ours.
        UnknownFormat: It is of another version.
    """
    with about(source.name), source.members() as members:
        header = _header(members)
        found = hashlib.sha256()
        manifest: Manifest | None = None
        try:
            for info, data in members:
                if manifest:
                    raise BadArchive("goes on after its manifest")
                if info.name == MANIFEST:
                    manifest = Manifest.from_lines(_lines(data))
                    continue
                if not is_stored(info.name):
                    raise BadArchive(f"holds {info.name[:80]!r}, which is no file of a data directory")
                found.update(f"{info.name} {info.size}\n".encode())
                if keep:
                    keep(info.name, blocks_of(data, info.size))
            if manifest is None:
                raise BadArchive("is cut short: its manifest is missing")
            named = hashlib.sha256()
            for entry in manifest:
                if not is_stored(entry.path):
                    raise BadArchive(f"names {entry.path[:80]!r}, which is no file of a data directory")
                if entry.backup == header.stamp.id:
                    named.update(f"{entry.path} {entry.length}\n".encode())
            if named.digest() != found.digest():
                raise BadArchive("is damaged: its files are not those that its manifest names")
        except BaseException:
            if manifest:
                manifest.close()
            raise
    return Index(source, header, manifest)


def _header(members: Iterator[Member]) -> Header:
    info, data = next(members, (None, None))
    if info is None or data is None or info.name != HEADER or info.size > _LONGEST_HEADER:
        raise BadArchive(f"is no backup of c8ybin: it does not begin with {HEADER}")
    return Header.from_bytes(b"".join(blocks_of(data, info.size)))


def is_stored(path: str) -> bool:
    """Tell whether a path in an archive is one where a data directory has a file."""
    return path in _OF_DIRECTORY or Layout(Path()).holds(path)


def blocks_of(data: IO[bytes], length: int) -> Iterator[bytes]:
    """Yield the bytes of a member.

    Raises:
        BadArchive: They cannot be read.
    """
    while length:
        with _told():
            block = data.read(min(length, fsio.COPY_BYTES))
        if not block:
            raise BadArchive("is cut short")
        length -= len(block)
        yield block


def _lines(data: IO[bytes]) -> Iterator[bytes]:
    lines = iter(data)
    while True:
        with _told():
            line = next(lines, None)
        if line is None:
            return
        yield line


def unpack(source: Source, wanted: Iterable[Entry], folder: Path, step: Step) -> None:
    """Write the files that are wanted of an archive below a folder.

    Args:
        source: The archive, which is no stream.
        wanted: Their entries, in the order of every manifest.
        folder: Where they go, under their paths; not durable yet.
        step: Called as it goes on.

    Raises:
        BadArchive: One is missing or not as its entry says.
        OSError: It cannot be written.
    """
    with about(source.name), source.members() as members:
        for entry in wanted:
            found = next((member for member in members if member[0].name == entry.path), None)
            if found is None:
                raise BadArchive(f"is damaged: {entry.path} is missing")
            info, data = found
            check(entry, info.size, put(folder, entry.path, blocks_of(data, info.size), step))


def put(folder: Path, path: str, blocks: Iterable[bytes], step: Step) -> bytes:
    """Write a new file with the directories that lead to it, and return its SHA-256.

    Raises:
        BadArchive: The blocks cannot be read, or there is such a file.
        OSError: It cannot be written.
    """
    target = folder
    for name in path.split("/"):
        fsio.make_directory(target)
        target = target / name
    digest = hashlib.sha256()
    try:
        fd = fsio.create(target, mode=fsio.PRIVATE_MODE if path in _PRIVATE else fsio.FILE_MODE)
    except FileExistsError:
        raise BadArchive(f"is damaged: {path} is in it twice") from None
    try:
        offset = 0
        for block in blocks:
            fsio.write_at(fd, block, offset)
            digest.update(block)
            offset += len(block)
            step(bytes=len(block))
    finally:
        fsio.close(fd)
    step(events=target.name == EVENT)
    return digest.digest()


def check(entry: Entry, length: int, sha256: bytes) -> None:
    """Hold the bytes of a file against its entry.

    Raises:
        BadArchive: They are others.
    """
    if (entry.length, entry.sha256) != (length, sha256):
        raise BadArchive(f"is damaged: {entry.path} does not match its SHA-256")
