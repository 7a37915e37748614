"""The figures as text: Markdown tables of what each request costs over the number of events."""

from typing import Any

from bench.lists.figures import FACTS, Figures, growth, is_reached, sizes
from bench.lists.works import PAGE_SIZES, WORKS, List
from bench.report import number, table

NAME = "lists"
PLOT = "docs/lists.svg"
_WORD = {None: "", True: "yes", False: "**no**"}


def short(events: int) -> str:
    """Write a number of events briefly."""
    for unit, letter in ((1_000_000, "M"), (1_000, "k")):
        if events >= unit and events % unit == 0:
            return f"{events // unit} {letter}"
    return f"{events:,}"


def costs(figures: Figures) -> str:
    """Return the medians of every request, their growth, and whether that is as little as was wanted."""
    measured = [n for n in sizes(figures) if any((work.name, n) in figures for work in WORKS)]
    if not measured:
        return ""
    last = f"p99, {short(measured[-1])}"
    head = ["p50 in ms", "pageSize", *map(short, measured), last, "growth", "in CPU", "wanted", "reached"]
    rows = []
    for work in WORKS:
        of = [figures.get((work.name, n), {}) for n in measured]
        if any(of):
            row = [work.title, str(work.page_size) if isinstance(work, List) else ""]
            row += [_shown(found.get("p50_ms")) for found in of] + [_shown(of[-1].get("p99_ms"))]
            row += [_times(growth(figures, work.name, value)) for value in ("p50_ms", "cpu_ms")]
            rows.append([*row, str(work.limit), _WORD[is_reached(work.limit, figures, work.name)]])
    return table(head, rows, words=(0, len(head) - 1))


def _times(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}×"


def facts(figures: Figures) -> str:
    """Return what was measured of the data directories as a whole."""
    measured = sizes(figures)
    rows = []
    for fact in FACTS:
        found = [fact.found(figures, n) for n in measured]
        if any(value is not None for value in found):
            rows.append([fact.title, *map(_shown, found), str(fact), _WORD[fact.is_reached(figures)]])
    head = ["data directory", *map(short, measured), "wanted", "reached"]
    return table(head, rows, words=(0, len(head) - 1)) if rows else ""


def _shown(value: float | None) -> str:
    return "" if value is None else number(value)


def notes(about: dict[str, Any]) -> str:
    """Say where and how it was measured, and what is missing."""
    lines = [
        f"Measured by `scripts/bench-lists` on {about['machine']}; medians of rounds in which the sizes took turns "
        f"({about['rounds']}), one client on one connection, one worker, warm.",
        f"As many events come back at each size: pageSize {' or '.join(map(str, PAGE_SIZES))}, but for those types "
        "and fragments of which there are ten. Growth is the median at the most events over that at the fewest: of "
        "the time, and of the server's CPU time a request, which depends less on what else the machine does.",
    ]
    lines += [f"Not measured: {text}." for text in about.get("missing", ())]
    lines += [f"Not counted: {text}." for text in about.get("failures", ())]
    return "\n".join(lines) + "\n"


def everything(about: dict[str, Any], figures: Figures) -> str:
    """Return the tables and the notes."""
    return "\n".join(part for part in (costs(figures), facts(figures), notes(about)) if part)
