"""What may befall the hosts of a fleet while clients are at work, and how it ends."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from http.client import HTTPException

from fleet import Fleet
from harness import connected, until

LASTS_S = 4.0  # of what passes by itself
SHUT_OUT_S = 60.0
LISTS_WITHIN_S = 240.0


@dataclass(frozen=True)
class Fault:
    """One kind of misfortune.

    Attributes:
        name: As a row of the table in README.
        strike: Lets it happen, and ends it.
        dead: The hosts whose servers may fail to answer at all.
        is_quick: Whether it is tried without --full, too.
    """

    name: str
    strike: Callable[[Fleet], None]
    dead: tuple[str, ...] = ()
    is_quick: bool = False


def _server_killed(fleet: Fleet) -> None:
    fleet.kill("a")
    time.sleep(LASTS_S / 2)
    fleet.start("a")


def _part(which: str, how: str) -> Callable[[Fleet], None]:
    """Return what befalls the part that keeps bytes or names."""

    def strike(fleet: Fleet) -> None:
        part = fleet.bed.parts[getattr(fleet.kind, which)(fleet.bed)]
        if how == "cut":
            fleet.bed.network.cut(part.host.name)
            time.sleep(LASTS_S)
            fleet.bed.network.heal(part.host.name)
        elif how == "freeze":
            part.freeze()
            time.sleep(LASTS_S)
            part.thaw()
        else:
            part.kill()
            time.sleep(LASTS_S)
            part.start()

    return strike


def _cable_of_a_client(fleet: Fleet) -> None:
    fleet.bed.network.cut("a")
    time.sleep(LASTS_S)
    fleet.bed.network.heal("a")


def _shut_out(fleet: Fleet) -> None:
    """Cut a client host off for longer than others wait for it; where its mount is of no use then, mount anew."""
    fleet.bed.network.cut("a")
    time.sleep(SHUT_OUT_S)
    fleet.bed.network.heal("a")
    _mount_anew_if_of_no_use(fleet)


def _mount_anew_if_of_no_use(fleet: Fleet) -> None:
    """Do what a person does with a client host that the file system has shut out for good."""
    if not until(lambda: _takes_writes(fleet)):
        lose_power(fleet, "a")
        _begin_anew(fleet)


def _begin_anew(fleet: Fleet) -> None:
    """Start a client host that has lost power, and wait until all of it is there again, lists too.

    These take two minutes on MooseFS, which holds up who reads what the dead was writing. A process
    that is held up in a read cannot end before, either.
    """
    fleet.bed.network.heal("a")
    fleet.bed.parts["mount a"].start()
    fleet.start("a")
    assert until(lambda: _lists(fleet), LISTS_WITHIN_S), "the host does not list again"


def _lists(fleet: Fleet) -> bool:
    try:
        with connected(fleet.servers["a"]) as connection:
            return connection.ask("GET", "/event/events")[0].status == 200
    except (OSError, HTTPException):
        return False


def _takes_writes(fleet: Fleet) -> bool:
    try:
        with connected(fleet.servers["a"]) as connection:
            connection.create_event()
    except (OSError, AssertionError, HTTPException):
        return False
    return True


def lose_power(fleet: Fleet, host: str) -> None:
    """End all of a client host at once, and let nobody hear of it."""
    fleet.bed.network.cut(host)
    fleet.bed.parts[f"mount {host}"].kill()
    fleet.kill(host)


def _power_lost(fleet: Fleet) -> None:
    lose_power(fleet, "a")
    time.sleep(LASTS_S)
    _begin_anew(fleet)


def _mount_frozen(fleet: Fleet) -> None:
    fleet.bed.parts["mount a"].freeze()
    time.sleep(LASTS_S)
    fleet.bed.parts["mount a"].thaw()


def _host_paused(fleet: Fleet) -> None:
    fleet.pause("a")
    time.sleep(LASTS_S)
    fleet.resume("a")


def _host_paused_for_long(fleet: Fleet) -> None:
    """For so long that the others fence it; CephFS shuts its mount out."""
    fleet.pause("a")
    time.sleep(4 * LASTS_S)
    fleet.resume("a")
    _mount_anew_if_of_no_use(fleet)


FAULTS = (
    Fault("a server killed", _server_killed, dead=("a",), is_quick=True),
    Fault("a storage daemon killed", _part("keeps_bytes", "kill"), is_quick=True),
    Fault("a storage daemon's cable pulled", _part("keeps_bytes", "cut")),
    Fault("the metadata daemon killed", _part("keeps_names", "kill"), is_quick=True),
    Fault("the metadata daemon's cable pulled", _part("keeps_names", "cut")),
    Fault("a client host's cable pulled", _cable_of_a_client, dead=("a",)),
    Fault("a client host cut off for a minute", _shut_out, dead=("a",)),
    Fault("a client host loses power", _power_lost, dead=("a",)),
    Fault("a client host paused", _host_paused, dead=("a",), is_quick=True),
    Fault("a client host paused for 16 s", _host_paused_for_long, dead=("a",)),
    Fault("a client's mount frozen", _mount_frozen, dead=("a",)),
)
