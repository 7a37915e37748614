"""The schemas of requests and answers."""

from c8ybin.api.description.parts import MOMENT, Object, ref
from c8ybin.api.health import KINDS, WARNINGS
from c8ybin.api.problems import INFO
from c8ybin.domain.events import SOURCE_CHARACTERS
from c8ybin.domain.inventory import ID_CHARACTERS


def schemas() -> Object:
    """Return the schemas by name."""
    text: Object = {"type": "string"}
    moment: Object = {"type": "string", "examples": ["2026-11-24T12:00:00.000Z"]}
    given_source: Object = {
        "type": "object",
        "properties": {"id": {"type": "string", "minLength": 1, "maxLength": SOURCE_CHARACTERS}},
        "required": ["id"],
    }
    given: Object = {"source": given_source, "type": text, "time": MOMENT, "text": text}
    source: Object = given_source | {"properties": given_source["properties"] | {"self": text}}
    own: Object = given | {"source": source, "time": moment}
    binary: Object = {"type": text, "name": text, "length": {"type": "integer"}}
    served: Object = {
        "id": text,
        "self": text,
        "creationTime": moment,
        "lastUpdated": moment,
        "c8y_IsBinary": {"type": "object", "properties": binary},
        "c8y_IsIncompleteBinary": {"type": "object", "properties": {"range": {"type": "string"}}},
    }

    kept: Object = {"name": text, "type": text, "owner": text}
    optional: Object = {name: {"type": ["string", "null"]} for name in kept}
    short: Object = {"type": "string", "minLength": 1, "maxLength": ID_CHARACTERS}
    external_id: Object = {"externalId": short, "type": short}
    reference: Object = {"type": "object", "properties": {"id": text, "self": text}}

    def thing(properties: Object, *required: str) -> Object:
        return {"type": "object", "properties": properties, "required": list(required)}

    def strict(properties: Object) -> Object:
        return thing(properties, *properties)

    def page(name: str, of: str) -> Object:
        entries: Object = {"type": "array", "items": ref(of)}
        members = {"self": text, name: entries, "statistics": {"type": "object"}, "next": text, "prev": text}
        return thing(members, "self", name, "statistics")

    count: Object = {"type": "integer", "minimum": 0}
    day: Object = {"type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$", "examples": ["2026-11-24"]}
    overview: Object = {
        "events": count,
        "attachments": count,
        "bytes": count,
        "days": {"type": "array", "items": strict({"day": day, "events": count})},
        "types": {
            "type": "array",
            "items": strict({"type": {"type": ["string", "null"]}, "events": count, "bytes": count}),
        },
        "uploads": strict({"incomplete": count}),
        "disk": strict({"free": count, "total": count, "reserve": count}),
    }

    error: Object = {"error": text, "message": text, "info": {"const": INFO}}
    warning = strict({"kind": {"enum": list(WARNINGS)}, "message": text})

    return {
        "Overview": strict(overview),
        "Up": thing({"status": {"const": "UP"}, "warnings": {"type": "array", "items": warning}}, "status"),
        "Down": strict({"status": {"const": "DOWN"}, "kind": {"enum": list(KINDS)}, **error}),
        "Error": strict(error),
        "Links": thing({"self": text, "events": {"type": "object"}}, "self", "events"),
        "NewEvent": thing(given, *given),
        "EventChange": {"type": "object", "properties": {"text": text}},
        "Event": thing(served | own, "id", "self", "creationTime", "lastUpdated", *own),
        "EventCollection": page("events", "Event"),
        "Binary": thing({"self": text, **binary, "source": text}, "self", "type", "name", "source", "length"),
        "IncompleteBinary": thing(
            {"self": text, "type": text, "range": text, "source": text}, "self", "type", "range", "source"
        ),
        "NewManagedObject": {"type": "object", "properties": optional},
        "ManagedObject": thing(
            {"id": text, "self": text, "creationTime": moment, "lastUpdated": moment, **kept},
            "id",
            "self",
            "creationTime",
            "lastUpdated",
            "owner",
        ),
        "ManagedObjectCollection": page("managedObjects", "ManagedObject"),
        "NewExternalId": thing(external_id, *external_id),
        "ExternalId": thing(
            {"self": text, **external_id, "managedObject": reference}, "self", *external_id, "managedObject"
        ),
        "ExternalIdCollection": thing(
            {"self": text, "externalIds": {"type": "array", "items": ref("ExternalId")}},
            "self",
            "externalIds",
        ),
        "Tenant": thing(
            {
                "self": text,
                "name": text,
                "domainName": text,
                "allowCreateTenants": {"type": "boolean"},
                "customProperties": {"type": "object"},
            },
            "name",
            "domainName",
        ),
        "LoginOptions": thing(
            {"self": text, "loginOptions": {"type": "array", "items": {"type": "object"}}},
            "self",
            "loginOptions",
        ),
        "User": thing(
            {
                "self": text,
                "id": text,
                "userName": text,
                "effectiveRoles": {"type": "array", "items": {"type": "object"}},
                "shouldResetPassword": {"type": "boolean"},
            },
            "id",
            "userName",
            "effectiveRoles",
        ),
    }
