"""The OpenAPI description: from the limits, the filters and the roles that the code goes by.

What a resource answers is told here, a block an address; who may ask is taken from
each resource's `access`, the filters from `domain.queries`, the limits from the intake
and the statuses from the table of errors, so that none is stated twice.
"""

import re
from collections.abc import Mapping

from c8ybin import __version__
from c8ybin.api.access import ANY_ACCOUNT
from c8ybin.api.description.about import ABOUT, tag, tags
from c8ybin.api.description.binaries import binary_paths
from c8ybin.api.description.console import console_paths
from c8ybin.api.description.events import event_paths
from c8ybin.api.description.inventory import identity_paths, inventory_paths
from c8ybin.api.description.parts import Object, problems, ref
from c8ybin.api.description.samples import samples
from c8ybin.api.description.schemas import schemas
from c8ybin.api.description.service import service_paths
from c8ybin.api.description.tenant import tenant_paths
from c8ybin.api.problems import MEDIA_TYPE, REFUSED_ANYWHERE, REFUSED_MESSAGES, STATUS
from c8ybin.bodies import Intake

_NUMBER = {"type": "string", "pattern": "^[0-9]+$"}
_TEXT = {"type": "string"}
_FILE = {"type": "string", "pattern": "^[a-z-]+[.](css|js|json|svg)$"}
_REQUEST_ID = {"$ref": "#/components/headers/X-Request-ID"}
_IN_PATHS = {"event_id": _NUMBER, "object_id": _NUMBER, "type": _TEXT, "external_id": _TEXT, "file": _FILE}


def _responses() -> Object:
    content = {MEDIA_TYPE.split(";")[0]: {"schema": ref("Error")}}
    headers = {"X-Request-ID": _REQUEST_ID}
    meanings: dict[int, list[str]] = {status: [] for status, _ in STATUS.values()} | {
        507: ["The disk is full but for its reserve, or the quota is reached."]
    }
    for refusal, (status, _) in STATUS.items():
        meanings[status].append((refusal.__doc__ or "").split("\n")[0])
    for status in REFUSED_ANYWHERE:
        if status in REFUSED_MESSAGES:
            meanings.setdefault(status, []).append(REFUSED_MESSAGES[status])
    return {
        str(status): {"description": " ".join(texts), "content": content, "headers": headers}
        for status, texts in meanings.items()
    }


def describe(
    access: Mapping[str, Mapping[str, str | None]], intake: Intake, more: Mapping[str, Object] | None = None
) -> Object:
    """Return the OpenAPI 3.1 document.

    Args:
        access: For each address, the role that each method takes.
        intake: Knows the limits.
        more: The path items of addresses that are not always there.
    """
    paths = (
        event_paths()
        | binary_paths(intake)
        | inventory_paths()
        | identity_paths()
        | tenant_paths()
        | service_paths()
        | console_paths()
        | dict(more or {})
    )
    for address, methods in access.items():
        item = paths[address]
        names = re.findall(r"\{(\w+)\}", address)
        if names:
            item["parameters"] = [
                {"name": name, "in": "path", "required": True, "schema": _IN_PATHS[name]} for name in names
            ]
        for method, role in methods.items():
            operation = item[method.lower()]
            for answer in operation["responses"].values():
                if "$ref" not in answer:
                    answer["headers"] = answer.get("headers", {}) | {"X-Request-ID": _REQUEST_ID}
            operation["operationId"] = _operation_id(method, address)
            operation["tags"] = [tag(address)]
            if shown := samples(operation["operationId"]):
                operation["x-codeSamples"] = shown
            operation["responses"] = problems(*REFUSED_ANYWHERE) | operation["responses"]
            operation["security"] = [{"basic": []}, {"bearer": []}, {"certificate": []}] if role else []
            if role:
                operation["description"] = f"{operation.get('description', '')} Takes {role}.".strip()
                operation["responses"] |= problems(
                    *((401,) if role == ANY_ACCOUNT else (401, 403)), 429, 500, 503
                )
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "c8ybin",
            "version": __version__,
            "summary": "Attachments of IoT events, behind the HTTP API of Cumulocity",
            "description": ABOUT,
            "license": {"name": "MIT", "identifier": "MIT"},
            # For programs; people read them where they hold.
            "x-limits": {"binaryBytes": intake.max_binary, "chunkBytes": intake.max_chunk},
        },
        "servers": [{"url": "/"}],
        "tags": tags(),
        "paths": paths,
        "components": {
            "schemas": schemas(),
            "responses": _responses(),
            "headers": {
                "X-Request-ID": {
                    "description": "By which the server's logs name this request.",
                    "schema": {"type": "string", "pattern": "^[A-Za-z0-9._-]{1,64}$"},
                }
            },
            "securitySchemes": {
                "basic": {"type": "http", "scheme": "basic"},
                "bearer": {"type": "http", "scheme": "bearer", "description": "Made by `c8ybin token add`."},
                "certificate": {
                    "type": "mutualTLS",
                    "description": "Where the server is told an authority: the common name is the user.",
                },
            },
        },
    }


def _operation_id(method: str, address: str) -> str:
    names = [part.strip("{}").replace(".", "_") for part in address.split("/") if part]
    return "_".join([method.lower(), *names])
