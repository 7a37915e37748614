"""A data directory that moves while it is in use, and copies that are killed: nothing acknowledged is missing."""

import http.client
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from backup_tools import state
from disk_operations import NO_RESERVE
from harness import Connection, Serve, binaries, connected, until
from histories import Client, History, Load
from store_tools import Desk, new_root
from test_backups import Moment, answers, c8ybin, judge, wait_for

from c8ybin.store import Check
from c8ybin.store.layout import BINARY, Layout

ROW = "Moves under load"


class Refused(Exception):
    """Nothing may be changed any more."""


class LastConnection(Connection):
    """One that raises what 503 says, which is that nothing has changed."""

    def ask(
        self, method: str, path: str, body: Any = None, **headers: str
    ) -> tuple[http.client.HTTPResponse, bytes]:
        answer, data = super().ask(method, path, body, **headers)
        if answer.status == 503:
            assert answer.headers["Retry-After"]
            raise Refused
        return answer, data


class LastClient(Client):
    """One that ends when it is refused, and takes back what it was about to do."""

    def run(self, ended: threading.Event) -> None:
        with suppress(Refused):
            super().run(ended)

    def _ask(self, history: History, *request: Any, **fields: str) -> None:
        count = len(history.states)
        try:
            super()._ask(history, *request, **fields)
        except Refused:
            with self._load._lock:
                del history.states[count:]
            raise


class MovedLoad(Load):
    """Clients that go on until nothing may be changed."""

    def _run(self, number: int) -> None:
        try:
            connection = LastConnection(self.server)
            LastClient(self, connection, random.Random(self.seed * 1000 + number)).run(self._ended)
            connection.close()
        except BaseException as error:
            self._failures.append(error)

    def rest(self) -> None:
        """Wait until all clients have been refused."""
        for thread in self._threads:
            thread.join(30)
            assert not thread.is_alive()


