"""What a connection still has to send: bytes, and parts of files by sendfile(2)."""

import errno
import os
import socket
from collections import deque
from typing import Any

from waitress.buffers import ReadOnlyFileBasedBuffer

from c8ybin.server.records import RECORD_BYTES
from c8ybin.server.secured import Secured

# Files up to this go with their header in one segment; larger ones by sendfile.
JOINED_BYTES = 64 * 1024
# What the main loop sends at once, after a look whether it is in memory.
WINDOW_BYTES = 512 * 1024
_TURN_BYTES = 8 * WINDOW_BYTES
# What is read at once of a file that is to be encrypted.
_COPIED_BYTES = 8 * RECORD_BYTES

_MORE: int = getattr(socket, "MSG_MORE", 0)
_NOWAIT: int | None = getattr(os, "RWF_NOWAIT", None)


class Cold(Exception):
    """What is to be sent must be read from the disk, for which this thread may not wait."""


class FilePart(ReadOnlyFileBasedBuffer):
    """What the application wants sent of an open file: the `wsgi.file_wrapper` of this server.

    The file tells its descriptor by `fileno()`, and by `span` the bytes that are meant. Whatever
    else an application wraps is read and sent in blocks.
    """

    def __init__(self, file: Any, block_size: int = JOINED_BYTES) -> None:
        super().__init__(file, block_size)
        span = getattr(file, "span", None)
        self.is_file = span is not None
        self.offset: int = span.start if span else 0
        self.remain: int = span.length if span else 0

    def prepare(self, size: int | None = None) -> int:
        """Return how many bytes will be sent; 0 makes waitress send blocks."""
        if size is not None:
            self.remain = min(self.remain, size)
        return self.remain if self.is_file else 0

    def read(self, *, may_wait: bool) -> bytearray:
        """Return all of it.

        Raises:
            Cold: It is not in memory, and may not be waited for.
            OSError: EIO, also where the file is shorter than it was.
        """
        fd = self.file.fileno()
        data = bytearray(self.remain)
        view = memoryview(data)
        got = 0
        while got < len(view):
            count = _read_into(fd, view[got:], self.offset + got, may_wait=may_wait)
            if not count:
                raise _shorter(self.file)
            got += count
        return data

    def send(self, sock: socket.socket, *, may_wait: bool) -> int:
        """Send what the socket takes; return how many bytes that was.

        Raises:
            Cold: It is not in memory, and may not be waited for.
            BlockingIOError: The socket takes nothing now.
            OSError: The peer is gone, or the file shorter than it was.
        """
        if isinstance(sock, Secured) and not sock.is_plain:
            sent = self._send_copied(sock, may_wait=may_wait)
        else:
            sent = self._sendfile(sock, may_wait=may_wait)
        self.offset += sent
        self.remain -= sent
        return sent

    def _send_copied(self, sock: Secured, *, may_wait: bool) -> int:
        """Send what is encrypted in this process: what sendfile(2) sends is not."""
        block = memoryview(bytearray(min(self.remain, _COPIED_BYTES)))
        count = _read_into(self.file.fileno(), block, self.offset, may_wait=may_wait)
        # What could not be sent is to be given again, a whole record of it.
        if count < min(len(block), RECORD_BYTES):
            raise _shorter(self.file) if may_wait or not count else Cold
        return sock.send(block[:count])

    def _sendfile(self, sock: socket.socket, *, may_wait: bool) -> int:
        count = self.remain
        fd = self.file.fileno()
        if not may_wait:
            count = min(count, WINDOW_BYTES)
            probe = memoryview(bytearray(1))
            for place in (self.offset, self.offset + count - 1):
                if not _read_into(fd, probe, place, may_wait=False):
                    raise _shorter(self.file)
        sent = os.sendfile(sock.fileno(), fd, self.offset, count)
        if not sent:
            raise _shorter(self.file)
        return sent


def _shorter(file: Any) -> OSError:
    return OSError(
        errno.EIO, f"{getattr(file, 'what', 'a file')}: the content file became shorter while it was sent"
    )


def _read_into(fd: int, view: memoryview, offset: int, *, may_wait: bool) -> int:
    if may_wait:
        return os.preadv(fd, [view], offset)
    if _NOWAIT is None:
        raise Cold
    try:
        return os.preadv(fd, [view], offset, _NOWAIT)
    except OSError as error:
        if error.errno in (errno.EAGAIN, errno.EOPNOTSUPP):
            raise Cold from None
        raise


class Outgoing:
    """A queue of bytes and parts of files; only the thread that has the connection uses it.

    Attributes:
        length: How many bytes are to be sent.
        sent: How many the socket has taken so far.
        of_answer: How many of them since `begin_answer`.
    """

    def __init__(self) -> None:
        self._parts: deque[memoryview | FilePart] = deque()
        self.length = 0
        self.sent = 0
        self._began_at = 0

    def begin_answer(self) -> None:
        """Count what is sent from here on."""
        self._began_at = self.sent

    @property
    def of_answer(self) -> int:
        """See the class."""
        return self.sent - self._began_at

    def append(self, data: bytes | FilePart) -> int:
        """Put bytes or a part of a file, which is closed in the end, behind the rest; return their number."""
        count = data.remain if isinstance(data, FilePart) else len(data)
        self._parts.append(data if isinstance(data, FilePart) else memoryview(data))
        self.length += count
        return count

    def send(self, sock: socket.socket, *, may_wait: bool) -> int:
        """Send as much as the socket takes; return how many bytes that was.

        Args:
            sock: A socket that does not block.
            may_wait: Whether this thread may wait for the disk.

        Raises:
            Cold: The rest is not in memory.
            OSError: The peer is gone, or a file cannot be read.
        """
        total = 0
        try:
            # Not without end on the main loop: a reader may be as fast as this.
            while self._parts and (may_wait or total < _TURN_BYTES):
                part = self._parts[0]
                if isinstance(part, FilePart):
                    sent = part.send(sock, may_wait=may_wait)
                    done = not part.remain
                else:
                    sent = self._send_bytes(sock, part, may_wait=may_wait)
                    done = not self._parts[0]
                total += sent
                self.length -= sent
                self.sent += sent
                if done:
                    self._drop_first()
        except BlockingIOError:
            pass
        return total

    def _send_bytes(self, sock: socket.socket, part: memoryview, *, may_wait: bool) -> int:
        following = self._parts[1] if len(self._parts) > 1 else None
        if isinstance(following, FilePart):
            if following.remain <= JOINED_BYTES:
                joined = memoryview(b"".join((part, following.read(may_wait=may_wait))))
                following.close()
                self._parts.popleft()
                self._parts[0] = part = joined
        elif following is not None and len(part) + len(following) <= JOINED_BYTES:
            self._parts.popleft()
            self._parts[0] = part = memoryview(b"".join((part, following)))
        # A header waits in the kernel for the first bytes of its file.
        sent = sock.send(part, _MORE if len(self._parts) > 1 else 0)
        self._parts[0] = part[sent:]
        return sent

    def _drop_first(self) -> None:
        part = self._parts.popleft()
        if isinstance(part, FilePart):
            part.close()

    def close(self) -> None:
        """Drop what was not sent."""
        while self._parts:
            self._drop_first()
        self.length = 0
