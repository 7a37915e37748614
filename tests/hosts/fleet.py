"""c8ybin servers on several hosts, over one data directory of a distributed file system."""

import itertools
import os
import signal
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

from bed import Bed
from harness import RunningServer, Serve
from store_tools import new_root

ASKING = "client"  # the host from which everybody asks


def start_on(
    bed: Bed, serve: Serve, host: str, *arguments: str, data: Path, workers: int = 1
) -> RunningServer:
    """Start a server on a host; clients ask it over the network, from the host `client`."""
    there, asking = bed.hosts[host], bed.hosts[ASKING]
    return serve(
        "--insecure-http",
        *(arguments or ("--demo", "--no-demo-events")),
        data=data,
        prefix=there.prefix,
        workers=workers,
        at=(there.address, asking.dial),
    )


def on_next_host(bed: Bed, serve: Serve) -> Serve:
    """Return a starter of servers that uses one host after the other, whichever mount a data directory was told by."""
    hosts = itertools.cycle(list(bed.mounts)[:2])

    def start(*arguments: str, data: Path, workers: int = 1) -> RunningServer:
        host = next(hosts)
        below = next(data.relative_to(mount) for mount in bed.mounts.values() if data.is_relative_to(mount))
        return start_on(bed, serve, host, *arguments, data=bed.mounts[host] / below, workers=workers)

    return start


class Fleet:
    """The servers of one data directory, by the hosts that they run on.

    Attributes:
        bed: Where they run.
        kind: The module of its file system.
        servers: Those that were started last, by host.
    """

    def __init__(self, bed: Bed, kind: ModuleType, serve: Serve, name: str, locks: str = "locks") -> None:
        """Make the data directory.

        Args:
            bed: Has the mounts.
            kind: The module of its file system.
            serve: Starts servers, as `harness.servers` yields it.
            name: Of the data directory below each mount.
            locks: The name of a pool of lock files below each mount: making them takes seconds.
        """
        self.bed, self.kind, self._serve, self._name = bed, kind, serve, name
        self.servers: dict[str, RunningServer] = {}
        first = next(iter(bed.mounts.values()))
        new_root(first / name, first / locks)

    def root(self, host: str) -> Path:
        """Return where a host has the data directory."""
        return self.bed.mounts[host] / self._name

    def start(self, host: str, *arguments: str, workers: int = 1) -> RunningServer:
        """Start the server of a host."""
        server = start_on(self.bed, self._serve, host, *arguments, data=self.root(host), workers=workers)
        self.servers[host] = server
        return server

    def start_some(self, count: int, *arguments: str) -> Sequence[RunningServer]:
        """Start one on each of the first client hosts."""
        return [self.start(host, *arguments) for host in list(self.bed.mounts)[:count]]

    def kill(self, host: str) -> None:
        """End a server as a power cut would: without a word."""
        self.signal(host, signal.SIGSTOP)
        for worker in self.servers[host].workers():
            os.kill(worker, signal.SIGKILL)
        self.servers[host].stop(signal.SIGKILL)

    def signal(self, host: str, number: int) -> None:
        """Send a signal to all processes of a server: where others may fence one, a supervisor replaces it."""
        server = self.servers[host]
        for process in (server.process.pid, *server.workers()):
            os.kill(process, number)

    def pause(self, host: str) -> None:
        """Stop a host as it is, server and mount: it answers nobody, and its connections stand."""
        self.signal(host, signal.SIGSTOP)
        self.bed.parts[f"mount {host}"].freeze()

    def resume(self, host: str) -> None:
        """Let it go on."""
        self.bed.parts[f"mount {host}"].thaw()
        self.signal(host, signal.SIGCONT)
