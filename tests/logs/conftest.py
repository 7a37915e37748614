"""Exchanges, as a server tells of them."""

from collections.abc import Callable
from typing import Any

import pytest

from c8ybin.domain.exchanges import Exchange


@pytest.fixture(scope="session")
def exchange() -> Callable[..., Exchange]:
    """Return a maker of exchanges: a GET of the list that was answered, but for what the test says."""

    def make(**members: Any) -> Exchange:
        plain: dict[str, Any] = {
            "request_id": "abc",
            "time_ms": 1795521600123,
            "peer": "192.0.2.1",
            "method": "GET",
            "path": "/event/events",
            "version": "1.1",
            "status": 200,
            "received": 0,
            "sent": 512,
            "is_whole": True,
            "duration_s": 0.0125,
        }
        return Exchange(**plain | members)

    return make
