"""The schemas of requests and answers."""

from c8ybin.api.description.parts import Object, ref
from c8ybin.api.problems import INFO
from c8ybin.domain.events import SOURCE_CHARACTERS


def schemas() -> Object:
    """Return the schemas by name."""
    text: Object = {"type": "string"}
    moment: Object = {"type": "string", "examples": ["2026-11-24T12:00:00.000Z"]}
    source: Object = {
        "type": "object",
        "properties": {
            "id": {"type": "string", "minLength": 1, "maxLength": SOURCE_CHARACTERS},
            "self": text,
        },
        "required": ["id"],
    }
    own: Object = {"source": source, "type": text, "time": moment, "text": text}
    binary: Object = {"type": text, "name": text, "length": {"type": "integer"}}
    served: Object = {
        "id": text,
        "self": text,
        "creationTime": moment,
        "lastUpdated": moment,
        "c8y_IsBinary": {"type": "object", "properties": binary},
        "c8y_IsIncompleteBinary": {"type": "object", "properties": {"range": {"type": "string"}}},
    }

    def thing(properties: Object, *required: str) -> Object:
        return {"type": "object", "properties": properties, "required": list(required)}

    return {
        "Error": thing({"error": text, "message": text, "info": {"const": INFO}}, "error", "message", "info"),
        "Links": thing({"self": text, "events": {"type": "object"}}, "self", "events"),
        "NewEvent": thing(own, *own),
        "EventChange": {"type": "object", "properties": {"text": text}},
        "Event": thing(served | own, "id", "self", "creationTime", "lastUpdated", *own),
        "EventCollection": thing(
            {
                "self": text,
                "events": {"type": "array", "items": ref("Event")},
                "statistics": {"type": "object"},
                "next": text,
                "prev": text,
            },
            "self",
            "events",
            "statistics",
        ),
        "Binary": thing({"self": text, **binary, "source": text}, "self", "type", "name", "source", "length"),
        "IncompleteBinary": thing(
            {"self": text, "type": text, "range": text, "source": text}, "self", "type", "range", "source"
        ),
    }
