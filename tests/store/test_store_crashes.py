"""Killed at any step, cut at any step: the old or the new, nothing else, and nothing left behind."""

import random
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from power_cut import Disk, Killed, lay_out
from store_tools import Desk, new_root

from c8ybin.domain.errors import BinaryNotFound, EventNotFound, Refusal
from c8ybin.store.commit import named_contents

OLD, NEW = b"old bytes", b"the new bytes"


@dataclass(frozen=True)
class Change:
    """A change of an event: what is there before, and what it does."""

    before: Callable[[Desk, int], object]
    act: Callable[[Desk, int], object]


def nothing(desk, event_id):
    pass


def void_upload_under_a_binary(desk, event_id):
    """Leave what a kill leaves between a whole POST and the end of the upload that it makes void."""
    desk.chunk(event_id, "0-2/9", b"abc")
    kept = {path: path.read_bytes() for path in desk.home(event_id).iterdir()}
    desk.attach(event_id, OLD)
    for path, data in kept.items():
        path.write_bytes(data)


CHANGES = {
    "create": Change(nothing, lambda desk, _: desk.create(text="created")),
    "attach": Change(nothing, lambda desk, e: desk.attach(e, NEW)),
    "attach over an upload": Change(
        lambda desk, e: desk.chunk(e, "0-2/9", b"abc"), lambda desk, e: desk.attach(e, NEW)
    ),
    "replace": Change(lambda desk, e: desk.attach(e, OLD), lambda desk, e: desk.replace(e, NEW)),
    "first chunk": Change(nothing, lambda desk, e: desk.chunk(e, "0-2/9", b"abc")),
    "next chunk": Change(
        lambda desk, e: desk.chunk(e, "0-2/9", b"abc"), lambda desk, e: desk.chunk(e, "3-5/9", b"def")
    ),
    "chunk anew": Change(
        lambda desk, e: desk.chunk(e, "0-2/9", b"abc"), lambda desk, e: desk.chunk(e, "0-3/9", b"wxyz")
    ),
    "completing chunk": Change(
        lambda desk, e: desk.chunk(e, "0-2/9", b"abc"),
        lambda desk, e: desk.chunk(e, "3-8/9", b"defghi"),
    ),
    "completing chunk over a binary": Change(
        lambda desk, e: (desk.attach(e, OLD), desk.chunk(e, "0-2/9", b"abc", put=True)),
        lambda desk, e: desk.chunk(e, "3-8/9", b"defghi", put=True),
    ),
    "only chunk": Change(nothing, lambda desk, e: desk.chunk(e, "0-8/9", b"abcdefghi")),
    "only chunk anew": Change(
        lambda desk, e: desk.chunk(e, "0-2/9", b"abc"), lambda desk, e: desk.chunk(e, "0-3/4", b"wxyz")
    ),
    "only chunk over a binary": Change(
        lambda desk, e: desk.attach(e, OLD),
        lambda desk, e: desk.chunk(e, "0-8/9", b"abcdefghi", put=True),
    ),
    "the length alone": Change(
        lambda desk, e: (desk.chunk(e, "0-2/*", b"abc"), desk.chunk(e, "3-5/*", b"def")),
        lambda desk, e: desk.chunk(e, "3-5/6", b"def"),
    ),
    "delete the binary": Change(lambda desk, e: desk.attach(e, OLD), lambda desk, e: desk.drop(e)),
    "delete the upload": Change(lambda desk, e: desk.chunk(e, "0-2/9", b"abc"), lambda desk, e: desk.drop(e)),
    "delete both": Change(
        lambda desk, e: (desk.attach(e, OLD), desk.chunk(e, "0-2/9", b"abc", put=True)),
        lambda desk, e: desk.drop(e),
    ),
    "delete the binary and a void upload": Change(
        void_upload_under_a_binary,
        lambda desk, e: desk.drop(e),
    ),
    "update": Change(nothing, lambda desk, e: desk.update(e, text="new")),
    "delete the event": Change(lambda desk, e: desk.attach(e, OLD), lambda desk, e: desk.delete(e)),
}


def seen(desk, event_id):
    """What clients see: of the event, its binary's bytes, its upload; and of others."""
    others = sorted(
        desk.store.events.read(other).file.document["text"]
        for other, _ in desk.layout.walk()
        if other != event_id
    )
    try:
        event = desk.store.events.read(event_id)
    except EventNotFound:
        return None, None, None, others
    try:
        data = desk.get(event_id)
    except BinaryNotFound:
        data = None
    assert (data is None) == (event.binary is None)
    if event.upload:  # the bytes that have arrived are there
        with (desk.home(event_id) / event.upload.content).open("rb") as file:
            for span in event.upload.spans:
                file.seek(span.start)
                assert file.read(span.length) in (b"abc", b"abcdef", b"abcdefghi", b"wxyz")
    return event.file.document["text"], data, event.upload and str(event.upload), others


def check(desk, event_id, allowed):
    """Look at what is there now, sweep, look again: no trace of the dead, and nothing comes or goes by that."""
    try:
        first = seen(desk, event_id)
        assert first in allowed, f"a third state: {first}"
        desk.sweep()
        assert seen(desk, event_id) == first, "the sweep changed what is seen"
    except (Refusal, OSError) as error:
        raise AssertionError(f"a third state: {error!r} {getattr(error, 'what', '')}") from error
    left = [p.name for p in desk.layout.tmp.iterdir() if p != desk.store.folder]
    for _, home in desk.layout.walk():
        named = named_contents(home)
        names = {p.name for p in home.iterdir()}
        left += names - named - {"event.json", "binary.json", "upload.journal"}
        assert named <= names, f"named but gone: {' '.join(sorted(named - names))}"
    assert left == [], f"left behind: {' '.join(sorted(left))}"


