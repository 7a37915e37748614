"""Disks that fail at a call: 503, the old state or the new one, and service again once the cause is gone."""

import http.client
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from disk_operations import (
    CHANGES,
    NEW,
    NO_RESERVE,
    READS,
    Ledger,
    Operation,
    Request,
    Trial,
    check_error,
    leavings,
    swept,
)
from harness import Connection, RunningServer, Serve, binaries, connected, until
from injection import READING, WRITING, Point, points, traced

ALL_CALLS = ",".join(READING + WRITING)
# What may find no room; `openat` where it creates a file.
GROWING = ("pwrite64", "write", "ftruncate", "fsync", "fdatasync", "rename", "link", "mkdir", "openat")
_MOST_TRIES = 30

Command = Callable[..., str]


@pytest.fixture
def strace(command: Command) -> str:
    return command("strace")


@pytest.fixture
def server(serve: Serve, quick_root: Path) -> RunningServer:
    """A server with one thread at work, so that calls can be counted."""
    return serve(*NO_RESERVE, "--threads", "1", data=quick_root)


def faults(found: list[Point], every: bool) -> list[tuple[str, str, int, bool]]:
    """Return which call is to fail with what: once, or from then on (`True`).

    `write` is used beside the data directory too, so it fails only once. Without `every` a
    call fails from then on only where it is the first of its kind, and writes.
    """
    chosen = []
    for call, number, line in found:
        chosen.append(("EIO", call, number, False))
        lasting = call != "write"
        if lasting and (every or (call in WRITING and number == 1)):
            chosen.append(("EIO", call, number, True))
        if call in GROWING and (call != "openat" or "O_CREAT" in line):
            chosen.append(("ENOSPC", call, number, False))
            if lasting and every and call != "openat":
                chosen.append(("ENOSPC", call, number, True))
    return chosen


@pytest.mark.parametrize("operation", CHANGES, ids=str)
def test_an_error_at_any_call_leaves_the_old_or_the_new_and_nothing_beside(
    server: RunningServer,
    serve: Serve,
    quick_root: Path,
    tmp_path: Path,
    strace: str,
    ledger: Ledger,
    full: bool,
    operation: Operation,
) -> None:
    trials = []
    # A body that may come with its header or after it takes more calls, or fewer.
    with connected(server, at_once=True) as c:
        # The first of its kind does more, such as imports; the second shows which calls there are.
        Trial(c, ledger, operation, "warming up").succeed()
        trial = Trial(c, ledger, operation, "no fault")
        with traced(strace, server, tmp_path / "log", calls=ALL_CALLS):
            assert trial.attempt() == operation.success
        ledger.faults.clear()
        for error, call, number, lasting in faults(
            points(tmp_path / "log", quick_root), full or operation.frees
        ):
            fault = f"{error} at {call} {number}{' and later' if lasting else ''}"
            inject = f"{call}:error={error}:when={number}{'+' if lasting else ''}"
            # How much of a body a read finds is the kernel's affair, and so how many writes it takes.
            for _ in range(_MOST_TRIES):
                trial = Trial(c, ledger, operation, fault)
                trials.append(trial)
                before = leavings(quick_root)
                with traced(strace, server, tmp_path / "log", inject) as struck:
                    status = trial.attempt(503 if error == "EIO" else 507)
                    if struck():
                        if lasting and call in WRITING:
                            trial.check()  # GETs go on
                        break
                assert status == operation.success, fault
            else:
                pytest.fail(f"{fault}: no request came to it")
            if status == 503:
                answer, body = c.ask("GET", "/health")
                assert (answer.status, json.loads(body)["status"]) == (503, "DOWN"), fault
                assert "input/output errors" in json.loads(body)["message"]
            is_new = trial.check()
            if not lasting and not is_new:
                assert leavings(quick_root) == before, fault
            if operation.frees and error == "ENOSPC" and "sync" not in call:
                assert status == operation.success, fault
            trial.succeed()
    again = swept(serve, server, quick_root)
    assert leavings(quick_root) == []
    assert not any("Traceback" in line for line in server.lines)
    with connected(again) as c:
        for trial in trials:
            assert trial.check(c)


