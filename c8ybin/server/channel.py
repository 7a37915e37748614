"""A connection: one request after the other, each from its header to the last byte of its answer."""

import select
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from waitress.channel import ClientDisconnected, HTTPChannel
from waitress.utilities import InternalServerError

from c8ybin.server.answer import Answer, MustWait, Refused
from c8ybin.server.loop import READ, WRITE
from c8ybin.server.outgoing import Cold, Outgoing
from c8ybin.server.request import Request

# An answer in blocks waits for its reader above this.
_HIGH_BYTES = 1024 * 1024
# What a refused client may still send, and how long, before it must have read the answer.
_DRAINED_BYTES = 256 * 1024 * 1024
_DRAINED_S = 30.0
_READ_WITHIN_S = 1.0
_DRAINED_BLOCKS = 16
_WASTE = bytearray(256 * 1024)


class Channel(HTTPChannel):
    """One connection, which one thread has at a time: the main loop, or whoever works on its request.

    The main loop reads headers and sends what is in memory; a worker runs the application, and so
    receives the body. Whoever is done arms the connection in the loop for what comes next.
    """

    parser_class = Request
    task_class = Answer
    error_task_class = Refused

    # What waitress's type stubs tell otherwise, or not at all.
    server: Any
    socket: Any
    request: Any
    requests: list[Any]
    requests_lock: Any
    _fileno: int

    def __init__(self, server: Any, sock: socket.socket, addr: Any, adj: Any, **more: Any) -> None:
        self._out = Outgoing()
        # What arrived after the request that is worked on, or before anybody looked at it.
        self._ahead = b""
        self._with_worker = False
        self._may_wait = False
        self._may_take_long = False
        self._drain: Drain | None = None
        super().__init__(server, sock, addr, adj, **more)
        self._arm()

    # The main loop's part.

    def handle_read(self) -> None:
        """Read the header of a request, or throw away what a refused client sends."""
        if self._drain:
            if self._drain.is_over(self.socket):
                self.handle_close()
            else:
                self._arm()
            return
        try:
            data = self.socket.recv(self.adj.recv_bytes)
        except BlockingIOError:
            self._arm()
            return
        except OSError:
            data = b""
        if not data:
            self.handle_close()
            return
        self.last_activity = time.time()
        self._take(data)

    def handle_write(self) -> None:
        """Send what is left of an answer, then close the connection or go on with what follows."""
        self._flush()
        if self.will_close:
            self.handle_close()
        elif self.close_when_flushed and not self._out.length and not self._with_worker:
            self._finish_closing()
        else:
            self._take(b"")

    def handle_close(self) -> None:
        """Close the connection, unless a worker has it, who will find out."""
        if self.socket is not None and not self._with_worker:
            self._out.close()
            self.server.loop.forget(self._fileno)
            super().handle_close()

    def close_if(self, condition: Callable[["Channel"], bool]) -> None:
        """Close the connection if nobody works on it and a condition holds."""
        with self.requests_lock:
            if not self._with_worker and condition(self):
                self.handle_close()

    @property
    def is_idle(self) -> bool:
        """Whether nothing is under way, nor waits in the kernel to be read."""
        busy = self._with_worker or self.request or self._ahead or self._out.length or self._drain
        if busy or self.close_when_flushed:
            return not busy
        try:
            return not self.socket.recv(1, socket.MSG_PEEK)
        except OSError:
            return True

    @property
    def only_drains(self) -> bool:
        """Whether the answer is out, and its client has had a moment to read it."""
        return self._drain is not None and self._drain.is_patient_enough

    @property
    def is_overdue(self) -> bool:
        """Whether the client did nothing for too long, or dallies with a header or what is to be drained."""
        if self._drain:
            return self._drain.is_overdue
        dallies = self.request is not None and time.monotonic() > self._header_until
        return dallies or self.last_activity < time.time() - self.adj.channel_timeout

    def _take(self, data: bytes) -> None:
        """Take bytes of headers; what follows a request waits until that is answered."""
        self._ahead += data
        while self._ahead and not (self._with_worker or self._out.length or self.close_when_flushed):
            if self.request is None:
                self.request = Request(self.adj)
                self._header_until = time.monotonic() + self.server.patience.timeout_s
            self._ahead = self._ahead[self.request.received(self._ahead) :]
            if self.request.completed:
                request, self.request = self.request, None
                if not request.empty:
                    self._begin(request)
                    break  # lest one client with many keep the main loop
        if not self._with_worker:
            self._arm()

    def _begin(self, request: Request) -> None:
        if request.has_body and not request.error:
            request.receive_from(self.socket, self._ahead, self.server.patience)
            self._ahead = b""
        self.requests = [request]
        if not (self.server.answers_now and request.is_light and self._answer()):
            self._give_to_worker()

    @property
    def has_small_request(self) -> bool:
        """Whether the request to be worked on is a POST whose short body has arrived."""
        return bool(self.server.answers_now and self.requests and self.requests[0].is_small)

    def _finish_closing(self) -> None:
        """Close the connection so that the client can read the answer first."""
        if not self._drain:
            self.handle_close()
            return
        # A close with unread bytes would be a reset, which takes the answer away from the client.
        self._drain.has_begun = True
        with suppress(OSError):
            self.socket.shutdown(socket.SHUT_WR)
        self._arm()

    def _give_to_worker(self) -> None:
        self._with_worker = True
        self.server.add_task(self)

    # Whoever works on the request: a worker, or the main loop as long as that need not wait.

    def service_small(self) -> None:
        """Answer the request, as long as that waits for the disk at most; else let another worker do it."""
        self.service(may_take_long=False)

    def service(self, *, may_take_long: bool = True) -> None:
        """Answer the request, or send what is left of its answer; may wait for the disk and for the body."""
        self._may_wait, self._may_take_long = True, may_take_long
        try:
            if not self.requests:
                self._flush()
            elif not self._answer():
                self.server.task_dispatcher.add_task(self)
                return
        except Exception:
            self.logger.exception("a connection failed")
            self._lose()
        with self.requests_lock:
            self._with_worker = False
            self._arm()

    def _answer(self) -> bool:
        """Answer the request; return False where this thread would have to wait, and nothing has been done."""
        request = self.requests[0]
        task = (Refused if request.error else Answer)(self, request)
        try:
            task.service()
        except MustWait:
            if request.incoming:
                request.incoming.rewind()
            return False
        except ClientDisconnected:
            task.close_on_finish = True
        except Exception:
            self.logger.exception("a request failed")
            task = self._failed(request, task)
        self._end(request, task)
        return True

    def _failed(self, request: Any, task: Any) -> Any:
        if not task.wrote_header and self.connected:
            request.error = InternalServerError("The server failed.")
            task = Refused(self, request)
            task.service()
        task.close_on_finish = True
        return task

    def _end(self, request: Request, task: Any) -> None:
        incoming = request.incoming
        if incoming:
            incoming.close()
        if incoming and not task.close_on_finish:
            self._ahead = bytes(incoming.ahead)
        elif task.close_on_finish:
            if self._ahead or request.error or (incoming and (incoming.ahead or not incoming.is_finished())):
                self._drain = Drain()
            self._ahead = b""
            self.close_when_flushed = True
        self.last_activity = time.time()
        self.requests = []
        self._flush()

    @property
    def may_wait(self) -> bool:
        """Whether whoever works on the request may wait for the disk."""
        return self._may_wait

    @property
    def may_take_long(self) -> bool:
        """Whether it may also wait for what takes long."""
        return self._may_take_long

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
        while self.connected and self._out.length > _HIGH_BYTES:
            with self.server.patience.lent():
                if not poll.poll(1000 * self.adj.channel_timeout):
                    self._lose()
                    return
            self._flush()

    # Both.

    def _flush(self) -> None:
        """Send what the socket takes."""
        if not self._out.length:
            return
        try:
            if self._out.send(self.socket, may_wait=self._may_wait):
                self.last_activity = time.time()
        except Cold:
            self._give_to_worker()
        except OSError as error:
            if not isinstance(error, ConnectionError):
                self.logger.error("an answer broke off: %s", error)
            self._lose()

    def _lose(self) -> None:
        """Give the connection up; the main loop closes it."""
        self.connected = False
        self.will_close = True
        self._out.close()

    def _arm(self) -> None:
        """Let the loop tell when the connection is ready for what comes next; from then on it is the main loop's."""
        if self.socket is None:
            return
        wants_to_write = self.will_close or self._out.length or self._ahead
        closes = self.close_when_flushed and not (self._drain and self._drain.has_begun)
        self._may_wait = self._may_take_long = False
        self.server.loop.arm(self._fileno, WRITE if wants_to_write or closes else READ)


class Drain:
    """Throws away what a client still sends whose request was refused, within bounds."""

    def __init__(self) -> None:
        self._left = _DRAINED_BYTES
        self._until = time.monotonic() + _DRAINED_S
        self.has_begun = False

    @property
    def is_patient_enough(self) -> bool:
        """Whether a client that reads its answer has done so."""
        return self.has_begun and time.monotonic() > self._until - _DRAINED_S + _READ_WITHIN_S

    @property
    def is_overdue(self) -> bool:
        """Whether its time is over."""
        return time.monotonic() > self._until

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
