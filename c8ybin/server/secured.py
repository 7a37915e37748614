"""A connection that encrypts, used as one that does not: what is there is read, and what fits is written.

No call waits, and the handshake is a part of the first read. OpenSSL never reads from the socket itself: it
would go on for as long as a client sends what holds no data, as changes of keys (RFC 8446, section 4.6.3), and
nobody else would be served. So it is handed what arrived, some records at a time.
"""

import errno
import socket
import ssl
import time
from collections import deque
from contextlib import suppress
from typing import Any

from c8ybin.server.records import RECORD_BYTES, Records

# What is taken from the kernel at once: a record and what is around it, of a body some more.
_TAKEN_BYTES = RECORD_BYTES + 256
_TAKEN_OF_BODY_BYTES = 4 * _TAKEN_BYTES
_SENT_BYTES = 2 * RECORD_BYTES
# So many bytes may come without any data in them: more than a record, whose end may be missing. Each byte of data
# allows for some more, up to that: a client that sends one in a record of its own has some 30 around it.
_EMPTY_BYTES = 128 * 1024
_EMPTY_BYTES_PER_BYTE = 64


class Secured(socket.socket):
    """A connection that encrypts, or one whose client does not know that it should: then it `is_plain`.

    `recv`, `recv_into` and `send` raise BlockingIOError where they would have to wait, and another OSError
    where the connection is lost. What `send` could not send is to be given to it again, as the first bytes.
    """

    is_plain = False
    # Whether reading goes on once the socket takes more, not once more has come.
    reads_when_writable = False
    # Whether TLS has broken off; what the peer is told of it is sent already.
    has_failed = False
    # The common name (CN) of the certificate that the client has presented, if it is one that we accept.
    client_name: str | None = None
    _is_decided = False
    _has_shaken_hands = False
    _has_said_goodbye = False

    def __init__(self, sock: socket.socket, context: ssl.SSLContext) -> None:
        """Take a socket over, which does not block, as its server; the time for the handshake runs from now."""
        super().__init__(sock.family, sock.type, sock.proto, fileno=sock.detach())
        self.setblocking(False)
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._in, self._out, server_side=True)
        self._records = Records()
        self._may_be_empty = _EMPTY_BYTES
        # What is encrypted and not sent; of each record in it the bytes to go, and the bytes of data in it.
        self._unsent = memoryview(b"")
        self._owed: deque[tuple[int, int]] = deque()
        # Bytes of data whose records are sent, although nobody has been told.
        self._gone = 0
        # Since when the rest of a handshake, or of a record, is waited for.
        self._waits_since: float | None = time.monotonic()

    def has_waited(self, seconds: float) -> bool:
        """Tell whether the client has had so long for the rest of a handshake, or of a record."""
        return self._waits_since is not None and time.monotonic() > self._waits_since + seconds

    @property
    def is_quiet(self) -> bool:
        """Whether nothing has come that would be read, nor the beginning of it."""
        if self._has_shaken_hands and (self._waits_since is not None or self.holds_some):
            return False
        try:
            return not super().recv(1, socket.MSG_PEEK)
        except OSError:
            return True

    @property
    def holds_some(self) -> bool:
        """Whether something may be read of which the kernel does not know any more."""
        return bool(self._in.pending or self._tls.pending())

    def recv(self, size: int = RECORD_BYTES, flags: int = 0) -> bytes:
        """Return what has come; nothing at the end."""
        if not (self._has_shaken_hands or self.is_plain):
            self._shake_hands()
        if self.is_plain:
            return super().recv(size, flags)
        try:
            return self._read(size)
        except BlockingIOError:
            self._take()
        return self._read(size)

    def recv_into(self, buffer: Any, nbytes: int | None = None, flags: int = 0) -> int:
        """Fill a buffer with what has come, or, with flags, with the bytes as they came, encrypted."""
        if flags or self.is_plain:
            return super().recv_into(buffer, nbytes or 0, flags)
        view = memoryview(buffer)
        got = 0
        try:
            while got < len(view):
                try:
                    count = self._read_into(view[got:])
                except BlockingIOError:
                    self._take(_TAKEN_OF_BODY_BYTES)
                else:
                    if not count:
                        break
                    got += count
        except OSError:
            if not got:
                raise
        return got

    def held(self) -> bytes:
        """Return the data that is here although the kernel has nothing to read."""
        pieces = []
        with suppress(OSError):  # what is wrong is found again by the next read
            while piece := self._read(RECORD_BYTES):
                pieces.append(piece)
        return b"".join(pieces)

    def send(self, data: Any, flags: int = 0) -> int:
        """Send what the socket takes; return how many bytes that was."""
        if self.is_plain:
            return super().send(data, flags)
        if not self._has_shaken_hands:
            raise BlockingIOError
        view = memoryview(data)
        sent = 0
        try:
            while True:
                self._flush()
                sent, self._gone = sent + self._gone, 0
                if self._unsent or sent >= len(view):
                    break
                self._encrypt(view[sent : sent + _SENT_BYTES])
        except OSError:
            if not sent:
                raise
        if not sent and len(view):
            raise BlockingIOError
        return sent

    def shutdown(self, how: int) -> None:
        """Say that nothing more is sent; what still comes is not decrypted any more."""
        self._say_goodbye()
        super().shutdown(how)

    def close(self) -> None:
        """Close the connection, with a word to the peer, which takes a bare end for an attack."""
        self._say_goodbye()
        super().close()

    def _shake_hands(self) -> None:
        """Go on with the handshake, unless the client speaks without encryption.

        Raises:
            BlockingIOError: It is not over yet.
            OSError: It failed.
        """
        if not self._is_decided:
            first = super().recv(1, socket.MSG_PEEK)
            self._is_decided = True
            self.is_plain = not first or first.isalpha()
        if self.is_plain:
            self._waits_since = None
            return
        self._take()
        self._do(self._tls.do_handshake)
        self._has_shaken_hands = True
        self._waits_since = None
        self._note_waiting()
        self.client_name = _common_name(self._tls.getpeercert())

    def _take(self, count: int = _TAKEN_BYTES) -> None:
        """Hand OpenSSL what has come, `count` bytes at most, however much waits in the kernel.

        Raises:
            BlockingIOError: Nothing has come, or what OpenSSL has to say itself must be sent first.
            OSError: The connection is lost, or the client sends much in which nothing is.
        """
        self._flush()
        self.reads_when_writable = bool(self._unsent)
        if self._unsent:
            raise BlockingIOError
        data = super().recv(count)
        if not data:
            self._in.write_eof()
            return
        self._in.write(data)
        self._records.follow(data)
        if self._has_shaken_hands:
            self._may_be_empty -= len(data)
            if self._may_be_empty < 0:
                self.has_failed = True
                raise ConnectionAbortedError(errno.ECONNABORTED, "TLS: much was sent without data")
            self._note_waiting()

    def _note_waiting(self) -> None:
        if self._records.is_between:
            self._waits_since = None
        elif self._waits_since is None:
            self._waits_since = time.monotonic()

    def _read(self, size: int) -> bytes:
        """Return data that is here; nothing at the end.

        Raises:
            BlockingIOError: None is here.
            OSError: The connection is lost.
        """
        data: bytes = self._do(self._tls.read, size)
        self._allow(len(data))
        return data

    def _read_into(self, view: memoryview) -> int:
        count: int = self._do(self._tls.read, len(view), view)
        self._allow(count)
        return count

    def _allow(self, count: int) -> None:
        self._may_be_empty = min(_EMPTY_BYTES, self._may_be_empty + _EMPTY_BYTES_PER_BYTE * count)

    def _do(self, action: Any, *arguments: Any) -> Any:
        """Let OpenSSL do something, and send what it says meanwhile."""
        try:
            return action(*arguments)
        except ssl.SSLWantReadError:
            raise BlockingIOError from None
        except ssl.SSLEOFError:
            if self._has_shaken_hands:
                return 0 if len(arguments) > 1 else b""
            self.has_failed = True
            raise ConnectionAbortedError(errno.ECONNABORTED, "TLS: cut off") from None
        except ssl.SSLError as error:
            self.has_failed = True
            raise ConnectionAbortedError(errno.ECONNABORTED, f"TLS: {error.reason or 'cut off'}") from None
        finally:
            if self._out.pending:
                self._queue(self._out.pending, 0)
                with suppress(OSError):
                    self._flush()
                self.reads_when_writable = bool(self._unsent)

    def _encrypt(self, view: memoryview) -> None:
        """Make records of some data, to be sent."""
        for place in range(0, len(view), RECORD_BYTES):
            before = self._out.pending
            piece = view[place : place + RECORD_BYTES]
            self._tls.write(piece)
            self._owed.append((self._out.pending - before, len(piece)))
        self._unsent = memoryview(self._out.read())

    def _queue(self, length: int, of_data: int) -> None:
        self._owed.append((length, of_data))
        self._unsent = memoryview(bytes(self._unsent) + self._out.read())

    def _flush(self) -> None:
        """Send what is encrypted, as far as the socket takes it."""
        while self._unsent:
            try:
                count = super().send(self._unsent)
            except BlockingIOError:
                return
            self._unsent = self._unsent[count:]
            while count:
                length, of_data = self._owed.popleft()
                if count < length:
                    self._owed.appendleft((length - count, of_data))
                    break
                count -= length
                self._gone += of_data

    def _say_goodbye(self) -> None:
        if self._has_shaken_hands and not (self.has_failed or self._has_said_goodbye or self._unsent):
            self._has_said_goodbye = True
            with suppress(OSError, ValueError):
                # Sends close_notify, and does not wait for that of the peer.
                self._do(self._tls.unwrap)


def _common_name(certificate: dict[str, Any] | None) -> str | None:
    """Return the common name of a certificate as `getpeercert` tells it; None where it is not one."""
    subject = (certificate or {}).get("subject", ())
    names = [value for part in subject for kind, value in part if kind == "commonName"]
    return str(names[0]) if len(names) == 1 else None
