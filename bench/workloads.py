"""What is done to the servers, and the floors under them."""

from dataclasses import dataclass, replace
from typing import Any

from bench.peers import BIG, C8YBIN, C8YBIN_TLS, PLAIN_FSYNC, SMALL, WIRE
from bench.servers import Peer

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
        kind: `upload`, `chunks`, `download`, `connect` (a connection for each request) or `start`.
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
        if self.kind == "connect":
            return subject in (C8YBIN, C8YBIN_TLS)
        if self.kind == "chunks":
            return subject.chunks is not None
        if self.kind == "upload":
            return True
        if self.kind == "download":
            return subject != PLAIN_FSYNC
        return subject not in (WIRE, PLAIN_FSYNC)


UPLOADS_AT_ONCE = "upload-50m-16"
WORKLOADS = (
    Workload("upload-1k", "1 KiB upload, 16 clients", "upload", SMALL, 16, 3000, 2.0),
    Workload("download-1k", "1 KiB download, 16 clients", "download", SMALL, 16, 1000, 1.5),
    Workload("upload-50m", "50 MB upload, 1 client", "upload", BIG, 1, 12, 1.5),
    Workload(UPLOADS_AT_ONCE, "50 MB upload, 16 clients", "upload", BIG, 16, 32, 1.0),
    Workload("chunks-5m", "5 MB chunks, 1 client", "chunks", BIG, 1, 12, 1.5),
    Workload("download-50m", "50 MB download, 1 client", "download", BIG, 1, 4, 1.0),
    Workload("download-50m-4", "50 MB download, 4 clients", "download", BIG, 4, 4, 1.0),
    Workload("connect", "a connection each, 16 clients", "connect", SMALL, 16, 1000, 1.5),
    Workload("start", "start to first answer", "start", 0, 1, 3, 0),
)


def quick(workload: Workload) -> Workload:
    """Return the same with the least work that is still all of it."""
    if workload.kind == "start":
        return replace(workload, count=1)
    count = workload.clients if workload.is_big else 4 * workload.clients
    return replace(workload, count=count, seconds=0.2 if workload.kind in ("download", "connect") else 0)
