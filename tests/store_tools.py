"""A process's use of the store, for the tests and for the processes that they start.

A child runs `from store_tools import *`, so this module is also its vocabulary.
"""

import os
import signal
import sys
from fnmatch import fnmatch
from pathlib import Path

import c8ybin
from c8ybin.bodies import Intake, Received
from c8ybin.domain.conditions import Precondition
from c8ybin.domain.errors import Refusal
from c8ybin.domain.events import new_event
from c8ybin.domain.ids import Clock, EventId
from c8ybin.domain.labels import Label
from c8ybin.domain.ranges import parse_content_range
from c8ybin.store import Binary, Chunk, Journal, Store
from c8ybin.store.commit import named_contents
from c8ybin.store.disk import Disk
from c8ybin.store.layout import BINARY, EVENT, FORMAT, JOURNAL, Layout
from c8ybin.store.writer import Writer

__all__ = [
    "ANY",
    "Desk",
    "EventId",
    "Path",
    "Refusal",
    "die",
    "locks_of_all",
    "new_root",
    "os",
    "say",
    "sys",
    "wait",
]

ANY = Precondition()
# A child is to use the very package that is tested, and this module.
CHILD_ENVIRONMENT = os.environ | {
    "PYTHONPATH": os.pathsep.join([str(Path(c8ybin.__file__).parents[1]), str(Path(__file__).parent)])
}
DOCUMENT = {"source": {"id": "1001"}, "type": "test_Event", "time": "2026-11-24T12:00:00.000Z", "text": "old"}


def locks_of_all(folder: Path) -> Path:
    """Make the 1024 lock files that the data directories of a whole test run share."""
    folder.mkdir()
    for number in range(1024):
        (folder / f"{number:03x}").touch()
    return folder


def new_root(root: Path, locks: Path) -> Path:
    """Make a data directory, but for its lock files: making those takes most of a second."""
    root.mkdir(parents=True)
    for name in ("events", "tmp"):
        (root / name).mkdir()
    (root / "locks").symlink_to(locks)
    (root / "format").write_text(f"{FORMAT}\n")
    return root


class Desk:
    """One process's store and intake, with each operation in a line."""

    def __init__(
        self,
        root: Path,
        *,
        clock: Clock | None = None,
        upload_expiry_s: float = 7 * 86400,
        min_free: int = 0,
    ) -> None:
        self.root = root
        self.layout = Layout(root)
        self.writer = Writer(self.layout)
        self.disk = Disk(self.layout, self.writer, clock or Clock(), min_free=min_free)
        self.store = Store(self.disk, upload_expiry_s=upload_expiry_s)
        self.intake = Intake(self.store.folder)

    def __enter__(self) -> "Desk":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self.intake.close()
        self.store.close()

    def die(self) -> None:
        """End as `kill -9` does: what is on the disk stays as it is, and the lock of life goes."""
        os.close(self.writer._hours_fd)
        os.close(self.writer._alive_fd)
        for fd, _ in self.intake._spools:
            os.close(fd)

    def create(self, **fragments: object) -> EventId:
        return self.store.events.create(new_event(DOCUMENT | fragments), "tester").id

    def body(self, data: bytes, name: str | None = "a.txt", type: str = "text/plain") -> Received:  # noqa: A002
        with self.intake.whole(Label(type, name), ()) as receiver:
            receiver.feed(data)
            return receiver.finish()

    def attach(self, event_id: int, data: bytes, wanted: Precondition = ANY, **label: str | None) -> Binary:
        received = self.body(data, **label)
        with received.body:
            return self.store.binaries.attach(EventId(event_id), received, "tester", wanted)

    def replace(self, event_id: int, data: bytes, wanted: Precondition = ANY, **label: str | None) -> Binary:
        received = self.body(data, **label)
        with received.body:
            return self.store.binaries.replace(EventId(event_id), received, "tester", wanted)

    def chunk(
        self,
        event_id: int,
        where: str,
        data: bytes,
        *,
        put: bool = False,
        stated: dict[str, bytes] | None = None,
        wanted: Precondition = ANY,
    ) -> Binary | Journal:
        place = parse_content_range(where)
        with self.intake.chunk(place, Label("text/plain", "chunks.txt"), ()) as receiver:
            receiver.feed(data)
            received = receiver.finish()
        with received.body:
            chunk = Chunk(place, received, put, "tester", stated or {})
            return self.store.uploads.receive(EventId(event_id), chunk, wanted)

    def drop(self, event_id: int, wanted: Precondition = ANY) -> None:
        self.store.binaries.delete(EventId(event_id), wanted)

    def update(self, event_id: int, wanted: Precondition = ANY, **change: object) -> None:
        self.store.events.update(EventId(event_id), change, wanted)

    def delete(self, event_id: int, wanted: Precondition = ANY) -> None:
        self.store.events.delete(EventId(event_id), wanted)

    def sweep(self) -> int:
        return self.store.sweep.dead_writers()

    def get(self, event_id: int) -> bytes:
        """Read the bytes of a binary as a download does."""
        opened = self.store.binaries.open(EventId(event_id))
        try:
            return read_all(opened.fd)
        finally:
            os.close(opened.fd)

    def upload(self, event_id: int) -> str | None:
        """Tell what the event shows of an incomplete upload."""
        upload = self.store.events.read(EventId(event_id)).upload
        return None if upload is None else str(upload)

    def home(self, event_id: int) -> Path:
        return self.layout.event(EventId(event_id))

    def files(self, event_id: int) -> list[str]:
        """List an event's directory, with the content files by their number: `content`."""
        return sorted(p.name.partition("-")[0] for p in self.home(event_id).iterdir())


def read_all(fd: int) -> bytes:
    return os.pread(fd, os.fstat(fd).st_size, 0)


def say(text: object) -> None:
    """Tell the test something, as a line."""
    os.write(1, f"{text}\n".encode())


def wait() -> None:
    """Wait for the test's word."""
    sys.stdin.readline()


def die(call: str, pattern: str, *, after: bool) -> None:
    """Kill this very process at its next `os.<call>` that touches a name like `pattern`.

    Args:
        call: Name of a function of `os` that changes the disk.
        pattern: Of the last component of a path or of a descriptor's path.
        after: Whether the call is still done.
    """
    real = getattr(os, call)

    def killing(*arguments: object, **more: object) -> object:
        names = [os.readlink(f"/proc/self/fd/{a}") if isinstance(a, int) else str(a) for a in arguments[:2]]
        if not any(fnmatch(Path(name).name, pattern) for name in names):
            return real(*arguments, **more)
        if after:
            real(*arguments, **more)
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError("still alive")

    setattr(os, call, killing)


def orphans(root: Path) -> list[str]:
    """List what nothing names in a data directory that no process uses: contents, drafts, what lies in `tmp/`."""
    layout = Layout(root)
    left = list(layout.tmp.rglob("*"))
    for _, home in layout.walk():
        named = {EVENT, BINARY, JOURNAL} | named_contents(home)
        left += [path for path in home.iterdir() if path.name not in named]
    return sorted(str(path.relative_to(root)) for path in left)
