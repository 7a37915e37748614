"""Pieces that the descriptions of all addresses are made of."""

import re
from collections.abc import Mapping
from typing import Any

from c8ybin.domain.queries import PAGE_SIZE, Kind, Parameter
from c8ybin.domain.times import ISO_8601

Object = dict[str, Any]


def pattern(expression: re.Pattern[str]) -> str:
    """Write an expression that a whole text must match as JSON Schema does, which knows no flags.

    Source: ECMA-262, which JSON Schema refers to: `\\d` and classes may mean more elsewhere.
    """
    text = expression.pattern.replace(r"\d", "[0-9]")
    if expression.flags & re.IGNORECASE:
        text = text.replace("bytes", "[Bb][Yy][Tt][Ee][Ss]")
    return f"^(?:{text})$"


MOMENT: Object = {
    "type": "string",
    "pattern": pattern(ISO_8601),
    "examples": ["2026-11-24T12:00:00.000Z", "2026-11-24"],
}

_SCHEMAS: dict[Kind, Object] = {
    Kind.TEXT: {"type": "string"},
    Kind.FILTER: {"type": "string"},
    Kind.TIME: MOMENT,
    Kind.FLAG: {"type": "boolean"},
    Kind.COUNT: {"type": "integer", "minimum": 1},
    Kind.PAGE_SIZE: {"type": "integer", "minimum": 1, "default": PAGE_SIZE},
}

VND = "application/vnd.com.nsn.cumulocity."

# RFC 9110, section 13.1.
CONDITIONS: list[Object] = [
    {
        "name": name,
        "in": "header",
        "description": meaning,
        "schema": {"type": "string", "examples": [example]},
    }
    for name, meaning, example in (
        ("If-Match", "Only where the entity tag is one of these.", "*"),
        ("If-None-Match", "Only where the entity tag is none of these.", "*"),
        ("If-Modified-Since", "Only where it changed after this.", "Tue, 24 Nov 2026 12:00:00 GMT"),
        ("If-Unmodified-Since", "Only where it did not change after this.", "Tue, 24 Nov 2026 12:00:00 GMT"),
    )
]


def ref(name: str) -> Object:
    """Refer to a schema."""
    return {"$ref": f"#/components/schemas/{name}"}


def json_answer(schema: str, kind: str, description: str, **headers: str) -> Object:
    """Describe an answer in JSON, under both of its media types; header names with `_` for `-`."""
    content = {"application/json": {"schema": ref(schema)}, f"{VND}{kind}+json": {"schema": ref(schema)}}
    return {"description": description, "content": content, **header_fields(headers)}


def links(members: Mapping[str, str], *operations: str) -> Object:
    """Say which members of an answer are which parameters of those operations."""
    parameters = {name: f"$response.body#/{member}" for name, member in members.items()}
    return {"links": {name: {"operationId": name, "parameters": parameters} for name in operations}}


def header_fields(headers: Mapping[str, str]) -> Object:
    """Describe header fields of an answer."""
    described = {
        name.replace("_", "-"): {"description": text, "schema": {"type": "string"}}
        for name, text in headers.items()
    }
    return {"headers": described} if described else {}


def problems(*statuses: int) -> Object:
    """Refer to the answers of errors."""
    return {str(status): {"$ref": f"#/components/responses/{status}"} for status in statuses}


def query_parameter(parameter: Parameter) -> Object:
    """Describe a query parameter as the code reads it."""
    return {
        "name": parameter.name,
        "in": "query",
        "description": parameter.meaning,
        "schema": _SCHEMAS[parameter.kind],
    }
