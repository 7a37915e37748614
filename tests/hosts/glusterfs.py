"""GlusterFS on a bed: three servers with a brick each, which all hold everything; no single one is needed.

Each server has a view of its own of the directories that GlusterFS uses on a machine, for here three share one.
"""

import contextlib
import os
import signal
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import own_mounts
from bed import Bed, DoesNotWork, Part
from harness import until

COMMANDS = (
    ("glusterd", "glusterfs-server"),
    ("gluster", "glusterfs-cli"),
    ("glusterfs", "glusterfs-client"),
)
VOLUME = "c8ybin"
# Who does not answer is given up after so many seconds; GlusterFS's own time is 42.
PING_TIMEOUT_S = 3
_STORES = ("store1", "store2", "store3")

# Two of three must have a change, so there is no split brain; and no cache knows less than another host has done.
OPTIONS = {
    "network.ping-timeout": str(PING_TIMEOUT_S),
    "cluster.quorum-type": "auto",
    "performance.stat-prefetch": "off",
    "performance.quick-read": "off",
    "performance.io-cache": "off",
    "performance.read-ahead": "off",
    "performance.open-behind": "off",
    "performance.readdir-ahead": "off",
    "performance.write-behind": "off",
}
MOUNT_OPTIONS = (
    "--entry-timeout=0",
    "--attribute-timeout=0",
    "--negative-timeout=0",
    "--fopen-keep-cache=off",
)

_VOLFILE = """volume management
    type mgmt/glusterd
    option working-directory {home}/work
    option glusterd-sockfile {home}/socket
    option transport-type socket
    option transport.socket.bind-address {address}
    option transport.socket.keepalive-time 10
    option transport.socket.keepalive-interval 2
    option transport.socket.read-fail-log off
    option ping-timeout 0
    option event-threads 1
end-volume
"""


def keeps_bytes(bed: Bed) -> str:
    """The name of a part that keeps bytes, and is no longer needed than its copies are there."""
    return "brick1"


def keeps_names(bed: Bed) -> str | None:
    """The name of the part that keeps names: there is none, for the bricks keep them."""
    return None


def hosts(clients: Sequence[str]) -> list[str]:
    """Return the names of the hosts of such a bed, with one for those who ask: `client`."""
    return [*_STORES, *clients, "client"]


@dataclass
class Brick(Part):
    """A brick's process, which the server of its host starts.

    Attributes:
        start_again: Has all bricks started that do not run.
    """

    start_again: Callable[[], object] = lambda: None

    @property
    def pid(self) -> int:
        found = self._find()
        assert found, f"{self.name} does not run"
        return found

    @property
    def runs(self) -> bool:
        return self._find() is not None

    def _find(self) -> int | None:
        listed = subprocess.run(
            ["ip", "netns", "pids", self.host.namespace.name], capture_output=True, text=True, timeout=60
        )
        for pid in listed.stdout.split():
            with contextlib.suppress(OSError):
                if Path(f"/proc/{pid}/comm").read_text() == "glusterfsd\n":
                    return int(pid)
        return None

    def start(self, *, waits: bool = True) -> None:
        self.start_again()
        if not until(lambda: self.runs, 60):
            raise DoesNotWork(f"{self.name} does not start")

    def kill(self, number: int = signal.SIGKILL) -> None:
        with contextlib.suppress(AssertionError, ProcessLookupError):
            os.kill(self.pid, number)
        until(lambda: not self.runs)


def start(bed: Bed, clients: Sequence[str]) -> None:
    """Start it: the parts `glusterd1`..., `brick1`..., and `mount HOST` for each client host.

    Raises:
        DoesNotWork: It does not come up.
    """
    for number, name in enumerate(_STORES, 1):
        home = bed.folder / name
        for below in ("work", "run", "log", "brick"):
            (home / below).mkdir(parents=True)
        (home / "glusterd.vol").write_text(_VOLFILE.format(home=home, address=bed.hosts[name].address))
        bed.add(
            f"glusterd{number}",
            name,
            _daemon(home),
            is_ready=lambda name=name: _asked(bed, name, "pool", "list").returncode == 0,
        ).start()
    _, *others = _STORES
    for name in others:
        gluster(bed, "peer", "probe", bed.hosts[name].address)
    if not until(lambda: gluster(bed, "pool", "list").count("Connected") == len(_STORES), 60):
        raise DoesNotWork(f"the servers do not find each other: {gluster(bed, 'pool', 'list')}")
    bricks = [f"{bed.hosts[name].address}:{bed.folder}/{name}/brick/data" for name in _STORES]
    gluster(bed, "volume", "create", VOLUME, "replica", "3", *bricks, "force")
    for option, value in OPTIONS.items():
        gluster(bed, "volume", "set", VOLUME, option, value)
    gluster(bed, "volume", "start", VOLUME)
    for number, name in enumerate(_STORES, 1):
        log = bed.folder / f"brick{number}.log"
        log.touch()
        bed.parts[f"brick{number}"] = Brick(
            f"brick{number}",
            bed.hosts[name],
            (),
            log,
            start_again=lambda: gluster(bed, "volume", "start", VOLUME, "force"),
        )
    servers = tuple(f"--volfile-server={bed.hosts[name].address}" for name in _STORES)
    for name in clients:
        bed.add_mount(name, lambda point: _mount(bed.folder, servers, point)).start()
    bed.agree()


def gluster(bed: Bed, *command: str) -> str:
    """Run a command of the cluster and return what it prints.

    Raises:
        DoesNotWork: It failed.
    """
    done = _asked(bed, _STORES[0], *command)
    if done.returncode:
        raise DoesNotWork(f"gluster {' '.join(command)}: {done.stdout} {done.stderr[-500:]}")
    return done.stdout


def _asked(bed: Bed, name: str, *command: str) -> subprocess.CompletedProcess[str]:
    socket = f"--glusterd-sock={bed.folder}/{name}/socket"
    return bed.hosts[name].run(
        "gluster", "--mode=script", socket, *command, timeout_s=120, env=os.environ | {"GLUSTER_LOG": "off"}
    )


def _daemon(home: Path) -> Sequence[str]:
    first = (
        "mkdir -p /run/gluster"
        f" && mount --bind {home}/run /run/gluster && mount --bind {home}/log /var/log/glusterfs"
    )
    daemon = ("glusterd", "-N", "-f", f"{home}/glusterd.vol", "-p", f"{home}/pid")
    log = ("-l", f"{home}/log/glusterd.log", "-L", "WARNING")
    return own_mounts.beginning_with(first, home, (*daemon, *log))


def _mount(folder: Path, servers: Sequence[str], point: Path) -> Sequence[str]:
    log = f"{folder}/{point.name}.log"
    options = (f"--volfile-id={VOLUME}", "-l", log, "-L", "WARNING", *MOUNT_OPTIONS)
    return ("glusterfs", "-N", *servers, *options, str(point))
