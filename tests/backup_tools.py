"""Backups as the tests of several rooms make and bend them."""

import io
import tarfile
from collections.abc import Callable, Iterable
from pathlib import Path

from store_tools import lend_locks

from c8ybin.store import BackedUp, Previous, Restored, Source, read_index, restore_backup, write_backup
from c8ybin.store.layout import Layout

Members = list[tuple[str, bytes]]


def back_up(root: Path, archive: Path, since: Path | None = None, **more: object) -> BackedUp:
    """Write a backup of a data directory to a file."""
    index = read_index(Source.of_file(since)) if since else None
    previous = Previous(index.header, index.manifest) if index else None
    with archive.open("wb") as file:
        done = write_backup(Layout(root), file, previous, **more)
    if index:
        index.manifest.close()
    return done


def bring_back(root: Path, *archives: Path, replace: bool = False) -> Restored:
    """Restore a data directory from files."""
    return restore_backup([Source.of_file(path) for path in archives], root, replace=replace)


def furnish(root: Path, locks: Path) -> Path:
    """Give a restored directory what the next start would: making the lock files takes most of a second."""
    (root / "tmp").mkdir(exist_ok=True)
    if not (root / "locks").exists():
        lend_locks(locks, root)
    return root


def state(root: Path) -> dict[str, bytes]:
    """Every file of a data directory that is data, by its path."""
    tops = [root / name for name in ("format", "accounts.json", "admin-password")]
    trees = [path for name in ("devices", "events", "identities") for path in (root / name).rglob("*")]
    paths = [*(path for path in tops if path.exists()), *trees]
    return {str(path.relative_to(root)): path.read_bytes() for path in paths if path.is_file()}


def members_of(archive: Path) -> Members:
    """The members of an archive in order."""
    with tarfile.open(archive) as tar:
        return [(info.name, read(tar, info)) for info in tar]


def read(tar: tarfile.TarFile, info: tarfile.TarInfo) -> bytes:
    file = tar.extractfile(info)
    assert file
    return file.read()


def files_of(archive: Path) -> dict[str, bytes]:
    """The files that an archive has, without what it tells of itself."""
    return dict(members_of(archive)[1:-1])


def write_members(archive: Path, members: Iterable[tuple[str | tarfile.TarInfo, bytes]]) -> None:
    """Write an archive of any members."""
    with tarfile.open(archive, "w", format=tarfile.PAX_FORMAT) as tar:
        for name, data in members:
            info = tarfile.TarInfo(name) if isinstance(name, str) else name
            if info.isreg():
                info.size = len(data)
            tar.addfile(info, io.BytesIO(data))


def bend(archive: Path, change: Callable[[Members], object]) -> Path:
    """Write a copy of an archive whose members `change` has changed in place."""
    members = members_of(archive)
    change(members)
    bent = archive.with_name(f"bent-{archive.name}")
    write_members(bent, members)
    return bent
