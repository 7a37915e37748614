"""The figures as data, and as tables in Markdown."""

import math
from dataclasses import asdict
from typing import Any

from bench.growth.inputs import FILE_SYSTEMS, WORKLOADS
from bench.growth.model import EVENTS, HOSTS, Site, lists, rate
from bench.growth.recovery import metadata_gib, recovery
from bench.growth.replacements import rate_of, ways
from bench.growth.validation import points
from bench.report import number, table

NAME, PLOT = "growth", "docs/growth.svg"
_TITLES = {
    "create": "create an event", "attach_1k": "attach 1 KiB", "attach_1m": "attach 1 MiB",
    "chunks_50m": "50 MiB in 10 chunks", "get_1k": "get 1 KiB", "list": "list, newest 5",
}  # fmt: skip
_SHOWN = (1, 2, 8, 64)
Figures = dict[str, Any]


def hosts_of(system: str) -> tuple[int, ...]:
    """Return the numbers of hosts that mean something: ext4 has one."""
    return (1,) if system == "ext4" else HOSTS


def figures() -> Figures:
    """Return all that the model says, as plain data."""
    sites = [(system, Site(hosts)) for system in FILE_SYSTEMS for hosts in hosts_of(system)]
    return {
        "rates": [
            {"file_system": f, "hosts": s.hosts, "work": w, **asdict(rate(f, w, s))}
            for f, s in sites
            for w in WORKLOADS
        ],
        "lists": [
            {"file_system": f, "hosts": s.hosts, "events": n, **asdict(lists(f, s, n))}
            for f, s in sites
            for n in EVENTS
        ],
        "recovery": [
            {"file_system": f, "hosts": s.hosts, "events": n, **asdict(recovery(f, s, n))}
            for f, s in sites
            for n in EVENTS
        ],
        "metadata_gib": {str(n): metadata_gib(n) for n in EVENTS},
        "replacements": [
            {
                "file_system": f,
                "hosts": s.hosts,
                "way": way.name,
                "rate": rate_of(f, way, s)[0],
                "busiest": rate_of(f, way, s)[1],
            }
            for f, s in sites
            if f != "ext4"
            for way in ways(f)
        ],
        "validation": [asdict(p) | {"off": p.off} for p in points()],
    }


def span(seconds: float) -> str:
    """Write a time briefly."""
    for unit, name in ((86_400.0, "d"), (3600.0, "h"), (60.0, "min"), (1.0, "s")):
        if seconds >= unit:
            return f"{number(seconds / unit)} {name}"
    return f"{number(seconds * 1e3)} ms" if seconds else ""


def _power(events: int) -> str:
    return f"10^{round(math.log10(events))}"


def rates(found: Figures) -> str:
    """Return requests a second by hosts, and what bounds them at the most."""
    of = {(r["file_system"], r["hosts"], r["work"]): r for r in found["rates"]}
    rows = []
    for system in FILE_SYSTEMS:
        for work in WORKLOADS:
            got = [of.get((system, hosts, work)) for hosts in _SHOWN]
            last = [r for r in got if r][-1]
            cells = [number(r["rate"]) if r else "" for r in got]
            rows.append([system, _TITLES[work], *cells, span(last["response_s"]), last["busiest"]])
    head = [
        "requests/s",
        "",
        *(f"{n} hosts" if n > 1 else "1 host" for n in _SHOWN),
        "answer after",
        "bound by",
    ]
    return table(head, rows, words=(0, 1, len(head) - 1))


def of_lists(found: Figures) -> str:
    """Return how long lists take."""
    of = {(r["file_system"], r["hosts"], r["events"]): r for r in found["lists"]}
    rows = []
    for system in FILE_SYSTEMS:
        newest = [of.get((system, hosts, EVENTS[0])) for hosts in _SHOWN]
        most = hosts_of(system)[-1]
        rare = [span(of[system, 1, n]["rare_s"]) for n in EVENTS]
        cells = [span(r["newest_s"]) if r else "" for r in newest]
        rows.append([system, *cells, *rare, f"{of[system, most, EVENTS[-1]]['merge']:.0%}"])
    head = ["one list, alone", *(f"newest, {n} hosts" if n > 1 else "newest, 1 host" for n in _SHOWN)]
    return table([*head, *(f"rare, {_power(n)}" for n in EVENTS), "CPU for merging"], rows, words=(0,))


def of_recovery(found: Figures) -> str:
    """Return how long it takes until all is as before, with 8 hosts."""
    rows = []
    for system in FILE_SYSTEMS:
        hosts = 1 if system == "ext4" else 8
        of = {r["events"]: r for r in found["recovery"] if (r["file_system"], r["hosts"]) == (system, hosts)}
        one = of[EVENTS[-1]]
        row = [
            system,
            str(hosts),
            *(
                span(one[name])
                for name in ("host_s", "lock_s", "untold_s", "failover_s", "failover_by_events_s")
            ),
        ]
        rows.append([*row, *(span(of[n]["index_s"]) for n in EVENTS)])
    head = [
        "half loaded",
        "hosts",
        "balancer leaves it",
        "its locks",
        "its hours read",
        "metadata failover",
        "by events",
    ]
    return table([*head, *(f"index anew, {_power(n)}" for n in EVENTS)], rows, words=(0,))


def of_replacements(found: Figures) -> str:
    """Return what other designs would reach."""
    of = {(r["file_system"], r["way"], r["hosts"]): r for r in found["replacements"]}
    rows = []
    for system, way in dict.fromkeys((f, w) for f, w, _ in of):
        got = [of[system, way, hosts] for hosts in _SHOWN]
        rows.append([system, way, *(number(r["rate"]) for r in got), got[-1]["busiest"]])
    head = ["attach 1 KiB, /s", "", *(f"{n} hosts" if n > 1 else "1 host" for n in _SHOWN), "bound by"]
    return table(head, rows, words=(0, 1, len(head) - 1))


def of_validation(found: Figures) -> str:
    """Return the model beside what was measured."""
    rows = [
        [
            p["what"],
            f"{number(p['measured'])} {p['unit'].replace('us', 'µs')}",
            number(p["predicted"]),
            f"{p['off']:+.0%}",
            p["source"],
        ]
        for p in found["validation"]
    ]
    return table(["no input of the model", "measured", "model", "off", "where"], rows, words=(0, 4))


def everything(found: Figures) -> str:
    """Return all tables."""
    gib = ", ".join(f"{_power(int(n))}: {number(of)}" for n, of in found["metadata_gib"].items())
    memory = f"Memory of MooseFS's master, GiB, by events: {gib}.\n"
    parts = (rates, of_lists, of_recovery, of_replacements, of_validation)
    return "\n".join((*(part(found) for part in parts), memory))
