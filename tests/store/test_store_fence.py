"""A process that is stopped at any step while others take its lock: what they did stays, whatever it goes on with."""

import errno
import fcntl
import logging
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, nullcontext, suppress

import pytest
from harness import until
from store_tools import Desk, breaking_at_once, orphans

from c8ybin.domain.conditions import Precondition
from c8ybin.domain.errors import Busy, ChunkConflict, CutOff, EventNotFound, Refusal
from c8ybin.domain.ids import RELEASED_MS, Clock
from c8ybin.domain.queries import Query
from c8ybin.fsio import files
from c8ybin.fsio import locks as flocks
from c8ybin.index import folding
from c8ybin.index.manifest import read_manifest
from c8ybin.store import Store, beats, watch
from c8ybin.store import disk as disk_module
from c8ybin.store.check import Check
from c8ybin.store.fence import fence, is_fenced
from c8ybin.store.layout import Layout
from c8ybin.store.sweep import Sweeper

# The calls that change something, or make it durable.
CALLS = ("open", "pwrite", "ftruncate", "rename", "link", "unlink", "mkdir", "rmdir", "fsync", "fdatasync")

FIRST = lambda desk, event: desk.chunk(event, "0-2/9", b"abc")  # noqa: E731
FIRST_PUT = lambda desk, event: desk.chunk(event, "0-2/9", b"abc", put=True)  # noqa: E731
ATTACH = lambda desk, event: desk.attach(event, b"old")  # noqa: E731


# What the stopped one does, and what was done before.
SLOW = {
    "replace": (lambda d, e: d.replace(e, b"slow"), ATTACH),
    "replace none": (lambda d, e: d.replace(e, b"slow"), lambda d, e: None),
    "change": (lambda d, e: d.update(e, text="slow"), lambda d, e: None),
    "drop": (lambda d, e: d.drop(e), ATTACH),
    "drop upload": (lambda d, e: d.drop(e), FIRST),
    "first chunk": (FIRST, lambda d, e: None),
    "next chunk": (lambda d, e: d.chunk(e, "3-5/9", b"slo"), FIRST),
    "chunk anew": (lambda d, e: d.chunk(e, "0-3/9", b"slow"), FIRST),
    "completing chunk": (lambda d, e: d.chunk(e, "3-8/9", b"slowly"), FIRST),
    "replacing chunk": (
        lambda d, e: d.chunk(e, "3-8/9", b"slowly", put=True),
        lambda d, e: (ATTACH(d, e), FIRST_PUT(d, e)),
    ),
    "attach": (lambda d, e: d.attach(e, b"slow"), lambda d, e: None),
    "delete": (lambda d, e: d.delete(e), ATTACH),
    "delete if it is as it was": (
        lambda d, e: d.delete(e, Precondition(if_match=d.store.events.read(e).etag)),
        ATTACH,
    ),
    "attach if none is there": (
        lambda d, e: d.attach(e, b"slow", Precondition(if_none_match="*")),
        lambda d, e: None,
    ),
}


def go_on_with_upload(desk, event):
    """Send an upload again from its beginning, as its client does after an answer that was lost."""
    try:
        for where, data in (("0-2/9", b"abc"), ("3-5/9", b"def"), ("6-8/9", b"ghi")):
            desk.chunk(event, where, data, put=True)
    except ChunkConflict:  # the stopped one came as far as to count other bytes: begin anew
        desk.drop(event)
        go_on_with_upload(desk, event)


def is_upload(desk, event):
    assert desk.get(event) == b"abcdefghi"


# What others do meanwhile and are answered for, and what must be there after that.
QUICK = {
    "replace": (
        lambda d, e: d.replace(e, b"quick"),
        lambda d, e: desk_has(d, e, b"quick"),
    ),
    "drop and attach": (
        lambda d, e: (with_suppressed(d.drop, e), d.replace(e, b"fresh")),
        lambda d, e: desk_has(d, e, b"fresh"),
    ),
    "change": (
        lambda d, e: d.update(e, text="quick"),
        lambda d, e: text_is(d, e, "quick"),
    ),
    "upload": (go_on_with_upload, is_upload),
    "begin an upload": (
        lambda d, e: (with_suppressed(d.drop, e), d.chunk(e, "0-2/9", b"xyz")),
        lambda d, e: (d.chunk(e, "3-8/9", b"uvwxyz"), desk_has(d, e, b"xyzuvwxyz")),
    ),
}


