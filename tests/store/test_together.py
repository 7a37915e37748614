"""Many reads at once, where they wait for another host."""

import threading

import pytest

from c8ybin.store import together
from c8ybin.store.together import Together


@pytest.fixture
def reads():
    made = Together()
    yield made
    made.close()


def test_what_is_quick_is_done_by_the_asking_thread_alone(reads, monkeypatch):
    monkeypatch.setattr(together, "_SLOW_S", 60)
    threads = set(reads.map(lambda _: threading.get_ident(), range(20)))
    assert threads == {threading.get_ident()}


def test_what_is_slow_is_done_at_once_and_comes_in_order(reads, monkeypatch):
    monkeypatch.setattr(together, "_SLOW_S", 0)
    # Nobody goes on before all eight threads are at it: one after the other they would never.
    gate = threading.Barrier(8)

    def read(number):
        if number >= 4:
            gate.wait(60)
        return number

    assert list(reads.map(read, range(4 + 16))) == list(range(20))


def test_an_error_is_that_of_the_first_that_failed(reads, monkeypatch):
    monkeypatch.setattr(together, "_SLOW_S", 0)

    def read(number):
        if number in (7, 9):
            raise OSError(number, "failed")
        return number

    found = []
    with pytest.raises(OSError, match="7"):
        found.extend(reads.map(read, range(12)))
    assert list(reads.map(read, range(3))) == [0, 1, 2]


def test_after_its_end_it_begins_anew(reads, monkeypatch):
    monkeypatch.setattr(together, "_SLOW_S", 0)
    for _ in range(2):
        assert list(reads.map(str, range(9))) == list(map(str, range(9)))
        reads.close()
