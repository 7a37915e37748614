"""What one, two and three hosts do in a second: small commits, large files, lists. Numbers for a table, no verdicts."""

import json
import statistics
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import moosefs
import pytest
from fleet import Fleet, start_on
from harness import Connection, RunningServer, binaries, connected, pattern, servers

from c8ybin.domain.sizes import MIB

CLIENTS = 8  # at each host
SENDERS = 2  # of large files, at each host
FILE = pattern(8 * MIB)
LISTS = 20


def small_commits(connection: Connection) -> tuple[int, int]:
    """Make an event and attach a KiB; return how many commits that were, and bytes of files."""
    event_id = connection.create_event()
    answer, body = connection.ask("POST", binaries(event_id), FILE[:1024])
    assert answer.status == 201, body
    return 2, 1024


def large_file(connection: Connection) -> tuple[int, int]:
    """The same with a file of 8 MiB."""
    event_id = connection.create_event()
    answer, body = connection.ask("POST", binaries(event_id), FILE)
    assert answer.status == 201, body
    return 2, len(FILE)


def rate(
    hosts: Sequence[RunningServer],
    clients: int,
    work: Callable[[Connection], tuple[int, int]],
    seconds: float,
) -> tuple[float, float]:
    """Have clients at each host work for some seconds; return commits and MB a second, of all together."""
    began = time.monotonic()

    def one(server: RunningServer) -> tuple[int, int]:
        commits = size = 0
        with connected(server) as connection:
            while time.monotonic() - began < seconds:
                done = work(connection)
                commits, size = commits + done[0], size + done[1]
        return commits, size

    with ThreadPoolExecutor(clients * len(hosts)) as pool:
        done = list(pool.map(one, [server for server in hosts for _ in range(clients)]))
    took_s = time.monotonic() - began
    return sum(c for c, _ in done) / took_s, sum(b for _, b in done) / took_s / 1e6


def list_p50_ms(hosts: Sequence[RunningServer]) -> float:
    """Return the median time of a page of the newest events, on one host after a change on another."""
    took = []
    with connected(hosts[0]) as here, connected(hosts[-1]) as there:
        for _ in range(LISTS):
            here.create_event()
            began = time.perf_counter()
            answer, body = there.ask("GET", "/event/events?pageSize=50")
            took.append(time.perf_counter() - began)
            assert answer.status == 200
            assert json.loads(body)["events"]
    return statistics.median(took) * 1000


def measure(hosts: Sequence[RunningServer], seconds: float) -> dict[str, float]:
    """Return all that there is of a row."""
    commits, _ = rate(hosts, CLIENTS, small_commits, seconds)
    _, megabytes = rate(hosts, SENDERS, large_file, seconds)
    return {"commits_per_s": commits, "mb_per_s": megabytes, "list_p50_ms": list_p50_ms(hosts)}


SECONDS, FULL_SECONDS = 0.5, 10


@pytest.mark.parametrize("count", [1, 2, 3])
def test_what_hosts_do_in_a_second(
    fleet: Fleet, count: int, full: bool, measured: Callable[..., None]
) -> None:
    if count != 2 and not full:
        pytest.skip("measured with --full alone")
    hosts = fleet.start_some(count)
    measured("workloads", hosts=count, **measure(hosts, FULL_SECONDS if full else SECONDS))


@pytest.mark.parametrize("count", [1, 2])
def test_what_they_do_where_moosefs_fsyncs_each_change_of_names(
    fleet: Fleet, count: int, full: bool, measured: Callable[..., None]
) -> None:
    if fleet.kind is not moosefs or not full:
        pytest.skip("measured on MooseFS and with --full alone")
    moosefs.save_changes(fleet.bed, 2)
    try:
        hosts = fleet.start_some(count)
        how = "each change of names fsynced"
        measured("workloads", hosts=count, how=how, **measure(hosts, FULL_SECONDS))
    finally:
        moosefs.save_changes(fleet.bed, 1)


def test_what_one_host_does_on_its_own_disk(
    fleet: Fleet, tmp_path: Path, full: bool, measured: Callable[..., None]
) -> None:
    if not full:
        pytest.skip("measured with --full alone")
    with servers(tmp_path) as start:
        server = start_on(fleet.bed, start, "a", data=tmp_path / "data")
        measured("workloads", hosts=0, **measure([server], FULL_SECONDS))
