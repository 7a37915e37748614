"""Hosts as network namespaces: on one switch, each with a cable that can be pulled.

A process on a host sees the network of that host and the files of this machine. No address of the hosts is reachable
from this machine's own network, so any number of such networks may be here at once.
"""

import contextlib
import ctypes
import os
import signal
import socket
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_CLONE_NEWNET = 0x40000000
_SUBNET = "10.77.7"
_FIRST_ADDRESS = 11
NAMESPACES = Path("/run/netns")
PREFIX = "c8ybin-"

_libc = ctypes.CDLL(None, use_errno=True)


class NoNetworks(Exception):
    """No network namespace can be made here; the text says why."""


def _batch(command: Sequence[str], *lines: str) -> None:
    """Run lines of ip(8).

    Raises:
        NoNetworks: One of them failed.
    """
    try:
        done = subprocess.run(
            [*command, "-batch", "-"], input="\n".join(lines), capture_output=True, text=True, timeout=60
        )
    except FileNotFoundError as error:
        raise NoNetworks(f"{error.filename} is not here (Debian packages iproute2, util-linux)") from None
    if done.returncode:
        raise NoNetworks(f"no network namespaces can be made here: {done.stderr.strip()}")


@contextlib.contextmanager
def _entered(namespace: Path) -> Iterator[None]:
    """Let this thread be on another network during the block."""
    with open("/proc/thread-self/ns/net", "rb") as home, open(namespace, "rb") as there:
        _enter(there.fileno())
        try:
            yield
        finally:
            _enter(home.fileno())


def _enter(fd: int) -> None:
    if _libc.setns(fd, _CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


@dataclass(frozen=True)
class Host:
    """One host.

    Attributes:
        name: What the test calls it.
        address: On the switch.
        namespace: The file of its network.
    """

    name: str
    address: str
    namespace: Path

    @property
    def prefix(self) -> tuple[str, ...]:
        """What goes before a command to have it run there; the process is that of the command."""
        return ("nsenter", f"--net={self.namespace}")

    def run(
        self, *command: str, timeout_s: float = 60, env: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run a command there to its end, whatever its exit code."""
        return subprocess.run(
            [*self.prefix, *command], capture_output=True, text=True, timeout=timeout_s, env=env
        )

    def answers(self, address: str, port: int) -> bool:
        """Tell whether a connection from there is taken."""
        try:
            self.dial((address, port), 1).close()
        except OSError:
            return False
        return True

    def listen(self) -> socket.socket:
        """Listen there on a free port of its address."""
        with _entered(self.namespace):
            made = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        made.bind((self.address, 0))
        made.listen()
        return made

    def dial(self, address: tuple[str, int], timeout_s: float | None) -> socket.socket:
        """Connect from there: a socket stays on the network on which it was made."""
        with _entered(self.namespace):
            made = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            made.settimeout(timeout_s)
            made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            made.connect(address)
        except BaseException:
            made.close()
            raise
        return made


class Network:
    """A switch, and hosts with a cable to it."""

    def __init__(self, token: str, names: Sequence[str]) -> None:
        """Make it.

        Args:
            token: Unique to this network, in names of namespaces.
            names: Of the hosts.

        Raises:
            NoNetworks: There are none here.
        """
        if os.geteuid() != 0:
            raise NoNetworks("network namespaces need root")
        self._token = token
        self._switch = f"{PREFIX}{token}-switch"
        self.hosts = {
            name: Host(name, f"{_SUBNET}.{_FIRST_ADDRESS + at}", NAMESPACES / f"{PREFIX}{token}-{name}")
            for at, name in enumerate(names)
        }
        try:
            self._make()
        except BaseException:
            clear(token)
            raise

    def _make(self) -> None:
        _batch(
            ["ip"],
            f"netns add {self._switch}",
            *(f"netns add {host.namespace.name}" for host in self.hosts.values()),
        )
        self._on_switch("link add bridge type bridge", "link set bridge up")
        for at, host in enumerate(self.hosts.values()):
            self._on_switch(
                f"link add port{at} type veth peer name eth0 netns {host.namespace.name}",
                f"link set port{at} master bridge up",
            )
            _batch(
                [*host.prefix, "ip"],
                f"addr add {host.address}/24 dev eth0",
                "link set lo up",
                "link set eth0 up",
            )

    def _on_switch(self, *lines: str) -> None:
        _batch(["ip", "-netns", self._switch], *lines)

    def cut(self, name: str) -> None:
        """Pull a host's cable: nobody hears of it, no RST and no FIN."""
        self._on_switch(f"link set port{list(self.hosts).index(name)} down")

    def heal(self, name: str) -> None:
        """Plug it in again."""
        self._on_switch(f"link set port{list(self.hosts).index(name)} up")


def clear(token: str) -> None:
    """Kill whatever runs on the hosts of a network, and remove it."""
    names = [path.name for path in NAMESPACES.glob(f"{PREFIX}{token}-*")]
    for name in names:
        listed = subprocess.run(["ip", "netns", "pids", name], capture_output=True, text=True, timeout=60)
        for pid in map(int, listed.stdout.split()):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
    for name in names:
        subprocess.run(["ip", "netns", "delete", name], capture_output=True, timeout=60)
