"""Backups of a server under load: each event is in a state that it had, byte for byte, and nothing is lost."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from backup_tools import bring_back, furnish, state
from harness import Connection, RunningServer, binaries, until
from histories import Load, State
from inspection import compare_lists
from store_tools import Desk, new_root

from c8ybin.domain.errors import Damaged
from c8ybin.domain.ids import EventId
from c8ybin.domain.ranges import Span
from c8ybin.store import Check
from c8ybin.store.layout import Layout

ROW = "Backups under load"
SERIES = 10  # copies by rsync
Serve = Callable[..., RunningServer]


def c8ybin(*arguments: str | Path, codes: tuple[int, ...] = (0,)) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "c8ybin", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode in codes, done.stdout + done.stderr
    return done


@dataclass
class Moment:
    """A copy of the data that was made while the load went on, and between which states."""

    copy: Path
    first: dict[int, int]
    last: dict[int, int]


@dataclass
class Verdict:
    """What is wrong with a copy."""

    events: int = 0
    lost: int = 0
    mixed: int = 0
    uploads: int = 0


def found(desk: Desk, event_id: int) -> tuple[int, bytes | None, str | None, dict[int, bytes]]:
    """What a copy has of an event: text, bytes, upload, and the bytes of that."""
    event = desk.store.events.read(EventId(event_id))
    arrived = {}
    if event.upload:
        with (desk.home(event_id) / event.upload.content).open("rb") as file:
            for span in event.upload.spans:
                file.seek(span.start)
                arrived[span.start] = file.read(span.length)
                assert len(arrived[span.start]) == span.length
    data = desk.get(event_id) if event.binary else None
    return int(event.file.document["text"]), data, event.upload and str(event.upload), arrived


def judge(load: Load, moment: Moment, *, only_at_rest: bool = False) -> Verdict:
    """Hold a copy against the states of its time; `only_at_rest` leaves out what changed meanwhile."""
    verdict = Verdict()
    with Desk(moment.copy) as desk:
        there = {event_id for event_id, _ in desk.layout.walk()}
        for event_id, history in load.histories.items():
            first, last = moment.first.get(event_id, 0), moment.last.get(event_id, 1)
            if only_at_rest and first != last:
                continue
            allowed = history.between(first, last)
            if event_id not in there:
                verdict.lost += None not in allowed
                continue
            verdict.events += 1
            try:
                seen = found(desk, event_id)
            except Damaged:
                verdict.mixed += 1
                continue
            fitting = [s for s in allowed if s and s.fits(*seen)]
            verdict.mixed += not fitting
            if fitting and fitting[0].upload:
                verdict.uploads += 1
                go_on(desk, event_id, fitting[0])
    return verdict


def go_on(desk: Desk, event_id: int, at: State) -> None:
    """Send what is missing of an upload, and see that the right bytes come out."""
    upload = desk.store.events.read(EventId(event_id)).upload
    assert upload
    length = len(at.file)
    missing = upload.spans.missing(Span(0, length))
    # Where every byte has arrived, any chunk completes it.
    for gap in missing or list(upload.spans):
        where = f"{gap.start}-{gap.end - 1}/{length}"
        desk.chunk(event_id, where, at.file[gap.start : gap.end], put=True)
    assert desk.get(event_id) == at.file


def test_each_event_is_as_it_stood_at_one_moment_in_full_and_incremental_backups(
    serve: Serve, quick_root: Path, locks: Path, full: bool, tally: Callable[..., None]
) -> None:
    uploads = 0
    for number in range(10 if full else 1):
        folder = quick_root.parent / f"round-{number}"
        load, moments = back_up_under_load(serve, new_root(folder / "data", locks), locks, seed=number)
        verdicts = []
        for moment in moments:
            assert list(Check(Layout(moment.copy)).run()) == []
            verdicts.append(judge(load, moment))
        events, lost, mixed = (
            sum(getattr(v, name) for v in verdicts) for name in ("events", "lost", "mixed")
        )
        tally(ROW, backups=len(moments), events=events, lost=lost, mixed=mixed)
        assert (lost, mixed) == (0, 0)
        assert events > 20
        uploads += sum(verdict.uploads for verdict in verdicts)
        shutil.rmtree(folder)
    assert uploads > 0


def back_up_under_load(serve: Serve, root: Path, locks: Path, seed: int) -> tuple[Load, list[Moment]]:
    """Back up six times: each third backup is a full one; the others build on the one before."""
    server, folder = serve("--demo", data=root), root.parent
    moments: list[Moment] = []
    archives: list[Path] = []
    copied = []
    with Load(server, clients=4, seed=seed) as load:
        for number in range(6):
            since = ["--since", archives[-1]] if number % 3 else []
            archives = [*(archives if since else []), folder / f"{number}.tar"]
            enough = load.requests + 25
            first = load.acknowledged()
            told = c8ybin("backup", "--data", root, "-o", archives[-1], "--json", *since)
            last = load.begun()
            copied.append(json.loads(told.stdout)["copiedFiles"])
            copy = folder / f"copy-{number}"
            bring_back(copy, *archives)
            moments.append(Moment(furnish(copy, locks), first, last))
            assert wait_for(load, enough)
    assert server.stop() == 0
    assert min(copied[1:3]) < copied[3]  # an incremental one is no full one
    return load, moments


def wait_for(load: Load, requests: int) -> bool:
    return until(lambda: load.requests >= requests or bool(load._failures), within_s=60)


def answers(server: RunningServer, ids: list[int]) -> list[object]:
    """What a server answers of events and their attachments."""
    connection, told = Connection(server), []
    for event_id in ids:
        for path in (f"/event/events/{event_id}", binaries(str(event_id))):
            answer, data = connection.ask("GET", path, Accept="application/json")
            fields = {name: answer.headers[name] for name in ("ETag", "Last-Modified", "Content-Type")}
            told.append((answer.status, fields, data.replace(server.url.encode(), b"")))
    connection.close()
    return told


def test_a_restored_server_answers_as_the_old_one_did(serve: Serve, quick_root: Path, locks: Path) -> None:
    server = serve("--demo", data=quick_root)
    folder = quick_root.parent
    with Load(server, clients=4, seed=2) as load:
        assert wait_for(load, 50)
        c8ybin("backup", "--data", quick_root, "-o", folder / "1.tar")
        assert wait_for(load, 90)
    c8ybin("backup", "--data", quick_root, "-o", folder / "2.tar", "--since", folder / "1.tar")
    ids = [event_id for event_id, history in load.histories.items() if history.states[-1]]
    before = answers(server, ids)
    c8ybin("restore", folder / "1.tar", folder / "2.tar", "--data", folder / "new")
    assert state(folder / "new") == state(quick_root)
    restored = serve("--demo", data=furnish(folder / "new", locks))
    assert answers(restored, ids) == before


def test_a_copy_by_rsync_under_load_is_made_good_by_a_repair_and_has_whatever_did_not_change(
    serve: Serve, quick_root: Path, command: Callable[..., str], series: int, tally: Callable[..., None]
) -> None:
    rsync = command("rsync")
    server = serve("--demo", data=quick_root)
    copy = quick_root.parent / "copy"
    with Load(server, clients=4, seed=3 + series) as load:
        assert wait_for(load, 120)
        # The second one takes what changed during the first. It compares the bytes: of what changed within
        # a second and kept its length, rsync sees nothing by itself.
        for more in ([], ["--checksum", "--delete"]):
            first = load.acknowledged()
            done = subprocess.run([rsync, "-a", *more, f"{quick_root}/", f"{copy}/"], timeout=60)
            assert done.returncode in (0, 24)  # 24: files vanished meanwhile
            last = load.begun()
        assert wait_for(load, load.requests + 20)
    server.stop()
    c8ybin("check", "--data", copy, "--repair")
    assert "nothing is wrong" in c8ybin("check", "--data", copy).stderr
    verdict = judge(load, Moment(copy, first, last), only_at_rest=True)
    tally(
        "Copies by rsync under load", copies=1, events=verdict.events, lost=verdict.lost, mixed=verdict.mixed
    )
    assert (verdict.lost, verdict.mixed) == (0, 0)
    assert verdict.events > 0
    # The copied index is of no one moment, so the first list makes it anew.
    compare_lists(copy)
    serve("--demo", data=copy).stop()


@pytest.fixture
def data(root: Path) -> Path:
    with Desk(root) as desk:
        desk.attach(desk.create(), b"bytes")
    return root


def test_a_backup_that_fills_its_disk_leaves_the_file_that_was_there(
    data: Path, mounted: Callable[..., Path]
) -> None:
    small = mounted("tmpfs", size="256k")
    c8ybin("backup", "--data", data, "-o", small / "x.tar")
    before = (small / "x.tar").read_bytes()
    with Desk(data) as desk:
        desk.attach(desk.create(), os.urandom(1 << 20))
    done = c8ybin("backup", "--data", data, "-o", small / "x.tar", codes=(1,))
    assert done.stderr == f"Error: The backup cannot be written to {small}/x.tar: No space left on device.\n"
    assert [path.name for path in small.iterdir()] == ["x.tar"]
    assert (small / "x.tar").read_bytes() == before


def test_a_restore_that_fills_its_disk_leaves_nothing(
    data: Path, tmp_path: Path, mounted: Callable[..., Path]
) -> None:
    with Desk(data) as desk:
        desk.attach(desk.create(), os.urandom(1 << 20))
    c8ybin("backup", "--data", data, "-o", tmp_path / "x.tar")
    small = mounted("tmpfs", size="512k")
    done = c8ybin("restore", tmp_path / "x.tar", "--data", small, codes=(2,))
    assert done.stderr == f"Error: The data directory {small} cannot be used: No space left on device.\n"
    assert list(small.iterdir()) == []
