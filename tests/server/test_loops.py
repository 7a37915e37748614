"""Which descriptors are ready, by epoll and by poll."""

import os
import select
import socket
from collections.abc import Iterator
from threading import Timer

import pytest

from c8ybin.server.loop import READ, WRITE, EpollLoop, Loop, PollLoop

KINDS = [PollLoop] + [EpollLoop] * hasattr(select, "epoll")


@pytest.fixture(params=KINDS)
def loop(request: pytest.FixtureRequest) -> Iterator[Loop]:
    made = request.param()
    yield made
    made.close()


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    mine, other = socket.socketpair()
    yield mine, other
    mine.close()
    other.close()


Pair = tuple[socket.socket, socket.socket]


def test_what_is_armed_once_is_told_once(loop: Loop, pair: Pair) -> None:
    mine, other = pair
    loop.arm(mine.fileno(), READ)
    assert loop.wait(0) == []
    other.send(b"x")
    assert loop.wait(1) == [(mine.fileno(), READ)]
    assert loop.wait(0) == []  # although it is ready still
    loop.arm(mine.fileno(), READ)
    assert loop.wait(1) == [(mine.fileno(), READ)]


def test_what_is_armed_again_is_told_of_the_latest_wish(loop: Loop, pair: Pair) -> None:
    mine, other = pair
    other.send(b"x")
    loop.arm(mine.fileno(), READ)
    loop.arm(mine.fileno(), WRITE)
    assert loop.wait(1) == [(mine.fileno(), WRITE)]
    assert loop.wait(0) == []


def test_an_end_of_the_connection_is_told_once_too(loop: Loop, pair: Pair) -> None:
    mine, other = pair
    loop.arm(mine.fileno(), WRITE)
    other.close()
    [(fd, events)] = loop.wait(1)
    assert (fd, events & select.POLLHUP) == (mine.fileno(), select.POLLHUP)
    assert loop.wait(0) == []


def test_what_is_forgotten_is_not_told(loop: Loop, pair: Pair) -> None:
    mine, other = pair
    other.send(b"x")
    loop.arm(mine.fileno(), READ)
    loop.forget(mine.fileno())
    assert loop.wait(0) == []
    loop.forget(mine.fileno())


def test_a_number_that_is_used_again_is_another_descriptor(loop: Loop, pair: Pair) -> None:
    mine, _ = pair
    fd = mine.fileno()
    loop.arm(fd, WRITE)
    loop.forget(fd)
    again, other = socket.socketpair()
    os.dup2(again.fileno(), fd)
    assert loop.wait(0) == []
    loop.arm(fd, READ)
    other.send(b"x")
    assert loop.wait(1) == [(fd, READ)]
    again.close()
    other.close()


def test_what_is_watched_is_told_each_time_until_it_is_forgotten(loop: Loop, pair: Pair) -> None:
    mine, other = pair
    loop.watch(mine.fileno())
    assert loop.wait(0) == []
    other.send(b"x")
    for _ in range(3):
        assert loop.wait(1) == [(mine.fileno(), READ)]
    loop.forget(mine.fileno())
    assert loop.wait(0) == []


def test_many_are_told_apart(loop: Loop) -> None:
    pairs = [socket.socketpair() for _ in range(50)]
    for mine, _ in pairs:
        loop.arm(mine.fileno(), READ)
    for _, other in pairs[::2]:
        other.send(b"x")
    assert sorted(loop.wait(1)) == sorted((mine.fileno(), READ) for mine, _ in pairs[::2])
    for mine, other in pairs:
        mine.close()
        other.close()


def test_what_another_thread_arms_is_told_while_the_loop_waits(loop: Loop, pair: Pair) -> None:
    mine, _ = pair
    later = Timer(0.05, loop.arm, (mine.fileno(), WRITE))
    later.start()
    told = []
    while not told:  # each wait ends by itself
        told = loop.wait(1)
    assert told == [(mine.fileno(), WRITE)]
    later.join()
