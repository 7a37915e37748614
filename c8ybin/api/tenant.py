"""/tenant/currentTenant, /tenant/loginOptions, /user/currentUser: what clients ask before they begin."""

from typing import ClassVar
from urllib.parse import quote, urlsplit

import falcon

from c8ybin.api.access import ANY_ACCOUNT, Roles, user_of
from c8ybin.api.answers import Links, say_json

# There is one tenant, whatever a client writes before the user's name.
TENANT = "c8ybin"


class CurrentTenant:
    """/tenant/currentTenant: @c8y/client authenticates by it, thin-edge.io's proxy sends HEAD."""

    access: ClassVar[Roles] = {"GET": ANY_ACCOUNT}

    def __init__(self, links: Links) -> None:
        self._links = links

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Answer the one tenant."""
        base = self._links.base(req)
        document = {
            "self": f"{base}/tenant/currentTenant",
            "name": TENANT,
            "domainName": urlsplit(base).hostname or "",
            "allowCreateTenants": False,
            "customProperties": {},
        }
        say_json(req, resp, document, "currenttenant")

    on_head = on_get


class LoginOptions:
    """/tenant/loginOptions: Basic is the one way to log in."""

    access: ClassVar[Roles] = {"GET": None}

    def __init__(self, links: Links) -> None:
        self._links = links

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Answer the one option."""
        own = f"{self._links.base(req)}/tenant/loginOptions"
        basic = {
            "self": f"{own}/BASIC",
            "id": "BASIC",
            "type": "BASIC",
            "userManagementSource": "INTERNAL",
            "visibleOnLoginPage": True,
        }
        say_json(req, resp, {"self": own, "loginOptions": [basic]}, "loginoptioncollection")

    on_head = on_get


class CurrentUser:
    """/user/currentUser: whose account the request was made with."""

    access: ClassVar[Roles] = {"GET": ANY_ACCOUNT}

    def __init__(self, links: Links) -> None:
        self._links = links

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Answer the account: its name and its roles."""
        user, base = user_of(req), self._links.base(req)
        roles = [
            {"id": role, "name": role, "self": f"{base}/user/roles/{quote(role)}"}
            for role in sorted(user.roles)
        ]
        document = {
            "self": f"{base}/user/currentUser",
            "id": user.name,
            "userName": user.name,
            "effectiveRoles": roles,
            "shouldResetPassword": False,
        }
        say_json(req, resp, document, "currentuser")

    on_head = on_get
