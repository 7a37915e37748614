"""Beats: how the processes of several hosts see of each other that they are alive, and what o'clock it is there.

Each rewrites `tmp/<writer>/beat` every second: a count, its clock, and the locks that it
holds. Whoever watches reads it by a fresh open, and measures by its own monotonic clock for
how long it has not changed; nobody's wall clock decides anything. How long the watcher itself
was stopped, or the file system answered nobody, does not count.
"""

import socket
import time
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

from c8ybin import fsio
from c8ybin.domain.errors import Damaged
from c8ybin.domain.records import Record, decode, encode
from c8ybin.store.writer import Writer

BEAT = "beat"
BEAT_EVERY_S = 1.0
# Between two looks at a beat lies at most this, or else the silence between them does not count.
LONGEST_GAP_S = 2.5
# A look that takes longer says that the file system stalls, for others perhaps, too.
LONGEST_LOOK_S = 1.0


class Beat:
    """This process's own."""

    def __init__(self, writer: Writer, held: set[str], now_ms: Callable[[], int]) -> None:
        """Prepare it.

        Args:
            writer: This process.
            held: The names of the locks that it holds or is about to take, as they are at any time.
            now_ms: Its clock.
        """
        self._path = writer.folder / BEAT
        self._held = held
        self._now_ms = now_ms
        self._count = 0

    def begin(self) -> None:
        """Beat for the first time: from then on this process may be fenced.

        Raises:
            OSError: The file cannot be made.
        """
        fsio.close(fsio.create(self._path))
        self.beat()

    def beat(self) -> None:
        """Beat once more.

        Raises:
            FileNotFoundError: The folder was swept.
            OSError: The others may not see it.
        """
        self._count += 1
        record = {
            "count": self._count,
            "now": self._now_ms(),
            "host": socket.gethostname(),
            "locks": sorted(self._held.copy()),
        }
        data = encode(record)
        with fsio.opened(self._path, write=True) as fd:
            fsio.write_at(fd, data, 0)
            fsio.truncate(fd, len(data))
            fsio.sync_data(fd)


@dataclass(frozen=True, slots=True)
class Heard:
    """What was last heard of a writer.

    Attributes:
        data: The bytes of its beat.
        changed_at: Since when they have been the same, by the monotonic clock of this process.
        heard_at: When that was last seen.
        ahead_ms: How far its clock was ahead of this one's; None where that is not known yet.
        record: What the beat says; None where it was torn.
    """

    data: bytes
    changed_at: float
    heard_at: float
    ahead_ms: int | None
    record: Record | None

    @property
    def silent_s(self) -> float:
        """For how long it has surely not beaten."""
        return self.heard_at - self.changed_at

    @property
    def count(self) -> int:
        """How often it has beaten; 0 where nobody can tell."""
        return self.record["count"] if self.record else 0

    @property
    def locks(self) -> Collection[str]:
        """The names of the locks that it held, or was about to take, where the beat was not torn."""
        return self.record["locks"] if self.record else ()


class Ear:
    """Hears the beats of others."""

    def __init__(
        self, tmp: Path, now_ms: Callable[[], int], monotonic_s: Callable[[], float] = time.monotonic
    ) -> None:
        self._tmp = tmp
        self._now_ms = now_ms
        self._monotonic_s = monotonic_s
        self._heard: dict[str, Heard] = {}
        self._lock = Lock()

    def hear(self, name: str) -> Heard | None:
        """Look at the beat of a writer; None where it has none.

        Raises:
            OSError: It cannot be read.
        """
        began = self._monotonic_s()
        try:
            data = fsio.read(self._tmp / name / BEAT)
        except (FileNotFoundError, NotADirectoryError):
            with self._lock:
                self._heard.pop(name, None)
            return None
        ended = self._monotonic_s()
        with self._lock:
            before = self._heard.get(name)
            heard = self._heard[name] = self._compared(before, data, began, ended)
        return heard

    def _compared(self, before: Heard | None, data: bytes, began: float, ended: float) -> Heard:
        watched = (
            before is not None
            and ended - before.heard_at <= LONGEST_GAP_S
            and ended - began <= LONGEST_LOOK_S
        )
        if before and before.data == data:
            changed_at = before.changed_at if watched else ended
            return Heard(data, changed_at, ended, before.ahead_ms, before.record)
        try:
            record = decode(data, BEAT)[0][0]
        except Damaged:
            record = None
        # Of the first beat that is seen nobody knows how old it is.
        ahead_ms = record["now"] - self._now_ms() if watched and record else None
        if ahead_ms is None and before:
            ahead_ms = before.ahead_ms
        return Heard(data, ended, ended, ahead_ms, record)

    def forget_all_but(self, names: Iterable[str]) -> None:
        """Forget the writers that are gone."""
        with self._lock:
            for name in self._heard.keys() - set(names):
                del self._heard[name]

    def clocks(self) -> dict[str, int]:
        """Return how many milliseconds the clocks of hosts are ahead, as far as it was heard lately."""
        since = self._monotonic_s() - 60
        with self._lock:
            return {
                heard.record["host"]: heard.ahead_ms
                for heard in self._heard.values()
                if heard.record and heard.ahead_ms is not None and heard.heard_at > since
            }
