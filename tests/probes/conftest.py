"""File systems that lack what a test wants them to lack."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

PROGRAM = Path(__file__).parent / "faulty_filesystem.py"
Faulty = Callable[..., list[Path]]


@pytest.fixture
def faulty(tmp_path: Path) -> Iterator[Faulty]:
    """Return what mounts a file system with some faults, so many times; skips where that may not be done."""
    running: list[subprocess.Popen[str]] = []

    def mount(*faults: str, times: int = 1) -> list[Path]:
        points = [tmp_path / f"mount-{len(running)}-{number}" for number in range(times)]
        for point in points:
            point.mkdir()
        if os.geteuid() != 0 or not os.access("/dev/fuse", os.R_OK | os.W_OK):
            pytest.skip("mounting a file system of one's own needs root and /dev/fuse")
        process = subprocess.Popen(
            [sys.executable, str(PROGRAM), ",".join(faults), *map(str, points)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert process.stdout and process.stderr
        running.append(process)
        if process.stdout.readline() != "ready\n":
            error = process.stderr.read()
            if "Operation not permitted" in error:
                pytest.skip("this machine lets nobody mount a file system")
            pytest.fail(error)
        return points

    yield mount
    for process in running:
        _, errors = process.communicate(timeout=30)
        assert (process.returncode, errors) == (0, "")
