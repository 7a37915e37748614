"""Watching a server: /metrics counts what all its processes do, over their ends."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest
from harness import Connection, RunningServer, binaries, connected, pattern, servers, until
from prometheus_client.parser import text_string_to_metric_families

from c8ybin.counts import METHODS, STATUSES

MIB = 1024 * 1024


def samples(connection: Connection) -> dict[tuple[object, ...], float]:
    answer, body = connection.ask("GET", "/metrics")
    assert answer.status == 200
    return {
        (sample.name.removeprefix("c8ybin_"), *sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(body.decode())
        for sample in family.samples
    }


def value(connection: Connection, name: str, **labels: str) -> float:
    return samples(connection).get((name, *sorted(labels.items())), 0.0)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """Two processes, for tests that do not mind each other."""
    with servers(tmp_path_factory.mktemp("watching") / "data") as start:
        yield start("--demo", workers=2)


def test_requests_of_all_processes_are_counted_to_the_byte(server):
    route = {"route": "/event/events/{event_id}/binaries"}
    data = pattern(3 * MIB)
    with connected(server) as c:
        events = [c.create_event() for _ in range(6)]
        before = samples(c)
    for event_id in events:
        with connected(server) as other:  # whichever process has it
            assert other.ask("POST", binaries(event_id), data)[0].status == 201
            assert other.ask("POST", binaries(event_id), data)[0].status == 409
            answer, body = other.ask("GET", binaries(event_id))
            assert (answer.status, body) == (200, data)
            assert other.ask("GET", binaries("1"))[0].status == 404
            assert other.ask("BREW", f"/made/up/{event_id}")[0].status in (400, 405, 404)
    with connected(server) as c:
        # A request is counted once its last byte is out, which its client may see before.
        assert until(lambda: value(c, "requests_total", method="GET", status="404", **route) == 6)
        assert until(lambda: value(c, "requests_total", method="POST", status="201", **route) == 6)
        # The other process publishes what it waited for twice a second.
        assert until(lambda: value(c, "commits_total") >= before["commits_total",] + 6)
        after = samples(c)
    assert after["fsync_seconds_count",] > before["fsync_seconds_count",]
    get = (("method", "GET"), ("route", route["route"]))
    post = (("method", "POST"), ("route", route["route"]))
    assert after["requests_total", *get, ("status", "200")] == 6
    assert after["requests_total", *post, ("status", "409")] == 6
    assert after["request_duration_seconds_count", *get] == 12
    assert after["request_duration_seconds_bucket", ("le", "+Inf"), *get] == 12
    assert 6 * len(data) < after["sent_bytes_total", *get] < 6 * len(data) + 12 * 1000
    # What is refused by its header alone is thrown away uncounted, or has come with the header.
    assert 6 * len(data) <= after["received_bytes_total", *post] < 6 * len(data) + 6 * 16 * 1024
    made_up = [dict(key[1:]) for key in after if key[0] == "requests_total" and ("route", "other") in key]
    assert [labels["method"] for labels in made_up] == ["other"]
    for name, *labels in after:
        told = dict(labels)
        assert told.get("method", METHODS[0]) in METHODS, name
        assert told.get("status", STATUSES[0]) in STATUSES, name
        assert "made" not in told.get("route", "")


def test_no_counter_falls_when_a_worker_dies_and_the_next_one_is_counted(server):
    with connected(server) as c:
        for _ in range(5):
            c.create_event()
        assert until(lambda: value(c, "commits_total") >= 5)
        before = samples(c)
        assert before["workers",] == 2
    victim = min(server.workers())
    os.kill(victim, signal.SIGKILL)
    assert until(lambda: victim not in server.workers())
    with connected(server) as c:
        assert until(lambda: value(c, "worker_restarts_total") == 1)
        after = samples(c)
        assert after["workers",] == 2
        assert json.loads(c.ask("GET", "/health")[1])["status"] == "UP"
    for key, number in before.items():
        if key[0].endswith(("_total", "_count", "_bucket", "_sum")):
            assert after[key] >= number, key


def test_a_body_on_its_way_and_its_connection_are_told_while_they_last(serve):
    server = serve("--demo")
    data = pattern(MIB)
    with connected(server) as watcher:
        with connected(server) as sender:
            sender.begin_upload(sender.create_event(), data)
            assert until(lambda: value(watcher, "uploads_receiving") == 1)
            assert until(lambda: value(watcher, "connections") == 2)
            sender.finish_upload(data)
            assert until(lambda: value(watcher, "uploads_receiving") == 0)
            sender.begin_upload(sender.create_event(), data)
            assert until(lambda: value(watcher, "uploads_receiving") == 1)
        assert until(lambda: value(watcher, "uploads_receiving") == 0)
        assert until(lambda: value(watcher, "connections") == 1)


def test_where_all_places_are_taken_metrics_are_answered_and_say_so(serve):
    server = serve("--demo", "--open-metrics", "--max-connections", "1", "--body-timeout", "10s")
    data = pattern(MIB)
    with connected(server) as sender:
        sender.begin_upload(sender.create_event(), data)
        with connected(server) as refused:
            assert refused.ask("GET", "/event")[0].status == 503
        with connected(server, "nobody:wrong") as watcher:
            assert value(watcher, "connections_shed_total") >= 2
        with connected(server) as prober:
            warnings = json.loads(prober.ask("GET", "/health")[1])["warnings"]
            assert "overloaded" in [warning["kind"] for warning in warnings]
        sender.finish_upload(data)


def test_a_start_loads_nothing_that_only_a_watcher_needs():
    unwanted = ["httpx", "prometheus_client", "rich"]
    code = f"import c8ybin.cli, sys; print([name for name in {unwanted} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
