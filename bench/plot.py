"""The figures as a plot in SVG 1.1: a panel for each workload, a bar for each subject."""

from collections.abc import Iterator
from html import escape

from bench.figures import Figures
from bench.peers import WIRE
from bench.report import SUBJECTS, number
from bench.workloads import UPLOADS_AT_ONCE, WORKLOADS, Workload

Corner = tuple[int, int]

_COLUMNS = 2
_WIDTH, _NAMES, _VALUES = 560, 210, 70
_BAR, _GAP, _TITLE, _MARGIN = 14, 6, 34, 20
_OURS, _DURABLE, _LOOSE = "#0b6e4f", "#5b6770", "#c3cad0"
_STYLE = "text{font:12px sans-serif;fill:#1f2328}.t{font-weight:bold;font-size:13px}.v{font-size:11px}"


def _panels() -> Iterator[tuple[str, Workload, str]]:
    """Yield what each panel shows: a title, a workload, and one of its values."""
    for workload in WORKLOADS:
        if workload.kind == "start":
            yield f"{workload.title}, ms (less is better)", workload, "start_ms"
        elif workload.is_big:
            yield f"{workload.title}, MB/s", workload, "mb_a_s"
        else:
            yield f"{workload.title}, a second", workload, "requests_a_s"
        if workload.name == UPLOADS_AT_ONCE:
            yield "16 × 50 MB uploads at once, MB over idle (less is better)", workload, "over_idle_mb"


def _panel(
    figures: Figures, title: str, workload: Workload, value: str, corner: Corner
) -> tuple[list[str], int]:
    """Draw one panel; return what to draw, and the height that it takes."""
    left, top = corner
    # What only receives uploads would make every other bar short.
    shown = [s for s in SUBJECTS if not (s is WIRE and workload.kind == "upload")]
    found = [
        (s, figures[workload.name, s.name][value])
        for s in shown
        if value in figures.get((workload.name, s.name), {})
    ]
    if not found:
        return [], 0
    most = max(v for _, v in found) or 1.0
    drawn = [f'<text class="t" x="{left}" y="{top + 16}">{escape(title)}</text>']
    for row, (subject, measured) in enumerate(found):
        y = top + _TITLE + row * (_BAR + _GAP)
        length = max(1.0, (_WIDTH - _NAMES - _VALUES) * measured / most)
        colour = _OURS if subject.name == "c8ybin" else _DURABLE if subject.is_durable else _LOOSE
        x = left + _NAMES
        drawn += [
            f'<text x="{x - 8}" y="{y + 11}" text-anchor="end">{escape(subject.title)}</text>',
            f'<rect x="{x}" y="{y}" width="{length:.1f}" height="{_BAR}" fill="{colour}"/>',
            f'<text class="v" x="{x + length + 6:.1f}" y="{y + 11}">{number(measured)}</text>',
        ]
    return drawn, _TITLE + len(found) * (_BAR + _GAP) + _MARGIN


def _legend(top: int) -> list[str]:
    drawn = []
    entries = ((_OURS, "c8ybin: fsync"), (_DURABLE, "fsync"), (_LOOSE, "no fsync"))
    for place, (colour, text) in enumerate(entries):
        x = _MARGIN + place * 130
        drawn.append(f'<rect x="{x}" y="{top}" width="14" height="14" fill="{colour}"/>')
        drawn.append(f'<text x="{x + 20}" y="{top + 11}">{text}</text>')
    return drawn


def svg(figures: Figures) -> str:
    """Return the plot."""
    drawn = _legend(_MARGIN)
    bottoms = [3 * _MARGIN] * _COLUMNS
    for title, workload, value in _panels():
        column = bottoms.index(min(bottoms))
        corner = (_MARGIN + column * (_WIDTH + _MARGIN), bottoms[column])
        panel, height = _panel(figures, title, workload, value, corner)
        drawn += panel
        bottoms[column] += height
    width, height = _MARGIN + _COLUMNS * (_WIDTH + _MARGIN), max(bottoms)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}"'
        f' viewBox="0 0 {width} {height}">\n'
        f"<title>Uploads and downloads compared</title>\n<style>{_STYLE}</style>\n"
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>\n' + "\n".join(drawn) + "\n</svg>\n"
    )
