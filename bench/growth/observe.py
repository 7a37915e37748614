"""What servers on a file system do, to hold the model against: rates, and the CPU time of each part for a request."""

import argparse
import json
import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from bench import measure
from bench.growth.drive import Server, rate, served
from bench.growth.probe import Roles, cpu_s, roles_of

_WORKS = ("create", "attach_1k", "get_1k", "list")


def observed(servers: list[Server], roles: Roles, clients: int, requests: int, work: str) -> dict[str, Any]:
    """Have clients of each server do a workload.

    Args:
        servers: Of one data directory.
        roles: The file system's processes by their part.
        clients: How many for each server.
        requests: How many each of them sends; before each `attach_1k` it makes an event, whose CPU time counts.
        work: Which.

    Returns:
        Requests a second of all servers, and `cpu_us` a request by role.
    """
    before = {role: cpu_s(pids) for role, pids in roles.items()}
    used = sum(measure.cpu_s(server.process.pid) for server in servers)
    rates = rate([server.port for server in servers], clients, requests, work)
    sent = len(servers) * clients * requests
    cpu = {role: cpu_s(pids) - before[role] for role, pids in roles.items()}
    cpu["server"] = sum(measure.cpu_s(server.process.pid) for server in servers) - used
    return {
        "work": work,
        "servers": len(servers),
        "clients": clients,
        "load_average": os.getloadavg()[0],
        "rate": round(sum(rates), 1),
        "cpu_us": {role: round(s / sent * 1e6) for role, s in cpu.items()},
    }


def everything(roots: list[Path], roles: Roles, requests: int) -> Iterator[dict[str, Any]]:
    """Observe one server with one and with eight clients, then all with eight each; roots lead to one directory."""
    with ExitStack() as stack:
        servers = [stack.enter_context(served(root, "--threads", "16")) for root in roots]
        for some, clients in ((servers[:1], 1), (servers[:1], 8), (servers, 8)):
            for work in _WORKS:
                yield observed(some, roles, clients, max(1, requests // clients), work)


def main() -> None:
    """Do what the command line says."""
    parser = argparse.ArgumentParser(prog="python -m bench.growth.observe", description=__doc__)
    parser.add_argument("roots", type=Path, nargs="+", help="one data directory, by the mount of each host")
    parser.add_argument(
        "--role", action="append", default=[], metavar="NAME=PID,...", help="whose CPU time counts"
    )
    parser.add_argument(
        "--requests", type=int, default=80, help="how many requests a server gets of a kind (80)"
    )
    arguments = parser.parse_args()
    for found in everything(arguments.roots, roles_of(arguments.role), arguments.requests):
        sys.stdout.write(json.dumps(found) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
