"""Connections that are cut and slow on purpose, and what a client finds done afterwards."""

import http.client
import json
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from harness import EVENT, Connection, RunningServer, binaries, connected, pattern, servers, until

MIB = 1024 * 1024
CUT_OFF = (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """One server of two workers for all tests here; each makes its own events."""
    with servers(tmp_path_factory.mktemp("faulty") / "data") as start:
        yield start("--demo", "--no-demo-events", workers=2)


@pytest.fixture
def c(server: RunningServer) -> Iterator[Connection]:
    with connected(server) as connection:
        yield connection


def count_of(c: Connection, source: str) -> int:
    _, body = c.ask("GET", f"/event/events?source={source}&withTotalElements=true")
    return int(json.loads(body)["statistics"]["totalElements"])


def event_of(source: str) -> bytes:
    return json.dumps(EVENT | {"source": {"id": source}}).encode()


@pytest.mark.parametrize(("cut", "done"), [("before", 0), ("request", 0), ("commit", 1)])
@pytest.mark.parametrize("at_once", [True, False])
def test_a_cut_before_changes_nothing_and_one_after_the_commit_only_takes_the_answer(
    server: RunningServer, c: Connection, cut: str, done: int, at_once: bool
) -> None:
    source = f"{cut}-{at_once}"
    with connected(server, at_once=at_once) as other, pytest.raises(CUT_OFF):
        other.ask("POST", "/event/events", event_of(source), X_C8ybin_Fault=f"cut={cut}")
    assert count_of(c, source) == done


@pytest.mark.parametrize("coded", [False, True])
@pytest.mark.parametrize("after", [0, 1, 700_000, 10 * MIB])
def test_an_upload_that_is_cut_leaves_nothing(
    server: RunningServer, c: Connection, tmp_path: Path, coded: bool, after: int
) -> None:
    event_id, data = c.create_event(), pattern(MIB)
    with connected(server) as other, pytest.raises(CUT_OFF):
        body = iter([data[: MIB // 2], data[MIB // 2 :]]) if coded else data
        other.ask("PUT", binaries(event_id), body, X_C8ybin_Fault=f"cut=request, bytes={after}")
    assert c.ask("GET", binaries(event_id))[0].status == 404
    assert c.ask("PUT", binaries(event_id), data)[0].status == 201


def test_a_request_without_a_body_is_cut_before(server: RunningServer, c: Connection) -> None:
    event_id = c.create_event()
    with connected(server) as other, pytest.raises(CUT_OFF):
        other.ask("DELETE", f"/event/events/{event_id}", X_C8ybin_Fault="cut=request")
    assert c.ask("GET", f"/event/events/{event_id}")[0].status == 200


@pytest.mark.parametrize("length", [1000, 3 * MIB])
def test_an_answer_is_cut_after_so_many_bytes_of_its_body(
    server: RunningServer, c: Connection, length: int
) -> None:
    event_id, data = c.create_event(), pattern(length)
    assert c.ask("PUT", binaries(event_id), data)[0].status == 201
    for after in (0, 1, length - 1):
        with connected(server) as other:
            with pytest.raises(http.client.IncompleteRead) as caught:
                other.ask("GET", binaries(event_id), X_C8ybin_Fault=f"cut=answer, bytes={after}")
            assert caught.value.partial == data[:after]
        # As a client goes on.
        answer, rest = c.ask("GET", binaries(event_id), Range=f"bytes={after}-")
        assert (answer.status, data[:after] + rest) == (206, data)


def test_a_cut_after_the_end_of_an_answer_only_ends_the_connection(
    server: RunningServer, c: Connection
) -> None:
    with connected(server) as other:
        answer, body = other.ask("GET", "/event", X_C8ybin_Fault="cut=answer, bytes=1000000")
        assert (answer.status, len(body)) == (200, int(answer.headers["Content-Length"]))
        assert other.sock.recv(1) == b""


@pytest.mark.parametrize("path", ["binaries", "/event"])
def test_an_answer_is_as_slow_as_was_asked_for(c: Connection, path: str) -> None:
    if path == "binaries":
        event_id, data = c.create_event(), pattern(200_000)
        assert c.ask("PUT", binaries(event_id), data)[0].status == 201
        path = binaries(event_id)
    else:
        data = c.ask("GET", path)[1]
    began = time.monotonic()
    assert c.ask("GET", path, X_C8ybin_Fault=f"rate={len(data) * 4}")[1] == data
    # At least: the last piece is not waited for.
    assert time.monotonic() - began > 0.15
    # The next request on the connection is not: this would take longer than anybody waits.
    assert c.ask("HEAD", path, X_C8ybin_Fault="rate=1")[0].status == 200
    assert c.ask("GET", path)[1] == data


def test_a_delay_comes_before_the_request_is_done_and_holds_up_nobody_else(
    server: RunningServer, c: Connection
) -> None:
    def count_threads() -> int:
        return sum(len(list(Path(f"/proc/{pid}/task").iterdir())) for pid in server.workers())

    before = count_threads()
    # More than there are threads, in each worker.
    slow = [Connection(server) for _ in range(24)]
    for number, each in enumerate(slow):
        fields = {"Authorization": each._authorization, "X-C8ybin-Fault": "delay=60000"}
        each.request("POST", "/event/events", event_of(f"slow-{number}"), fields)
    assert c.ask("GET", "/event/events")[0].status == 200
    assert c.ask("POST", "/event/events", event_of("quick"))[0].status == 201
    assert until(lambda: count_threads() >= before + len(slow))
    # Whoever gives up is not waited for, and nothing is done for it.
    for each in slow:
        each.close()
    assert until(lambda: count_threads() <= before)
    assert [count_of(c, f"slow-{number}") for number in range(len(slow))] == [0] * len(slow)
    began = time.monotonic()
    assert c.ask("GET", "/event", X_C8ybin_Fault="delay=100")[0].status == 200
    assert time.monotonic() - began > 0.1


def test_a_plan_holds_for_all_workers_and_is_counted_once(server: RunningServer, c: Connection) -> None:
    planned = {"status": 503, "path": "/event/events", "count": 10}
    assert c.ask("POST", "/c8ybin/faults", json.dumps(planned).encode())[0].status == 201
    found: list[int] = []

    def ask() -> None:
        for _ in range(3):
            with connected(server) as other:
                found.append(other.ask("GET", "/event/events")[0].status)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == [200] * 14 + [503] * 10
    assert json.loads(c.ask("GET", "/c8ybin/faults")[1]) == {"faults": []}


def test_a_connection_stands_after_a_status_on_purpose(c: Connection) -> None:
    event_id = c.create_event()
    before = c.sock
    for body in (b"x", pattern(100_000)):
        answer, _ = c.ask("PUT", binaries(event_id), body, X_C8ybin_Fault="status=502")
        assert answer.status == 502
        assert c.ask("GET", "/event")[0].status == 200
    assert c.sock is before
    assert c.ask("GET", binaries(event_id))[0].status == 404


def test_a_server_with_slow_answers_stops_at_once(tmp_path: Path) -> None:
    with servers(tmp_path / "data") as start:
        server = start("--demo", "--no-demo-events")
        with connected(server) as one, connected(server) as other:
            for each, fault in ((one, "rate=1"), (other, "delay=60000")):
                each.request(
                    "GET", "/event", None, {"Authorization": each._authorization, "X-C8ybin-Fault": fault}
                )
            assert one.sock.recv(15, socket.MSG_PEEK) == b"HTTP/1.1 200 OK"
            assert server.stop() == 0
        assert not any("did not end in time" in line for line in server.lines)
