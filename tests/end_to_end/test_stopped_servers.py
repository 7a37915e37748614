"""Two servers over one data directory, one of which is stopped with a lock in its hands, as by a host that hangs."""

import http.client
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from harness import RunningServer, Serve, binaries, connected, until

from c8ybin import fsio
from c8ybin.domain.ids import EventId
from c8ybin.store.layout import Layout

# A lock is waited for up to 10 s, and who is silent for 5 s is fenced: one request, or two, see it through.
TRIES = 3


@contextmanager
def putting(server: RunningServer, event_id: str, statuses: list[int]) -> Iterator[threading.Event]:
    """Replace a binary again and again, on connections as long as they last, until the event that is yielded."""
    ended = threading.Event()

    def go_on() -> None:
        with connected(server) as c:
            while not ended.is_set():
                try:
                    statuses.append(c.ask("PUT", binaries(event_id), b"of the stopped one")[0].status)
                except (OSError, http.client.HTTPException):
                    # What comes by another connection may be done, by the process that takes the stopped one's place.
                    return

    threads = [threading.Thread(target=go_on) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        yield ended
    finally:
        ended.set()
        for thread in threads:
            thread.join(60)


def stop_with_lock(pid: int, lock: Path) -> None:
    """Stop a process at a moment at which it holds a lock."""

    def holds_it() -> bool:
        os.kill(pid, signal.SIGSTOP)
        # Until it is stopped: a lock that is held then is held for as long.
        assert until(lambda: ") T " in Path(f"/proc/{pid}/stat").read_text())
        if fsio.is_locked(lock):
            return True
        os.kill(pid, signal.SIGCONT)
        return False

    assert until(holds_it)


def put(server: RunningServer, event_id: str, data: bytes) -> list[int]:
    """Replace a binary, as a client does that tries again; return the statuses."""
    statuses = []
    with connected(server) as c:
        while not statuses or (statuses[-1] == 503 and len(statuses) < TRIES):
            answer, _ = c.ask("PUT", binaries(event_id), data)
            statuses.append(answer.status)
            assert answer.status != 503 or int(answer.headers["Retry-After"]) > 0
    return statuses


def test_the_events_of_a_stopped_server_are_served_and_it_comes_back_as_another(
    serve: Serve, tmp_path: Path
) -> None:
    one, other = (serve("--demo", "--several-hosts") for _ in range(2))
    with connected(other) as c:
        event_id = c.create_event()
    lock = Layout(tmp_path / "data").lock(EventId(int(event_id)))
    (stopped,) = one.workers()
    answered: list[int] = []
    with putting(one, event_id, answered) as ended:
        assert until(lambda: 201 in answered)
        stop_with_lock(stopped, lock)
        assert put(other, event_id, b"of the other")[-1] == 201
        assert lock.with_name(f"{lock.name}.1").exists()
        ended.set()
        os.kill(stopped, signal.SIGCONT)
    assert set(answered) <= {201, 503}
    with connected(other) as c:
        assert c.ask("GET", binaries(event_id))[1] == b"of the other"
    assert until(lambda: len(one.workers() - {stopped}) == 1)
    assert put(one, event_id, b"new")[-1] == 201
    with connected(other) as c:
        assert c.ask("GET", binaries(event_id))[1] == b"new"
    assert [server.stop() for server in (one, other)] == [0, 0]
    assert any("fenced the writer" in line for line in other.lines)
    assert any("took this process for dead" in line for line in one.lines)
