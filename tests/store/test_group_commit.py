"""Commits that run in lockstep: real threads, real files, real errors."""

import errno
import os
import threading

import pytest
from harness import until

from c8ybin import fsio
from c8ybin.fsio import parallel
from c8ybin.store import group_commit
from c8ybin.store.group_commit import Durable, GroupCommit

WAIT_S = 30


@pytest.fixture()
def group():
    group = GroupCommit()
    yield group
    group.close()


@pytest.fixture()
def file(tmp_path):
    """Return a maker of new files, as descriptors."""
    made = []

    def make():
        fd = fsio.create(tmp_path / f"{len(made)}")
        fsio.write_at(fd, b"bytes", 0)
        made.append(fd)
        return fd

    yield make
    for fd in made:
        os.close(fd)


@pytest.fixture()
def seen(monkeypatch):
    """What is made durable, in order, by its name; one after the other, for the kernel would not be seen."""
    monkeypatch.setattr(parallel, "_SYSTEM_CALLS", {})
    calls, fsync = [], os.fsync

    def record(fd):
        calls.append("fsync " + os.path.basename(os.readlink(f"/proc/self/fd/{fd}")))
        fsync(fd)

    monkeypatch.setattr(os, "fsync", record)
    return calls


def at_once(group, *commits):
    """Run commits in a thread each, so that all are in one batch from their first step on; return what came of each."""
    outcomes = [None] * len(commits)

    def enter(number, steps):
        try:
            outcomes[number] = group.run(steps)
        except BaseException as error:
            outcomes[number] = error

    def first():
        # It leads, and takes the others in only when all have come.
        assert until(lambda: len(group._arrived) == len(commits))
        yield Durable()

    leader = threading.Thread(target=group.run, args=(first(),))
    leader.start()
    assert until(lambda: group._has_leader)
    threads = []
    for number, steps in enumerate(commits):
        threads.append(threading.Thread(target=enter, args=(number, steps)))
        threads[-1].start()
        assert until(lambda count=number + 1: len(group._arrived) == count)
    for thread in (leader, *threads):
        thread.join(WAIT_S)
    assert not any(thread.is_alive() for thread in (leader, *threads))
    assert not group._has_leader
    return outcomes


def test_what_waits_together_goes_from_phase_to_phase_together(group, file, seen, tmp_path):
    def commit(name, fds):
        seen.append(f"{name} begins")
        yield Durable(files=fds, directories=(tmp_path,))
        seen.append(f"{name} goes on")
        yield Durable(directories=(tmp_path,))
        seen.append(f"{name} ends")
        return name

    assert at_once(group, commit("one", (file(), file())), commit("two", (file(),))) == ["one", "two"]
    directory = f"fsync {tmp_path.name}"
    assert seen == [
        "one begins",
        "two begins",
        "fsync 0",
        "fsync 1",
        "fsync 2",
        directory,  # once for both
        "one goes on",
        "two goes on",
        directory,
        "one ends",
        "two ends",
    ]


def test_each_step_is_told_with_how_many_it_was_for_and_how_many_have_ended(group, file):
    told = []
    group.told = lambda together, ended: told.append((together, ended))

    def commit(steps):
        for _ in range(steps):
            yield Durable(files=(file(),))

    at_once(group, commit(1), commit(2))
    # The first leads alone, then goes on with the two.
    assert told == [(0, 0), (1, 1), (2, 1), (1, 1)] or told == [(0, 0), (1, 1), (0, 0), (2, 1), (1, 1)]


def test_a_commit_alone_runs_in_its_own_thread_and_waits_for_nobody(group, file, seen):
    threads = []

    def commit():
        threads.append(threading.current_thread())
        yield Durable(files=(file(),))
        threads.append(threading.current_thread())
        return "done"

    assert group.run(commit()) == "done"
    assert set(threads) == {threading.current_thread()}
    assert seen == ["fsync 0"]
    assert group._parallel is None


def test_of_several_the_kernel_makes_all_durable_at_once(group, file, monkeypatch):
    if parallel.ParallelSync()._calls is None:
        pytest.skip("no asynchronous fsync is known of this kind of machine")
    monkeypatch.setattr(os, "fsync", lambda fd: pytest.fail("one after the other"))

    def commit():
        yield Durable(files=(file(),))
        return "durable"

    assert at_once(group, commit(), commit()) == ["durable", "durable"]


