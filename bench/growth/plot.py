"""The figures as a plot in SVG 1.1: rates over hosts, lists and recovery over events, all on log scales."""

import math
from collections.abc import Mapping
from html import escape

from bench.growth.tables import Figures, span
from bench.report import number

_WIDTH, _HEIGHT = 250, 240
_LEFT, _TOP, _NAMES, _BOTTOM = 50, 50, 150, 40
_LINE = 15  # between two names
_COLOURS = {"ext4": "#7f7f7f", "MooseFS": "#1f77b4", "CephFS": "#d62728", "GlusterFS": "#0b6e4f"}
_STYLE = "text{font:12px sans-serif;fill:#1f2328}.t{font-weight:bold;font-size:13px}.n{font-size:11px}"

Lines = Mapping[str, Mapping[int, float]]


def panels(found: Figures) -> list[tuple[str, Lines]]:
    """Return the title of each panel, and its lines: a value by hosts or events, for each file system."""

    def by(table: str, over: str, value: str, **same: object) -> Lines:
        lines: dict[str, dict[int, float]] = {}
        for row in found[table]:
            if all(row[name] == of for name, of in same.items()) and row[value] > 0:
                lines.setdefault(row["file_system"], {})[row[over]] = row[value]
        return lines

    ways: dict[str, dict[int, float]] = {}
    for row in found["replacements"]:
        if row["file_system"] == "MooseFS":
            ways.setdefault(row["way"], {})[row["hosts"]] = row["rate"]
    return [
        ("create an event, /s, over hosts", by("rates", "hosts", "rate", work="create")),
        ("attach 1 KiB, /s, over hosts", by("rates", "hosts", "rate", work="attach_1k")),
        ("list, alone, s, over hosts", by("lists", "hosts", "newest_s", events=10**6)),
        ("list of what is rare, s, over events", by("lists", "events", "rare_s", hosts=1)),
        ("index made anew, s, over events", by("recovery", "events", "index_s", hosts=1)),
        ("MooseFS, attach 1 KiB, /s: what could follow", ways),
    ]


def _decades(values: list[float]) -> tuple[int, int]:
    least = math.floor(math.log10(min(values)))
    return least, max(least + 1, math.ceil(math.log10(max(values))))


def _panel(title: str, lines: Lines, left: int, top: int) -> list[str]:
    places = sorted({n for of in lines.values() for n in of})
    low, high = _decades([value for of in lines.values() for value in of.values()])
    spread = math.log(places[-1] / places[0]) or 1.0

    def x(place: int) -> float:
        return left + _WIDTH * math.log(place / places[0]) / spread

    def y(value: float) -> float:
        return top + _HEIGHT * (high - math.log10(value)) / (high - low)

    drawn = [f'<text class="t" x="{left}" y="{top - 20}">{escape(title)}</text>']
    for decade in range(low, high + 1):
        at = y(10.0**decade)
        drawn.append(f'<path d="M{left} {at:.1f}h{_WIDTH}" stroke="#d0d7de"/>')
        drawn.append(f'<text x="{left - 6}" y="{at + 4:.1f}" text-anchor="end">{10.0**decade:g}</text>')
    for place in places:
        text = f"10^{round(math.log10(place))}" if place >= 10**6 else str(place)
        drawn.append(f'<text x="{x(place):.1f}" y="{top + _HEIGHT + 18}" text-anchor="middle">{text}</text>')
    below = 0.0
    spare = ["#1f77b4", "#0b6e4f", "#d62728", "#9467bd", "#8c564b", "#e377c2"]
    for end, name in sorted((y(of[max(of)]), name) for name, of in lines.items()):
        of, colour = lines[name], _COLOURS.get(name) or spare.pop()
        below = max(end, below + _LINE)
        points = " ".join(f"{x(n):.1f},{y(value):.1f}" for n, value in sorted(of.items()))
        drawn.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>')
        drawn.append(f'<circle cx="{x(max(of)):.1f}" cy="{end:.1f}" r="3" fill="{colour}"/>')
        last = span(of[max(of)]) if ", s," in title else number(of[max(of)])
        label = f"{escape(name)}: {last}"
        drawn.append(
            f'<text class="n" x="{left + _WIDTH + 12}" y="{below + 4:.1f}" style="fill:{colour}">{label}</text>'
        )
    return drawn


def svg(found: Figures) -> str:
    """Return the plot: two rows of three panels."""
    across, down = _LEFT + _WIDTH + _NAMES, _TOP + _HEIGHT + _BOTTOM
    drawn: list[str] = []
    for place, (title, lines) in enumerate(panels(found)):
        drawn += _panel(title, lines, _LEFT + place % 3 * across, _TOP + place // 3 * down)
    width, height = 3 * across + 100, 2 * down + 10
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}"'
        f' viewBox="0 0 {width} {height}">\n'
        f"<title>How c8ybin grows over hosts and events, by the model</title>\n<style>{_STYLE}</style>\n"
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>\n' + "\n".join(drawn) + "\n</svg>\n"
    )
