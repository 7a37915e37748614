"""An index in a folder of its own, over events that are a dictionary."""

import pytest

from c8ybin import fsio
from c8ybin.domain.queries import Facts
from c8ybin.index import Index


class Events(dict):
    """Stands for the tree: events by ID, each as it is now, and those that are there and cannot be read."""

    def __init__(self):
        super().__init__()
        self.unreadable = set()

    def put(self, event_id, time=0, updated=None, source="1", type="t", **fragments):  # noqa: A002
        document = {"source": {"id": source}, "type": type, "time": str(time), "text": "x", **fragments}
        updated = event_id if updated is None else updated
        self[event_id] = Facts(event_id, time, event_id, updated, source, type, document)
        return self[event_id]


@pytest.fixture()
def events():
    return Events()


@pytest.fixture()
def folder(tmp_path):
    return tmp_path / "index"


@pytest.fixture()
def make_index(folder, tmp_path, events):
    """Return a maker of indexes on one folder, each as a process of its own has it."""
    made = []

    def make(writer, is_writing=lambda name: True, tell_behind=lambda is_behind: None):
        index = Index(
            folder,
            writer,
            tmp_path / f"run-{writer}",
            read=events.get,
            is_there=lambda event_id: event_id in events or event_id in events.unreadable,
            read_all=lambda: list(events.values()),
            is_writing=is_writing,
            tell_behind=tell_behind,
            hold=lambda: fsio.locked(tmp_path / "lock", 10),
        )
        made.append(index)
        return index

    yield make
    for index in made:
        index.close()


@pytest.fixture()
def index(make_index):
    return make_index("aa")
