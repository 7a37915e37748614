"""How much the sources of an account may hold.

What they do hold is asked of the index, which is right after a kill, a deletion by others and a
restore, for it is made of the events themselves. Requests at the same time do not see each other,
so together they may exceed a quota by what they bring.
"""

from dataclasses import replace

import falcon

from c8ybin.accounts import User
from c8ybin.api.access import user_of
from c8ybin.api.problems import BytesQuota, EventsQuota
from c8ybin.domain.ids import EventId
from c8ybin.domain.queries import Query
from c8ybin.domain.ranges import ContentRange
from c8ybin.store import Store, Usage


def _usage(store: Store, user: User) -> Usage:
    return store.listing.usage(replace(Query(), sources=user.sources))


def require_event_quota(req: falcon.Request, store: Store) -> None:
    """Refuse an event beyond those that the account may have.

    Raises:
        EventsQuota: They are reached.
    """
    user = user_of(req)
    if user.max_events is not None and _usage(store, user).events >= user.max_events:
        raise EventsQuota(user.max_events)


def require_bytes_quota(
    req: falcon.Request,
    store: Store,
    event_id: EventId,
    where: ContentRange | None,
    length: int,
    *,
    replaces: bool,
) -> None:
    """Refuse an upload that would hold more bytes than the account may have.

    Args:
        req: The request.
        store: The store.
        event_id: The event that it is for.
        where: The place of a chunk; None for a whole file.
        length: How many bytes it brings.
        replaces: Whether it takes the place of a binary that stands.

    Raises:
        BytesQuota: It would.
        EventNotFound: There is no such event.
    """
    user = user_of(req)
    if user.quota is None:
        return
    event = store.events.read(event_id)
    binary, upload = event.binary, event.upload
    if where and binary and (binary.completed_by or {}).get("range") == str(where):
        return  # the completing chunk, which comes again because its answer was lost
    if where:
        going = sum(span.length for span in upload.spans.within(where.span)) if upload else 0
    else:
        going = (binary.length if binary and replaces else 0) + (upload.spans.count if upload else 0)
    more = length - going
    if more > 0 and _usage(store, user).held + more > user.quota:
        raise BytesQuota(user.quota)
