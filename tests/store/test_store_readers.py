"""Processes that read all events: what they return, and how they end."""

import contextlib
import os
import subprocess
import sys
import time

import pytest
from store_tools import CHILD_ENVIRONMENT, Desk

from c8ybin.index import entry_of
from c8ybin.store import Readers

READERS = pytest.mark.parametrize("count", [1, 2, 5])
HOUR_MS = 3_600_000


@pytest.fixture
def hours(quick_root):
    """Events of four hours: a thousand in the first, some with binaries and uploads."""
    with Desk(quick_root) as desk:
        for _ in range(1000):
            desk.create()
        for number in range(3):
            desk.disk.clock._latest_ms += HOUR_MS
            desk.attach(desk.create(type=f"t{number}"), b"bytes")
            desk.chunk(desk.create(), "0-2/9", b"abc")
        assert len(desk.layout.hours()) == 4
        yield desk


def read(readers):
    blocks = list(readers.read())
    return (
        sorted((e for b in blocks for e in b.entries), key=lambda e: e.id),
        [i for b in blocks for i in b.unread],
    )


@READERS
def test_they_return_each_event_once_as_one_process_would(hours, count):
    with Readers(hours.layout, count) as readers:
        entries, unread = read(readers)
    assert entries == sorted(map(entry_of, hours.disk.facts()), key=lambda e: e.id)
    assert len(entries) == 1006
    assert unread == []


@READERS
def test_they_see_what_changed_until_they_are_asked(hours, count):
    with Readers(hours.layout, count) as readers:
        created = hours.create(type="late")
        entries, _ = read(readers)
    assert created in [e.id for e in entries]


def test_they_tell_of_what_cannot_be_read(hours):
    events = [i for i, _ in hours.layout.walk()]
    (hours.home(events[5]) / "event.json").write_bytes(b"damaged")
    (hours.home(events[6]) / "event.json").unlink()
    with Readers(hours.layout, 2) as readers:
        entries, unread = read(readers)
    assert len(entries) == 1004
    assert unread == [events[5]]


def test_an_error_of_the_disk_is_raised_here(hours, monkeypatch):
    def fail(*_):
        raise OSError(24, "Too many open files")

    monkeypatch.setattr("c8ybin.store.readers.read_facts", fail)
    with (
        Readers(hours.layout, 2) as readers,
        pytest.raises(OSError, match="Too many open files") as raised,
    ):
        read(readers)
    assert raised.value.errno == 24


@pytest.mark.parametrize("after", [0, 1])
def test_one_that_is_killed_is_an_error_and_nobody_waits_for_it(hours, after, monkeypatch):
    # All of them are more than a pipe holds, so it cannot have been done before.
    monkeypatch.setattr("c8ybin.store.readers._BLOCK_EVENTS", 10)
    with Readers(hours.layout, 1) as readers:
        blocks = readers.read()
        for _ in range(after):
            next(blocks)
        os.kill(readers._readers[0].pid, 9)
        with pytest.raises(OSError, match="ended before it was done"):
            while True:
                next(blocks)


def test_they_are_gone_after_the_block_though_nobody_asked_or_read_all(hours):
    for ask in (False, True):
        with Readers(hours.layout, 3) as readers:
            pids = [r.pid for r in readers._readers]
            if ask:
                next(readers.read())
        for pid in pids:
            with pytest.raises(ProcessLookupError):
                os.kill(pid, 0)


@pytest.mark.parametrize("ask", ["", "next(readers.read())"])
def test_they_end_with_a_process_that_is_killed(hours, ask):
    program = f"""
import sys, os
from pathlib import Path
from c8ybin.store import Readers
from c8ybin.store.layout import Layout
readers = Readers(Layout(Path(sys.argv[1])), 3)
{ask}
print(*(r.pid for r in readers._readers), flush=True)
sys.stdin.read()
"""
    with subprocess.Popen(
        [sys.executable, "-c", program, str(hours.root)],
        env=CHILD_ENVIRONMENT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        pids = list(map(int, process.stdout.readline().split()))
        assert len(pids) == 3
        process.kill()
    # The test is no parent of theirs and cannot wait for them.
    deadline = time.monotonic() + 60
    while any(is_alive(pid) for pid in pids):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def is_alive(pid):
    with contextlib.suppress(FileNotFoundError, ProcessLookupError), open(f"/proc/{pid}/stat") as file:
        return file.read().rpartition(")")[2].split()[0] != "Z"
    return False
