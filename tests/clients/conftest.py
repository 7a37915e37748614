"""A server for each suite of the clients, what they found, and the table of it at the end."""

import os
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from harness import RunningServer, servers
from replaying import MAX_BINARY, PASSWORD, USER, Wire
from store_tools import new_root
from suites import Outcome, Suite, run

from bench.tools import Missing
from c8ybin.accounts import EVENT_ADMIN, EVENT_READ, Accounts

ACCOUNTS = {
    USER: (PASSWORD, (EVENT_READ, EVENT_ADMIN)),
    "reader": ("readers secret", (EVENT_READ,)),
}


@contextmanager
def serving(folder: Path, locks: Path) -> Iterator[RunningServer]:
    """Yield a server with no event and the accounts above; a binary may have 1 MiB."""
    data = new_root(folder / "data", locks)
    with closing(Accounts(data)) as accounts:
        for name, (password, roles) in ACCOUNTS.items():
            accounts.add(name, password, roles)
    with servers(data) as start:
        yield start("--max-binary", str(MAX_BINARY))


@pytest.fixture(scope="session")
def outcome_of(tmp_path_factory: pytest.TempPathFactory, locks: Path) -> Callable[[Suite], Outcome]:
    """Return what runs a suite, against a server of its own, the first time that it is asked for."""
    known: dict[str, Outcome | Exception] = {}

    def first(suite: Suite) -> Outcome:
        command = suite.command()  # before a server that nobody would ask
        folder = tmp_path_factory.mktemp("suite")
        (folder / "scratch").mkdir()
        with serving(folder, locks) as server:
            setting = {"url": server.url, "scratch": str(folder / "scratch"), "max_binary": str(MAX_BINARY)}
            passwords = {name: password for name, (password, _) in ACCOUNTS.items()}
            return run(suite, command, setting | passwords)

    def ask(suite: Suite) -> Outcome:
        if suite.client not in known:
            try:
                known[suite.client] = first(suite)
            except (Missing, AssertionError, subprocess.SubprocessError) as error:
                known[suite.client] = error
        outcome = known[suite.client]
        if isinstance(outcome, Missing):
            reason = f"{suite.client} cannot be installed here: {outcome}"
            # CI has what it takes, so there a suite that does not run is a failure.
            pytest.fail(reason, pytrace=False) if os.environ.get("CI") else pytest.skip(reason)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    return ask


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory, locks: Path) -> Iterator[RunningServer]:
    """A server for all replayed requests."""
    with serving(tmp_path_factory.mktemp("replays"), locks) as running:
        yield running


@pytest.fixture
def wire(
    server: RunningServer, request: pytest.FixtureRequest, record_property: Callable[[str, object], None]
) -> Iterator[Wire]:
    """A connection for the requests of the client that the test's module replays."""
    record_property("client", request.module.CLIENT)
    with Wire(server.port) as connection:
        yield connection


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print a row for each client: its version, how many checks, how many of them failed."""
    counts: dict[str, Counter[str]] = {}
    for kind in ("passed", "failed"):
        for report in terminalreporter.stats.get(kind, ()):
            for name, value in report.user_properties:
                if name == "client":
                    counts.setdefault(value, Counter())[kind] += 1
    if counts:
        terminalreporter.section("clients")
        terminalreporter.write_line("| client | checks | failed |\n|---|---|---|")
        for client, count in counts.items():
            terminalreporter.write_line(f"| {client} | {count.total()} | {count['failed']} |")
