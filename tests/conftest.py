"""Fixtures of several rooms: a store, the application over it, real processes: servers, children to be killed."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from bed import Bed
from file_systems import KINDS
from file_systems import opened as opened_bed
from fleet import on_next_host
from harness import Client, Connection, RunningServer, connected, open_client, servers
from hypothesis import settings
from store_tools import CHILD_ENVIRONMENT, give_locks_back, lent, locks_of_all, new_root
from strace_log import STRACE

from c8ybin.bodies import Intake
from c8ybin.store import Store

WAIT_S = 60  # for what must happen; never waited out where the code is right

# No deadline, for machines are slow at times; CI tries the same examples every time.
settings.register_profile("c8ybin", deadline=None, derandomize=bool(os.environ.get("CI")))
settings.load_profile("c8ybin")

# A shell lets what it runs in the background ignore it, and so would all children of this process.
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--full", action="store_true", help="run the tests of reliability with their full counts"
    )
    parser.addoption(
        "--tally", type=Path, help="write what the tests of reliability counted to this JSON file"
    )
    parser.addoption("--measured", type=Path, help="write what the tests of hosts measured to this JSON file")
    parser.addoption(
        "--hosts",
        choices=list(KINDS),
        help="run on two hosts over this file system: requests go to one and the other in turn",
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out, with --hosts, the tests that look into the one process that they ask."""
    if config.getoption("--hosts"):
        for item in items:
            if mark := item.get_closest_marker("one_process"):
                item.add_marker(pytest.mark.skip(reason=mark.args[0]))


@pytest.fixture
def full(request: pytest.FixtureRequest) -> bool:
    """Whether the full counts are wanted."""
    return bool(request.config.getoption("--full"))


@pytest.fixture(scope="session")
def locks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return locks_of_all(tmp_path_factory.mktemp("locks") / "locks")


@pytest.fixture(autouse=True)
def locks_given_back() -> Iterator[None]:
    """Give the lock files back that a test was lent."""
    mark = len(lent)
    yield
    while len(lent) > mark:
        give_locks_back(*lent.pop())


