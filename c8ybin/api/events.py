"""/event, /event/events, /event/events/{id}."""

from contextlib import suppress
from typing import Any, ClassVar

import falcon

from c8ybin.accounts import EVENT_ADMIN, EVENT_READ
from c8ybin.api.access import Roles, user_of
from c8ybin.api.answers import (
    Links,
    page_document,
    precondition,
    refuse_conditions,
    say_json,
    set_kind,
    set_validators,
)
from c8ybin.api.notes import note
from c8ybin.api.quota import require_event_quota
from c8ybin.api.requests import read_document
from c8ybin.api.scope import own_events, require_event, require_source
from c8ybin.domain.conditions import Precondition
from c8ybin.domain.errors import EventNotFound
from c8ybin.domain.events import Document, new_event
from c8ybin.domain.ids import parse_event_id
from c8ybin.domain.queries import parse_filters, parse_list, parse_query
from c8ybin.domain.times import format_time
from c8ybin.store import Store, StoredEvent

# The templates of the links document, each a subset of the filters (OAS, eventsApiResource).
_TEMPLATES = {
    "eventsForSource": ("source",),
    "eventsForSourceAndType": ("source", "type"),
    "eventsForSourceAndTime": ("source", "dateFrom", "dateTo"),
    "eventsForSourceAndTimeAndType": ("source", "dateFrom", "dateTo", "type"),
    "eventsForSourceAndFragmentType": ("source", "fragmentType"),
    "eventsForSourceAndFragmentTypeAndType": ("source", "fragmentType", "type"),
    "eventsForSourceAndDateAndFragmentType": ("source", "dateFrom", "dateTo", "fragmentType"),
    "eventsForSourceAndDateAndFragmentTypeAndType": ("source", "dateFrom", "dateTo", "fragmentType", "type"),
    "eventsForType": ("type",),
    "eventsForTime": ("dateFrom", "dateTo"),
    "eventsForTimeAndType": ("dateFrom", "dateTo", "type"),
    "eventsForFragmentType": ("fragmentType",),
    "eventsForFragmentTypeAndType": ("fragmentType", "type"),
    "eventsForDateAndFragmentType": ("dateFrom", "dateTo", "fragmentType"),
    "eventsForDateAndFragmentTypeAndType": ("dateFrom", "dateTo", "fragmentType", "type"),
}


class EventDocuments:
    """Writes events as clients read them."""

    def __init__(self, links: Links) -> None:
        self._links = links

    def document(self, req: falcon.Request, event: StoredEvent) -> Document:
        """Return an event's document, with what belongs to the server."""
        own = event.file.document
        source_id = own["source"]["id"]
        source_self = self._links.managed_object(req, source_id)
        head: dict[str, Any] = {
            "id": str(event.id),
            "self": self._links.event(req, event.id),
            "creationTime": format_time(event.file.created),
            "lastUpdated": format_time(event.updated),
        }
        return {**head, **own, "source": {"id": source_id, "self": source_self}, **event.fragments}

    def say(self, req: falcon.Request, resp: falcon.Response, event: StoredEvent) -> None:
        """Answer with an event."""
        say_json(req, resp, self.document(req, event), "event")
        set_validators(resp, event.validators)

    def say_changed(self, req: falcon.Request, resp: falcon.Response, event: StoredEvent) -> None:
        """Answer a change: with the event only if the client sent Accept (OAS)."""
        if req.get_header("Accept"):
            self.say(req, resp, event)
        else:
            set_validators(resp, event.validators)
            set_kind(req, resp, "event")


class EventApi:
    """/event: where to find what."""

    access: ClassVar[Roles] = {"GET": EVENT_READ}

    def __init__(self, links: Links) -> None:
        self._links = links

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Answer the links document."""
        base = f"{self._links.base(req)}/event"
        collection = f"{base}/events"
        templates = {
            name: f"{collection}?{'&'.join(f'{parameter}={{{parameter}}}' for parameter in parameters)}"
            for name, parameters in _TEMPLATES.items()
        }
        document = {"self": base, "events": {"self": collection, "events": []}, **templates}
        say_json(req, resp, document, "eventapi")

    on_head = on_get


class EventCollection:
    """/event/events: list, create, delete by filter."""

    access: ClassVar[Roles] = {"GET": EVENT_READ, "POST": EVENT_ADMIN, "DELETE": EVENT_ADMIN}

    def __init__(self, store: Store, links: Links) -> None:
        self._store = store
        self._links = links
        self._documents = EventDocuments(links)

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Answer one page of the events that match."""
        pairs = parse_query(req.query_string)
        query, paging = parse_list(pairs)
        page = self._store.listing.find(own_events(req, query), paging)
        document = page_document(
            f"{self._links.base(req)}/event/events",
            pairs,
            paging,
            events=[self._documents.document(req, event) for event in page.events],
            is_full=page.is_full,
            total=page.total,
        )
        say_json(req, resp, document, "eventcollection")

    on_head = on_get

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Create an event."""
        document = new_event(read_document(req, "An event"))
        require_source(req, document["source"]["id"])
        require_event_quota(req, self._store)
        event = self._store.events.create(document, user_of(req).name)
        note(req.env, event=str(event.id))
        resp.status = falcon.HTTP_201
        resp.set_header("Location", self._links.event(req, event.id))
        self._documents.say_changed(req, resp, event)

    def on_delete(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Delete the events that match, with their attachments, before the answer."""
        query = parse_filters(parse_query(req.query_string))
        refuse_conditions(req)
        deleted = 0
        for event_id in list(self._store.listing.ids(own_events(req, query))):
            with suppress(EventNotFound):  # somebody else deleted it meanwhile
                self._store.events.delete(event_id, Precondition())
                deleted += 1
                note(req.env, deleted=deleted)
        resp.status = falcon.HTTP_204


class EventItem:
    """/event/events/{id}: read, change, delete."""

    access: ClassVar[Roles] = {"GET": EVENT_READ, "PUT": EVENT_ADMIN, "DELETE": EVENT_ADMIN}

    def __init__(self, store: Store, links: Links) -> None:
        self._store = store
        self._documents = EventDocuments(links)

    def on_get(self, req: falcon.Request, resp: falcon.Response, event_id: str) -> None:
        """Answer the event, or that the client has it already."""
        number = parse_event_id(event_id)
        require_event(req, self._store, number)
        event = self._store.events.read(number)
        if precondition(req).is_not_modified(event.validators):
            resp.status = falcon.HTTP_304
            set_validators(resp, event.validators)
            resp.append_header("Vary", "Accept")
            return
        self._documents.say(req, resp, event)

    on_head = on_get

    def on_put(self, req: falcon.Request, resp: falcon.Response, event_id: str) -> None:
        """Merge a change into the event."""
        number = parse_event_id(event_id)
        if not self._store.events.exists(number):
            raise EventNotFound
        require_event(req, self._store, number)
        event = self._store.events.update(number, read_document(req, "An event"), precondition(req))
        self._documents.say_changed(req, resp, event)

    def on_delete(self, req: falcon.Request, resp: falcon.Response, event_id: str) -> None:
        """Delete the event with its binary."""
        number = parse_event_id(event_id)
        require_event(req, self._store, number)
        self._store.events.delete(number, precondition(req))
        resp.status = falcon.HTTP_204
