"""What clients are promised of one server, kept by two and three on as many hosts."""

import itertools
import json
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import balancer
import pytest
from fleet import ASKING, Fleet
from harness import Connection, RunningServer, binaries, connected, pattern, until

from c8ybin.accounts import ROLES, Accounts

PASSWORD = "correct horse"


@pytest.fixture
def here_and_there(fleet: Fleet) -> Any:
    """Connections to two servers."""
    with ExitStack() as stack:
        yield [stack.enter_context(connected(server)) for server in fleet.start_some(2)]


def send_in_chunks(ask_in_turn: Callable[..., Any], event_id: str, data: bytes, size: int) -> Any:
    """Send a file in chunks; each must be taken. Return the last answer."""
    for start in range(0, len(data), size):
        part = data[start : start + size]
        answer, body = ask_in_turn(
            "POST",
            binaries(event_id),
            part,
            Content_Range=f"{start}-{start + len(part) - 1}/{len(data)}",
            Content_Type="text/plain",
        )
        assert answer.status == (201 if start + size >= len(data) else 200), body
    return json.loads(body)


def in_turn(*connections: Connection) -> Callable[..., Any]:
    """Return what asks one connection after the other."""
    turns = itertools.cycle(connections)
    return lambda *request, **fields: next(turns).ask(*request, **fields)


def listed(connection: Connection) -> list[str]:
    _, body = connection.ask("GET", "/event/events?pageSize=2000")
    return [event["id"] for event in json.loads(body)["events"]]


@pytest.mark.parametrize("count", [2, 3])
def test_a_chunk_to_one_and_the_next_to_the_other_make_one_file(fleet: Fleet, count: int) -> None:
    data = pattern(200_000)
    with ExitStack() as stack:
        all_hosts = [stack.enter_context(connected(server)) for server in fleet.start_some(count)]
        event_id = all_hosts[0].create_event()
        told = send_in_chunks(in_turn(*all_hosts), event_id, data, 30_000)
        assert told["length"] == len(data)
        assert [c.ask("GET", binaries(event_id))[1] for c in all_hosts] == [data] * count


def test_a_chunk_that_is_sent_to_both_counts_once(here_and_there: list[Connection]) -> None:
    here, there = here_and_there
    event_id = here.create_event()
    for c in (here, there):
        answer, body = c.ask("POST", binaries(event_id), b"0123", Content_Range="0-3/8")
        assert (answer.status, json.loads(body)["range"]) == (200, "0-3/8")
    answer, body = there.ask("POST", binaries(event_id), b"4567", Content_Range="4-7/8")
    assert (answer.status, json.loads(body)["length"]) == (201, 8)


def test_of_posts_to_both_at_once_one_wins_and_both_show_it(
    fleet: Fleet, race: Callable[..., list[Any]]
) -> None:
    servers = fleet.start_some(2)
    with connected(servers[0]) as here, connected(servers[1]) as there:
        for _ in range(10):
            event_id = here.create_event()

            def post(number: int, event_id: str = event_id) -> int:
                with connected(servers[number % 2]) as c:
                    return c.ask("POST", binaries(event_id), b"%d" % number)[0].status

            statuses = race(8, post)
            assert Counter(statuses) == {201: 1, 409: 7}
            winner = b"%d" % statuses.index(201)
            assert [c.ask("GET", binaries(event_id))[1] for c in (here, there)] == [winner, winner]


def test_what_one_has_put_the_other_gets_at_once(here_and_there: list[Connection]) -> None:
    event_id = here_and_there[0].create_event()
    for number, (here, there) in enumerate([here_and_there, here_and_there[::-1]] * 10):
        # The same length each time, so that no size and no time in seconds tells of the change.
        data = b"%04d" % number
        assert here.ask("PUT", binaries(event_id), data)[0].status == 201
        answer, body = there.ask("GET", binaries(event_id))
        assert (answer.status, body) == (200, data)
        text = json.dumps({"text": f"{number:04}"})
        assert here.ask("PUT", f"/event/events/{event_id}", text)[0].status == 200
        assert json.loads(there.ask("GET", f"/event/events/{event_id}")[1])["text"] == f"{number:04}"


