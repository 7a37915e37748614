"""What exists for an account with sources: their events, and the managed objects that they are.

Anything else is to it as if it did not exist, and it creates nothing outside. An event's source
never changes, so it is looked at before, and not together with, what a request then does.
"""

import logging
from dataclasses import replace

import falcon

from c8ybin.api.access import user_of
from c8ybin.api.problems import OutOfScope
from c8ybin.domain.errors import Damaged, EventNotFound, ExternalIdNotFound, ObjectNotFound
from c8ybin.domain.ids import EventId, is_id
from c8ybin.domain.inventory import ObjectQuery
from c8ybin.domain.queries import Query
from c8ybin.store import Store

log = logging.getLogger(__name__)


def require_event(req: falcon.Request, store: Store, event_id: EventId) -> None:
    """Refuse an event of another source.

    Raises:
        EventNotFound: It is one, or there is no such event.
    """
    sources = user_of(req).sources
    if sources is None:
        return
    try:
        is_own = store.events.source(event_id) in sources
    except Damaged as error:
        # Nobody can tell whose it is, and it may be another's.
        log.error("hidden from an account with sources: event %s: %s", event_id, error.what)
        raise EventNotFound from None
    if not is_own:
        raise EventNotFound


def require_source(req: falcon.Request, source: str) -> None:
    """Refuse to create an event of another source.

    Raises:
        OutOfScope: It is one.
    """
    sources = user_of(req).sources
    if sources is not None and source not in sources:
        raise OutOfScope(
            "This account creates events of its own sources only; ask the operator for another one."
        )


def own_events(req: falcon.Request, query: Query) -> Query:
    """Return a query for those of the events that exist for who asks."""
    sources = user_of(req).sources
    return query if sources is None else replace(query, sources=sources)


def require_object(req: falcon.Request, object_id: EventId) -> None:
    """Refuse a managed object that is none of the sources.

    Raises:
        ObjectNotFound: It is none.
    """
    if not _has_object(req, object_id):
        raise ObjectNotFound


def _has_object(req: falcon.Request, object_id: EventId) -> bool:
    sources = user_of(req).sources
    return sources is None or str(object_id) in sources


def require_all_objects(req: falcon.Request) -> None:
    """Refuse to create a managed object, which would be none of the sources.

    Raises:
        OutOfScope: The account has sources.
    """
    if user_of(req).sources is not None:
        raise OutOfScope(
            "This account cannot create managed objects; ask the operator for one and for its source."
        )


def own_objects(req: falcon.Request, query: ObjectQuery) -> ObjectQuery:
    """Return a query for those of the managed objects that exist for who asks."""
    sources = user_of(req).sources
    if sources is None:
        return query
    return replace(query, own=frozenset(EventId(int(source)) for source in sources if is_id(source)))


def require_external_id_of(req: falcon.Request, object_id: EventId) -> None:
    """Refuse an external ID of another managed object.

    Raises:
        ExternalIdNotFound: It is one.
    """
    if not _has_object(req, object_id):
        raise ExternalIdNotFound
