"""/tenant and /user: what clients ask before they begin."""

import base64

import pytest

ANY_ACCOUNT = ("/tenant/currentTenant", "/user/currentUser")


@pytest.mark.parametrize("path", ANY_ACCOUNT)
def test_any_account_will_do_but_one_is_needed(client, ask, refused, as_user, path):
    for role in ("ROLE_EVENT_READ", "ROLE_EVENT_ADMIN", "ROLE_ADMIN"):
        answer = ask(client, "GET", path, headers=as_user(client, role, role))
        assert answer.status_int == 200
    assert ask(client, "HEAD", path).status_int == 200
    refused(ask(client, "GET", path, headers={"Authorization": ""}), 401)
    refused(ask(client, "GET", path, headers={"Authorization": "Basic bm86Ym9keQ=="}), 401)
    assert ask(client, "HEAD", path, headers={"Authorization": ""}).status_int == 401
    refused(ask(client, "POST", path, b"{}"), 405)


def test_the_tenant_is_the_same_whatever_the_client_writes_before_the_user(client, ask):
    pair = base64.b64encode(b"t12345/tester:secret").decode()
    for headers in ({}, {"Authorization": f"Basic {pair}"}):
        tenant = ask(
            client, "GET", "/tenant/currentTenant", headers={"Host": "iot.example:8080", **headers}
        ).json
        assert (tenant["name"], tenant["domainName"]) == ("c8ybin", "iot.example")


def test_login_options_are_for_everybody_and_name_basic(client, ask):
    answer = ask(client, "GET", "/tenant/loginOptions", headers={"Authorization": ""})
    assert answer.status_int == 200
    assert [option["type"] for option in answer.json["loginOptions"]] == ["BASIC"]
    assert ask(client, "HEAD", "/tenant/loginOptions", headers={"Authorization": ""}).status_int == 200


def test_the_user_is_told_with_its_roles(client, ask, as_user):
    headers = as_user(client, "reader", "ROLE_EVENT_READ", "ROLE_ADMIN")
    user = ask(client, "GET", "/user/currentUser", headers=headers).json
    assert (user["id"], user["userName"]) == ("reader", "reader")
    assert [role["id"] for role in user["effectiveRoles"]] == ["ROLE_ADMIN", "ROLE_EVENT_READ"]


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/tenant/currentTenant", "currenttenant"),
        ("/tenant/loginOptions", "loginoptioncollection"),
        ("/user/currentUser", "currentuser"),
    ],
)
def test_media_types_are_their_own_unless_json_is_asked_for(client, ask, path, kind):
    assert f"cumulocity.{kind}+json" in ask(client, "GET", path).headers["Content-Type"]
    answer = ask(client, "GET", path, headers={"Accept": "application/json"})
    assert answer.headers["Content-Type"] == "application/json"
