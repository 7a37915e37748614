"""Restores a data directory from backups: all of it is unpacked and checked before anything is replaced."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, closing, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path

from c8ybin import fsio
from c8ybin.bodies import digests_of
from c8ybin.domain.steps import Step, uncounted
from c8ybin.domain.times import format_time
from c8ybin.store.archive import Stamp
from c8ybin.store.layout import EVENT, FORMAT
from c8ybin.store.manifest import BadArchive, Entry, Manifest
from c8ybin.store.opening import layout_of, make_with_parents, prepare_directory
from c8ybin.store.switch import Place
from c8ybin.store.unpack import Index, Source, about, check, put, read_index, unpack

# What a command is told of long work: how many events there will be, if that is known.
Progress = Callable[[int | None], AbstractContextManager[Step]]


class MissingBackup(Exception):
    """A backup that others build on was not given; the message is a sentence."""


@dataclass(frozen=True, slots=True)
class Restored:
    """What was restored.

    Attributes:
        stamp: Of which backup.
        events: How many.
        files: How many.
        bytes: Of all files.
        before: Where the old data is now, if there was any.
    """

    stamp: Stamp
    events: int
    files: int
    bytes: int
    before: Path | None


def restore_backup(
    sources: Iterable[Source],
    root: Path,
    *,
    replace: bool = False,
    progress: Progress = lambda _: nullcontext(uncounted),
) -> Restored:
    """Bring back the state that the newest of some backups has.

    Args:
        sources: Its archive, and those that it builds on, in any order.
        root: A new or an empty directory.
        replace: Whether it may be a data directory, which is kept aside.
        progress: Told of what goes on.

    Raises:
        BadArchive: An archive is damaged; nothing was touched.
        UnknownFormat: One is of another version; nothing was touched.
        MissingBackup: One is missing; nothing was touched.
        UnfitDirectory: The directory is not fit, or in use; nothing was touched.
        OSError: It cannot be written, or an fsync failed.
    """
    root = layout_of(root).root
    is_new = not fsio.exists(root)
    make_with_parents(root)
    place = Place(root)
    try:
        place.check(replace=replace)
        with place.staged():
            place.check(replace=replace)  # another restore may have been faster
            place.clean()
            with ExitStack() as stack:
                indexes = _indexes(sources, place, stack, progress)
                newest = max(indexes.values(), key=lambda index: index.header.age)
                restored = _counted(newest)
                _check_complete(newest, indexes)
                with progress(restored.events) as step:
                    _unpack(newest.manifest, indexes, place, step)
            _check_format(newest, place.new / place.layout.format.name)
            # Every byte and name, before the first step of the switch; the folder's own is durable.
            fsio.sync_tree(place.staging)
            before = place.switch()
            prepare_directory(root)
    except BaseException:
        if is_new:
            with suppress(OSError):
                root.rmdir()
        raise
    return Restored(restored.stamp, restored.events, restored.files, restored.bytes, before)


def _stream(place: Place) -> Path:
    """Return where the files of a stream wait until it is known which of them are wanted."""
    return place.staging / "stream"


def _indexes(
    sources: Iterable[Source], place: Place, stack: ExitStack, progress: Progress
) -> dict[str, Index]:
    indexes: dict[str, Index] = {}
    for source in sources:
        if source.stream:
            with progress(None) as step:
                index = read_index(source, lambda path, blocks: put(_stream(place), path, blocks, step))
        else:
            index = read_index(source)
        stack.enter_context(closing(index.manifest))
        indexes.setdefault(index.header.stamp.id, index)
    return indexes


def _counted(index: Index) -> Restored:
    events = files = length = 0
    for entry in index.manifest:
        events += entry.path.endswith(f"/{EVENT}")
        files += 1
        length += entry.length
    return Restored(index.header.stamp, events, files, length, None)


def _check_complete(newest: Index, indexes: Mapping[str, Index]) -> None:
    times = {stamp.id: stamp.time for stamp in newest.header.chain}
    for entry in newest.manifest:
        if entry.backup not in indexes:
            time = f" of {format_time(times[entry.backup])}" if entry.backup in times else ""
            raise MissingBackup(
                f"The archive {newest.source.name} builds on the backup {entry.backup}{time}; name its archive, too"
            )


def _check_format(index: Index, path: Path) -> None:
    if not fsio.exists(path) or fsio.read(path) != f"{FORMAT}\n".encode():
        raise BadArchive(f"The archive {index.source.name} is damaged: its file format is missing or another")


def _unpack(manifest: Manifest, indexes: Mapping[str, Index], place: Place, step: Step) -> None:
    for backup, index in indexes.items():
        wanted = (entry for entry in manifest if entry.backup == backup)
        if index.source.stream:
            with about(index.source.name):
                _take(wanted, _stream(place), place.new, step)
        else:
            unpack(index.source, wanted, place.new, step)


def _take(wanted: Iterator[Entry], stream: Path, new: Path, step: Step) -> None:
    """Take over the files that are wanted of a stream."""
    for entry in wanted:
        source, target = stream / entry.path, new / entry.path
        try:
            with fsio.opened(source) as fd:
                length, digest = fsio.length(fd), digests_of(fd, ["sha-256"])["sha-256"]
        except FileNotFoundError:
            raise BadArchive(f"is damaged: {entry.path} is missing") from None
        check(entry, length, digest)
        for folder in reversed((target.parent, *target.parent.parents)):
            if folder.is_relative_to(new):
                fsio.make_directory(folder)
        fsio.rename(source, target)
        step(events=target.name == EVENT, bytes=length)
