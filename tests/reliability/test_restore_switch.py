"""The switch of a restore: killed at any step, run again, it gives the new state, and the old one is kept.

Of power cuts see test_power_cuts.py.
"""

import itertools
import os
import random
import shutil

import pytest
from backup_tools import back_up, bring_back, furnish, state
from inspection import Lost
from recording import Killed, Recorder
from restoring import inspect_restored, make_new_state, make_old_state, without_the_others
from store_tools import LOCK_NAMES, Desk, by_path, give_locks_back, lend_locks

from c8ybin import fsio
from c8ybin.store import Store, UnfitDirectory
from c8ybin.store import store as store_module
from c8ybin.store.layout import Layout
from c8ybin.store.writer import Writer


@pytest.fixture(autouse=True)
def alone():
    with without_the_others():
        yield


@pytest.fixture()
def archive(quick_root, locks):
    """A backup of an event and accounts, for a directory that holds others."""
    back_up(make_new_state(quick_root.parent / "new-state", locks), quick_root.parent / "new.tar")
    return quick_root.parent / "new.tar"


@pytest.fixture()
def new(archive):
    """The state that is in the archive."""
    return state(archive.with_name("new-state"))


@pytest.fixture()
def root(quick_root):
    """A data directory with old data."""
    return make_old_state(quick_root)


def clone(root, place):
    """Make another directory just like one."""
    spare = place.parent / "spare"
    give_locks_back(place, spare)
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(root, place, ignore=lent_locks)
    if not (place / "locks").exists() and (root / "locks").exists():
        lend_locks(spare, place)
    return place


def lent_locks(folder, names):
    """Return what is not copied: lock files that are lent."""
    return [
        name
        for name in names
        if name == "locks" and len(os.listdir(os.path.join(folder, name))) == len(LOCK_NAMES)
    ]


def empty(place, locks):
    """Make a directory that is empty but for its lock files."""
    give_locks_back(place, place.parent / "spare")
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir()
    lend_locks(locks, place)
    return place


def kills(make, archive, *, replace, chance=None):
    """Yield a directory for each step at which a restore is killed; `chance` leaves some out."""
    for step in itertools.count():
        if chance and not chance():
            continue
        place = make()
        recorder = Recorder(place)
        recorder.die_at = step
        try:
            with recorder.recording():
                bring_back(place, archive, replace=replace)
        except Killed:
            yield place
        else:
            return


@pytest.fixture()
def look(tally):
    """Return what looks at a directory that a killed restore left, counts it, and fails in the end if it is wrong."""
    wrong = []

    def look_at(place, *arguments, **more):
        try:
            inspect_restored(place, *arguments, **more)
        except Lost as error:
            wrong.append(str(error))
        tally("Restores killed", kills=1)

    yield look_at
    tally("Restores killed", mixed=len(wrong))
    assert wrong == []


@pytest.fixture()
def make(root, locks):
    """Return makers of a directory with the old data, and of an empty one."""
    place = root.parent / "place"
    return {
        "old": lambda: clone(root, place),
        "empty": lambda: empty(place, locks),
    }


@pytest.mark.parametrize("kind", ["old", "empty"])
def test_killed_at_any_step_it_can_be_run_again(make, root, archive, new, kind, look):
    old = state(root) if kind == "old" else None
    count = 0
    for place in kills(make[kind], archive, replace=kind == "old"):
        look(place, archive, old, new, replace=kind == "old")
        count += 1
    assert count > 40


@pytest.mark.parametrize("kind", ["old", "empty"])
def test_killed_at_any_step_and_again_in_the_next_run_it_can_be_run_once_more(
    make, root, archive, new, kind, full, look
):
    # Each step of the first run with some steps of the second.
    old, chance = state(root) if kind == "old" else None, random.Random(1)
    count = 0
    for place in kills(
        make[kind], archive, replace=True, chance=None if full else lambda: chance.random() < 0.15
    ):
        left = clone(place, place.with_name("left"))
        for again in kills(
            lambda left=left: clone(left, left.with_name("again")),
            archive,
            replace=True,
            chance=lambda: chance.random() < (0.5 if full else 0.1),
        ):
            look(again, archive, old, new)
            count += 1
    assert count > 20


