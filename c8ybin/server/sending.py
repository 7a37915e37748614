"""The half of a connection by which answers leave, at the pace of their reader."""

import select
import socket
import struct
import time
from contextlib import suppress
from typing import Any

from waitress.channel import ClientDisconnected, HTTPChannel

from c8ybin.server.outgoing import Cold, Outgoing
from c8ybin.server.pace import Pace
from c8ybin.server.request import Request

# An answer in blocks waits for its reader above this.
_HIGH_BYTES = 1024 * 1024
_RESET = struct.pack("ii", 1, 0)
# How often a thread that waits for a reader looks how it goes.
_LOOK_S = 1.0


class Sending(HTTPChannel):
    """What a connection has to send, and who is told once it is out."""

    # What waitress's type stubs tell otherwise, or not at all.
    server: Any
    socket: Any
    request: Any
    requests: list[Any]
    requests_lock: Any
    _fileno: int

    def __init__(self, server: Any, sock: socket.socket, addr: Any, adj: Any, **more: Any) -> None:
        self._out = Outgoing()
        self._pace: Pace | None = None
        self._with_worker = False
        self._may_wait = False
        # The request and what wrote its answer, until they are counted; and when it began.
        self._untold: tuple[Request, Any] | None = None
        self._began = 0.0
        super().__init__(server, sock, addr, adj, **more)

    @property
    def peer(self) -> str:
        """The address of the other end."""
        return str(self.addr[0])

    def write_soon(self, data: Any) -> int:
        """Put a piece of the answer into the queue; it is sent when there is enough, or at the end.

        Raises:
            ClientDisconnected: The peer is gone.
        """
        # On the main loop nobody is waited for: what an application has from memory is queued.
        if self._may_wait and self._out.length > _HIGH_BYTES:
            self._await_reader()
        if not self.connected:
            raise ClientDisconnected
        return self._out.append(data) if data else 0

    def _await_reader(self) -> None:
        """Send an answer that the application makes block by block, as fast as it is read."""
        poll = select.poll()
        poll.register(self.socket, select.POLLOUT)
        self._flush()
        pace = self._new_pace()
        while self.connected and self._out.length > _HIGH_BYTES:
            with self.server.patience.lent():
                poll.poll(1000 * _LOOK_S)
            if not pace.is_kept(self.socket, self._out.sent):
                self._reset_at_close()
                self._lose()
                return
            self._flush()

    def _is_read(self) -> bool:
        """Tell whether the reader of an answer takes enough of it."""
        if not self._pace:
            self._pace = self._new_pace()
        return self._pace.is_kept(self.socket, self._out.sent)

    def _new_pace(self) -> Pace:
        patience = self.server.patience
        return Pace(self.socket, self._out.sent, patience.timeout_s, self.adj.channel_timeout)

    def _reset_at_close(self) -> None:
        """Let the kernel drop what it still has to send, which takes its memory."""
        with suppress(OSError):
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)

    def _flush(self) -> None:
        """Send what the socket takes."""
        if not self._out.length:
            return
        try:
            if self._out.send(self.socket, may_wait=self._may_wait):
                self.last_activity = time.time()
                if not self._out.length:
                    self._tell(is_whole=True)
        except Cold:
            self._give_to_worker()
        except OSError as error:
            if not isinstance(error, ConnectionError):
                self.logger.error("an answer broke off: %s", error)
            self._lose()

    def _give_to_worker(self) -> None:
        self._with_worker = True
        self.server.add_task(self)

    def _lose(self) -> None:
        """Give the connection up; the main loop closes it."""
        self.connected = False
        self.will_close = True
        self._out.close()

    def _tell(self, *, is_whole: bool) -> None:
        """Count the request whose answer is out, or will never be, and tell of it."""
        if self._untold:
            request, task = self._untold
            self._untold = None
            environ = task.environ
            self.server.counts.answered(
                environ.get("c8ybin.route") if environ else None,
                request.command,
                task.status[:3],
                request.incoming.received if request.incoming else 0,
                self._out.of_answer,
                time.monotonic() - self._began,
            )
            if request.telling:
                self.server.told(
                    request.telling.exchange(
                        request, task, self.addr[0], self._out.of_answer, is_whole=is_whole
                    )
                )
