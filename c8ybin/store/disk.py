"""What every commit needs: paths, this process's writer, the clock, locks, and which names are durable."""

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from functools import wraps
from pathlib import Path
from threading import Lock
from typing import Concatenate, ParamSpec, Protocol, TypeVar

from c8ybin import fsio
from c8ybin.domain.errors import Busy, CutOff, Damaged, EventNotFound, Refusal, is_full
from c8ybin.domain.ids import Clock, EventId, first_id
from c8ybin.domain.queries import Facts
from c8ybin.domain.sizes import MIB
from c8ybin.index import Index
from c8ybin.store.digesting import Digester
from c8ybin.store.event import read_facts
from c8ybin.store.fence import is_cut_off, require_in_touch
from c8ybin.store.group_commit import Durable, GroupCommit, Steps
from c8ybin.store.journal import sync_journal
from c8ybin.store.layout import EVENT, HOUR_MS, JOURNAL, Layout
from c8ybin.store.locks import Locks
from c8ybin.store.mode import Gate, changes
from c8ybin.store.watch import Watch
from c8ybin.store.writer import Writer

P = ParamSpec("P")
T = TypeVar("T")

LOCK_TIMEOUT_S = 10.0
_INDEX_LOCK_TIMEOUT_S = 10.0
MIN_FREE = 64 * MIB
REMEMBERED = 65_536


class Remembered:
    """A set that forgets what was not asked for longest."""

    def __init__(self, most: int = REMEMBERED) -> None:
        self._most = most
        self._items: OrderedDict[Hashable, None] = OrderedDict()
        self._lock = Lock()

    def __contains__(self, item: Hashable) -> bool:
        with self._lock:
            if item not in self._items:
                return False
            self._items.move_to_end(item)
            return True

    def add(self, item: Hashable) -> None:
        """Put an item in."""
        with self._lock:
            self._items[item] = None
            self._items.move_to_end(item)
            if len(self._items) > self._most:
                self._items.popitem(last=False)


class _HasDisk(Protocol):
    @property
    def _disk(self) -> "Disk": ...


S = TypeVar("S", bound=_HasDisk)


def acknowledged(method: Callable[Concatenate[S, P], T]) -> Callable[Concatenate[S, P], T]:
    """Declare a method that `changes` what is stored, and tells of it only what the processes of other hosts see, too.

    Also its errors count only then: to who was fenced a file in its own folder is missing, or an event is.
    """

    @changes
    @wraps(method)
    def told(self: S, /, *arguments: P.args, **more: P.kwargs) -> T:
        disk = self._disk
        try:
            result = method(self, *arguments, **more)
        except (OSError, Refusal):  # GlusterFS says ESTALE where others say ENOENT
            if disk.is_cut_off():
                raise CutOff from None
            raise
        disk.require_in_touch()
        return result

    return told


