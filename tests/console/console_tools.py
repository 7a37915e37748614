"""Events and files that the tests of the console look at."""

import json
import time
from typing import Any

from harness import Connection, binaries

from c8ybin.domain.times import format_time
from c8ybin.seeds.pictures import png


def event(api: Connection, text: str, **members: Any) -> str:
    """Create an event, now and of source `console` unless told otherwise; return its ID."""
    now = format_time(time.time_ns() // 1_000_000)
    document = {"source": {"id": "console"}, "type": "test_Event", "time": now, "text": text} | members
    answer, body = api.ask("POST", "/event/events", json.dumps(document), Accept="application/json")
    assert answer.status == 201, body
    return str(json.loads(body)["id"])


def attached(api: Connection, name: str, media_type: str, data: bytes, text: str = "with a file") -> str:
    """Create an event with an attachment; return its ID."""
    event_id = event(api, text)
    disposition = f'attachment; filename="{name}"'
    fields = {"Content_Type": media_type, "Content_Disposition": disposition}
    answer, body = api.ask("POST", binaries(event_id), data, **fields)
    assert answer.status == 201, body
    return event_id


def picture() -> bytes:
    """A small image that is valid."""
    return png(40, 20, bytes([200, 80, 40]), [bytes(40)] * 20)


def document(api: Connection, event_id: str) -> dict[str, Any]:
    """Return an event as it is now."""
    answer, body = api.ask("GET", f"/event/events/{event_id}", Accept="application/json")
    assert answer.status == 200
    return dict(json.loads(body))
