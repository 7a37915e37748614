"""Managed objects: create, read, change, delete, list.

An inventory is small, some thousands at most, so a list walks its files.
"""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from c8ybin import fsio
from c8ybin.domain.errors import Damaged, ObjectNotFound, is_full, is_of_one_file
from c8ybin.domain.events import Document
from c8ybin.domain.ids import EventId, new_event_id
from c8ybin.domain.inventory import ObjectQuery, merge_object
from c8ybin.domain.queries import Paging
from c8ybin.domain.records import decode, encode
from c8ybin.domain.times import format_time, parse_time
from c8ybin.store.commit import tidying
from c8ybin.store.disk import Disk, acknowledged
from c8ybin.store.group_commit import Steps
from c8ybin.store.identities import Identities
from c8ybin.store.singles import drop, put
from c8ybin.store.writer import INVENTORY

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class StoredObject:
    """A managed object; times in milliseconds since 1970. Its owner stands in the document."""

    id: EventId
    created: int
    updated: int
    document: Document

    def to_bytes(self) -> bytes:
        """Write its file."""
        server = {"created": format_time(self.created), "updated": format_time(self.updated)}
        return encode({"server": server, "object": self.document})


@dataclass(frozen=True, slots=True)
class ObjectPage:
    """One page of a list of managed objects; `total` counts all matches, where that was asked."""

    objects: Sequence[StoredObject]
    is_full: bool
    total: int | None


def parse_object(object_id: EventId, data: bytes, path: Path) -> StoredObject:
    """Read the bytes of a managed object's file.

    Raises:
        Damaged: They are not what one holds.
    """
    try:
        (members,), end = decode(data, str(path))
        server, document = members["server"], members["object"]
        if end != len(data) or not isinstance(document["owner"], str):
            raise ValueError
        return StoredObject(object_id, parse_time(server["created"]), parse_time(server["updated"]), document)
    except (KeyError, TypeError, ValueError, RecursionError):
        raise Damaged(f"{path}: not a managed object") from None


class Inventory:
    """The managed objects of one data directory."""

    def __init__(self, disk: Disk, identities: Identities) -> None:
        self._disk = disk
        self._identities = identities

    def exists(self, object_id: EventId) -> bool:
        """Tell whether there is such a managed object."""
        return fsio.exists(self._disk.layout.object(object_id))

    def read(self, object_id: EventId) -> StoredObject:
        """Return a managed object.

        Raises:
            ObjectNotFound: There is no such object.
            Damaged: Its file does not hold what it should.
        """
        path = self._disk.layout.object(object_id)
        try:
            return parse_object(object_id, fsio.read(path), path)
        except FileNotFoundError:
            raise ObjectNotFound from None

    @acknowledged
    def create(self, document: Document, owner: str) -> StoredObject:
        """Create a managed object from a document that is valid; `owner` counts where that names none.

        The link to its name decides a clash of IDs; no lock is needed.

        Raises:
            OSError: ENOSPC, EDQUOT, EIO: there is no such object, or it may not survive a
                power cut.
        """
        self._disk.require_room()
        now = self._disk.clock.now_ms()
        return self._disk.together.run(self._create(now, {"owner": owner, **document}), holds_lock=False)

    def _create(self, now: int, document: Document) -> Steps[StoredObject]:
        millis = now
        while True:
            made = StoredObject(new_event_id(millis), now, now, document)
            path = self._disk.layout.object(made.id)
            try:
                yield from put(self._disk, path, made.to_bytes(), replacing=False)
            except FileExistsError:
                # A millisecond has 4096 numbers, and a clock may stand still: go on in the next one.
                millis += 1
            else:
                return made

    @acknowledged
    def update(self, object_id: EventId, change: Document) -> StoredObject:
        """Merge a change into a managed object; it always has an owner.

        Raises:
            ObjectNotFound: There is no such object.
            Invalid: The change is not acceptable.
            OSError: ENOSPC, EDQUOT, EIO: the object is as it was, or the change may not
                survive a power cut.
        """
        with self._disk.locked(object_id):
            present = self.read(object_id)
            document = {"owner": present.document["owner"], **merge_object(present.document, change)}
            updated = self._disk.next_time(present.updated)
            changed = StoredObject(object_id, present.created, updated, document)
            self._disk.require_room()
            path = self._disk.layout.object(object_id)
            self._disk.together.run(put(self._disk, path, changed.to_bytes(), replacing=True))
            return changed

    @acknowledged
    def delete(self, object_id: EventId) -> None:
        """Delete a managed object, and the external IDs that name it; a full disk does not prevent it.

        What names an object that is gone counts as gone, so the first step decides.

        Raises:
            ObjectNotFound: There is no such object.
            OSError: EIO: it is there, or its removal may not survive a power cut.
        """
        # Before anything is changed: the walk over the external IDs would be refused after the object is gone.
        fsio.may_take_long()
        path = self._disk.layout.object(object_id)
        with self._disk.locked(object_id):
            if not fsio.exists(path):
                raise ObjectNotFound
            self._note_deletion()
            drop(self._disk, path)
        with tidying(self._disk):
            self._identities.drop_of(object_id)

    def _note_deletion(self) -> None:
        try:
            self._disk.writer.note_hour(INVENTORY)
        except OSError as error:
            # Without it a sweep does not look, if this process dies before it has removed the external IDs.
            if not is_full(error):
                raise

    def find(self, query: ObjectQuery, paging: Paging) -> ObjectPage:
        """Return a page of the managed objects that match, by their IDs: the oldest first."""
        found: list[StoredObject] = []
        matches = 0
        for thing in self._candidates(query):
            if query.matches(thing.document):
                if paging.offset <= matches < paging.offset + paging.page_size:
                    found.append(thing)
                matches += 1
                if len(found) == paging.page_size and not paging.with_total:
                    break
        return ObjectPage(found, len(found) == paging.page_size, matches if paging.with_total else None)

    def ids(self) -> list[EventId]:
        """Return the IDs of all managed objects, the damaged ones too, the oldest first."""
        fsio.may_take_long()
        return sorted(object_id for object_id, _ in self._disk.layout.walk_objects())

    def _candidates(self, query: ObjectQuery) -> Iterator[StoredObject]:
        fsio.may_take_long()
        wanted = query.wanted_ids
        if wanted is None:
            wanted = self.ids()
        for object_id in wanted:
            try:
                yield self.read(object_id)
            except ObjectNotFound:
                continue
            except (Damaged, OSError) as error:
                # One that cannot be read does not take the others out of the list.
                if isinstance(error, OSError) and not is_of_one_file(error):
                    raise
                log.error("left out of a list: object %s: %s", object_id, getattr(error, "what", error))
