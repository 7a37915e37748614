"""What a power cut is tried on: an index with a damaged column that lists seldom read."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from alike import alike
from indexing import fold
from inspection import Lost, State, see_events
from kinds import Events, new_desk
from store_tools import Desk

from c8ybin.domain.queries import Paging, Query
from c8ybin.index import table
from c8ybin.index.manifest import COLUMNS


class BesideADamagedColumn(Events):
    """A data directory of two events, each in a column of its own; that of the older one is damaged."""

    def prepare(self, base: Path, locks: Path) -> None:
        super().prepare(base, locks)
        with alike(2), new_desk(base / "data") as desk, pytest.MonkeyPatch.context() as patch:
            patch.setattr(table, "MOST_ROWS", 1)
            patch.setattr(table, "CUT_ROWS", 1)
            older = min(desk.create(text="one"), desk.create(text="two"))
            fold(desk)
        for path in (base / "data" / "index" / COLUMNS).iterdir():
            data = path.read_bytes()
            path.write_bytes(data.replace(older.to_bytes(8, "little"), bytes(8)))

    def target(self, process: Desk, known: tuple[Any, ...] = ()) -> tuple[Any, ...]:
        return known or (0,)

    def inspect(self, base: Path, allowed: Iterable[State]) -> None:
        with new_desk(base / "data") as desk:
            if (seen := see_events(desk)) not in allowed:
                raise Lost(f"a third state: {seen}")
            for _ in range(2):
                # Of the newest event alone, so that it comes to no damage.
                listed = [event.id for event in desk.store.listing.find(Query(), Paging(page_size=1)).events]
                newest = max(event.facts.order for event in desk.store.listing._walk(Query()))
                if listed != [newest[1]]:
                    raise Lost(f"a list begins with {listed}, not {newest}")
                desk.sweep()


BESIDE_A_DAMAGED_COLUMN = BesideADamagedColumn()
