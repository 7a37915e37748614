"""Faults of hosts and daemons under mixed load: nothing acknowledged is lost, and service resumes by itself."""

from collections.abc import Callable

import pytest
from fleet import Fleet
from ledger import Ledger
from patient import Siege, Toll
from readback import finish_uploads, leavings, verify
from strikes import FAULTS, Fault

THREADS = 8
BEFORE, AFTER = 80, 80  # answers


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_nothing_acknowledged_is_lost(
    fleet: Fleet,
    fault: Fault,
    full: bool,
    measured: Callable[..., None],
) -> None:
    if not (full or fault.is_quick):
        pytest.skip("tried with --full alone")
    if "metadata daemon" in fault.name and fleet.kind.keeps_names(fleet.bed) is None:
        pytest.skip("there is no such daemon: the storage daemons keep names, too")
    ledger = Ledger.of(f"{fleet.kind.__name__}: {fault.name}", THREADS)
    toll = Toll()
    fleet.start_some(2)
    siege = Siege(
        ledger, 0, BEFORE, lambda: fault.strike(fleet), after=AFTER, servers=fleet.servers, toll=toll
    )
    siege.run([], THREADS)
    # What was sent and never answered is done by now, or never will be: a server that ends well has none.
    assert [server.stop() for server in fleet.servers.values()] == [0, 0]
    one, other = fleet.start_some(2)
    verify(one, ledger)
    finish_uploads(one, ledger)
    verify(other, ledger, everything=True)
    left = leavings(fleet.root("b"), 2)
    measured(
        "faults",
        fault=fault.name,
        answers=ledger.answered,
        longest_pause_s=toll.longest_pause_s,
        longest_refusal_s=toll.longest_refusal_s,
        refused=toll.refused.total(),
        unanswered=toll.unanswered.total(),
        lost=len(ledger.lost),
        mixed=len(ledger.mixed),
    )
    assert (ledger.lost, ledger.mixed, left) == ([], [], [])
    assert toll.wrong == []
    assert set(toll.unanswered) <= set(fault.dead)
