"""Killed at any step, cut at any step: the old or the new, nothing else, and nothing left behind.

And every fsync is needed for that: with any one of them taken out, something is lost.
"""

import os
import pickle
import random
import shutil
import tempfile
from collections import defaultdict
from dataclasses import dataclass
from fnmatch import fnmatch
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

# What is killed and what another process does then, where that alone shows that some fsync is missing;
# without --full every kill of these is tried, and some of each other operation.
TELLING = {
    ("create event", "attach"),
    ("create event", "first chunk"),
    ("create event", "change event"),
    ("create event", "sweep"),
    ("attach", "sweep"),
    ("replace", "sweep"),
    ("attach a long body", "sweep"),
    ("attach over an upload", "first chunk by PUT"),
    ("attach over an upload", "expire an upload"),
    ("first chunk", "first chunk"),
    ("next chunk", "next chunk"),
    ("next chunk", "completing chunk"),
    ("delete binary", "sweep"),
    ("delete event", "sweep"),
    ("delete event on a full disk", "sweep"),
    ("create managed object", "change managed object"),
    ("create managed object", "add external ID"),
    ("delete managed object", "sweep"),
    ("delete managed object", "give its external ID to another"),
    ("remove external ID", "sweep"),
    ("make the first account", "make the first account"),
    ("make a certificate", "make a certificate"),
    ("first start", "first start"),
}
MOST_KILLS = 3
# The same, where one kill alone shows it: after which step. Of those together some are refused then, and some answered.
TELLING_AFTER = {
    ("attach and create together", "attach and create together"): "link * > */binary.json",
    ("attach twice together", "attach twice together"): "link * > */binary.json",
    ("delete both", "delete both"): "unlink */binary.json",
    ("replace over its upload", "delete both"): "rename * > */binary.json",
    ("restore over old data", "restore over old data"): "rename */format.moving > */format",
    ("repair foreign files", "repair foreign files"): "mkdir data/quarantine",
    ("copy what goes again", "copy what goes again"): "unlink data/.sync/hours/*",
    ("replace beside a damaged upload", "repair a damaged upload"): "rename * > */binary.json",
}
# What takes long to look at: without --full one kill of each is tried.
DEAR = {
    name for name, operation in OPERATIONS.items() if isinstance(operation.kind, Moved | Repaired | Restored)
}
# Of these no other without --full, for test_restore_switch.py kills restores at each step.
KILLED_ELSEWHERE = {"restore over old data", "restore what is half restored", "restore while a server starts"}
ROW = "Power cuts, every disk state"
SITES_ROW = "Each fsync taken out in turn"

CALLS = fsync_calls()


@pytest.fixture(autouse=True)
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make a hash of a password cost next to nothing, and take an index that is laid out for what was recorded."""
    monkeypatch.setitem(passwords._COST, "n", 2**4)
    monkeypatch.setattr(manifest, "_place", lambda *_: PLACE)


@dataclass
class Recordings:
    """What was recorded of an operation: whole, after each kill, and those kills that tell most."""

    whole: list[Recording]
    killed: list[Recording]

    telling: list[Recording]

    @property
    def every(self) -> list[Recording]:
        return [*self.whole, *self.killed]


@pytest.fixture(scope="module")
def folder():
    """A folder on a tmpfs where there is one, for what fsyncs thousands of times."""
    base = "/dev/shm" if Path("/dev/shm").is_dir() else None
    with tempfile.TemporaryDirectory(dir=base) as path:
        yield Path(path)


def few_kills(recording: Recording, then: str) -> list[int]:
    """Return the steps at which an operation is killed, if not at each: a telling one, and one where that is dear."""
    name = recording.name.partition(",")[0]
    steps: list[int] = []
    if name in DEAR and name not in KILLED_ELSEWHERE:
        steps += random.Random(name + then).sample(range(len(recording.of_the_first_act)), 1)
    if pattern := TELLING_AFTER.get((name, then)):
        done = recording.of_the_first_act[:-1]
        steps += [n + 1 for n, step in enumerate(done) if fnmatch(str(step), pattern)]
    return sorted(set(steps))


@pytest.fixture(scope="module")
def pool(folder):
    """Where lock files wait for the next data directory, on the file system of all of them."""
    return folder / "locks"


@pytest.fixture(scope="module")
def recorded(folder, pool, request):
    """Return what gives the recordings of an operation; each is made once."""
    made: dict[str, Recordings] = {}
    full = request.config.getoption("--full")

    def record(name):
        if name not in made:
            base = folder / "recorded"
            recordings = [whole(name, base / f"{e}", pool, earlier=e) for e in (False, True)]
            killed, telling = [], []
            for then in followers(name):
                few = few_kills(recordings[0], then)
                steps = few if name in DEAR and not full else None
                found = list(after_kills(name, base / then, pool, recordings[0].outcomes, then, steps))
                killed += found
                if (name, then) in TELLING or steps is few:
                    telling += found
                else:
                    telling += [found[n] for n in few]
            shutil.rmtree(base)
            if name not in DEAR:
                telling += random.Random(name).sample(killed, min(len(killed), MOST_KILLS))
            made[name] = Recordings(recordings, killed, telling)
        return made[name]

    return record


@pytest.fixture(scope="module")
def bench(folder, pool):
    return Bench(folder, pool)


@pytest.fixture
def look(bench, tally, full):
    """Return what looks at all states of some recordings, counts them, and fails if any is wrong."""

    def look_at(recordings):
        wrong = []
        for recording in recordings:
            found = bench.look(recording, FULL if full else QUICK)
            tally(ROW, cut_points=found.cuts, states=found.states, lost=found.lost, mixed=found.mixed)
            wrong += found.wrong
        if wrong:
            pytest.fail("\n".join(wrong[:12]), pytrace=False)

    return look_at


@pytest.mark.parametrize("name", OPERATIONS)
def test_a_power_cut_at_any_step_leaves_the_old_or_the_new(recorded, look, tally, name):
    tally(ROW, operations=1)
    look(recorded(name).whole)


@pytest.mark.parametrize("name", OPERATIONS)
def test_a_power_cut_after_a_kill_leaves_the_old_or_the_new(recorded, look, full, name):
    """Another process has done the same, or what else may be done then, or has swept."""
    look(recorded(name).killed if full else recorded(name).telling)


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
        for recording in recorded(name).whole + recorded(name).telling:
            for site in {site for s in recording.steps for site in s.sites if site.first == call.site}:
                found.setdefault(site, []).append(recording)
    return found


def is_needed(bench, sites, recordings):
    return any(bench.look(r, QUICK, without=sites, most_wrong=1).wrong for r in recordings)


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
