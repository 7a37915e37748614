"""The model of `scripts/growth`: laws of queueing, what grows with what, and the points that it was held against."""

import json
import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from itertools import pairwise
from pathlib import Path
from statistics import mean

import pytest

from bench.growth import count, observe, probe
from bench.growth.__main__ import written
from bench.growth.inputs import FILE_SYSTEMS, WORKLOADS, measured, request
from bench.growth.model import EVENTS, HOSTS, Site, lists, rate
from bench.growth.plot import svg
from bench.growth.queues import Station, most, simulate, solve
from bench.growth.recovery import backlog_s, metadata_gib, recovery
from bench.growth.replacements import rate_of, ways
from bench.growth.tables import PLOT, everything, figures, span
from bench.growth.validation import points
from bench.report import markers, number

ROOT = Path(__file__).parent.parent.parent
DISTRIBUTED = FILE_SYSTEMS[1:]
CPU, DISK, LINE = Station("cpu", 0.004, 2), Station("disk", 0.003, 1, 3), Station("line", 0.010, 0)


def test_one_client_never_waits():
    flow = solve([CPU, DISK, LINE], 1)
    assert flow.response_s == pytest.approx(0.017)
    assert flow.rate == pytest.approx(1 / 0.017)


def test_two_equal_queues_share_n_clients_as_the_theory_of_balanced_networks_says():
    # X(n) = n / (D (n + K - 1)), Lazowska, chapter 5.
    queues = [Station("a", 0.01), Station("b", 0.01), Station("c", 0.01)]
    for n in (1, 2, 7, 40):
        assert solve(queues, n).rate == pytest.approx(n / (0.01 * (n + 2)))


def test_many_clients_with_long_pauses_are_as_an_open_queue():
    # M/M/1: R = D / (1 - U); a thousand clients that hardly ever ask make nearly Poisson arrivals.
    flow = solve([Station("q", 0.01)], 1000, think_s=20.0)
    assert flow.response_s == pytest.approx(0.01 / (1 - flow.rate * 0.01), rel=0.02)


@pytest.mark.parametrize("clients", [1, 3, 16, 200])
def test_littles_law_and_both_bounds_hold(clients):
    flow = solve([CPU, DISK, LINE], clients, think_s=0.05)
    assert flow.rate * (flow.response_s + 0.05) == pytest.approx(clients)
    assert flow.rate <= min(most([CPU, DISK, LINE])[0], clients / 0.067) * (1 + 1e-9)
    assert flow.utilization <= 1 + 1e-9


def test_the_busiest_station_is_what_bounds():
    assert most([CPU, DISK, LINE]) == (pytest.approx(500), "cpu")
    assert solve([CPU, DISK, LINE], 400).rate == pytest.approx(500, rel=0.03)


@pytest.mark.parametrize("clients", [1, 4, 32])
def test_discrete_events_and_mean_values_agree(clients):
    stations = [CPU, DISK, LINE]
    answers = simulate(stations, clients, 30_000, seed=7)
    came = len(answers) / answers[-1][0]
    assert came == pytest.approx(solve(stations, clients).rate, rel=0.07)


def test_discrete_events_of_one_queue_are_exact():
    answers = simulate([Station("q", 0.01), Station("r", 0.02)], 5, 60_000, seed=3)
    expected = solve([Station("q", 0.01), Station("r", 0.02)], 5)
    assert len(answers) / answers[-1][0] == pytest.approx(expected.rate, rel=0.02)
    assert mean(took for _, took in answers) == pytest.approx(expected.response_s, rel=0.02)


def test_the_same_seed_gives_the_same_events_and_another_one_others():
    runs = [simulate([CPU, DISK], 8, 500, seed=seed) for seed in (1, 1, 2)]
    assert runs[0] == runs[1] != runs[2]


def test_nobody_is_answered_while_the_only_station_is_out_and_what_waited_is_served_after():
    answers = simulate([Station("master", 0.01)], 4, 2000, think_s=0.1, outage=("master", 5.0, 3.0))
    times = [when for when, _ in answers]
    longest = max(after - before for before, after in pairwise(times))
    assert 2.9 < longest < 3.2
    assert max(took for _, took in answers) == pytest.approx(3.0, abs=0.3)


