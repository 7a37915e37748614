"""`python -m attack`: the command behind `scripts/attack`."""

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

from attack.calls import guessing, payloads
from attack.contract import contract
from attack.fuzz.show import fuzz
from attack.shows import Plan, Row, Show, as_json, as_table, say
from attack.slow import slow
from attack.tls_scan import tls_scan
from attack.tools import CHECKOUT
from bench.report import markers
from bench.tools import Missing

_README = CHECKOUT / "README.md"
# On a disk; /tmp is in memory on many machines.
_TEMPORARY = "/var/tmp"

SHOWS: dict[str, Show] = {
    "slowhttptest": slow,
    "payloads": payloads,
    "schemathesis": contract,
    "testssl": tls_scan,
    "fuzz": fuzz,
    "brute-force": guessing,
}


def run(plan: Plan, names: list[str]) -> list[Row]:
    """Run shows, one after the other; what a machine lacks is a row that says so."""
    rows: list[Row] = []
    for number, name in enumerate(names, 1):
        say(f"{name}, {number} of {len(names)}")
        try:
            rows += SHOWS[name](plan)
        except Missing as missing:
            say(f"{name} is left out: {missing}")
            rows.append(Row(name, str(missing), "", None))
    return rows


def placed(text: str, table: str) -> str:
    """Return a text with a table in the place that the markers enclose."""
    begin, end = markers("attack")
    before, _, rest = text.partition(begin)
    _, _, after = rest.partition(end)
    return f"{before}{begin}{table}{end}{after}"


def _read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/attack", description="Attacks servers of this checkout.")
    parser.add_argument("--quick", action="store_true", help="small counts, to try it out")
    parser.add_argument("--only", default=",".join(SHOWS), help=f"of {', '.join(SHOWS)}, with commas")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the rows and all figures there")
    parser.add_argument("--write", action="store_true", help="put the table into README.md")
    parser.add_argument(
        "--per-address", type=int, metavar="N", help="what serve is told of connections of one address"
    )
    parser.add_argument("--seed", type=int, help="of what is random, to see the same again")
    arguments = parser.parse_args()
    arguments.names = [name.strip() for name in arguments.only.split(",") if name.strip()]
    if unknown := [name for name in arguments.names if name not in SHOWS]:
        parser.error(f"{', '.join(unknown)}: there are {', '.join(SHOWS)}")
    begin, end = markers("attack")
    if arguments.write and end not in _README.read_text().partition(begin)[2]:
        parser.error("README.md has no place for the table")
    return arguments


def main() -> int:
    """Attack as the arguments say; return 1 where something that was wanted was not reached."""
    arguments = _read_arguments()
    folder = Path(tempfile.mkdtemp(prefix="c8ybin-attack-", dir=_TEMPORARY))
    try:
        plan = Plan(folder, arguments.quick, arguments.per_address, arguments.seed)
        rows = run(plan, arguments.names)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    table = as_table(rows)
    sys.stdout.write(table)
    if arguments.json:
        arguments.json.write_text(as_json(rows, plan.figures))
    if arguments.write:
        _README.write_text(placed(_README.read_text(), table))
    return int(any(row.reached is False for row in rows))


if __name__ == "__main__":
    sys.exit(main())
