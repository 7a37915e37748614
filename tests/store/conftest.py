"""Several processes over one data directory, as far as one process can be several, and what overtakes them."""

import os
from contextlib import ExitStack, nullcontext
from pathlib import Path

import pytest
from store_tools import Desk, by_path

from c8ybin import fsio
from c8ybin.fsio import files


@pytest.fixture()
def make_desk(root):
    """Return a maker of processes over one data directory, as far as one process can be several."""
    with ExitStack() as stack:

        def make(**more):
            desk = Desk(root, **more)
            stack.callback(lambda: desk.close() if desk.store.folder.exists() and not desk.is_dead else None)
            return desk

        yield make


@pytest.fixture()
def desk(make_desk):
    return make_desk()


@pytest.fixture()
def overtake(make_desk, monkeypatch):
    """Let another process attach `faster` to an event just before this one's next link."""

    def prepare(event_id):
        other, link, done = make_desk(), os.link, []

        def be_overtaken(source, target):
            if not done:
                done.append(True)
                other.attach(event_id, b"faster")
            link(source, target)

        monkeypatch.setattr(os, "link", by_path(be_overtaken))

    return prepare


@pytest.fixture()
def before_reading(monkeypatch):
    """Return what lets a change happen just before the next time that a file of some name is read."""

    def prepare(name, change):
        done = []

        def overtaken(read):
            def be_overtaken(*where):
                if Path(where[-1]).name == name and not done:
                    done.append(True)
                    change()
                return read(*where)

            return be_overtaken

        monkeypatch.setattr(fsio, "read", overtaken(fsio.read))
        monkeypatch.setattr(files, "read", overtaken(files.read))
        monkeypatch.setattr(files, "_read_below", overtaken(files._read_below))

    return prepare


@pytest.fixture()
def id_gone(desk):
    """Return the ID of an event that was deleted."""
    event_id = desk.create()
    desk.delete(event_id)
    return event_id


@pytest.fixture()
def unlinked(monkeypatch):
    """The names that are unlinked, in order; directories are listed in the alphabet's, as any order may come."""
    gone, unlink, scandir = [], os.unlink, os.scandir

    def record(path, **more):
        unlink(path, **more)
        gone.append(os.path.basename(path))

    def scan_sorted(path="."):
        with scandir(path) as entries:
            return nullcontext(sorted(entries, key=lambda entry: entry.name))

    monkeypatch.setattr(os, "unlink", by_path(record))
    monkeypatch.setattr(os, "scandir", scan_sorted)
    return gone
