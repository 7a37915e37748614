"""A process's use of the store, for the tests and for the processes that they start.

A child runs `from store_tools import *`, so this module is also its vocabulary.
"""

import contextlib
import os
import secrets
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING, Any

import c8ybin
from c8ybin import fsio
from c8ybin.bodies import Intake, Received
from c8ybin.domain.conditions import Precondition
from c8ybin.domain.errors import Refusal
from c8ybin.domain.events import new_event
from c8ybin.domain.ids import Clock, EventId
from c8ybin.domain.inventory import ExternalId, new_object
from c8ybin.domain.labels import Label
from c8ybin.domain.ranges import parse_content_range
from c8ybin.fsio import beneath
from c8ybin.fsio import locks as flocks
from c8ybin.store import Binary, Chunk, Journal, Readers, Store, locks, watch
from c8ybin.store.commit import named_contents
from c8ybin.store.disk import Disk
from c8ybin.store.layout import BINARY, EVENT, FORMAT, JOURNAL, Layout
from c8ybin.store.writer import Writer

__all__ = [
    "ANY",
    "Desk",
    "EventId",
    "ExternalId",
    "Path",
    "Refusal",
    "by_path",
    "die",
    "locks_of_all",
    "new_root",
    "os",
    "say",
    "sys",
    "wait",
]

if TYPE_CHECKING:  # a child starts faster without
    import pytest

ANY = Precondition()
# A child is to use the very package that is tested, and this module.
CHILD_ENVIRONMENT = os.environ | {
    "PYTHONPATH": os.pathsep.join([str(Path(c8ybin.__file__).parents[1]), str(Path(__file__).parent)])
}
DOCUMENT = {"source": {"id": "1001"}, "type": "test_Event", "time": "2026-11-24T12:00:00.000Z", "text": "old"}


LOCK_NAMES = (*(f"{number:03x}" for number in range(1024)), "index")
# Directories of lock files that no data directory has now, and what was lent by the pool.
_spare: list[Path] = []
lent: list[tuple[Path, Path]] = []


def locks_of_all(folder: Path) -> Path:
    """Make a pool of directories with all lock files each: making those takes up to some seconds."""
    folder.mkdir()
    make_locks(folder / "0")
    return folder


def make_locks(folder: Path) -> None:
    """Make a directory with all lock files."""
    folder.mkdir()
    for name in LOCK_NAMES:
        (folder / name).touch()


def lend_locks(pool: Path, root: Path) -> None:
    """Move a directory of lock files of the pool into a data directory; make one where none is there."""
    for spare in (*(pool.iterdir() if pool.is_dir() else ()), *reversed(_spare)):
        with contextlib.suppress(OSError):  # taken by another process, or on another file system
            spare.rename(root / "locks")
            if spare in _spare:
                _spare.remove(spare)
            break
    else:
        make_locks(root / "locks")
    lent.append((root, pool))


def give_locks_back(root: Path, pool: Path) -> None:
    """Move them back for the next one, unless the test has changed them."""
    locks, spare = root / "locks", pool / secrets.token_hex(8)
    with contextlib.suppress(OSError):
        if sorted(os.listdir(locks)) == sorted(LOCK_NAMES):
            pool.mkdir(exist_ok=True)
            locks.rename(spare)
            _spare.append(spare)


def give_all_back(base: Path) -> None:
    """Move back what was lent to the data directories below a directory, without the marks of broken locks."""
    for root, pool in [each for each in lent if each[0].is_relative_to(base)]:
        for mark in (root / "locks").glob("*.*"):
            mark.unlink()
        give_locks_back(root, pool)
        lent.remove((root, pool))


def own_locks(root: Path, *names: str) -> None:
    """Let a data directory have just these lock files instead of those that are lent."""
    locks, pool = root / "locks", next(pool for of, pool in reversed(lent) if of == root)
    give_locks_back(root, pool)
    shutil.rmtree(locks, ignore_errors=True)  # on another file system
    locks.mkdir()
    for name in names:
        (locks / name).touch()


