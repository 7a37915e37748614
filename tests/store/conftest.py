"""Data directories, the processes that use them, and children that can be killed."""

import os
import subprocess
import sys
import threading
from contextlib import ExitStack, nullcontext

import pytest
from store_tools import CHILD_ENVIRONMENT, Desk

from c8ybin import fsio

WAIT_S = 60  # for what must happen; never waited out where the code is right


@pytest.fixture()
def make_desk(root):
    """Return a maker of processes over one data directory, as far as one process can be several."""
    with ExitStack() as stack:

        def make(**more):
            desk = Desk(root, **more)
            stack.callback(lambda: desk.close() if desk.store.folder.exists() else None)
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

        monkeypatch.setattr(os, "link", be_overtaken)

    return prepare


@pytest.fixture()
def before_reading(monkeypatch):
    """Return what lets a change happen just before the next time that a file of some name is read."""

    def prepare(name, change):
        read, done = fsio.read, []

        def be_overtaken(path):
            if path.name == name and not done:
                done.append(True)
                change()
            return read(path)

        monkeypatch.setattr(fsio, "read", be_overtaken)

    return prepare


@pytest.fixture()
def id_gone(desk):
    """Return the ID of an event that was deleted."""
    event_id = desk.create()
    desk.delete(event_id)
    return event_id


class Child:
    """A real process with a desk of its own over the same data directory."""

    def __init__(self, code, root, *arguments):
        self.process = subprocess.Popen(
            [sys.executable, "-c", f"from store_tools import *\n{code}", str(root), *map(str, arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=CHILD_ENVIRONMENT,
        )

    def hear(self):
        """Wait for its next line; empty when it has ended."""
        return self.process.stdout.readline().rstrip("\n")

    def tell(self):
        """Let it go on from `wait()`."""
        self.process.stdin.write("go\n")
        self.process.stdin.flush()

    def end(self):
        """Wait for its end; return its exit code, negative for a signal."""
        return self.process.wait(WAIT_S)

    def kill(self):
        self.process.kill()
        return self.end()


@pytest.fixture()
def start(root):
    """Return a starter of children: code, then arguments that follow the data directory in `sys.argv`."""
    children = []

    def begin(code, *arguments):
        child = Child(code, root, *arguments)
        children.append(child)
        return child

    yield begin
    for child in children:
        child.kill()
        child.process.stdin.close()
        child.process.stdout.close()


@pytest.fixture()
def race():
    """Return a runner of one function in many threads at once; it gives what each returned or raised."""

    def run(count, function):
        gate, results = threading.Barrier(count), [None] * count

        def enter(number):
            gate.wait(WAIT_S)
            try:
                results[number] = function(number)
            except Exception as error:
                results[number] = error

        threads = [threading.Thread(target=enter, args=(n,)) for n in range(count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(WAIT_S)
        assert not any(thread.is_alive() for thread in threads)
        return results

    return run


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

    monkeypatch.setattr(os, "unlink", record)
    monkeypatch.setattr(os, "scandir", scan_sorted)
    return gone