def killed(
    chance: random.Random,
    *arguments: object,
    most_s: float = 1.5,
    at: Callable[[], bool] | None = None,
) -> bool:
    """Run a copy and kill it at some moment, or when `at` says so; tell whether it was killed before its end."""
    process = subprocess.Popen(
        [sys.executable, "-m", "c8ybin", "sync", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    if at:
        assert until(lambda: at() or process.poll() is not None)
    else:
        with suppress(subprocess.TimeoutExpired):
            process.wait(chance.uniform(0.25, most_s))
    if process.poll() is None:
        process.kill()
    told, _ = process.communicate()
    # One that was killed after its last step has left a data directory, which is no place for another copy.
    is_complete = "--final" in arguments and b"is a data directory already" in told
    assert is_complete or process.returncode in (0, -signal.SIGKILL), told
    return process.returncode == -signal.SIGKILL


def assert_same(source: Path, copy: Path) -> None:
    """Demand the same files with the same bytes; a digest may be there already that follows in the source."""
    wanted, found = state(source), state(copy)
    assert wanted.keys() == found.keys()
    for path, data in wanted.items():
        if path.endswith(f"/{BINARY}"):
            assert found[path].startswith(data)
        else:
            assert found[path] == data, path


def test_whatever_was_acknowledged_is_in_a_copy_that_was_killed_again_and_again(
    serve: Serve, quick_root: Path, locks: Path, full: bool, tally: Callable[..., None]
) -> None:
    for number in range(10 if full else 1):
        folder = quick_root.parent / f"round-{number}"
        source, copy = new_root(folder / "source", locks), folder / "copy"
        chance = random.Random(number)
        server = serve("--demo", data=source, workers=2)
        kills = 0
        with MovedLoad(server, clients=4, seed=number) as load:
            # How long a copy takes nobody knows, but once its first event is there others are missing.
            kills += killed(chance, source, copy, at=lambda copy=copy: any(copy.glob("events/*/*/*")))
            for _ in range(4):
                kills += killed(chance, source, copy)
            assert wait_for(load, load.requests + 25)
            c8ybin("sync", source, copy)
            assert wait_for(load, load.requests + 25)
            refused = c8ybin("sync", source, copy, "--final", codes=(2,))
            assert "still takes changes" in refused.stderr
            c8ybin("serve", "--data", copy, "--port", "0", codes=(2,))
            c8ybin("read-only", "on", "--data", source)
            load.rest()
            before = state(source)
            for _ in range(3):
                kills += killed(chance, source, copy, "--final")
            if not (copy / "format").exists() or (copy / ".sync").exists():
                assert json.loads(c8ybin("sync", source, copy, "--final", "--json").stdout)["complete"]
        assert state(source) == before
        assert_same(source, copy)
        last = load.acknowledged()
        assert last == load.begun()
        assert list(Check(Layout(copy)).run()) == []
        ids = [event_id for event_id, history in load.histories.items() if history.states[-1]]
        told = answers(server, ids)
        assert server.stop() == 0
        moved = serve("--demo", data=copy)
        assert answers(moved, ids) == told
        moved.stop()
        verdict = judge(load, Moment(copy, last, last))
        tally(ROW, moves=1, kills=kills, events=verdict.events, lost=verdict.lost, mixed=verdict.mixed)
        assert (verdict.lost, verdict.mixed) == (0, 0)
        assert verdict.events > 5
        assert kills
        shutil.rmtree(folder)


def test_an_upload_goes_on_where_it_moved_to(serve: Serve, quick_root: Path) -> None:
    copy = quick_root.parent / "copy"
    file = os.urandom(300_000)
    server = serve("--demo", data=quick_root)
    with connected(server) as c:
        event = c.create_event()
        c.ask("POST", binaries(event), file[:100_000], Content_Range="bytes 0-99999/300000")
        c8ybin("sync", quick_root, copy)
        c.ask("POST", binaries(event), file[200_000:], Content_Range="bytes 200000-299999/300000")
    c8ybin("read-only", "on", "--data", quick_root)
    c8ybin("sync", quick_root, copy, "--final")
    journal = Layout(quick_root).event(int(event)) / "upload.journal"  # type: ignore[arg-type]
    moved = Layout(copy).event(int(event)) / "upload.journal"  # type: ignore[arg-type]
    assert int(moved.stat().st_mtime) == int(journal.stat().st_mtime)  # it expires when it would have
    with connected(serve("--demo", data=copy)) as c:
        answer, _ = c.ask(
            "POST", binaries(event), file[100_000:200_000], Content_Range="bytes 100000-199999/300000"
        )
        assert answer.status == 201
        assert c.ask("GET", binaries(event))[1] == file


def test_reads_go_on_and_changes_come_back(serve: Serve, quick_root: Path) -> None:
    server = serve("--demo", data=quick_root, workers=2)
    with connected(server) as c:
        event = c.create_event()
        assert c.ask("POST", binaries(event), b"bytes")[0].status == 201
        c8ybin("read-only", "on", "--data", quick_root)
        for method, path in (
            ("PUT", f"/event/events/{event}"),
            ("DELETE", binaries(event)),
            ("POST", "/event/events"),
        ):
            answer, body = c.ask(method, path, b"{}", Content_Type="application/json")
            assert (answer.status, answer.headers["Retry-After"]) == (503, "5")
            assert "read-only" in json.loads(body)["message"]
        assert c.ask("GET", binaries(event))[1] == b"bytes"
        assert len(json.loads(c.ask("GET", "/event/events")[1])["events"]) >= 1
        answer, body = c.ask("GET", "/health")
        assert answer.status == 200
        assert [warning["kind"] for warning in json.loads(body)["warnings"]] == ["read-only"]
        c8ybin("read-only", "off", "--data", quick_root)
        assert until(lambda: c.ask("DELETE", binaries(event))[0].status == 204)
    assert server.stop() == 0


def test_a_process_that_is_stopped_keeps_the_last_copy_waiting_and_loses_nothing(
    serve: Serve, quick_root: Path
) -> None:
    copy = quick_root.parent / "copy"
    server = serve("--demo", data=quick_root)
    server.process.send_signal(signal.SIGSTOP)
    try:
        told = c8ybin("read-only", "on", "--data", quick_root, codes=(1,))
        assert "has not heard it yet" in told.stderr
        told = c8ybin("sync", quick_root, copy, "--final", codes=(2,))
        assert "has not heard" in told.stderr
        assert not (copy / "format").exists()
    finally:
        server.process.send_signal(signal.SIGCONT)
    c8ybin("read-only", "on", "--data", quick_root)
    c8ybin("sync", quick_root, copy, "--final")
    assert_same(quick_root, copy)


@pytest.fixture
def data(root: Path) -> Path:
    with Desk(root) as desk:
        for number in range(4):
            desk.attach(desk.create(text=str(number)), bytes([number]) * 300_000)
    return root


def test_a_copy_that_fills_its_disk_goes_on_where_there_is_room(
    data: Path, mounted: Callable[..., Path]
) -> None:
    small = mounted("tmpfs", size="1m")
    done = c8ybin("sync", data, small, codes=(1,))
    assert done.stderr.startswith("Error: The copy broke off: No space left on device")
    assert "run it again, and it goes on" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (small / "format").exists()
    subprocess.run(["mount", "-o", "remount,size=8m", str(small)], check=True)
    c8ybin("read-only", "on", "--data", data)
    assert json.loads(c8ybin("sync", data, small, "--final", "--json").stdout)["changedEvents"] < 4
    assert_same(data, small)


def test_what_is_damaged_is_told_and_the_rest_is_copied(data: Path, tmp_path: Path) -> None:
    layout = Layout(data)
    damaged, home = next(layout.walk())
    content = next(home.glob("content-*"))
    content.write_bytes(b"x" * 300_000)
    c8ybin("read-only", "on", "--data", data)
    done = c8ybin("sync", data, tmp_path / "copy", "--final", "--json", codes=(1,))
    assert f"left out: event {damaged}: {content}: its bytes do not match their SHA-256" in done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    assert (told["damaged"], told["events"], told["complete"]) == ([str(damaged)], 3, True)
    copy = Layout(tmp_path / "copy")
    assert {number for number, _ in copy.walk()} == {number for number, _ in layout.walk()} - {damaged}
    assert list(Check(copy).run()) == []


def test_a_server_reads_from_what_cannot_be_written(
    serve: Serve, mounted: Callable[..., Path], locks: Path
) -> None:
    point = mounted("ext4")
    root = new_root(point / "data", locks)
    server = serve("--demo", *NO_RESERVE, data=root)
    with connected(server) as c:
        event = c.create_event()
        c.ask("POST", binaries(event), b"bytes")
    # It leaves its folder, and what nobody could sweep.
    server.stop(signal.SIGKILL)
    subprocess.run(["mount", "-o", "remount,ro", str(point)], check=True)
    told = c8ybin("serve", "--data", root, "--port", "0", codes=(2,))
    assert "`serve --read-only` serves it all the same" in told.stderr
    with connected(serve("--demo", "--read-only", data=root, workers=2)) as c:
        assert c.ask("GET", binaries(event))[1] == b"bytes"
        assert event in [e["id"] for e in json.loads(c.ask("GET", "/event/events?pageSize=100")[1])["events"]]
        answer, _ = c.ask("DELETE", binaries(event))
        assert (answer.status, answer.headers["Retry-After"]) == (503, "5")
        assert c.ask("GET", "/health")[0].status == 200
