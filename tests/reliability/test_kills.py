"""kill -9 of real servers under mixed load: what was answered is there, what was deleted is not, lists are right."""

import signal
from collections.abc import Callable
from pathlib import Path

from harness import RunningServer
from inspection import compare_lists
from ledger import Ledger, rng_of
from load import Round
from readback import finish_uploads, leavings, verify

THREADS = 8
SERIES = 5  # each on one data directory
ROW = "kill -9 under mixed load"


def hold(ledger: Ledger, left: list[str], tally: Callable[..., None], *, rounds: int, answered: int) -> None:
    """Count a round, and demand that nothing is lost, mixed or left over."""
    tally(
        ROW,
        rounds=rounds,
        requests=ledger.answered - answered,
        lost=len(ledger.lost),
        mixed=len(ledger.mixed),
    )
    assert (ledger.lost, ledger.mixed, left) == ([], [], [])


def test_a_server_killed_under_load_keeps_all_that_it_acknowledged(
    serve: Callable[..., RunningServer], root: Path, series: int, full: bool, tally: Callable[..., None]
) -> None:
    ledger = Ledger.of(f"killed alone {series}", THREADS)
    rng = rng_of(ledger)
    server = serve("--demo", data=root)
    for number in range(25 if full else 4):
        answered = ledger.answered
        Round(ledger, number, rng.randint(20, 400), server.process.kill).run([server], THREADS)
        server.stop(signal.SIGKILL)
        server = serve("--demo", data=root)
        verify(server, ledger)
        compare_lists(root)
        hold(ledger, leavings(root, 1), tally, rounds=1, answered=answered)
    finish_uploads(server, ledger)
    verify(server, ledger, everything=True)
    hold(ledger, leavings(root, 1), tally, rounds=0, answered=ledger.answered)


def test_of_two_servers_one_killed_costs_nothing(
    serve: Callable[..., RunningServer], root: Path, series: int, full: bool, tally: Callable[..., None]
) -> None:
    ledger = Ledger.of(f"killed in company {series}", THREADS)
    rng = rng_of(ledger)
    servers = [serve("--demo", data=root), serve("--demo", data=root)]
    for number in range(15 if full else 3):
        answered = ledger.answered
        victim = rng.randrange(2)
        load = Round(ledger, number, rng.randint(20, 400), servers[victim].process.kill, after=100)
        load.run(servers, THREADS)
        servers[victim].stop(signal.SIGKILL)
        servers[victim] = serve("--demo", data=root)
        verify(servers[number % 2], ledger)
        compare_lists(root)
        hold(ledger, leavings(root, 2), tally, rounds=1, answered=answered)
    finish_uploads(servers[0], ledger)
    verify(servers[1], ledger, everything=True)
    hold(ledger, leavings(root, 2), tally, rounds=0, answered=ledger.answered)