def with_suppressed(act, *arguments):
    with suppress(Refusal):
        act(*arguments)


def desk_has(desk, event, data):
    assert desk.get(event) == data


def text_is(desk, event, text):
    assert desk.store.events.read(event).file.document["text"] == text


@pytest.fixture()
def at_once(monkeypatch):
    """Who waits does not wait, and who is heard twice in the same state is silent: nobody's clock decides."""
    with breaking_at_once(monkeypatch):
        yield


@contextmanager
def before_step(number: int, act: Callable[[], object]) -> Iterator[list[str]]:
    """Do something just before the call of that number that this process makes; yield the calls."""
    calls: list[str] = []
    is_inside = False

    def wrapping(name, real):
        def called(*arguments, **more):
            nonlocal is_inside
            if is_inside:
                return real(*arguments, **more)
            calls.append(name)
            if len(calls) == number:
                is_inside = True
                queues, flocks._queues = flocks._queues, {}  # another process has its own
                try:
                    act()
                finally:
                    is_inside, flocks._queues = False, queues
            return real(*arguments, **more)

        return called

    open_existing = files.open_beneath
    step = wrapping("open", open_existing)

    def opening(path, flags):
        # By openat2, which is no function of `os`; what is only read is no step.
        return (step if flags & (os.O_WRONLY | os.O_RDWR) else open_existing)(path, flags)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(files, "open_beneath", opening)
        for name in CALLS:
            patch.setattr(os, name, wrapping(name, getattr(os, name)))
        yield calls


@pytest.mark.usefixtures("at_once")
@pytest.mark.parametrize("quick", QUICK)
@pytest.mark.parametrize("slow", SLOW)
def test_whoever_is_stopped_at_any_step_takes_nothing_back_and_claims_nothing(root, slow, quick):
    (act, before), (meanwhile, holds) = SLOW[slow], QUICK[quick]
    fenced, number = 0, 0
    while True:
        number += 1
        with Desk(root, several_hosts=True) as others:
            event, was_done = others.create(), []
            before(others, event)
            stopped = Desk(root, several_hosts=True)

            def be_quick(others=others, event=event, was_done=was_done):
                try:
                    meanwhile(others, event)
                    was_done.append(True)
                except EventNotFound:
                    was_done.append(False)  # deleted before that

            refusal: Refusal | None = None
            with before_step(number, be_quick):
                try:
                    act(stopped, event)
                except Refusal as error:
                    refusal = error
            if stopped.disk.is_cut_off():
                fenced += 1
                assert isinstance(refusal, CutOff)
                if was_done[0]:
                    holds(others, event)
            stopped.intake.close()
            stopped.die()
            others.sweep()
            assert [f for f in Check(Layout(root)).run() if "tmp" not in f.path.parts] == []
            with suppress(EventNotFound):
                others.delete(event)
        assert orphans(root) == []
        if not was_done:
            break
    assert number > 5
    assert fenced or slow in ("attach", "delete", "first chunk")


class Killed(BaseException):
    """The process is dead before its next call."""


@pytest.mark.usefixtures("at_once")
@pytest.mark.parametrize("act", ["replace", "next chunk", "drop upload"])
def test_whoever_is_killed_while_it_breaks_a_lock_is_followed_by_another(root, act):
    change, before = {**SLOW, "next chunk": (lambda d, e: d.chunk(e, "3-5/9", b"def"), FIRST)}[act]
    number, was_reached = 0, True

    def die():
        nonlocal was_reached
        was_reached = True
        raise Killed

    while was_reached:
        number, was_reached = number + 1, False
        with Desk(root) as first:
            event = first.create()
            before(first, event)
        silent, killed = Desk(root, several_hosts=True), Desk(root, several_hosts=True)
        with silent.disk.locked(event), another_process():
            with suppress(Killed), before_step(number, die):
                change(killed, event)
            killed.intake.close()
            killed.die()
            with Desk(root, several_hosts=True) as another:
                go_on_with_upload(another, event)
        silent.intake.close()
        silent.die()
        with Desk(root) as last:
            assert last.get(event) == b"abcdefghi"
            last.sweep()
            assert list(Check(Layout(root)).run()) == []
            last.delete(event)
        assert orphans(root) == []
    assert number > 20


@pytest.fixture()
def pair(make_desk):
    """Two processes of two hosts."""
    return make_desk(several_hosts=True), make_desk(several_hosts=True)


