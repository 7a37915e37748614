"""The supervisor with workers that are told what to do: real forks, real signals, a process of its own."""

import itertools
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from harness import is_gone, until

from c8ybin.server.worker import pause_s

START = """
import json, os, signal, sys, time
from pathlib import Path
from c8ybin.counts import Board
from c8ybin.server import Notifier, Supervisor, listen

board = Board({count})
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM, signal.SIGINT])
signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # as whoever starts a server may have it

def say(**what):
    os.write(1, (json.dumps(what | dict(pid=os.getpid(), at=time.monotonic())) + "\\n").encode())

def wait(worker):
    os.read(worker.life, 1)
    return 0

def work(worker):
    say(began=worker.is_first, blocked=sorted(signal.pthread_sigmask(signal.SIG_BLOCK, ())))
    {body}

listener = listen("127.0.0.1", 0)
{before}
supervisor = Supervisor(work, {count}, listener, Notifier(None), kill_after_s={kill_after_s}, board=board)
def announce(news):
    {meanwhile}
    say(news=news)

code = supervisor.run(announce)
say(code=code)
sys.exit(code)
"""
# A gentle worker, which ends by SIGTERM as soon as it lets it through.
GENTLE = """worker.ready("hello")
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM])
    return wait(worker)"""

Start = Callable[..., "Supervised"]


class Supervised:
    """A supervisor in a process of its own, and what it and its workers say."""

    def __init__(self, log: Path, **settings: object) -> None:
        self._log = log
        with log.open("w") as stderr:
            self.process = subprocess.Popen(
                [sys.executable, "-c", START.format(**settings)],
                stdout=subprocess.PIPE,
                stderr=stderr,
            )
        self.said: list[dict[str, Any]] = []

    def hear(self, member: str) -> dict[str, Any]:
        """Wait for the next word with this member."""
        assert self.process.stdout
        for line in self.process.stdout:
            self.said.append(json.loads(line))
            if member in self.said[-1]:
                return self.said[-1]
        raise AssertionError(f"no more is said: {self.said} {self.log()}")

    def end(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(60)

    def log(self) -> str:
        return self._log.read_text()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    started: list[Supervised] = []

    def begin(
        body: str = GENTLE, *, count: int = 2, kill_after_s: float = 30, before: str = "", meanwhile: str = ""
    ) -> Supervised:
        log = tmp_path / f"log{len(started)}"
        started.append(
            Supervised(
                log, body=body, count=count, kill_after_s=kill_after_s, before=before, meanwhile=meanwhile
            )
        )
        return started[-1]

    yield begin
    for one in started:
        one.process.kill()
        one.process.wait()
        assert one.process.stdout
        one.process.stdout.close()


def test_all_serve_before_it_is_announced_and_the_first_alone_has_news(start: Start) -> None:
    body = GENTLE.replace('"hello"', '"hello" if worker.is_first else "from another"')
    supervised = start(body, count=3)
    assert supervised.hear("news")["news"] == "hello"
    assert [word.get("began") for word in supervised.said] == [True, False, False, None]
    # As they were when the supervisor was called.
    assert all(word["blocked"] == [signal.SIGINT, signal.SIGTERM] for word in supervised.said[:3])
    assert supervised.end() == 0
    assert supervised.hear("code")["code"] == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_every_worker_first(start: Start, number: int) -> None:
    supervised = start()
    supervised.hear("news")
    assert supervised.end(number) == 0
    assert all(is_gone(word["pid"]) for word in supervised.said)
    assert supervised.log() == ""


def test_a_worker_that_does_not_end_is_killed_and_that_is_said(start: Start) -> None:
    supervised = start("worker.ready()\n    return signal.pause()", kill_after_s=0.2)
    supervised.hear("news")
    assert supervised.end() == 0
    assert all(is_gone(word["pid"]) for word in supervised.said)
    assert supervised.log().count("does not end and is killed") == 2


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("return 3", 3),
        ("os.kill(os.getpid(), signal.SIGKILL)", 1),
        ("raise ValueError", 1),
        ("return 0", 1),
        (f"if not worker.is_first: return 4\n    {GENTLE}", 4),
    ],
)
def test_a_worker_that_cannot_start_at_first_ends_it_all(start: Start, body: str, code: int) -> None:
    supervised = start(body)
    assert supervised.hear("code")["code"] == code
    assert supervised.process.wait(60) == code
    assert not any("news" in word for word in supervised.said)
    assert all(is_gone(word["pid"]) for word in supervised.said if "began" in word)


