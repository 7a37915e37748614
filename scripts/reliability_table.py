"""Writes what the tests of reliability counted as a table: to standard output, or into a file's marked place.

Of several tallies, as of parts of the tests that ran side by side, the counts are added.
"""

import argparse
import json
import re
import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

BEGIN, END = "<!-- written by scripts/prove -->\n", "<!-- end of what scripts/prove wrote -->\n"


def table(tally: Mapping[str, Mapping[str, int]]) -> str:
    """Return the rows of a tally as Markdown; `lost` and `mixed` have columns of their own."""
    lines = ["| what was done | how often | lost | mixed |", "|---|---|---|---|"]
    for row, counts in sorted(tally.items()):
        often = ", ".join(
            f"{count:,} {_counted(unit.replace('_', ' '), count)}"
            for unit, count in counts.items()
            if unit not in ("lost", "mixed")
        )
        lines.append(f"| {row} | {often} | {counts.get('lost', 0)} | {counts.get('mixed', 0)} |")
    return "\n".join(lines) + "\n"


def _counted(unit: str, count: int) -> str:
    """Return a unit's word for a number of it."""
    return re.sub(r"ies$", "y", unit).removesuffix("s") if count == 1 else unit


def replaced(text: str, new: str, begin: str = BEGIN, end: str = END) -> str:
    """Return a text with `new` in the place that two markers enclose.

    Raises:
        SystemExit: There is no such place.
    """
    place = re.compile(f"(?<={re.escape(begin)}).*?(?={re.escape(end)})", re.DOTALL)
    if not place.search(text):
        sys.exit("The file has no place for the table; put the two markers back.")
    return place.sub(lambda _: new, text, count=1)


def main() -> None:
    """Do what the usage says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tallies", metavar="TALLY", nargs="+", type=Path)
    parser.add_argument("--write", metavar="FILE", type=Path)
    arguments = parser.parse_args()
    counts: dict[str, Counter[str]] = {}
    for path in arguments.tallies:
        for row, found in json.loads(path.read_text()).items():
            counts.setdefault(row, Counter()).update(found)
    new = table(counts)
    if arguments.write:
        arguments.write.write_text(replaced(arguments.write.read_text(), new))
    sys.stdout.write(new)


if __name__ == "__main__":
    main()