class Disk:
    """One data directory as one process uses it."""

    def __init__(
        self,
        layout: Layout,
        writer: Writer,
        clock: Clock,
        *,
        min_free: int = 0,
        several_hosts: bool = False,
    ) -> None:
        """Use a data directory.

        Args:
            layout: Its paths.
            writer: This process.
            clock: Its clock.
            min_free: The reserve in bytes that only deletions may use.
            several_hosts: Whether processes of other hosts may use it, too.
        """
        self.layout = layout
        self.writer = writer
        self.clock = clock
        self.gate = Gate()
        self.watch = Watch(layout, writer, clock.now_ms) if several_hosts else None
        if self.watch:
            self.watch.begin()
        self.locks = Locks(layout, self.watch)
        self.digester = Digester(writer)
        self.index = Index(
            layout.index,
            writer.name,
            writer.drafts / "run",
            read=lambda event_id: read_facts(event_id, layout.event(event_id)),
            is_there=lambda event_id: fsio.exists(layout.event(event_id) / EVENT),
            read_all=self.facts,
            is_writing=lambda name: fsio.exists(layout.tmp / name),
            tell_behind=writer.tell_unindexed,
            hold=lambda: self.locks.index_locked(_INDEX_LOCK_TIMEOUT_S),
            may_write=lambda: self.gate.is_open,
            patience_s=LOCK_TIMEOUT_S if several_hosts else None,
        )
        self.together = GroupCommit()
        self._min_free = min_free
        self._durable = Remembered()

    def facts(self) -> Iterator[Facts]:
        """Yield what the index is to know of each event that can be read, and tell it of those that cannot."""
        for event_id, home in self.layout.walk():
            if facts := read_facts(event_id, home):
                yield facts
            elif fsio.exists(home / EVENT):
                self.index.unread(event_id)

    @contextmanager
    def telling(self, event_id: EventId) -> Iterator[None]:
        """Tell the index of a change to an event, whether it went well or not: a refusal changes nothing."""
        try:
            yield
        except Refusal:
            raise
        except BaseException:
            self.index.touched(event_id)
            raise
        self.index.touched(event_id)

    @property
    def reserve(self) -> int:
        """What only deletions may use, in bytes."""
        return self._min_free

    def require_room(self) -> None:
        """Refuse a change that adds something while free space is below the reserve.

        Raises:
            OSError: ENOSPC.
        """
        fsio.require_free(self.layout.root, self._min_free)

    def next_time(self, previous: int) -> int:
        """Return the present time, or `previous` where this process's clock is behind: none falls back."""
        return max(self.clock.now_ms(), previous)

    @contextmanager
    def held(self, event_id: EventId, *, timeout_s: float | None = None) -> Iterator[Path]:
        """Lock an event and yield its directory; waits for the lock up to LOCK_TIMEOUT_S unless told otherwise.

        For local file work only: no byte of a client is awaited under it, and nobody
        holds two.

        Raises:
            EventNotFound: There is no such event.
            Busy: The lock was not to be had in time.
        """
        # The lock files last: an event's directory may vanish, its lock may not.
        with self.locked(event_id, timeout_s=timeout_s):
            home = self.layout.event(event_id)
            if not fsio.exists(home / EVENT):
                raise EventNotFound
            with self.still_there(home):
                yield home

    @contextmanager
    def still_there(self, home: Path) -> Iterator[None]:
        """Turn what is missing on the way into what it means: the event was deleted meanwhile.

        After any other error a sweep will look at what the block left: a disk that fails
        need not let it be removed.

        Raises:
            EventNotFound: The event is gone.
        """
        try:
            yield
        except (FileNotFoundError, Damaged):
            if fsio.exists(home / EVENT):
                raise
            raise EventNotFound from None
        except OSError:
            self.writer.left_something = True
            raise

    @contextmanager
    def locked(self, number: int, *, timeout_s: float | None = None) -> Iterator[None]:
        """Hold the lock of an event, or of another number, whether it exists or not.

        Raises:
            Busy: The lock was not to be had in time.
        """
        within_s = LOCK_TIMEOUT_S if timeout_s is None else timeout_s
        with ExitStack() as stack:
            try:
                stack.enter_context(self.locks.locked(number, within_s))
            except TimeoutError:
                raise Busy from None
            yield

    def require_in_touch(self) -> None:
        """Make sure, where several hosts are at work, that the others see what was committed here.

        Raises:
            CutOff: They took this process for dead.
            OSError: Nobody knows.
        """
        if self.watch:
            require_in_touch(self.writer)

    def is_cut_off(self) -> bool:
        """Tell whether the processes of other hosts took this one for dead."""
        with suppress(OSError):  # then nobody knows, and what failed tells more
            return self.watch is not None and is_cut_off(self.writer)
        return False

    def prepare_new(self, event_id: EventId) -> Steps[None]:
        """Make the hour of a new event, durably, and note that this process changes it."""
        hour = self.layout.hour(event_id)
        self.writer.note_hour(self.layout.hour_name(event_id))
        if hour not in self._durable:
            _make_hour(hour)
            yield from self._sync_parents(hour)

    def make_next_hour(self) -> None:
        """Make the directory of the hour after this one, where it is not there yet.

        Else all processes of all hosts would make it at once when it begins, and on GlusterFS a
        storm of mkdir may leave the parent unusable, for minutes. Nothing is promised of it.
        """
        hour = self.layout.hour(EventId(first_id(self.clock.now_ms() + HOUR_MS)))
        with suppress(OSError):
            _make_hour(hour)

    def preparation(self, event_id: EventId) -> Steps[Sequence[Path]]:
        """Note the hour of an event that is about to change, and make durable what leads to it.

        Whoever made its directory may have died before the fsync of the hour; an answer
        that rests on the event must not be lost with it.

        Returns:
            The hour, where it must still be made durable before the change counts; after that
            `leads_durably_to` is called.
        """
        self.writer.note_hour(self.layout.hour_name(event_id))
        if event_id in self._durable:
            return ()
        hour = self.layout.hour(event_id)
        if hour not in self._durable:
            yield from self._sync_parents(hour)
        return (hour,)

    def prepare(self, event_id: EventId, *, freeing: bool = False) -> None:
        """Make durable what leads to an event that is about to change, and note its hour.

        Args:
            event_id: The event.
            freeing: The change frees space, so a full disk must not prevent it.

        Raises:
            EventNotFound: There is no such hour.
        """
        try:
            self.together.run(self._prepare(event_id))
        except FileNotFoundError:
            raise EventNotFound from None
        except OSError as error:
            if not (freeing and is_full(error)):
                raise

    def _prepare(self, event_id: EventId) -> Steps[None]:
        hour = self.layout.hour(event_id)
        if hour not in self._durable:
            yield from self._sync_parents(hour)
        if event_id not in self._durable:
            yield Durable(directories=(hour,))
        self.writer.note_hour(self.layout.hour_name(event_id))
        self._durable.add(event_id)

    def committed(self, event_id: EventId) -> None:
        """Make the names in an event's hour durable: it was removed."""
        fsio.sync_directory(self.layout.hour(event_id))

    def leads_durably_to(self, event_id: EventId) -> None:
        """Remember that the hour of an event is durable and noted, because this process made it so."""
        self._durable.add(event_id)

    def _sync_parents(self, hour: Path) -> Steps[None]:
        yield Durable(directories=(hour.parent, hour.parent.parent, self.layout.root))
        self._durable.add(hour)

    def directories_to(self, path: Path) -> Sequence[Path]:
        """Return what must be durable before a single file's name is; then `is_durable` is called."""
        shelf = path.parent
        return (shelf,) if shelf in self._durable else (shelf, shelf.parent, self.layout.root)

    def is_durable(self, path: Path) -> None:
        """Remember that a single file's name is durable, because this process made it so."""
        self._durable.add(path.parent)
        self._durable.add(path)

    def make_durable(self, path: Path) -> Steps[None]:
        """Make a single file's name durable: whoever made it may have died before the fsync."""
        if path not in self._durable:
            yield Durable(directories=self.directories_to(path))
            self.is_durable(path)

    def make_journal_durable(self, home: Path) -> None:
        """Make a journal durable before a line is added, as far as another process wrote it.

        That may have died before its fsync: of two lines, a power cut may keep the second
        alone, and a journal with a hole is damage.
        """
        if self._journal(home) not in self._durable:
            sync_journal(home)

    def journal_is_durable(self, home: Path) -> None:
        """Remember that the present journal is durable, because this process made it so."""
        self._durable.add(self._journal(home))

    def _journal(self, home: Path) -> tuple[Path, int, int]:
        status = fsio.status(home / JOURNAL)
        return home, status.st_ino, status.st_size


def _make_hour(hour: Path) -> None:
    if not fsio.exists(hour):
        fsio.make_directory(hour.parent)
        fsio.make_directory(hour)
