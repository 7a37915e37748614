"""CPU time and memory of a process and all below it, from /proc (proc(5)), and the state of the disk."""

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_REST_S = 0.2
_SAMPLE_S = 0.05


def tree(pid: int) -> list[int]:
    """Return a process and its descendants."""
    found = [pid]
    with suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text().split():
                found += tree(int(child))
    return found


def cpu_s(pid: int) -> float:
    """Return the CPU seconds that a tree has used, ended children of its members included."""
    ticks = 0
    for member in tree(pid):
        with suppress(OSError):
            # The name, in brackets, may hold anything.
            fields = Path(f"/proc/{member}/stat").read_text().rpartition(")")[2].split()
            ticks += sum(int(field) for field in fields[11:15])
    return ticks / _TICKS_PER_S


def cpu_at_rest_s(pid: int, *, at_most_s: float = 5.0) -> float:
    """Return the same once the tree does nothing any more: work that follows an answer counts too."""
    used, deadline = cpu_s(pid), time.monotonic() + at_most_s
    while time.monotonic() < deadline:
        time.sleep(_REST_S)
        before, used = used, cpu_s(pid)
        if used - before <= 1 / _TICKS_PER_S:
            break
    return used


def memory_mb(pid: int) -> float:
    """Return the memory of a tree in 10**6 bytes: proportional set size, so that shared pages count once."""
    kib = 0
    for member in tree(pid):
        with suppress(OSError):
            for line in Path(f"/proc/{member}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    kib += int(line.split()[1])
    return kib * 1024 / 1e6


@contextmanager
def peak_memory(pid: int) -> Iterator[list[float]]:
    """Yield a list that holds, after the block, the most memory that a tree had within it, in 10**6 bytes."""
    peak = [memory_mb(pid)]
    over = threading.Event()

    def sample() -> None:
        while not over.wait(_SAMPLE_S):
            peak[0] = max(peak[0], memory_mb(pid))

    thread = threading.Thread(target=sample)
    thread.start()
    try:
        yield peak
    finally:
        over.set()
        thread.join()


def settle(pause_s: float = 0.3) -> None:
    """Bring all dirty pages to the disk, and wait a little: those of one server slow the fsyncs of another."""
    os.sync()
    time.sleep(pause_s)
