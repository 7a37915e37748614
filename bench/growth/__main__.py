"""`python -m bench.growth`: the command behind `scripts/growth`."""

import argparse
import json
import sys

from bench.growth.plot import svg
from bench.growth.tables import NAME, PLOT, everything, figures
from bench.report import has_place, markers
from bench.tools import HERE

_PAGE, _PLOT = HERE.parent / "docs" / "scale-out.md", HERE.parent / PLOT


def written(page: str, tables: str) -> str:
    """Return a page with the tables between its two markers."""
    begin, end = markers(NAME)
    before, _, rest = page.partition(begin)
    return f"{before}{begin}{tables}{end}{rest.partition(end)[2]}"


def main() -> None:
    """Do what the command line says."""
    parser = argparse.ArgumentParser(
        prog="scripts/growth",
        description="Model how c8ybin grows over hosts and events on distributed file systems.",
    )
    parser.add_argument("--json", action="store_true", help="all figures as JSON instead of the tables")
    parser.add_argument(
        "--write",
        action="store_true",
        help=f"put the tables into docs/scale-out.md, and the plot into {PLOT}",
    )
    arguments = parser.parse_args()
    found = figures()
    if arguments.write:
        page = _PAGE.read_text()
        if not has_place(page, NAME):
            sys.exit("growth: docs/scale-out.md has no place for the tables; put the two markers back.")
        _PAGE.write_text(written(page, everything(found)))
        _PLOT.write_text(svg(found))
    sys.stdout.write(json.dumps(found, indent=1) + "\n" if arguments.json else everything(found))


if __name__ == "__main__":
    main()
