"""`c8ybin backup` and `c8ybin restore`."""

import json
import os
import stat
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from pathlib import Path
from typing import IO

import click

from c8ybin import fsio
from c8ybin.cli.options import config_option, data_option, option
from c8ybin.cli.problems import ACCOUNTS_BUSY, Problem, Unfit, using
from c8ybin.cli.progress import progress
from c8ybin.domain.sizes import round_size
from c8ybin.domain.times import format_time
from c8ybin.store import (
    BackedUp,
    BadArchive,
    MissingBackup,
    NotWritten,
    Previous,
    Source,
    UnknownFormat,
    Unsteady,
    existing_directory,
    read_index,
    restore_backup,
    write_backup,
)

STREAM = "-"
_STDIN, _STDOUT = "on standard input", "standard output"


class Pipe:
    """Standard output, unbuffered, so that nothing is left to be written when it is closed."""

    def write(self, data: bytes, /) -> object:
        """Write all of it."""
        view = memoryview(data)
        while view:
            view = view[os.write(sys.stdout.fileno(), view) :]
        return None


@contextmanager
def _archives() -> Iterator[None]:
    """Say in one sentence what is wrong with an archive.

    Raises:
        Problem: It is damaged.
        Unfit: It is of a format that is not known, or one is missing.
    """
    try:
        yield
    except BadArchive as error:
        raise Problem(f"{error}.") from None
    except MemoryError:
        raise Problem("An archive asks for more memory than there is, so it is damaged.") from None
    except (UnknownFormat, MissingBackup) as error:
        raise Unfit(f"{error}.") from None


@contextmanager
def _output(name: str) -> Iterator[Pipe | IO[bytes]]:
    """Yield where an archive goes: a file has it only once it is whole.

    Raises:
        Problem: It cannot be written.
        Unfit: It is a terminal.
    """
    if name == STREAM and sys.stdout is None:
        raise Unfit("Standard output is closed; name a file with --output.")
    if name == STREAM and sys.stdout.isatty():
        raise Unfit("Standard output is a terminal; name a file with --output, or send it through a pipe.")
    try:
        if name == STREAM:
            yield Pipe()
            return
        path = Path(name).resolve()
        if path.exists() and not stat.S_ISREG(path.stat().st_mode):
            with path.open("wb", buffering=0) as file:  # a device or a pipe, not to be replaced
                yield file
            return
        draft = f".{path.name}.{fsio.unique_name()}"
        with fsio.replacing(path, draft, mode=fsio.PRIVATE_MODE) as file:
            yield file
    except (OSError, NotWritten) as error:
        cause = error.__cause__ if isinstance(error, NotWritten) else error
        where = _STDOUT if name == STREAM else name
        raise Problem(
            f"The backup cannot be written to {where}: {getattr(cause, 'strerror', cause)}."
        ) from None


@click.command()
@option(
    "--output",
    "output",
    "-o",
    default=STREAM,
    show_default="standard output",
    help="The archive to write; - as well.",
)
@option(
    "--since",
    type=click.Path(path_type=Path, dir_okay=False),
    multiple=True,
    help="An earlier backup, whose files are not copied again; of several, the newest counts.",
)
@option("--json", "as_json", is_flag=True, help="Write JSON.")
@data_option
@config_option
def backup(output: str, since: Sequence[Path], as_json: bool, data: Path) -> None:
    """Write a backup of the data directory as one tar, while servers run or not."""
    if output != STREAM and any(_is_same(Path(output), path) for path in since):
        raise Unfit(f"{output} is the backup that the new one would build on; name another --output.")
    with using(data):
        layout = existing_directory(data)
    with ExitStack() as stack:
        previous = _previous(since, stack)
        with _output(output) as file, using(data):
            total = layout.count()
            with progress("backing up", total) as step:
                try:
                    done = write_backup(layout, file, previous, step=step, left_out=_leave_out)
                except Unsteady as error:
                    raise Problem(
                        f"The backup broke off: the disk reads {error} differently each time."
                    ) from None
    _tell_backup(done, as_json, err=output == STREAM)
    if done.damaged or done.others:
        counts = ((len(done.damaged), "events"), (len(done.others), "managed objects or external IDs"))
        what = " and ".join(f"{count} damaged {noun}" for count, noun in counts if count)
        raise Problem(f"{what} were left out of the backup; the rest is complete.")


def _is_same(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except OSError:
        return False


def _leave_out(which: str, what: str) -> None:
    click.echo(f"left out: {which}: {what}", err=True)


def _previous(since: Sequence[Path], stack: ExitStack) -> Previous | None:
    with _archives():
        indexes = [read_index(Source.of_file(path)) for path in since]
    for index in indexes:
        stack.enter_context(closing(index.manifest))
    if not indexes:
        return None
    newest = max(indexes, key=lambda index: index.header.age)
    return Previous(newest.header, newest.manifest)


def _tell_backup(done: BackedUp, as_json: bool, *, err: bool) -> None:
    if as_json:
        text = json.dumps(
            {
                "id": done.stamp.id,
                "time": format_time(done.stamp.time),
                "events": done.events,
                "files": done.files,
                "bytes": done.bytes,
                "copiedFiles": done.copied_files,
                "copiedBytes": done.copied_bytes,
                "damaged": [str(event_id) for event_id in done.damaged],
                "others": done.others,
            }
        )
    else:
        text = (
            f"Backup {done.stamp.id}: {done.events} events, {done.files} files, {round_size(done.bytes)}; "
            f"{done.copied_files} files, {round_size(done.copied_bytes)} of them copied."
        )
    click.echo(text, err=err)


@click.command("restore")
@click.argument("archives", metavar="ARCHIVE...", nargs=-1, required=True)
@option("--replace", is_flag=True, help="Replace a data directory; the old data is kept in it, aside.")
@option("--json", "as_json", is_flag=True, help="Write JSON.")
@data_option
@config_option
def restore_command(archives: Sequence[str], replace: bool, as_json: bool, data: Path) -> None:
    """Bring back the newest of the backups ARCHIVE..., checked before anything is replaced; - is standard input.

    Name an incremental backup together with those that it builds on, in any order.
    """
    if STREAM in archives and sys.stdin is None:
        raise Unfit("Standard input is closed; name an archive as a file.")
    if list(archives).count(STREAM) > 1:
        raise Unfit("Standard input has one archive; name the others as files.")
    with _archives():
        sources = [
            Source(_STDIN, sys.stdin.buffer) if name == STREAM else Source.of_file(Path(name))
            for name in archives
        ]
        try:
            with using(data):
                done = restore_backup(sources, data, replace=replace, progress=partial(progress, "restoring"))
        except TimeoutError:
            raise Problem(ACCOUNTS_BUSY) from None
    if as_json:
        click.echo(
            json.dumps(
                {
                    "id": done.stamp.id,
                    "time": format_time(done.stamp.time),
                    "events": done.events,
                    "files": done.files,
                    "bytes": done.bytes,
                    "before": str(done.before) if done.before else None,
                }
            )
        )
        return
    click.echo(
        f"Restored backup {done.stamp.id} of {format_time(done.stamp.time)}: {done.events} events, "
        f"{done.files} files, {round_size(done.bytes)}."
    )
    if done.before:
        click.echo(f"The old data is in {done.before}; remove it when it is no longer needed.")