@contextmanager
def another_process():
    """Do something as one that has queues of its own."""
    queues, flocks._queues = flocks._queues, {}
    try:
        yield
    finally:
        flocks._queues = queues


class TestAHolder:
    @pytest.fixture(autouse=True)
    def quickly(self, monkeypatch, at_once):
        monkeypatch.setattr(disk_module, "LOCK_TIMEOUT_S", 0.3)

    def test_that_is_silent_is_fenced_and_its_lock_broken(self, pair):
        silent, other = pair
        event = other.create()
        with silent.disk.locked(event), another_process():
            other.replace(event, b"new")
        assert is_fenced(silent.writer.folder)
        lock = other.layout.lock(event)
        assert {f"{lock.name}.shut", f"{lock.name}.1"} <= set(os.listdir(lock.parent))
        assert other.disk.locks.generation(event) == 1

    def test_of_the_index_that_is_silent_does_not_keep_it_from_others(self, pair):
        silent, other = pair
        event = other.create()
        with silent.disk.index.locked(), another_process():
            other.disk.index.mend()
        assert is_fenced(silent.writer.folder)
        assert list(other.store.listing.ids(Query(source="1001"))) == [event]

    def test_that_others_fenced_is_found_by_one_that_hears_nobody_often(self, pair):
        fenced, other = pair
        event, now = other.create(), iter(range(0, 10**6, 3))  # seconds
        other.disk.watch.ear._monotonic_s = lambda: float(next(now))
        with fenced.disk.locked(event), another_process():
            with pytest.raises(Busy):
                other.replace(event, b"new")
            fence(fenced.writer.folder)
            other.replace(event, b"new")
        assert other.get(event) == b"new"

    def test_that_beats_keeps_its_lock_though_others_are_silent(self, pair, make_desk, monkeypatch):
        alive, other = pair
        make_desk(several_hosts=True)  # silent
        event = other.create()
        hear = other.disk.watch.ear.hear

        def beat_and_hear(name):
            if name == alive.writer.name:
                alive.disk.watch._beat.beat()
            return hear(name)

        monkeypatch.setattr(other.disk.watch.ear, "hear", beat_and_hear)
        with alive.disk.locked(event), another_process(), pytest.raises(Busy):
            other.replace(event, b"new")
        assert not is_fenced(alive.writer.folder)
        assert not other.layout.lock(event, 1).exists()
        # It was shut, so the next one goes on with the next generation; also the one that had it.
        for desk in (alive, other):
            desk.replace(event, b"new")
            assert desk.disk.locks.generation(event) == 1

    def test_that_no_longer_holds_it_says_so_by_its_second_beat(self, pair, make_desk, monkeypatch):
        alive, other = pair
        silent = make_desk(several_hosts=True)
        event = other.create()
        hear, heard = other.disk.watch.ear.hear, []

        def beat_and_hear(name):
            if name == alive.writer.name:
                alive.disk.watch._beat.beat()
                heard.append(other.layout.lock_shut(other.layout.lock(event)).exists())
            return hear(name)

        monkeypatch.setattr(other.disk.watch.ear, "hear", beat_and_hear)
        with silent.disk.locked(event), another_process():
            other.replace(event, b"new")
        assert sum(heard) == 3
        assert not is_fenced(alive.writer.folder)

    def test_without_a_beat_is_never_fenced(self, make_desk):
        local, other = make_desk(), make_desk(several_hosts=True)
        make_desk(several_hosts=True)  # silent
        event = other.create()
        with local.disk.locked(event), another_process(), pytest.raises(Busy):
            other.replace(event, b"new")
        assert not is_fenced(local.writer.folder)

    def test_is_never_fenced_by_one_that_is_alone_on_its_host(self, make_desk):
        silent, local = make_desk(several_hosts=True), make_desk()
        event = local.create()
        with silent.disk.locked(event), another_process(), pytest.raises(Busy):
            local.replace(event, b"new")
        assert not is_fenced(silent.writer.folder)

    def test_of_a_lock_whose_breaking_was_cut_short_is_no_trouble(self, pair):
        silent, other = pair
        event = other.create()
        other.layout.lock_shut(other.layout.lock(event)).touch()
        fence_in_part(silent)
        with silent.disk.locked(event), another_process():
            other.replace(event, b"new")
        assert is_fenced(silent.writer.folder)


def fence_in_part(desk):
    """Be killed on the way: the first draft was moved, the others are there."""
    for name in ("a", "b"):
        (desk.writer.drafts / name).touch()
    (desk.writer.folder / "fenced").touch()
    (desk.writer.drafts / "a").rename(desk.writer.folder / "a")


