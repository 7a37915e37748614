"""The body of a request from a real socket: how far it goes, how long its sender is waited for."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from server_tools import WAIT_S, coded

from c8ybin.domain.errors import TooSlow, Unreadable
from c8ybin.server.incoming import LEAST_BYTES_A_SECOND, SKIPPED_BYTES, Coded, Counted, Incoming, Patience

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class Lent:
    """Counts who waits in another's place."""

    def __init__(self) -> None:
        self.times = self.now = 0

    @contextmanager
    def __call__(self) -> Iterator[None]:
        self.times += 1
        self.now += 1
        yield
        self.now -= 1


class Wire:
    """A connection, of which the server's end is read as a body."""

    def __init__(self) -> None:
        self.client, self.server = socket.socketpair()
        self.client.settimeout(WAIT_S)
        self.server.setblocking(False)
        self.lent = Lent()

    def counted(
        self, length: int, ahead: bytes = b"", *, expected: bool = False, timeout_s: float = 30
    ) -> Counted:
        return Counted(self.server, ahead, Patience(timeout_s, self.lent), length, expected=expected)

    def coded(self, ahead: bytes = b"", *, expected: bool = False, timeout_s: float = 30) -> Coded:
        return Coded(self.server, ahead, Patience(timeout_s, self.lent), expected=expected)

    def heard(self) -> bytes:
        """What the client can read now."""
        self.client.setblocking(False)
        try:
            return self.client.recv(1000)
        except BlockingIOError:
            return b""
        finally:
            self.client.settimeout(WAIT_S)


@pytest.fixture
def wire() -> Iterator[Wire]:
    made = Wire()
    yield made
    made.client.close()
    made.server.close()


@pytest.fixture
def meanwhile() -> Iterator[Callable[[Callable[[], object]], None]]:
    """Return a runner of what a client does while the server reads."""
    threads: list[threading.Thread] = []

    def run(action: Callable[[], object]) -> None:
        threads.append(threading.Thread(target=action))
        threads[-1].start()

    yield run
    for thread in threads:
        thread.join(WAIT_S)
        assert not thread.is_alive()


def read_all(body: Incoming) -> bytes:
    return body.read()


class TestOfAKnownLength:
    def test_what_came_ahead_comes_first_and_what_follows_stays(self, wire: Wire) -> None:
        wire.client.sendall(b"defGET")
        body = wire.counted(6, b"abc")
        assert [body.read(2), body.read(2), body.read(100), body.read(100)] == [b"ab", b"c", b"def", b""]
        assert body.is_finished()
        assert wire.server.recv(10) == b"GET"

    def test_of_more_bytes_that_came_ahead_the_rest_is_the_next_requests(self, wire: Wire) -> None:
        body = wire.counted(3, b"abcGET")
        assert (body.read(), bytes(body.ahead)) == (b"abc", b"GET")

    def test_a_read_waits_for_no_more_than_there_is(self, wire: Wire) -> None:
        wire.client.sendall(b"ab")
        assert wire.counted(6).read(100) == b"ab"

    @pytest.mark.parametrize("reset", [False, True])
    def test_ends_early_where_the_sender_is_gone(self, wire: Wire, reset: bool) -> None:
        wire.client.sendall(b"abc")
        body = wire.counted(6)
        if reset:  # a socketpair that is closed with unread bytes
            wire.server.send(b"unread")
        wire.client.close()
        assert body.read() in ((b"abc", b"") if reset else (b"abc",))
        assert body.read(1) == b""
        assert not body.is_finished()

    # A socket pair holds no more before it is read.
    @pytest.mark.parametrize("length", [1, 10_000, 64 * 1024])
    @pytest.mark.parametrize("ahead", [0, 1])
    def test_a_short_rest_that_has_arrived_is_passed_over(self, wire: Wire, length: int, ahead: int) -> None:
        wire.client.sendall(bytes(length - ahead) + b"GET")
        body = wire.counted(length, bytes(ahead))
        assert body.is_finished()
        assert wire.server.recv(10) == b"GET"

    def test_a_short_rest_that_came_ahead_is_passed_over(self, wire: Wire) -> None:
        body = wire.counted(3, b"abcGET")
        assert body.is_finished()
        assert bytes(body.ahead) == b"GET"

    @pytest.mark.parametrize("gone", [False, True])
    def test_a_short_rest_that_has_not_arrived_is_not_waited_for(self, wire: Wire, gone: bool) -> None:
        wire.client.sendall(b"ab")
        if gone:
            wire.client.close()
        body = wire.counted(3, timeout_s=1000)
        assert not body.is_finished()
        assert wire.lent.times == 0

    def test_a_long_rest_is_not_read(self, wire: Wire) -> None:
        wire.client.sendall(b"ab")
        assert not wire.counted(SKIPPED_BYTES + 1).is_finished()
        assert wire.server.recv(10) == b"ab"


