"""Pieces that the descriptions of all addresses are made of."""

from collections.abc import Mapping
from typing import Any

from c8ybin.domain.queries import LARGEST_PAGE, PAGE_SIZE, Kind, Parameter

Object = dict[str, Any]

_SCHEMAS: dict[Kind, Object] = {
    Kind.TEXT: {"type": "string"},
    Kind.TIME: {"type": "string", "examples": ["2026-11-24", "2026-11-24T12:00:00.000Z"]},
    Kind.FLAG: {"type": "boolean"},
    Kind.COUNT: {"type": "integer", "minimum": 1},
    Kind.PAGE_SIZE: {"type": "integer", "minimum": 1, "default": PAGE_SIZE, "maximum": LARGEST_PAGE},
}

VND = "application/vnd.com.nsn.cumulocity."


def ref(name: str) -> Object:
    """Refer to a schema."""
    return {"$ref": f"#/components/schemas/{name}"}


def json_answer(schema: str, kind: str, description: str, **headers: str) -> Object:
    """Describe an answer in JSON, under both of its media types; header names with `_` for `-`."""
    content = {"application/json": {"schema": ref(schema)}, f"{VND}{kind}+json": {"schema": ref(schema)}}
    return {"description": description, "content": content, **header_fields(headers)}


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
