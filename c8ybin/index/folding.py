"""Folding: what the logs tell goes into the columns, and the manifest is replaced; the index's lock is held.

What is not needed any more goes last: a reader that still needs a column has it open.
"""

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path

from c8ybin import fsio
from c8ybin.index.column import write_table
from c8ybin.index.damage import Unsound
from c8ybin.index.entry import Entry
from c8ybin.index.log import end_of_lines, is_superseded, log_names
from c8ybin.index.manifest import COLUMNS, Manifest, give_up, is_draft, write_manifest
from c8ybin.index.rebuilding import write_sorted
from c8ybin.index.summary import Summary
from c8ybin.index.table import Table
from c8ybin.index.view import IsThere, Look, Stretch, View

# Each log costs every list a system call.
MOST_ENDED_LOGS = 8

IsWriting = Callable[[str], bool]


def fold(
    folder: Path,
    look: Look,
    is_there: IsThere,
    is_writing: IsWriting,
    least: int,
    known: Mapping[str, int],
    scratch: Path,
) -> bool:
    """Fold what the logs tell into the columns, where that is worth it; return whether it was.

    Args:
        folder: The index's.
        look: Reads an event.
        is_there: Tells whether there is such an event.
        is_writing: Tells whether a process of this name may still add lines.
        least: How many lines are worth it.
        known: How far each log was read before.
        scratch: A path that begins the names of files which nobody else uses.

    Raises:
        Unsound: A file of the index is damaged.
        OSError: It could not be done; the old state stands.
    """
    ended = _ended_logs(folder, is_writing)
    view = View(folder, look, is_there)
    try:
        view.refresh()
        for name in log_names(folder).keys() & known:
            if view.logs.get(name, 0) < known[name]:
                give_up(folder)
                raise Unsound(f"{folder / name}: shorter than it was")
        if view.fresh_lines < least and len(ended) < MOST_ENDED_LOGS:
            return False
        view.resolve()
        fsio.make_directory(folder / COLUMNS)
        columns: list[Summary] = []
        for stretch in view.stretches():
            columns += _folded(folder / COLUMNS, view, stretch)
        # Of a log that is gone nothing needs to be known; its name does not come back.
        logs = {name: view.logs[name] for name in log_names(folder) if name in view.logs}
        _commit(folder, Manifest(columns, logs, sorted(view.doubtful)), ended, scratch)
    finally:
        view.close()
    return True


def _folded(folder: Path, view: View, stretch: Stretch) -> list[Summary]:
    fresh = view.fresh.between(stretch.start, stretch.stop)
    column = stretch.column
    if column and not fresh and not stretch.superseded:
        return [column.summary]
    table = column.table().merged(fresh, stretch.superseded) if column else Table.of(fresh)
    return [write_table(folder, piece) for piece in table.pieces()]


def rebuild(folder: Path, events: Iterable[Entry], scratch: Path, is_writing: IsWriting) -> None:
    """Make all columns anew from the events themselves.

    Args:
        folder: The index's.
        events: All events, read after this is called.
        scratch: As for `write_sorted`.
        is_writing: As for `fold`.

    Raises:
        OSError: It could not be done; the old state stands.
    """
    ended = _ended_logs(folder, is_writing)
    # Before the first event is read: what these lines tell is in the tree by now.
    logs = {name: end_of_lines(folder / name) for name in log_names(folder)}
    fsio.make_directory(folder / COLUMNS)
    columns = write_sorted(folder / COLUMNS, events, scratch)
    _commit(folder, Manifest(columns, logs), ended, scratch)


def _ended_logs(folder: Path, is_writing: IsWriting) -> set[str]:
    """Return the logs that get no more lines; before their ends are read."""
    names = log_names(folder)
    return {name for name, writer in names.items() if is_superseded(name, names) or not is_writing(writer)}


def _commit(folder: Path, manifest: Manifest, ended: set[str], scratch: Path) -> None:
    fsio.sync_directory(folder / COLUMNS)
    # A log that went the last time must not come back beside a manifest that has forgotten it.
    fsio.sync_directory(folder)
    useless = _useless(folder, manifest, ended)
    write_manifest(folder, manifest, scratch.with_name(f"{scratch.name}-{fsio.unique_name()}"))
    with suppress(OSError):  # what stays is removed by the next one
        for path in useless:
            fsio.remove(path)


def _useless(folder: Path, manifest: Manifest, ended: set[str]) -> list[Path]:
    """Return what no manifest names once this one counts.

    As it is before that: who is stopped then, and whose lock the file system gives to another, must
    not come upon what that one has made.
    """
    named = {column.name for column in manifest.columns}
    useless = [folder / name for name in ended & set(manifest.logs)]
    with suppress(OSError):
        useless += [path for path in fsio.entries(folder / COLUMNS) if path.name not in named]
        useless += [path for path in fsio.entries(folder) if is_draft(path.name)]
    return useless
