"""The description of what is the server's own."""

from collections.abc import Iterable

from c8ybin.api.description.parts import Object, ref
from c8ybin.api.health import KINDS, WARNINGS
from c8ybin.api.overview import DAYS, TYPES


def service_paths() -> Object:
    """Return the path items."""
    overview = {
        "summary": "How much there is",
        "description": "Sums over the events that exist for who asks, as of the moment of the answer. `bytes` are of "
        "attachments and of incomplete uploads, which `uploads` counts. A day, in UTC, is that of an event's "
        f"`time`; there are {DAYS}, the oldest first. Of the types there are at most {TYPES}, those that hold most; "
        "the one whose `type` is null stands for the rest. `disk` is in bytes, of the file system: `reserve` of what "
        "is `free` is kept for deletions.",
        "responses": {
            "200": {
                "description": "The sums.",
                "content": {"application/json": {"schema": ref("Overview")}},
            }
        },
    }
    health = {
        "summary": "Whether the store can take a write",
        "description": "Tried at most once a second. `kind` says in a word for machines what `message` says to people: "
        f"{_listed(KINDS)}. What else is worth knowing is in `warnings`: {_listed(WARNINGS)}.",
        "responses": {
            "200": {"description": "It can.", "content": {"application/json": {"schema": ref("Up")}}},
            "503": {
                "description": "It cannot; the message says why.",
                "content": {"application/json": {"schema": ref("Down")}},
            },
        },
    }
    metrics = {
        "summary": "What the server counts, for Prometheus",
        "description": "Of all its processes since it was started: requests, bytes, durations, fsyncs, commits, "
        "connections, refused logins; and how the store, the disk, the index and the processes stand. In the text "
        "format 0.0.4, or as OpenMetrics where Accept names it. `serve --open-metrics` lifts the role.",
        "responses": {
            "200": {
                "description": "The numbers.",
                "content": {
                    "text/plain": {"schema": {"type": "string"}},
                    "application/openmetrics-text": {"schema": {"type": "string"}},
                },
            }
        },
    }
    return {
        "/c8ybin/overview": {"get": overview},
        "/health": {"get": health},
        "/metrics": {"get": metrics},
        "/openapi.json": {
            "get": {
                "summary": "This description",
                "responses": {
                    "200": {"description": "OpenAPI 3.1", "content": {"application/json": {"schema": {}}}}
                },
            }
        },
    }


def _listed(words: Iterable[str]) -> str:
    return ", ".join(f"`{word}`" for word in words)