@pytest.fixture(scope="session")
def strace(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Tell whether strace is here and may trace."""
    if not os.access(STRACE, os.X_OK):
        pytest.skip("strace is not installed (Debian package strace)")
    log = tmp_path_factory.mktemp("strace") / "log"
    if os.spawnv(os.P_WAIT, STRACE, ["strace", "-qq", "-o", str(log), "-e", "trace=fsync", "/bin/true"]):
        pytest.skip("strace may not trace here (ptrace is forbidden)")


@pytest.fixture(scope="session")
def command() -> Callable[..., str]:
    """Return what finds a command: `command("rsync")`, installing its Debian package where that can be done."""

    def find(name: str, package: str = "") -> str:
        path = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"])
        found = shutil.which(name, path=path)
        if found is None and os.geteuid() == 0 and shutil.which("apt-get"):
            # Another run of tests may install something at the same time.
            install = [
                "apt-get",
                "-o",
                "DPkg::Lock::Timeout=240",
                "install",
                "--yes",
                "--no-install-recommends",
            ]
            subprocess.run([*install, package or name], capture_output=True, timeout=600)
            found = shutil.which(name, path=path)
        if found is None:
            pytest.skip(f"{name} is not here (Debian package {package or name})")
        return found

    return find


@pytest.fixture(scope="session")
def analyze() -> str:
    """The path of systemd-analyze."""
    found = shutil.which("systemd-analyze")
    if found is None:
        message = "systemd-analyze is not installed (Debian package systemd)"
        pytest.fail(message) if os.environ.get("CI") else pytest.skip(message)
    return found


@pytest.fixture(scope="session")
def bed_of_all(file_system: str, command: Callable[..., str]) -> Iterator[Bed]:
    """Hosts with a distributed file system, for all tests of a run; MooseFS where no other is wanted."""
    with opened_bed(file_system, command) as made:
        yield made


@pytest.fixture(scope="session")
def file_system(request: pytest.FixtureRequest) -> str:
    """The name of the file system of hosts."""
    return str(request.config.getoption("--hosts") or "moosefs")


_MEASURED = pytest.StashKey[list[dict[str, Any]]]()


@pytest.fixture
def measured(request: pytest.FixtureRequest, file_system: str) -> Callable[..., None]:
    """Return what notes a row of a table: `measured("faults", fault="a server killed", longest_pause_s=0.4)`."""
    rows = request.config.stash.setdefault(_MEASURED, [])

    def note(table: str, **values: Any) -> None:
        rows.append({"table": table, "file_system": file_system, **values})

    return note


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Write what was measured, and how many tests of this run passed."""
    path: Path | None = config.getoption("--measured")
    if path:
        outcomes = {name: len(terminalreporter.stats.get(name, ())) for name in ("passed", "failed", "error")}
        suite = {"table": "suites", "file_system": config.getoption("--hosts") or "moosefs", **outcomes}
        path.write_text(json.dumps([*config.stash.get(_MEASURED, []), suite], indent=2) + "\n")


@pytest.fixture
def mounts(request: pytest.FixtureRequest, tmp_path: Path) -> Sequence[Path]:
    """With --hosts, where two hosts have a new directory of the distributed file system; else none."""
    if not request.config.getoption("--hosts"):
        return []
    one, other, *_ = request.getfixturevalue("bed_of_all").mounts.values()
    (one / tmp_path.name).mkdir()
    return [one / tmp_path.name, other / tmp_path.name]


@pytest.fixture
def shared_root(mounts: Sequence[Path]) -> Path | None:
    """With --hosts, a data directory that holds no event, as the first host has it; making lock files takes seconds."""
    return new_root(mounts[0] / "data", mounts[0].parent / "locks") if mounts else None


@pytest.fixture
def root(tmp_path: Path, locks: Path, shared_root: Path | None) -> Path:
    """A data directory that holds no event."""
    return shared_root or new_root(tmp_path / "data", locks)


@pytest.fixture
def quick_root(tmp_path: Path, locks: Path, shared_root: Path | None) -> Iterator[Path]:
    """The same on a tmpfs where there is one, for tests that fsync thousands of times."""
    if shared_root:
        yield shared_root
        return
    base = "/dev/shm" if Path("/dev/shm").is_dir() else str(tmp_path)
    with tempfile.TemporaryDirectory(dir=base) as folder:
        yield new_root(Path(folder) / "data", locks)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store.open(tmp_path / "data")
    yield opened
    opened.close()


@pytest.fixture
def intake(store: Store) -> Iterator[Intake]:
    made = Intake(store.folder)
    yield made
    made.close()


@pytest.fixture
def make_client(
    tmp_path: Path, mounts: Sequence[Path], shared_root: Path | None
) -> Iterator[Callable[..., Client]]:
    """Return a maker of clients, with limits and settings of the application."""
    roots = [mount / "data" for mount in mounts or (tmp_path,)]
    with ExitStack() as stack:
        yield lambda links=None, **limits: open_client(roots, stack, links, **limits)


@pytest.fixture
def client(make_client: Callable[..., Client]) -> Client:
    return make_client()


@pytest.fixture
def serve(
    tmp_path: Path, mounts: Sequence[Path], request: pytest.FixtureRequest
) -> Iterator[Callable[..., RunningServer]]:
    """Return a starter of servers on a free port, by a command before theirs if need be; stopped in the end.

    One process serves, unless the test says how many workers, or None for the server's default. With
    --hosts each server is started on the next host, and the data directory is one of its mount.
    """
    if "quick_root" in request.fixturenames:
        request.getfixturevalue("quick_root")  # begun first, so that it goes away after the servers
    with servers(tmp_path / "data") as start:
        yield on_next_host(request.getfixturevalue("bed_of_all"), start) if mounts else start


@pytest.fixture(scope="session")
def demo_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """One server for all tests of clients, which make events of their own; nobody stops it."""
    with servers(tmp_path_factory.mktemp("server") / "data") as start:
        yield start("--demo")


@pytest.fixture
def direct(demo_server: RunningServer) -> Iterator[Connection]:
    """A connection to it that is not the client's, to see what that did."""
    with connected(demo_server) as connection:
        yield connection


class Child:
    """A real process with a desk of its own over the same data directory."""

    def __init__(self, code: str, root: Path, *arguments: object) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", f"from store_tools import *\n{code}", str(root), *map(str, arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=CHILD_ENVIRONMENT,
        )

    def hear(self) -> str:
        """Wait for its next line; empty when it has ended."""
        assert self.process.stdout
        return self.process.stdout.readline().rstrip("\n")

    def tell(self) -> None:
        """Let it go on from `wait()`."""
        assert self.process.stdin
        self.process.stdin.write("go\n")
        self.process.stdin.flush()

    def end(self) -> int:
        """Wait for its end; return its exit code, negative for a signal."""
        return self.process.wait(WAIT_S)

    def kill(self) -> int:
        self.process.kill()
        return self.end()

    def close(self) -> None:
        """Kill it if it runs, and close its pipes."""
        self.kill()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe:
                pipe.close()


@pytest.fixture
def start(root: Path) -> Iterator[Callable[..., Child]]:
    """Return a starter of children: code, then arguments that follow the data directory in `sys.argv`."""
    children: list[Child] = []

    def begin(code: str, *arguments: object) -> Child:
        child = Child(code, root, *arguments)
        children.append(child)
        return child

    yield begin
    for child in children:
        child.close()


@pytest.fixture
def race() -> Callable[..., list[Any]]:
    """Return a runner of one function in many threads at once; it gives what each returned or raised."""

    def run(count: int, function: Callable[[int], object]) -> list[Any]:
        gate = threading.Barrier(count)
        results: list[Any] = [None] * count

        def enter(number: int) -> None:
            gate.wait(WAIT_S)
            try:
                results[number] = function(number)
            except Exception as error:
                results[number] = error

        threads = [threading.Thread(target=enter, args=(n,)) for n in range(count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(WAIT_S)
        assert not any(thread.is_alive() for thread in threads)
        return results

    return run