class TestAnError:
    @pytest.fixture(params=["at once", "one by one"], autouse=True)
    def how(self, request, monkeypatch):
        if request.param == "one by one":
            monkeypatch.setattr(parallel, "_SYSTEM_CALLS", {})

    @pytest.fixture()
    def unfit(self):
        """A descriptor that cannot be fsynced: of a pipe."""
        ends = os.pipe()
        yield ends[1]
        for fd in ends:
            os.close(fd)

    def test_of_a_file_is_raised_where_that_commit_waits_and_nowhere_else(self, group, file, unfit):
        cleaned = []

        def commit(*fds):
            try:
                yield Durable(files=fds[:1], data=fds[1:])
            except OSError as error:
                cleaned.append(error)
                raise
            return "durable"

        good, bad, of_data = at_once(
            group, commit(file(), file()), commit(unfit, file()), commit(file(), unfit)
        )
        assert good == "durable"
        assert (bad.errno, of_data.errno) == (errno.EINVAL, errno.EINVAL)
        assert cleaned == [bad, of_data]
        assert bad is not of_data

    def test_keeps_that_commit_from_asking_for_its_directories(
        self, group, file, unfit, tmp_path, monkeypatch
    ):
        opened, open_directory = [], fsio.open_directory
        monkeypatch.setattr(
            fsio, "open_directory", lambda path: (opened.append(path), open_directory(path))[1]
        )
        home = tmp_path / "home"
        home.mkdir()

        def commit(fd, directory):
            yield Durable(files=(fd,), directories=(directory,))

        at_once(group, commit(unfit, home), commit(file(), tmp_path))
        assert opened == [tmp_path]

    def test_of_a_shared_directory_is_raised_in_all_that_asked_for_it(self, group, file, tmp_path):
        gone = tmp_path / "gone"

        def commit(directory):
            yield Durable(files=(file(),), directories=(directory,))
            return "durable"

        one, good, two = at_once(group, commit(gone), commit(tmp_path), commit(gone))
        assert good == "durable"
        assert isinstance(one, FileNotFoundError) and isinstance(two, FileNotFoundError)

    def test_of_the_fsync_of_a_shared_directory_is_raised_in_all_that_asked_for_it(
        self, group, file, tmp_path, monkeypatch
    ):
        home = tmp_path / "home"
        home.mkdir()
        open_directory, reading, writing = fsio.open_directory, *os.pipe()
        monkeypatch.setattr(
            fsio, "open_directory", lambda path: os.dup(writing) if path == home else open_directory(path)
        )

        def commit(directory):
            yield Durable(directories=(tmp_path, directory))
            return "durable"

        one, good, two = at_once(group, commit(home), commit(tmp_path), commit(home))
        os.close(reading)
        os.close(writing)
        assert (one.errno, good, two.errno) == (errno.EINVAL, "durable", errno.EINVAL)
        assert one is not two

    def test_that_a_commit_survives_lets_it_go_on(self, group, file, unfit):
        def commit(fd):
            try:
                yield Durable(files=(fd,))
            except OSError:
                yield Durable(files=(file(),))
                return "in another file"
            return "durable"

        assert at_once(group, commit(unfit), commit(file())) == ["in another file", "durable"]

    def test_of_the_steps_themselves_is_their_owners_alone(self, group, file):
        def commit(error):
            yield Durable(files=(file(),))
            if error:
                raise error
            return "durable"

        failure = ValueError("its own")
        assert at_once(group, commit(failure), commit(None)) == [failure, "durable"]


def test_who_is_done_hands_the_lead_on_to_one_that_waits(group, file):
    threads = {"short": [], "long": []}

    def commit(name, phases):
        for _ in range(phases):
            threads[name].append(threading.get_ident())
            yield Durable(files=(file(),))
        return name

    assert at_once(group, commit("short", 1), commit("long", 4)) == ["short", "long"]
    # The leader is done after one phase, the short one after the next; then the long one has to go on alone.
    assert len(set(threads["long"])) > 1


def test_who_comes_later_joins_between_two_phases(group, file):
    entered, order = threading.Event(), []

    def early():
        entered.set()
        assert until(lambda: group._arrived)
        yield Durable(files=(file(),))
        order.append("early")
        yield Durable(files=(file(),))
        order.append("early")

    def late():
        order.append("late")
        yield Durable(files=(file(),))

    thread = threading.Thread(target=group.run, args=(early(),))
    thread.start()
    assert entered.wait(WAIT_S)
    group.run(late())
    thread.join(WAIT_S)
    assert sorted(order[:2]) == ["early", "late"]


def test_a_batch_is_bounded_and_the_rest_comes_after(group, file, monkeypatch):
    monkeypatch.setattr(group_commit, "MOST", 3)
    under_way, most = set(), []

    def commit(name):
        under_way.add(name)
        yield Durable(files=(file(),))
        most.append(len(under_way))
        under_way.remove(name)
        return name

    assert at_once(group, *map(commit, range(8))) == list(range(8))
    assert max(most) <= 3


def test_an_interruption_of_the_leader_fails_the_others_and_leaves_nobody_waiting(group, file):
    cleaned = []

    def interrupted():
        yield Durable(files=(file(),))
        raise KeyboardInterrupt

    def commit(name):
        try:
            yield Durable(files=(file(),))
            yield Durable(files=(file(),))
        finally:
            cleaned.append(name)

    outcomes = at_once(group, commit("before"), interrupted(), commit("after"))
    # By then the first one's thread leads.
    assert [type(outcome) for outcome in outcomes] == [KeyboardInterrupt, BlockingIOError, BlockingIOError]
    assert cleaned == ["before", "after"]

    def another():
        yield Durable(files=(file(),))
        return "durable"

    assert at_once(group, another(), another()) == ["durable", "durable"]


