"""Managed objects and external IDs as a backup takes them, while servers change them."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from c8ybin import fsio
from c8ybin.domain.errors import Damaged, is_of_one_file
from c8ybin.domain.ids import EventId
from c8ybin.store.identities import parse_identity
from c8ybin.store.inventory import parse_object
from c8ybin.store.layout import Layout
from c8ybin.store.snapshot import File


class SinglesSnapshot:
    """The objects first, then the external IDs that name one of them.

    So an external ID that was added in between is left out rather than taken without its object.
    """

    def __init__(self, layout: Layout, damaged: list[str], left_out: Callable[[str, str], None]) -> None:
        """Prepare it.

        Args:
            layout: The data directory.
            damaged: Gets the paths of those that are left out.
            left_out: Called for each of them, with what is wrong.
        """
        self._layout = layout
        self._damaged = damaged
        self._left_out = left_out
        self._taken: set[EventId] = set()

    def objects(self) -> Iterator[tuple[str, File]]:
        """Yield each managed object, by its path below the data directory."""
        for object_id, path in self._layout.walk_objects():
            yield from self._read(path, partial(self._take, object_id, path))

    def _take(self, object_id: EventId, path: Path, data: bytes) -> bool:
        parse_object(object_id, data, path)
        self._taken.add(object_id)
        return True

    def external_ids(self) -> Iterator[tuple[str, File]]:
        """Yield each external ID of the objects that were yielded."""
        for path in self._layout.walk_external_ids():
            yield from self._read(path, partial(self._is_of_one_taken, path))

    def _is_of_one_taken(self, path: Path, data: bytes) -> bool:
        return parse_identity(self._layout, data, path).object_id in self._taken

    def _read(self, path: Path, is_wanted: Callable[[bytes], bool]) -> Iterator[tuple[str, File]]:
        name = path.relative_to(self._layout.root).as_posix()
        try:
            data = fsio.read(path)
            wanted = is_wanted(data)
        except FileNotFoundError:
            return  # deleted meanwhile
        except (Damaged, OSError) as error:
            if isinstance(error, OSError) and not is_of_one_file(error):
                raise
            self._damaged.append(name)
            self._left_out(name, error.what if isinstance(error, Damaged) else str(error))
            return
        if wanted:
            yield name, File.of_bytes(name, data)
