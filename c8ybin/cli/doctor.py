"""`c8ybin doctor`."""

import json
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import click

from c8ybin.cli.problems import Problem, Unfit
from c8ybin.cli.progress import progress
from c8ybin.probes.examining import ROWS, NotOneDirectory, examine
from c8ybin.probes.kinds import Kind, kind_of
from c8ybin.probes.primitive import Outcome, Row

_DIRECTORY = click.Path(exists=True, file_okay=False, path_type=Path, resolve_path=True)


@click.command()
@click.argument("path", type=_DIRECTORY)
@click.argument("path2", type=_DIRECTORY, required=False)
@click.option(
    "--json", "as_json", is_flag=True, help="Write a JSON object a line; the last one is the summary."
)
def doctor(path: Path, path2: Path | None, as_json: bool) -> None:
    """Try whether the store may live in a directory: what it needs of the file system, one by one.

    PATH may be a data directory in use, or any other directory of its file system; what is tried
    happens in a folder of its own in it, which goes in the end. PATH2 is the same directory as
    another host sees it: a second mount of a distributed file system.

    Exit code 0: the store may live there; 1: it may not; 2: nothing could be tried.
    """
    kind = kind_of(path)
    if not as_json:
        click.echo(_about(path, kind))
    rows: list[Row] = []
    # Rows show how far it is where they are written to the same terminal.
    with nullcontext() if sys.stdout.isatty() else progress("probing", ROWS, "primitives") as step:
        try:
            for row in examine(path, path2):
                rows.append(row)
                if step:
                    step(events=1)
                _tell(row, as_json=as_json)
        except NotOneDirectory:
            raise Unfit(
                f"What is made in {path} does not show in {path2}: name two mounts of one directory."
            ) from None
        except OSError as error:
            what = f"{path} holds" if path2 is None else f"{path} and {path2} hold"
            raise Unfit(f"What {what} cannot be tried: {error.strerror}.") from None
    is_one_mount = path2 is not None and path.stat().st_dev == path2.stat().st_dev
    is_fit = not any(row.is_refusal for row in rows)
    if as_json:
        click.echo(json.dumps(_summary(path, path2, kind, rows, is_one_mount=is_one_mount)))
    else:
        click.echo(_verdict(path, None if is_one_mount else path2, rows))
        if path2 is None:
            click.echo("Nothing between hosts was tried, for which PATH2 would be a second mount.", err=True)
    if is_one_mount:
        click.echo(
            f"{path} and {path2} are one mount of this host, which tells nothing of others: mount the file "
            "system a second time, as another client.",
            err=True,
        )
    if not is_fit:
        sys.exit(Problem.exit_code)


def _about(path: Path, kind: Kind) -> str:
    source = f" ({kind.source})" if kind.source not in ("", kind.type) else ""
    return f"{path} is on {kind.name}{source}. {kind.known}"


def _tell(row: Row, *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(_members(row)))
    elif row.outcome is not Outcome.NOT_TRIED:
        click.echo(f"{row.outcome:<6} {row.title:<55} {row.figure or '-':<35} {row.primitive.need}".rstrip())


def _members(row: Row) -> dict[str, Any]:
    return {
        "primitive": row.primitive.key,
        "paths": 2 if row.is_between_paths else 1,
        "outcome": row.outcome,
        "figure": row.figure,
        "need": row.primitive.need,
        "must": row.primitive.is_must,
    }


def _summary(
    path: Path, path2: Path | None, kind: Kind, rows: list[Row], *, is_one_mount: bool
) -> dict[str, Any]:
    refusals = [row for row in rows if row.is_refusal]
    return {
        "path": str(path),
        "path2": None if path2 is None else str(path2),
        "type": kind.type,
        "name": kind.name,
        "known": kind.known,
        "source": kind.source,
        "options": kind.options,
        "fit": not refusals,
        "fit_for_one_host": all(row.is_between_paths for row in refusals),
        "lacks": [row.primitive.key for row in refusals],
        "one_mount": is_one_mount,
    }


def _verdict(path: Path, path2: Path | None, rows: list[Row]) -> str:
    refusals = [row for row in rows if row.is_refusal]
    lacks = ", ".join(dict.fromkeys(row.primitive.title for row in refusals))
    if not refusals:
        return f"The store may live in {path}{' for several hosts' if path2 else ', for one host'}."
    if all(row.is_between_paths for row in refusals):
        return f"The store may live in {path} for one host, but not for several, between which it lacks: {lacks}."
    return f"The store may not live in {path}, which lacks: {lacks}."
