"""CephFS on a bed: three monitors, a manager, three storage daemons, two metadata servers of which one stands by.

Debian 12 has Ceph 16.2. Everything is kept three times and written to two of three at least.
"""

import uuid
from collections.abc import Sequence
from pathlib import Path

from bed import Bed, DoesNotWork
from harness import until
from network import Host

COMMANDS = (
    ("ceph-mon", "ceph-mon"),
    ("ceph-mgr", "ceph-mgr"),
    ("ceph-osd", "ceph-osd"),
    ("ceph-mds", "ceph-mds"),
    ("ceph-fuse", "ceph-fuse"),
    ("ceph", "ceph-common"),
)
_STORES = ("store1", "store2", "store3")
_MONITORS, _DISKS, _NAMES = "abc", "012", "ab"
_TIMEOUT_S = 60

SETTINGS = """[global]
fsid = {fsid}
mon_initial_members = a,b,c
mon_host = {monitors}
auth_cluster_required = none
auth_service_required = none
auth_client_required = none
run_dir = {folder}/run
pid_file = {folder}/run/$name.pid
admin_socket = {folder}/run/$name.$pid.asok
log_file = {folder}/log/$name.log
mon_cluster_log_file = {folder}/log/cluster.log
crash_dir = {folder}/log
mon_data = {folder}/$name
osd_data = {folder}/$name
mgr_data = {folder}/$name
mds_data = {folder}/$name
osd_pool_default_size = 3
osd_pool_default_min_size = 2
osd_pool_default_pg_autoscale_mode = off
mon_warn_on_insecure_global_id_reclaim_allowed = false
mon_data_avail_warn = 2
mon_data_avail_crit = 1
# Little memory, for all of it is on one machine.
rocksdb_cache_size = 16777216
mon_memory_autotune = false
osd_memory_target = 939524096
bluestore_cache_autotune = false
bluestore_cache_size = 67108864
bluestore_block_size = {disk_bytes}
osd_op_num_shards = 2
osd_op_num_threads_per_shard = 1
osd_max_pg_log_entries = 500
osd_min_pg_log_entries = 100
mds_cache_memory_limit = 134217728
client_cache_size = 4096
client_oc_size = 33554432
# Who does not answer is given up after seconds; Ceph's own times are for larger clusters.
osd_heartbeat_interval = 1
osd_heartbeat_grace = 5
mon_osd_adjust_heartbeat_grace = false
mds_beacon_interval = 1
mds_beacon_grace = 4
mds_beacon_mon_down_grace = 6
mon_lease = 2
mon_election_timeout = 2
mon_tick_interval = 1
mds_tick_interval = 1
mds_reconnect_timeout = 10
# What a dead client holds is free after these, and not after minutes.
mds_cap_revoke_eviction_timeout = 10
defer_client_eviction_on_laggy_osds = false
# What one host has written in place is what the next reads, not what its kernel has in memory.
fuse_disable_pagecache = true
"""
# What makes the file system, when all daemons but the metadata servers run.
FILE_SYSTEM = (
    "osd pool create names 8 8",
    "osd pool create bytes 16 16",
    "fs new fs names bytes",
    "fs set fs session_timeout 30",
    "fs set fs session_autoclose 30",
)
_DISK_BYTES = 6 << 30


def keeps_bytes(bed: Bed) -> str:
    """The name of a part that keeps bytes, of which two others have copies."""
    return "osd.2"


def keeps_names(bed: Bed) -> str | None:
    """The name of the part that keeps names at the moment; another one stands by."""
    told = ceph(bed.hosts[_STORES[0]], f"{bed.folder}/ceph.conf", "mds", "stat")
    return next(f"mds.{name}" for name in _NAMES if f"={name}=up:active" in told)


def hosts(clients: Sequence[str]) -> list[str]:
    """Return the names of the hosts of such a bed, with one for those who ask: `client`."""
    return [*_STORES, *clients, "client"]


