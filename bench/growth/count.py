"""How many operations on the file system a request costs: a server under strace, asked one request at a time."""

import argparse
import json
import re
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack, closing
from pathlib import Path

from bench.growth.drive import Client, served, works

_TRACED = (
    "open,openat,openat2,close,read,pread64,preadv,preadv2,write,pwrite64,fsync,fdatasync,rename,renameat,renameat2,"
    "link,linkat,unlink,unlinkat,rmdir,mkdir,mkdirat,flock,stat,lstat,fstat,newfstatat,statx,getdents64,ftruncate,"
    "sendfile,io_uring_enter"
)
_LINE = re.compile(r"^(?:\d+ +)?(\d+\.\d+) (\w+)\((.*)\) += (-?\d+)(?:<([^>]*)>)?(.*)$")
_UNFINISHED = re.compile(r"^(\d+) +(\d+\.\d+) (.*) <unfinished \.\.\.>$")
_RESUMED = re.compile(r"^(\d+) +\d+\.\d+ <\.\.\. \w+ resumed>(.*)$")
# Names of files that stand in directories of events, of writers and of the index; all else below is a directory.
_FILE = re.compile(
    r"(\.json|\.journal|\.log|hours|alive|manifest|content-[^/]*|body-[^/]*|spool-[^/]*|/[0-9a-f]{3})$|\.draft|/\."
)
_ONE = {
    "rename": "rename", "renameat": "rename", "renameat2": "rename", "link": "link", "linkat": "link",
    "unlink": "unlink", "unlinkat": "unlink", "rmdir": "unlink", "mkdir": "mkdir", "mkdirat": "mkdir",
    "flock": "flock", "stat": "stat", "lstat": "stat", "newfstatat": "stat", "statx": "stat", "fstat": "fstat",
    "read": "read", "pread64": "read", "preadv": "read", "preadv2": "read", "sendfile": "read",
    "write": "write", "pwrite64": "write", "getdents64": "listdir", "ftruncate": "ftruncate", "close": "close",
}  # fmt: skip


def operation(name: str, arguments: str, result: int, path: str, error: str) -> str | None:
    """Name what a call is to a file system: None where it never gets there.

    Args:
        name: The call's.
        arguments: As strace writes them, with `-y`.
        result: What it returned.
        path: The file of the descriptor that it returned, if any.
        error: What stands after the result.
    """
    if "EAGAIN" in error:
        return None  # asked of the kernel's memory only
    if name.startswith("open"):
        if "O_CREAT" in arguments and result >= 0:
            return "create"
        if result < 0:
            return "stat"  # a look-up that found nothing
        return "open_file" if _FILE.search(path) else "open_dir"
    if name in ("fsync", "fdatasync"):
        return "fsync" if _FILE.search(arguments) else "fsync_dir"
    return _ONE.get(name)


def parse(text: str, root: str) -> list[tuple[float, str]]:
    """Return the time of each operation below a directory, and its name, from the output of `strace -f -y -ttt`."""
    found: list[tuple[float, str]] = []
    unfinished: dict[str, str] = {}
    for raw in text.splitlines():
        line = raw
        if match := _UNFINISHED.match(raw):
            unfinished[match[1]] = f"{match[1]} {match[2]} {match[3]}"
            continue
        if (match := _RESUMED.match(raw)) and match[1] in unfinished:
            line = unfinished.pop(match[1]) + match[2]
        match = _LINE.match(line)
        if not match or root not in line:
            continue
        when, name, arguments, result, path, error = match.groups()
        if what := operation(
            name, arguments.split(">")[0] if "sync" in name else arguments, int(result), path or "", error
        ):
            found.append((float(when), what))
    return found


def windows(do: Callable[[], object], times: int) -> tuple[float, float]:
    """Do something so often; return the wall-clock times of its beginning and its end."""
    begun = time.time()
    for _ in range(times):
        do()
    return begun, time.time()


def counted(scratch: Path, servers: int, times: int) -> dict[str, dict[str, float]]:
    """Return the operations of one request of each workload.

    Args:
        scratch: A folder for data and log.
        servers: How many serve the data directory; one of them is traced, and all have changed something.
        times: How many requests are counted.
    """
    root, log = scratch / "data", scratch / "log"
    before = ["strace", "-f", "-y", "-ttt", "-s", "0", "-e", f"trace={_TRACED}", "-o", str(log)]
    spans: dict[str, tuple[float, float]] = {}
    with ExitStack() as stack:
        first = stack.enter_context(served(root, before=before))
        for _ in range(servers - 1):
            stack.enter_context(closing(Client(stack.enter_context(served(root)).port))).create()
        mine = works(stack.enter_context(closing(Client(first.port))))
        for name, (do, ahead) in mine.items():
            if name.startswith("_"):
                continue
            number = max(1, times // 10) if name == "chunks_50m" else times
            for _ in range(ahead * number):
                mine["_ahead"][0]()
            do()
            begun, ended = windows(do, number)
            spans[name] = (begun, ended)
            spans[f"{name}/"] = (number, 0)
    operations = parse(log.read_text(), str(root))
    found: dict[str, dict[str, float]] = {}
    for name, (begun, ended) in spans.items():
        if not name.endswith("/"):
            number = int(spans[f"{name}/"][0])
            tally = Counter(what for when, what in operations if begun <= when <= ended)
            found[name] = {what: round(n / number, 2) for what, n in sorted(tally.items())}
    return found


def main() -> None:
    """Do what the command line says."""
    parser = argparse.ArgumentParser(prog="python -m bench.growth.count", description=__doc__)
    parser.add_argument("--servers", type=int, default=1, help="how many serve the data directory (1)")
    parser.add_argument("--times", type=int, default=50, help="how many requests are counted (50)")
    arguments = parser.parse_args()
    if not shutil.which("strace"):
        sys.exit("growth: strace is not installed; install it and try again.")
    with tempfile.TemporaryDirectory(prefix="c8ybin-count-", dir="/var/tmp") as scratch:
        json.dump(counted(Path(scratch), arguments.servers, arguments.times), sys.stdout, indent=1)


if __name__ == "__main__":
    main()
