"""Failed logins slow those that follow: the rules, held against a model; and what passes all the same."""

import os
import threading
from collections import defaultdict
from contextlib import suppress

import pytest
from harness import until
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from c8ybin.accounts import EVENT_READ, Memory, hashing, verified
from c8ybin.accounts import accounts as accounts_module
from c8ybin.accounts.backoff import Backoff, network
from c8ybin.accounts.memory import DIGEST_BYTES, Table
from c8ybin.domain.errors import LoginsCrowded, TooManyTries

HERE, THERE = "192.0.2.1", "198.51.100.7"


class Clock:
    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture()
def clock():
    return Clock()


@pytest.fixture()
def memory():
    made = Memory()
    yield made
    made.close()


@pytest.fixture()
def backoff(memory, clock):
    return Backoff(memory, clock)


def fail(backoff, name="ann", address=HERE):
    """Fail once; return the seconds that it was refused for, 0 where it was tried."""
    try:
        backoff.begin(name, address)
    except TooManyTries as refusal:
        return refusal.retry_after_s
    return 0


def tries_in(backoff, clock, seconds, names, addresses):
    """Count what is tried by somebody who tries ten times a second."""
    tried = 0
    for step in range(seconds * 10):
        tried += not fail(backoff, names[step % len(names)], addresses[step % len(addresses)])
        clock.now += 0.1
    return tried


class TestAUserFromAnAddress:
    def test_has_ten_tries_and_then_pauses_that_double_up_to_minutes(self, backoff, clock):
        assert [fail(backoff) for _ in range(11)] == [0] * 10 + [5]
        pauses = []
        for _ in range(9):
            pauses.append(fail(backoff))
            clock.now += pauses[-1]
            assert fail(backoff) == 0
        assert pauses == [5, 10, 20, 40, 80, 160, 320, 320, 320]

    def test_does_not_wait_longer_for_having_asked(self, backoff, clock):
        for _ in range(10):
            fail(backoff)
        for _ in range(50):
            assert fail(backoff) == 5
        clock.now += 4.5
        assert fail(backoff) == 1
        clock.now += 0.5
        assert fail(backoff) == 0

    def test_begins_anew_after_a_success(self, backoff, clock):
        for _ in range(9):
            fail(backoff)
        backoff.succeeded(backoff.begin("ann", HERE))
        assert [fail(backoff) for _ in range(11)] == [0] * 10 + [5]

    def test_begins_anew_when_long_nobody_failed(self, backoff, clock):
        for _ in range(10):
            fail(backoff)
        clock.now += 899
        assert [fail(backoff), fail(backoff)] == [0, 10]
        clock.now += 901
        assert [fail(backoff) for _ in range(11)] == [0] * 10 + [5]

    def test_is_not_slowed_by_what_others_did_a_little(self, backoff):
        for _ in range(10):
            fail(backoff)
        assert fail(backoff, "bob", HERE) == 0
        # But seconds at most after many failures of the user.
        assert fail(backoff, "ann", THERE) == 0
        assert fail(backoff, "ann", "203.0.113.9") == 3


def test_many_users_from_one_address_are_slowed_to_less_than_one_try_a_second(backoff, clock):
    names = [f"user{n}" for n in range(1000)]
    assert tries_in(backoff, clock, 30, names, [HERE]) < 30
    assert tries_in(backoff, clock, 300, names, [HERE]) <= 11


def test_one_user_from_many_addresses_is_slowed_to_less_than_one_try_a_second(backoff, clock):
    addresses = [f"10.0.{n // 250}.{n % 250}" for n in range(5000)]
    assert tries_in(backoff, clock, 30, ["ann"], addresses) < 30
    assert tries_in(backoff, clock, 300, ["ann"], addresses) <= 300 * 0.54


def test_a_user_is_let_in_within_seconds_from_an_address_that_never_failed(backoff, clock):
    known = [f"10.0.0.{n}" for n in range(40)]
    tries_in(backoff, clock, 300, ["ann"], known)
    # They go on; somebody with the right password comes from elsewhere.
    tries_in(backoff, clock, 10, ["ann"], known)
    assert fail(backoff, "ann", THERE) <= 3


