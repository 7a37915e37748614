"""A server that streams bodies, tells its address and stops gently."""

import errno
import logging
import resource
import socket
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any, cast

import waitress.wasyncore
from waitress.adjustments import Adjustments
from waitress.server import TcpWSGIServer

from c8ybin.counts import Board, Counts
from c8ybin.domain.exchanges import Told
from c8ybin.server.channel import Channel
from c8ybin.server.incoming import Patience
from c8ybin.server.loop import READ, Loop, new_loop
from c8ybin.server.places import GUESTS, Limits, Places
from c8ybin.server.shares import Share
from c8ybin.server.sockets import url_of
from c8ybin.server.spare import Spare
from c8ybin.server.threads import Threads
from c8ybin.server.tls import Tls

log = logging.getLogger(__name__)

THREADS = 8
SMALL_THREADS = 1
BODY_TIMEOUT_S = 30.0
IDLE_TIMEOUT_S = 120
STOP_WITHIN_S = 25.0
# Headers; the body goes from the socket to where the application wants it.
_RECEIVE_BYTES = 16 * 1024
# A connection may hold a file too, and the process some of its own.
_OWN_DESCRIPTORS = 100
_POLL_S = 1.0
_LOOK_S = 2
_LEAVE_S = 0.001
_ACCEPT_AGAIN_S = 1.0
_NO_DESCRIPTOR = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)


