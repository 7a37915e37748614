"""Pieces that the descriptions of all addresses are made of."""

from collections.abc import Mapping
from typing import Any

from c8ybin.domain.queries import LARGEST_PAGE, PAGE_SIZE, Parameter
from c8ybin.domain.times import parse_time

Object = dict[str, Any]

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
    kinds: dict[str, Object] = {
        "true or false": {"type": "boolean"},
        "a whole number from 1": {"type": "integer", "minimum": 1},
    }
    schema = kinds.get(parameter.hint, {"type": "string"})
    if parameter.read is parse_time:
        schema = {"type": "string", "examples": ["2026-11-24", "2026-11-24T12:00:00.000Z"]}
    if parameter.name == "pageSize":
        schema = schema | {"default": PAGE_SIZE, "maximum": LARGEST_PAGE}
    return {"name": parameter.name, "in": "query", "description": parameter.meaning, "schema": schema}
