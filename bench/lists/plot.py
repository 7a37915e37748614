"""The figures as a plot in SVG 1.1: the cost of each request over the number of events, both on a log scale."""

import math
from html import escape

from bench.lists.figures import Figures, sizes
from bench.lists.report import short
from bench.lists.works import PAGE_SIZES, WORKS, List, Work
from bench.report import number

_WIDTH, _HEIGHT, _GAP = 300, 300, 20
_LEFT, _TOP, _NAMES, _BOTTOM = 50, 50, 230, 50
_LINE = 15  # between two names
_COLOURS = (
    "#0b6e4f", "#1f77b4", "#d62728", "#9467bd", "#8c564b", "#e377c2", "#7f7f7f", "#bcbd22", "#17becf", "#ff7f0e",
    "#2f4b7c",
)  # fmt: skip
_STYLE = "text{font:12px sans-serif;fill:#1f2328}.t{font-weight:bold;font-size:13px}.n{font-size:11px}"

Range = tuple[int, int]


def _panels() -> list[tuple[str, list[Work]]]:
    lists: list[tuple[str, list[Work]]] = [
        (
            f"A list, pageSize={size}: p50 in ms",
            [w for w in WORKS if isinstance(w, List) and w.page_size == size],
        )
        for size in PAGE_SIZES
    ]
    return [*lists, ("One event: p50 in ms", [w for w in WORKS if not isinstance(w, List)])]


def _decades(values: list[float]) -> Range:
    """Return the powers of ten that enclose all values, one apart at the least."""
    least = math.floor(math.log10(max(min(values), 1e-3)))
    return least, max(least + 1, math.ceil(math.log10(max(*values, 1e-3))))


def _axes(left: int, title: str, across: Range, up: Range, measured: list[int]) -> list[str]:
    drawn = [f'<text class="t" x="{left}" y="{_TOP - 20}">{escape(title)}</text>']
    for decade in range(up[0], up[1] + 1):
        y = _y(10.0**decade, up)
        drawn.append(f'<path d="M{left} {y:.1f}h{_WIDTH}" stroke="#d0d7de"/>')
        drawn.append(f'<text x="{left - 6}" y="{y + 4:.1f}" text-anchor="end">{10.0**decade:g}</text>')
    for events in measured:
        x = _x(events, left, across)
        drawn.append(
            f'<text x="{x:.1f}" y="{_TOP + _HEIGHT + 18}" text-anchor="middle">{short(events)}</text>'
        )
    return drawn


def _x(events: float, left: int, across: Range) -> float:
    return left + _WIDTH * (math.log10(events) - across[0]) / (across[1] - across[0])


def _y(ms: float, up: Range) -> float:
    return _TOP + _HEIGHT * (up[1] - math.log10(max(ms, 1e-3))) / (up[1] - up[0])


def _panel(figures: Figures, left: int, title: str, works: list[Work], across: Range) -> list[str]:
    found = {w: {n: figures[w.name, n]["p50_ms"] for n in sizes(figures, w.name)} for w in works}
    values = [ms for of in found.values() for ms in of.values()]
    if not values:
        return []
    up = _decades(values)
    drawn = _axes(left, title, across, up, sorted({n for of in found.values() for n in of}))
    colours = dict(zip(works, _COLOURS, strict=False))
    # The names stand in the order of the ends of their lines, none over another.
    ends = sorted((_y(of[max(of)], up), work.title, work) for work, of in found.items() if of)
    y = 0.0
    for end, name, work in ends:
        of, colour = found[work], colours[work]
        points = " ".join(f"{_x(n, left, across):.1f},{_y(ms, up):.1f}" for n, ms in of.items())
        drawn.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>')
        x = _x(max(of), left, across)
        y = max(end, y + _LINE)
        drawn.append(f'<circle cx="{x:.1f}" cy="{end:.1f}" r="3" fill="{colour}"/>')
        drawn.append(f'<path d="M{x:.1f} {end:.1f}L{left + _WIDTH + 8} {y:.1f}" stroke="{colour}"/>')
        label = f"{escape(name)}: {number(of[max(of)])}"
        drawn.append(
            f'<text class="n" x="{left + _WIDTH + 12}" y="{y + 4:.1f}" style="fill:{colour}">{label}</text>'
        )
    return drawn


def svg(figures: Figures) -> str:
    """Return the plot."""
    measured = [n for n in sizes(figures) if n]
    across = _decades([float(n) for n in measured]) if measured else (0, 1)
    drawn: list[str] = []
    step = _LEFT + _WIDTH + _NAMES + _GAP
    panels = _panels()
    for place, (title, works) in enumerate(panels):
        drawn += _panel(figures, _LEFT + place * step, title, works, across)
    width, height = step * len(panels), _TOP + _HEIGHT + _BOTTOM
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}"'
        f' viewBox="0 0 {width} {height}">\n'
        f"<title>What a request costs over the number of events</title>\n<style>{_STYLE}</style>\n"
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>\n' + "\n".join(drawn) + "\n</svg>\n"
    )
