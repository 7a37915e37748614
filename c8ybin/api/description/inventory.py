"""The description of managed objects and their external IDs."""

from c8ybin.api.description.parts import (
    CONDITIONS,
    VND,
    Object,
    json_answer,
    links,
    problems,
    query_parameter,
    ref,
)
from c8ybin.domain.inventory import ID_CHARACTERS, OBJECT_FILTERS, OBJECT_PAGES


def _body(schema: str, kind: str) -> Object:
    content = {media: {"schema": ref(schema)} for media in ("application/json", f"{VND}{kind}+json")}
    return {"required": True, "content": content}


def inventory_paths() -> Object:
    """Return the path items of managed objects."""
    body = _body("NewManagedObject", "managedobject")
    changed = "The managed object; an empty body where Accept was not sent."
    return {
        "/inventory/managedObjects": {
            "get": {
                "summary": "List managed objects",
                "description": "By ID, which is the order of creation. Pages are those of events. An unknown "
                "parameter is passed over; objects have no children here.",
                "parameters": [query_parameter(p) for p in (*OBJECT_FILTERS, *OBJECT_PAGES)],
                "responses": {
                    "200": json_answer("ManagedObjectCollection", "managedobjectcollection", "One page.")
                }
                | problems(422),
            },
            "post": {
                "summary": "Create a managed object",
                "description": "Any members, with the limits of an event. `owner` is the account unless the "
                "body names one; what else belongs to the server, children and parents are passed over, and so "
                "are members that are null. An event's source need not be one.",
                "requestBody": body,
                "responses": {
                    "201": json_answer("ManagedObject", "managedobject", changed, Location="The object.")
                    | links(
                        {"object_id": "id"},
                        "get_inventory_managedObjects_object_id",
                        "put_inventory_managedObjects_object_id",
                        "delete_inventory_managedObjects_object_id",
                        "get_identity_globalIds_object_id_externalIds",
                        "post_identity_globalIds_object_id_externalIds",
                    )
                }
                | problems(400, 408, 411, 413, 422, 503, 507),
            },
        },
        "/inventory/managedObjects/{object_id}": {
            "get": {
                "summary": "Read a managed object",
                "responses": {"200": json_answer("ManagedObject", "managedobject", "The managed object.")}
                | problems(404),
            },
            "put": {
                "summary": "Change a managed object",
                "description": "Merges at top level: a member is replaced whole, null removes it. There are no "
                "entity tags here, so a condition is refused.",
                "parameters": CONDITIONS,
                "requestBody": body,
                "responses": {"200": json_answer("ManagedObject", "managedobject", changed)}
                | problems(400, 404, 408, 411, 412, 413, 422, 503, 507),
            },
            "delete": {
                "summary": "Delete a managed object with its external IDs",
                "description": "Events of that source stay.",
                "parameters": CONDITIONS,
                "responses": {"204": {"description": "It is gone."}} | problems(404, 412, 503),
            },
        },
    }


def identity_paths() -> Object:
    """Return the path items of external IDs."""
    one = "The external ID and the managed object that it names."
    return {
        "/identity/globalIds/{object_id}/externalIds": {
            "get": {
                "summary": "List the external IDs of a managed object",
                "description": "All of them, without pages.",
                "responses": {
                    "200": json_answer("ExternalIdCollection", "externalidcollection", "All of them.")
                }
                | problems(404),
            },
            "post": {
                "summary": "Add an external ID to a managed object",
                "description": f"`type` and `externalId` have 1 to {ID_CHARACTERS} characters; together they "
                "name one managed object at most. Always answered with a body.",
                "requestBody": _body("NewExternalId", "externalid"),
                "responses": {
                    "201": json_answer("ExternalId", "externalid", one, Location="The external ID.")
                    | links(
                        {"type": "type", "external_id": "externalId"},
                        "get_identity_externalIds_type_external_id",
                        "delete_identity_externalIds_type_external_id",
                    )
                }
                | problems(400, 404, 408, 409, 411, 413, 422, 503, 507),
            },
        },
        "/identity/externalIds/{type}/{external_id}": {
            "get": {
                "summary": "Find a managed object by an external ID",
                "description": "What follows the type is the external ID, slashes included. An encoded slash "
                "(`%2F`) is part of the type or the ID wherever it stands; one at the end that is not encoded "
                "is of neither.",
                "responses": {"200": json_answer("ExternalId", "externalid", one)} | problems(404),
            },
            "delete": {
                "summary": "Remove an external ID",
                "description": "The managed object stays.",
                "parameters": CONDITIONS,
                "responses": {"204": {"description": "It is gone."}} | problems(404, 412, 503),
            },
        },
    }
