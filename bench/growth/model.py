"""The stations that a request visits, by file system and number of hosts, and what follows for rates and lists."""

from dataclasses import dataclass

from bench.growth.inputs import REPLICAS, Cost, measured, of_operations, request
from bench.growth.queues import Flow, Station, solve

HOSTS = (1, 2, 4, 8, 16, 32, 64)
EVENTS = (10**6, 10**7, 10**8, 10**9)


@dataclass(frozen=True)
class Site:
    """What it runs on; the defaults are assumptions, not measurements.

    Attributes:
        hosts: How many run c8ybin, each with the client of the file system.
        cores: CPUs of each host, of each storage server too.
        workers: Processes of c8ybin on each host.
        clients: How many ask each host at once.
        storage: Storage servers with a disk each; 0 takes as many as hosts, and three at the least.
    """

    hosts: int = 1
    cores: int = 4
    workers: int = 4
    clients: int = 16
    storage: int = 0

    @property
    def disks(self) -> int:
        """How many storage servers there are."""
        return self.storage or max(3, self.hosts)


def stations(system: str, cost: Cost, site: Site) -> list[Station]:
    """Return where a request waits for others.

    CPU times are served where they arise. Of the latency that no CPU time explains, what a disk takes for the fsyncs
    is served by the disks, of which the copies of a byte keep one each busy; the rest is a delay.
    """
    cpu, at_once = cost.cpu_s, measured()["disk_at_once"]
    replicas = REPLICAS[system]
    here = cpu["server"] + cpu.get("client", 0.0)
    there = cpu.get("storage", 0.0)
    master = cpu.get("master", 0.0)
    # Copies are written one beside the other, so their CPU time counts once in the latency.
    explained = here + master + there / replicas + cost.sync_s
    local = system == "ext4"
    found = [
        Station("CPU of a host", here, site.cores, 1 if local else site.hosts),
        Station("metadata server", master),
        Station("CPU of a storage server", there, site.cores, site.disks),
        Station("disk", cost.sync_s * replicas, at_once, 1 if local else site.disks),
        Station("network and waking up", max(0.0, cost.latency_s - explained), 0),
    ]
    return [s for s in found if s.demand_s]


def rate(system: str, work: str, site: Site) -> Flow:
    """Return how a workload goes with as many clients as the site has."""
    return solve(stations(system, cost_of(system, work, site), site), site.clients * site.hosts)


def everywhere(system: str, work: str, site: Site) -> Cost:
    """Return what a request costs more where storage servers are many: a directory of GlusterFS is on all of them.

    What is measured has one set of replicas; with several each directory is made, looked up and read on every set.

    Source: GlusterFS documentation, distributed hash table (DHT).
    """
    cost = Cost()
    if system == "GlusterFS":
        asked = measured()["operations"][work]
        more = of_operations(
            system, {name: asked.get(name, 0.0) for name in ("mkdir", "open_dir", "listdir")}
        )
        sets = site.disks / REPLICAS[system]
        cost.add(Cost(cpu_s={"storage": more.cpu_s["storage"]}), max(0.0, sets - 1))
    return cost


def cost_of(system: str, work: str, site: Site) -> Cost:
    """Return what a request costs at a site: a list looks into the log and the folder of every other process."""
    cost = Cost()
    cost.add(request(system, work))
    cost.add(everywhere(system, work, site))
    if work == "list":
        cost.add(of_operations(system, measured()["operations_a_writer"]), site.hosts * site.workers - 1)
    return cost


@dataclass(frozen=True)
class Lists:
    """How long lists take where nobody else asks, s.

    Attributes:
        newest_s: The newest five, no filter.
        rare_s: What is rare, so that every column is looked into.
        merge: Share of a CPU that each process spends on reading what all others tell, at the site's rate of events.
    """

    newest_s: float
    rare_s: float
    merge: float


def lists(system: str, site: Site, events: int, created: float | None = None) -> Lists:
    """Return how lists go at a number of events, while `created` events a second are made; None: as many as can be."""
    found, base = measured()["list"], cost_of(system, "list", site).latency_s
    columns = events / found["events_a_column"]
    read = of_operations(system, {"read": found["reads_a_column"]}).latency_s
    cold = max(0.0, 1 - found["cached_events"] / events)
    rare = base + columns * (found["column_us"] * 1e-6 + cold * read)
    made = rate(system, "create", site).rate if created is None else created
    return Lists(base, rare, made * measured()["line_us"] * 1e-6)


def shared(system: str, cost: Cost, cores: int) -> list[Station]:
    """Return the stations of a test bed: all of it on one machine with one disk."""
    cpu = sum(cost.cpu_s.values())
    return [
        s
        for s in (
            Station("CPU of the machine", cpu, cores),
            Station("disk", cost.sync_s * REPLICAS[system], measured()["disk_at_once"]),
            Station("waking up", max(0.0, cost.latency_s - cpu - cost.sync_s * REPLICAS[system]), 0),
        )
        if s.demand_s
    ]
