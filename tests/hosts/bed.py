"""A test bed: hosts, the parts of a distributed file system on them, and mounts of it that can all be broken.

Whatever an earlier run left, because it was killed, is removed before a new bed is made: the folder of each bed is
locked for the life of its run, as the folder of a writer in a data directory is.
"""

import contextlib
import os
import secrets
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from harness import until
from network import Host, Network, clear

from c8ybin import fsio

_FOLDER = "c8ybin-hosts-"
_ALIVE = "alive"


class DoesNotWork(Exception):
    """A part of the bed does not do what it should; the text has what it said."""


@dataclass
class Part:
    """A process of the bed that can be killed, frozen and started again: a daemon of the file system, a mount.

    Attributes:
        name: What the test calls it.
        host: Where it runs.
        command: What is run, in the foreground.
        log: What it says.
        prepare: What is done before each start.
        is_ready: Tells whether it works.
    """

    name: str
    host: Host
    command: Sequence[str]
    log: Path
    prepare: Callable[[], None] = lambda: None
    is_ready: Callable[[], bool] = lambda: True
    _process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self._process, f"{self.name} was not started"
        return self._process.pid

    @property
    def runs(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self, *, waits: bool = True) -> None:
        """Start it, and wait until it works.

        Raises:
            DoesNotWork: It ended, or did not begin to work within a minute.
        """
        self.prepare()
        with open(self.log, "ab") as log:
            self._process = subprocess.Popen(
                [*self.host.prefix, *self.command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C at the terminal is for the tests alone
            )
        if waits:
            self.wait()

    def wait(self) -> None:
        """Wait until it works; see `start`."""
        if not until(lambda: not self.runs or self.is_ready(), 60) or not self.runs:
            raise DoesNotWork(f"{self.name} does not work: {self.log.read_text(errors='replace')[-800:]}")

    def kill(self, number: int = signal.SIGKILL) -> None:
        """Kill it, if it runs."""
        if self._process:
            self._process.send_signal(number)
            self._process.wait(60)

    def freeze(self) -> None:
        """Stop it as it is: it answers nobody, and its connections stand."""
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        os.kill(self.pid, signal.SIGCONT)


@dataclass
class Bed:
    """Hosts, parts and mounts.

    Attributes:
        folder: For all that the parts keep.
        network: The hosts, by name, with their cables.
        parts: In the order in which they were added.
        mounts: Where each client host has the file system, by the host's name.
    """

    folder: Path
    network: Network
    parts: dict[str, Part] = field(default_factory=dict)
    mounts: dict[str, Path] = field(default_factory=dict)

    @property
    def hosts(self) -> dict[str, Host]:
        return self.network.hosts

    def add(
        self,
        name: str,
        host: str,
        command: Sequence[str],
        *,
        prepare: Callable[[], None] = lambda: None,
        is_ready: Callable[[], bool] = lambda: True,
    ) -> Part:
        """Add a part, which is not started yet."""
        log = self.folder / f"{name.replace(' ', '-')}.log"
        part = self.parts[name] = Part(name, self.hosts[host], command, log, prepare, is_ready)
        return part

    def add_mount(self, host: str, command: Callable[[Path], Sequence[str]]) -> Part:
        """Add the part `mount HOST`, which mounts the file system on the path that its command is given."""
        point = self.mounts[host] = self.folder / f"mount-{host}"

        def prepare() -> None:
            unmount(point)
            point.mkdir(exist_ok=True)

        return self.add(
            f"mount {host}", host, command(point), prepare=prepare, is_ready=lambda: os.path.ismount(point)
        )

    def agree(self) -> None:
        """Wait until each mount sees what another one writes.

        Raises:
            DoesNotWork: It does not come to that within a minute.
        """
        points = list(self.mounts.values())

        def agree() -> bool:
            text = secrets.token_hex(8)
            try:
                (points[0] / "agreed").write_text(text)
                return all((point / "agreed").read_text() == text for point in points)
            except OSError:
                return False

        if not until(agree, 60):
            raise DoesNotWork(f"the mounts do not agree: {self.said()}")

    def said(self) -> str:
        """Return the end of what each part said."""
        logs = {name: part.log.read_text(errors="replace")[-300:] for name, part in self.parts.items()}
        return "\n".join(f"{name}: {text}" for name, text in logs.items() if text)

    @contextlib.contextmanager
    def healed(self) -> Iterator[None]:
        """Plug all cables in again at the end of the block, let all go on, and start what was killed."""
        try:
            yield
        finally:
            self.heal()

    def end(self) -> None:
        """Kill all parts, those that were started last first."""
        for part in reversed(self.parts.values()):
            part.kill()

    def heal(self) -> None:
        for name in self.hosts:
            self.network.heal(name)
        for part in self.parts.values():
            if part.runs:
                part.thaw()
            else:
                part.start()
        for host, point in self.mounts.items():
            if not _answers(point):
                self.parts[f"mount {host}"].kill()
                self.parts[f"mount {host}"].start()
        self.agree()


@contextlib.contextmanager
def opened(hosts: Sequence[str], base: Path | None = None) -> Iterator[Bed]:
    """Yield a bed with hosts and no parts; all that was made for it is removed in the end.

    Raises:
        NoNetworks: There can be no hosts here.
    """
    base = base or Path(tempfile.gettempdir())
    sweep(base)
    token = secrets.token_hex(3)
    folder = base / f"{_FOLDER}{token}"
    folder.mkdir(mode=0o755)
    alive = fsio.create(folder / _ALIVE)
    try:
        fsio.try_lock(alive)
        bed = Bed(folder, Network(token, hosts))
        try:
            yield bed
        finally:
            bed.end()
    finally:
        _remove(folder)
        os.close(alive)


def sweep(base: Path) -> None:
    """Remove the beds whose run has ended, however it ended."""
    for folder in base.glob(f"{_FOLDER}*"):
        with contextlib.suppress(FileNotFoundError):
            if not fsio.is_locked(folder / _ALIVE):
                _remove(folder)


def _remove(folder: Path) -> None:
    clear(folder.name.removeprefix(_FOLDER))
    for line in Path("/proc/self/mounts").read_text().splitlines():
        point = Path(line.split()[1])
        if folder in point.parents:
            unmount(point)
    shutil.rmtree(folder, ignore_errors=True)


def _answers(point: Path) -> bool:
    """Tell whether a mount is of use: a file system may have shut its client out for good."""
    with contextlib.suppress(OSError):
        return point.is_dir() and bool(os.listdir(point))
    return False


def unmount(point: Path) -> None:
    """Unmount a path, also where nobody answers for it any more; nothing happens where nothing is mounted."""
    subprocess.run(["umount", "--lazy", "--force", str(point)], capture_output=True, timeout=60)
