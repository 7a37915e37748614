"""The description of /event, /event/events and /event/events/{id}."""

from c8ybin.api.description.parts import (
    CONDITIONS,
    VND,
    Object,
    json_answer,
    links,
    problems,
    query_parameter,
    ref,
)
from c8ybin.domain.events import DEPTH, DOCUMENT_BYTES
from c8ybin.domain.queries import FILTERS, PAGES, RELATED
from c8ybin.domain.sizes import format_size


def event_paths() -> Object:
    """Return the path items."""
    body = {
        "required": True,
        "content": {
            "application/json": {"schema": ref("NewEvent")},
            f"{VND}event+json": {"schema": ref("NewEvent")},
        },
    }
    return {
        "/event": {
            "get": {
                "summary": "Where to find what",
                "responses": {"200": json_answer("Links", "eventapi", "The links document.")},
            }
        },
        "/event/events": {
            "get": {
                "summary": "List events",
                "description": "Newest `time` first, ties by ID. A page past the end is empty. `next` stands "
                "while a page was full, `prev` from page 2. A parameter given twice with different values is "
                "refused; an unknown one is passed over. While the index is made anew, a list may be 503.",
                "parameters": [query_parameter(p) for p in (*FILTERS, *PAGES, *RELATED)],
                "responses": {"200": json_answer("EventCollection", "eventcollection", "One page.")}
                | problems(422, 503),
            },
            "post": {
                "summary": "Create an event",
                "description": f"At most {format_size(DOCUMENT_BYTES)} and {DEPTH} levels. What belongs to the "
                "server (`id`, `self`, `creationTime`, `lastUpdated` and the two binary fragments) is passed "
                "over, and so are members that are null. `time` is answered in UTC, cut to milliseconds; of "
                "`source` only `id` is kept.",
                "requestBody": body,
                "responses": {
                    "201": json_answer(
                        "Event",
                        "event",
                        "The event; an empty body where Accept was not sent.",
                        Location="The event.",
                    )
                    | links(
                        {"event_id": "id"},
                        "get_event_events_event_id",
                        "put_event_events_event_id",
                        "delete_event_events_event_id",
                        "get_event_events_event_id_binaries",
                        "post_event_events_event_id_binaries",
                        "put_event_events_event_id_binaries",
                        "delete_event_events_event_id_binaries",
                    )
                }
                | problems(400, 408, 411, 413, 422, 503, 507),
            },
            "delete": {
                "summary": "Delete the events that match",
                "description": "With their attachments, before the answer. Without a filter all events go; a "
                "parameter that is no filter is refused.",
                "parameters": [query_parameter(p) for p in FILTERS],
                "responses": {"204": {"description": "They are gone."}} | problems(412, 422, 503),
            },
        },
        "/event/events/{event_id}": {
            "get": {
                "summary": "Read an event",
                "parameters": CONDITIONS,
                "responses": {
                    "200": json_answer("Event", "event", "The event.", ETag="Changes with its binary too."),
                    "304": {"description": "The client has it already."},
                }
                | problems(404, 412),
            },
            "put": {
                "summary": "Change an event",
                "parameters": CONDITIONS,
                "description": "Merges at top level: `text` and custom fragments; a fragment is replaced whole, "
                "null removes it. `source`, `time` and `type` may be sent again as they are.",
                "requestBody": body
                | {"content": {k: {"schema": ref("EventChange")} for k in body["content"]}},  # type: ignore[attr-defined]
                "responses": {
                    "200": json_answer(
                        "Event", "event", "The event; an empty body where Accept was not sent."
                    )
                }
                | problems(400, 404, 408, 411, 412, 413, 422, 503, 507),
            },
            "delete": {
                "summary": "Delete an event with its binary",
                "parameters": CONDITIONS,
                "responses": {"204": {"description": "It is gone."}} | problems(404, 412, 503),
            },
        },
    }
