"""Connections that an application may cut and slow down: for those who test how clients take that."""

import os
import select
import time
from collections.abc import Iterator
from typing import Any

from waitress.channel import ClientDisconnected

from c8ybin.server.answer import Answer
from c8ybin.server.channel import Channel
from c8ybin.server.outgoing import FilePart

# The peer has closed its end, as clients do that give up.
_GONE: int = getattr(select, "POLLRDHUP", 0)
_LOOK_S = 0.5
_STEPS_A_SECOND = 20


class FaultyAnswer(Answer):
    """Hands the application the connection itself, as `c8ybin.wire`."""

    def get_environment(self) -> dict[str, Any]:
        """See `Answer`."""
        environ: dict[str, Any] = super().get_environment()
        environ["c8ybin.wire"] = self.channel
        return environ


class FaultyChannel(Channel):
    """A connection that is cut or slow where the application says so, for one answer.

    All of that happens in a thread that may take long: the application is to say it in no other.
    """

    answer_class = FaultyAnswer

    # Of the answer that is under way: what its body may have yet until the cut, and at what rate it leaves.
    _left: int | None = None
    _rate: int | None = None
    _has_begun = False

    def pause(self, seconds: float) -> None:
        """Wait, while another thread works in this one's place.

        Raises:
            ClientDisconnected: The client has gone; nothing is to be done for it any more.
        """
        with self.server.patience.lent():
            self._pause(seconds)

    def _pause(self, seconds: float) -> None:
        poll = select.poll()
        poll.register(self.socket, _GONE)
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0 and not self.server.is_stopping:
            if poll.poll(1000 * min(left, _LOOK_S)):
                self._lose()
                raise ClientDisconnected

    def cut(self) -> None:
        """End the connection now; what is to be sent is not."""
        self._lose()

    def cut_answer_after(self, count: int) -> None:
        """End the connection after so many bytes of the answer's body."""
        self._left = count

    def slow_down(self, bytes_a_second: int) -> None:
        """Send the answer's body not faster than that."""
        self._rate = bytes_a_second

    def write_soon(self, data: Any) -> int:
        """See `Channel`; the first piece of an answer is its header, which is neither cut nor slow."""
        is_header, self._has_begun = not self._has_begun, True
        if is_header or (self._left is None and self._rate is None):
            return super().write_soon(data)
        data = self._cut_off(data)
        if not self._rate or not data:
            return super().write_soon(data) if data else 0
        sent = 0
        with self.server.patience.lent():
            for piece in _pieces(data, max(1, self._rate // _STEPS_A_SECOND)):
                sent += super().write_soon(piece)
                self._flush()
                self._pause(len(piece) / self._rate)
        return sent

    def _cut_off(self, data: Any) -> Any:
        """Return what is left of a piece of the body once the connection's end is counted in; maybe nothing."""
        if self._left is None:
            return data
        if isinstance(data, FilePart):
            data.remain = min(data.remain, self._left)
            self._left -= data.remain
            if data.remain:
                return data
            data.close()
            return b""
        data = data[: self._left]
        self._left -= len(data)
        return data

    def _end(self, request: Any, task: Any) -> None:
        if self._left is not None:
            task.close_on_finish = True
        self._left = self._rate = None
        self._has_begun = False
        super()._end(request, task)


def _pieces(data: Any, size: int) -> Iterator[bytes]:
    """Yield bytes, or those of a part of a file, in pieces."""
    if not isinstance(data, FilePart):
        for place in range(0, len(data), size):
            yield bytes(data[place : place + size])
        return
    try:
        while data.remain:
            piece = os.pread(data.file.fileno(), min(size, data.remain), data.offset)
            if not piece:
                raise ClientDisconnected  # it has become shorter, and its length is told already
            data.offset += len(piece)
            data.remain -= len(piece)
            yield piece
    finally:
        data.close()
