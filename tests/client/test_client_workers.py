"""A few things at once."""

import threading

import pytest
from client_tools import WAIT_S

from c8ybin.client import ClientError, Interrupted
from c8ybin.client.workers import at_once


def test_all_are_done_and_no_more_at_once_than_wanted() -> None:
    done: set[int] = set()
    gate = threading.Barrier(3)  # which a fourth would leave waiting

    def work(job: int, _: threading.Event) -> None:
        gate.wait(WAIT_S)
        done.add(job)

    at_once(range(9), 3, work, threading.Event())
    assert done == set(range(9))


def test_nothing_to_do_is_done() -> None:
    at_once([], 3, lambda *_: None, threading.Event())


def test_the_first_failure_ends_the_others_and_is_the_one_that_is_told() -> None:
    begun: list[int] = []
    told: list[bool] = []
    both = threading.Barrier(2)

    def work(job: int, stop: threading.Event) -> None:
        begun.append(job)
        both.wait(WAIT_S)
        if job == 0:
            raise ClientError("why")
        told.append(stop.wait(WAIT_S))
        raise Interrupted("because of another")

    with pytest.raises(ClientError, match="why"):
        at_once(range(9), 2, work, threading.Event())
    assert (sorted(begun), told) == ([0, 1], [True])
