"""What could take the place of what breaks first, and how far it would go by the same costs."""

from dataclasses import dataclass, replace

from bench.growth.inputs import Cost, measured, of_operations, operation, request
from bench.growth.model import Site, everywhere, stations
from bench.growth.queues import Station, solve

# An attachment's own file: made, written, moved from the writer's folder to the event's, made durable there.
_CONTENT = {"create": 1.0, "fsync": 1.0, "rename": 1.0, "open_dir": 1.0, "close": 2.0}
# A request to an object store of its own servers: what it takes of time, and of CPU here. An assumption.
_OBJECT_S, _OBJECT_CPU_S = 5e-3, 0.5e-3
# What a client may keep of names that never change once made: directories of days, hours and events, and locks.
_KEPT = 0.9


@dataclass(frozen=True)
class Way:
    """A way to go on.

    Attributes:
        name: As in the table.
        cost: What attaching 1 KiB costs then.
        is_tree: Whether events are still directories, which GlusterFS has on all its servers.
        volumes: Over how many file systems, each with its own metadata server, the events are spread.
    """

    name: str
    cost: Cost
    volumes: int = 1
    is_tree: bool = True


def _without(cost: Cost, less: Cost, times: float = 1.0) -> Cost:
    left = Cost()
    left.add(cost)
    left.add(less, -times)
    left.latency_s, left.sync_s = max(0.0, left.latency_s), max(0.0, left.sync_s)
    return left


def _kept_names(system: str) -> Cost:
    """Return the cost where nine of ten look-ups of names are answered by the client's own memory."""
    asked = measured()["operations"]["attach_1k"]
    looks = of_operations(system, {name: asked.get(name, 0.0) for name in ("open_dir", "open_file", "stat")})
    return _without(request(system, "attach_1k"), looks, _KEPT)


def _segments(system: str) -> Cost:
    """Return the cost where each process appends events and small files to one file that it alone writes."""
    cost = Cost(cpu_s={"server": request(system, "attach_1k").cpu_s["server"]})
    cost.add(operation(system, "fsync"))
    cost.latency_s += cost.cpu_s["server"]
    return cost


def ways(system: str) -> list[Way]:
    """Return the ways to go on from a file system."""
    now = request(system, "attach_1k")
    objects = _without(now, of_operations(system, _CONTENT))
    objects.latency_s += _OBJECT_S
    objects.cpu_s["server"] += _OBJECT_CPU_S
    kept = _kept_names(system)
    found = [
        Way("as it is", now),
        Way("contents in an object store", objects),
        Way("names kept by the client", kept),
        Way("shards by source on 8 volumes", now, 8),
        Way("names kept, and 8 volumes", kept, 8),
        Way("a log of its own for each process", _segments(system), is_tree=False),
    ]
    # Where there is no metadata server, a volume more is storage servers more, which a site has anyway.
    return [way for way in found if "master" in now.cpu_s or way.volumes == 1]


def rate_of(system: str, way: Way, site: Site) -> tuple[float, str]:
    """Return how many KiB-attachments a second a site takes that way, and what bounds it."""
    cost = Cost()
    cost.add(way.cost)
    if way.is_tree:
        cost.add(everywhere(system, "attach_1k", site))
    found: list[Station] = [
        replace(s, copies=way.volumes) if s.name == "metadata server" else s
        for s in stations(system, cost, site)
    ]
    flow = solve(found, site.clients * site.hosts)
    return flow.rate, flow.busiest
