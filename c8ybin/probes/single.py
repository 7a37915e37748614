"""What a start tries, too: one process can. Each function gets a folder, and returns a figure or raises `Lacking`."""

import errno
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from c8ybin import fsio
from c8ybin.fsio import Lack
from c8ybin.probes.primitive import Lacking, Primitive

Trial = Callable[[Path], str]

# The longest names of the store: a type of external IDs (200 bytes), drafts.
_LONGEST_NAME = 200
_NAMES_A_FILE = 2
_OFFSET = 16 * 1024


@contextmanager
def created(path: Path, mode: int = fsio.FILE_MODE) -> Iterator[int]:
    """Yield a descriptor on a new file."""
    fd = fsio.create(path, mode=mode)
    with fsio.closing(fd):
        yield fd


def make(path: Path, data: bytes = b"") -> None:
    """Make a new file."""
    with created(path) as fd:
        fsio.write_at(fd, data, 0)


def exclusive_create(folder: Path) -> str:
    """Create a name twice."""
    make(folder / "new", b"first")
    with suppress(FileExistsError):
        make(folder / "new")
        raise Lacking("the same name was made twice")
    if fsio.read(folder / "new") != b"first":
        raise Lacking("the first file was touched")
    return ""


def link(folder: Path) -> str:
    """Give a file as many names as the store does, and none that is taken."""
    make(folder / "one", b"one")
    make(folder / "taken", b"taken")
    fsio.link(folder / "one", folder / "two")
    with suppress(FileExistsError):
        fsio.link(folder / "one", folder / "taken")
        raise Lacking("it replaced a file")
    one, two = fsio.status(folder / "one"), fsio.status(folder / "two")
    if one.st_ino != two.st_ino or two.st_nlink != _NAMES_A_FILE:
        raise Lacking(f"two names are not one file: inodes {one.st_ino}, {two.st_ino}, links {two.st_nlink}")
    return f"{_NAMES_A_FILE} names, as many as are needed"


def rename_directory(folder: Path) -> str:
    """Rename a directory to a free name, onto an empty one, and onto one that holds something."""
    for name in ("full", "moving", "empty"):
        fsio.make_directory(folder / name)
    for name in ("full", "moving"):
        make(folder / name / "file", name.encode())
    try:
        fsio.rename(folder / "moving", folder / "full")
    except OSError as error:
        if not fsio.is_taken(error):
            raise
    else:
        raise Lacking("it replaced a directory that was not empty")
    for target in ("empty", "free"):
        fsio.rename(folder / "moving", folder / target)
        if fsio.exists(folder / "moving") or fsio.read(folder / target / "file") != b"moving":
            raise Lacking("the directory is not whole at its new name")
        fsio.rename(folder / target, folder / "moving")
    return ""


def flock(folder: Path) -> str:
    """Lock a file by one descriptor, and try it by another."""
    make(folder / "locked")
    with fsio.opened(folder / "locked", write=True) as one, fsio.opened(folder / "locked", write=True) as two:
        if not fsio.try_lock(one):
            raise Lacking("a file that nobody had locked was not to be had")
        if fsio.try_lock(two):
            raise Lacking("two descriptors hold the same lock")
    if fsio.is_locked(folder / "locked"):
        raise Lacking("the lock outlives its descriptors")
    return ""


def sync_file(folder: Path) -> str:
    """Make a file durable."""
    with created(folder / "synced") as fd:
        fsio.write_at(fd, b"0", 0)
        fsio.sync(fd)
    return ""


def sync_directory(folder: Path) -> str:
    """Make the names in a directory durable."""
    fsio.sync_directory(folder)
    return ""


def no_follow(folder: Path) -> str:
    """Reach nothing by way of a symbolic link, neither as the last component nor on the way."""
    make(folder / "target")
    fsio.make_directory(folder / "beside")
    try:
        (folder / "linked").symlink_to("target")
        (folder / "way").symlink_to("beside")
    except OSError as error:
        if error.errno not in fsio.NEVER:
            raise
        return "it has no symbolic links"
    make(folder / "beside" / "file")
    for path in (folder / "linked", folder / "way" / "file"):
        try:
            fsio.close(fsio.open_existing(path))
        except OSError as error:
            if error.errno not in (errno.ELOOP, errno.ENOTDIR):
                raise
        else:
            raise Lacking("a symbolic link was followed")
    return ""


def sparse(folder: Path) -> str:
    """Write behind the end of a file, and then before."""
    with created(folder / "sparse") as fd:
        fsio.write_at(fd, b"end", _OFFSET)
        fsio.write_at(fd, b"begin", 0)
        if fsio.length(fd) != _OFFSET + 3:
            raise Lacking(f"its length is {fsio.length(fd)} and not {_OFFSET + 3}")
        data = fsio.read_at(fd, _OFFSET + 3, 0)
    if data != b"begin".ljust(_OFFSET, b"\0") + b"end":
        raise Lacking("other bytes came back")
    return ""


def names(folder: Path) -> str:
    """Keep a long name as it is, and tell capitals apart."""
    long = f"=%2E~{'n' * _LONGEST_NAME}"[:_LONGEST_NAME]
    try:
        make(folder / long)
    except OSError as error:
        if error.errno not in (errno.ENAMETOOLONG, errno.EINVAL):
            raise
        raise Lacking(f"a name of {_LONGEST_NAME} bytes is refused") from None
    if long not in fsio.names(folder):
        raise Lacking("a name came back as another")
    if fsio.exists(folder / long.upper()):
        raise Lacking("capitals are not told from small letters")
    return f"{_LONGEST_NAME} bytes, capitals are told apart"


EXCLUSIVE_CREATE = Primitive("exclusive-create", "a new name must not exist yet (O_EXCL)", "every new file")
LINK = Primitive(
    "link", "a second name, only where none stands (link)", "attaching, inventory", lack=Lack.LINK
)
RENAME_DIRECTORY = Primitive("rename-directory", "a directory renamed, never over a full one", "events")
FLOCK = Primitive("flock", "exclusive locks on open files (flock)", "changes, the sweep", lack=Lack.LOCK)
SYNC_FILE = Primitive("fsync-file", "a file made durable (fsync)", "every answer", lack=Lack.SYNC)
SYNC_DIRECTORY = Primitive("fsync-directory", "names made durable (fsync)", "every answer", lack=Lack.SYNC)
NO_FOLLOW = Primitive("no-follow", "no symbolic link followed (O_NOFOLLOW)", "every path")
SPARSE = Primitive("sparse", "bytes written beyond the end", "uploads in chunks")
NAMES = Primitive("names", "long names, capitals told apart", "external IDs")

# In an order in which what everything rests on comes first.
QUICK: tuple[tuple[Primitive, Trial], ...] = (
    (EXCLUSIVE_CREATE, exclusive_create),
    (FLOCK, flock),
    (LINK, link),
    (RENAME_DIRECTORY, rename_directory),
    (NAMES, names),
    (SPARSE, sparse),
    (NO_FOLLOW, no_follow),
    (SYNC_FILE, sync_file),
    (SYNC_DIRECTORY, sync_directory),
)
