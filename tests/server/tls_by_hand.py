"""A client of TLS that decides which of its bytes go out."""

import socket
import ssl
from collections.abc import Callable
from typing import Any

import pytest
from server_tools import WAIT_S, believing


class ByHand:
    """A client of TLS that decides which of its bytes go out."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), WAIT_S)
        self._from, self._to = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = believing().wrap_bio(self._from, self._to)

    def __enter__(self) -> "ByHand":
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def hello(self) -> bytes:
        """Return what begins the handshake."""
        with pytest.raises(ssl.SSLWantReadError):
            self._tls.do_handshake()
        return self._to.read()

    def shake_hands(self, *, last: bool = True) -> bytes:
        """Shake hands, and wait until that is over; without the `last` bytes, return them."""
        self.socket.sendall(self.hello())
        self._until_done(self._tls.do_handshake)
        if not last:
            return self._to.read()
        self.socket.sendall(self._to.read())
        self._from.write(self.socket.recv(65536))  # session tickets
        return b""

    def encrypted(self, data: bytes) -> bytes:
        self._tls.write(data)
        return self._to.read()

    def read(self) -> bytes:
        return bytes(self._until_done(lambda: self._tls.read(65536)))

    def _until_done(self, action: Callable[[], Any]) -> Any:
        while True:
            try:
                return action()
            except ssl.SSLWantReadError:
                data = self.socket.recv(65536)
                assert data, "the server has closed the connection"
                self._from.write(data)