def test_an_error_in_a_read_is_503_or_breaks_the_connection_off(
    server: RunningServer, quick_root: Path, tmp_path: Path, strace: str, ledger: Ledger
) -> None:
    with connected(server, at_once=True) as c:
        event_id = c.create_event()
        assert c.ask("POST", binaries(event_id), NEW)[0].status == 201
        for request in READS:
            address = request.address.format(event_id)
            assert c.ask(request.method, address)[0].status == 200
            with traced(strace, server, tmp_path / "log", calls=ALL_CALLS):
                _, whole = c.ask(request.method, address)
            for call, number, _ in points(tmp_path / "log", quick_root):
                fault = f"EIO at {call} {number}"
                ledger.faults.add((fault, f"{request.method} {request.address}"))
                with traced(strace, server, tmp_path / "log", f"{call}:error=EIO:when={number}") as struck:
                    try:
                        answer, body = c.ask(request.method, address)
                    except (http.client.IncompleteRead, ConnectionResetError):
                        assert call == "preadv", fault
                        c.close()
                    else:
                        check_read(request, answer, body, whole)
                    assert struck(), fault
                answer, body = c.ask(request.method, address)
                assert (answer.status, body) == (200, whole), fault
                ledger.answers += 2


def check_read(request: Request, answer: http.client.HTTPResponse, body: bytes, whole: bytes) -> None:
    """Assert that a GET gives the whole, or says why not; the answer to a HEAD has no body."""
    if answer.status == 200:
        assert body == whole
    elif request.method == "HEAD":
        assert answer.status == 503
    else:
        check_error(answer, body, [503])


def test_a_chunk_whose_fsync_failed_does_not_count_and_is_written_anew(
    server: RunningServer, quick_root: Path, tmp_path: Path, strace: str, ledger: Ledger
) -> None:
    (operation,) = (o for o in CHANGES if o.name == "next chunk")
    with connected(server) as c:
        for number, what in enumerate(("bytes", "line"), 1):
            trial = Trial(c, ledger, operation, f"EIO at the fsync of its {what}")
            (journal,) = quick_root.glob(f"events/*/*/{trial.id}/upload.journal")
            before, lines = journal.stat().st_ino, journal.read_bytes()
            with traced(strace, server, tmp_path / "log", f"fdatasync:error=EIO:when={number}"):
                assert trial.attempt(503) == 503
            assert not trial.check()
            assert journal.read_bytes() == lines
            # A second fsync of a file whose fsync failed proves nothing.
            assert (journal.stat().st_ino == before) == (what == "bytes")
            with traced(strace, server, tmp_path / "log", calls="pwrite64,fdatasync"):
                trial.succeed()
            written = [
                (call, "journal" if "upload.journal" in line else "content")
                for call, _, line in points(tmp_path / "log", quick_root)
                if "/events/" in line
            ]
            assert written == [
                (call, file) for file in ("content", "journal") for call in ("pwrite64", "fdatasync")
            ]


def is_up(c: Connection) -> bool:
    return c.ask("GET", "/health")[0].status == 200


def test_health_tells_of_a_disk_that_fails_and_of_its_recovery(
    server: RunningServer, tmp_path: Path, strace: str
) -> None:
    with connected(server) as c:
        event_id = c.create_event()
        assert is_up(c)
        with traced(strace, server, tmp_path / "log", "fsync:error=EIO"):
            # Nobody has tried a write since: the probe itself finds it.
            assert until(lambda: not is_up(c))
            answer, body = c.ask("GET", "/health")
            assert answer.status == 503
            assert json.loads(body)["status"] == "DOWN"
            assert json.loads(body)["message"].startswith("The disk reports input/output errors")
            check_error(*c.ask("POST", binaries(event_id), NEW), [503])
            assert c.ask("GET", f"/event/events/{event_id}")[0].status == 200
        assert c.ask("POST", binaries(event_id), NEW)[0].status == 201
        assert until(lambda: is_up(c))
    assert server.process.poll() is None
