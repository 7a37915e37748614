"""Killed at any step, cut at any step: the old or the new, nothing else, and nothing left behind.

And every fsync is needed for that: with any one of them taken out, something is lost.
"""

import os
import pickle
import random
import shutil
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from fnmatch import fnmatch
from functools import cache, cached_property
from itertools import product
from pathlib import Path

import pytest
from alike import PLACE
from fsync_sites import fsync_calls
from moving import Moved
from needless import EITHER, NEEDLESS, OF_EACH_EVENT
from operations import OPERATIONS, TOGETHER
from power_cut import replayed
from recording import SYNCS, Site, from_strace
from repairing import Repaired
from restoring import Restored
from scenarios import Recording, after_kills, followers, whole
from states import FULL, QUICK, Bench
from store_tools import CHILD_ENVIRONMENT
from strace_log import trace

from c8ybin.accounts import passwords
from c8ybin.index import manifest

AT_ONCE = ""
# What is killed and what another process does then, where a kill shows that some fsync is missing, and after which
# steps it does: before any, or after one like this. Of those together some are refused then, and some answered.
TELLING_AFTER = {
    ("create event", "attach"): (AT_ONCE, "rename */drafts/event-* > *"),
    ("create event", "first chunk"): (AT_ONCE, "rename */drafts/event-* > *"),
    ("create event", "change event"): ("rename */drafts/event-* > *",),
    ("create event", "delete event"): (AT_ONCE,),
    ("create event", "sweep"): ("rename */drafts/event-* > *", "write data/index/*.log"),
    ("attach", "sweep"): ("rename */drafts/body-* > *",),
    ("replace", "sweep"): ("rename * > */binary.json",),
    ("replace", "delete binary"): ("rename * > */binary.json",),
    ("attach a long body", "sweep"): ("write data/events/*/binary.json",),
    ("attach over an upload", "first chunk by PUT"): ("link * > */binary.json",),
    ("attach over an upload", "expire an upload"): (AT_ONCE,),
    ("attach and create together", "attach and create together"): ("link * > */binary.json",),
    ("attach twice together", "attach twice together"): ("link * > */binary.json",),
    ("first chunk", "first chunk"): ("rename * > */upload.journal",),
    ("next chunk", "next chunk"): ("write */upload.journal",),
    ("next chunk", "completing chunk"): ("write */upload.journal",),
    ("next chunk by PUT", "sweep"): ("write */upload.journal",),
    ("replace over its upload", "delete both"): ("rename * > */binary.json",),
    ("replace beside a damaged upload", "repair a damaged upload"): ("rename * > */binary.json",),
    ("delete binary", "sweep"): ("unlink */content-*",),
    ("delete both", "delete both"): ("unlink */binary.json",),
    ("delete event", "sweep"): ("rename data/events/* > *",),
    ("delete event on a full disk", "sweep"): ("rename */event.json > */deleted",),
    ("create managed object", "change managed object"): ("link * > data/devices/*",),
    ("create managed object", "add external ID"): (AT_ONCE, "link * > data/devices/*"),
    ("delete managed object", "sweep"): ("rename data/devices/* > *",),
    ("delete managed object", "give its external ID to another"): ("rename data/devices/* > *",),
    ("remove external ID", "sweep"): ("rename data/identities/* > *",),
    ("make the first account", "make the first account"): ("rename * > data/admin-password",),
    ("make a certificate", "make a certificate"): ("rename * > *",),
    ("first start", "first start"): ("mkdir new", "mkdir new/data", "rename * > new/data/format"),
    ("restore over old data", "restore over old data"): ("rename */format.moving > */format",),
    ("repair foreign files", "repair foreign files"): ("mkdir data/quarantine",),
    ("make read-only", "make read-only"): ("rename * > data/read-only",),
    ("copy what goes again", "copy what goes again"): ("unlink data/.sync/hours/*",),
}
# So many kills more of each operation are tried, without and with --full: all are some 3,200, which take hours.
MOST_KILLS, MOST_KILLS_FULL = 1, 12
# The same of what takes long to look at.
MOST_DEAR_KILLS, MOST_DEAR_KILLS_FULL = 1, 4
DEAR = {
    name for name, operation in OPERATIONS.items() if isinstance(operation.kind, Moved | Repaired | Restored)
}
# Of these none without --full: test_restore_switch.py kills restores at each step, test_moves.py copies at many.
KILLED_ELSEWHERE = {
    *("restore over old data", "restore what is half restored", "restore while a server starts"),
    *(name for name, operation in OPERATIONS.items() if isinstance(operation.kind, Moved)),
}

ROW = "Power cuts, every disk state"
SITES_ROW = "Each fsync taken out in turn"
Kill = tuple[str, int]  # what another process does then, and at which step

CALLS = fsync_calls()