class Small:
    """A connection as a task of the thread for small requests."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self.cancel = channel.cancel

    def service(self) -> None:
        """Work on it."""
        self._channel.service_small()


class Listener(TcpWSGIServer):
    """waitress's server on one listening socket, with connections that stream."""

    channel_class: type[Channel] = Channel

    # What waitress's type stubs tell otherwise, or not at all.
    active_channels: Any
    socket: Any
    trigger: Any
    _fileno: int
    _map: dict[int, Any]

    def __init__(
        self,
        app: Callable[..., Any],
        listener: socket.socket,
        threads: Threads,
        patience: Patience,
        share: Share | None,
        limits: Limits,
        tls: Tls | None,
        told: Told | None,
        counts: Counts,
    ) -> None:
        self._tls = tls
        self._threads = threads
        self.told = told
        self.counts = counts
        self.loop: Loop = new_loop()
        self.patience = patience
        limits = replace(limits, connections=_connection_limit(limits.connections))
        self.places = Places(limits, counts.shed)
        self._spare = Spare()
        # An application that can tell that it would have to wait is first called on the main loop.
        self.answers_now = bool(getattr(app, "answers_now", False))
        # Tells of what is known of a request whether it is answered even where no connection has a place.
        self.answers_always: Callable[[dict[str, Any]], bool] = getattr(
            app, "answers_always", lambda _: False
        )
        # One that is to go wrong on purpose has connections that can.
        if getattr(app, "misbehaves", False):
            from c8ybin.server.faulty import FaultyChannel  # here, for most starts do without it

            self.channel_class = FaultyChannel
        self.is_stopping = False
        self._accept_at = 0.0
        adjustments = Adjustments(
            sockets=[listener],
            ident=None,
            # The application decides whom it believes, and how large a body may be.
            clear_untrusted_proxy_headers=False,
            max_request_body_size=sys.maxsize,
            server_name=listener.getsockname()[0],
            recv_bytes=_RECEIVE_BYTES,
            connection_limit=sys.maxsize,
            channel_timeout=IDLE_TIMEOUT_S,
            cleanup_interval=_LOOK_S,
            url_scheme="https" if tls else "http",
        )
        super().__init__(
            app,
            map={},
            _sock=listener,
            dispatcher=threads,
            adj=adjustments,
            sockinfo=(listener.family, listener.type, listener.proto, listener.getsockname()),
            bind_socket=False,
        )
        self._armed = False
        self._left = False
        self._share = share
        self._for_workers: list[Any] = []
        # One thread for what is short and whole: it begins the next while the first waits to be committed
        # (`begin_another`), where several would mostly wait for each other.
        self.small = Threads(SMALL_THREADS)
        self._watched: dict[int, Callable[[], None]] = {}
        self.loop.watch(self.trigger.socket.fileno())

    def poll(self) -> None:
        """Do what is ready on any connection, after waiting a while for it."""
        # Asked each time, for waitress does its maintenance by it.
        accepts = self.readable()
        standing = len(self.active_channels)
        self.counts.has(standing, self._threads.waiting)
        if self._share:
            self._share.note(standing)
        timeout_s = _POLL_S
        if accepts and not self._armed and time.monotonic() >= self._accept_at:
            if self._share and self._share.is_large() and not self._left:
                # The others may be busy too, so the next one is left to them for a moment only.
                self._left, timeout_s = True, _LEAVE_S
            else:
                self._left, self._armed = False, True
                self.loop.arm(self._fileno, READ)
        self.poll_connections(timeout_s)

    def poll_connections(self, timeout_s: float = _POLL_S) -> None:
        """Do what is ready on the connections that stand."""
        for fd, events in self.loop.wait(timeout_s):
            if found := self._map.get(fd):
                waitress.wasyncore.readwrite(found, events)
                self._hand_over()
            elif fd in self._watched:
                self.loop.forget(fd)
                self._watched.pop(fd)()

    def add_task(self, task: Any) -> None:
        """Let a worker have a connection, once the main loop is done with it."""
        self._for_workers.append(task)

    def _hand_over(self) -> None:
        # The last thing that happens to an event, for a worker may be done before the next line.
        while self._for_workers:
            channel = self._for_workers.pop(0)
            if channel.has_small_request:
                self.small.add_task(cast("Any", Small(channel)))
            else:
                self.task_dispatcher.add_task(channel)

    def begin_another(self) -> bool:
        """Work on another small request in this thread, which would wait; tell whether there was one."""
        task = self.small.take()
        if task:
            task.service()
        return task is not None

    def watch(self, fd: int, then: Callable[[], None]) -> None:
        """Call a function once when a descriptor is readable or at its end."""
        self._watched[fd] = then
        self.loop.watch(fd)

    def handle_accept(self) -> None:
        """Accept a connection, and find a place for it."""
        self._armed = False
        if accepted := self.accept():
            sock, address = accepted
            try:
                channel = self.channel_class(self, sock, address, self.adj, map=self._map)
            except Exception:
                sock.close()
                raise
            self.places.admit(channel)

    def handle_error(self) -> None:
        """Go on after a connection that cannot be taken: waitress would close what listens."""
        log.exception("a connection was not taken")

    def accept(self) -> Any:
        """Accept a connection; where no descriptor is left for one, let another one go, or refuse it."""
        try:
            accepted = super().accept()
            if accepted:
                self.set_socket_options(accepted[0])
        except OSError as error:
            if error.errno not in _NO_DESCRIPTOR:
                log.warning("a connection was not accepted: %s", error.strerror)
            elif self.places.evict():
                pass
            elif self._spare.refuse(self.socket, None if self._tls else self.application):
                self.places.note_refused()
            else:
                # It waits in the kernel: the loop would come back to it at once.
                self._accept_at = time.monotonic() + _ACCEPT_AGAIN_S
                log.warning("no connection can be accepted now: %s", error.strerror)
            return None
        if not (accepted and self._tls):
            return accepted
        sock, address = accepted
        return self._tls.secure(sock), address

    def maintenance(self, _: float) -> None:
        """Close connections whose clients do nothing, or too little."""
        for channel in list(self.active_channels.values()):
            channel.look_after()
        self.places.tell()

    def close_idle(self) -> bool:
        """Close the connections on which nothing is under way; tell whether others are left."""
        for channel in list(self.active_channels.values()):
            channel.close_if(lambda c: c.is_idle or c.only_drains)
        return bool(self.active_channels)

    def close_listener(self) -> None:
        """Take no new connection; those that stand go on, and the trigger still wakes the loop."""
        self.is_stopping = True
        self.loop.forget(self._fileno)
        waitress.wasyncore.dispatcher.close(self)

    def close_all(self) -> None:
        """Close what is left, and the files of answers that nobody read."""
        for channel in list(self.active_channels.values()):
            channel.handle_close()
        waitress.wasyncore.close_all(self._map)
        self._spare.close()
        self.loop.close()
        self.places.tell(at_once=True)


