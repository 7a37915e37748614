"""The line that tells how far a command is, on a real terminal and elsewhere."""

import os
import pty
import subprocess
import sys

CODE = """
from c8ybin.cli.progress import progress
with progress("backing up", 40, noun="things") as step:
    for _ in range(39):
        step(events=1, bytes=3 << 20)
    step(bytes=1 << 20)
    step(events=1)
"""


def on_terminal() -> str:
    master, terminal = pty.openpty()
    process = subprocess.Popen([sys.executable, "-c", CODE], stderr=terminal)
    os.close(terminal)
    said = b""
    while True:
        try:
            block = os.read(master, 4096)
        except OSError:  # how a terminal of Linux ends
            break
        if not block:
            break
        said += block
    os.close(master)
    assert process.wait() == 0
    return said.decode()


def test_a_terminal_sees_events_bytes_and_rate() -> None:
    said = on_terminal()
    assert said.lstrip("\x1b[?25l\r").startswith("backing up")
    assert "40/40" in said
    assert "things  118.0 MiB, " in said
    assert "iB/s" in said


def test_what_is_no_terminal_sees_nothing() -> None:
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
