"""Digests that follow the answer: on time, by whoever is there to make them, and never in the way."""

import errno
import hashlib
import os
import threading

import pytest
from harness import pattern, until
from store_tools import Desk

from c8ybin import fsio
from c8ybin.bodies import HASHED_ON_ARRIVAL
from c8ybin.domain.errors import Damaged
from c8ybin.domain.records import decode, encode
from c8ybin.store import Check, digesting
from c8ybin.store.digesting import add_digest, make_sure_of_digest

LONG = pattern(HASHED_ON_ARRIVAL + 1)
SHA256 = hashlib.sha256(LONG).digest()
OTHER = LONG[::-1]
WAIT_S = 60
# What a killed process runs: the data directory and an event are in `sys.argv`.
OPEN = (
    "from harness import pattern\n"
    "from c8ybin.bodies import HASHED_ON_ARRIVAL\n"
    "desk = Desk(Path(sys.argv[1]))\n"
    "event_id = int(sys.argv[2])\n"
)


@pytest.fixture()
def event_id(make_desk):
    """An event that an earlier process made, which ended well."""
    earlier = make_desk()
    event_id = earlier.create()
    earlier.close()
    return event_id


@pytest.fixture()
def at_once(monkeypatch):
    """Let so little wait that the digest is made before the answer."""
    monkeypatch.setattr(digesting, "MOST_WAITING", -1)


@pytest.fixture()
def gate(monkeypatch):
    """Hold the first digest up; return the events `begun` and `open`."""
    begun, opened = threading.Event(), threading.Event()
    real, first = digesting.make_digest, []

    def wait_first(home, binary):
        if not first:
            first.append(home)
            begun.set()
            assert opened.wait(WAIT_S)
        return real(home, binary)

    monkeypatch.setattr(digesting, "make_digest", wait_first)
    yield begun, opened
    opened.set()


def digest(desk, event_id):
    return desk.store.binaries.find(event_id).sha256


def followed(desk, event_id, sha256=SHA256):
    return until(lambda: digest(desk, event_id) == sha256)


def lines(desk, event_id):
    """The records of a `binary.json` that has no torn line."""
    data = (desk.home(event_id) / "binary.json").read_bytes()
    records, end = decode(data, "binary.json")
    assert end == len(data)
    return records


def in_chunks(desk, event_id, data, *, put=False, **last):
    middle, length = len(data) // 2, len(data)
    desk.chunk(event_id, f"0-{middle - 1}/{length}", data[:middle], put=put)
    return desk.chunk(event_id, f"{middle}-{length - 1}/{length}", data[middle:], put=put, **last)


def attach(desk, event_id):
    return desk.attach(event_id, LONG)


def put(desk, event_id):
    return desk.replace(event_id, LONG)


def chunks(desk, event_id):
    return in_chunks(desk, event_id, LONG)


@pytest.mark.parametrize("act", [attach, put, chunks])
class TestOfALongBinary:
    def test_it_follows_and_changes_nothing_else_that_was_seen(self, desk, event_id, act, gate):
        begun, opened = gate
        answered = act(desk, event_id)
        assert begun.wait(WAIT_S)
        seen = desk.store.binaries.find(event_id), desk.store.events.read(event_id).etag
        assert (seen[0], answered.sha256) == (answered, None)
        opened.set()
        assert followed(desk, event_id)
        after = desk.store.binaries.find(event_id)
        assert after.validators == answered.validators
        assert desk.store.events.read(event_id).etag == seen[1]
        assert lines(desk, event_id)[1:] == [{"sha256": SHA256.hex()}]
        assert desk.get(event_id) == LONG

    def test_it_is_made_before_the_answer_where_too_much_waits(self, desk, event_id, act, monkeypatch, gate):
        monkeypatch.setattr(digesting, "MOST_WAITING", len(LONG) - 1)
        begun, _ = gate
        first = desk.create()
        desk.attach(first, OTHER)
        assert begun.wait(WAIT_S)
        act(desk, event_id)
        assert (digest(desk, event_id), digest(desk, first)) == (SHA256, None)

    def test_it_is_not_made_under_the_lock(self, desk, event_id, act, monkeypatch, at_once):
        real, locked = digesting.make_digest, []

        def look(home, binary):
            locked.append(fsio.is_locked(desk.layout.lock(event_id)))
            return real(home, binary)

        monkeypatch.setattr(digesting, "make_digest", look)
        act(desk, event_id)
        assert locked == [False]

    @pytest.mark.parametrize(("call", "number"), [("preadv", errno.EIO), ("pwrite", errno.ENOSPC)])
    def test_its_failure_is_none_of_the_answer_and_the_next_sweep_makes_it(
        self, make_desk, event_id, act, monkeypatch, at_once, call, number
    ):
        desk, real = make_desk(), getattr(os, call)

        def failing(fd, *arguments):
            name = os.path.basename(os.readlink(f"/proc/self/fd/{fd}"))
            if name == "binary.json" or (call == "preadv" and name.startswith("content-")):
                raise OSError(number, os.strerror(number))
            return real(fd, *arguments)

        with monkeypatch.context() as patch:
            patch.setattr(os, call, failing)
            act(desk, event_id)
            assert digest(desk, event_id) is None
            desk.close()
        after = make_desk()
        assert after.sweep() == 1
        assert digest(after, event_id) == SHA256


