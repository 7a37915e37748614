"""The locks of events: threads, processes, and what a killed holder leaves."""

import threading
import time

import pytest

from c8ybin.domain.errors import Busy, EventNotFound
from c8ybin.domain.ids import EventId
from c8ybin.store import disk as disk_module

HOLD = (
    "desk = Desk(Path(sys.argv[1]))\n"
    "with desk.disk.locked(int(sys.argv[2])):\n    say('held')\n    wait()\n"
    "say('free')\n"
)


@pytest.fixture()
def event_id(desk):
    return desk.create()


@pytest.fixture()
def short(monkeypatch):
    monkeypatch.setattr(disk_module, "LOCK_TIMEOUT_S", 0.2)


def hold(start, event_id):
    child = start(HOLD, event_id)
    assert child.hear() == "held"
    return child


@pytest.mark.usefixtures("short")
def test_what_needs_the_lock_is_busy_after_the_deadline_while_another_process_holds_it(desk, event_id, start):
    desk.attach(event_id, b"old")
    child = hold(start, event_id)
    for act in (
        lambda: desk.replace(event_id, b"new"),
        lambda: desk.chunk(event_id, "0-2/9", b"abc", put=True),
        lambda: desk.update(event_id, text="new"),
        lambda: desk.drop(event_id),
    ):
        begun = time.monotonic()
        with pytest.raises(Busy):
            act()
        assert time.monotonic() - begun >= 0.1
    assert desk.get(event_id) == b"old"
    assert desk.files(event_id) == ["binary.json", "content", "event.json"]
    child.tell()
    assert child.hear() == "free"
    desk.replace(event_id, b"new")


@pytest.mark.usefixtures("short")
def test_creating_attaching_reading_and_deleting_need_no_lock(desk, event_id, start):
    child = hold(start, event_id)
    desk.create()
    desk.attach(event_id, b"bytes")
    assert desk.get(event_id) == b"bytes"
    desk.delete(event_id)
    child.kill()


def test_a_waiter_goes_on_when_the_holder_lets_go(desk, event_id, start):
    child, waiting = hold(start, event_id), threading.Event()
    thread = threading.Thread(target=lambda: (waiting.set(), desk.replace(event_id, b"new")))
    thread.start()
    waiting.wait()
    child.tell()
    thread.join(30)
    assert desk.get(event_id) == b"new"


def test_a_killed_holder_frees_the_lock(desk, event_id, start):
    hold(start, event_id).kill()
    desk.replace(event_id, b"new")
    assert desk.get(event_id) == b"new"


def test_threads_of_a_process_hold_it_one_at_a_time(desk, event_id, race):
    inside, most = [], []

    def enter(number):
        with desk.disk.held(event_id):
            inside.append(number)
            most.append(len(inside))
            threading.Event().wait(0.001)
            inside.remove(number)

    assert race(16, enter) == [None] * 16
    assert most == [1] * 16


@pytest.mark.usefixtures("short")
def test_a_thread_is_busy_after_the_deadline_while_another_thread_holds_it(desk, event_id):
    results = []

    def enter():
        try:
            desk.replace(event_id, b"new")
        except Busy as error:
            results.append(error)

    with desk.disk.held(event_id):
        thread = threading.Thread(target=enter)
        thread.start()
        thread.join(30)
    assert len(results) == 1


def test_the_threads_of_one_process_do_not_keep_the_others_out(desk, event_id, start, monkeypatch):
    monkeypatch.setattr(disk_module, "LOCK_TIMEOUT_S", 120)
    ended = threading.Event()

    def hold_again_and_again():
        while not ended.is_set():
            with desk.disk.held(event_id):
                ended.wait(0.1)

    threads = [threading.Thread(target=hold_again_and_again) for _ in range(3)]
    for thread in threads:
        thread.start()
    child = start(f"from c8ybin.store import disk\ndisk.LOCK_TIMEOUT_S = 5\n{HOLD}", event_id)
    try:
        assert child.hear() == "held"
        child.tell()
    finally:
        ended.set()
        for thread in threads:
            thread.join(60)


def test_two_stores_of_one_process_part_each_other_too(desk, make_desk, event_id, race):
    desks = [desk, make_desk()]
    race(8, lambda n: desks[n % 2].update(event_id, **{f"f{n}": n}))
    document = desk.store.events.read(event_id).file.document
    assert {document.get(f"f{n}") for n in range(8)} == set(range(8))


def test_the_lock_of_a_missing_event_can_be_held_but_the_event_not(desk, id_gone):
    with desk.disk.locked(id_gone):
        pass
    with pytest.raises(EventNotFound), desk.disk.held(id_gone):
        pass


def test_what_is_missing_inside_an_event_that_is_there_stays_an_error(desk, event_id):
    with pytest.raises(FileNotFoundError), desk.disk.held(event_id) as home:
        (home / "missing").read_bytes()


def test_an_error_under_the_lock_frees_it(desk, event_id):
    with pytest.raises(ValueError, match="x"), desk.disk.held(event_id):
        raise ValueError("x")
    with desk.disk.held(event_id) as home:
        assert home == desk.home(event_id)


def test_the_locks_of_events_are_apart_unless_their_last_bits_are_equal(desk, event_id, short):
    with desk.disk.locked(event_id):
        with desk.disk.locked(EventId(event_id ^ 1)):
            pass
        with pytest.raises(Busy), desk.disk.locked(EventId(event_id + 1024)):
            pass
