"""What a client still sends whose request was refused."""

import socket
import time

# What it may still send, and how long, before it must have read the answer.
_DRAINED_BYTES = 256 * 1024 * 1024
_DRAINED_S = 30.0
READ_WITHIN_S = 1.0
_DRAINED_BLOCKS = 16
_WASTE = bytearray(256 * 1024)


class Drain:
    """Throws away what a client still sends whose request was refused, within bounds."""

    def __init__(self, within_s: float = _DRAINED_S) -> None:
        """Begin; it takes so long at most."""
        self._left = _DRAINED_BYTES
        self._began = time.monotonic()
        self._within_s = min(within_s, _DRAINED_S)
        self.has_begun = False

    @property
    def is_patient_enough(self) -> bool:
        """Whether a client that reads its answer has done so."""
        return self.has_begun and time.monotonic() > self._began + READ_WITHIN_S

    @property
    def is_overdue(self) -> bool:
        """Whether its time is over."""
        return time.monotonic() > self._began + self._within_s

    def is_over(self, sock: socket.socket) -> bool:
        """Throw away what is there; tell whether that was the last, or enough."""
        try:
            # Not all at once: other connections wait meanwhile.
            for _ in range(_DRAINED_BLOCKS):
                # With this flag the kernel copies nothing (tcp(7)).
                count = sock.recv_into(_WASTE, len(_WASTE), socket.MSG_TRUNC)
                if not count:
                    return True
                self._left -= count
        except BlockingIOError:
            pass
        except OSError:
            return True
        return self._left <= 0 or self.is_overdue
