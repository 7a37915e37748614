"""How `c8ybin top` looks on a terminal, from 80 columns and 24 lines on."""

from collections import deque
from datetime import UTC, datetime
from typing import Any

from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from c8ybin.cli.figures import Figures
from c8ybin.domain.sizes import round_size

_BARS = "▁▂▃▄▅▆▇█"
_NOTHING = "-"
_HISTORY = 60
# What stands above and below the routes: lines of the rest.
_OTHER_LINES = 19

Row = tuple[str, str | Text]


class Screen:
    """Draws figures, and remembers some of the last ones."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._rates: deque[float] = deque(maxlen=_HISTORY)

    def draw(self, console: Console, figures: Figures, problem: str | None = None) -> Group:
        """Return what is shown; `problem` is why there are no newer figures."""
        if problem is None:
            self._rates.append(figures["requests"]["rate"])
        half = console.width // 2
        columns = Table.grid(expand=True, padding=(0, 1))
        columns.add_column(width=half - 1)
        columns.add_column(ratio=1)
        columns.add_row(_block("Requests", self._requests(figures, half)), _block("Store", _store(figures)))
        columns.add_row("", "")
        columns.add_row(_block("Disk writes", _writes(figures)), _block("Processes", _processes(figures)))
        routes = _routes(figures, max(1, console.height - _OTHER_LINES))
        return Group(self._title(figures), _state(figures, problem), columns, Text(), routes)

    def _title(self, figures: Figures) -> Table:
        since = datetime.fromisoformat(figures["startedAt"])
        now = datetime.fromisoformat(figures["time"])
        title = Table.grid(expand=True)
        title.add_column(no_wrap=True)
        title.add_column(justify="right", no_wrap=True)
        left = Text.assemble((f"c8ybin {figures['version']}", "bold"), "  ", self._url)
        title.add_row(left, Text(f"up {_age((now.astimezone(UTC) - since).total_seconds())}   q ends"))
        return title

    def _requests(self, figures: Figures, width: int) -> list[Row]:
        requests = figures["requests"]
        return [
            ("a second", _number(requests["rate"])),
            ("lately", _bars(list(self._rates)[-(width - 20) :])),
            ("refused, failed", _two(requests["refused"], requests["failed"])),
            ("received", f"{_size(requests['received'])}/s"),
            ("sent", f"{_size(requests['sent'])}/s"),
            ("50 %, 99 % within", f"{_time(requests['p50'])}, {_time(requests['p99'])}"),
        ]


def _state(figures: Figures, problem: str | None) -> Text:
    """Return the line that says whether all is well."""
    store, index, workers = figures["store"], figures["index"], figures["workers"]
    if problem:
        return Text(problem, style="bold red", no_wrap=True, overflow="ellipsis")
    if not store["up"]:
        return Text(f"The store takes nothing: {store['trouble']}", style="bold red")
    if not index["usable"]:
        return Text("The index is of no use now; lists wait or are slow.", style="yellow")
    if workers["running"] != workers["wanted"]:
        return Text("Some processes ended and are being replaced.", style="yellow")
    return Text("The store takes what is written.", style="green")


def _block(title: str, rows: list[Row]) -> Table:
    block = Table(box=None, show_header=False, expand=True, padding=(0, 1, 0, 0), title=title)
    block.title_justify, block.title_style = "left", "bold"
    block.add_column(no_wrap=True, style="dim")
    block.add_column(no_wrap=True, justify="right")
    for name, value in rows:
        block.add_row(name, value)
    return block


def _store(figures: Figures) -> list[Row]:
    store, disk, uploads = figures["store"], figures["disk"], figures["uploads"]
    return [
        ("events", _count(store["events"])),
        ("attachments", f"{_count(store['attachments'])}, {_size(store['bytes'])}"),
        ("uploads now, begun", f"{_count(uploads['receiving'])}, {_count(uploads['incomplete'])}"),
        ("disk free", _size(disk["free"])),
        ("disk, reserve", f"{_size(disk['total'])}, {_size(disk['reserve'])}"),
        (
            "columns, lines",
            f"{_count(figures['index']['columns'])}, {_count(figures['index']['lines'])}",
        ),
    ]


def _writes(figures: Figures) -> list[Row]:
    fsyncs, commits = figures["fsyncs"], figures["commits"]
    return [
        ("fsyncs a second", _number(fsyncs["rate"])),
        ("50 %, 99 % within", f"{_time(fsyncs['p50'])}, {_time(fsyncs['p99'])}"),
        ("commits a second", _number(commits["rate"])),
        ("waiting together", _number(commits["together"])),
    ]


def _processes(figures: Figures) -> list[Row]:
    workers, connections = figures["workers"], figures["connections"]
    return [
        (
            "workers, replaced",
            f"{_count(workers['running'])} of {_count(workers['wanted'])}, {_count(workers['restarts'])}",
        ),
        ("connections", _count(connections["open"])),
        ("shed a second", _number(connections["shed"])),
        (
            "waiting, bad logins",
            f"{_count(figures['requests']['waiting'])}, {_number(figures['logins']['refused'])}",
        ),
    ]


def _routes(figures: Figures, most: int) -> Table:
    table = Table(box=None, expand=True, padding=(0, 1, 0, 0), header_style="bold")
    table.add_column("Address", ratio=1, no_wrap=True, overflow="ellipsis")
    for name in ("a second", "50 % within", "99 % within"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in figures["routes"][:most]:
        table.add_row(
            f"{row['method']} {row['route']}", _number(row["rate"]), _time(row["p50"]), _time(row["p99"])
        )
    return table


def _bars(values: list[float]) -> str:
    most = max(values, default=0.0)
    return "".join(_BARS[round(value / most * (len(_BARS) - 1))] if most else _BARS[0] for value in values)


def _two(*values: Any) -> Text:
    """Write the rates of refused and failed requests, the latter in red where there are some."""
    refused, failed = values
    return Text.assemble(f"{_number(refused)}, ", (_number(failed), "bold red" if failed else ""))


def _count(value: int | None) -> str:
    return _NOTHING if value is None else f"{value:,}"


def _number(value: float | None) -> str:
    if value is None:
        return _NOTHING
    return f"{value:,.0f}" if value >= 100 or value == 0 else f"{value:,.1f}"


def _size(value: float | None) -> str:
    return _NOTHING if value is None else round_size(round(value))


def _time(seconds: float | None) -> str:
    if seconds is None:
        return _NOTHING
    return f"{seconds * 1000:.1f} ms" if seconds < 1 else f"{seconds:.1f} s"


def _age(seconds: float) -> str:
    days, rest = divmod(max(0, int(seconds)), 86_400)
    hours, rest = divmod(rest, 3600)
    minutes, rest = divmod(rest, 60)
    return f"{days} d {hours:02}:{minutes:02}" if days else f"{hours:02}:{minutes:02}:{rest:02}"
