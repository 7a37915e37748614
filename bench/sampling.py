"""Does a workload once, and says what was measured."""

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from bench import measure
from bench.load import Load, output_of, request
from bench.peers import C8YBIN, C8YBIN_TLS, WIRE, path_of
from bench.servers import Peer, Running, started
from bench.tools import Tools
from bench.workloads import PARTS, UPLOADS_AT_ONCE, Bare, Floor, Sample, Subject, Workload

# The first requests pay for what is loaded or compiled late.
_WARM_SMALL, _WARM_BIG = 64, 1
_LARGE = 1 << 20


@dataclass(frozen=True)
class Work:
    """What is sent to a server.

    Attributes:
        warming: Requests that go before the clock starts.
        requests: Those that are timed.
        group: How many of them make one file.
        cycles: Whether they come again until the time is over.
    """

    warming: Sequence[str]
    requests: Sequence[str]
    group: int = 1
    cycles: bool = False


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
        stored = _empty(root)
        if workload.kind in ("upload", "chunks") and subject != WIRE and stored < found["bytes"]:
            found |= {"errors": 1, "first_error": f"only {stored:,} bytes are on the disk"}
        return {"workload": workload.name, "peer": subject.name, "round": number} | found

    def _floor(self, workload: Workload, floor: Floor, root: Path) -> Sample:
        measure.settle()
        command: list[str | Path] = [self.tools.program("floor"), floor.way, root]
        command += ["--threads", str(workload.clients), "--bytes", str(workload.size)]
        command += ["--count", str(workload.count), "--seconds", str(workload.seconds)]
        figures = output_of(command)
        return _rates(workload, figures, 1) | {"server_cpu_s": figures["cpu_seconds"]}

    def _started(self, peer: Peer, root: Path) -> Any:
        return started(peer, self.tools, root, self.c8ybin_arguments if peer in (C8YBIN, C8YBIN_TLS) else ())

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
        load = Load(self.tools.program("load"), self.folder, peer.encrypts)
        with self._started(peer, root) as server:
            pid = server.process.pid
            # Memory only where it is asked for: whoever reads these files holds the server up a little.
            watched = workload.name == UPLOADS_AT_ONCE
            if watched:
                measure.cpu_at_rest_s(pid)
            idle = measure.memory_mb(pid)
            work = prepared(workload, server, load)
            load.run(server.port, work.warming, connections=1, headers=peer.headers)
            measure.settle()
            before, warm = measure.cpu_s(pid), measure.memory_mb(pid)
            with ExitStack() as stack:
                peak = stack.enter_context(measure.peak_memory(pid)) if watched else []
                outcome = load.run(
                    server.port,
                    work.requests,
                    connections=workload.clients,
                    seconds=workload.seconds,
                    group=work.group,
                    cycles=work.cycles,
                    headers=peer.headers,
                )
                # Work that follows the answers is the server's too, and so is its memory.
                used = measure.cpu_at_rest_s(pid) - before
        memory = {"idle_mb": idle, "warm_mb": warm, "peak_mb": peak[0]} if peak else {}
        return _rates(workload, outcome.figures, work.group) | {"server_cpu_s": used} | memory


def prepared(workload: Workload, server: Running, load: Load) -> Work:
    """Prepare a server for a workload; return what is to be sent to it."""
    peer, warm = server.peer, _WARM_BIG if workload.is_big else _WARM_SMALL
    match workload.kind:
        case "chunks":
            assert peer.chunks
            chunks = peer.chunks(server, load, workload.count + warm, workload.size, PARTS)
            return Work(chunks[: warm * PARTS], chunks[warm * PARTS :], group=PARTS)
        case "upload":
            uploads = peer.uploads(server, load, workload.count + warm, workload.size)
            return Work(uploads[:warm], uploads[warm:])
        case "connect":
            line = request("GET", peer.ready, 0, 200, "Connection: close")
            return Work([line] * warm, [line] * workload.count, cycles=True)
        case _:
            downloads = _to_download(workload, server, load)
            return Work(downloads[:warm], downloads, cycles=True)


def _to_download(workload: Workload, server: Running, load: Load) -> list[str]:
    """Put files there, and return the requests for them."""
    peer = server.peer
    if peer == WIRE:
        kind = "big" if workload.is_big else "small"
        return [request("GET", f"/{kind}/{number}", 0, 200) for number in range(workload.count)]
    uploads = peer.uploads(server, load, workload.count, workload.size)
    outcome = load.run(
        server.port, uploads, connections=4, headers=peer.headers, wants_locations=peer.is_located
    )
    paths = [path_of(location) for location in outcome.locations] or [u.split("\t")[1] for u in uploads]
    return [request("GET", path, 0, 200) for path in paths]


def _rates(workload: Workload, figures: Sample, group: int) -> Sample:
    found = {
        "requests": figures["requests"],
        "bytes": figures["requests"] // group * workload.size,
        "seconds": figures["seconds"],
        "errors": figures["errors"],
        "first_error": figures.get("first_error", ""),
        "p50_ms": figures.get("p50_ms"),
        "p99_ms": figures.get("p99_ms"),
        # A floor has no generator.
        "generator_cpu_s": figures["cpu_seconds"] if "p50_ms" in figures else None,
    }
    if workload.kind == "download" and figures["bytes_received"] < found["bytes"]:
        found |= {"errors": 1, "first_error": f"only {figures['bytes_received']:,} bytes were received"}
    return found


def _import_s() -> float:
    begun = time.monotonic()
    subprocess.run([sys.executable, "-c", "import falcon, waitress"], check=True)
    return time.monotonic() - begun


def _empty(root: Path) -> int:
    """Return how many bytes the files below a folder hold, and give back the blocks of large ones.

    No inode is freed, for that would make the creation of others slow.
    """
    stored = 0
    for folder, _, names in os.walk(root):
        for name in names:
            path = Path(folder) / name
            # Sockets and links tell nothing.
            if path.is_file() and not path.is_symlink():
                length = path.stat().st_size
                stored += length
                if length > _LARGE:
                    os.truncate(path, 0)
    return stored
