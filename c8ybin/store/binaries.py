"""The one binary of an event: open, attach, replace, delete.

`binary.json` is the commit point: it names the content file, and whoever reads it
sees the old binary or the new one.
"""

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from c8ybin import fsio
from c8ybin.bodies import Received
from c8ybin.domain.conditions import Precondition
from c8ybin.domain.digests import OURS
from c8ybin.domain.errors import BinaryExists, BinaryNotFound, Damaged, EventNotFound, Refusal, is_full
from c8ybin.domain.ids import EventId
from c8ybin.store.binary import Binary, read_binary, validators_of
from c8ybin.store.commit import (
    commit,
    drop_upload,
    drop_void_upload,
    is_being_replaced,
    remove_content,
    removed_unless_named,
    tidying,
    touch_event,
)
from c8ybin.store.disk import Disk, acknowledged
from c8ybin.store.fence import take_away
from c8ybin.store.group_commit import Steps, is_small
from c8ybin.store.journal import read_journal
from c8ybin.store.layout import BINARY, CONTENT, EVENT, JOURNAL

# What waits longer than this to remove what is void leaves it to the sweep.
_TIDY_TIMEOUT_S = 1.0


@dataclass(frozen=True, slots=True)
class OpenBinary:
    """A binary and a descriptor on its bytes, which stay readable whatever becomes of the event."""

    binary: Binary
    fd: int