def test_an_outage_lasts_until_what_arrived_meanwhile_is_served():
    assert backlog_s(10, 50, 100) == pytest.approx(20)
    assert backlog_s(10, 100, 100) == float("inf")
    # The same by events: very many clients that rarely ask, at half of what the queue can do.
    answers = simulate([Station("q", 0.01)], 4000, 6000, think_s=80.0, outage=("q", 20.0, 10.0))
    # At rest an answer takes some 20 ms; what came within the outage and after it waits for longer.
    late = [when for when, took in answers if took > 1]
    assert max(late) - 20 == pytest.approx(20, rel=0.3)


@pytest.mark.parametrize("system", ["MooseFS", "CephFS"])
def test_a_failover_by_discrete_events_takes_as_long_as_by_the_formula(system):
    found = recovery(system, Site(8), 10**6)
    assert found.failover_by_events_s == pytest.approx(found.failover_s, rel=0.15)
    assert recovery(system, Site(8), 10**6, load=0.2).failover_by_events_s < found.failover_by_events_s


@pytest.fixture(scope="module")
def found():
    return figures()


def test_all_is_the_same_in_another_process(found):
    command = [sys.executable, "-m", "bench.growth", "--json"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == json.loads(json.dumps(found))


@pytest.mark.parametrize("system", DISTRIBUTED)
@pytest.mark.parametrize("work", [w for w in WORKLOADS if w != "list"])
def test_a_host_more_takes_nothing_from_the_rate(system, work):
    rates = [rate(system, work, Site(hosts)).rate for hosts in HOSTS]
    assert all(after > before * 0.99 for before, after in pairwise(rates))


@pytest.mark.parametrize("system", DISTRIBUTED)
def test_lists_take_longer_with_each_host_and_with_more_events(system):
    by_hosts = [lists(system, Site(hosts), 10**6).newest_s for hosts in HOSTS]
    by_events = [lists(system, Site(1), events).rare_s for events in EVENTS]
    assert by_hosts == sorted(set(by_hosts))
    assert by_events == sorted(set(by_events))


@pytest.mark.parametrize("system", FILE_SYSTEMS)
def test_recovery_takes_longer_with_more_events_and_a_cluster_reads_more_hours(system):
    found = [recovery(system, Site(8), events) for events in EVENTS]
    assert [r.index_s for r in found] == sorted({r.index_s for r in found})
    assert (
        recovery(system, Site(1), 10**9, load=0.9).untold_s
        > recovery(system, Site(1), 10**9, load=0.1).untold_s
    )
    assert (
        recovery(system, Site(8), 10**9, load=0.1).failover_s <= recovery(system, Site(8), 10**9).failover_s
    )


def test_one_metadata_server_bounds_the_rate_whatever_the_number_of_hosts():
    for system in ("MooseFS", "CephFS"):
        master_s = request(system, "attach_1k").cpu_s["master"]
        assert rate(system, "attach_1k", Site(64)).rate == pytest.approx(1 / master_s, rel=0.01)
        assert rate(system, "attach_1k", Site(64)).busiest == "metadata server"


def test_directories_on_all_servers_keep_glusterfs_from_growing_with_them():
    two, many = (rate("GlusterFS", "attach_1k", Site(hosts)).rate for hosts in (8, 64))
    assert many < two * 3


def test_volumes_help_where_the_metadata_server_bounds_and_nothing_does_harm():
    for system in DISTRIBUTED:
        found = {way.name: rate_of(system, way, Site(64))[0] for way in ways(system)}
        now = found["as it is"]
        assert min(found.values()) == now
        if system != "GlusterFS":
            assert found["shards by source on 8 volumes"] == pytest.approx(8 * now, rel=0.05)


def test_the_master_of_a_billion_events_does_not_fit_into_a_server():
    assert metadata_gib(10**9) == pytest.approx(10**9 * 2.2 * 359 / 2**30)


# What one client does is predicted; what several do on two CPUs less well: docs/scale-out.md says how far off.
_WITHIN = {"plain commit, 1 client": 0.4, "plain commit, 2 clients": 0.65, "16 clients": 0.15}


@pytest.mark.parametrize("point", [p for p in points() if p.unit == "/s"], ids=lambda p: p.what)
def test_rates_that_were_measured_are_met_as_closely_as_is_said(point):
    (within,) = (of for words, of in _WITHIN.items() if point.what.endswith(words))
    assert abs(point.off) <= within


def test_cpu_time_of_the_metadata_server_is_met_as_closely_as_is_said():
    found = [p.off for p in points() if "of the master" in p.what]
    assert len(found) == 8
    assert max(map(abs, found)) <= 0.605


def test_no_validation_point_is_an_input():
    inputs = json.dumps({k: v for k, v in measured().items() if k not in ("validation", "about")})
    # Of the values a client measured, none is among the inputs; small integers may be by chance.
    for point in points():
        if point.measured > 1000:
            assert not re.search(rf"[: ]{point.measured:g}[,}}]", inputs), point.what


def test_tables_and_plot_show_all_file_systems(found):
    text, drawn = everything(found), svg(found)
    ElementTree.fromstring(drawn)
    for system in FILE_SYSTEMS:
        assert system in text
        assert system in drawn
    assert "nan" not in text + drawn


def test_the_page_keeps_what_stands_around_the_tables():
    begin, end = markers("growth")
    assert written(f"a\n{begin}old\n{end}b\n", "new\n") == f"a\n{begin}new\n{end}b\n"


def test_the_document_and_its_plot_are_what_the_model_says(found):
    page = (ROOT / "docs" / "scale-out.md").read_text()
    assert written(page, everything(found)) == page, "run scripts/growth --write"
    assert (ROOT / PLOT).read_text() == svg(found), "run scripts/growth --write"


def test_the_sentences_around_the_tables_say_the_same_as_these():
    page = " ".join((ROOT / "docs" / "scale-out.md").read_text().partition(markers("growth")[0])[0].split())
    for system in ("MooseFS", "CephFS"):
        assert f"{number(rate(system, 'attach_1k', Site(64)).rate)}" in page
    assert number(rate("ext4", "attach_1k", Site()).rate) in page
    assert f"{number(metadata_gib(10**9))} GiB" in page
    assert f"{number(lists('MooseFS', Site(), 10**9).rare_s)[:3]} s at 10^9" in page


def test_an_fsync_takes_a_write_along():
    costs = measured()["costs"]["MooseFS"]
    alone = sum(costs[name]["us"] for name in ("create", "write_fsync", "rename_fsync_dir", "close"))
    assert request("MooseFS", "commit").latency_s == pytest.approx(alone * 1e-6)


def test_spans_are_written_briefly():
    assert [span(s) for s in (0.0042, 3, 90, 7200, 172800)] == [
        "4.20 ms",
        "3.00 s",
        "1.50 min",
        "2.00 h",
        "2.00 d",
    ]


def test_two_servers_of_a_directory_are_observed(tmp_path):
    observed = list(observe.everything([tmp_path / "data", tmp_path / "data"], {"me": [os.getpid()]}, 8))
    assert [(o["servers"], o["clients"]) for o in observed[::4]] == [(1, 1), (1, 8), (2, 8)]
    assert all(o["rate"] > 0 and o["cpu_us"].keys() == {"me", "server"} for o in observed)


LOG = """\
7 1795987143.1 openat2(3</d>, "events/a", {flags=O_RDONLY|O_DIRECTORY}, 24) = 4</d/events/a>
7 1795987143.2 openat(4</d/events/a>, "event.json", O_WRONLY|O_CREAT|O_EXCL, 0600) = 5</d/events/a/event.json>
7 1795987143.3 fsync(5</d/events/a/event.json> <unfinished ...>
8 1795987143.3 openat2(3</d>, "events/b", {flags=O_RDONLY}, 24) = -1 EAGAIN (Resource temporarily unavailable)
8 1795987143.3 openat2(3</d>, "events/b", {flags=O_RDONLY}, 24) = -1 ENOENT (No such file or directory)
7 1795987143.4 <... fsync resumed>) = 0
7 1795987143.5 fsync(4</d/events/a>) = 0
7 1795987143.6 read(9</etc/passwd>, ""..., 100) = 100
"""


def test_calls_are_counted_as_what_they_are_to_a_file_system():
    assert [what for _, what in count.parse(LOG, "/d")] == [
        "open_dir",
        "create",
        "stat",
        "fsync",
        "fsync_dir",
    ]


def test_the_probe_finds_a_cost_for_each_operation_that_the_model_asks(tmp_path):
    found = probe.probe(tmp_path / "probe", {"caller": [1]}, 8)
    assert found.keys() == measured()["costs"]["ext4"].keys()
    assert all(cost["us"] > 0 for cost in found.values())
