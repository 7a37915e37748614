"""Who is asking, and whether that account's roles allow it.

Each resource names in `access` the role that each of its methods takes; None is for
everybody. That is checked before the resource sees the request, so nothing about an
event is revealed to whom it does not concern.
"""

import base64
import binascii
from collections.abc import Mapping
from typing import Any, ClassVar, Protocol

import falcon

from c8ybin.accounts import Accounts, User
from c8ybin.api.problems import Forbidden, Unauthorized

# The role that each method of a resource takes.
Roles = Mapping[str, str | None]


class Resource(Protocol):
    """What is routed to."""

    access: ClassVar[Roles]


def credentials(value: str | None) -> tuple[str, str] | None:
    """Read an Authorization field: the user's name without its tenant, and the password.

    Source: RFC 7617; Cumulocity clients send `tenant/user`.
    """
    scheme, _, encoded = (value or "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        raw = base64.b64decode(encoded.strip(), validate=True)
    except (binascii.Error, ValueError):
        return None
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        text = raw.decode("latin-1")
    name, colon, password = text.partition(":")
    return (name.rpartition("/")[2], password) if colon else None


class Access:
    """Middleware that lets a request through to its resource, or not."""

    def __init__(self, accounts: Accounts) -> None:
        self._accounts = accounts

    def process_resource(
        self, req: falcon.Request, _: falcon.Response, resource: Resource, __: dict[str, Any]
    ) -> None:
        """Hold the account against the role.

        Raises:
            HTTPMethodNotAllowed: The resource has no such method.
            Unauthorized: No account.
            Forbidden: Not the role.
        """
        method = "GET" if req.method == "HEAD" else req.method
        if method not in resource.access and method != "OPTIONS":
            heads = {"HEAD"} if "GET" in resource.access else set()
            raise falcon.HTTPMethodNotAllowed(sorted({*resource.access, "OPTIONS"} | heads))
        role = resource.access.get(method)
        if role is None:
            return
        pair = credentials(req.env.get("HTTP_AUTHORIZATION"))
        user = self._accounts.authenticate(*pair) if pair else None
        if user is None:
            raise Unauthorized
        if role not in user.roles:
            raise Forbidden(role)
        req.context.user = user


def user_of(req: falcon.Request) -> User:
    """Return who is asking, on a resource that takes a role."""
    user: User = req.context.user
    return user


class MethodOverride:
    """Middleware for clients that can only GET and POST: `X-HTTP-METHOD: PUT` on a POST (OAS)."""

    def process_request(self, req: falcon.Request, _: falcon.Response) -> None:
        """Let the emulated method be the request's."""
        if req.method == "POST":
            wanted = req.env.get("HTTP_X_HTTP_METHOD", "").upper()
            req.method = wanted if wanted in ("PUT", "DELETE") else "POST"
