"""Who is asking, and whether that account's roles allow it.

Each resource names in `access` the role that each of its methods takes; None is for
everybody. That is checked before the resource sees the request, so nothing about an
event is revealed to whom it does not concern.
"""

import base64
import binascii
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Protocol

import falcon

from c8ybin.accounts import Accounts, User
from c8ybin.api.notes import note, note_target, route_of
from c8ybin.api.peers import Network, client_address
from c8ybin.api.problems import Forbidden, Unauthorized
from c8ybin.counts import Counts
from c8ybin.domain.errors import LoginsCrowded, TooManyTries

# Stands for a role where any account will do.
ANY_ACCOUNT = "any account"

_CHANGE_NOTHING = ("GET", "OPTIONS")

# The role that each method of a resource takes.
Roles = Mapping[str, str | None]


class Resource(Protocol):
    """What is routed to."""

    access: ClassVar[Roles]


def credentials(encoded: str) -> tuple[str, str] | None:
    """Read what follows `Basic`: the user's name without its tenant, and the password.

    Source: RFC 7617; Cumulocity clients send `tenant/user`.
    """
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

    def __init__(
        self,
        accounts: Accounts,
        proxies: Sequence[Network],
        counts: Counts,
        require_writable: Callable[[], None],
    ) -> None:
        self._require_writable = require_writable
        self._accounts = accounts
        self._proxies = proxies
        self._counts = counts

    def process_resource(
        self, req: falcon.Request, _: falcon.Response, resource: Resource, params: dict[str, Any]
    ) -> None:
        """Hold the account against the role.

        Raises:
            HTTPMethodNotAllowed: The resource has no such method.
            Unauthorized: No account.
            Forbidden: Not the role.
            TooManyTries, LoginsCrowded: Its password is not tried now.
            ReadOnly: It would change something, and nothing may be changed.
        """
        req.env["c8ybin.route"] = route_of(req)
        note_target(req, params)
        method = "GET" if req.method == "HEAD" else req.method
        if method not in resource.access and method != "OPTIONS":
            heads = {"HEAD"} if "GET" in resource.access else set()
            raise falcon.HTTPMethodNotAllowed(sorted({*resource.access, "OPTIONS"} | heads))
        role = resource.access.get(method)
        if role is None:
            return
        user = self._user(req.env)
        if user is None:
            raise Unauthorized
        note(req.env, user=user.name)
        if role != ANY_ACCOUNT and role not in user.roles:
            raise Forbidden(role)
        if method not in _CHANGE_NOTHING:
            # Before the body is sent; the store asks again for each change.
            self._require_writable()
        req.context.user = user

    def _user(self, env: Mapping[str, Any]) -> User | None:
        """Return who is asking: by Authorization, or without it by the certificate that the server verified."""
        field, name = env.get("HTTP_AUTHORIZATION"), env.get("c8ybin.client_name")
        if field is None:
            return None if name is None else self._accounts.user(name)
        scheme, _, rest = field.partition(" ")
        scheme = scheme.lower()
        if scheme == "bearer":
            user = self._accounts.of_token(rest.strip())
            if user is None:
                self._counts.login_refused("token")
            return user
        pair = credentials(rest) if scheme == "basic" else None
        if pair is None:
            return None
        note(env, user=pair[0])
        # Most are remembered, and then it does not matter whence they come.
        return self._accounts.remembered(*pair) or self._authenticate(*pair, env)

    def _authenticate(self, name: str, password: str, env: Mapping[str, Any]) -> User | None:
        try:
            user = self._accounts.authenticate(name, password, client_address(env, self._proxies))
        except (TooManyTries, LoginsCrowded) as refusal:
            self._counts.login_refused("paused" if isinstance(refusal, TooManyTries) else "crowded")
            raise
        if user is None:
            self._counts.login_refused("password")
        return user


def user_of(req: falcon.Request) -> User:
    """Return who is asking, on a resource that takes a role or any account."""
    user: User = req.context.user
    return user


class MethodOverride:
    """Middleware for clients that can only GET and POST: `X-HTTP-METHOD: PUT` on a POST (OAS)."""

    def process_request(self, req: falcon.Request, _: falcon.Response) -> None:
        """Let the emulated method be the request's."""
        if req.method == "POST":
            wanted = req.env.get("HTTP_X_HTTP_METHOD", "").upper()
            req.method = wanted if wanted in ("PUT", "DELETE") else "POST"
