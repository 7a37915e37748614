"""The figures as text: Markdown whose columns are aligned, so that a terminal shows it as well."""

import re
from collections.abc import Collection, Sequence
from typing import Any

from bench.figures import BUSY_GENERATOR, GOALS, Figures
from bench.peers import PEERS, WIRE
from bench.workloads import BARE, FLOORS, UPLOADS_AT_ONCE, WORKLOADS, Subject, Workload

PLOT = "docs/bench.svg"


def markers(name: str) -> tuple[str, str]:
    """Return the lines between which a bench of this name has its place."""
    return f"<!-- {name}:begin -->\n", f"<!-- {name}:end -->\n"


BEGIN, END = markers("bench")
SUBJECTS: tuple[Subject, ...] = (*PEERS, *FLOORS, BARE)


def number(value: float) -> str:
    """Write a number with three digits that mean something, or all before the point."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def table(head: Sequence[str], rows: Sequence[Sequence[str]], words: Collection[int] = (0, 1)) -> str:
    """Return a table in Markdown; the columns of words are aligned to the left, those of numbers to the right."""
    widths = [max(len(row[i]) for row in (head, *rows)) for i in range(len(head))]

    def line(cells: Sequence[str]) -> str:
        padded = (
            c.ljust(w) if i in words else c.rjust(w)
            for i, (c, w) in enumerate(zip(cells, widths, strict=True))
        )
        return f"| {' | '.join(padded)} |"

    rules = ("-" * (w + 2) if i in words else "-" * (w + 1) + ":" for i, w in enumerate(widths))
    return "\n".join((line(head), f"|{'|'.join(rules)}|", *map(line, rows))) + "\n"


def goals(figures: Figures) -> str:
    """Return the table of what was to be reached."""
    rows = []
    for goal in GOALS:
        found, is_reached = goal.reached(figures)
        wanted = f"≥ {goal.at_least:g}" if goal.at_least is not None else f"≤ {goal.at_most:g}"
        word = {None: "not measured", True: "yes", False: "**no**"}[is_reached]
        rows.append((goal.work, goal.against, "" if found is None else number(found), wanted, word))
    return table(("work", "c8ybin against", "measured", "wanted", "reached"), rows, words=(0, 1, 4))


def _is_upload(workload: Workload) -> bool:
    return workload.kind in ("upload", "chunks")


def uploads(figures: Figures) -> str:
    """Return the rates of all uploads, each with its CPU time in brackets."""
    columns = [w for w in WORKLOADS if _is_upload(w)]
    rows = [
        (s.title, "fsync" if s.is_durable else "no fsync", *(_rate(figures, w, s) for w in columns))
        for s in SUBJECTS
    ]
    return _without_gaps(("uploads", "durable", *map(_headline, columns)), rows, 2)


def downloads_and_the_rest(figures: Figures) -> str:
    """Return the rates of all downloads, memory, and the time of a start."""
    columns = [w for w in WORKLOADS if w.kind in ("download", "connect")]
    rows = []
    for subject in SUBJECTS:
        at_start = figures.get(("start", subject.name), {})
        at_once = figures.get((UPLOADS_AT_ONCE, subject.name), {})
        rest = (at_start.get("start_ms"), at_start.get("idle_mb"), at_once.get("over_idle_mb"))
        rates = (_rate(figures, w, subject) for w in columns)
        rows.append((subject.title, *rates, *("" if v is None else number(v) for v in rest)))
    head = (
        "downloads and the rest",
        *map(_headline, columns),
        "start, ms",
        "idle, MB",
        "16 × 50 MB at once, MB more",
    )
    return _without_gaps(head, rows, 1)


def _headline(workload: Workload) -> str:
    work = re.sub(" (upload|download)", "", workload.title)
    return f"{work}, MB/s (CPU s/GB)" if workload.is_big else f"{work}, /s (CPU ms)"


def _rate(figures: Figures, workload: Workload, subject: Subject) -> str:
    of = figures.get((workload.name, subject.name))
    if of is None:
        return ""
    value, cpu = ("mb_a_s", "cpu_s_a_gb") if workload.is_big else ("requests_a_s", "cpu_ms_a_request")
    mark = "†" if of.get("generator_busy", 0) > BUSY_GENERATOR else ""
    return f"{number(of[value])}{mark} ({number(of[cpu])})"


def _without_gaps(head: Sequence[str], rows: Sequence[Sequence[str]], words: int) -> str:
    """Return a table without the rows and columns that say nothing; the first columns are words."""
    rows = [row for row in rows if any(row[words:])]
    kept = [i for i in range(len(head)) if i < words or any(row[i] for row in rows)]
    return (
        table([head[i] for i in kept], [[row[i] for i in kept] for row in rows], range(words)) if rows else ""
    )


def notes(about: dict[str, Any]) -> str:
    """Say where and how it was measured, and what is missing."""
    lines = [
        f"Measured by `scripts/bench` on {about['machine']}; medians of rounds that took turns ({about['rounds']}).",
        f"The load generator, one thread on the same CPUs, does no better than the line “{WIRE.title}”; a † "
        "marks where it was busy all the time, so that the server could have done more.",
        "CPU time is that of the server's processes, with what follows the answer; where there is no fsync, the "
        "kernel's writing to the disk comes later and is nobody's. Memory is PSS.",
    ]
    if versions := about.get("versions"):
        lines.append(
            "Versions: " + ", ".join(f"{name} {version}" for name, version in versions.items()) + "."
        )
    for name, reason in about.get("missing", {}).items():
        lines.append(f"Left out: {name} ({reason}).")
    lines += [f"Not counted: {text}." for text in about.get("failures", ())]
    return "\n".join(lines) + "\n"


def everything(about: dict[str, Any], figures: Figures) -> str:
    """Return the tables and the notes."""
    parts = (goals(figures), uploads(figures), downloads_and_the_rest(figures), notes(about))
    return "\n".join(part for part in parts if part)


def has_place(text: str, name: str = "bench") -> bool:
    """Return whether a text has the two markers of a bench, in order."""
    begin, end = markers(name)
    return end in text.partition(begin)[2]


def replaced(text: str, new: str, name: str = "bench", plot: str = PLOT) -> str:
    """Return a text with `new`, and the plot, in the place that the two markers of a bench enclose."""
    before, begin, rest = text.partition(markers(name)[0])
    _, end, after = rest.partition(markers(name)[1])
    return f"{before}{begin}{new}\n![The same as a plot]({plot})\n{end}{after}"