@pytest.fixture(autouse=True)
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make a hash of a password cost next to nothing, and take an index that is laid out for what was recorded."""
    monkeypatch.setitem(passwords._COST, "n", 2**4)
    monkeypatch.setattr(manifest, "_place", lambda *_: PLACE)


class Recordings:
    """What is recorded of an operation, when it is asked for."""

    def __init__(self, name: str, folder: Path, pool: Path, *, full: bool) -> None:
        self._name = name
        self._base = folder / "recorded"
        self._pool = pool
        self._full = full

    @cached_property
    def whole(self) -> list[Recording]:
        """By a process that was there before, and by its own."""
        with self._on_a_disk() as base:
            return [whole(self._name, base / f"{e}", self._pool, earlier=e) for e in (False, True)]

    @property
    def killed(self) -> list[Recording]:
        """After some kills with `--full`, after few without."""
        return list(self._kills.values())

    @property
    def few(self) -> list[Recording]:
        """After those kills that are tried without `--full`."""
        return [recording for kill, recording in self._kills.items() if kill in self._few]

    @property
    def every(self) -> list[Recording]:
        return [*self.whole, *self.killed]

    @cached_property
    def _few(self) -> set[Kill]:
        return few_kills(self._name, self.whole[0])

    @cached_property
    def _kills(self) -> dict[Kill, Recording]:
        found: dict[Kill, Recording] = {}
        outcomes = self.whole[0].outcomes
        chosen = self._few | (more_kills(self._name, self.whole[0]) if self._full else set())
        with self._on_a_disk() as base:
            for then in followers(self._name):
                steps = sorted(step for other, step in chosen if other == then)
                for step, recording in after_kills(
                    self._name, base / then, self._pool, outcomes, then, steps
                ):
                    found[then, step] = recording
        return found

    @contextmanager
    def _on_a_disk(self) -> Iterator[Path]:
        self._base.mkdir()
        try:
            yield self._base
        finally:
            shutil.rmtree(self._base)


@pytest.fixture(scope="module")
def folder():
    """A folder on a tmpfs where there is one, for what fsyncs thousands of times."""
    base = "/dev/shm" if Path("/dev/shm").is_dir() else None
    with tempfile.TemporaryDirectory(dir=base) as path:
        yield Path(path)


def few_kills(name: str, recording: Recording) -> set[Kill]:
    """Return the kills of an operation that are tried without --full: those that tell most, and some by chance."""
    done = [AT_ONCE, *map(str, recording.of_the_first_act[:-1])]
    telling = {
        (then, step)
        for then, step in _every_kill(name, recording)
        if any(fnmatch(done[step], pattern) for pattern in TELLING_AFTER.get((name, then), ()))
    }
    most = 0 if name in KILLED_ELSEWHERE else MOST_DEAR_KILLS if name in DEAR else MOST_KILLS
    return telling | _some(name, recording, most)


def more_kills(name: str, recording: Recording) -> set[Kill]:
    """Return those that are tried with --full besides."""
    return _some(name, recording, MOST_DEAR_KILLS_FULL if name in DEAR else MOST_KILLS_FULL)


def _every_kill(name: str, recording: Recording) -> list[Kill]:
    return list(product(followers(name), range(len(recording.of_the_first_act))))


def _some(name: str, recording: Recording, most: int) -> set[Kill]:
    every = _every_kill(name, recording)
    return set(random.Random(name).sample(every, min(len(every), most)))


@pytest.fixture(scope="module")
def pool(folder):
    """Where lock files wait for the next data directory, on the file system of all of them."""
    return folder / "locks"


@pytest.fixture(scope="module")
def recorded(folder, pool, request):
    """Return what gives the recordings of an operation; each is made once."""
    full = request.config.getoption("--full")
    return cache(lambda name: Recordings(name, folder, pool, full=full))


@pytest.fixture(scope="module")
def bench(folder, pool):
    return Bench(folder, pool)


@pytest.fixture
def look(bench, tally):
    """Return what looks at all states of some recordings, counts them, and fails if any is wrong."""

    def look_at(recordings, how):
        wrong = []
        for recording in recordings:
            found = bench.look(recording, how)
            tally(ROW, cut_points=found.cuts, states=found.states, lost=found.lost, mixed=found.mixed)
            wrong += found.wrong
        if wrong:
            pytest.fail("\n".join(wrong[:12]), pytrace=False)

    return look_at


@pytest.mark.parametrize("name", OPERATIONS)
def test_a_power_cut_at_any_step_leaves_the_old_or_the_new(recorded, look, full, tally, name):
    tally(ROW, operations=1)
    look(recorded(name).whole, FULL if full else QUICK)


@pytest.mark.parametrize("name", OPERATIONS)
def test_a_power_cut_after_a_kill_leaves_the_old_or_the_new(recorded, look, full, tally, name):
    """Another process has done the same, or what else may be done then, or has swept."""
    kills = recorded(name).killed if full else recorded(name).few
    tally(ROW, kills=len(kills))
    look(kills, QUICK)


@pytest.mark.parametrize("name", TOGETHER)
def test_what_one_process_was_answered_for_together_is_demanded_whole(recorded, name):
    for recording in recorded(name).whole:
        assert len(recording.phases[-1][1]) == 1


@pytest.mark.parametrize("name", OPERATIONS)
def test_what_is_left_without_a_cut_is_what_is_there(recorded, name):
    """So a kill is the cut that keeps everything."""
    for recording in recorded(name).every:
        assert replayed(recording.tree, recording.steps).now() == recording.left, recording.name


def users(recorded, call):
    """Return the recordings in which a call makes an fsync, by its turn where it makes several.

    Those alone that are looked at without `--full`: so they find it if the line goes.
    """
    found: dict[Site, list[Recording]] = {}
    for name in OPERATIONS:
        for recording in recorded(name).whole + recorded(name).few:
            for site in {site for s in recording.steps for site in s.sites if site.first == call.site}:
                found.setdefault(site, []).append(recording)
    return found


def is_needed(bench, sites, recordings):
    """Tell whether something is wrong without the fsyncs of some sites.

    What told most so far is asked first, and all of them for what is missing once all was answered for: that
    shows at the end, if anywhere, for most.
    """
    by_what_they_told = sorted(recordings, key=lambda each: -bench.told[each.name])
    for at_end in (True, False):
        for recording in by_what_they_told:
            if bench.look(recording, QUICK, without=sites, most_wrong=1, only_at_the_end=at_end).wrong:
                bench.told[recording.name] += 1
                return True
    return False


@pytest.mark.parametrize("call", [c for c in CALLS if not c.elsewhere and c.key not in NEEDLESS], ids=str)
def test_without_any_one_fsync_something_is_lost(recorded, bench, tally, call):
    using = users(recorded, call)
    assert using, "no operation comes here"
    partners = [
        list(users(recorded, c))
        for c in CALLS
        if EITHER.get(c.key) == call.key or EITHER.get(call.key) == c.key
    ]
    every = [site for sites in partners for site in sites]
    for site, recordings in sorted(using.items()):
        if site.turn and call.key in OF_EACH_EVENT:
            continue
        found = any(is_needed(bench, {site, *others}, recordings) for others in ((), *partners, every))
        tally(SITES_ROW, fsyncs=1, found=int(found))
        assert found, f"nothing is lost without it ({site})"


def test_the_tables_of_exceptions_name_calls_that_are_there():
    keys = {call.key for call in CALLS}
    assert set(NEEDLESS) | set(EITHER) | set(EITHER.values()) | OF_EACH_EVENT <= keys


def test_every_fsync_of_a_recording_is_found_in_the_source(recorded):
    known = {call.site for call in CALLS}
    for name in OPERATIONS:
        for recording in recorded(name).every:
            syncs = [s for s in recording.steps if s.call in SYNCS]
            assert all(s.sites for s in syncs), name
            assert {site.first for s in syncs for site in s.sites} <= known, name


def by_folder(calls, top):
    """Return the calls by the two folders below `top` in which they name something."""
    found = defaultdict(list)
    for call in calls:
        below = (path.removeprefix(f"{top}/") for path in call.paths if path.startswith(f"{top}/"))
        for folder in {"/".join(path.split("/")[:2]) for path in below}:
            found[folder].append(call)
    return found


def test_the_recorder_sees_what_the_kernel_sees(strace, folder, locks):
    """In one process, as both look on: the same calls, paths, offsets and bytes."""
    top = folder / "traced"
    top.mkdir()
    code = (
        "from c8ybin.accounts import passwords\n"
        "from scenarios import *\n"
        "import pickle\n"
        "passwords._COST['n'] = 16\n"
        "top, locks = map(Path, sys.argv[1:3])\n"
        "recorded = []\n"
        "say('begin')\n"
        "for name in OPERATIONS:\n"
        "    base = top / str(len(recorded))\n"
        "    OPERATIONS[name].kind.prepare(base / 'prepared', locks)\n"
        "    recording = whole(name, base / 'whole', locks, earlier=True)\n"
        "    killed_at_1 = killed(name, base / 'killed', locks, recording.outcomes, step=1, then=name)\n"
        "    recorded.append((recording.steps, killed_at_1.steps))\n"
        "say('end')\n"
        "(top / 'recorded').write_bytes(pickle.dumps(recorded))\n"
    )
    path = os.pathsep.join([CHILD_ENVIRONMENT["PYTHONPATH"], str(Path(__file__).parent)])
    calls = trace(code, top, locks, log=top / "log", environment=CHILD_ENVIRONMENT | {"PYTHONPATH": path})
    recorded = pickle.loads((top / "recorded").read_bytes())
    assert len(recorded) == len(OPERATIONS)
    seen = by_folder(calls, top)
    for number, (of_whole, of_killed) in enumerate(recorded):
        prepared, seen_whole, seen_killed = (
            from_strace(seen[f"{number}/{part}"], top / str(number) / part)
            for part in ("prepared", "whole", "killed")
        )
        assert prepared + of_whole == seen_whole
        assert prepared + of_killed == seen_killed
