"""The repair of what a check finds: nothing is removed that somebody may still want.

What is damaged, and what is not ours, is set aside in `quarantine/<time>/`, under the
path that it had; only what no answer ever named (orphans, a dead writer's folder, void
uploads) is removed, as the sweep does.
"""

import time
from collections.abc import Callable
from pathlib import Path

from c8ybin import fsio
from c8ybin.domain.errors import is_full
from c8ybin.domain.ids import EventId
from c8ybin.store.binary import read_binary
from c8ybin.store.commit import drop_upload, touch_event
from c8ybin.store.disk import Disk
from c8ybin.store.examination import Finding, Kind
from c8ybin.store.layout import BINARY, DELETED, EVENT, JOURNAL, is_content_name
from c8ybin.store.listing import Listing
from c8ybin.store.mode import changes
from c8ybin.store.records import cut_off_torn_line
from c8ybin.store.sweep import Sweep
from c8ybin.store.untold import Untold
from c8ybin.store.writer import ALIVE


class Repair:
    """Puts right what is found in one data directory."""

    def __init__(self, disk: Disk) -> None:
        self._disk = disk
        self._sweep = Sweep(disk, Listing(disk, Untold(disk)))
        stamp = time.strftime("%Y-%m-%dT%H-%M-%SZ", time.gmtime(disk.clock.now_ms() / 1000))
        self._quarantine = disk.layout.quarantine / f"{stamp}-{disk.writer.name}"
        self._durable: set[Path] = set()

    @changes
    def mend(self, finding: Finding, event_id: EventId | None) -> str | None:
        """Put one thing right, under the lock of the event where it is one's; tell what was done.

        Raises:
            OSError: It could not be done.
        """
        steps: dict[Kind, Callable[[Path], str | None]] = {
            Kind.EVENT: self._set_event_aside,
            Kind.BINARY: self._set_binary_aside,
            Kind.UPLOAD: self._set_upload_aside,
            Kind.TORN: self._cut_off,
            Kind.ORPHAN: self._remove,
            Kind.VOID: self._drop,
            Kind.DELETION: self._finish_deletion,
            Kind.WRITER: self._sweep_writer,
            Kind.RESTORE: self._remove_staging,
            Kind.LOCK: self._make_lock,
            Kind.FOREIGN: self._set_aside,
            Kind.OBJECT: self._set_aside,
            Kind.IDENTITY: self._set_aside,
            Kind.UNREADABLE: self._leave,
        }
        if event_id is None:
            return steps[finding.kind](finding.path)
        self._disk.prepare(event_id, freeing=True)
        home = self._disk.layout.event(event_id)
        fsio.sync_directory(home)
        whole = finding.kind in (Kind.EVENT, Kind.BINARY, Kind.UPLOAD, Kind.VOID, Kind.DELETION)
        try:
            return steps[finding.kind](home if whole else finding.path)
        finally:
            if fsio.exists(home / EVENT):
                self._disk.index.touched(event_id)
            else:
                self._disk.index.gone(event_id, None)

    def _set_aside(self, path: Path) -> str:
        target = self._quarantine / path.relative_to(self._disk.layout.root)
        self._make_durable_directory(target.parent)
        fsio.rename(path, target)
        for folder in (target.parent, path.parent):
            fsio.sync_directory(folder)
        return f"set aside in {target.parent.relative_to(self._disk.layout.root)}"

    def _make_durable_directory(self, path: Path) -> None:
        # Durable also where it is there: whoever made it may have died before the fsync.
        if path != self._disk.layout.root and path not in self._durable:
            self._make_durable_directory(path.parent)
            fsio.make_directory(path)
            fsio.sync_directory(path.parent)
            self._durable.add(path)

    def _set_event_aside(self, home: Path) -> str:
        return self._set_aside(home)

    def _set_binary_aside(self, home: Path) -> str:
        """Take the binary away from the event, and with it the upload that is based on it."""
        try:
            # As for a DELETE: its lastUpdated must not fall back.
            touch_event(home, 0, self._disk)
        except OSError as error:
            if not is_full(error):
                raise
        # The upload first: without the binary it is void, and a void one is removed.
        if fsio.exists(home / JOURNAL):
            self._set_upload_aside(home)
        return self._set_part_aside(home, BINARY)

    def _set_upload_aside(self, home: Path) -> str:
        if not fsio.exists(home / JOURNAL):
            return "set aside with its attachment"
        return self._set_part_aside(home, JOURNAL)

    def _set_part_aside(self, home: Path, name: str) -> str:
        """Set aside a file that names a content file, and that one.

        The name may be damaged too, so every content file goes that nothing else names and nobody
        is about to name. The bytes go first: once nothing names them, a sweep would remove them.
        """
        for content in _contents(home, besides=name):
            self._set_aside(home / content)
        return self._set_aside(home / name)

    def _cut_off(self, path: Path) -> str:
        cut_off_torn_line(path, self._disk.writer)
        return "cut off"

    def _remove(self, path: Path) -> str:
        fsio.remove(path)
        fsio.sync_directory(path.parent)
        return "removed"

    def _drop(self, home: Path) -> str:
        drop_upload(home, read_binary(home), self._disk)
        return "removed"

    def _finish_deletion(self, home: Path) -> str:
        fsio.remove_with_last(home, DELETED)
        fsio.sync_directory(home.parent)
        return "finished"

    def _sweep_writer(self, folder: Path) -> str | None:
        self._sweep.dead_writers()
        return None if fsio.exists(folder) else "swept"

    def _leave(self, _: Path) -> None:
        """Do nothing: what cannot be read now is not known to be damaged."""

    def _remove_staging(self, folder: Path) -> str:
        fsio.remove_with_last(folder, ALIVE)
        return "removed"

    def _make_lock(self, path: Path) -> str:
        fsio.close(fsio.open_lock(path))
        fsio.sync_directory(path.parent)
        return "made"


def _contents(home: Path, *, besides: str) -> list[str]:
    """Return the content files that the journal or `binary.json`, whichever is not `besides`, does not name."""
    contents = sorted(filter(is_content_name, fsio.names(home)))
    idle = [content for content in contents if not fsio.is_locked(home / content)]
    others = b"".join(_readable(home / name) for name in (BINARY, JOURNAL) if name != besides)
    return [content for content in idle if content.encode() not in others]


def _readable(path: Path) -> bytes:
    try:
        return fsio.read(path)
    except OSError:
        return b""
