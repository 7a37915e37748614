"""System calls of a running server that fail, by `strace --inject`; when strace detaches, the cause is gone."""

import re
import signal
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from harness import RunningServer

READING = ("openat", "newfstatat", "pread64", "preadv", "getdents64")
WRITING = (
    "pwrite64",
    "write",
    "ftruncate",
    "fsync",
    "fdatasync",
    "rename",
    "link",
    "unlink",
    "unlinkat",
    "mkdir",
    "rmdir",
    "flock",
)
_CALL = re.compile(r"^(\d+) +(\w+)\((.*)$")

Point = tuple[str, int, str]


@contextmanager
def traced(
    strace: str, server: RunningServer, log: Path, inject: str = "", calls: str = ""
) -> Iterator[Callable[[], bool]]:
    """Trace a server during the block, and let calls fail.

    Args:
        strace: The command.
        server: The server.
        log: Where the calls are written.
        inject: What `-e inject=` takes: `fsync:error=EIO:when=1+`.
        calls: Which calls are traced; those that fail where it is left out.

    Yields:
        What tells whether a call has failed so far.
    """
    command = [strace, "-f", "-y", "-s", "0", "-o", str(log), "-p", str(server.process.pid)]
    command += ["-e", f"trace={calls or inject.partition(':')[0]}"]
    tracer = subprocess.Popen(
        command + (["-e", f"inject={inject}"] if inject else []), stderr=subprocess.PIPE, text=True
    )
    assert tracer.stderr
    try:
        line = tracer.stderr.readline()
        if "attached" not in line:
            pytest.skip(f"strace may not trace here: {line}")
        yield lambda: "(INJECTED)" in log.read_text()
    finally:
        tracer.send_signal(signal.SIGINT)
        tracer.wait(timeout=30)
        tracer.stderr.close()


def points(log: Path, root: Path) -> list[Point]:
    """Return each call that touched a data directory: its name, its number among its like, its line.

    Numbers are a thread's own, as in strace's `when=`; the server is to have one thread at work.
    """
    found, numbers = [], Counter[tuple[str, str]]()
    for line in log.read_text().splitlines():
        if match := _CALL.match(line):
            thread, call, rest = match.groups()
            numbers[thread, call] += 1
            if str(root) in rest:
                found.append((call, numbers[thread, call], rest))
    return found
