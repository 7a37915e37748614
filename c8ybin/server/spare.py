"""A descriptor in reserve, for the time when no other is left."""

import os
import socket
from contextlib import suppress
from http import HTTPStatus
from typing import Any

from c8ybin.server.answer import RETRY_AFTER_S, refusal
from c8ybin.server.header import recovered

_READ_BYTES = 64 * 1024


class Spare:
    """Keeps a descriptor, in whose place a connection is accepted and refused."""

    def __init__(self) -> None:
        self._fd = os.open(os.devnull, os.O_RDONLY)

    def refuse(self, listener: socket.socket, application: Any) -> bool:
        """Answer the next connection with 503; tell whether that was possible.

        Args:
            listener: Where it comes.
            application: Whose words the answer has; None: there is none, as where it would have to be encrypted.
        """
        if self._fd < 0:
            return self._renew()
        os.close(self._fd)
        try:
            sock, peer = listener.accept()
        except OSError:  # it is gone, or another thread has taken the place
            return self._renew()
        with sock, suppress(OSError):
            sock.setblocking(False)
            header = b""
            with suppress(BlockingIOError):
                # What is unread at the end would be a reset, which takes the answer away.
                header = sock.recv(_READ_BYTES)
            if application is not None:
                sock.send(_answer(application, header, peer[0]))
            sock.shutdown(socket.SHUT_WR)
        self._renew()
        return True

    def _renew(self) -> bool:
        try:
            self._fd = os.open(os.devnull, os.O_RDONLY)
        except OSError:
            self._fd = -1
        return self._fd >= 0

    def close(self) -> None:
        """Let go of it."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def _answer(application: Any, header: bytes, peer: str) -> bytes:
    status = HTTPStatus.SERVICE_UNAVAILABLE
    known = {f"HTTP_{name}": value for name, value in recovered(header)[1].items()}
    fields, body = refusal(application, status, None, known | {"REMOTE_ADDR": peer})
    head = (
        f"HTTP/1.1 {status.value} {status.phrase}\r\n"
        + "".join(f"{name}: {value}\r\n" for name, value in fields)
        + "Cache-Control: no-store\r\n"
        f"Content-Length: {len(body)}\r\n"
        f"Retry-After: {RETRY_AFTER_S}\r\n"
        "Connection: close\r\n\r\n"
    )
    return head.encode() + body
