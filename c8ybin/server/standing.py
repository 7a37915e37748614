"""How a connection stands: what is under way on it, and how early it goes where more come than may stand."""

import socket
import time
from typing import Any

from c8ybin.server.drain import Drain
from c8ybin.server.secured import Secured
from c8ybin.server.sending import Sending

# A guest's header, and how long a connection rests before it may have to go.
_GUEST_S = 2.0
_REST_S = 1.0
_STALLED_S = 5.0
# Whose connections go first where more come than may stand.
_DRAINED, _NOT_ASKED, _RESTS, _STALLED, _DRAINS = range(5)


class Standing(Sending):
    """What `Places` asks of a connection, and what tells whether the server may end."""

    # By which name its place is counted, see `Places`.
    place = ""

    def __init__(self, server: Any, sock: socket.socket, addr: Any, adj: Any, **more: Any) -> None:
        # What arrived after the request that is worked on, or before anybody looked at it.
        self._ahead = b""
        self._drain: Drain | None = None
        self._is_guest = False
        # Whether a whole header has come, and until when the one that is under way may come.
        self.has_asked = False
        self._header_until = time.monotonic() + server.patience.timeout_s
        # The socket, where it encrypts.
        self._tls = sock if isinstance(sock, Secured) else None
        super().__init__(server, sock, addr, adj, **more)

    def be_guest(self) -> None:
        """Have no place: only answer that, or what is answered even then, and end."""
        self._is_guest = True
        self._header_until = time.monotonic() + _GUEST_S

    @property
    def dispensability(self) -> tuple[int, float] | None:
        """How early the connection goes where more come than may stand, least first; None where it stays."""
        if self._with_worker:
            return None
        if self._drain:
            return _DRAINED if self._drain.is_patient_enough else _DRAINS, self.last_activity
        if self._out.length:
            is_stalled = self._pace and self._pace.stands_since < time.monotonic() - _STALLED_S
            return (_STALLED, self.last_activity) if is_stalled else None
        if self._lacks_header:
            return _NOT_ASKED, self._header_until
        rests = not self._ahead and self.last_activity < time.time() - _REST_S
        return (_RESTS, self.last_activity) if rests else None

    def is_still(self, rank: int) -> bool:
        """Tell whether the connection is as dispensable as it was, and did not go on meanwhile."""
        now = self.dispensability
        return now is not None and now[0] == rank and (rank != _RESTS or self.is_idle)

    @property
    def is_idle(self) -> bool:
        """Whether nothing is under way, nor waits in the kernel to be read."""
        begun = self.request and not self.request.is_blank
        busy = self._with_worker or begun or self._ahead or self._out.length or self._drain
        if busy or self.close_when_flushed:
            return not busy
        if self._tls:
            return self._tls.is_quiet
        try:
            return not self.socket.recv(1, socket.MSG_PEEK)
        except OSError:
            return True

    @property
    def only_drains(self) -> bool:
        """Whether the answer is out, and its client has had a moment to read it."""
        return self._drain is not None and self._drain.is_patient_enough

    @property
    def _lacks_header(self) -> bool:
        """Whether a header is to come, as on a new connection, or has begun to come."""
        return not self.has_asked or bool(self.request and not self.request.is_blank)
