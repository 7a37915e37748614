"""A line of JSON for each request that changes something, or tries to, and for each that was refused.

    {"time": "2026-11-24T12:00:00.000Z", "request": "4f1c…", "user": "ann", "address": "192.0.2.1",
     "method": "POST", "path": "/event/events/12/binaries", "resource": "/event/events/{event_id}/binaries",
     "event": "12", "name": "agent.log", "status": 201, "outcome": "done",
     "received": 5, "sent": 170, "milliseconds": 3.1}

Refused is any status from 400: a 404 is how an account with sources is refused what is another's. What is not
known, or of no meaning, is left out.
"""

import json
import time
from typing import Any

from c8ybin.domain.exchanges import Exchange
from c8ybin.domain.times import format_time
from c8ybin.logs.lines import LINE_BYTES
from c8ybin.logs.texts import shown_path

_HARMLESS = ("GET", "HEAD", "OPTIONS")
_METHOD_CHARACTERS = 32
_USER_CHARACTERS = 64
_NAME_CHARACTERS = 255


def is_told(exchange: Exchange) -> bool:
    """Tell whether an exchange belongs into this log."""
    return exchange.status >= 400 or exchange.method not in _HARMLESS


def audit_line(exchange: Exchange) -> str:
    """Write the line, without its end."""
    notes = exchange.notes
    members = {
        "time": format_time(exchange.time_ms),
        "request": exchange.request_id,
        "user": _cut(notes.get("user"), _USER_CHARACTERS),
        "address": notes.get("address") or exchange.peer,
        "method": _cut(notes.get("method") or exchange.method, _METHOD_CHARACTERS),
        "path": shown_path(exchange),
        "resource": notes.get("resource"),
        "event": notes.get("event"),
        "object": notes.get("object"),
        "name": _cut(notes.get("name"), _NAME_CHARACTERS),
        "deleted": notes.get("deleted"),
        "status": exchange.status,
        "outcome": _outcome(exchange.status),
        "brokenOff": None if exchange.is_whole else True,
        "received": exchange.received,
        "sent": exchange.sent,
        "milliseconds": round(exchange.duration_s * 1000, 3),
    }
    line = _written(members)
    # Names and paths of many escapes may be long; the rest is short.
    return line if len(line) < LINE_BYTES else _written(members | {"path": None, "name": None})


def audit_gap(lost: int) -> str:
    """Write the line that says that lines are missing."""
    return _written({"time": format_time(time.time_ns() // 1_000_000), "lost": lost})


def _outcome(status: int) -> str:
    return "failed" if status >= 500 else "refused" if status >= 400 else "done"


def _cut(text: str | None, most: int) -> str | None:
    return text and text[:most]


def _written(members: dict[str, Any]) -> str:
    # In ASCII: no terminal that shows it obeys what is in a name.
    return json.dumps({name: value for name, value in members.items() if value is not None})
