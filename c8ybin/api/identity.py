"""/identity/globalIds/{id}/externalIds, /identity/externalIds/{type}/{externalId}."""

import re
from typing import ClassVar
from urllib.parse import unquote_to_bytes

import falcon

from c8ybin.accounts import EVENT_ADMIN, EVENT_READ
from c8ybin.api.access import Roles
from c8ybin.api.answers import Links, refuse_conditions, say_json
from c8ybin.api.requests import read_document
from c8ybin.api.scope import require_external_id_of, require_object
from c8ybin.domain.errors import ObjectNotFound
from c8ybin.domain.events import Document
from c8ybin.domain.ids import EventId, parse_object_id
from c8ybin.domain.inventory import ExternalId, new_external_id
from c8ybin.store import Store

_KIND = "externalid"
_ADDRESS = re.compile(r"(?:https?://[^/]*)?/identity/externalIds/([^/]+)/(.+)", re.IGNORECASE)


def _named(req: falcon.Request, kind: str, value: str) -> ExternalId:
    """Return the external ID that an address names.

    A slash that is encoded is part of the type or of the ID, also where it is the last character; one that
    is not ends the type, or the address. PATH_INFO no longer tells them apart, so what was sent is read,
    where the server says what that is.
    """
    sent = _ADDRESS.fullmatch(req.env.get("REQUEST_URI", "").partition("?")[0])
    if not sent:
        return ExternalId(kind, value)
    texts = (sent[1], sent[2].removesuffix("/") or sent[2])
    return ExternalId(*(unquote_to_bytes(text.encode("latin-1")).decode(errors="replace") for text in texts))


class _ExternalIds:
    """What both resources share: how an external ID is told."""

    def __init__(self, store: Store, links: Links) -> None:
        self._store = store
        self._links = links

    def _document(self, req: falcon.Request, external_id: ExternalId, object_id: EventId) -> Document:
        return {
            "self": self._links.external_id(req, *external_id),
            "externalId": external_id.value,
            "type": external_id.type,
            "managedObject": {
                "id": str(object_id),
                "self": self._links.managed_object(req, str(object_id)),
            },
        }


class ExternalIdsOfObject(_ExternalIds):
    """/identity/globalIds/{id}/externalIds: list, add."""

    access: ClassVar[Roles] = {"GET": EVENT_READ, "POST": EVENT_ADMIN}

    def on_get(self, req: falcon.Request, resp: falcon.Response, object_id: str) -> None:
        """Answer all external IDs of a managed object."""
        number = parse_object_id(object_id)
        require_object(req, number)
        found = [self._document(req, each, number) for each in self._store.identities.of(number)]
        own = f"{self._links.base(req)}/identity/globalIds/{number}/externalIds"
        say_json(req, resp, {"self": own, "externalIds": found}, "externalidcollection")

    on_head = on_get

    def on_post(self, req: falcon.Request, resp: falcon.Response, object_id: str) -> None:
        """Add an external ID, which must be free; always with a body, for the answer tells where it is."""
        number = parse_object_id(object_id)
        require_object(req, number)
        if not self._store.inventory.exists(number):
            raise ObjectNotFound
        external_id = new_external_id(read_document(req, "An external ID"))
        self._store.identities.add(external_id, number)
        resp.status = falcon.HTTP_201
        resp.set_header("Location", self._links.external_id(req, *external_id))
        say_json(req, resp, self._document(req, external_id, number), _KIND)


class ExternalIdItem(_ExternalIds):
    """/identity/externalIds/{type}/{externalId}: read, remove."""

    access: ClassVar[Roles] = {"GET": EVENT_READ, "DELETE": EVENT_ADMIN}

    def _find(self, req: falcon.Request, wanted: ExternalId) -> EventId:
        """Return the managed object that an external ID names, if both exist for who asks."""
        object_id = self._store.identities.find(wanted)
        require_external_id_of(req, object_id)
        return object_id

    def on_get(self, req: falcon.Request, resp: falcon.Response, type: str, external_id: str) -> None:  # noqa: A002
        """Answer the external ID with the managed object that it names."""
        wanted = _named(req, type, external_id)
        say_json(req, resp, self._document(req, wanted, self._find(req, wanted)), _KIND)

    on_head = on_get

    def on_delete(self, req: falcon.Request, resp: falcon.Response, type: str, external_id: str) -> None:  # noqa: A002
        """Remove the external ID; the managed object stays."""
        refuse_conditions(req)
        wanted = _named(req, type, external_id)
        self._find(req, wanted)
        self._store.identities.remove(wanted)
        resp.status = falcon.HTTP_204
