"""The signals that end a server, in real processes."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from harness import until

from c8ybin.cli.signals import HELD, signals_held

STORM = """
from c8ybin.cli.signals import run_until_signal, signals_held

class Server:
    def __init__(self): self.stopped = False
    def stop(self): self.stopped = True
    def reload(self): return True
    def run(self):
        while not self.stopped: pass
        return True

with signals_held():
    print("ready", flush=True)
    for _ in range(2000):
        assert run_until_signal(Server(), lambda: None)
"""


def test_signals_in_any_moment_of_the_end_say_nothing() -> None:
    process = subprocess.Popen([sys.executable, "-c", STORM], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout
    assert process.stdout.readline() == b"ready\n"
    while process.poll() is None:
        process.send_signal(signal.SIGTERM)
        process.send_signal(signal.SIGHUP)
    assert (process.returncode, process.communicate()[1]) == (0, b"")


def test_a_signal_during_the_start_ends_it_gently(tmp_path: Path) -> None:
    data = tmp_path / "data"
    process = subprocess.Popen(
        [sys.executable, "-m", "c8ybin", "serve", "--data", str(data), "--port", "0"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    assert until(lambda: any((data / "tmp").glob("*/alive")))
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 0
    assert list((data / "tmp").iterdir()) == []


def test_a_start_that_fails_leaves_the_signals_as_they_were() -> None:
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    with pytest.raises(ValueError), signals_held():
        assert set(HELD) <= signal.pthread_sigmask(signal.SIG_BLOCK, ())
        raise ValueError
    assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == before
