"""What a hand can be told: each gets the probe's folder as it sees it. What it holds, it holds until told otherwise."""

import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from c8ybin import fsio
from c8ybin.probes.replacing import Seen, replace
from c8ybin.probes.single import created

_LOOK_S = 0.001
_held: dict[str, int] = {}

BYTES = 4096
# What no file holds: lstat and open disagree whether it is there.
_HALF = b"half there"


def write(folder: Path, name: str, data: bytes) -> None:
    """Make a file."""
    with created(folder / name) as fd:
        fsio.write_at(fd, data, 0)
        _sync(fd)


def append(folder: Path, name: str, data: bytes) -> None:
    """Add to a file, as to a journal."""
    with fsio.opened(folder / name, write=True) as fd:
        fsio.write_at(fd, data, fsio.length(fd))
        _sync(fd)


def _sync(fd: int) -> None:
    """Do as the store does; where that is missing, the row of fsync says so."""
    try:
        fsio.sync_data(fd)
    except OSError as error:
        if error.errno not in fsio.NEVER:
            raise


def move(folder: Path, name: str, target: str) -> None:
    """Rename something."""
    fsio.rename(folder / name, folder / target)


def drop(folder: Path, name: str) -> None:
    """Remove a file."""
    fsio.remove(folder / name)


def make_folders(folder: Path, names: Sequence[str]) -> None:
    """Make directories, each with a file in it."""
    for name in names:
        fsio.make_directory(folder / name)
        write(folder / name, "file", name.encode())


def race(folder: Path, how: str, names: Sequence[str], at_s: float) -> list[bool]:
    """Go for each name at a time of the monotonic clock, and tell which were had."""
    attempt = _ATTEMPTS[how]
    while time.monotonic() < at_s:
        pass
    return [attempt(folder / name) for name in names]


def _create(path: Path) -> bool:
    try:
        fsio.close(fsio.create(path))
    except FileExistsError:
        return False
    return True


def source_of(name: str) -> str:
    """Return which file gets a name in a race of links."""
    return f"{name.partition('.')[0]}.source"


def _link(path: Path) -> bool:
    try:
        fsio.link(path.with_name(source_of(path.name)), path)
    except FileExistsError:
        return False
    return True


def _take_away(path: Path) -> bool:
    try:
        fsio.rename(path, path.with_name(f"{path.name}-{os.getpid()}"))
    except FileNotFoundError:
        return False
    return True


_ATTEMPTS: dict[str, Callable[[Path], bool]] = {
    "create": _create,
    "link": _link,
    "mkdir": fsio.make_directory,
    "rename": _take_away,
}


def replace_for(folder: Path, name: str, seconds: float) -> int:
    """Replace a file again and again; return how often."""
    number, until_s = 0, time.monotonic() + seconds
    while time.monotonic() < until_s:
        number += 1
        replace(folder / name, bytes([number % 256]) * BYTES)
    return number


def read_for(folder: Path, name: str, seconds: float) -> Seen:
    """Read a file again and again; return what was seen."""
    seen, until_s = Seen(), time.monotonic() + seconds
    while time.monotonic() < until_s:
        seen.look(folder / name, BYTES)
    return seen


def rewrite_for(folder: Path, name: str, seconds: float) -> bytes:
    """Write over the bytes of a file, in place and as many, again and again; return what it holds in the end."""
    number, until_s = 0, time.monotonic() + seconds
    while time.monotonic() < until_s:
        number += 1
        with fsio.opened(folder / name, write=True) as fd:
            fsio.write_at(fd, numbered(number), 0)
            _sync(fd)
    return numbered(number)


def numbered(number: int) -> bytes:
    """Return the bytes of a file that was written over so often."""
    return b"%08d" % number


def look_for(folder: Path, name: str, seconds: float) -> None:
    """Read a file by fresh opens, again and again."""
    until_s = time.monotonic() + seconds
    while time.monotonic() < until_s:
        contents(folder, name)


def take(folder: Path, name: str) -> bool:
    """Take the lock of a file, unless somebody has it, and hold it."""
    fd = fsio.open_existing(folder / name, write=True)
    if not fsio.try_lock(fd):
        os.close(fd)
        return False
    _held[name] = fd
    return True


def take_within(folder: Path, name: str, seconds: float) -> float | None:
    """Try until the lock of a file is had; return how many seconds that took, None where it never was."""
    began_s = time.monotonic()
    while not take(folder, name):
        if time.monotonic() - began_s > seconds:
            return None
        time.sleep(_LOOK_S)
    return time.monotonic() - began_s


def let_go(_: Path, name: str) -> None:
    """Let a lock go, or close what is held open."""
    os.close(_held.pop(name))


def hold(folder: Path, name: str) -> bytes:
    """Open a file, read it, and hold it open."""
    _held[name] = fsio.open_existing(folder / name)
    return reread(folder, name)


def reread(_: Path, name: str) -> bytes:
    """Read again what is held open."""
    return fsio.read_at(_held[name], BYTES, 0)


def contents(folder: Path, name: str) -> bytes | None:
    """Return what a fresh open finds in a file; None where there is none, by lstat and by open."""
    is_there = fsio.exists(folder / name)
    try:
        data = fsio.read(folder / name)
    except FileNotFoundError:
        return _HALF if is_there else None
    return data if is_there else _HALF


def until_read(folder: Path, name: str, wanted: bytes | None, seconds: float) -> tuple[int, float] | None:
    """Look by fresh opens until a file is as wanted; return how often it was not, and the seconds. None: never."""
    return _until(lambda: contents(folder, name) == wanted, seconds)


def until_listed(folder: Path, name: str, seconds: float) -> tuple[int, float] | None:
    """Look until a name is in the listing of the folder."""
    return _until(lambda: name in fsio.names(folder), seconds)


def until_there(folder: Path, seconds: float) -> tuple[int, float] | None:
    """Look until the folder is there."""
    return _until(lambda: fsio.is_directory(folder), seconds)


def listed(folder: Path) -> int:
    """List the folder, whose names may then be remembered here; return how many there are."""
    return len(fsio.names(folder))


def state(folder: Path, name: str) -> tuple[int, int]:
    """Return the inode number and the length of a file, by its name."""
    status = fsio.status(folder / name)
    return status.st_ino, status.st_size


def until_state(folder: Path, name: str, wanted: tuple[int, int], seconds: float) -> tuple[int, float] | None:
    """Look until a file has an inode number and a length."""
    return _until(lambda: state(folder, name) == wanted, seconds)


def _until(is_so: Callable[[], bool], seconds: float) -> tuple[int, float] | None:
    began_s, misses = time.monotonic(), 0
    while not is_so():
        misses += 1
        if time.monotonic() - began_s > seconds:
            return None
        time.sleep(_LOOK_S)
    return misses, time.monotonic() - began_s
