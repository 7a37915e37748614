"""The OpenAPI description: from the limits, the filters and the roles that the code goes by.

What a resource answers is told here, a block an address; who may ask is taken from
each resource's `access`, the filters from `domain.queries`, the limits from the intake
and the statuses from the table of errors, so that none is stated twice.
"""

from collections.abc import Mapping

from c8ybin import __version__
from c8ybin.accounts import ROLES
from c8ybin.api.description.binaries import binary_paths
from c8ybin.api.description.events import event_paths
from c8ybin.api.description.parts import Object, problems, ref
from c8ybin.api.description.schemas import schemas
from c8ybin.api.description.service import service_paths
from c8ybin.api.problems import MEDIA_TYPE, STATUS
from c8ybin.bodies import Intake

_ID = {
    "name": "event_id",
    "in": "path",
    "required": True,
    "schema": {"type": "string", "pattern": "^[0-9]+$"},
}


def _responses() -> Object:
    content = {MEDIA_TYPE.split(";")[0]: {"schema": ref("Error")}}
    meanings: dict[int, list[str]] = {status: [] for status, _ in STATUS.values()} | {
        507: ["The disk is full but for its reserve, or the quota is reached."]
    }
    for refusal, (status, _) in STATUS.items():
        meanings[status].append((refusal.__doc__ or "").split("\n")[0])
    return {
        str(status): {"description": " ".join(texts), "content": content}
        for status, texts in meanings.items()
    }


def describe(access: Mapping[str, Mapping[str, str | None]], intake: Intake) -> Object:
    """Return the OpenAPI 3.1 document.

    Args:
        access: For each address, the role that each method takes.
        intake: Knows the limits.
    """
    paths = event_paths() | binary_paths(intake) | service_paths()
    for address, methods in access.items():
        item = paths[address]
        if "{event_id}" in address:
            item["parameters"] = [_ID]
        for method, role in methods.items():
            operation = item[method.lower()]
            operation["operationId"] = _operation_id(method, address)
            operation["security"] = [{"basic": []}] if role else []
            if role:
                operation["description"] = f"{operation.get('description', '')} Takes {role}.".strip()
                operation["responses"] |= problems(401, 403)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "c8ybin",
            "version": __version__,
            "summary": "Attachments of IoT events, behind the HTTP API of Cumulocity",
            "description": "A trailing slash means the same address, HEAD works where GET does, and "
            "`X-HTTP-METHOD: PUT` or `DELETE` on a POST emulates that method. Answers are `application/json` "
            "where Accept names it, else of the resource's own type. Roles: "
            + "; ".join(f"{role}: {meaning}" for role, meaning in ROLES.items())
            + ".",
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {
            "schemas": schemas(),
            "responses": _responses(),
            "securitySchemes": {"basic": {"type": "http", "scheme": "basic"}},
        },
    }


def _operation_id(method: str, address: str) -> str:
    names = [part.strip("{}").replace(".", "_") for part in address.split("/") if part]
    return "_".join([method.lower(), *names])
