"""Tars made by hand, a store that starts at once, and what was planted in it."""

import io
import tarfile
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from c8ybin.domain.queries import Paging, Query
from c8ybin.store import Store, StoredEvent

Tar = Callable[..., bytes]


@pytest.fixture(scope="module", autouse=True)
def quick_starts() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("c8ybin.store.layout.LOCKS", 16)
        patch.setattr("c8ybin.store.opening.LOCKS", 16)
        yield


@pytest.fixture(scope="session")
def make_tar() -> Tar:
    """Make a tar of files by their names; more members by `TarInfo`s without bytes."""

    def make(files: dict[str, bytes], *more: tarfile.TarInfo, mode: Any = "w", **settings: Any) -> bytes:
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode=mode, **settings) as tar:
            for name, data in files.items():
                info = tarfile.TarInfo(name)
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data))
            for info in more:
                tar.addfile(info)
        return out.getvalue()

    return make


@pytest.fixture
def listed(store: Store) -> Callable[[], list[StoredEvent]]:
    """Return a function that lists all events, the oldest first."""
    return lambda: list(store.listing.find(Query(), Paging(page_size=2000, oldest_first=True)).events)
