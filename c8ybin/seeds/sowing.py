"""A tar or a folder, from its files to its events."""

import secrets
import shutil
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from c8ybin.bodies import Intake
from c8ybin.domain.errors import BadSeed, TooLarge
from c8ybin.seeds.archive import Stream, unpack
from c8ybin.seeds.files import Found, seeds
from c8ybin.seeds.folder import files_of
from c8ybin.seeds.planting import Planted, plant_all
from c8ybin.store import Store


def sow_stream(store: Store, intake: Intake, stream: Stream, owner: str) -> list[Planted]:
    """Create the events of a tar.

    Raises:
        BadSeed, TooLarge: It is not acceptable; nothing was created.
        Unreadable: The stream broke off; the same.
        OSError: The disk did not take it; some events may be there.
    """
    with _room(store) as folder:
        found = list(unpack(stream, folder, lambda length: _check(intake, length)))
        return _sow(store, intake, found, owner)


def sow_path(store: Store, intake: Intake, path: Path, owner: str) -> list[Planted]:
    """Create the events of a folder or of a tar file; the errors are those of `sow_stream`."""
    if not path.exists():
        raise BadSeed("There is no such folder or tar.")
    try:
        file = None if path.is_dir() else path.open("rb")
        found = [] if file else list(files_of(path))
    except PermissionError:
        raise BadSeed("It cannot be read; give whoever runs this the right to.") from None
    if file:
        with file:
            return sow_stream(store, intake, file, owner)
    for each in found:
        _check(intake, each.file.stat().st_size)
    return _sow(store, intake, found, owner)


def _sow(store: Store, intake: Intake, found: Iterable[Found], owner: str) -> list[Planted]:
    return plant_all(store, intake, seeds(found, time.time_ns() // 1_000_000), owner)


def _check(intake: Intake, length: int) -> None:
    if length > intake.max_binary:
        raise TooLarge("A file", intake.max_binary)
    intake.require_room(length)


@contextmanager
def _room(store: Store) -> Iterator[Path]:
    """Yield an empty folder in this process's own, which a sweep removes if the process dies."""
    folder = store.folder / f"seed-{secrets.token_hex(8)}"
    folder.mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