@pytest.mark.parametrize(
    ("act", "data"),
    [
        *((act, data) for act in (Desk.attach, Desk.replace, in_chunks) for data in (b"short", LONG[:-1])),
        (Desk.attach, b""),
    ],
)
def test_that_of_a_short_binary_is_told_with_it(desk, event_id, act, data):
    binary = act(desk, event_id, data)
    assert binary.sha256 == hashlib.sha256(data).digest()
    assert len(lines(desk, event_id)) == 1


@pytest.mark.parametrize("algorithm", ["sha-256", "sha-512"])
def test_what_was_read_to_check_a_stated_digest_is_not_read_again(desk, event_id, algorithm):
    stated = {algorithm: hashlib.new(algorithm.replace("-", ""), LONG).digest()}
    assert in_chunks(desk, event_id, LONG, stated=stated).sha256 == SHA256
    assert len(lines(desk, event_id)) == 1


class TestAdding:
    @pytest.fixture()
    def binary(self, desk, event_id, monkeypatch):
        """A binary whose digest does not follow by itself."""
        with monkeypatch.context() as patch:
            patch.setattr(digesting.Digester, "follow", lambda *_: None)
            return desk.attach(event_id, LONG)

    @pytest.mark.parametrize(
        "torn", [b"{", b'{"sha256":"' + b"0" * 200, encode({"sha256": "00"})[:-2] + b"\0\n"]
    )
    def test_comes_after_the_last_whole_line(self, desk, event_id, binary, torn):
        path = desk.home(event_id) / "binary.json"
        with path.open("ab") as file:
            file.write(torn)
        assert desk.store.binaries.find(event_id) == binary
        assert add_digest(path.parent, binary.content, SHA256)
        assert [line.get("sha256") for line in lines(desk, event_id)] == [None, SHA256.hex()]

    def test_is_done_once(self, desk, event_id, binary):
        home = desk.home(event_id)
        assert add_digest(home, binary.content, SHA256)
        assert not add_digest(home, binary.content, SHA256)
        make_sure_of_digest(home)
        assert len(lines(desk, event_id)) == 2

    @pytest.mark.parametrize("torn", [b"", b'{"sha256":"'])
    def test_by_many_at_once_is_one_line(self, desk, event_id, binary, race, torn):
        path = desk.home(event_id) / "binary.json"
        with path.open("ab") as file:
            file.write(torn)
        added = race(8, lambda _: add_digest(path.parent, binary.content, SHA256))
        assert set(added) <= {True, False}
        assert [line.get("sha256") for line in lines(desk, event_id)] == [None, SHA256.hex()]

    def test_is_for_the_binary_that_it_was_made_of(self, desk, event_id, binary, monkeypatch):
        with monkeypatch.context() as patch:
            patch.setattr(digesting.Digester, "follow", lambda *_: None)
            assert desk.replace(event_id, OTHER).sha256 is None
        before = (desk.home(event_id) / "binary.json").read_bytes()
        assert not add_digest(desk.home(event_id), binary.content, SHA256)
        assert (desk.home(event_id) / "binary.json").read_bytes() == before

    @pytest.mark.parametrize("change", ["replace", "drop", "delete"])
    def test_that_a_change_overtakes_goes_with_the_old_file(
        self, desk, make_desk, event_id, binary, monkeypatch, change
    ):
        other, real = make_desk(), digesting.decode
        more = (b"newer",) if change == "replace" else ()
        done = []

        def overtaken(data, what):
            if not done:
                done.append(True)
                getattr(other, change)(event_id, *more)
            return real(data, what)

        monkeypatch.setattr(digesting, "decode", overtaken)
        assert add_digest(desk.home(event_id), binary.content, SHA256)
        assert done
        if change == "replace":
            assert digest(desk, event_id) == hashlib.sha256(b"newer").digest()
            assert len(lines(desk, event_id)) == 1
        else:
            assert not (desk.home(event_id) / "binary.json").exists()
        assert list(Check(desk.layout).run()) == []

    def test_is_not_done_to_bytes_of_another_length(self, desk, event_id, binary):
        with (desk.home(event_id) / binary.content).open("ab") as file:
            file.write(b"x")
        with pytest.raises(Damaged):
            make_sure_of_digest(desk.home(event_id))
        assert len(lines(desk, event_id)) == 1

    def test_needs_a_binary(self, desk, event_id):
        make_sure_of_digest(desk.home(event_id))
        assert desk.files(event_id) == ["event.json"]