def test_a_process_beats_until_it_has_nothing_left_to_do(root, monkeypatch):
    with closing(Store.open(root, several_hosts=True)) as store:
        disk, beats_on = store._disk, []
        for part, name in ((disk.digester, "close"), (disk.together, "close"), (disk.index, "sync")):
            real = getattr(part, name)
            monkeypatch.setattr(
                part, name, lambda real=real: (beats_on.append(not disk.watch._ended.is_set()), real())[1]
            )
    assert beats_on == [True, True, True]


class TestAFencedProcess:
    def test_makes_and_changes_nothing_and_says_that_it_was_cut_off(self, pair):
        fenced, other = pair
        event, attached = other.create(), other.create()
        other.attach(attached, b"old")
        thing = other.make(name="thing")
        bodies = [fenced.body(b"new") for _ in range(2)]
        fence(fenced.writer.folder)
        binaries = fenced.store.binaries
        for act in (
            lambda: fenced.create(),
            lambda: binaries.attach(event, bodies[0], "tester", Precondition()),
            lambda: binaries.replace(attached, bodies[1], "tester", Precondition()),
            lambda: fenced.update(event, text="new"),
            lambda: fenced.drop(attached),
            lambda: fenced.drop(event),
            lambda: fenced.delete(event),
            lambda: fenced.make(name="new"),
            lambda: fenced.name(thing),
            lambda: fenced.store.inventory.delete(thing),
            lambda: fenced.store.inventory.update(thing, {"name": "new"}),
        ):
            with pytest.raises(CutOff):
                act()
        assert other.get(attached) == b"old"
        assert other.files(event) == ["event.json"]
        assert other.store.inventory.read(thing).document["name"] == "thing"
        for received in bodies:
            with suppress(FileNotFoundError):
                received.body.close()

    def test_beats_no_more_and_tells_of_it(self, pair):
        fenced, _ = pair
        fence(fenced.writer.folder)
        with pytest.raises(CutOff):
            fenced.disk.watch.round()

    @pytest.mark.parametrize("is_late", [False, True])
    def test_calls_who_wants_to_know_also_where_that_comes_later(self, root, monkeypatch, is_late):
        monkeypatch.setattr(watch, "BEAT_EVERY_S", 0.01)
        called = threading.Event()
        with closing(Store.open(root, several_hosts=True)) as store:
            if not is_late:
                store.when_cut_off(called.set)
            fence(store.folder.parent)
            if is_late:
                store._disk.watch._thread.join()
                store.when_cut_off(called.set)
            assert called.wait(60)

    def test_is_swept_though_its_lock_of_life_is_held(self, pair):
        fenced, other = pair
        event = other.create()
        received = fenced.body(b"half")
        (other.home(event) / f"content-{fenced.writer.name}-1").write_bytes(b"of an attach")
        fenced.writer.note_hour(fenced.layout.hour_name(event))
        assert other.sweep() == 0
        fence(fenced.writer.folder)
        assert other.sweep() == 1
        assert other.files(event) == ["event.json"]
        assert sorted(os.listdir(fenced.writer.folder)) == ["alive", "beat", "fenced", "hours"]
        assert other.sweep() == 0
        with pytest.raises(CutOff):
            fenced.disk.watch.round()
        received.body.close()
        fenced.die()
        assert other.sweep() == 1
        assert not fenced.writer.folder.exists()

    def test_that_was_swept_while_it_holds_a_lock_does_not_block_that_for_good(
        self, pair, monkeypatch, at_once
    ):
        fenced, other = pair
        monkeypatch.setattr(disk_module, "LOCK_TIMEOUT_S", 0.3)
        event = other.create()
        with fenced.disk.locked(event), another_process():
            fence(fenced.writer.folder)
            other.sweep()
            other.replace(event, b"new")
        assert other.get(event) == b"new"

    def test_that_is_dead_is_fenced_before_it_is_swept(self, pair, monkeypatch):
        dead, other = pair
        dead.die()
        fenced = []
        monkeypatch.setattr("c8ybin.store.fence.fence", fenced.append)
        assert other.sweep() == 1
        assert fenced == [dead.writer.folder]

    def test_keeps_what_it_deleted_until_a_sweep_has_made_that_durable(self, pair, monkeypatch):
        fenced, other = pair
        event = other.create()
        monkeypatch.setattr("c8ybin.fsio.remove_tree", lambda path: None)
        fenced.delete(event)
        fence(fenced.writer.folder)
        (gone,) = fenced.writer.folder.glob("gone-*")
        assert (gone / "event.json").exists()

    @pytest.mark.parametrize("is_named", [False, True])
    def test_takes_nothing_back_that_others_have_folded(self, pair, monkeypatch, is_named):
        """It holds the lock of the index and is stopped just before its manifest counts, or just after that."""
        stopped, other = pair
        monkeypatch.setattr("c8ybin.index.index.FOLD_AT", 2)
        stopped.disk.index.mend()
        first, seconds = stopped.create(), []
        real = folding.write_manifest

        def stop(*arguments):
            if is_named:
                real(*arguments)
            monkeypatch.setattr(folding, "write_manifest", real)
            fence(stopped.writer.folder)
            seconds.append(other.create())
            # The file system has let the lock go.
            with monkeypatch.context() as patch:
                patch.setattr(type(other.disk.index), "locked", lambda _: nullcontext())
                assert other.disk.index.fold()
            if not is_named:
                real(*arguments)

        monkeypatch.setattr(folding, "write_manifest", stop)
        with nullcontext() if is_named else pytest.raises(FileNotFoundError):
            stopped.disk.index.fold()
        (second,) = seconds
        manifest = read_manifest(other.layout.index)
        assert {column.name for column in manifest.columns} == set(os.listdir(other.layout.index / "columns"))
        with Desk(other.layout.root, several_hosts=True) as fresh:
            assert set(fresh.store.listing.ids(Query(source="1001"))) == {first, second}

    def test_is_fenced_by_whoever_watches_it(self, pair, caplog):
        silent, watching = pair
        ear, now = watching.disk.watch.ear, [0.0]
        ear._monotonic_s = lambda: now[0]
        for _ in range(9):
            assert not is_fenced(silent.writer.folder)
            watching.disk.watch.round()
            now[0] += 1.0
        assert is_fenced(silent.writer.folder)
        assert f"fenced the writer {silent.writer.name}" in caplog.text


