"""What the logs of requests learn from the application: who, which event, what it is called."""

from collections.abc import Mapping
from typing import Any

import falcon

from c8ybin.domain.ids import is_id


def note(env: Mapping[str, Any], **facts: object) -> None:
    """Tell the server's logs something of a request, where there are any."""
    notes = env.get("c8ybin.notes")
    if notes is not None:
        notes.update(facts)


def route_of(req: falcon.Request) -> str:
    """Return the template of a request's address."""
    template: str = req.uri_template or ""
    return template.replace(":path", "") if ":" in template else template


def note_target(req: falcon.Request, params: Mapping[str, Any]) -> None:
    """Tell what a request is for."""
    notes = req.env.get("c8ybin.notes")
    if notes is None:
        return
    notes["resource"] = route_of(req)
    notes["method"] = req.method
    for parameter, fact in (("event_id", "event"), ("object_id", "object")):
        if is_id(text := params.get(parameter, "")):
            notes[fact] = text