def start(bed: Bed, clients: Sequence[str]) -> None:
    """Start it: the parts `mon.a`..., `mgr.x`, `osd.0`..., `mds.a`, `mds.b`, and `mount HOST` for each client host.

    Raises:
        DoesNotWork: It does not come up.
    """
    path = _configure(bed)
    one = bed.hosts[_STORES[0]]
    _start_monitors(bed, path)
    (bed.folder / "mgr.x").mkdir()
    bed.add("mgr.x", one.name, ("ceph-mgr", "-f", "-c", path, "-i", "x")).start()
    for number, host in zip(_DISKS, _STORES, strict=True):
        _make_disk(bed, path, number, host)
    for command in FILE_SYSTEM:
        ceph(one, path, *command.split())
    for name, host in zip(_NAMES, _STORES[1:], strict=True):
        (bed.folder / f"mds.{name}").mkdir()
        bed.add(f"mds.{name}", host, ("ceph-mds", "-f", "-c", path, "-i", name)).start()
    if not until(lambda: "up:active" in ceph(one, path, "mds", "stat"), _TIMEOUT_S):
        raise DoesNotWork(f"no metadata server is active: {bed.said()}")
    for name in clients:
        bed.add_mount(name, lambda point: _mount(bed, path, point)).start()
    bed.agree()


def ceph(host: Host, path: str, *command: str) -> str:
    """Run a command of the cluster and return what it prints.

    Raises:
        DoesNotWork: It failed.
    """
    done = host.run("ceph", "-c", path, "--connect-timeout", "30", *command, timeout_s=_TIMEOUT_S)
    if done.returncode:
        raise DoesNotWork(f"ceph {' '.join(command)}: {done.stderr[-500:]}")
    return done.stdout


def _mount(bed: Bed, path: str, point: Path) -> Sequence[str]:
    log = f"--log-file={bed.folder}/log/{point.name}.log"
    return ("ceph-fuse", "-f", "-c", path, "-n", "client.admin", log, str(point))


def _configure(bed: Bed) -> str:
    for name in ("run", "log"):
        (bed.folder / name).mkdir()
    lines = []
    for monitor, disk, name in zip(_MONITORS, _DISKS, _STORES, strict=True):
        address = bed.hosts[name].address
        lines += [
            f"[mon.{monitor}]\nhost = {name}\npublic_addr = {address}",
            f"[osd.{disk}]\nhost = {name}\npublic_addr = {address}\ncluster_addr = {address}",
            f"crush_location = root=default host={name}",
        ]
    lines.append(f"[mgr.x]\nhost = {_STORES[0]}\npublic_addr = {bed.hosts[_STORES[0]].address}")
    for mds, name in zip(_NAMES, _STORES[1:], strict=True):
        lines.append(f"[mds.{mds}]\nhost = {name}\npublic_addr = {bed.hosts[name].address}")
    text = SETTINGS.format(
        fsid=uuid.uuid4(),
        monitors=",".join(_addresses(bed, name) for name in _STORES),
        folder=bed.folder,
        disk_bytes=_DISK_BYTES,
    )
    path = bed.folder / "ceph.conf"
    path.write_text(text + "\n".join(lines) + "\n")
    return str(path)


def _addresses(bed: Bed, host: str) -> str:
    return "[v2:{0}:3300,v1:{0}:6789]".format(bed.hosts[host].address)


def _start_monitors(bed: Bed, path: str) -> None:
    fsid = next(line.split()[-1] for line in Path(path).read_text().splitlines() if line.startswith("fsid"))
    one, plan = bed.hosts[_STORES[0]], f"{bed.folder}/monmap"
    places = [
        argument
        for monitor, host in zip(_MONITORS, _STORES, strict=True)
        for argument in ("--addv", monitor, _addresses(bed, host))
    ]
    one.run("monmaptool", "--create", "--fsid", fsid, *places, plan)
    for monitor, host in zip(_MONITORS, _STORES, strict=True):
        bed.hosts[host].run("ceph-mon", "-c", path, "--mkfs", "-i", monitor, "--monmap", plan)
        bed.add(f"mon.{monitor}", host, ("ceph-mon", "-f", "-c", path, "-i", monitor)).start()


def _make_disk(bed: Bed, path: str, number: str, host: str) -> None:
    identity = str(uuid.uuid4())
    (bed.folder / f"osd.{number}").mkdir()
    ceph(bed.hosts[_STORES[0]], path, "osd", "new", identity, number)
    bed.hosts[host].run("ceph-osd", "-c", path, "-i", number, "--mkfs", "--osd-uuid", identity)
    bed.add(f"osd.{number}", host, ("ceph-osd", "-f", "-c", path, "-i", number)).start()