STEPS = {
    "while it unpacks": 'die("pwrite", "binary.json", after=True)',
    "before its new data is durable": 'die("fsync", "accounts.json", after=False)',
    "before format goes": 'die("rename", "format", after=False)',
    "once format is away": 'die("rename", "format", after=True)',
    "once the old events are away": 'die("rename", "events", after=True)',
    "once the old is aside": 'die("rename", "format.moving", after=True)',
}


@pytest.mark.parametrize("step", STEPS)
def test_a_process_that_is_really_killed_leaves_what_the_next_run_completes(root, archive, new, start, step):
    code = f"""
from backup_tools import bring_back
{STEPS[step]}
bring_back(Path(sys.argv[1]), Path(sys.argv[2]), replace=True)
"""
    old = state(root)
    assert start(code, archive).end() == -9
    inspect_restored(root, archive, old, new)


def test_a_restore_that_runs_keeps_others_out_and_its_folder_safe(root, archive, new, start):
    code = """
from backup_tools import bring_back
from c8ybin import fsio
real = fsio.sync_tree
fsio.sync_tree = lambda path: (say("ready"), wait(), real(path))
bring_back(Path(sys.argv[1]), Path(sys.argv[2]), replace=True)
say("done")
"""
    child = start(code, archive)
    assert child.hear() == "ready"
    with pytest.raises(UnfitDirectory, match=r"Another restore into .* is under way"):
        bring_back(root, archive, replace=True)
    child.tell()
    assert child.hear() == "done"
    assert child.end() == 0
    assert state(root) == new


def test_of_several_restores_at_once_one_or_none_is_done_and_none_is_mixed(root, archive, new, race):
    old = state(root)
    results = race(8, lambda _: bring_back(root, archive, replace=True))
    assert all(isinstance(r, UnfitDirectory | OSError) or r.events == 1 for r in results)
    assert state(root) in (old, new)
    inspect_restored(root, archive, old, new)


class TestAServerThatStartsMeanwhile:
    def test_and_has_joined_before_the_format_went_stops_the_restore(self, root, archive, monkeypatch):
        old, writers, rename = state(root), [], os.rename

        def rename_once_joined(source, target):
            if source == root / "format":
                writers.append(Writer(Layout(root)))
            rename(source, target)

        monkeypatch.setattr(os, "rename", by_path(rename_once_joined))
        with pytest.raises(UnfitDirectory, match="stop the server first"):
            bring_back(root, archive, replace=True)
        monkeypatch.undo()
        writers[0].close()
        assert state(root) == old
        assert not list(root.glob("*restore-*"))

    @pytest.mark.parametrize("how", ["format", "tmp"])
    def test_and_joins_after_it_went_is_refused(self, root, archive, monkeypatch, how):
        class Slow(Writer):
            def __init__(self, layout):
                if how == "format":
                    (root / "format").rename(root / "away")
                super().__init__(layout)
                if how == "tmp":
                    (root / "tmp").rename(root / "away")

        monkeypatch.setattr(store_module, "Writer", Slow)
        with pytest.raises(UnfitDirectory):
            Store.open(root)
        if how == "format":  # and nothing of the server is left
            assert [p.name for p in (root / "tmp").iterdir()] == ["0123456789ab"]

    def test_is_told_what_to_do_while_format_is_away(self, root):
        aside = root / "before-restore-2026-11-24T08-00-00Z"
        aside.mkdir()
        (root / "format").rename(aside / "format.moving")
        with pytest.raises(
            UnfitDirectory, match=f"run it again; or, to go back, move what is in {aside} back"
        ):
            Store.open(root)
        (aside / "format.moving").rename(aside / "format")
        with pytest.raises(UnfitDirectory, match=f"The old data is whole in {aside}"):
            Store.open(root)


