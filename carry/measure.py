"""What each way to carry the program costs: bytes, and the time to the first answer."""

import http.client
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import venv
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from carry.problems import Unbuildable
from carry.program import packages

STARTS = 10
BEGIN, END = "<!-- carry:begin -->\n", "<!-- carry:end -->\n"
_KINDS = {
    "wheel": ("wheel, installed with what it needs", "Python ≥ 3.11"),
    "pyz": ("`c8ybin.pyz`", "Python ≥ 3.11"),
    "onefile": ("`c8ybin`, one executable", "Linux and `/proc`"),
}


def _pss_bytes(pid: int) -> int:
    """Return what a process has of memory, where several share a page its part of that (proc_pid_smaps(5))."""
    told = re.search(r"^Pss: +(\d+) kB$", Path(f"/proc/{pid}/smaps_rollup").read_text(), re.MULTILINE)
    return int(told[1]) * 1024 if told else 0


def started(command: Sequence[str | Path], data: Path) -> tuple[float, int]:
    """Start a server on a data directory; return the seconds until /health was answered, and its memory in bytes.

    Raises:
        Unbuildable: It did not start.
    """
    begun = time.perf_counter()
    arguments: list[str | Path] = ["serve", "--demo", "--workers", "1", "--port", "0", "--data", data]
    server = subprocess.Popen(
        [*command, *arguments], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    try:
        assert server.stdout
        line = next((line for line in server.stdout if " serves " in line), "")
        if not line:
            raise Unbuildable(f"{command[0]} did not start.")
        connection = http.client.HTTPConnection(line.strip().rpartition("/")[2], timeout=30)
        connection.request("GET", "/health")
        is_up = connection.getresponse().status == http.client.OK
        seconds = time.perf_counter() - begun
        connection.close()
        if not is_up:
            raise Unbuildable(f"{command[0]} answers that it cannot serve.")
        return seconds, _pss_bytes(server.pid)
    finally:
        server.send_signal(signal.SIGTERM)
        server.communicate(timeout=60)


def _installed(wheel: Path, folder: Path, cache: Path) -> tuple[list[str | Path], int]:
    """Put the wheel and its packages into an environment of their own; return the command, and how many bytes."""
    venv.create(folder, with_pip=False)
    site = next(folder.glob("lib/python*/site-packages"))
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    for name, data in packages(cache).items():
        path = site / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    python = folder / "bin" / "python"
    subprocess.run([python, "-m", "compileall", "-q", site], check=True)
    return [python, "-m", "c8ybin"], sum(p.stat().st_size for p in site.rglob("*") if p.is_file())


def measured(made: Mapping[str, Path], cache: Path) -> str:
    """Return the table of what was built, in Markdown."""
    # Not where an image is built, which has no bench.
    from bench.machine import describe
    from bench.report import table

    machine = describe(made["wheel"].parent)
    with tempfile.TemporaryDirectory() as folder:
        commands: dict[str, list[str | Path]] = {
            "pyz": [sys.executable, made.get("pyz", "")],
            "onefile": [made.get("onefile", "")],
        }
        commands["wheel"], installed = _installed(made["wheel"], Path(folder, "venv"), cache)
        data = {kind: Path(folder, kind) for kind in made}
        for kind in made:
            started(commands[kind], data[kind])  # makes the data directory, and reads the program into memory
        starts = {kind: [started(commands[kind], data[kind])] for kind in made}
        for _ in range(STARTS - 1):
            for kind, taken in starts.items():
                taken.append(started(commands[kind], data[kind]))
    rows = []
    for kind, path in made.items():
        size = path.stat().st_size if kind != "wheel" else installed
        seconds, memory = (statistics.median(figures) for figures in zip(*starts[kind], strict=True))
        rows.append(
            (*_KINDS[kind], f"{size / 1e6:.1f}", f"{seconds * 1e3:,.0f}", f"{memory / 1e6:.1f}"),
        )
    head = ("", "needs", "MB on the disk", "start to first answer, ms", "MB of memory then")
    return table(head, rows) + (
        f"\nMeasured by `scripts/build --write` on {machine}; medians of {STARTS} starts, with one worker, that took "
        "turns, on a data directory that was there. Memory is PSS.\n"
    )


def put_into(file: Path, table: str) -> None:
    """Put the table between its markers.

    Raises:
        Unbuildable: The file has none.
    """
    before, begin, rest = file.read_text().partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise Unbuildable(
            f"{file.name} has no markers for the table; put {BEGIN.strip()} and {END.strip()} there."
        )
    file.write_text(f"{before}{begin}{table}{end}{after}")
