"""How fast the reader of an answer takes it."""

import socket
import struct
import termios
import time
from fcntl import ioctl

from c8ybin.server.incoming import LEAST_BYTES_A_SECOND


class Pace:
    """Measures what the other end has acknowledged.

    What the socket takes would tell too little: the kernel holds some MiB for a slow reader, and asks for more
    only when a good part of that is gone, which may take such a reader longer than the time-out.
    """

    def __init__(self, sock: socket.socket, sent: int, timeout_s: float, stall_s: float) -> None:
        """Begin to measure.

        Args:
            sock: The connection.
            sent: How many bytes it has taken in all.
            timeout_s: In so many seconds at least `LEAST_BYTES_A_SECOND` each must be taken.
            stall_s: And in so many at least one byte.
        """
        self._timeout_s = timeout_s
        self._stall_s = stall_s
        self._counted = self._taken = sent - _unacknowledged(sock)
        self._since = self.stands_since = time.monotonic()

    def is_kept(self, sock: socket.socket, sent: int) -> bool:
        """Tell whether the reader is fast enough, by now; see the constructor."""
        now = time.monotonic()
        taken = sent - _unacknowledged(sock)
        if taken > self._taken:
            self._taken, self.stands_since = taken, now
        if taken - self._counted >= LEAST_BYTES_A_SECOND * self._timeout_s:
            self._counted, self._since = taken, now
        return now - self._since <= self._timeout_s and now - self.stands_since <= self._stall_s


def _unacknowledged(sock: socket.socket) -> int:
    """Return how many bytes the kernel has still to send, or waits for to be acknowledged (SIOCOUTQ, tcp(7))."""
    try:
        (count,) = struct.unpack("i", ioctl(sock.fileno(), termios.TIOCOUTQ, bytes(4)))
    except OSError:
        return 0
    return int(count)
