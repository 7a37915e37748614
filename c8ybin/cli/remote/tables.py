"""Events for people and for scripts: a table on a terminal, tabs elsewhere, or a line of JSON each."""

import json
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import click

from c8ybin.cli.remote.connecting import say
from c8ybin.domain.events import IS_BINARY, IS_INCOMPLETE
from c8ybin.domain.sizes import round_size

# What a terminal shows whole of these, however narrow it is.
_WIDTHS = {"ID": 15, "TIME": 20, "SIZE": 9}
HEADS = ("ID", "TIME", "SOURCE", "TYPE", "SIZE", "NAME", "TEXT")


def write_json(document: Any, *, err: bool = False, indent: int | None = None) -> None:
    """Write a line of JSON, or several with `indent`; to standard error where `err` says so."""
    # A terminal is not steered by what a stranger wrote.
    is_seen = (sys.stderr if err else sys.stdout).isatty()
    click.echo(json.dumps(document, ensure_ascii=is_seen, indent=indent), err=err)


def row(event: dict[str, Any]) -> tuple[str, ...]:
    """Return an event as the columns of `HEADS`; the size is in bytes."""
    source, binary = event.get("source"), event.get(IS_BINARY)
    upload = event.get(IS_INCOMPLETE)
    size = name = ""
    if isinstance(binary, dict):
        size, name = str(binary.get("length", "")), str(binary.get("name", ""))
    elif isinstance(upload, dict):
        size = f"incomplete {upload.get('range', '')}"
    return (
        str(event.get("id", "")),
        str(event.get("time", "")),
        str(source.get("id", "")) if isinstance(source, dict) else "",
        str(event.get("type", "")),
        size,
        name,
        str(event.get("text", "")),
    )


def write_events(events: Iterable[dict[str, Any]], most: int | None, *, as_json: bool) -> None:
    """Write events as they come, and say when there are more than were asked for.

    Args:
        events: One more than `most`, where there are more.
        most: How many are written; None for all.
        as_json: A line of JSON each.
    """
    shown = _shown(events, most)
    if as_json:
        for event in shown:
            write_json(event)
    elif sys.stdout.isatty():
        _write_table([row(event) for event in shown])
    else:
        for event in shown:
            click.echo("\t".join(plain(cell) for cell in row(event)))


def _shown(events: Iterable[dict[str, Any]], most: int | None) -> Iterator[dict[str, Any]]:
    for number, event in enumerate(events):
        if number == most:
            say(f"There are more than {most}: --limit N or --all shows them.")
            return
        yield event


def plain(text: str) -> str:
    """Return a text that breaks neither line nor column, nor steers a terminal."""
    return text if text.isprintable() else repr(text)[1:-1]


def _write_table(rows: Sequence[tuple[str, ...]]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    for head in HEADS:
        table.add_column(
            head,
            justify="right" if head == "SIZE" else "left",
            no_wrap=True,
            overflow="ellipsis",
            min_width=_WIDTHS.get(head),
        )
    for cells in rows:
        size = round_size(int(cells[4])) if cells[4].isdecimal() else cells[4]
        second = re.sub(r"\.\d+Z$", "Z", cells[1])
        shown = (cells[0], second, *cells[2:4], size, *cells[5:])
        table.add_row(*(Text(plain(cell)) for cell in shown))
    Console().print(table)