def test_of_sixteen_threads_that_commit_on_and_on_none_is_forgotten(group, race, tmp_path):
    steps_done = []

    def commit(fd, number):
        for phase in range(number % 4):
            yield Durable(files=(fd,) if phase % 2 else (), directories=(tmp_path,))
        steps_done.append(number)
        return number

    def commit_often(thread):
        fd = fsio.create(tmp_path / str(thread))
        try:
            return [group.run(commit(fd, 200 * thread + n)) for n in range(200)]
        finally:
            os.close(fd)

    results = race(16, commit_often)
    assert results == [list(range(200 * thread, 200 * thread + 200)) for thread in range(16)]
    assert sorted(steps_done) == list(range(3200))
    assert not group._has_leader
    assert not group._arrived


class TestBegunMeanwhile:
    @pytest.fixture()
    def waiting(self, group, file, seen):
        """What waits to be begun, by name, and what came of each; `group` begins it."""
        names, outcomes = [], {}

        def begin():
            if not names:
                return False
            name = names.pop(0)
            outcomes[name] = group.run(self.commit(name, file(), seen), holds_lock=False)
            return True

        group.meanwhile = begin
        return names, outcomes

    @staticmethod
    def commit(name, fd, seen):
        seen.append(f"{name} begins")
        yield Durable(files=(fd,))
        seen.append(f"{name} ends")
        return name

    def test_is_committed_by_the_same_thread_in_one_batch(self, group, file, seen, waiting):
        names, outcomes = waiting
        names += ["two", "three"]
        assert group.run(self.commit("one", file(), seen), holds_lock=False) == "one"
        assert outcomes == {"two": "two", "three": "three"}
        began = [f"{name} begins" for name in ("one", "two", "three")]
        ended = [f"{name} ends" for name in ("one", "two", "three")]
        assert seen == [*began, "fsync 0", "fsync 1", "fsync 2", *ended]

    def test_is_nothing_while_a_lock_is_held(self, group, file, seen, waiting):
        names, _ = waiting
        names.append("two")
        group.run(self.commit("one", file(), seen))
        assert names == ["two"]

    def test_is_no_more_than_one_thread_may_have_under_way(self, group, file, seen, waiting, monkeypatch):
        monkeypatch.setattr(group_commit, "DEEPEST", 2)
        names, outcomes = waiting
        names += ["two", "three", "four"]
        group.run(self.commit("one", file(), seen), holds_lock=False)
        assert list(outcomes) == ["three", "two"]
        assert names == ["four"]

    def test_is_nothing_more_once_its_own_is_done(self, group, file, seen):
        # As clients do whose next request comes with the answer to the last.
        begun = []

        def begin():
            begun.append(1)
            group.run(self.commit("another", file(), seen), holds_lock=False)
            return True

        group.meanwhile = begin
        assert group.run(self.commit("one", file(), seen), holds_lock=False) == "one"
        assert len(begun) == group_commit.DEEPEST

    def test_and_commits_nothing_is_one_alone(self, group, file, seen):
        # As requests that are refused, of which there may be no end.
        begun = []

        def begin():
            begun.append(1)
            assert len(begun) < 1000
            return True

        group.meanwhile = begin
        assert group.run(self.commit("one", file(), seen), holds_lock=False) == "one"
        assert len(begun) == 1

    def test_fails_alone(self, group, file, seen):
        failures = []

        def broken():
            yield Durable()
            raise OSError(errno.EIO, "broken")

        def begin():
            if failures:
                return False
            with pytest.raises(OSError) as caught:
                group.run(broken())
            failures.append(caught.value.errno)
            return True

        group.meanwhile = begin
        assert group.run(self.commit("one", file(), seen), holds_lock=False) == "one"
        assert failures == [errno.EIO]

    def test_does_not_get_the_lead_while_its_thread_is_busy(self, group, file, seen):
        may_go_on, is_busy = threading.Event(), threading.Event()

        def begin():
            if is_busy.is_set():
                return False
            is_busy.set()
            assert may_go_on.wait(WAIT_S)
            return True

        def long():
            yield Durable()
            yield Durable()
            yield Durable()
            return "long"

        group.meanwhile = begin
        outcomes = []
        busy = threading.Thread(target=lambda: outcomes.append(group.run(long(), holds_lock=False)))
        busy.start()
        assert is_busy.wait(WAIT_S)
        # This one leads, takes the other along for its own two steps, and finds nobody to hand the lead to.
        assert group.run(self.commit("short", file(), seen)) == "short"
        assert not group._has_leader
        may_go_on.set()
        busy.join(WAIT_S)
        assert outcomes == ["long"]
