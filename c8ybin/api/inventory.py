"""/inventory/managedObjects, /inventory/managedObjects/{id}: as small as clients of events need it."""

from typing import ClassVar

import falcon

from c8ybin.accounts import EVENT_ADMIN, EVENT_READ
from c8ybin.api.access import Roles, user_of
from c8ybin.api.answers import Links, page_document, refuse_conditions, say_json, set_kind
from c8ybin.api.notes import note
from c8ybin.api.requests import read_document
from c8ybin.api.scope import own_objects, require_all_objects, require_object
from c8ybin.domain.errors import ObjectNotFound
from c8ybin.domain.events import Document
from c8ybin.domain.ids import parse_object_id
from c8ybin.domain.inventory import new_object, parse_object_list
from c8ybin.domain.queries import parse_query
from c8ybin.domain.times import format_time
from c8ybin.store import Store, StoredObject

_KIND = "managedobject"
_WHAT = "A managed object"


class _Objects:
    """What both resources share: how a managed object is told."""

    def __init__(self, store: Store, links: Links) -> None:
        self._store = store
        self._links = links

    def _document(self, req: falcon.Request, thing: StoredObject) -> Document:
        head = {
            "id": str(thing.id),
            "self": self._links.managed_object(req, str(thing.id)),
            "creationTime": format_time(thing.created),
            "lastUpdated": format_time(thing.updated),
        }
        return {**head, **thing.document}

    def _say_changed(self, req: falcon.Request, resp: falcon.Response, thing: StoredObject) -> None:
        """Answer a change: with the object only if the client sent Accept (OAS)."""
        if req.get_header("Accept"):
            say_json(req, resp, self._document(req, thing), _KIND)
        else:
            set_kind(req, resp, _KIND)


class ObjectCollection(_Objects):
    """/inventory/managedObjects: list, create."""

    access: ClassVar[Roles] = {"GET": EVENT_READ, "POST": EVENT_ADMIN}

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Answer one page of the managed objects that match."""
        pairs = parse_query(req.query_string)
        query, paging = parse_object_list(pairs)
        page = self._store.inventory.find(own_objects(req, query), paging)
        document = page_document(
            f"{self._links.base(req)}/inventory/managedObjects",
            pairs,
            paging,
            managedObjects=[self._document(req, thing) for thing in page.objects],
            is_full=page.is_full,
            total=page.total,
        )
        say_json(req, resp, document, "managedobjectcollection")

    on_head = on_get

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Create a managed object."""
        require_all_objects(req)
        thing = self._store.inventory.create(new_object(read_document(req, _WHAT)), user_of(req).name)
        resp.status = falcon.HTTP_201
        note(req.env, object=str(thing.id))
        resp.set_header("Location", self._links.managed_object(req, str(thing.id)))
        self._say_changed(req, resp, thing)


class ObjectItem(_Objects):
    """/inventory/managedObjects/{id}: read, change, delete."""

    access: ClassVar[Roles] = {"GET": EVENT_READ, "PUT": EVENT_ADMIN, "DELETE": EVENT_ADMIN}

    def on_get(self, req: falcon.Request, resp: falcon.Response, object_id: str) -> None:
        """Answer the managed object."""
        number = parse_object_id(object_id)
        require_object(req, number)
        thing = self._store.inventory.read(number)
        say_json(req, resp, self._document(req, thing), _KIND)

    on_head = on_get

    def on_put(self, req: falcon.Request, resp: falcon.Response, object_id: str) -> None:
        """Merge a change into the managed object."""
        number = parse_object_id(object_id)
        require_object(req, number)
        if not self._store.inventory.exists(number):
            raise ObjectNotFound
        refuse_conditions(req)
        self._say_changed(req, resp, self._store.inventory.update(number, read_document(req, _WHAT)))

    def on_delete(self, req: falcon.Request, resp: falcon.Response, object_id: str) -> None:
        """Delete the managed object with its external IDs; events of that source stay."""
        number = parse_object_id(object_id)
        require_object(req, number)
        refuse_conditions(req)
        self._store.inventory.delete(number)
        resp.status = falcon.HTTP_204
