"""What one process can try alone, and no start has the time for. Functions are as those of `single`."""

import math
import os
import socket
import time
from pathlib import Path

from c8ybin import fsio
from c8ybin.domain.sizes import round_size
from c8ybin.fsio import Lack
from c8ybin.probes.primitive import Lacking, Primitive
from c8ybin.probes.single import Trial, created, make

_FSYNCS = 5
_CLOCKS_APART_S = 60.0


def sync_data(folder: Path) -> str:
    """Make a file's bytes durable, by fdatasync."""
    with created(folder / "synced-data") as fd:
        fsio.write_at(fd, b"0", 0)
        fsio.sync_data(fd)
    return ""


def sync_time(folder: Path) -> str:
    """Make a file and its name durable, several times; the figure is the median."""
    taken = []
    for number in range(_FSYNCS):
        began = time.monotonic()
        with fsio.draft(folder / f"durable-{number}") as file:
            file.write(bytes(4096))
        fsio.sync_directory(folder)
        taken.append(time.monotonic() - began)
    return f"{1000 * sorted(taken)[_FSYNCS // 2]:.1f} ms for a file and its name"


def open_file(folder: Path) -> str:
    """Read by a descriptor what was replaced, and then removed."""
    make(folder / "read", b"old")
    make(folder / "next", b"new")
    with fsio.opened(folder / "read") as fd:
        fsio.rename(folder / "next", folder / "read")
        with fsio.opened(folder / "read") as newer:
            fsio.remove(folder / "read")
            if (fsio.read_at(fd, 9, 0), fsio.read_at(newer, 9, 0)) != (b"old", b"new"):
                raise Lacking("an open file lost its bytes with its name")
    return ""


def sendfile(folder: Path) -> str:
    """Send a file to a socket without a copy in this process."""
    make(folder / "sent", b"x" * 4096)
    one, two = socket.socketpair()
    with one, two, fsio.opened(folder / "sent") as fd:
        sent = os.sendfile(one.fileno(), fd, 0, 4096)
        if two.recv(4096) != b"x" * sent or not sent:
            raise Lacking("other bytes were sent")
    return ""


def modes(folder: Path) -> str:
    """Keep what only the owner may read from others."""
    with created(folder / "private", fsio.PRIVATE_MODE) as fd:
        mode = os.fstat(fd).st_mode & 0o777
    if mode & 0o077:
        raise Lacking(f"a file of mode 0600 has {mode:04o}")
    return ""


def times(folder: Path) -> str:
    """Tell how fine the times of files are."""
    make(folder / "timed")
    odd_ns = 1_700_000_001_123_456_789
    os.utime(folder / "timed", ns=(odd_ns, odd_ns), follow_symlinks=False)
    off_ns = abs(odd_ns - fsio.status(folder / "timed").st_mtime_ns)
    if off_ns >= 10**10:
        raise Lacking(f"a time came back {off_ns / 1e9:.0f} s off")
    step_ns = 10 ** math.ceil(math.log10(off_ns)) if off_ns > 1 else 1
    return {1: "1 ns", 100: "100 ns", 1000: "1 µs", 10**6: "1 ms", 10**9: "1 s", 10**10: "2 s"}.get(
        step_ns, f"{step_ns:,} ns"
    )


def clock(folder: Path) -> str:
    """Hold the clock by which files get their times against this host's."""
    before_s = time.time()
    make(folder / "now")
    ahead_s = fsio.status(folder / "now").st_mtime - (before_s + time.time()) / 2
    if abs(ahead_s) > _CLOCKS_APART_S:
        raise Lacking(f"it is {abs(ahead_s):,.0f} s {'ahead' if ahead_s > 0 else 'behind'}")
    return f"within {max(1, math.ceil(abs(ahead_s)))} s"


def room(folder: Path) -> str:
    """Tell how much room there is."""
    free, total = fsio.free_and_total(folder)
    if not total:
        raise Lacking("it reports a size of 0, so say --min-free 0")
    return f"{round_size(free)} free of {round_size(total)}"


SYNC_DATA = Primitive(
    "fdatasync", "a file's bytes made durable (fdatasync)", "uploads in chunks", lack=Lack.SYNC
)
THOROUGH: tuple[tuple[Primitive, Trial], ...] = (
    (SYNC_DATA, sync_data),
    (Primitive("open-file", "an open file outlives its name", "downloads"), open_file),
    (Primitive("sendfile", "files sent to a socket (sendfile)", "downloads"), sendfile),
    (Primitive("modes", "modes kept", "files for the owner alone", is_must=False), modes),
    (Primitive("mtime", "how fine times of files are", "nothing finer than 1 s", is_must=False), times),
    (Primitive("clock", "its clock beside this host's", "expiry of uploads", is_must=False), clock),
    (Primitive("room", "room told (statvfs)", "--min-free", is_must=False), room),
    (Primitive("commit", "how long durable takes", "the rate of commits", is_must=False), sync_time),
)
