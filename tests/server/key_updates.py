"""A client of TLS 1.3 that sends what Python's ssl cannot: changes of keys, as many as it likes."""

import ctypes
import ctypes.util
import socket
from typing import Any

_PIECE = 1 << 16


def _library(name: str) -> ctypes.CDLL | None:
    found = ctypes.util.find_library(name)
    return ctypes.CDLL(found) if found else None


_ssl, _crypto = _library("ssl"), _library("crypto")
IS_THERE = _ssl is not None and _crypto is not None and hasattr(_ssl, "SSL_key_update")
_POINTER, _INT = ctypes.c_void_p, ctypes.c_int


def _call(library: ctypes.CDLL | None, name: str, result: Any, *arguments: Any) -> Any:
    function = getattr(library, name)
    function.restype, function.argtypes = result, [kind for kind, _ in arguments]
    return function(*(value for _, value in arguments))


class KeyUpdater:
    """A connection whose records go through memory, so that many can be made before one is sent."""

    def __init__(self, port: int) -> None:
        """Connect and shake hands."""
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=30)
        self._buffer = ctypes.create_string_buffer(_PIECE)
        method = _call(_ssl, "TLS_client_method", _POINTER)
        self._context = _call(_ssl, "SSL_CTX_new", _POINTER, (_POINTER, method))
        self._ssl = _call(_ssl, "SSL_new", _POINTER, (_POINTER, self._context))
        kind = _call(_crypto, "BIO_s_mem", _POINTER)
        self._in, self._out = (_call(_crypto, "BIO_new", _POINTER, (_POINTER, kind)) for _ in range(2))
        three = ((_POINTER, self._ssl), (_POINTER, self._in), (_POINTER, self._out))
        _call(_ssl, "SSL_set_bio", None, *three)
        while _call(_ssl, "SSL_connect", _INT, (_POINTER, self._ssl)) != 1:
            self.socket.sendall(self._made())
            data = self.socket.recv(_PIECE)
            assert data, "the server has closed the connection"
            _call(
                _crypto, "BIO_write", _INT, (_POINTER, self._in), (ctypes.c_char_p, data), (_INT, len(data))
            )
        self.socket.sendall(self._made())

    def __enter__(self) -> "KeyUpdater":
        return self

    def __exit__(self, *_: object) -> None:
        _call(_ssl, "SSL_free", None, (_POINTER, self._ssl))
        _call(_ssl, "SSL_CTX_free", None, (_POINTER, self._context))
        self.socket.close()

    def updates(self, count: int, *, answered: bool) -> bytes:
        """Make so many changes of keys, each to be answered by another one or not (RFC 8446, section 4.6.3)."""
        made = []
        for _ in range(count):
            assert _call(_ssl, "SSL_key_update", _INT, (_POINTER, self._ssl), (_INT, answered)) == 1
            assert _call(_ssl, "SSL_do_handshake", _INT, (_POINTER, self._ssl)) == 1
            made.append(self._made())
        return b"".join(made)

    def encrypted(self, data: bytes) -> bytes:
        """Make a record with some data."""
        _call(_ssl, "SSL_write", _INT, (_POINTER, self._ssl), (ctypes.c_char_p, data), (_INT, len(data)))
        return self._made()

    def _made(self) -> bytes:
        pieces = b""
        while True:
            arguments = ((_POINTER, self._out), (_POINTER, ctypes.addressof(self._buffer)), (_INT, _PIECE))
            count = _call(_crypto, "BIO_read", _INT, *arguments)
            if count <= 0:
                return pieces
            pieces += self._buffer.raw[:count]
