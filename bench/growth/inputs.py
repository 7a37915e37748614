"""What was measured (`measured.json`, with its sources), and what a request costs at each place by that."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

FILE_SYSTEMS = ("ext4", "MooseFS", "CephFS", "GlusterFS")
WORKLOADS = ("create", "attach_1k", "attach_1m", "chunks_50m", "get_1k", "list")
# On how many disks a byte lies; MooseFS's goal is 2.
REPLICAS = {"ext4": 1, "MooseFS": 2, "CephFS": 3, "GlusterFS": 3}
_US = 1e-6

# A commit as the file systems were first compared by: a draft, its bytes, its name.
_COMMIT = {"create": 1.0, "write": 1.0, "fsync": 1.0, "rename": 1.0, "fsync_dir": 1.0, "close": 1.0}


@lru_cache(1)
def measured() -> dict[str, Any]:
    """Return what was measured."""
    found: dict[str, Any] = json.loads(Path(__file__).with_name("measured.json").read_text())
    return found


@dataclass
class Cost:
    """What a request, or an operation, costs.

    Attributes:
        latency_s: How long it takes where nobody else asks.
        cpu_s: CPU time by role: `server` (c8ybin), `client` (of the file system), `master`, `storage`.
        sync_s: The part of the latency that a disk alone would take for these.
    """

    latency_s: float = 0.0
    cpu_s: dict[str, float] = field(default_factory=dict)
    sync_s: float = 0.0

    def add(self, other: "Cost", times: float = 1.0) -> None:
        """Add so many times another."""
        self.latency_s += other.latency_s * times
        self.sync_s += other.sync_s * times
        for role, s in other.cpu_s.items():
            self.cpu_s[role] = max(0.0, self.cpu_s.get(role, 0.0) + s * times)


def _probed(system: str, name: str) -> Cost:
    found = measured()["costs"][system][name]
    cpu = {role: s * _US for role, s in found["cpu_us"].items() if role != "caller"}
    # A local file system has no process of its own: what its calls cost is the caller's.
    if not cpu:
        cpu = {"client": found["cpu_us"]["caller"] * _US}
    return Cost(found["us"] * _US, cpu)


@lru_cache(None)
def operation(system: str, name: str) -> Cost:
    """Return what one operation costs on a file system, by the names of `count.py`."""
    disk = measured()["costs"]["ext4"]
    if name == "fsync":  # with the write before it
        cost = _probed(system, "write_fsync")
        cost.sync_s = disk["write_fsync"]["us"] * _US
        return cost
    if name == "mib":
        cost = _probed(system, "write_fsync_mib")
        cost.sync_s = disk["write_fsync_mib"]["us"] * _US
        return cost
    if name == "fsync_dir":
        cost = _probed(system, "rename_fsync_dir")
        cost.add(_probed(system, "rename"), -1)
        cost.latency_s = max(0.0, cost.latency_s)
        local = (disk["rename_fsync_dir"]["us"] - disk["rename"]["us"]) * _US
        cost.sync_s = min(cost.latency_s, local)  # MooseFS writes no names to a disk before it answers
        return cost
    if name == "flock":  # the probe opens and closes the file, and so is it counted
        cost = _probed(system, "lock")
        for other in ("open_file", "close"):
            cost.add(_probed(system, other), -1)
        cost.latency_s = max(0.0, cost.latency_s)
        return cost
    return _probed(system, {"write": "append", "ftruncate": "fstat", "read_mib": "read_mib"}.get(name, name))


def of_operations(system: str, operations: Mapping[str, float]) -> Cost:
    """Return what operations cost together, one after the other."""
    cost = Cost()
    for name, times in operations.items():
        cost.add(operation(system, name), times)
    return cost


def _operations(work: str) -> dict[str, float]:
    found = dict(_COMMIT if work == "commit" else measured()["operations"][work])
    if data := measured()["data_mib"].get(work):
        # In blocks of some KiB when it was counted; what they carry counts, not how many they are.
        small = measured()["operations"]["attach_1k"]["write"]
        found |= {"write": small, "read": 0.0, "mib": data["written"], "read_mib": data["read"]}
    # Each fsync is of one write.
    found["write"] = max(0.0, found.get("write", 0.0) - found.get("fsync", 0.0))
    return found


@lru_cache(None)
def request(system: str, work: str) -> Cost:
    """Return what a request costs on a file system, asked alone; `commit` is the bare steps without a server."""
    cost = of_operations(system, _operations(work))
    server_s = measured()["server_cpu_us"].get(work, 0) * _US
    cost.cpu_s["server"] = server_s
    cost.latency_s += server_s
    return cost
