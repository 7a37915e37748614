"""Small requests share a thread, in which one must not keep the others from their commit."""

import fcntl
import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from harness import Connection, RunningServer, Serve, binaries, connected

CLIENTS = 6


@pytest.mark.parametrize("refusal", ["401", "404", "409"])
def test_refused_ones_without_end_do_not_keep_an_upload_from_its_commit(serve: Serve, refusal: str) -> None:
    server = serve("--demo")
    with connected(server) as c:
        taken = binaries(c.create_event())
        assert c.ask("POST", taken, b"x")[0].status == 201
        path = binaries("1") if refusal == "404" else taken
        account = "demo:wrong" if refusal == "401" else "demo:demo"
        done = threading.Event()
        statuses: list[int] = []

        def flood() -> None:
            with connected(server, account) as client:
                while not done.is_set():
                    statuses.append(client.ask("POST", path, b"y")[0].status)

        threads = [threading.Thread(target=flood) for _ in range(CLIENTS)]
        for thread in threads:
            thread.start()
        try:
            # Each would wait as long as the others go on, which is until these are answered.
            for _ in range(3):
                assert c.ask("POST", binaries(c.create_event()), b"z")[0].status == 201
        finally:
            done.set()
            for thread in threads:
                thread.join()
    # Of one pair that is wrong few wait for its hash at a time; more are told to come again.
    assert int(refusal) in statuses
    assert set(statuses) <= {int(refusal), *([503] if refusal == "401" else [])}


@pytest.fixture
def locked(tmp_path: Path) -> Callable[[str], int]:
    """Return what holds the lock of an event, as another host might."""

    def lock(event_id: str) -> int:
        fd = os.open(tmp_path / "data" / "locks" / f"{int(event_id) % 1024:03x}", os.O_RDWR)
        fcntl.flock(fd, fcntl.LOCK_EX)
        return fd

    return lock


def another_lock(c: Connection, event_id: str) -> str:
    """Create an event that shares its lock with no other one here."""
    other = c.create_event()
    return other if int(other) % 1024 != int(event_id) % 1024 else another_lock(c, event_id)


@pytest.mark.parametrize("at_once", [True, False])
def test_one_events_lock_keeps_no_upload_to_another_event(
    serve: Serve, locked: Callable[[str], int], at_once: bool
) -> None:
    server: RunningServer = serve("--demo")
    with connected(server, at_once=at_once) as c, connected(server) as waiting:
        event_id = c.create_event()
        other = another_lock(c, event_id)
        assert c.ask("POST", binaries(event_id), b"0123", Content_Range="0-3/*")[0].status == 200
        fd = locked(event_id)
        try:
            waiting.request(
                "POST",
                binaries(event_id),
                b"45",
                {"Authorization": waiting._authorization, "Content-Range": "4-5/*"},
            )
            assert c.ask("POST", binaries(other), b"other")[0].status == 201
            # A whole body needs no lock; what it makes void is left to a sweep, at once or after a second.
            assert c.ask("POST", binaries(event_id), b"whole")[0].status == 201
        finally:
            os.close(fd)
        assert waiting.getresponse().status == 409
        assert c.ask("GET", binaries(event_id))[1] == b"whole"
