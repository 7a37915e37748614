"""A waitress server that tells its address and stops gently."""

import errno
import logging
import resource
import socket
import time
from collections.abc import Callable
from typing import Any

import waitress.server
import waitress.wasyncore

from c8ybin.server.sockets import url_of

log = logging.getLogger(__name__)

THREADS = 8
STOP_WITHIN_S = 25.0
_RECEIVE_BYTES = 256 * 1024
# A connection may hold a file too, and the process some of its own.
_CONNECTIONS = 800
_OWN_DESCRIPTORS = 100
_POLL_S = 1.0
_ACCEPT_AGAIN_S = 1.0
_NO_DESCRIPTOR = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)


class Server:
    """Serves one WSGI application at one address until it is stopped."""

    def __init__(
        self, app: Callable[..., Any], listener: socket.socket, *, largest_body: int, threads: int = THREADS
    ) -> None:
        """Make one; what comes is answered once `run` is called.

        Args:
            app: The WSGI application.
            listener: A listening socket, which other processes may share; closed in the end.
            largest_body: Bytes of the largest body that the application accepts.
            threads: How many requests are worked on at once.
        """
        self._map: dict[int, Any] = {}
        # One socket makes one server, and not the other class that several would make.
        server: Any = waitress.server.create_server(
            app,
            map=self._map,
            sockets=[listener],
            threads=threads,
            ident=None,
            # The application decides whom it believes.
            clear_untrusted_proxy_headers=False,
            # waitress buffers up to this before anybody is asked who they are, and answers 413 in plain
            # text above it; up to it the answer is ours.
            max_request_body_size=2 * largest_body,
            server_name=listener.getsockname()[0],
            recv_bytes=_RECEIVE_BYTES,
            connection_limit=_connection_limit(),
        )
        self._server = server
        self._accept_now, server.accept = server.accept, self._accept
        self._may_accept_now, server.readable = server.readable, self._may_accept
        self._accept_at = 0.0
        self.url = url_of(listener)
        self._stopping = False

    def run(self) -> bool:
        """Answer requests until `stop`; then finish those that run, for a while, and refuse new ones.

        Returns:
            Whether all of them are finished.
        """
        while not self._stopping:
            self._poll()
        # The listening socket alone: threads at work still wake the loop through its trigger.
        waitress.wasyncore.dispatcher.close(self._server)
        deadline = time.monotonic() + STOP_WITHIN_S
        while self._close_idle() and time.monotonic() < deadline:
            self._poll()
        self._server.task_dispatcher.shutdown()
        waitress.wasyncore.close_all(self._map)
        return not self._server.task_dispatcher.threads

    def stop_when_readable(self, fd: int) -> None:
        """Let `run` end once a descriptor is readable or at its end, as a pipe is whose other end is gone."""
        _Watched(fd, self._map, self.stop)

    def stop(self) -> None:
        """Let `run` end; may be called from a signal handler."""
        # Once: when `run` is over, the trigger's descriptor may be somebody else's.
        if not self._stopping:
            self._stopping = True
            self._server.pull_trigger()

    def _accept(self) -> Any:
        """Accept a connection; where no descriptor is left for one, try again in a while."""
        try:
            return self._accept_now()
        except OSError as error:
            if error.errno not in _NO_DESCRIPTOR:
                raise
            # It waits in the kernel: the loop would come back to it at once, and log that each time.
            self._accept_at = time.monotonic() + _ACCEPT_AGAIN_S
            log.warning("no connection can be accepted now: %s", error.strerror)
            return None

    def _may_accept(self) -> bool:
        return bool(self._may_accept_now()) and time.monotonic() >= self._accept_at

    def _poll(self) -> None:
        # select(2) raises above 1024 descriptors; poll(2) does not.
        waitress.wasyncore.poll2(timeout=_POLL_S, map=self._map)

    def _close_idle(self) -> bool:
        """Close the connections on which nothing is under way; tell whether others are left."""
        for channel in list(self._server.active_channels.values()):
            if not (channel.requests or channel.request or channel.total_outbufs_len):
                channel.handle_close()
        return bool(self._server.active_channels)


class _Watched(waitress.wasyncore.file_dispatcher):
    """Calls a function once when a descriptor is readable or at its end."""

    def __init__(self, fd: int, among: dict[int, Any], then: Callable[[], None]) -> None:
        super().__init__(fd, among)  # type: ignore[arg-type]
        self._then = then

    def writable(self) -> bool:
        return False

    def handle_read(self) -> None:
        self.handle_close()

    def handle_close(self) -> None:
        self.close()
        self._then()


def _connection_limit() -> int:
    """Return how many connections the descriptors suffice for, after raising their limit as far as it goes."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 2 * _CONNECTIONS + _OWN_DESCRIPTORS
    soft = wanted if hard == resource.RLIM_INFINITY else min(hard, wanted)
    soft = max(soft, resource.getrlimit(resource.RLIMIT_NOFILE)[0])
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return max(1, min(_CONNECTIONS, (soft - _OWN_DESCRIPTORS) // 2))
