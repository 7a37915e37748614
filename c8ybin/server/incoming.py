"""The body of a request, from the socket as the application asks for it: `wsgi.input` of this server."""

import select
import socket
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass

from c8ybin.domain.errors import TooSlow, Unreadable
from c8ybin.server.coding import Chunks
from c8ybin.server.secured import Secured

# What may be received and thrown away in order to keep a connection.
SKIPPED_BYTES = 256 * 1024
# A sender that is slower than this, over the whole time-out, is cut off: a narrow-band modem is not.
LEAST_BYTES_A_SECOND = 128
# Waiting for less than this is not worth another thread: once, and over the whole body.
_PATIENCE_S = 0.02
_PATIENCE_IN_ALL_S = 0.1
_CODED_BYTES = 16 * 1024
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a body's sender is waited for.

    Attributes:
        timeout_s: In so many seconds at least `LEAST_BYTES_A_SECOND` each must arrive.
        lent: A context in which this thread waits, so that another one may work in its place: from the
            first longer wait to the end of the body.
        receives: Called with 1 when a body is waited for, and with -1 when it has ended.
    """

    timeout_s: float
    lent: Callable[[], AbstractContextManager[None]]
    receives: Callable[[int], None] = lambda _: None


class Incoming:
    """A body that is read while it arrives; only the thread that has the connection uses it."""

    def __init__(self, sock: socket.socket, ahead: bytes, patience: Patience, *, expected: bool) -> None:
        """Begin before the first byte is read.

        Args:
            sock: A socket that does not block.
            ahead: What arrived together with the header, of this body and after it.
            patience: How long the sender is waited for.
            expected: Whether the client waits for 100 (Continue) before it sends the body.
        """
        self._sock = sock
        self.ahead = memoryview(ahead)
        self._patience = patience
        self._expected = expected and not ahead
        self._since: float | None = None
        self._lately = 0
        self._place = ExitStack()
        self._is_awaited = False
        self._is_slow = False
        self._patience_s = _PATIENCE_IN_ALL_S

    def read(self, size: int = -1) -> bytes:
        """Return the next bytes, as soon as there are some, or all where `size` is negative; none at the end.

        Raises:
            TooSlow: The sender fell below the least rate.
            Unreadable: The transfer coding is malformed.
        """
        if size < 0:
            return b"".join(iter(lambda: self.read(_CODED_BYTES), b""))
        buffer = bytearray(size)
        count = self.readinto(memoryview(buffer))
        return bytes(memoryview(buffer)[:count])

    def readinto(self, view: memoryview) -> int:
        """Read the next bytes into `view`, as soon as there are some; return how many, 0 at the end.

        Raises:
            TooSlow, Unreadable: See `read`.
        """
        raise NotImplementedError

    def is_finished(self) -> bool:
        """Tell whether the body has been read to its end, taking what has arrived of a short rest."""
        raise NotImplementedError

    @property
    def received(self) -> int:
        """How many bytes of the body have arrived here, without their transfer coding."""
        raise NotImplementedError

    @property
    def has_arrived(self) -> bool:
        """Whether reading the body waits for nobody."""
        return False

    def rewind(self) -> None:
        """Go back to the beginning of a body that had arrived when the request began."""

    def close(self) -> None:
        """Take back the place among the threads that was lent; nothing is read any more."""
        if self._is_awaited:
            self._is_awaited = False
            self._patience.receives(-1)
        self._place.close()

    def _receive(self, view: memoryview) -> int:
        """Receive into `view` from what came ahead or from the socket; 0 where the sender is gone."""
        if self.ahead:
            count = min(len(view), len(self.ahead))
            view[:count] = self.ahead[:count]
            self.ahead = self.ahead[count:]
            return count
        if self._since is None:
            # Before that the sender waited for us.
            self._since = time.monotonic()
        try:
            if self._expected:
                self._expected = False
                self._sock.send(_CONTINUE)
            while True:
                try:
                    count = self._sock.recv_into(view)
                except BlockingIOError:
                    self._wait(self._since + self._patience.timeout_s)
                else:
                    self._note(count)
                    return count
        except OSError:
            return 0  # the peer is gone, one way or another

    def _note(self, count: int) -> None:
        self._lately += count
        if self._lately >= LEAST_BYTES_A_SECOND * self._patience.timeout_s:
            self._lately = 0
            self._since = time.monotonic()

    def _wait(self, until: float) -> None:
        """Wait until there is something to read, or a time on the monotonic clock.

        Raises:
            TooSlow: It was too little for too long.
        """
        if not self._is_awaited:
            self._is_awaited = True
            self._patience.receives(1)
        poll = select.poll()
        poll.register(self._sock, _readiness(self._sock))
        if not self._is_slow:
            began = time.monotonic()
            ready = poll.poll(1000 * max(0.0, min(_PATIENCE_S, self._patience_s)))
            self._patience_s -= time.monotonic() - began
            if ready:
                return
            # It stays lent: a sender of many small pieces would keep the place, wait by wait.
            self._is_slow = True
            self._place.enter_context(self._patience.lent())
        if not poll.poll(1000 * max(0.0, until - time.monotonic())):
            raise TooSlow


class Counted(Incoming):
    """A body whose length the header tells (RFC 9112, section 6.2)."""

    def __init__(
        self, sock: socket.socket, ahead: bytes, patience: Patience, length: int, *, expected: bool
    ) -> None:
        super().__init__(sock, ahead, patience, expected=expected)
        self._left = length
        self._whole = self.ahead, length

    def rewind(self) -> None:
        """See `Incoming`."""
        self.ahead, self._left = self._whole

    def readinto(self, view: memoryview) -> int:
        """See `Incoming`."""
        if not self._left:
            return 0
        count = self._receive(view[: self._left])
        self._left -= count
        if not self._left:
            self.close()
        return count

    @property
    def received(self) -> int:
        """See `Incoming`."""
        return self._whole[1] - self._left

    @property
    def has_arrived(self) -> bool:
        """See `Incoming`."""
        return len(self.ahead) >= self._left

    def is_finished(self) -> bool:
        """See `Incoming`."""
        if self._left > SKIPPED_BYTES or (self._left and self._expected):
            return not self._left
        skipped = min(self._left, len(self.ahead))
        self.ahead = self.ahead[skipped:]
        self._left -= skipped
        # Many clients send the body right after the header, in a segment of its own, and keep the connection.
        poll = select.poll()
        poll.register(self._sock, select.POLLIN)
        until = time.monotonic() + _PATIENCE_S
        try:
            while self._left and (
                _holds_some(self._sock) or poll.poll(1000 * max(0.0, until - time.monotonic()))
            ):
                try:
                    block = self._sock.recv(self._left)
                except BlockingIOError:
                    continue  # a part of a record
                if not block:
                    break
                self._left -= len(block)
        except OSError:
            pass
        return not self._left


class Coded(Incoming):
    """A body in chunked transfer coding (RFC 9112, section 7.1)."""

    def __init__(self, sock: socket.socket, ahead: bytes, patience: Patience, *, expected: bool) -> None:
        super().__init__(sock, ahead, patience, expected=expected)
        self._coding = Chunks()
        self._buffer = memoryview(bytearray(_CODED_BYTES))
        self._received = 0

    def readinto(self, view: memoryview) -> int:
        """See `Incoming`."""
        coding = self._coding
        while not coding.pieces and not coding.is_complete:
            self._decode()
        if coding.is_complete:
            self.close()
        count = coding.move_into(view)
        self._received += count
        return count

    @property
    def received(self) -> int:
        """See `Incoming`."""
        return self._received

    def _decode(self) -> None:
        count = self._receive(self._buffer)
        if not count:
            raise Unreadable("The body ends within its chunked coding; send it whole.")
        used = self._coding.received(bytes(self._buffer[:count]))
        if used < count:  # the next request, which only follows what came ahead or with this block
            self.ahead = memoryview(bytes(self._buffer[used:count]) + bytes(self.ahead))

    def is_finished(self) -> bool:
        """See `Incoming`."""
        return self._coding.is_complete and not self._coding.pieces


def _readiness(sock: socket.socket) -> int:
    """Return for what to poll, after a read that would have waited."""
    waits_to_write = isinstance(sock, Secured) and sock.reads_when_writable
    return select.POLLOUT if waits_to_write else select.POLLIN


def _holds_some(sock: socket.socket) -> bool:
    """Tell whether something can be read of which the kernel does not know."""
    return isinstance(sock, Secured) and sock.holds_some
