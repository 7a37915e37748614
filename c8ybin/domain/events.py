"""Event documents: what a client may send, what is kept of it, and how a change merges.

Source: Cumulocity OpenAPI 10.15, section Events.
"""

import json
from collections.abc import Mapping
from typing import Any, NoReturn

from c8ybin.domain.errors import Invalid, Unreadable
from c8ybin.domain.times import format_time, parse_time

DOCUMENT_BYTES = 1024 * 1024
DEPTH = 64
SOURCE_CHARACTERS = 255

IS_BINARY = "c8y_IsBinary"
IS_INCOMPLETE = "c8y_IsIncompleteBinary"
# Clients send back what they read, so these are passed over rather than refused.
SERVER_OWNED = frozenset({"id", "self", "creationTime", "lastUpdated", IS_BINARY, IS_INCOMPLETE})
MANDATORY = ("source", "type", "time", "text")

Document = dict[str, Any]

_ENCODER = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def _refuse_constant(_: str) -> NoReturn:
    raise Invalid("A number is not finite; JSON has no NaN or Infinity.")


def _integer(text: str) -> int:
    if len(text) > 400:  # far beyond a double, and before Python's own limit of digits
        raise Invalid("A number is too large.")
    return int(text)


def parse_document(data: bytes) -> Document:
    """Read a JSON object from a request's body.

    Raises:
        Unreadable: Not UTF-8 or not JSON.
        Invalid: Not an object, nested deeper than 64 levels, a number that is not
            finite, or a lone surrogate.
    """
    try:
        document = json.loads(data.decode(), parse_constant=_refuse_constant, parse_int=_integer)
    except RecursionError:
        raise Invalid(f"The document is nested deeper than {DEPTH} levels.") from None
    except ValueError:
        raise Unreadable("The body is not JSON in UTF-8.") from None
    if not isinstance(document, dict):
        raise Invalid("The body must be a JSON object.")
    _check_depth(document)
    serialize(document)
    return document


def _check_depth(document: Document) -> None:
    level: list[Any] = [document]
    for _ in range(DEPTH):
        level = [
            child
            for parent in level
            for child in (parent.values() if isinstance(parent, dict) else parent)
            if isinstance(child, dict | list)
        ]
        if not level:
            return
    raise Invalid(f"The document is nested deeper than {DEPTH} levels.")


def serialize(document: Mapping[str, Any]) -> bytes:
    """Write a document as compact JSON in UTF-8.

    Raises:
        Invalid: It holds a lone surrogate or a number that is not finite.
    """
    try:
        return _ENCODER.encode(document).encode()
    except UnicodeEncodeError:
        raise Invalid("A string holds half of a surrogate pair, which no text does.") from None
    except ValueError:
        raise Invalid("A number is not finite; it is too large for a double.") from None


def _source_id(document: Document) -> object:
    source = document.get("source")
    return source.get("id") if isinstance(source, dict) else None


def _time(value: object) -> str:
    try:
        return format_time(parse_time(value if isinstance(value, str) else ""))
    except ValueError:
        raise Invalid("time cannot be read; write it as ISO 8601, like 2026-11-24T12:00:00.000Z.") from None


def _check_text(value: object) -> None:
    if not isinstance(value, str):
        raise Invalid("text must be a string.")


def new_event(document: Document) -> Document:
    """Return what is kept of a posted event.

    Members that are null count as absent, as they do in a change. Of `source` only
    `id` is kept; `time` is written in UTC, cut to milliseconds.

    Raises:
        Invalid: A mandatory member is missing or not acceptable.
    """
    event = {k: v for k, v in document.items() if k not in SERVER_OWNED and v is not None}
    missing = [name for name in MANDATORY if name not in event]
    source_id = _source_id(event)
    if "source" in event and source_id is None:
        missing.insert(0, "source.id")
    if missing:
        raise Invalid(f"Following mandatory fields should be included: {','.join(missing)}")
    if not isinstance(source_id, str) or not 0 < len(source_id) <= SOURCE_CHARACTERS:
        raise Invalid(f"source.id must be a string of 1 to {SOURCE_CHARACTERS} characters.")
    if not isinstance(event["type"], str):
        raise Invalid("type must be a string.")
    _check_text(event["text"])
    return event | {"source": {"id": source_id}, "time": _time(event["time"])}


def merge_event(event: Document, change: Document) -> Document:
    """Return an event with a change merged in at top level.

    `text` and custom fragments may change: a fragment is replaced whole, null removes
    it. `source`, `time` and `type` may be sent again as they are.

    Raises:
        Invalid: The change touches what may not change, or removes `text`.
    """
    change = {k: v for k, v in change.items() if k not in SERVER_OWNED}
    if "type" in change and change["type"] != event["type"]:
        raise Invalid("type cannot be changed; leave it out or send it as it is.")
    if "source" in change and _source_id(change) != event["source"]["id"]:
        raise Invalid("source cannot be changed; leave it out or send it as it is.")
    if "time" in change and _time(change["time"]) != event["time"]:
        raise Invalid("time cannot be changed; leave it out or send it as it is.")
    if "text" in change:
        _check_text(change["text"])
    kept = {k: v for k, v in change.items() if k not in ("type", "source", "time")}
    return {k: v for k, v in (event | kept).items() if v is not None}