class TestInChunks:
    STREAM = coded(b"abc", b"0123456789abcdef0") + b"GET"

    @pytest.mark.parametrize("size", [1, 2, 1000])
    @pytest.mark.parametrize("from_ahead", [False, True])
    def test_cut_anywhere_is_the_same(self, wire: Wire, size: int, from_ahead: bool) -> None:
        for cut in range(len(self.STREAM) + 1):
            with_rest = Wire()
            first, second = self.STREAM[:cut], self.STREAM[cut:]
            with_rest.client.sendall(second if from_ahead else self.STREAM)
            body = with_rest.coded(first if from_ahead else b"")
            whole = b""
            while piece := body.read(size):
                whole += piece
            assert whole == b"abc0123456789abcdef0"
            assert body.is_finished()
            rest = bytes(body.ahead)
            with_rest.client.close()
            while more := with_rest.server.recv(100):
                rest += more
            assert rest == b"GET"
            with_rest.server.close()

    def test_of_a_long_read_ahead_the_next_request_stays_whole_and_in_order(self, wire: Wire) -> None:
        following = bytes(range(256)) * 1000  # more than is decoded at once
        body = wire.coded(coded(b"abc") + following)
        assert body.read() == b"abc"
        assert bytes(body.ahead) == following

    def test_trailer_fields_are_passed_over(self, wire: Wire) -> None:
        body = wire.coded(b"1\r\na\r\n0\r\nX: y\r\nZ: a\r\n\r\nGET")
        assert (body.read(), bytes(body.ahead)) == (b"a", b"GET")

    @pytest.mark.parametrize(
        "stream",
        [
            b"x\r\n",
            b"3\r\nabcd\r\n0\r\n\r\n",
            b"-1\r\n",
            b"1;\x01\r\n",
            b"0x3\r\nabc\r\n",
            b"3\r\nabcXX\r\n\r\n\r\n",
        ],
    )
    def test_what_is_malformed_is_unreadable_and_never_finished(self, wire: Wire, stream: bytes) -> None:
        body = wire.coded(stream)
        with pytest.raises(Unreadable):
            read_all(body)
        assert not body.is_finished()

    def test_a_fault_after_all_was_read_is_never_finished_either(self, wire: Wire) -> None:
        body = wire.coded(b"2\r\nab")
        assert body.read(2) == b"ab"
        wire.client.sendall(b"XX\r\n\r\n")
        with pytest.raises(Unreadable):
            body.read(2)
        assert not body.is_finished()

    @pytest.mark.parametrize("cut", range(1, len(STREAM) - 3))
    def test_an_early_end_is_unreadable_wherever_it_is(self, wire: Wire, cut: int) -> None:
        wire.client.sendall(self.STREAM[:cut])
        wire.client.close()
        body = wire.coded()
        with pytest.raises(Unreadable):
            read_all(body)
        assert not body.is_finished()

    @pytest.mark.parametrize("start", [b"1", b"1;x=", b"0\r\nX: "])
    def test_a_line_without_end_is_not_kept_in_memory(
        self, wire: Wire, start: bytes, meanwhile: Callable[..., None]
    ) -> None:
        def send() -> None:
            wire.client.sendall(start)
            try:
                for _ in range(1000):
                    wire.client.sendall(b"1" * 10_000)
            except ConnectionError:
                return
            raise AssertionError("all of it was taken")

        meanwhile(send)
        with pytest.raises(Unreadable):
            read_all(wire.coded())
        wire.server.close()

    def test_many_small_chunks_fill_a_buffer(self, wire: Wire) -> None:
        body = wire.coded(coded(*[b"%d" % (n % 10) for n in range(1000)]))
        assert [len(body.read(600)), len(body.read(600)), body.read(600)] == [600, 400, b""]

    def test_what_nobody_read_is_not_finished(self, wire: Wire) -> None:
        body = wire.coded(self.STREAM)
        assert not body.is_finished()
        body.read(4)
        assert not body.is_finished()