class Lab:
    """A data directory that a change is done to, and one where what a cut leaves is looked at."""

    def __init__(self, root: Path, other: Path, change: Change, *, same_process: bool) -> None:
        self.change = change
        self.root = root
        self.other = other
        self.same_process = same_process

    def begin(self):
        """Bring about what is there before; return the process that will act, and the event."""
        earlier = Desk(self.root)
        event_id = earlier.create(text="event")
        self.change.before(earlier, event_id)
        if self.same_process:
            return earlier, event_id
        earlier.close()
        return Desk(self.root), event_id

    def end(self, *desks):
        for desk in desks:
            desk.close()
        lay_out({}, self.root)

    def outcomes(self):
        """What may be seen on the way, and what is seen once it is done."""
        desk, event_id = self.begin()
        before = seen(desk, event_id)
        self.change.act(desk, event_id)
        after = seen(desk, event_id)
        self.end(desk)
        return [before, after], after


@pytest.fixture()
def lab(quick_root):
    # With lock files of its own: it is looked at while the other's are held.
    (quick_root.parent / "locks").mkdir()
    other = new_root(quick_root.parent / "after", quick_root.parent / "locks")

    def make(name, *, same_process):
        return Lab(quick_root, other, CHANGES[name], same_process=same_process)

    return make


def kills(lab):
    """Yield a disk, the victim and the event for each step at which the change is killed; the victim is dead."""
    step = 0
    while True:
        desk, event_id = lab.begin()
        disk = Disk(lab.root)
        disk.die_at = step
        try:
            with disk.recorded():
                lab.change.act(desk, event_id)
        except Killed:
            desk.die()
            disk.revive()
            yield disk, event_id
            lay_out({}, lab.root)
            step += 1
        else:
            lab.end(desk)
            return


def readable(text):
    """Write it without the names of writers, the numbers of events and where they lie."""
    return re.sub(r"\b[0-9a-f]{12}\b|[0-9]{13,}|/\S*/events/\S+/\*", "*", re.sub("/.*/after/", "", text))


def told(disk, error):
    step = disk.steps[-1] if disk.steps else "nothing"
    return readable(f"after {step}: {error}".splitlines()[0])


def none_of(wrong):
    if wrong:
        pytest.fail("\n".join(sorted(set(wrong))[:12]), pytrace=False)


PROCESSES = pytest.mark.parametrize("same_process", [True, False], ids=["own", "earlier"])


@PROCESSES
@pytest.mark.parametrize("name", CHANGES)
def test_killed_at_any_step_leaves_the_old_or_the_new_and_no_trace(lab, name, same_process):
    laboratory = lab(name, same_process=same_process)
    outcomes, _ = laboratory.outcomes()
    wrong = []
    for disk, event_id in kills(laboratory):
        with Desk(laboratory.root) as desk:
            try:
                check(desk, event_id, outcomes)
            except AssertionError as error:
                wrong.append(told(disk, error))
    none_of(wrong)


@PROCESSES
@pytest.mark.parametrize("name", CHANGES)
def test_a_power_cut_at_any_step_leaves_the_old_or_the_new(lab, name, same_process):
    laboratory = lab(name, same_process=same_process)
    outcomes, after = laboratory.outcomes()
    wrong = []
    for disk, event_id in kills(laboratory):
        Cutter(disk, laboratory.other, event_id, outcomes, wrong).look()
    desk, event_id = laboratory.begin()
    disk = Disk(laboratory.root)
    with disk.recorded():
        laboratory.change.act(desk, event_id)
    # Once it was answered, the new alone.
    Cutter(disk, laboratory.other, event_id, [after], wrong).look()
    laboratory.end(desk)
    none_of(wrong)


@pytest.mark.parametrize(
    "name", ["attach over an upload", "replace", "delete the binary", "delete the event"]
)
def test_a_power_cut_while_a_killed_process_is_swept_leaves_the_old_or_the_new(lab, name):
    laboratory = lab(name, same_process=True)
    outcomes, _ = laboratory.outcomes()
    wrong = []
    for disk, event_id in kills(laboratory):
        disk.after_step = Cutter(disk, laboratory.other, event_id, outcomes, wrong).look
        with disk.recorded(), Desk(laboratory.root) as desk:
            desk.sweep()
    none_of(wrong)


class Cutter:
    """Looks at what each cut leaves, at each tree once."""

    def __init__(self, disk, root, event_id, allowed, wrong):
        self.disk, self.root, self.event_id = disk, root, event_id
        self.allowed, self.wrong = allowed, wrong
        self.known = set()
        self.chance = random.Random(7)

    def look(self):
        for files in self.disk.cuts(self.chance):
            tree = tuple(sorted(files.items()))
            if tree in self.known:
                continue
            self.known.add(tree)
            lay_out(files, self.root)
            with Desk(self.root) as desk:
                try:
                    check(desk, self.event_id, self.allowed)
                except AssertionError as error:
                    self.wrong.append(told(self.disk, error))
            lay_out({}, self.root)
