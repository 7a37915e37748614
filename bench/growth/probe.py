"""What one operation on a file system costs: the time it takes, and the CPU time of each server that has a part in it.

CPU time is that of the processes' own clocks before and after a batch, so what else the machine does hardly changes it;
times of waiting it does, so the lower quartile of them counts.
"""

import argparse
import fcntl
import json
import os
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from statistics import quantiles
from typing import Any

# As deep as an event is below a data directory.
_DEPTH = ("events", "2026-11-24", "15")
_KIB, _MIB = bytes(1024), bytes(1 << 20)

Roles = dict[str, list[int]]


def cpu_s(pids: list[int]) -> float:
    """Return the CPU seconds that processes have had, their ended threads included.

    Source: clock_getcpuclockid(3); the number is made as the kernel does it (posix-timers.h).
    """
    return sum(time.clock_gettime((~pid << 3) | 2) for pid in pids)


class Costs:
    """Times operations in batches, and keeps what each cost."""

    def __init__(self, roles: Roles) -> None:
        self.of: dict[str, dict[str, Any]] = {}
        self._roles = roles

    def batch(
        self,
        name: str,
        items: list[Any],
        do: Callable[[Any], Any],
        then: Callable[[], Any] = lambda: None,
    ) -> list[Any]:
        """Do an operation on each item, then what is left to do, of which the CPU time counts; return the results."""
        before = {role: cpu_s(pids) for role, pids in self._roles.items()}
        times_s, results = [], []
        for item in items:
            begun = time.perf_counter()
            results.append(do(item))
            times_s.append(time.perf_counter() - begun)
        then()
        lower, middle, _ = quantiles(times_s, n=4)
        used = {role: cpu_s(pids) - before[role] for role, pids in self._roles.items()}
        self.of[name] = {
            "count": len(items),
            "us": round(lower * 1e6, 1),
            "p50_us": round(middle * 1e6, 1),
            "cpu_us": {role: round(s / len(items) * 1e6, 1) for role, s in used.items()},
        }
        return results


def _write_fsync(fd: int, data: bytes = _KIB) -> None:
    os.pwrite(fd, data, 0)
    os.fsync(fd)


def _write_fsync_mib(fd: int) -> None:
    _write_fsync(fd, _MIB)


def _rename_fsync(folder: int) -> None:
    # Together, for an fsync with no change before it is free.
    os.rename("draft", "first", src_dir_fd=folder, dst_dir_fd=folder)
    os.fsync(folder)


def files(costs: Costs, hour: Path, count: int) -> None:
    """Make, write, name, read and remove small files in the directories of events."""
    homes = costs.batch("mkdir", [hour / str(n) for n in range(count)], lambda p: (p.mkdir(), p)[1])
    folders = costs.batch("open_dir", homes, lambda p: os.open(p, os.O_RDONLY | os.O_DIRECTORY))
    made = costs.batch(
        "create", folders, lambda d: os.open("draft", os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600, dir_fd=d)
    )
    costs.batch("write_fsync", made, _write_fsync)
    costs.batch("close_written", made, os.close)
    costs.batch("link", folders, lambda d: os.link("draft", "linked", src_dir_fd=d, dst_dir_fd=d))
    costs.batch("rename_fsync_dir", folders, _rename_fsync)
    costs.batch("rename", folders, lambda d: os.rename("first", "named", src_dir_fd=d, dst_dir_fd=d))
    costs.batch("unlink", folders, lambda d: os.unlink("linked", dir_fd=d))
    for folder in folders:  # a server has looked there just before, as a rule
        os.stat("named", dir_fd=folder)
    costs.batch("stat", folders, lambda d: os.stat("named", dir_fd=d))
    opened = costs.batch("open_file", homes, lambda p: os.open(p / "named", os.O_RDONLY))
    costs.batch("fstat", opened, os.fstat)
    costs.batch("read", opened, lambda f: os.pread(f, 1024, 0))
    costs.batch("close", opened, os.close)
    costs.batch("listdir", folders, os.listdir)
    costs.batch("rename_dir", homes, lambda p: p.rename(p.with_name(f"gone-{p.name}")))
    for folder in folders:
        os.close(folder)


def _lock(path: Path) -> None:
    fd = os.open(path, os.O_RDWR)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
    finally:
        os.close(fd)


def others(costs: Costs, root: Path, count: int) -> None:
    """Lock, append to a log, and move a MiB in both directions."""
    (root / "lock").touch()
    costs.batch("lock", [root / "lock"] * count, _lock)
    log = os.open(root / "log", os.O_RDWR | os.O_CREAT, 0o600)
    at = [n * 128 for n in range(count)]
    costs.batch("append", at, lambda n: os.pwrite(log, bytes(128), n), lambda: os.fsync(log))
    os.close(log)
    # Each in a new file, as contents are.
    big = [os.open(root / f"big-{n}", os.O_RDWR | os.O_CREAT, 0o600) for n in range(max(8, count // 16))]
    costs.batch("write_fsync_mib", big, _write_fsync_mib)
    for fd in big:
        with suppress(OSError):
            os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
    costs.batch("read_mib", big, lambda f: os.pread(f, len(_MIB), 0))
    for fd in big:
        os.close(fd)


def probe(root: Path, roles: Roles, count: int) -> dict[str, dict[str, Any]]:
    """Return what each operation costs below an empty directory.

    Args:
        root: Made here.
        roles: The processes by their part, as `{"master": [PID]}`.
        count: How often each is done.

    Returns:
        By the operation: `us`, the lower quartile of its time; `p50_us`; and `cpu_us` by role, all in µs.
    """
    hour = root.joinpath(*_DEPTH)
    hour.mkdir(parents=True)
    costs = Costs(roles)
    files(costs, hour, count)
    others(costs, root, count)
    return costs.of


def roles_of(texts: Iterable[str]) -> Roles:
    """Read roles from the command line: `master=PID,PID`."""
    found: Roles = {}
    for text in texts:
        name, _, pids = text.partition("=")
        found[name] = [int(pid) for pid in pids.split(",")]
    return found


def main() -> None:
    """Do what the command line says."""
    parser = argparse.ArgumentParser(prog="python -m bench.growth.probe", description=__doc__)
    parser.add_argument("root", type=Path, help="a directory that is made, on the file system to be measured")
    parser.add_argument(
        "--role", action="append", default=[], metavar="NAME=PID,...", help="whose CPU time counts"
    )
    parser.add_argument("--count", type=int, default=400, help="how often each operation is done (400)")
    arguments = parser.parse_args()
    found = probe(arguments.root, roles_of(arguments.role) | {"caller": [os.getpid()]}, arguments.count)
    json.dump(found, sys.stdout, indent=1)


if __name__ == "__main__":
    main()
