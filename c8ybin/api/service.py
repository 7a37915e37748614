"""The server's own resources: /health, /openapi.json."""

from typing import Any, ClassVar

import falcon

from c8ybin.api.access import Roles
from c8ybin.api.problems import RETRY_AFTER_S, body, trouble
from c8ybin.domain.events import serialize
from c8ybin.store import Store


class Health:
    """/health: whether the store can take a write."""

    access: ClassVar[Roles] = {"GET": None}

    def __init__(self, store: Store) -> None:
        self._store = store

    def on_get(self, _: falcon.Request, resp: falcon.Response) -> None:
        """Answer UP, or 503 with the reason."""
        resp.content_type = "application/json"
        resp.set_header("Cache-Control", "no-store")
        error = self._store.trouble()
        if error is None:
            resp.data = b'{"status":"UP"}'
            return
        _status, code, message = trouble(error)
        resp.status = falcon.HTTP_503
        resp.set_header("Retry-After", str(RETRY_AFTER_S))
        resp.data = body(code, message, status="DOWN")

    on_head = on_get


class Description:
    """/openapi.json: the description of all this."""

    access: ClassVar[Roles] = {"GET": None}

    def __init__(self, description: dict[str, Any]) -> None:
        self._data = serialize(description)

    def on_get(self, _: falcon.Request, resp: falcon.Response) -> None:
        """Answer the OpenAPI document."""
        resp.data = self._data
        resp.content_type = "application/json"

    on_head = on_get
