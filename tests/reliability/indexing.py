"""The index under power cuts: what is done to it, and an index that is there from the beginning."""

from collections.abc import Callable
from pathlib import Path

import pytest
from alike import alike
from store_tools import Desk

from c8ybin.domain.ids import EventId
from c8ybin.index import entry_of
from c8ybin.index import index as room
from c8ybin.index.manifest import COLUMNS, Manifest, write_manifest
from c8ybin.store import writer
from c8ybin.store.layout import Layout


def add_index(root: Path) -> Path:
    """Give a data directory without events its index, as the first list makes it."""
    folder = Layout(root).index
    (folder / COLUMNS).mkdir(parents=True)
    with alike(3):
        write_manifest(folder, Manifest())
    return root


def fold(desk: Desk, *_: object) -> None:
    """Fold whatever the logs tell."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(room, "FOLD_AT", 0)
        desk.disk.index.fold()


def reindex(desk: Desk, *_: object) -> None:
    """Make the index anew."""
    desk.disk.index.reindex(map(entry_of, desk.disk.facts()))


def checkpoint(desk: Desk, *_: object) -> None:
    """Make durable what was told, and forget where to look for it: after the second one, all of it is forgotten."""
    for _ in range(2):
        assert desk.disk.index.sync()
        desk.writer.note_synced()


def noting_anew(act: Callable[..., object]) -> Callable[..., object]:
    """Each checkpoint writes the hours anew."""

    def do(*arguments: object) -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(writer, "MOST_SPARE_BYTES", -1000)
            act(*arguments)

    return do


def checkpoint_before_its_line(act: Callable[..., object]) -> Callable[..., object]:
    """Between the note of a change and its line comes half a checkpoint."""

    def do(desk: Desk, event: int) -> None:
        touched = desk.disk.index.touched

        def late(event_id: EventId) -> None:
            assert desk.disk.index.sync()
            desk.writer.note_synced()
            touched(event_id)

        desk.disk.index.touched = late
        try:
            act(desk, event)
        finally:
            desk.disk.index.touched = touched

    return do
