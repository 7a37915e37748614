"""/c8ybin/overview: how much there is, for whoever looks at it."""

from typing import Any, ClassVar

import falcon

from c8ybin.accounts import EVENT_READ
from c8ybin.api.access import Roles
from c8ybin.api.policies import set_no_store
from c8ybin.api.scope import own_events
from c8ybin.domain.events import serialize
from c8ybin.domain.queries import Query
from c8ybin.domain.times import format_time
from c8ybin.store import DAY_MS, Overview, Store

DAYS = 30
TYPES = 10

Counts = tuple[int, int]


class OverviewItem:
    """/c8ybin/overview: sums over the events that exist for who asks, and the room on the disk."""

    access: ClassVar[Roles] = {"GET": EVENT_READ}

    def __init__(self, store: Store) -> None:
        self._store = store

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Answer the sums."""
        found = self._store.listing.overview(own_events(req, Query()))
        room = self._store.room()
        document = {
            "events": found.events,
            "attachments": found.attachments,
            "bytes": found.held,
            "days": _days(found, self._store.clock.now_ms() // DAY_MS),
            "types": _types(found),
            "uploads": {"incomplete": found.incomplete},
            "disk": {"free": room.free, "total": room.total, "reserve": room.reserve},
        }
        resp.data = serialize(document)
        resp.content_type = "application/json"
        set_no_store(resp)

    on_head = on_get


def _days(found: Overview, today: int) -> list[dict[str, Any]]:
    return [
        {"day": format_time(day * DAY_MS)[:10], "events": found.days[day]}
        for day in range(today - DAYS + 1, today + 1)
    ]


def _types(found: Overview) -> list[dict[str, Any]]:
    """Return the types that hold most, and the rest, if there is one, without a name."""
    named = [(name, counts) for name, counts in found.types.items() if name is not None]
    named.sort(key=lambda item: (-item[1][1], -item[1][0], item[0]))
    shown: list[tuple[str | None, Counts]] = [*named[:TYPES]]
    rest = [counts for _, counts in named[TYPES:]]
    if None in found.types:
        rest.append(found.types[None])
    if rest:
        shown.append((None, (sum(events for events, _ in rest), sum(held for _, held in rest))))
    return [{"type": name, "events": events, "bytes": held} for name, (events, held) in shown]
