"""Writes what the tests of several hosts measured as tables: to standard output, or into a file's marked place.

Each file that it is given is one run's; of rows that measured the same, the later one counts.
"""

import argparse
import json
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from reliability_table import replaced

BEGIN = "<!-- written by scripts/prove-hosts -->\n"
END = "<!-- end of what scripts/prove-hosts wrote -->\n"
NAMES = {"moosefs": "MooseFS 3.0", "cephfs": "CephFS 16.2", "glusterfs": "GlusterFS 10.3"}

Row = dict[str, Any]


def workloads(rows: Sequence[Row]) -> str:
    """Return how fast it was: a row for each file system and number of hosts."""
    lines = [
        "| file system | hosts | commits/s | MB/s | list, p50 |",
        "|---|---:|---:|---:|---:|",
    ]
    local = [row for row in rows if row["hosts"] == 0][-1:]
    for row in (*local, *(row for row in rows if row["hosts"])):
        name = NAMES[row["file_system"]] if row["hosts"] else "the machine's own disk"
        name += f", {row['how']}" if "how" in row else ""
        figures = f"{row['commits_per_s']:,.0f} | {row['mb_per_s']:,.0f} | {row['list_p50_ms']:,.1f} ms"
        lines.append(f"| {name} | {row['hosts'] or 1} | {figures} |")
    return "\n".join(lines) + "\n"


def faults(rows: Sequence[Row]) -> str:
    """Return what befell clients: a row for each fault, a column for each file system."""
    systems = [system for system in NAMES if any(row["file_system"] == system for row in rows)]
    heads = " | ".join(f"{NAMES[system]}: longest pause | errors | lost" for system in systems)
    lines = [f"| fault, under load on two hosts | {heads} |", f"|---|{'---:|---:|---:|' * len(systems)}"]
    found = {(row["fault"], row["file_system"]): row for row in rows}
    for fault in dict.fromkeys(row["fault"] for row in rows):
        cells = [_cells(found.get((fault, system))) for system in systems]
        lines.append(f"| {fault} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _cells(row: Row | None) -> str:
    if row is None:
        return " | | "
    errors = row["refused"] + row["unanswered"]
    return f"{row['longest_pause_s']:.1f} s | {errors} | {row['lost'] + row['mixed']}"


def suites(rows: Sequence[Row]) -> str:
    """Return how many tests passed on each."""
    told = [
        f"{NAMES[system]}: {sum(row['passed'] for row in rows if row['file_system'] == system):,} passed"
        f", {sum(row['failed'] + row['error'] for row in rows if row['file_system'] == system)} failed"
        for system in NAMES
        if any(row["file_system"] == system for row in rows)
    ]
    return f"Tests of the contract, of races and of faults, over two hosts: {'; '.join(told)}.\n"


def tables(rows: Iterable[Row]) -> str:
    """Return all tables of these rows as Markdown."""
    by_table: dict[str, list[Row]] = {"workloads": [], "faults": [], "suites": []}
    for row in rows:
        by_table[row["table"]].append(row)
    parts = [make(by_table[name]) for name, make in MAKERS.items() if by_table[name]]
    return "\n".join(parts)


MAKERS = {"workloads": workloads, "faults": faults, "suites": suites}


def main() -> None:
    """Do what the usage says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("measured", metavar="FILE", nargs="+", type=Path)
    parser.add_argument("--write", metavar="FILE", type=Path)
    arguments = parser.parse_args()
    new = tables(row for path in arguments.measured for row in json.loads(path.read_text()))
    if arguments.write:
        arguments.write.write_text(replaced(arguments.write.read_text(), new, BEGIN, END))
    sys.stdout.write(new)


if __name__ == "__main__":
    main()
