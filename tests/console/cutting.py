"""A connection that can be cut: what stands between the browser and the server, as a bad network does."""

import socket
import struct
import threading
from contextlib import suppress
from typing import Self

_BLOCK_BYTES = 64 * 1024
_RESET = struct.pack("ii", 1, 0)


class Cutter:
    """Relays a port to another one, until so many bytes have gone to the server; then nothing until `mend`."""

    def __init__(self, port: int) -> None:
        self._target = ("127.0.0.1", port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._left: int | None = None
        self._lock = threading.RLock()
        self._open: set[socket.socket] = set()
        self.is_cut = threading.Event()
        threading.Thread(target=self._accept, daemon=True).start()

    def cut_after(self, count: int) -> None:
        """Reset everything once that many bytes more were sent to the server."""
        with self._lock:
            self._left = count

    def mend(self) -> None:
        """Relay again."""
        with self._lock:
            self._left = None
            self.is_cut.clear()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                with self._lock:
                    if self.is_cut.is_set():
                        self._reset(client)
                        continue
                    server = socket.create_connection(self._target)
                    self._open |= {client, server}
                for source, sink, counts in ((client, server, True), (server, client, False)):
                    threading.Thread(target=self._relay, args=(source, sink, counts), daemon=True).start()

    def _relay(self, source: socket.socket, sink: socket.socket, counts: bool) -> None:
        with suppress(OSError):
            while data := source.recv(_BLOCK_BYTES):
                if counts and not self._may_pass(len(data)):
                    return
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)

    def _may_pass(self, count: int) -> bool:
        """Count bytes to the server, and cut where they are too many: once, however many connections there are."""
        with self._lock:
            if self._left is None:
                return not self.is_cut.is_set()
            self._left -= count
            if self._left < 0:
                self._left = None
                self._cut()
            return not self.is_cut.is_set()

    def _cut(self) -> None:
        with self._lock:
            self.is_cut.set()
            for one in self._open:
                self._reset(one)
            self._open.clear()

    @staticmethod
    def _reset(one: socket.socket) -> None:
        with suppress(OSError):
            one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            one.shutdown(socket.SHUT_RDWR)
        one.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()
        self._cut()
