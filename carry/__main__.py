"""`python -m carry`: the command behind `scripts/build`."""

import argparse
import sys
from pathlib import Path

from carry import onefile, pyz
from carry.measure import measured, put_into
from carry.problems import Unbuildable
from carry.program import ROOT, epoch_s, program, wheel

KINDS = ("wheel", "pyz", "onefile")
_CACHE = Path(sys.prefix)


def build(kinds: list[str], folder: Path) -> dict[str, Path]:
    """Build some of it; return what is where."""
    made = {"wheel": wheel(folder)}
    files = program(made["wheel"], _CACHE)
    if "pyz" in kinds:
        made["pyz"] = folder / "c8ybin.pyz"
        pyz.build(made["pyz"], files, epoch_s())
    if "onefile" in kinds:
        made["onefile"] = folder / "c8ybin"
        onefile.build(made["onefile"], files, epoch_s())
    return made


def main() -> None:
    """Build, and tell what was made, or why not."""
    parser = argparse.ArgumentParser(
        prog="scripts/build", description="Builds what is carried to other machines."
    )
    parser.add_argument(
        "kinds", nargs="*", help=f"what to build, of {', '.join(KINDS)}; all where none is named"
    )
    parser.add_argument("--dist", type=Path, default=ROOT / "dist", help="the folder for it")
    parser.add_argument("--measure", action="store_true", help="tell sizes and start times, in a table")
    parser.add_argument("--write", action="store_true", help="measure, and put the table into README.md")
    chosen = parser.parse_args()
    if unknown := set(chosen.kinds) - set(KINDS):
        parser.error(f"nothing is called {unknown.pop()}; choose of {', '.join(KINDS)}")
    try:
        made = build(chosen.kinds or list(KINDS), chosen.dist)
        for path in made.values():
            sys.stderr.write(f"{path.stat().st_size:12,} bytes  {path}\n")
        if chosen.measure or chosen.write:
            table = measured(made, _CACHE)
            sys.stdout.write(table)
            if chosen.write:
                put_into(ROOT / "README.md", table)
    except Unbuildable as error:
        sys.exit(f"build: {error}")


if __name__ == "__main__":
    main()