class TestListsAfterADeath:
    """What a host told the index in its last second is gone with its memory; its locks are still held."""

    def forgotten(self, dead):
        event = dead.create()
        for log in (dead.root / "index").glob("*.log"):
            log.unlink()
        return event

    def test_have_all_in_a_process_that_begins_just_then(self, pair, make_desk, monkeypatch):
        dead, _ = pair
        event = self.forgotten(dead)
        monkeypatch.setattr(watch, "SILENT_S", 0.6)
        fresh = make_desk(several_hosts=True)
        fresh.disk.watch.start()
        assert list(fresh.store.listing.ids(Query(source="1001"))) == [event]
        assert is_fenced(dead.writer.folder)

    def test_have_all_soon_in_one_that_listed_before(self, make_desk, monkeypatch):
        dead, other = (make_desk(several_hosts=True) for _ in range(2))
        other.disk.watch.start()
        sweeper = Sweeper(other.store.sweep)
        other.store.when_fenced(sweeper.wake)
        dead.disk.watch.start()
        assert list(other.store.listing.ids(Query(source="1001"))) == []
        sweeper.start()
        dead.disk.watch.stop()
        event = self.forgotten(dead)
        monkeypatch.setattr(watch, "LONG_SILENT_S", 0.6)
        assert until(lambda: list(other.store.listing.ids(Query(source="1001"))) == [event])
        sweeper.stop()