class TestTheThread:
    def test_is_none_before_it_is_needed(self, desk, event_id):
        desk.attach(event_id, b"short")
        assert "digests" not in {thread.name for thread in threading.enumerate()}

    def test_makes_all_of_many_and_leaves_no_descriptor(self, desk):
        event_ids = [desk.create() for _ in range(12)]  # the index's log stays open from the first on
        before = len(os.listdir("/proc/self/fd"))
        for event_id in event_ids:
            desk.attach(event_id, LONG)
        assert all(followed(desk, event_id) for event_id in event_ids)
        assert until(lambda: len(os.listdir("/proc/self/fd")) == before)
        assert [thread.name for thread in threading.enumerate()].count("digests") == 1

    @pytest.mark.parametrize("change", ["replace", "drop", "delete"])
    def test_passes_over_what_is_gone_and_goes_on(self, desk, make_desk, event_id, gate, caplog, change):
        begun, opened = gate
        desk.attach(event_id, OTHER)
        assert begun.wait(WAIT_S)
        getattr(make_desk(), change)(event_id, *((b"newer",) if change == "replace" else ()))
        after = desk.create()
        desk.attach(after, LONG)
        opened.set()
        assert followed(desk, after)
        assert not caplog.records
        assert not desk.writer.left_something

    def test_ends_with_the_process_when_all_is_done(self, make_desk):
        desk = make_desk()
        event_ids = [desk.create() for _ in range(12)]
        for event_id in event_ids:
            desk.attach(event_id, LONG)
        desk.close()
        assert "digests" not in {thread.name for thread in threading.enumerate()}
        assert not desk.writer.folder.exists()
        after = make_desk()
        assert {digest(after, event_id) for event_id in event_ids} == {SHA256}

    def test_leaves_to_a_sweep_what_would_take_too_long(self, make_desk, event_id, gate, monkeypatch):
        monkeypatch.setattr(digesting, "_FINISH_WITHIN_S", 0.05)
        begun, opened = gate
        desk, more = make_desk(), []
        desk.attach(event_id, LONG)
        assert begun.wait(WAIT_S)
        more = [desk.create() for _ in range(3)]
        for other in more:
            desk.attach(other, LONG)
        desk.close()
        opened.set()
        assert until(lambda: "digests" not in {thread.name for thread in threading.enumerate()})
        after = make_desk()
        assert [digest(after, other) for other in more] == [None] * 3
        assert after.sweep() == 1
        assert {digest(after, other) for other in (event_id, *more)} == {SHA256}


class TestWhatAKilledProcessLeft:
    """Of real processes, killed between the commit and the end of the line."""

    # It dies after the answer, which the digest does not wait for.
    KILLED = (
        "import threading\n"
        "real, answered, torn_bytes = os.pwrite, threading.Event(), 0\n"
        "def dying(fd, data, offset):\n"
        "    if os.readlink(f'/proc/self/fd/{fd}').endswith('/binary.json'):\n"
        "        answered.wait()\n"
        "        real(fd, bytes(data)[:torn_bytes], offset)\n"
        "        os.kill(os.getpid(), 9)\n"
        "    return real(fd, data, offset)\n"
        "os.pwrite = dying\n"
    )
    TORN = f"{KILLED}torn_bytes = 50\n"

    @pytest.mark.parametrize("how", [KILLED, TORN])
    def test_is_the_binary_and_the_sweep_adds_its_digest(self, start, make_desk, event_id, how):
        child = start(
            f"{OPEN}{how}desk.attach(event_id, pattern(HASHED_ON_ARRIVAL + 1))\n"
            "say('answered')\nanswered.set()\nwait()",
            event_id,
        )
        assert child.hear() == "answered"
        assert child.end() == -9
        desk = make_desk()
        assert (desk.get(event_id), digest(desk, event_id)) == (LONG, None)
        torn = (desk.home(event_id) / "binary.json").read_bytes().partition(b"\n")[2]
        assert len(torn) == (50 if how is self.TORN else 0)
        assert desk.sweep() == 1
        assert [line.get("sha256") for line in lines(desk, event_id)] == [None, SHA256.hex()]
        check = Check(desk.layout)
        assert (list(check.run()), check.undigested) == ([], 0)

    def test_is_swept_again_where_the_disk_fails(self, start, make_desk, event_id, monkeypatch):
        child = start(
            f"{OPEN}{self.KILLED}desk.attach(event_id, pattern(HASHED_ON_ARRIVAL + 1))\nanswered.set()\nwait()",
            event_id,
        )
        assert child.end() == -9
        desk = make_desk()
        with monkeypatch.context() as patch:

            def failing(*_):
                raise OSError(errno.EIO, os.strerror(errno.EIO))

            patch.setattr(os, "preadv", failing)
            assert desk.sweep() == 0
        assert desk.sweep() == 1
        assert digest(desk, event_id) == SHA256

    def test_is_not_made_of_damaged_bytes(self, start, make_desk, event_id, caplog):
        child = start(
            f"{OPEN}{self.KILLED}desk.attach(event_id, pattern(HASHED_ON_ARRIVAL + 1))\nanswered.set()\nwait()",
            event_id,
        )
        assert child.end() == -9
        desk = make_desk()
        content = desk.home(event_id) / desk.store.binaries.find(event_id).content
        os.truncate(content, 9)
        assert desk.sweep() == 1
        assert digest(desk, event_id) is None
        assert "not swept" in caplog.text