class Server:
    """Serves one WSGI application on one listening socket until it is stopped."""

    def __init__(
        self,
        app: Callable[..., Any],
        listener: socket.socket,
        *,
        threads: int = THREADS,
        body_timeout_s: float = BODY_TIMEOUT_S,
        share: Share | None = None,
        limits: Limits | None = None,
        tls: Tls | None = None,
        told: Told | None = None,
        counts: Counts | None = None,
    ) -> None:
        """Make one; what comes is answered once `run` is called.

        Args:
            app: The WSGI application.
            listener: A listening socket, which other processes may share; closed in the end.
            threads: How many requests are worked on at once.
            body_timeout_s: How long a body's sender is waited for, see `incoming.Patience`.
            share: How its connections compare with those of other processes on the same socket.
            limits: How many connections it takes.
            tls: What connections are encrypted with; None: they are not.
            told: Called with each request whose answer is out, by whichever thread sent that; must not wait.
            counts: Where is counted what it does; None: nobody looks at that.
        """
        counts = counts or Board().of(0)
        self._threads = Threads(threads)
        self._listener = Listener(
            app,
            listener,
            self._threads,
            Patience(body_timeout_s, self._threads.lent, counts.receives),
            share,
            limits or Limits(),
            tls,
            told,
            counts,
        )
        self.url = url_of(listener, "https" if tls else "http")
        self._tls = tls
        self._stopping = False
        self._reloading = False

    def run(self) -> bool:
        """Answer requests until `stop`; then finish those that run, for a while, and refuse new ones.

        Returns:
            Whether all of them are finished.
        """
        while not self._stopping:
            self._listener.poll()
            if self._reloading and self._tls:
                self._reloading = False
                self._tls.reload()
        self._listener.close_listener()
        deadline = time.monotonic() + STOP_WITHIN_S
        while self._listener.close_idle() and time.monotonic() < deadline:
            self._listener.poll_connections()
        for threads in (self._threads, self._listener.small):
            threads.shutdown()
        self._listener.close_all()
        return not (self._threads.threads or self._listener.small.threads)

    def begin_another(self) -> bool:
        """Work on another request in this thread, which would wait for the disk; tell whether one waited."""
        return self._listener.begin_another()

    def stop_when_readable(self, fd: int) -> None:
        """Let `run` end once a descriptor is readable or at its end, as a pipe is whose other end is gone."""
        self._listener.watch(fd, self.stop)

    def reload(self) -> bool:
        """Let new connections get the certificate that is there now; may be called from a signal handler."""
        if not self._stopping:
            self._reloading = True
            self._listener.pull_trigger()
        return True

    def stop(self) -> None:
        """Let `run` end; may be called from a signal handler."""
        # Once: when `run` is over, the trigger's descriptor may be somebody else's.
        if not self._stopping:
            self._stopping = True
            self._listener.pull_trigger()


def _connection_limit(most: int) -> int:
    """Return for how many connections, `most` at most, the descriptors suffice, after raising their limit for it."""
    own = _OWN_DESCRIPTORS + GUESTS
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 2 * most + own
    soft = wanted if hard == resource.RLIM_INFINITY else min(hard, wanted)
    soft = max(soft, resource.getrlimit(resource.RLIMIT_NOFILE)[0])
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    limit = max(1, min(most, (soft - own) // 2))
    if limit < most:
        log.warning("the limit of %d open files allows for %d connections, not %d", soft, limit, most)
    return limit