class TestTheAnswer:
    """Of a change that the others may not see."""

    def test_is_none_where_the_file_system_took_the_locks_away(self, pair):
        one, _ = pair
        event = one.create()
        fcntl.flock(one.writer._alive_fd, fcntl.LOCK_UN)
        with pytest.raises(CutOff):
            one.update(event, text="new")

    def test_is_none_where_another_process_has_them(self, pair):
        one, _ = pair
        event = one.create()
        fcntl.flock(one.writer._alive_fd, fcntl.LOCK_UN)
        with open(one.writer.folder / "alive", "rb") as alive:
            fcntl.flock(alive, fcntl.LOCK_EX)
            with pytest.raises(CutOff):
                one.attach(event, b"new")

    @pytest.mark.parametrize("number", [errno.EIO, errno.ENOLCK])
    def test_is_none_where_nobody_knows(self, pair, monkeypatch, number):
        one, _ = pair
        event, flock = one.create(), fcntl.flock

        def fail(fd, how):
            if os.readlink(f"/proc/self/fd/{fd}").endswith("alive"):
                raise OSError(number, os.strerror(number))
            flock(fd, how)

        monkeypatch.setattr(fcntl, "flock", fail)
        with pytest.raises(CutOff if number == errno.EIO else OSError):
            one.attach(event, b"new")

    def test_is_none_after_that_and_what_was_begun_comes_to_nothing(self, pair, monkeypatch):
        one, _ = pair
        cut_off = []
        one.disk.watch.when_cut_off(lambda: cut_off.append(True))
        monkeypatch.setattr(watch, "BEAT_EVERY_S", 0.0)
        fcntl.flock(one.writer._alive_fd, fcntl.LOCK_UN)
        one.disk.watch._run()  # to its end
        assert cut_off == [True]
        assert is_fenced(one.writer.folder)

    def test_is_not_looked_after_on_one_host(self, desk):
        fcntl.flock(desk.writer._alive_fd, fcntl.LOCK_UN)
        desk.create()


class TestTheEar:
    @pytest.fixture()
    def ear(self, pair):
        speaking, hearing = pair
        now = [0.0]
        ear = beats.Ear(hearing.layout.tmp, hearing.disk.clock.now_ms, lambda: now[0])

        def silent_at(second):
            now[0] = second
            return ear.hear(speaking.writer.name).silent_s

        silent_at.now = now
        silent_at.beat = speaking.disk.watch._beat.beat
        return silent_at

    def test_counts_the_seconds_without_a_beat(self, ear):
        assert [ear(second) for second in (0, 1, 2, 3)] == [0, 1, 2, 3]
        ear.beat()
        assert [ear(second) for second in (4, 5)] == [0, 1]

    def test_counts_none_in_which_it_did_not_hear_for_it_may_have_been_stopped(self, ear):
        assert [ear(second) for second in (0, 2, 100, 101)] == [0, 2, 0, 1]

    def test_counts_none_of_a_file_system_that_stalls(self, ear, monkeypatch):
        assert [ear(second) for second in (0, 2)] == [0, 2]
        read = beats.fsio.read

        def slowly(path):
            ear.now[0] += 1.5
            return read(path)

        monkeypatch.setattr(beats.fsio, "read", slowly)
        assert ear(2.5) == 0

    def test_takes_a_torn_beat_for_what_it_is(self, pair):
        speaking, hearing = pair
        (speaking.writer.folder / "beat").write_bytes(b"half a bea")
        heard = hearing.disk.watch.ear.hear(speaking.writer.name)
        assert (heard.record, heard.count, list(heard.locks)) == (None, 0, [])


class TestClocksThatDiffer:
    @pytest.fixture()
    def behind(self, make_desk):
        """Of two hosts one is ten minutes behind."""
        now_s = RELEASED_MS / 1000 + 86_400
        return [
            make_desk(several_hosts=True, clock=Clock(lambda ahead=ahead: now_s + ahead))
            for ahead in (0, -600)
        ]

    def test_are_told_once_and_again_after_they_were_set(self, behind, caplog):
        right, wrong = behind
        caplog.set_level(logging.WARNING)
        assert not right.store.clocks_differ()
        for _ in range(3):
            wrong.disk.watch._beat.beat()
            right.disk.watch.round()
        assert right.store.clocks_differ()
        assert caplog.text.count("600 s behind") == 1
        wrong.disk.clock._wall_s = right.disk.clock._wall_s
        wrong.disk.watch._beat.beat()
        right.disk.watch.round()
        assert not right.store.clocks_differ()

    def test_make_ids_that_differ_and_lists_that_are_whole(self, behind, monkeypatch):
        right, wrong = behind
        # The same millisecond and the same random bits: the next one is taken.
        monkeypatch.setattr("random.getrandbits", lambda bits: 7)
        wrong.disk.clock._wall_s = right.disk.clock._wall_s
        made = [desk.create() for desk in (right, wrong, right, wrong)]
        assert len(set(made)) == 4
        for desk in behind:
            assert set(desk.store.listing.ids(Query())) == set(made)

    def test_let_no_time_of_a_binary_fall_back(self, behind):
        right, wrong = behind
        event = right.create()
        first = right.attach(event, b"one")
        second = wrong.replace(event, b"two")
        assert second.time >= first.time
        assert right.get(event) == b"two"
        assert right.store.listing.ids(Query()) and wrong.store.listing.ids(Query())
