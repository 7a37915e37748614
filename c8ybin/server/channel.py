"""A connection: one request after the other, each from its header to the last byte of its answer."""

import socket
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from waitress.channel import ClientDisconnected

from c8ybin.server.answer import Answer, MustWait, Refused
from c8ybin.server.drain import READ_WITHIN_S, Drain
from c8ybin.server.loop import READ, WRITE
from c8ybin.server.request import Request
from c8ybin.server.standing import Standing
from c8ybin.server.telling import Telling

_SPEAKS_HTTPS = "This port speaks HTTPS; begin the address with https://."


class Channel(Standing):
    """One connection, which one thread has at a time: the main loop, or whoever works on its request.

    The main loop reads headers and sends what is in memory; a worker runs the application, and so
    receives the body. Whoever is done arms the connection in the loop for what comes next.
    """

    parser_class = Request  # type: ignore[assignment]
    task_class = Answer
    answer_class = Answer
    error_task_class = Refused

    def __init__(self, server: Any, sock: socket.socket, addr: Any, adj: Any, **more: Any) -> None:
        self._may_take_long = False
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
            if self._tls and self._tls.has_failed:
                # So that the client learns why.
                self._drain = Drain()
                self._finish_closing()
            else:
                self.handle_close()
            return
        if self._tls:
            # What is here, the loop does not tell of again.
            data += self._tls.held()
        self.last_activity = time.time()
        self._take(data)

    def handle_write(self) -> None:
        """Send what is left of an answer, then close the connection or go on with what follows."""
        if self._tls and self._tls.reads_when_writable and not (self._out.length or self.will_close):
            self.handle_read()
            return
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
            self._tell(is_whole=False)
            self._out.close()
            self.server.loop.forget(self._fileno)
            super().handle_close()

    def del_channel(self, map: Any = None) -> None:  # noqa: A002
        """Give up its place."""
        self.server.places.leave(self)
        super().del_channel(map)

    def close_if(self, condition: Callable[["Channel"], bool]) -> bool:
        """Close the connection if nobody works on it and a condition holds; tell whether it was closed."""
        with self.requests_lock:
            closes = not self._with_worker and condition(self)
            if closes:
                self.handle_close()
            return closes

    def look_after(self) -> None:
        """End what takes too long: a client that does nothing, or too little; called again and again."""
        with self.requests_lock:
            if self._with_worker or self.socket is None:
                return
            now = time.monotonic()
            if self.will_close:
                # The loop tells of it only when the socket takes something again.
                self.handle_close()
            elif self._drain:
                if self._drain.is_overdue:
                    self.handle_close()
            elif self._out.length:
                if not self._is_read():
                    self._reset_at_close()
                    self.handle_close()
            elif self._tls and self._tls.has_waited(self.server.patience.timeout_s):
                self.handle_close()
            elif self._lacks_header and now > self._header_until:
                self._give_up_header()
            elif self.last_activity < time.time() - self.adj.channel_timeout:
                self.handle_close()
            if not self._out.length:
                self._pace = None

    def _give_up_header(self) -> None:
        request, self.request = self.request, None
        if not request or request.is_blank:
            self.handle_close()
            return
        request.refuse(408)
        self._begin(request)
        self._arm()

    def _take(self, data: bytes) -> None:
        """Take bytes of headers; what follows a request waits until that is answered."""
        self._ahead += data
        while self._ahead and not (self._with_worker or self._out.length or self.close_when_flushed):
            if self.request is None:
                self.request = Request(self.adj)
                if self.has_asked:
                    self._header_until = time.monotonic() + self.server.patience.timeout_s
            self._ahead = self._ahead[self.request.received(self._ahead) :]
            if self.request.completed:
                request, self.request = self.request, None
                if not self.has_asked:
                    self.has_asked = True
                    self.server.places.note_header(self)
                self._begin(request)
                break  # lest one client with many keep the main loop
        if not self._with_worker:
            self._arm()

    def _begin(self, request: Request) -> None:
        if self._tls and self._tls.is_plain:
            request.refuse(400, _SPEAKS_HTTPS)
        if self._is_guest and not request.error:
            self._receive_guest(request)
        if request.has_body and not request.error:
            request.receive_from(self.socket, self._ahead, self.server.patience)
            self._ahead = b""
        self.requests = [request]
        self._began = time.monotonic()
        self._out.begin_answer()
        if self.server.told is not None:
            request.telling = Telling()
        # A refusal waits for nobody.
        is_light = request.error or (self.server.answers_now and request.is_light)
        if not (is_light and self._answer()):
            self._give_to_worker()

    def _receive_guest(self, request: Request) -> None:
        request.connection_close = True
        if not (request.is_light and self.server.answers_always(request.known(self.peer))):
            request.refuse(503)

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
        task = (Refused if request.error else self.answer_class)(self, request)
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
            request.refuse(500)
            task = Refused(self, request)
            task.service()
        task.close_on_finish = True
        return task

    def _end(self, request: Request, task: Any) -> None:
        incoming = request.incoming
        if incoming:
            incoming.close()
        if incoming and not task.close_on_finish:
            self._ahead = bytes(incoming.ahead) + (self._tls.held() if self._tls else b"")
        elif task.close_on_finish:
            if self._ahead or request.error or (incoming and (incoming.ahead or not incoming.is_finished())):
                # Who was too slow, or has no place, has no more time than to read that.
                hurries = self._is_guest or request.error == 408
                self._drain = Drain(READ_WITHIN_S if hurries else self.server.patience.timeout_s)
            self._ahead = b""
            self.close_when_flushed = True
        self.last_activity = time.time()
        self.requests = []
        self._untold = (request, task)
        self._flush()
        if not self._out.length:
            self._tell(is_whole=self.connected)

    @property
    def client_name(self) -> str | None:
        """The name in the client's certificate, where it has presented one that we accept."""
        return self._tls.client_name if self._tls else None

    @property
    def may_wait(self) -> bool:
        """Whether whoever works on the request may wait for the disk."""
        return self._may_wait

    @property
    def may_take_long(self) -> bool:
        """Whether it may also wait for what takes long."""
        return self._may_take_long

    # Both.

    def _arm(self) -> None:
        """Let the loop tell when the connection is ready for what comes next; from then on it is the main loop's."""
        if self.socket is None:
            return
        wants_to_write = self.will_close or self._out.length or self._ahead
        closes = self.close_when_flushed and not (self._drain and self._drain.has_begun)
        if self._tls:
            wants_to_write = wants_to_write or self._tls.reads_when_writable
        self._may_wait = self._may_take_long = False
        self.server.loop.arm(self._fileno, WRITE if wants_to_write or closes else READ)