def test_a_success_of_one_does_not_free_the_address_for_others(backoff, clock):
    tried = 0
    for step in range(600):
        if step % 5 == 4:
            with suppress(TooManyTries):
                backoff.succeeded(backoff.begin("mallory", HERE))
        else:
            tried += not fail(backoff, f"user{step}", HERE)
        clock.now += 0.1
    assert tried < 30


@pytest.mark.parametrize(
    ("one", "other", "are_one"),
    [
        ("2001:db8::1", "2001:db8::ffff:1", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("192.0.2.1", "192.0.2.2", False),
        ("fe80::1%eth0", "fe80::2%eth1", True),
        ("", "", True),
        ("unix:", "", False),
    ],
)
def test_ipv6_counts_by_64_bits_and_ipv4_whole(one, other, are_one):
    assert (network(one) == network(other)) is are_one


class Model(RuleBasedStateMachine):
    """Counts and pauses as plain dictionaries, beside those in shared memory."""

    names = st.sampled_from(["ann", "bob", "eve"])
    addresses = st.sampled_from([HERE, THERE, "2001:db8::1"])

    def __init__(self):
        super().__init__()
        self.memory, self.clock = Memory(), Clock()
        # Two processes of one server.
        self.both = [Backoff(self.memory, self.clock) for _ in range(2)]
        self.count, self.until, self.last = defaultdict(int), defaultdict(float), defaultdict(float)
        self.tried = []

    def teardown(self):
        self.memory.close()

    def _forget(self, *keys):
        for key in keys:
            if self.clock.now >= self.last[key] + 900:
                self.count[key], self.until[key] = 0, 0.0

    def _begin(self, which, name, address):
        pair, at, user, new = (name, address), ("at", address), ("user", name), ("new", name)
        self._forget(pair, at, user, new)
        is_new = self.count[pair] == 0
        wait = max(self.until[pair], self.until[at], self.until[new if is_new else user]) - self.clock.now
        if wait > 0:
            with pytest.raises(TooManyTries) as caught:
                self.both[which].begin(name, address)
            assert wait <= caught.value.retry_after_s <= wait + 1
            return None
        tried = self.both[which].begin(name, address)
        for key, free, first, longest in ((pair, 10, 5, 320), (at, 20, 2, 30), (user, 10, 5, 5)):
            self.count[key] += 1
            self.last[key] = self.clock.now
            if self.count[key] >= free and not (key == user and is_new):
                self.until[key] = self.clock.now + min(first * 2 ** (self.count[key] - free), longest)
        if is_new and self.count[user] >= 10:
            self.until[new], self.last[new] = self.clock.now + 3, self.clock.now
        self.tried.append((name, self.clock.now))
        return tried

    @rule(which=st.integers(0, 1), name=names, address=addresses, times=st.integers(1, 12))
    def fail(self, which, name, address, times):
        for _ in range(times):
            self._begin(which, name, address)

    @rule(which=st.integers(0, 1), name=names, address=addresses)
    def succeed(self, which, name, address):
        at = ("at", address)
        self._forget(at)
        before = self.count[at], self.until[at], self.last[at]
        tried = self._begin(which, name, address)
        if tried:
            self.both[which].succeeded(tried)
            for key in ((name, address), ("user", name), ("new", name)):
                self.count[key], self.until[key] = 0, 0.0
            self.count[at], self.until[at], self.last[at] = before
            self.tried.pop()

    @rule(seconds=st.sampled_from([0.5, 3, 6, 30, 320, 899, 901]))
    def wait(self, seconds):
        self.clock.now += seconds

    @invariant()
    def nobody_is_paused_for_longer_than_some_minutes(self):
        assert max(self.until.values(), default=0.0) <= self.clock.now + 320


TestModel = Model.TestCase


class TestAWorkingDevice:
    """Of whom a name and password were right lately."""

    @pytest.fixture()
    def device(self, accounts):
        accounts.add("ann", "secret", [EVENT_READ])
        assert accounts.authenticate("ann", "secret", HERE)
        return accounts

    def attack(self, accounts, address=HERE):
        answers = []
        for number in range(30):
            try:
                answers.append(accounts.authenticate("ann", f"wrong{number}", address))
            except TooManyTries:
                answers.append("paused")
        return answers

    def test_passes_while_others_are_refused_in_its_name_and_from_its_address(self, device, tries):
        tries.clear()
        assert self.attack(device) == [None] * 10 + ["paused"] * 20
        assert len(tries) == 10
        assert device.authenticate("ann", "secret", HERE)
        assert device.authenticate("ann", "secret", THERE)
        assert len(tries) == 10

    def test_passes_also_when_its_password_must_be_hashed_again(self, device, tries, monkeypatch):
        import time

        now = time.monotonic()
        monkeypatch.setattr(time, "monotonic", lambda: now + 86_000)
        monkeypatch.setattr(device._backoff, "_clock", lambda: now + 86_000)
        self.attack(device)
        tries.clear()
        assert device.authenticate("ann", "secret", HERE)
        assert tries == ["secret"]
        with pytest.raises(TooManyTries):
            device.authenticate("ann", "wrong", HERE)

    def test_passes_in_a_process_that_it_never_asked(self, accounts, make_accounts, memory, tries):
        one, other = make_accounts(memory=memory), make_accounts(memory=memory)
        one.add("ann", "secret", [EVENT_READ])
        assert one.authenticate("ann", "secret", HERE)
        tries.clear()
        assert self.attack(other)[-1] == "paused"
        assert other.authenticate("ann", "secret", HERE)
        assert "secret" not in tries

    def test_is_none_any_more_when_the_accounts_have_changed(self, device, make_accounts):
        make_accounts().add("bob", "secret", [EVENT_READ])
        self.attack(device)
        with pytest.raises(TooManyTries):
            device.authenticate("ann", "secret", HERE)


def test_a_right_password_is_not_tried_in_a_pause_and_ends_it_after(accounts, tries, monkeypatch):
    clock = Clock()
    monkeypatch.setattr(accounts._backoff, "_clock", clock)
    accounts.add("ann", "secret", [EVENT_READ])
    for number in range(10):
        accounts.authenticate("ann", f"wrong{number}", HERE)
    tries.clear()
    with pytest.raises(TooManyTries) as caught:
        accounts.authenticate("ann", "secret", HERE)
    assert (tries, caught.value.retry_after_s) == ([], 5)
    clock.now += 5
    assert accounts.authenticate("ann", "secret", HERE)
    for number in range(10):
        assert accounts.authenticate("ann", f"wrong{number}", HERE) is None


def test_unknown_users_are_slowed_like_others(accounts, tries):
    for number in range(10):
        assert accounts.authenticate("nobody", f"wrong{number}", HERE) is None
    with pytest.raises(TooManyTries):
        accounts.authenticate("nobody", "wrong", HERE)
    assert len(tries) == 10


class TestTheQueue:
    @pytest.fixture()
    def hashes(self, monkeypatch):
        """Hold each hash until the test lets it go."""
        begun, go = threading.Semaphore(0), threading.Semaphore(0)
        verify = accounts_module.verify_password

        def held(password, stored):
            begun.release()
            assert go.acquire(timeout=10)
            return verify(password, stored)

        monkeypatch.setattr(accounts_module, "verify_password", held)
        return begun, go

    def test_is_short_and_whoever_finds_it_full_is_told_so(self, accounts, memory, make_accounts, hashes):
        begun, go = hashes
        accounts.add("ann", "secret", [EVENT_READ])
        threads = [
            threading.Thread(target=accounts.authenticate, args=(f"user{n}", "wrong", f"10.0.0.{n}"))
            for n in range(1 + hashing.MOST_WAITING)
        ]
        for thread in threads:
            thread.start()
        assert begun.acquire(timeout=30)
        assert until(lambda: len(accounts._hashing._running) == len(threads))
        with pytest.raises(LoginsCrowded):
            accounts.authenticate("ann", "secret", HERE)
        for _ in threads:
            go.release()
        for thread in threads:
            thread.join(30)
        # What was refused so did not count as a failure.
        go.release()
        assert accounts.authenticate("ann", "secret", HERE)

    def test_makes_no_other_hash_for_a_pair_that_was_verified_meanwhile(self, accounts, tries, monkeypatch):
        accounts.add("ann", "secret", [EVENT_READ])
        run = accounts._hashing.run

        def run_after_another(*arguments, **more):
            monkeypatch.setattr(accounts._hashing, "run", run)
            assert accounts.authenticate("ann", "secret", THERE)
            return run(*arguments, **more)

        monkeypatch.setattr(accounts._hashing, "run", run_after_another)
        tries.clear()
        assert accounts.authenticate("ann", "secret", HERE)
        assert tries == ["secret"]

    def test_lets_few_wait_for_one_pair_and_makes_one_hash_for_them(self, accounts, hashes):
        begun, go = hashes
        accounts.add("ann", "secret", [EVENT_READ])
        outcomes = []
        threads = self.ask_at_once(accounts, outcomes, 30)
        assert begun.acquire(timeout=30)
        # All the others have been told before the hash is made: nobody waits with them.
        assert until(lambda: outcomes.count("crowded") == 30 - 1 - hashing.MOST_ALIKE)
        go.release()
        for thread in threads:
            thread.join(30)
        assert outcomes.count(True) == 1 + hashing.MOST_ALIKE
        assert not begun.acquire(blocking=False)

    def test_lets_all_wait_for_a_pair_that_was_right_lately(self, accounts, hashes, monkeypatch):
        begun, go = hashes
        accounts.add("ann", "secret", [EVENT_READ])
        go.release()
        assert accounts.authenticate("ann", "secret", HERE)
        assert begun.acquire(timeout=30)
        monkeypatch.setattr(verified, "KEEP_S", 0.0)
        outcomes = []
        threads = self.ask_at_once(accounts, outcomes, 30)
        assert begun.acquire(timeout=30)
        for _ in threads:
            go.release()
        for thread in threads:
            thread.join(30)
        assert outcomes == [True] * 30

    def test_leaves_threads_to_others_however_the_guesses_are_mixed(self, accounts, hashes):
        begun, go = hashes
        outcomes = []
        threads = [
            thread
            for number in range(4)
            for thread in self.ask_at_once(accounts, outcomes, 10, name=f"user{number}")
        ]
        assert begun.acquire(timeout=30)
        most = 1 + hashing.MOST_WAITING
        assert until(lambda: outcomes.count("crowded") == 40 - most)
        for _ in threads:
            go.release()
        for thread in threads:
            thread.join(30)
        assert outcomes.count(False) == most

    def ask_at_once(self, accounts, outcomes, count, name="ann"):
        """Start threads that try one pair; each appends what came of it."""

        def ask():
            try:
                outcomes.append(bool(accounts.authenticate(name, "secret", HERE)))
            except LoginsCrowded:
                outcomes.append("crowded")

        threads = [threading.Thread(target=ask) for _ in range(count)]
        for thread in threads:
            thread.start()
        return threads


class TestTheTable:
    def test_forgets_the_oldest_where_a_row_is_full(self):
        table = Table(8)
        digests = [os.urandom(DIGEST_BYTES) for _ in range(9)]
        for number, digest in enumerate(digests):
            table.put(digest, (number + 1.0, 2.0, 3.0))
        assert table.get(digests[0]) is None
        assert all(table.get(digest) for digest in digests[1:])
        table.put(digests[1], (100.0, 0.0, 0.0))
        table.put(digests[0], (101.0, 0.0, 0.0))
        assert table.get(digests[1]) == (100.0, 0.0, 0.0)
        assert table.get(digests[2]) is None
        table.drop(digests[1])
        assert table.get(digests[1]) is None
        table.close()

    def test_is_shared_with_a_process_that_was_forked(self, memory):
        digest = os.urandom(DIGEST_BYTES)
        pid = os.fork()
        if not pid:
            for _ in range(2000):
                with memory.lock.held():
                    last, count, until = memory.failures.get(digest) or (1.0, 0.0, 0.0)
                    memory.failures.put(digest, (last, count + 1, until))
            os._exit(0)
        for _ in range(2000):
            with memory.lock.held():
                last, count, until = memory.failures.get(digest) or (1.0, 0.0, 0.0)
                memory.failures.put(digest, (last, count + 1, until))
        assert os.waitpid(pid, 0)[1] == 0
        assert memory.failures.get(digest) == (1.0, 4000.0, 0.0)

    def test_is_free_when_whoever_changed_it_was_killed(self, memory):
        heard, words = os.pipe()
        pid = os.fork()
        if not pid:
            with memory.lock.held():
                os.write(words, b"+")
                while True:
                    os.read(heard, 0)
        assert os.read(heard, 1) == b"+"
        os.kill(pid, 9)
        os.waitpid(pid, 0)
        with memory.lock.held():
            pass
        os.close(heard)
        os.close(words)
