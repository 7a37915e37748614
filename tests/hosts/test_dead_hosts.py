"""A host that dies while it holds the lock of an event keeps that event from nobody for long."""

import json
import signal
import threading
import time
from http.client import HTTPException

from fleet import Fleet
from harness import RunningServer, connected, until
from strikes import lose_power

from c8ybin import fsio
from c8ybin.domain.ids import EventId
from c8ybin.store.layout import Layout

BOUND_S = 30.0  # three times the lock deadline
BUSY_S = 4.0  # so long the host works before it dies


def stopped_with_the_lock(fleet: Fleet, host: str, event_id: str, other: str) -> None:
    """Stop the server of a host at a moment when it holds the lock of an event; another host tells."""
    lock = Layout(fleet.root(other)).lock(EventId(int(event_id)))
    ended = threading.Event()

    def change() -> None:
        try:
            with connected(fleet.servers[host]) as connection:
                while not ended.is_set():
                    connection.ask("PUT", f"/event/events/{event_id}", json.dumps({"text": "held"}))
        except (OSError, HTTPException):
            pass

    threads = [threading.Thread(target=change) for _ in range(4)]
    for thread in threads:
        thread.start()

    def is_held() -> bool:
        fleet.signal(host, signal.SIGSTOP)
        if fsio.is_locked(lock):
            return True
        fleet.signal(host, signal.SIGCONT)
        return False

    found = until(is_held)
    ended.set()
    lose_power(fleet, host)
    for thread in threads:
        thread.join()
    assert found


def test_lists_on_another_host_are_answered_within_the_bound(fleet: Fleet, full: bool) -> None:
    """The other has not listed for a while: MooseFS keeps what the dead was writing from it for two minutes."""
    fleet.start_some(2)
    ended = threading.Event()

    def create() -> None:
        try:
            with connected(fleet.servers["a"]) as connection:
                while not ended.is_set():
                    connection.create_event()
        except (OSError, HTTPException, AssertionError):
            pass

    threads = [threading.Thread(target=create) for _ in range(6)]
    for thread in threads:
        thread.start()
    assert until(lambda: len(list((fleet.root("b") / "index").glob("*.log"))) > 0)
    time.sleep(BUSY_S)
    lose_power(fleet, "a")
    ended.set()

    def lists(server: RunningServer) -> bool:
        with connected(server) as connection:
            connection.timeout = BOUND_S
            answer, _ = connection.ask("GET", "/event/events?pageSize=50")
            assert answer.status == 200 or (answer.status == 503 and answer.headers["Retry-After"])
            return answer.status == 200

    # Nor does a server wait that begins just now.
    for server in (fleet.servers["b"], fleet.start("c")):
        lists(server)
        if full:
            assert until(lambda server=server: lists(server), 300)
    for host in ("b", "c"):
        # Linux lets no process end whose read is held up, unless its mount ends.
        fleet.bed.parts[f"mount {host}"].kill()
    for thread in threads:
        thread.join()


def test_its_events_are_served_by_another_host_within_the_bound(fleet: Fleet) -> None:
    fleet.start_some(2)
    with connected(fleet.servers["b"]) as there:
        event_id = there.create_event()
        stopped_with_the_lock(fleet, "a", event_id, "b")
        refusals = []

        def is_served() -> bool:
            answer, _ = there.ask("PUT", f"/event/events/{event_id}", json.dumps({"text": "new"}))
            if answer.status == 503:
                refusals.append(answer.headers["Retry-After"])
            return answer.status == 200

        # What takes no lock is served at once.
        assert there.ask("GET", f"/event/events/{event_id}")[0].status == 200
        served = until(is_served, BOUND_S)
        # Whoever waited for the lock was told to come again.
        assert all(refusals)
        assert served
        text = json.loads(there.ask("GET", f"/event/events/{event_id}")[1])["text"]
    assert text == "new"
