"""Events: create, read, change, delete."""

from contextlib import suppress
from pathlib import Path

from c8ybin import fsio
from c8ybin.domain.conditions import Precondition
from c8ybin.domain.errors import Damaged, EventNotFound, is_full
from c8ybin.domain.events import Document, merge_event
from c8ybin.domain.ids import EventId, new_event_id
from c8ybin.domain.times import parse_time
from c8ybin.store.commit import write_event
from c8ybin.store.disk import Disk, acknowledged
from c8ybin.store.event import EventFile, StoredEvent, parse_event_file, read_event, stored_event
from c8ybin.store.group_commit import Durable, Steps
from c8ybin.store.layout import DELETED, EVENT


class Events:
    """The events of one data directory."""

    def __init__(self, disk: Disk) -> None:
        self._disk = disk

    def exists(self, event_id: EventId) -> bool:
        """Tell whether there is such an event."""
        return fsio.exists(self._disk.layout.event(event_id) / EVENT)

    def read(self, event_id: EventId) -> StoredEvent:
        """Return an event.

        Raises:
            EventNotFound: There is no such event.
            Damaged: A file of it does not hold what it should.
        """
        return read_event(event_id, self._disk.layout.event(event_id))

    def source(self, event_id: EventId) -> str:
        """Return the source of an event.

        Raises:
            EventNotFound: There is no such event.
            Damaged: Its file does not hold what it should.
        """
        path = self._disk.layout.event(event_id) / EVENT
        try:
            file = parse_event_file(fsio.read(path), path)
        except FileNotFoundError:
            raise EventNotFound from None
        return str(file.document["source"]["id"])

    @acknowledged
    def create(self, document: Document, owner: str) -> StoredEvent:
        """Create an event from a document that is valid.

        Its directory is built aside and renamed to its place, which decides a clash of
        IDs; no lock is needed.

        Raises:
            OSError: ENOSPC, EDQUOT, EIO: there is no such event, or it may not survive a
                power cut.
        """
        self._disk.require_room()
        return self._disk.together.run(self._create(document, owner), holds_lock=False)

    def _create(self, document: Document, owner: str) -> Steps[StoredEvent]:
        now = self._disk.clock.now_ms()
        box = Path(f"{self._disk.writer.drafts}/{self._disk.writer.next_name('event')}")
        data = EventFile(now, now, owner, document).to_bytes()
        fsio.make_directory(box)
        try:
            fd = fsio.create(f"{box}/{EVENT}")
            with fsio.closing(fd):
                fsio.write_at(fd, data, 0)
                yield Durable(files=(fd,), directories=(box,))
            event_id = yield from self._put_in_place(box, now)
        except BaseException:
            # By name: `remove_tree` needs a descriptor, for want of which this may have failed.
            with suppress(OSError):
                fsio.remove(box / EVENT)
                fsio.remove_directory(box)
            raise
        event = stored_event(event_id, self._disk.layout.event(event_id), data, None, None)
        # From now on lists may show it: the next one that begins after the answer does.
        self._disk.index.born(event.facts)
        yield Durable(directories=(self._disk.layout.hour(event_id),))
        self._disk.leads_durably_to(event_id)
        return event

    def _put_in_place(self, box: Path, now: int) -> Steps[EventId]:
        while True:
            event_id = new_event_id(now)
            yield from self._disk.prepare_new(event_id)
            try:
                # An event's directory is never empty, so a rename never replaces one.
                fsio.rename(box, self._disk.layout.event(event_id))
            except OSError as error:
                if not fsio.is_taken(error):
                    raise
                # A millisecond has 4096 numbers, and a clock may stand still: go on in the next one.
                now += 1
            else:
                return event_id

    @acknowledged
    def update(self, event_id: EventId, change: Document, wanted: Precondition) -> StoredEvent:
        """Merge a change into an event.

        Raises:
            EventNotFound: There is no such event.
            PreconditionFailed: `wanted` does not hold.
            Invalid: The change touches what may not change.
            OSError: ENOSPC, EDQUOT, EIO: the event is as it was, or the change may not
                survive a power cut.
        """
        with self._disk.held(event_id) as home:
            present = read_event(event_id, home)
            wanted.check(present.validators)
            file = EventFile(
                created=present.file.created,
                updated=self._disk.next_time(present.updated),
                owner=present.file.owner,
                document=merge_event(present.file.document, change),
            )
            self._disk.require_room()
            with self._disk.telling(event_id):
                self._disk.together.run(self._update(event_id, home, file))
            return read_event(event_id, home)

    def _update(self, event_id: EventId, home: Path, file: EventFile) -> Steps[None]:
        leading = yield from self._disk.preparation(event_id)
        yield from write_event(home, file, self._disk, leading)
        self._disk.leads_durably_to(event_id)

    @acknowledged
    def delete(self, event_id: EventId, wanted: Precondition) -> None:
        """Delete an event with its binary; a full disk does not prevent it.

        Raises:
            EventNotFound: There is no such event.
            PreconditionFailed: `wanted` does not hold.
            OSError: EIO: the event is there, or its removal may not survive a power cut.
        """
        if wanted:
            with self._disk.held(event_id) as home:
                wanted.check(read_event(event_id, home).validators)
                self._remove(event_id, home)
        else:
            self._remove(event_id, self._disk.layout.event(event_id))

    def _remove(self, event_id: EventId, home: Path) -> None:
        if not fsio.exists(home / EVENT):
            raise EventNotFound
        self._disk.prepare(event_id, freeing=True)
        grave = self._disk.writer.drafts / self._disk.writer.next_name("gone")
        with self._disk.still_there(home):
            try:
                fsio.rename(home, grave)
            except OSError as error:
                if not is_full(error):
                    raise
                self._remove_in_place(event_id, home)
            else:
                self._disk.index.gone(event_id, _time_in(grave))
                self._disk.committed(event_id)
                fsio.remove_tree(grave)

    def _remove_in_place(self, event_id: EventId, home: Path) -> None:
        """Remove an event where it is: there is no room for its name in another directory."""
        try:
            fsio.rename(home / EVENT, home / DELETED)
        except OSError as error:
            if not is_full(error):
                raise
            # btrfs at its quota gives no name at all, but lets one go.
            if not fsio.remove(home / EVENT):
                raise EventNotFound from None
        self._disk.index.gone(event_id, None)
        fsio.sync_directory(home)
        fsio.remove_with_last(home, DELETED)
        self._disk.committed(event_id)


def _time_in(grave: Path) -> int | None:
    """Return the `time` of a deleted event, by which the index finds it sooner than by its ID."""
    try:
        document = parse_event_file(fsio.read(grave / EVENT), grave / EVENT).document
    except (OSError, Damaged):
        return None
    return parse_time(document["time"])