def test_while_accounts_are_changed_it_waits_and_gives_up_with_nothing_changed(root, archive, monkeypatch):
    monkeypatch.setattr("c8ybin.store.switch._LOCK_TIMEOUT_S", 0.01)
    old = state(root)
    with fsio.locked(root / "accounts.lock", 1), pytest.raises(TimeoutError):
        bring_back(root, archive, replace=True)
    assert state(root) == old
    assert not list(root.glob("*restore-*"))


def test_a_disk_that_fails_in_the_switch_leaves_what_the_next_run_completes(
    root, archive, new, make, monkeypatch
):
    rename = os.rename
    kinds = [("old", name) for name in ("format", "events", "tmp", "format.moving", "accounts.json")]
    for kind, failing in [*kinds, ("empty", "events"), ("empty", "format")]:
        place, old = make[kind](), state(root) if kind == "old" else None

        def fail(source, target, failing=failing, place=place):
            if source.name == failing and source.parent != place / "tmp":
                raise OSError(5, "Input/output error")
            rename(source, target)

        monkeypatch.setattr(os, "rename", by_path(fail))
        with pytest.raises(OSError, match="Input/output"):
            bring_back(place, archive, replace=True)
        monkeypatch.setattr(os, "rename", rename)
        inspect_restored(place, archive, old, new)


class TestWhatAnInterruptedRestoreLeft:
    """Made by hand, for what a server, a person or another restore did meanwhile."""

    @pytest.fixture()
    def aside(self, root):
        path = root / "before-restore-2026-11-24T08-00-00Z"
        path.mkdir()
        return path

    def test_is_completed_although_a_server_that_was_refused_made_empty_directories(
        self, root, aside, archive, new
    ):
        old = state(root)
        (root / "format").rename(aside / "format.moving")
        for name in ("events", "tmp"):
            (root / name).rename(aside / name)
            (root / name).mkdir()
        bring_back(root, archive, replace=True)
        assert (state(root), state(aside)) == (new, old)

    def test_is_completed_and_leaves_the_certificate_that_was_made_here(self, root, aside, archive):
        (root / "tls").mkdir()
        (root / "tls" / "key.pem").write_text("a key")
        (root / "format").rename(aside / "format.moving")
        bring_back(root, archive, replace=True)
        assert (root / "tls" / "key.pem").read_text() == "a key"

    def test_of_a_second_name_of_format_stays_nothing(self, root, aside, archive, new):
        os.link(root / "format", aside / "format.moving")
        bring_back(root, archive, replace=True)
        assert state(root) == new
        assert not list(root.glob("*/format.moving"))

    def test_needs_the_word_replace_while_old_data_is_between(self, root, aside, archive):
        (root / "format").rename(aside / "format.moving")
        old = state(root)
        with pytest.raises(UnfitDirectory, match="run it again"):
            bring_back(root, archive)
        assert state(root) == old

    def test_is_not_taken_for_a_directory_that_lost_its_format_some_other_way(self, root, archive):
        # A restore was killed while it unpacked; later somebody removed `format`.
        (root / ".restore-0123456789ab" / "new").mkdir(parents=True)
        (root / "format").rename(root / ".restore-0123456789ab" / "new" / "format")
        old = state(root)
        with pytest.raises(UnfitDirectory, match="holds other files"):
            bring_back(root, archive, replace=True)
        assert state(root) == old


def test_a_directory_that_another_restore_has_filled_meanwhile_is_looked_at_again(
    make, archive, new, monkeypatch
):
    place, real, done = make["empty"](), fsio.make_directory, []

    def be_overtaken(path):
        if path.name.startswith(".restore-") and not done:
            done.append(True)
            bring_back(place, archive)
        return real(path)

    monkeypatch.setattr(fsio, "make_directory", be_overtaken)
    with pytest.raises(UnfitDirectory, match="holds data already"):
        bring_back(place, archive)
    assert state(place) == new


def test_a_restored_directory_can_be_served(root, archive, new, locks):
    bring_back(root, archive, replace=True)
    with Desk(furnish(root, locks)) as desk:
        desk.attach(desk.create(), b"more")
        assert desk.store.listing.is_empty() is False
