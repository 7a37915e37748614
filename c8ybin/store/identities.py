"""External IDs: what other systems call managed objects.

An external ID whose managed object is gone counts as gone itself. So the removal of the
object's file is the one step that decides a deletion; what is left of its external IDs
is removed after, by a sweep if a process died in between, or replaced.
"""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from c8ybin import fsio
from c8ybin.domain.errors import Busy, Damaged, ExternalIdNotFound, ExternalIdTaken, ObjectNotFound
from c8ybin.domain.ids import EventId, is_id
from c8ybin.domain.inventory import ExternalId
from c8ybin.domain.records import decode, encode, texts
from c8ybin.store.disk import Disk, acknowledged
from c8ybin.store.fence import take_away
from c8ybin.store.group_commit import Steps
from c8ybin.store.layout import Layout
from c8ybin.store.singles import drop, put
from c8ybin.store.writer import INVENTORY


@dataclass(frozen=True, slots=True)
class Identity:
    """What the file of an external ID holds: it, and the managed object that it names."""

    external_id: ExternalId
    object_id: EventId

    def to_bytes(self) -> bytes:
        """Write it."""
        kind, value = self.external_id
        return encode({"type": kind, "externalId": value, "object": str(self.object_id)})


def parse_identity(layout: Layout, data: bytes, path: Path) -> Identity:
    """Read the bytes of an external ID's file.

    Raises:
        Damaged: They are not what the one of this path holds.
    """
    try:
        (members,), end = decode(data, str(path))
        kind, value, object_id = texts(members, "type", "externalId", "object")
        if end != len(data) or not is_id(object_id) or layout.external_id(kind, value) != path:
            raise ValueError
    except (KeyError, TypeError, ValueError, RecursionError):
        raise Damaged(f"{path}: not an external ID") from None
    return Identity(ExternalId(kind, value), EventId(int(object_id)))


class Identities:
    """The external IDs of one data directory."""

    def __init__(self, disk: Disk) -> None:
        self._disk = disk

    def find(self, external_id: ExternalId) -> EventId:
        """Return the managed object that an external ID names.

        Raises:
            ExternalIdNotFound: There is no such external ID.
            Damaged: Its file does not hold what it should.
        """
        found = self._read(self._disk.layout.external_id(*external_id))
        if found is None or self._is_dangling(found):
            raise ExternalIdNotFound
        return found.object_id

    def of(self, object_id: EventId) -> list[ExternalId]:
        """Return all external IDs of a managed object.

        Raises:
            ObjectNotFound: There is no such object.
        """
        self._require_object(object_id)
        return sorted(identity.external_id for _, identity in self._all() if identity.object_id == object_id)

    @acknowledged
    def add(self, external_id: ExternalId, object_id: EventId) -> None:
        """Let an external ID name a managed object.

        Raises:
            ObjectNotFound: There is no such object.
            ExternalIdTaken: It names one already.
            OSError: ENOSPC, EDQUOT, EIO: nothing has changed, or the external ID may not
                survive a power cut.
        """
        path = self._disk.layout.external_id(*external_id)
        with self._disk.locked(self._disk.layout.number_of(path)):
            self._require_object(object_id)
            present = self._read(path)
            if present and not self._is_dangling(present):
                raise ExternalIdTaken
            self._disk.require_room()
            # For the case that the object is deleted just now, and this process killed before it looks again.
            self._disk.writer.note_hour(INVENTORY)
            if present:
                self._make_removal_durable(present.object_id)
            identity = Identity(external_id, object_id)
            try:
                self._disk.together.run(self._add(path, identity, replacing=present is not None))
            except FileExistsError:
                raise ExternalIdTaken from None
            if self._is_dangling(identity):
                drop(self._disk, path)
                raise ObjectNotFound

    def _add(self, path: Path, identity: Identity, *, replacing: bool) -> Steps[None]:
        # Whoever made the object may have died before its fsync; the answer rests on it.
        yield from self._disk.make_durable(self._disk.layout.object(identity.object_id))
        yield from put(self._disk, path, identity.to_bytes(), replacing=replacing)

    @acknowledged
    def remove(self, external_id: ExternalId) -> None:
        """Remove an external ID; a full disk does not prevent it.

        Raises:
            ExternalIdNotFound: There is no such external ID.
            OSError: EIO: it is there, or its removal may not survive a power cut.
        """
        path = self._disk.layout.external_id(*external_id)
        with self._disk.locked(self._disk.layout.number_of(path)):
            self.find(external_id)
            drop(self._disk, path)

    def drop_of(self, object_id: EventId) -> None:
        """Remove what names a managed object that is gone, durably; what is in use is left to a sweep."""
        for path, identity in self._all():
            if identity.object_id == object_id:
                try:
                    if self._drop(path):
                        fsio.sync_directory(path.parent)
                except Busy:
                    self._disk.writer.left_something = True

    def drop_dangling(self) -> None:
        """Remove every external ID whose managed object is gone, durably.

        Raises:
            Busy: One is in use.
        """
        for path, identity in self._all():
            if self._is_dangling(identity):
                self._make_removal_durable(identity.object_id)
                self._drop(path)
        for kind in self._disk.layout.external_id_types():
            # Also what the dead process removed, for its fsync.
            fsio.sync_directory(kind)

    def _drop(self, path: Path) -> bool:
        with self._disk.locked(self._disk.layout.number_of(path)):
            present = self._read(path)
            return present is not None and self._is_dangling(present) and take_away(path, self._disk.writer)

    def _make_removal_durable(self, object_id: EventId) -> None:
        """Make it durable that an object is gone: whoever removed it may have died before the fsync."""
        with suppress(FileNotFoundError):
            fsio.sync_directory(self._disk.layout.object(object_id).parent)

    def _require_object(self, object_id: EventId) -> None:
        if not fsio.exists(self._disk.layout.object(object_id)):
            raise ObjectNotFound

    def _is_dangling(self, identity: Identity) -> bool:
        return not fsio.exists(self._disk.layout.object(identity.object_id))

    def _read(self, path: Path) -> Identity | None:
        try:
            return parse_identity(self._disk.layout, fsio.read(path), path)
        except FileNotFoundError:
            return None

    def _all(self) -> Iterator[tuple[Path, Identity]]:
        for path in self._disk.layout.walk_external_ids():
            # What is damaged is left to whoever repairs it.
            with suppress(Damaged):
                if identity := self._read(path):
                    yield path, identity