def test_a_tag_of_one_is_the_condition_of_the_other(here_and_there: list[Connection]) -> None:
    here, there = here_and_there
    event_id = here.create_event()
    tags = []
    for data in (b"1", b"2"):
        assert here.ask("PUT", binaries(event_id), data)[0].status == 201
        tags.append(here.ask("HEAD", binaries(event_id))[0].headers["ETag"])
    assert there.ask("PUT", binaries(event_id), b"3", If_Match=tags[0])[0].status == 412
    assert there.ask("PUT", binaries(event_id), b"3", If_Match=tags[1])[0].status == 201
    assert here.ask("GET", binaries(event_id))[1] == b"3"


def test_the_list_of_the_other_shows_soon_what_came_and_went(here_and_there: list[Connection]) -> None:
    here, there = here_and_there
    assert listed(there) == []
    waited = []
    for _ in range(10):
        event_id = here.create_event()
        assert event_id in listed(here)
        began = time.monotonic()
        assert until(lambda event_id=event_id: event_id in listed(there))
        waited.append(time.monotonic() - began)
        assert there.ask("DELETE", f"/event/events/{event_id}")[0].status == 204
        # What is gone is in no list, whatever the index knows: each event is looked for.
        assert event_id not in listed(here)


def test_an_account_is_known_and_refused_by_the_other_at_once(fleet: Fleet) -> None:
    _here, there = fleet.start_some(2)
    accounts = Accounts(fleet.root("a"))
    try:
        for number in range(3):
            accounts.add("anna", f"{PASSWORD} {number}", ROLES)
            with connected(there, f"anna:{PASSWORD} {number}") as c:
                assert c.ask("GET", "/event/events")[0].status == 200
                accounts.remove("anna")
                assert c.ask("GET", "/event/events")[0].status == 401
    finally:
        accounts.close()


@pytest.mark.parametrize("choice", [balancer.IN_TURN, balancer.BY_EVENT], ids=["in turn", "by event"])
def test_behind_nginx_both_are_one(fleet: Fleet, nginx: str, choice: str) -> None:
    here, there = fleet.start_some(2, "--demo", "--no-demo-events", "--trusted-proxy", "10.77.7.0/24")
    behind = balancer.start(fleet.bed, nginx, ASKING, fleet.servers, choice)
    data = pattern(300_000)
    with connected(behind) as c, connected(here) as direct, connected(there) as other:
        events = [c.create_event() for _ in range(8)]
        for event_id in events:
            assert send_in_chunks(c.ask, event_id, data, 100_000)["length"] == len(data)
            assert c.ask("GET", binaries(event_id))[1] == data
        # The list of a host shows soon what another one did.
        for each in (c, direct, other):
            assert until(lambda each=each: set(listed(each)) == set(events))
        taken = [served(server) for server in (here, there)]
    # Both had their part in it.
    assert min(taken) > 0


def served(server: RunningServer) -> int:
    """Return how many chunks a server has taken, as it counts them."""
    with connected(server) as c:
        _, body = c.ask("GET", "/metrics")
    counted = [line for line in body.decode().splitlines() if 'method="POST"' in line and "binaries" in line]
    return sum(int(float(line.split()[-1])) for line in counted if "_total" in line)


def test_a_server_that_ends_is_passed_over(fleet: Fleet, nginx: str) -> None:
    fleet.start_some(2, "--demo", "--no-demo-events", "--trusted-proxy", "10.77.7.0/24")
    behind = balancer.start(fleet.bed, nginx, ASKING, fleet.servers, balancer.IN_TURN)
    with connected(behind) as c:
        c.create_event()
        assert fleet.servers["a"].stop() == 0
        events = [c.create_event() for _ in range(6)]
        fleet.start("a")
        with connected(fleet.servers["a"]) as direct:
            assert set(events) <= set(listed(direct))