class TestContinue:
    @pytest.mark.parametrize("kind", ["counted", "coded"])
    def test_is_told_at_the_first_read_and_once(self, wire: Wire, kind: str) -> None:
        body: Incoming = wire.counted(2, expected=True) if kind == "counted" else wire.coded(expected=True)
        assert wire.heard() == b""
        stream = b"ab" if kind == "counted" else coded(b"a", b"b")
        wire.client.sendall(stream[:-1])
        assert body.read(1) == b"a"
        wire.client.sendall(stream[-1:])
        assert body.read() == b"b"
        assert wire.heard() == CONTINUE

    def test_is_not_told_to_whom_nothing_was_read_from(self, wire: Wire) -> None:
        body = wire.counted(2, expected=True)
        assert not body.is_finished()
        assert wire.heard() == b""

    def test_is_not_told_where_it_was_not_asked_for_or_bytes_came_by_themselves(self, wire: Wire) -> None:
        wire.client.sendall(b"ab")
        for body in (wire.counted(1), wire.counted(2, b"a", expected=True)):
            body.read()
        assert wire.heard() == b""

    def test_to_a_client_that_is_gone_is_no_fault(self, wire: Wire) -> None:
        wire.client.close()
        assert wire.counted(2, expected=True).read() == b""


class TestASlowSender:
    def test_is_given_up_after_the_time_out(self, wire: Wire) -> None:
        began = time.monotonic()
        with pytest.raises(TooSlow):
            wire.counted(2, timeout_s=0.2).read()
        assert time.monotonic() - began >= 0.2

    def test_below_the_least_rate_is_given_up_although_it_sends(
        self, wire: Wire, meanwhile: Callable[..., None]
    ) -> None:
        body = wire.counted(10_000, timeout_s=0.4)
        stop = threading.Event()

        def send() -> None:
            while not stop.wait(0.02):
                wire.client.send(b"x")  # 50 bytes a second at most

        meanwhile(send)
        with pytest.raises(TooSlow):
            body.read()
        stop.set()

    def test_above_the_least_rate_is_served_for_longer_than_the_time_out(
        self, wire: Wire, meanwhile: Callable[..., None]
    ) -> None:
        timeout_s, pieces = 2.0, 5
        size = int(LEAST_BYTES_A_SECOND * timeout_s) + 1
        body = wire.counted(pieces * size, timeout_s=timeout_s)

        def send() -> None:
            for _ in range(pieces):
                time.sleep(timeout_s / 4)  # the sender's pace, which is what is tested
                wire.client.sendall(bytes(size))

        meanwhile(send)
        assert len(body.read()) == pieces * size

    def test_is_not_blamed_for_the_time_before_anybody_looked(
        self, wire: Wire, meanwhile: Callable[..., None]
    ) -> None:
        body = wire.counted(2, expected=True, timeout_s=1.0)
        time.sleep(1.1)  # the request waits for a thread

        def send() -> None:
            assert wire.client.recv(100) == CONTINUE
            time.sleep(0.2)  # a round trip
            wire.client.sendall(b"ab")

        meanwhile(send)
        assert body.read() == b"ab"

    def test_is_waited_for_in_another_place_until_the_end_of_the_body(
        self, wire: Wire, meanwhile: Callable[..., None]
    ) -> None:
        waiting = threading.Event()
        enter = wire.lent.__call__

        @contextmanager
        def lent() -> Iterator[None]:
            with enter():
                waiting.set()
                yield

        body = Counted(wire.server, b"", Patience(30, lent), 4, expected=False)
        meanwhile(lambda: (waiting.wait(WAIT_S), wire.client.sendall(b"ab")))
        assert body.read(2) == b"ab"
        assert (wire.lent.now, wire.lent.times) == (1, 1)
        wire.client.sendall(b"cd")
        assert body.read(2) == b"cd"
        assert (wire.lent.now, wire.lent.times) == (0, 1)

    def test_of_many_small_pieces_is_waited_for_in_another_place(
        self, wire: Wire, meanwhile: Callable[..., None]
    ) -> None:
        body = wire.coded()

        def send() -> None:
            for _ in range(1000):
                wire.client.sendall(b"1\r\na\r\n")
                if wire.lent.times:
                    break
                time.sleep(0.005)  # no single wait is long
            for _ in range(5):
                time.sleep(0.005)
                wire.client.sendall(b"1\r\na\r\n")
            wire.client.sendall(coded())

        meanwhile(send)
        assert len(body.read()) < 1000
        assert (wire.lent.now, wire.lent.times) == (0, 1)

    def test_gives_its_place_back_when_it_is_given_up(self, wire: Wire) -> None:
        body = wire.counted(2, timeout_s=0.1)
        with pytest.raises(TooSlow):
            body.read()
        body.close()
        assert (wire.lent.now, wire.lent.times) == (0, 1)

    def test_is_not_what_a_quick_one_is(self, wire: Wire) -> None:
        wire.client.sendall(bytes(1000))
        wire.counted(1000).read()
        assert wire.lent.times == 0
