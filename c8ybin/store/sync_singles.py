"""What a copy has besides the events: accounts, the certificate, managed objects, external IDs. All of it is read each
time, for there is little of it."""

from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

from c8ybin import fsio
from c8ybin.store.layout import ACCOUNTS, FIRST_PASSWORD, Layout
from c8ybin.store.single_snapshots import SinglesSnapshot
from c8ybin.store.snapshot import File
from c8ybin.store.sync_hours import Synced
from c8ybin.store.target import Target


class SinglesCopy:
    """Copies them; what is changed is durable after `make_durable`."""

    def __init__(
        self, source: Layout, target: Target, done: Synced, left_out: Callable[[str, str], None]
    ) -> None:
        self._source = source
        self._target = target
        self._done = done
        self._snapshot = SinglesSnapshot(source, done.others, left_out)

    def of_directory(self) -> None:
        """Copy the accounts, the first password and the certificate; nobody else may read them."""
        for name in (ACCOUNTS, FIRST_PASSWORD):
            self._private(self._source.root / name)
        for folder in {self._source.tls, self._target.layout.tls}:
            with suppress(FileNotFoundError):
                for name in fsio.names(folder):
                    self._private(self._source.tls / name)

    def _private(self, path: Path) -> None:
        place = self._target.layout.root / path.relative_to(self._source.root)
        data = _read(path)
        if data is None:
            fsio.remove(place)
        elif data != _read(place):
            fsio.make_directory(place.parent)
            self._target.put(place, data, mode=fsio.PRIVATE_MODE)

    def objects(self) -> None:
        """Copy the managed objects, and remove those that have gone."""
        layout = self._target.layout
        self._files(self._snapshot.objects(), layout, lambda: (path for _, path in layout.walk_objects()))

    def external_ids(self) -> None:
        """Copy the external IDs of these objects, and remove those that have gone."""
        layout = self._target.layout
        self._files(self._snapshot.external_ids(), layout, layout.walk_external_ids)

    def _files(
        self, files: Iterable[tuple[str, File]], layout: Layout, present: Callable[[], Iterable[Path]]
    ) -> None:
        kept = set()
        for name, file in files:
            path = layout.root / name
            kept.add(path)
            data = b"".join(file.blocks())
            if data != _read(path):
                fsio.make_directory(path.parent.parent)
                fsio.make_directory(path.parent)
                self._target.put(path, data)
        for path in list(present()):
            if path in kept:
                continue
            if path.relative_to(layout.root).as_posix() in self._done.others:
                self._target.quarantine(path)
                self._done.quarantined += 1
            else:
                fsio.remove(path)

    def make_durable(self) -> None:
        """Make their names durable, also those that a copy before gave and was cut."""
        layout = self._target.layout
        for top in (layout.devices, layout.identities, layout.tls):
            with suppress(FileNotFoundError):
                for folder in fsio.entries(top):
                    if fsio.is_directory(folder):
                        fsio.sync_directory(folder)
                fsio.sync_directory(top)
        fsio.sync_directory(layout.root)


def _read(path: Path) -> bytes | None:
    try:
        return fsio.read(path)
    except FileNotFoundError:
        return None