def test_a_signal_while_workers_start_ends_it_gently(start: Start) -> None:
    supervised = start("while signal.SIGTERM not in signal.sigpending(): time.sleep(0.01)\n    return 0")
    supervised.hear("began")
    assert supervised.end() == 0
    assert supervised.hear("code")["code"] == 0
    assert not any("news" in word for word in supervised.said)


def test_a_worker_that_has_ended_is_counted_no_more_before_another_takes_its_place(start: Start) -> None:
    counting = """counts = board.of(worker.place)
    say(serving=board.totals().workers)
    counts.begin()
    """
    supervised = start(counting + GENTLE)
    supervised.hear("news")
    assert [word["serving"] for word in supervised.said if "serving" in word] == [0, 1]
    os.kill(supervised.said[0]["pid"], signal.SIGKILL)
    assert supervised.hear("serving")["serving"] == 1


def test_another_takes_the_place_of_a_worker_however_it_ended(start: Start) -> None:
    supervised = start()
    supervised.hear("news")
    for number in (signal.SIGKILL, signal.SIGTERM):
        victim = supervised.said[1]["pid"]
        os.kill(victim, number)
        again = supervised.hear("began")
        assert again["began"] is False
        supervised.said[1] = again
    assert "ended by signal 9; another takes its place" in supervised.log()
    assert "ended with exit code 0; another takes its place" in supervised.log()
    assert supervised.end() == 0


def test_workers_that_end_at_once_are_replaced_with_longer_and_longer_pauses(start: Start) -> None:
    supervised = start(f"if not worker.is_first: return 1\n    {GENTLE}", count=1)
    supervised.hear("news")
    victim = supervised.said[0]["pid"]
    os.kill(victim, signal.SIGKILL)
    times = [supervised.hear("began")["at"] for _ in range(4)]
    gaps = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert gaps[0] >= pause_s(2)
    assert gaps[1] >= pause_s(3)
    assert gaps[2] >= pause_s(4)
    assert supervised.end() == 0


# What a user's limit of processes forbids; for root there is none.
NO_FORK = """import resource
if not os.geteuid():
    os.setuid(65534)
forbid = lambda: resource.setrlimit(resource.RLIMIT_NPROC, (0, resource.getrlimit(resource.RLIMIT_NPROC)[1]))
"""


def test_where_no_process_can_be_started_at_first_that_is_said(start: Start) -> None:
    supervised = start(before=NO_FORK + "forbid()")
    assert supervised.process.wait(60) == 1
    assert supervised.log() == "no worker can be started: Resource temporarily unavailable\n"


def test_where_no_process_can_be_started_later_it_is_tried_again(start: Start) -> None:
    supervised = start(before=NO_FORK, meanwhile="forbid()")
    supervised.hear("news")
    killed_at = time.monotonic()
    os.kill(supervised.said[0]["pid"], signal.SIGKILL)
    assert until(lambda: supervised.log().count("no worker can be started now") > 2)
    assert time.monotonic() - killed_at >= pause_s(1) + pause_s(2) + pause_s(3)
    assert supervised.end() == 0


def test_pauses_grow_up_to_a_limit() -> None:
    pauses = [pause_s(quick_ends) for quick_ends in range(12)]
    assert pauses[:4] == [0, 0.1, 0.2, 0.4]
    assert pauses == sorted(pauses)
    assert pauses[-1] == 5


def test_workers_learn_of_the_death_of_their_supervisor(start: Start) -> None:
    supervised = start()
    supervised.hear("news")
    workers = [word["pid"] for word in supervised.said if "began" in word]
    os.kill(workers[0], signal.SIGKILL)
    workers = [workers[1], supervised.hear("began")["pid"]]
    supervised.process.kill()
    assert until(lambda: all(map(is_gone, workers)))
