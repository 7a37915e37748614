"""Writes what the tests of reliability counted as a table: to standard output, or into a file's marked place.

Usage: reliability_table.py TALLY [--write FILE]
"""

import json
import re
import sys
from pathlib import Path

BEGIN, END = "<!-- written by scripts/prove -->\n", "<!-- end of what scripts/prove wrote -->\n"


def table(tally: dict[str, dict[str, int]]) -> str:
    """Return the rows of a tally as Markdown; `lost` and `mixed` have columns of their own."""
    lines = ["| what was done | how often | lost | mixed |", "|---|---|---|---|"]
    for row, counts in sorted(tally.items()):
        often = ", ".join(
            f"{count:,} {unit.replace('_', ' ')}"
            for unit, count in counts.items()
            if unit not in ("lost", "mixed")
        )
        lines.append(f"| {row} | {often} | {counts.get('lost', 0)} | {counts.get('mixed', 0)} |")
    return "\n".join(lines) + "\n"


def replaced(text: str, new: str) -> str:
    """Return a text with `new` in the place that the two markers enclose.

    Raises:
        SystemExit: There is no such place.
    """
    place = re.compile(f"(?<={re.escape(BEGIN)}).*?(?={re.escape(END)})", re.DOTALL)
    if not place.search(text):
        sys.exit("The file has no place for the table; put the two markers back.")
    return place.sub(lambda _: new, text, count=1)


def main(arguments: list[str]) -> None:
    """Do what the usage says."""
    new = table(json.loads(Path(arguments[0]).read_text()))
    if arguments[1:2] == ["--write"]:
        file = Path(arguments[2])
        file.write_text(replaced(file.read_text(), new))
    sys.stdout.write(new)


if __name__ == "__main__":
    main(sys.argv[1:])
