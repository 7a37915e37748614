"""How long it takes until all is as before: a host died, an index is made anew, the metadata server failed over."""

from dataclasses import dataclass
from functools import lru_cache

from bench.growth.inputs import measured, of_operations
from bench.growth.model import Site, cost_of, rate, stations
from bench.growth.queues import simulate

# What a balancer of docs/scale-out.md needs to see that a host is gone: three checks, 2 s apart.
NOTICED_S = 6.0
# Reading one event where its directory is listed: as the rebuilding of the index does it.
READ_EVENT = {"open_dir": 1.0, "listdir": 1.0, "open_file": 1.1, "read": 1.1, "close": 2.1}
# A dead writer's noted hours go back to its last but one `synced`, of which one is written every five minutes: at
# worst the hour before too.
_HOURS = 2
_LOCKS = 1024
# So many devices send events, so that what arrives does not hang on what is answered.
_DEVICES = 5000
_BEFORE_S = 5.0


@dataclass(frozen=True)
class Recovery:
    """Times in s.

    Attributes:
        host_s: Until the balancer asks a dead host no more.
        lock_s: Until its locks are free; who needs one of them is answered 503 until then.
        locked: Share of events that this meets at most: one lock for each of its threads.
        untold_s: What a survivor then reads: the hours in which the dead one changed something.
        index_s: An index made anew by one host.
        failover_s: The metadata server's failover, with what waited meanwhile.
        failover_by_events_s: The same by discrete events; 0 where there is no such server.
    """

    host_s: float
    lock_s: float
    locked: float
    untold_s: float
    index_s: float
    failover_s: float
    failover_by_events_s: float


def read_events_s(system: str, events: float, processes: int) -> float:
    """Return how long it takes to read so many events with so many processes."""
    cost = of_operations(system, READ_EVENT)
    # Python's own part, from the rate on ext4 at a million events: 5,829 a second with two processes.
    own_s = max(0.0, 2 / 5829 - of_operations("ext4", READ_EVENT).latency_s)
    each = max((cost.latency_s + own_s) / processes, cost.cpu_s.get("master", 0.0))
    return events * each


def backlog_s(outage_s: float, arriving: float, most: float) -> float:
    """Return how long an outage lasts for clients: until what arrived meanwhile is served, too."""
    return float("inf") if arriving >= most else outage_s * most / (most - arriving)


def outage_by_events_s(system: str, site: Site, load: float, seed: int = 1) -> float:
    """Return how long the outage of the metadata server lasts for clients: until answers take as long as before.

    Args:
        system: The file system.
        site: What it runs on.
        load: At what share of the most creations a second it runs.
        seed: Of the events.
    """
    places = stations(system, cost_of(system, "create", site), site)
    outage_s = measured()["failover_s"][system]
    if not any(place.name == "metadata server" for place in places):
        return 0.0
    arriving = rate(system, "create", site).rate * load
    ends_s = _BEFORE_S + backlog_s(outage_s, load, 1.0) + outage_s
    answers = simulate(
        places,
        _DEVICES,
        int(arriving * ends_s),
        seed=seed,
        think_s=_DEVICES / arriving,
        outage=("metadata server", _BEFORE_S, outage_s),
    )
    usual_s = max(took for when, took in answers if when < _BEFORE_S)
    over_s = _BEFORE_S + outage_s
    return min(when for when, took in answers if when > over_s and took <= usual_s) - _BEFORE_S


# Asked for each number of events, on which it does not hang.
_by_events = lru_cache(None)(outage_by_events_s)


def recovery(system: str, site: Site, events: int, load: float = 0.5) -> Recovery:
    """Return how long what takes.

    Args:
        system: The file system.
        site: What it runs on.
        events: How many there are.
        load: At what share of the most creations a second it runs.
    """
    most = rate(system, "create", site).rate
    by_events = _by_events(system, site, load)
    an_hour = min(float(events), most * load * 3600)
    return Recovery(
        host_s=NOTICED_S,
        lock_s=measured()["lock_held_s"][system],
        locked=min(1.0, site.clients / _LOCKS),
        untold_s=read_events_s(system, _HOURS * an_hour, 1),
        index_s=read_events_s(system, events, site.cores),
        failover_s=backlog_s(measured()["failover_s"][system], most * load, most),
        failover_by_events_s=by_events,
    )


def metadata_gib(events: int) -> float:
    """Return the memory of MooseFS's master for so many events, in GiB."""
    return float(events * measured()["inodes"] * measured()["metadata_bytes"] / 2**30)
