"""/openapi.json."""

from typing import Any, ClassVar

import falcon

from c8ybin.api.access import Roles
from c8ybin.domain.events import serialize


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
