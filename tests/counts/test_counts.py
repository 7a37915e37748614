"""What is counted, by several processes and threads."""

import os
import sys
import threading

import pytest

from c8ybin.counts import Board
from c8ybin.counts.cells import OTHER

ROUTES = ["/event/events", "/event/events/{event_id}"]


@pytest.fixture
def board():
    return Board(2)


def counting(board, place):
    counts = board.of(place)
    counts.name_routes(ROUTES)
    return counts


def requests(board):
    return {(r.route, r.method): r for r in board.requests([OTHER, *ROUTES])}


def test_the_requests_of_all_processes_are_summed_up(board):
    for place, status in ((0, "200"), (1, "200"), (1, "404")):
        counting(board, place).answered(ROUTES[1], "GET", status, 10, 100, 0.5)
    (found,) = requests(board).values()
    assert (found.route, found.method, found.statuses) == (ROUTES[1], "GET", {"200": 2, "404": 1})
    assert (found.received, found.sent) == (30, 300)
    assert found.durations_s.sum == 1.5
    assert found.durations_s.counts[-1] == 3


def test_a_process_that_was_forked_counts_in_the_same_memory(board):
    pid = os.fork()
    if not pid:
        counting(board, 1).answered(ROUTES[0], "POST", "201", 1, 2, 0.1)
        os._exit(0)
    os.waitpid(pid, 0)
    assert requests(board)[ROUTES[0], "POST"].statuses == {"201": 1}


def test_what_a_client_makes_up_is_other(board):
    counts = counting(board, 0)
    for number in range(100):
        counts.answered(f"/made/up/{number}", f"M{number}", str(600 + number), 0, 0, 0.1)
        counts.answered(None, "GET", "404", 0, 0, 0.1)
    found = requests(board)
    assert set(found) == {(OTHER, OTHER), (OTHER, "GET")}
    assert found[OTHER, OTHER].statuses == {OTHER: 100}


def test_a_value_is_in_the_bucket_of_its_bound(board):
    counts = counting(board, 0)
    for duration_s in (0.001, 0.0011, 1000.0):
        counts.synced(duration_s, 1)
    counts.publish()
    found = board.totals().syncs_s
    cumulative = dict(zip(found.bounds, found.counts, strict=False))
    assert (cumulative[0.0005], cumulative[0.001], cumulative[0.0025], found.counts[-1]) == (0, 1, 2, 3)


@pytest.fixture
def hasty_threads():
    """Let threads take turns as often as they can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def test_threads_lose_no_count(board, hasty_threads):
    counts = counting(board, 0)

    def work():
        for _ in range(5000):
            counts.answered(ROUTES[0], "GET", "200", 1, 1, 0.001)
            counts.shed()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert requests(board)[ROUTES[0], "GET"].statuses == {"200": 20_000}
    assert board.totals().shed == 20_000


def test_what_is_for_the_moment_ends_with_its_process_and_the_rest_does_not(board):
    for place in (0, 1):
        counts = counting(board, place)
        counts.begin()
        counts.has(3, 2)
        counts.receives(1)
        counts.committed(4, 1)
        counts.publish()
    board.ended(1)
    totals = board.totals()
    assert (totals.workers, totals.connections, totals.waiting, totals.receiving) == (1, 3, 2, 1)
    assert (totals.commits, totals.batches.sum, totals.restarts) == (2, 8, 0)
    counting(board, 1).begin()
    assert (board.totals().workers, board.totals().restarts) == (2, 1)


def test_what_waits_to_be_published_is_when_the_main_loop_comes_by(board):
    counts = counting(board, 0)
    counts.synced(0.5, 3)
    counts.committed(2, 1)
    counts.has(1, 0)
    totals = board.totals()
    assert (totals.syncs_s.sum, totals.synced_files, totals.batches.sum, totals.commits) == (0.5, 3, 2, 1)


def test_each_reason_of_a_refused_login_is_counted_by_itself(board):
    counting(board, 0).login_refused("token")
    counting(board, 1).login_refused("paused")
    assert board.totals().refused == {"password": 0, "token": 1, "paused": 1, "crowded": 0}
