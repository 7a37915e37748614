"""slowhttptest in its four modes, each with 1,000 connections, while a normal client goes on working.

All of its connections come from 127.0.0.1. One normal client comes from another address of loopback, as another
machine would, and another one from the very address of the attack.
"""

import re
import time
from contextlib import ExitStack

from attack.normal import NormalClient, Waits
from attack.serving import Served, served
from attack.shows import Plan, Row, run_with_progress, say
from attack.tools import program

CONNECTIONS = 1000
LONGEST_P99_MS = 100.0
_SECONDS, _QUICK_SECONDS = 60, 8
_ENDS_WITHIN_S = 60
_OTHER, _SAME = "127.0.0.2", "127.0.0.1"

# As the manual of slowhttptest shows them; a body and a range are tried without an account, as strangers would.
MODES: dict[str, tuple[str, list[str]]] = {
    "slow headers (-H)": ("/health", ["-H", "-i", "5", "-x", "24", "-t", "GET"]),
    "slow bodies (-B)": ("/event/events", ["-B", "-i", "5", "-s", "8192", "-x", "10", "-t", "POST"]),
    "ranges (-R)": ("/openapi.json", ["-R", "-a", "10", "-b", "3000", "-t", "HEAD"]),
    "slow readers (-X)": (
        "/openapi.json",
        ["-X", "-w", "512", "-y", "1024", "-n", "5", "-z", "32", "-k", "3"],
    ),
}
_CONNECTED = re.compile(r"connected:(?:\s|\x1b\[[0-9;]*m)+(\d+)")


def _attack(plan: Plan, server: Served, name: str, seconds: int) -> int:
    """Run one mode; return the most connections that stood at once.

    Raises:
        Missing: slowhttptest is not installed.
    """
    path, options = MODES[name]
    log = plan.folder / f"slow{options[0]}.log"
    shared = ["-c", str(CONNECTIONS), "-r", "500", "-p", "3", "-l", str(seconds), "-u", f"{server.url}{path}"]
    command = [program("slowhttptest", "slowhttptest"), *options, *shared]
    begun = time.monotonic()
    run_with_progress(command, name, seconds + _ENDS_WITHIN_S, log=log, cwd=plan.folder)
    # Where the server lets go of all of them it ends early; the clients go on all the same.
    time.sleep(max(0.0, seconds - (time.monotonic() - begun)))
    return max(map(int, _CONNECTED.findall(log.read_text(errors="replace"))), default=0)


def _measure(plan: Plan, number: int, name: str) -> tuple[Waits, Waits, int]:
    """Return what the client at another address waited, what the one at the same did, and the most connections."""
    limit = () if plan.peer_limit is None else ("--max-connections-per-address", str(plan.peer_limit))
    with served(plan.folder, f"slow-{number}", *limit) as server, ExitStack() as stack:
        clients = [
            [stack.enter_context(NormalClient(server, address, keeps=keeps)) for keeps in (True, False)]
            for address in (_OTHER, _SAME)
        ]
        most = _attack(plan, server, name, plan.of(_QUICK_SECONDS, _SECONDS))
    together = [
        Waits([s for c in pair for s in c.waits.seconds], [e for c in pair for e in c.waits.errors])
        for pair in clients
    ]
    return together[0], together[1], most


def slow(plan: Plan) -> list[Row]:
    """Run the four modes."""
    program("slowhttptest", "slowhttptest")
    rows = []
    for number, name in enumerate(MODES):
        say(
            f"slowhttptest, {name}: {len(MODES) - number} modes of {plan.of(_QUICK_SECONDS, _SECONDS)} s left"
        )
        other, same, most = _measure(plan, number, name)
        plan.figures[f"slowhttptest {name}"] = {
            "other_address": other.figures(),
            "same_address": same.figures(),
            "connections_at_most": most,
            "peer_limit": plan.peer_limit,
        }
        rows += _rows(name, other, same, most)
    return rows


def _is_quick(waits: Waits) -> bool:
    return waits.ms(0.99) < LONGEST_P99_MS and not waits.errors


def _rows(name: str, other: Waits, same: Waits, most: int) -> list[Row]:
    """Tell of both clients; of the one that shares the attack's address apart only where it was served as well.

    A limit of connections an address is there to refuse that one.
    """
    wanted = f"p99 < {LONGEST_P99_MS:.0f} ms, 0 failed"
    measured = f"{_told(other)}; {most:,} slow connections at once"
    if not _is_quick(same):
        return [
            Row(
                f"slowhttptest {name}",
                f"{measured}; from its address {_told(same)}",
                wanted,
                _is_quick(other),
            )
        ]
    return [
        Row(f"slowhttptest {name}", measured, wanted, _is_quick(other)),
        Row(f"slowhttptest {name}, client at its address", _told(same), wanted, True),
    ]


def _told(waits: Waits) -> str:
    return (
        f"p50 {waits.ms(0.5):.1f} ms, p99 {waits.ms(0.99):.1f} ms, "
        f"{len(waits.errors)} of {len(waits.seconds):,} failed"
    )
