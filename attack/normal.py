"""A normal client: it creates events, attaches 1 KiB and reads, and notes how long it waits for each answer."""

import base64
import http.client
import json
import threading
import time
from contextlib import closing
from dataclasses import dataclass, field

from attack.serving import USER, Served

_EVENT = {"source": {"id": "1001"}, "type": "test_Event", "time": "2026-11-24T12:00:00.000Z", "text": "x"}
_KIB = b"\xa5" * 1024
_PAUSE_S = 0.02
_TIMEOUT_S = 30


@dataclass
class Waits:
    """Seconds that were waited for answers, and what was no answer of success."""

    seconds: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def ms(self, share: float) -> float:
        """Return what was waited at most, in this share of the requests, in milliseconds."""
        waits = sorted(self.seconds)
        return 1000 * waits[min(len(waits) - 1, int(share * len(waits)))] if waits else float("inf")

    def figures(self) -> dict[str, float | int | list[str]]:
        """Return what is told of them."""
        return {
            "requests": len(self.seconds),
            "errors": len(self.errors),
            "first_errors": self.errors[:3],
            "p50_ms": round(self.ms(0.5), 1),
            "p99_ms": round(self.ms(0.99), 1),
        }


class NormalClient:
    """Works in a thread, from an address of loopback, on one connection or on a new one for each request."""

    def __init__(self, server: Served, address: str, *, keeps: bool) -> None:
        self.waits = Waits()
        self._server, self._address, self._keeps = server, address, keeps
        pair = base64.b64encode(f"{USER}:{server.password}".encode()).decode()
        self._headers = {"Authorization": f"Basic {pair}", "Accept": "application/json"}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work)

    def __enter__(self) -> "NormalClient":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def pause(self) -> None:
        """Wait as long as it does between what it asks."""
        time.sleep(_PAUSE_S)

    def _work(self) -> None:
        while not self._stop.is_set():
            with closing(self._connection()) as connection:
                while not self._stop.wait(_PAUSE_S):
                    try:
                        self._cycle(connection)
                    except (OSError, http.client.HTTPException, ValueError) as error:
                        self.waits.errors.append(repr(error))
                        break

    def _connection(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection(
            "127.0.0.1", self._server.port, timeout=_TIMEOUT_S, source_address=(self._address, 0)
        )

    def _cycle(self, connection: http.client.HTTPConnection) -> None:
        made = self._ask(connection, "POST", "/event/events", json.dumps(_EVENT).encode(), 201)
        path = f"/event/events/{json.loads(made)['id']}"
        self._ask(connection, "POST", f"{path}/binaries", _KIB, 201)
        self._ask(connection, "GET", path, None, 200)

    def _ask(
        self, connection: http.client.HTTPConnection, method: str, path: str, body: bytes | None, wanted: int
    ) -> bytes:
        begun = time.monotonic()  # with what it takes to connect, where it does
        connection.request(method, path, body, self._headers)
        answer = connection.getresponse()
        data = answer.read()
        self.waits.seconds.append(time.monotonic() - begun)
        if not self._keeps:
            connection.close()  # the next request opens another
        if answer.status != wanted:
            raise ValueError(f"{method} is {answer.status}")
        return data