class Binaries:
    """The binaries of the events in one data directory."""

    def __init__(self, disk: Disk) -> None:
        self._disk = disk

    def find(self, event_id: EventId) -> Binary:
        """Return the binary of an event.

        Raises:
            EventNotFound: There is no such event.
            BinaryNotFound: It has no complete binary.
            Damaged: `binary.json` does not hold what it should.
        """
        return self._find(self._disk.layout.event(event_id))

    def _find(self, home: Path) -> Binary:
        binary = read_binary(home)
        # A deletion on a full disk may leave a directory without its event.
        if not fsio.exists(f"{home}/{EVENT}"):
            raise EventNotFound
        if binary is None:
            raise BinaryNotFound
        return binary

    def open(self, event_id: EventId) -> OpenBinary:
        """Open the binary of an event for reading; the descriptor is the caller's to close.

        Raises:
            EventNotFound: There is no such event.
            BinaryNotFound: It has no complete binary.
            Damaged: The content file is gone or has another length.
        """
        home = self._disk.layout.event(event_id)
        missing = None
        while True:
            binary = self._find(home)
            try:
                fd = fsio.open_existing(f"{home}/{binary.content}")
            except FileNotFoundError:
                # Replaced between the two steps, unless the same file is named again.
                if missing == binary.content:
                    raise Damaged(f"{home / binary.content}: missing") from None
                missing = binary.content
                continue
            if fsio.length(fd) != binary.length:
                fsio.close(fd)
                raise Damaged(f"{home / binary.content}: not {binary.length} bytes long")
            return OpenBinary(binary, fd)

    @acknowledged
    def attach(self, event_id: EventId, received: Received, owner: str, wanted: Precondition) -> Binary:
        """Make a received body the binary of an event that has none.

        Takes no lock unless a condition is set: the link of `binary.json` has one winner.

        Args:
            event_id: The event.
            received: A file in the writer's folder; moved, not copied.
            owner: Who sent it.
            wanted: What must hold of the present binary (RFC 9110, section 13.1).

        Raises:
            EventNotFound: There is no such event.
            BinaryExists: It has a binary.
            PreconditionFailed: `wanted` does not hold.
            OSError: ENOSPC, EDQUOT, EIO: nothing has changed, or the new binary stands
                but may not survive a power cut.

        Source: Cumulocity OpenAPI, POST /event/events/{id}/binaries.
        """
        _lighten(received)
        if wanted:
            with self._disk.held(event_id) as home:
                wanted.check(validators_of(read_binary(home)))
                binary = self._commit(
                    event_id, self._attach(event_id, home, received, owner), holds_lock=True
                )
        else:
            home = self._disk.layout.event(event_id)
            with self._disk.still_there(home):
                steps = self._attach(event_id, home, received, owner)
                binary = self._commit(event_id, steps, holds_lock=False)
        if fsio.exists(f"{home}/{JOURNAL}"):
            # Void by now; what stays of it is swept, so its removal neither fails the request nor delays it for long.
            with (
                suppress(Refusal),
                tidying(self._disk),
                self._disk.held(event_id, timeout_s=_TIDY_TIMEOUT_S),
            ):
                drop_void_upload(home, self._disk)
        self._disk.digester.follow(home, binary)
        return binary

    @acknowledged
    def replace(self, event_id: EventId, received: Received, owner: str, wanted: Precondition) -> Binary:
        """Make a received body the one binary of an event, whatever it had before.

        The arguments and errors are those of `attach`, but for `BinaryExists`.

        Source: Cumulocity OpenAPI, PUT /event/events/{id}/binaries.
        """
        _lighten(received)
        with self._disk.held(event_id) as home:
            steps = self._replace(event_id, home, received, owner, wanted)
            with self._disk.telling(event_id):
                binary, replaced = self._disk.together.run(steps)
            with tidying(self._disk):
                drop_upload(home, binary, self._disk)
                if replaced:
                    remove_content(home, replaced.content)
        self._disk.digester.follow(home, binary)
        return binary

    @acknowledged
    def delete(self, event_id: EventId, wanted: Precondition) -> str | None:
        """Remove the binary of an event, and its incomplete upload; a full disk does not prevent it.

        Returns:
            What the file was called; None where nobody can say.

        Raises:
            EventNotFound: There is no such event.
            BinaryNotFound: It has neither.
            PreconditionFailed: `wanted` does not hold.
            OSError: EIO: the binary is there, or its removal may not survive a power cut.
        """
        with self._disk.held(event_id) as home:
            binary = read_binary(home)
            wanted.check(validators_of(binary))
            self._disk.prepare(event_id, freeing=True)
            with self._disk.telling(event_id):
                if fsio.exists(home / JOURNAL):
                    # What makes the upload void may not be durable yet, if its writer died: the
                    # binary before it must not come back without its upload.
                    fsio.sync_directory(home)
                if binary is None:
                    name = _name_of_upload(home)
                    if not drop_upload(home, None, self._disk):
                        raise BinaryNotFound
                    return name
                if not is_being_replaced(home, binary):
                    # Void or damaged: it must not come back when the binary is gone.
                    drop_upload(home, binary, self._disk)
                self._delete(home, binary)
                return binary.name

    def _commit(self, event_id: EventId, steps: Steps[Binary], *, holds_lock: bool) -> Binary:
        """Take the steps of attaching, and tell the index."""
        try:
            binary = self._disk.together.run(steps, holds_lock=holds_lock)
        except OSError:
            self._disk.index.touched(event_id)
            raise
        self._disk.index.attached(event_id, binary.time, binary.length)
        return binary

    def _attach(self, event_id: EventId, home: Path, received: Received, owner: str) -> Steps[Binary]:
        if not fsio.exists(f"{home}/{EVENT}"):
            raise EventNotFound
        if fsio.exists(f"{home}/{BINARY}"):
            raise BinaryExists
        leading = yield from self._disk.preparation(event_id)
        binary = self._place(event_id, home, received, owner, None)
        with removed_unless_named(home, binary.content):
            content = received.body.unsynced
            yield from commit(home, binary, None, self._disk, content=content, leading=leading)
        self._disk.leads_durably_to(event_id)
        if not fsio.exists(f"{home}/{EVENT}"):
            raise EventNotFound  # deleted in place meanwhile, on a full disk
        return binary

    def _replace(
        self, event_id: EventId, home: Path, received: Received, owner: str, wanted: Precondition
    ) -> Steps[tuple[Binary, Binary | None]]:
        """Return the new binary and the one that it replaced."""
        present = read_binary(home)
        wanted.check(validators_of(present))
        leading = yield from self._disk.preparation(event_id)
        binary = self._place(event_id, home, received, owner, present)
        with removed_unless_named(home, binary.content):
            content = received.body.unsynced
            try:
                yield from commit(home, binary, present, self._disk, content=content, leading=leading)
            except BinaryExists:  # by a POST, which takes no lock
                present = read_binary(home)
                wanted.check(validators_of(present))
                yield from commit(home, binary, present, self._disk)
        self._disk.leads_durably_to(event_id)
        return binary, present

    def _place(
        self, event_id: EventId, home: Path, received: Received, owner: str, over: Binary | None
    ) -> Binary:
        """Move a body into an event's directory, under a name that `binary.json` does not know yet."""
        binary = Binary(
            content=self._disk.writer.next_name(CONTENT),
            type=received.label.type,
            name=received.label.name or str(event_id),
            length=received.body.length,
            sha256=received.body.digests.get(OURS),
            time=self._disk.next_time(over.time if over else 0),
            owner=owner,
        )
        received.body.move_to(f"{home}/{binary.content}")
        return binary

    def _delete(self, home: Path, binary: Binary) -> None:
        touched = self._touch(home, binary)
        if not take_away(home / BINARY, self._disk.writer):
            raise BinaryNotFound
        fsio.sync_directory(home)
        with tidying(self._disk):
            # The upload that was to replace the binary is void with it, so both went in one step.
            drop_upload(home, None, self._disk)
            remove_content(home, binary.content)
        if not touched:
            self._touch(home, binary)

    def _touch(self, home: Path, binary: Binary) -> bool:
        """Let the event's own time be now, so that its lastUpdated does not fall back with the binary's."""
        try:
            touch_event(home, binary.time, self._disk)
        except OSError as error:
            if not is_full(error):
                raise
            return False
        return True


def _name_of_upload(home: Path) -> str | None:
    with suppress(Damaged):
        journal = read_journal(home)
        return journal.label.name if journal else None
    return None


def _lighten(received: Received) -> None:
    """Fsync a large body in its own thread, so that no small one waits for it."""
    if not is_small(received.body.length):
        received.body.make_durable()