def new_root(root: Path, locks: Path) -> Path:
    """Make a data directory, with lock files of the pool."""
    root.mkdir(parents=True)
    root.chmod(0o700)
    for name in ("events", "tmp"):
        (root / name).mkdir()
    lend_locks(locks, root)
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
        several_hosts: bool = False,
    ) -> None:
        self.root = root
        self.layout = Layout(root)
        self.writer = Writer(self.layout)
        self.disk = Disk(
            self.layout, self.writer, clock or Clock(), min_free=min_free, several_hosts=several_hosts
        )
        self.store = Store(self.disk, upload_expiry_s=upload_expiry_s)
        self.intake = Intake(self.store.folder)
        self.is_dead = False

    def __enter__(self) -> "Desk":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self.intake.close()
        self.store.close()

    def die(self) -> None:
        """End as `kill -9` does: what is on the disk stays as it is, and the lock of life goes."""
        self.is_dead = True
        self.disk.index.close()
        os.close(self.writer._hours_fd)
        os.close(self.writer._alive_fd)
        fsio.let_go(self.writer.drafts)
        fsio.let_go(self.writer.folder)
        for fd, _ in self.intake._spools:
            os.close(fd)

    def create(self, **fragments: object) -> EventId:
        return self.store.events.create(new_event(DOCUMENT | fragments), "tester").id

    def make(self, **members: object) -> EventId:
        """Create a managed object."""
        return self.store.inventory.create(new_object(dict(members)), "tester").id

    def name(self, object_id: int, value: str = "4711", kind: str = "c8y_Serial") -> None:
        """Add an external ID to a managed object."""
        self.store.identities.add(ExternalId(kind, value), EventId(object_id))

    def unname(self, value: str = "4711", kind: str = "c8y_Serial") -> None:
        self.store.identities.remove(ExternalId(kind, value))

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


def reindex(root: Path) -> None:
    """Make the index anew, as `c8ybin reindex` does."""
    with Readers(Layout(root), 1) as readers, closing(Store.open(root)) as store:
        store.reindex(readers)


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


def by_path(function: Callable[..., object]) -> Callable[..., object]:
    """Return what stands for a function of `os` and tells another one whole paths, whatever it is told them by."""

    def called(*arguments: object, **folders: int) -> object:
        of = folders.get("src_dir_fd", folders.get("dir_fd")), folders.get("dst_dir_fd")
        paths = [
            argument if fd is None else Path(os.readlink(f"/proc/self/fd/{fd}"), str(argument))
            for argument, fd in zip(arguments, of, strict=False)
        ]
        return function(*paths, *arguments[len(paths) :])

    return called


def patch_call(
    patch: "pytest.MonkeyPatch", call: str, wrap: Callable[[Callable[..., Any]], Callable[..., Any]]
) -> None:
    """Let what `wrap` makes of a function of `os` stand for it; of `open`, for each way to open a file."""
    patch.setattr(os, call, by_path(wrap(getattr(os, call))))
    if call == "open":
        real = beneath.openat2
        patch.setattr(beneath, "openat2", lambda resolve, *, waits: wrap(real(resolve, waits=waits)))


@contextlib.contextmanager
def breaking_at_once(patch: "pytest.MonkeyPatch") -> Iterator[None]:
    """Let this process be another one, which takes any other for dead that has not beaten between two looks."""
    for module, name in (
        (locks, "_PATIENCE_S"),
        (locks, "_LOOK_EVERY_S"),
        (locks, "_SUSPECT_S"),
        (locks, "SILENT_S"),
        (watch, "LONG_SILENT_S"),
    ):
        patch.setattr(module, name, 1e-9)  # more than what was heard just now has
    queues, flocks._queues = flocks._queues, {}  # of the threads of one process
    try:
        yield
    finally:
        flocks._queues = queues


def orphans(root: Path) -> list[str]:
    """List what nothing names in a data directory that no process uses: contents, drafts, what lies in `tmp/`."""
    layout = Layout(root)
    left = list(layout.tmp.rglob("*"))
    for _, home in layout.walk():
        named = {EVENT, BINARY, JOURNAL} | named_contents(home)
        left += [path for path in home.iterdir() if path.name not in named]
    return sorted(str(path.relative_to(root)) for path in left)
