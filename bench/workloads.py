"""What is done to the servers, and the floors under it."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from bench import measure
from bench.load import Load, Outcome, output_of
from bench.peers import BIG, C8YBIN, PLAIN_FSYNC, SMALL, WIRE, path_of
from bench.servers import Peer, Running, started
from bench.tools import Tools

PARTS = 10

Sample = dict[str, Any]


@dataclass(frozen=True)
class Floor:
    """The writes of an upload server, with no server: a way of `floor.c`."""

    name: str
    title: str
    is_durable: bool
    way: str


@dataclass(frozen=True)
class Bare:
    """A start of Python with what c8ybin is built on."""

    name: str = "imports"
    title: str = "python -c 'import falcon, waitress'"
    is_durable: bool = False


FLOORS = (
    Floor("floor", "C: the files and fsyncs of c8ybin", True, "attach"),
    Floor("floor-plain", "C: one file, fsync, rename, fsync", True, "plain"),
    Floor("floor-loose", "C: one file, rename", False, "loose"),
)
BARE = Bare()

Subject = Peer | Floor | Bare


@dataclass(frozen=True)
class Workload:
    """One kind of work.

    Attributes:
        name: As in `--only`.
        title: As in the table.
        kind: `upload`, `chunks`, `download` or `start`.
        size: Bytes of a file.
        clients: How many at once.
        count: Most files that are sent, or files that are there to be had.
        seconds: Nothing begins later than this; 0: no limit.
    """

    name: str
    title: str
    kind: str
    size: int
    clients: int
    count: int
    seconds: float

    @property
    def is_big(self) -> bool:
        """Whether bytes a second tell more than requests a second."""
        return self.size > SMALL

    def takes(self, subject: Subject) -> bool:
        """Whether it means something for a subject."""
        match subject:
            case Floor():
                return self.kind == "upload"
            case Bare():
                return self.kind == "start"
        if self.kind == "chunks":
            return subject.chunks is not None
        if self.kind == "upload":
            return True
        if self.kind == "download":
            return subject != PLAIN_FSYNC
        return subject not in (WIRE, PLAIN_FSYNC)


UPLOADS_AT_ONCE = "upload-50m-16"
WORKLOADS = (
    Workload("upload-1k", "1 KiB upload, 16 clients", "upload", SMALL, 16, 4000, 2.0),
    Workload("download-1k", "1 KiB download, 16 clients", "download", SMALL, 16, 1500, 1.5),
    Workload("upload-50m", "50 MB upload, 1 client", "upload", BIG, 1, 12, 1.5),
    Workload(UPLOADS_AT_ONCE, "50 MB upload, 16 clients", "upload", BIG, 16, 32, 1.0),
    Workload("chunks-5m", "5 MB chunks, 1 client", "chunks", BIG, 1, 12, 1.5),
    Workload("download-50m", "50 MB download, 1 client", "download", BIG, 1, 4, 1.5),
    Workload("download-50m-4", "50 MB download, 4 clients", "download", BIG, 4, 4, 1.5),
    Workload("start", "start to first answer", "start", 0, 1, 3, 0),
)


def quick(workload: Workload) -> Workload:
    """Return the same with the least work that is still all of it."""
    count = {"start": 1}.get(workload.kind, 64 if not workload.is_big else workload.clients)
    return Workload(
        workload.name, workload.title, workload.kind, workload.size, workload.clients, count,
        0.2 if workload.kind == "download" else 0,
    )  # fmt: skip


@dataclass(frozen=True)
class Bench:
    """Where it happens, and with what."""

    tools: Tools
    folder: Path
    c8ybin_arguments: Sequence[str] = ()

    def sample(self, workload: Workload, subject: Subject, number: int) -> Sample:
        """Do a workload once, in a fresh root.

        Raises:
            Failed: The server or the generator did not do its work.
        """
        root = self.folder / f"{workload.name}-{subject.name}-{number}"
        match subject:
            case Floor():
                found = self._floor(workload, subject, root)
            case Bare():
                found = {"start_s": median(_import_s() for _ in range(workload.count))}
            case _ if workload.kind == "start":
                found = self._starts(workload, subject, root)
            case _:
                found = self._serve(workload, subject, root)
        _empty(root)
        return {"workload": workload.name, "peer": subject.name, "round": number} | found

    def _floor(self, workload: Workload, floor: Floor, root: Path) -> Sample:
        measure.settle()
        command: list[str | Path] = [self.tools.program("floor"), floor.way, root]
        command += ["--threads", str(workload.clients), "--bytes", str(workload.size)]
        command += ["--count", str(workload.count), "--seconds", str(workload.seconds)]
        figures = output_of(command)
        return _rates(workload, figures, 1) | {"server_cpu_s": figures["cpu_seconds"]}

    def _started(self, peer: Peer, root: Path) -> Any:
        return started(peer, self.tools, root, self.c8ybin_arguments if peer == C8YBIN else ())

    def _starts(self, workload: Workload, peer: Peer, root: Path) -> Sample:
        # The first makes the root what it is to be: a start finds it.
        with self._started(peer, root):
            pass
        starts, idle = [], []
        for _ in range(workload.count):
            with self._started(peer, root) as server:
                measure.cpu_at_rest_s(server.process.pid)
                starts.append(server.start_s)
                idle.append(measure.memory_mb(server.process.pid))
        return {"start_s": median(starts), "idle_mb": median(idle)}

    def _serve(self, workload: Workload, peer: Peer, root: Path) -> Sample:
        load = Load(self.tools.program("load"), self.folder)
        with self._started(peer, root) as server:
            pid = server.process.pid
            # Memory only where it is asked for: whoever reads these files holds the server up a little.
            watched = workload.name == UPLOADS_AT_ONCE
            if watched:
                measure.cpu_at_rest_s(pid)
            idle = measure.memory_mb(pid)
            work, requests_a_file = self._prepared(workload, server, load)
            measure.settle()
            before = measure.cpu_s(pid)
            with ExitStack() as stack:
                peak = stack.enter_context(measure.peak_memory(pid)) if watched else []
                figures = work().figures
                # Work that follows the answers is the server's too, and so is its memory.
                used = measure.cpu_at_rest_s(pid) - before
        memory = {"idle_mb": idle, "peak_mb": peak[0]} if peak else {}
        return _rates(workload, figures, requests_a_file) | {"server_cpu_s": used} | memory

    def _prepared(self, workload: Workload, server: Running, load: Load) -> tuple[Callable[[], Outcome], int]:
        """Prepare the server; return what is to be timed, and how many of its requests make one file."""
        peer, port = server.peer, server.port
        if workload.kind == "chunks":
            assert peer.chunks
            chunks = peer.chunks(server, load, workload.count, workload.size, PARTS)
            return lambda: load.run(
                port, chunks, connections=workload.clients, seconds=workload.seconds, group=PARTS,
                headers=peer.headers,
            ), PARTS  # fmt: skip
        if workload.kind == "upload":
            uploads = peer.uploads(server, load, workload.count, workload.size)
            return lambda: load.run(
                port, uploads, connections=workload.clients, seconds=workload.seconds, headers=peer.headers
            ), 1
        downloads = _to_download(workload, server, load)
        return lambda: load.run(
            port, downloads, connections=workload.clients, seconds=workload.seconds, cycles=True,
            headers=peer.headers,
        ), 1  # fmt: skip


def _to_download(workload: Workload, server: Running, load: Load) -> list[str]:
    """Put files there, and return the requests for them."""
    peer = server.peer
    if peer == WIRE:
        return [f"GET\t/{'big' if workload.is_big else 'small'}/{n}\t0\t200" for n in range(workload.count)]
    uploads = peer.uploads(server, load, workload.count, workload.size)
    outcome = load.run(
        server.port, uploads, connections=4, headers=peer.headers, wants_locations=peer.is_located
    )
    paths = [path_of(location) for location in outcome.locations] or [u.split("\t")[1] for u in uploads]
    return [f"GET\t{path}\t0\t200" for path in paths]


def _rates(workload: Workload, figures: Sample, requests_a_file: int) -> Sample:
    files = figures["requests"] / requests_a_file
    return {
        "requests": figures["requests"],
        "bytes": int(files * workload.size),
        "seconds": figures["seconds"],
        "errors": figures["errors"],
        "first_error": figures.get("first_error", ""),
        "p50_ms": figures.get("p50_ms"),
        "p99_ms": figures.get("p99_ms"),
        "generator_cpu_s": figures["cpu_seconds"] if "p50_ms" in figures else None,
    }


def _import_s() -> float:
    begun = time.monotonic()
    subprocess.run([sys.executable, "-c", "import falcon, waitress"], check=True)
    return time.monotonic() - begun


def _empty(root: Path) -> None:
    """Give back the blocks of large files, and no inode: freed ones make the creation of others slow."""
    for folder, _, names in os.walk(root):
        for name in names:
            path = Path(folder) / name
            if path.is_file() and path.stat().st_size > 1 << 20:
                os.truncate(path, 0)
