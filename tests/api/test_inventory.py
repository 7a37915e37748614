"""/inventory/managedObjects: what c8y_api, @c8y/client, go-c8y-cli and c8ydm ask of it."""

import json

import pytest

URL = "/inventory/managedObjects"
JSON = {"Accept": "application/json"}


@pytest.fixture
def create(client):
    """Create a managed object with these members; return its document."""
    return lambda **members: client.post_json(URL, members, headers=JSON).json


@pytest.fixture
def listed(client):
    """List with a query string; return the names of what is found."""
    return lambda query="": [thing["name"] for thing in client.get(f"{URL}?{query}").json["managedObjects"]]


@pytest.fixture
def three(create):
    return [
        create(name="pump 1", type="pump", c8y_IsDevice={}, c8y_Hardware={"serialNumber": "4711"}),
        create(name="pump 2", type="pump", owner="somebody"),
        create(name="O'Brien's fan", type="fan", c8y_IsDevice={}, words=["red", "hot"], on=True),
    ]


def test_a_created_object_has_id_self_times_and_owner(client):
    answer = client.post_json(URL, {"name": "pump", "c8y_IsDevice": {}}, headers=JSON)
    thing = answer.json
    assert answer.status_int == 201
    assert thing["self"] == answer.headers["Location"] == f"http://localhost:80{URL}/{thing['id']}"
    assert thing["id"].isdecimal()
    assert thing["creationTime"] == thing["lastUpdated"]
    assert (thing["owner"], thing["name"], thing["c8y_IsDevice"]) == ("tester", "pump", {})
    assert client.get(f"{URL}/{thing['id']}", headers=JSON).json == thing


def test_an_answer_has_its_own_media_type_unless_json_is_asked_for(client, ask, create):
    one = f"{URL}/{create()['id']}"
    vendor = "application/vnd.com.nsn.cumulocity.{}+json;charset=UTF-8;ver=0.9"
    assert ask(client, "GET", one).headers["Content-Type"] == vendor.format("managedobject")
    assert ask(client, "GET", URL).headers["Content-Type"] == vendor.format("managedobjectcollection")
    assert ask(client, "GET", one, headers=JSON).headers["Content-Type"] == "application/json"
    assert ask(client, "HEAD", one).status_int == 200


def test_a_change_without_accept_is_answered_without_a_body(client, ask, create):
    made = ask(client, "POST", URL, b"{}")
    assert (made.status_int, made.body) == (201, b"")
    changed = ask(client, "PUT", f"{URL}/{create()['id']}", b"{}")
    assert (changed.status_int, changed.body) == (200, b"")


def test_a_put_merges_at_top_level_and_null_removes(client, create, clock):
    before = create(name="old", keep={"a": 1}, drop=1, replace={"a": 1, "b": 2})
    clock.move(1000)
    change = {"name": "new", "drop": None, "replace": {"c": 3}}
    after = client.put_json(f"{URL}/{before['id']}", change, headers=JSON).json
    assert after["lastUpdated"] > before["lastUpdated"]
    rest = {k: v for k, v in after.items() if k != "lastUpdated"}
    assert rest == {k: v for k, v in before.items() if k not in ("drop", "lastUpdated")} | {
        "name": "new",
        "replace": {"c": 3},
    }
    assert client.get(f"{URL}/{before['id']}", headers=JSON).json == after


def test_what_belongs_to_the_server_is_passed_over(client, create):
    own = {
        "id": "1",
        "self": "x",
        "creationTime": "x",
        "lastUpdated": "x",
        "childDevices": {"references": []},
    }
    thing = create(**own, name="n")
    assert thing["id"] != "1"
    assert "childDevices" not in thing
    again = client.put_json(f"{URL}/{thing['id']}", thing | own, headers=JSON).json
    assert (again["id"], again["creationTime"]) == (thing["id"], thing["creationTime"])


def test_an_owner_may_be_named_but_not_removed(client, create):
    thing = create(owner="somebody")
    assert thing["owner"] == "somebody"
    assert client.put_json(f"{URL}/{thing['id']}", {"owner": None}, headers=JSON).json["owner"] == "somebody"
    assert client.put_json(f"{URL}/{thing['id']}", {"owner": "me"}, headers=JSON).json["owner"] == "me"


@pytest.mark.parametrize("members", [{"name": 1}, {"type": []}, {"owner": {}}])
def test_a_name_type_or_owner_that_is_no_string_is_422(client, ask, refused, create, members):
    body = json.dumps(members).encode()
    refused(ask(client, "POST", URL, body), 422, "undefined/validationError")
    refused(ask(client, "PUT", f"{URL}/{create()['id']}", body), 422, "undefined/validationError")


def test_bad_bodies_are_refused(client, ask, refused, create):
    for method, path in (("POST", URL), ("PUT", f"{URL}/{create()['id']}")):
        refused(ask(client, method, path, b"{"), 400)
        refused(ask(client, method, path, b"[]"), 422)
        assert "managed object" in refused(ask(client, method, path, b" " * (1024 * 1024 + 1)), 413)


@pytest.mark.parametrize("name", ["1", "01", "x", "9007199254740992", "%C2%B2", "a%2Fb"])
def test_an_object_that_is_not_there_is_404(client, ask, refused, name):
    for method in ("GET", "PUT", "DELETE"):
        refused(ask(client, method, f"{URL}/{name}", b"{"), 404)
    assert ask(client, "HEAD", f"{URL}/1").status_int == 404
    refused(ask(client, "GET", f"{URL}/1"), 404, "inventory/Not Found")


def test_a_deleted_object_is_gone_and_its_events_stay(client, ask, refused, create):
    thing = create()
    event = client.create_event(source={"id": thing["id"]})
    assert client.delete(f"{URL}/{thing['id']}").status_int == 204
    refused(ask(client, "GET", f"{URL}/{thing['id']}"), 404, "inventory/Not Found")
    refused(ask(client, "DELETE", f"{URL}/{thing['id']}"), 404, "inventory/Not Found")
    assert client.get(f"/event/events/{event}").json["source"]["id"] == thing["id"]


def test_a_condition_on_a_change_is_refused(client, ask, refused, create):
    one = f"{URL}/{create(name='n')['id']}"
    refused(ask(client, "PUT", one, b'{"name": "m"}', {"If-Match": '"x"'}), 412)
    refused(ask(client, "DELETE", one, headers={"If-Match": '"x"'}), 412)
    assert client.get(one).json["name"] == "n"


def test_roles_are_checked_before_anything_is_told(client, ask, refused, as_user, create):
    one = f"{URL}/{create()['id']}"
    reader, writer = (
        as_user(client, "reader", "ROLE_EVENT_READ"),
        as_user(client, "writer", "ROLE_EVENT_ADMIN"),
    )
    for path in (URL, one, f"{URL}/1"):
        refused(ask(client, "GET", path, headers=writer), 403)
        refused(ask(client, "GET", path, headers={"Authorization": ""}), 401)
    for method, path in (("POST", URL), ("PUT", one), ("DELETE", one), ("DELETE", f"{URL}/1")):
        refused(ask(client, method, path, b"{}", reader), 403)
    assert ask(client, "GET", one, headers=reader).status_int == 200
    assert ask(client, "POST", URL, b"{}", writer).status_int == 201


FOUND = [
    ("", [0, 1, 2]),
    ("type=pump", [0, 1]),
    ("fragmentType=c8y_IsDevice", [0, 2]),
    ("type=pump&fragmentType=c8y_IsDevice", [0]),
    ("owner=somebody", [1]),
    ("text=4711", [0]),
    ("text=hot", [2]),
    ("text=47", []),
    ("text='pump 2'", [1]),
    ("text='O''Brien''s fan'", [2]),
    ("q=$filter=(name eq 'pump*')", [0]),
    ("q=$filter%3Dname+eq+'pump*'+$orderby%3Dname", [0]),
    ("q=", [0, 2]),
    ("query=$filter=(name eq 'pump 2')", [1]),
    ("query=$filter=(name eq 'O''Brien''s fan')", [2]),
    ("query=name eq 'pump 1'", [0]),
    ("query=$filter=(has(c8y_IsDevice) and type eq fan)%2B$orderby=name", [2]),
    ("query=$filter=(has(c8y_IsDevice) and not(type eq 'fan')) $orderby=name asc", [0]),
    ("query=$filter=(type eq 'fan' or c8y_Hardware.serialNumber eq '47*1')", [0, 2]),
    ("query=$filter=(words eq 'red')", [2]),
    ("query=$filter=(on eq true)", [2]),
    ("query=$filter=(name eq '*m*')", [0, 1]),
    ("query=$filter=(name eq 'p*p*p 1')", []),
    ("query=$filter=(name eq 'pump 1*1')", []),
    ("query=$orderby=name", [0, 1, 2]),
    ("unknown=1", [0, 1, 2]),
]


@pytest.mark.parametrize(("query", "found"), FOUND, ids=[query for query, _ in FOUND])
def test_a_list_holds_what_matches(three, listed, query, found):
    # Two of one millisecond have IDs in any order.
    assert sorted(listed(query)) == sorted(three[n]["name"] for n in found)


def test_a_list_by_ids_holds_those_that_are_there(three, listed):
    ids = [thing["id"] for thing in three]
    assert sorted(listed(f"ids={ids[2]},1,x,{ids[0]},{ids[0]}")) == sorted(three[n]["name"] for n in (0, 2))
    assert listed(f"ids={ids[2]}&type=pump") == []
    assert listed("ids=") == []


def test_pages_are_those_of_events(client, create):
    names = [create(name=f"n{n}")["name"] for n in range(7)]
    first = client.get(f"{URL}?pageSize=3&withTotalPages=true&withTotalElements=true").json
    assert first["statistics"] == {"pageSize": 3, "currentPage": 1, "totalPages": 3, "totalElements": 7}
    assert "prev" not in first
    found, page = [], first
    while page["managedObjects"]:
        found += [thing["name"] for thing in page["managedObjects"]]
        if "next" not in page:
            break
        page = client.get(page["next"]).json
    assert found == names
    assert page["prev"].endswith(f"{URL}?withTotalPages=true&withTotalElements=true&pageSize=3&currentPage=2")
    beyond = client.get(f"{URL}?currentPage=9").json
    assert beyond["managedObjects"] == []
    assert beyond["statistics"] == {"pageSize": 5, "currentPage": 9}


@pytest.mark.parametrize(
    "query",
    [
        "pageSize=0",
        "currentPage=x",
        "q=name eq",
        "query=$filter=(name eq 'a'",
        "query=$filter=name gt 1",
        "query=bygroupid(1)",
        "query=has(",
        "query=has(a)b",
        "query=name eq ')'')",
        "query=" + "(" * 40 + "a eq b" + ")" * 40,
        "query=" + "not " * 5000 + "has(a)",
        "q=a&q=b",
    ],
)
def test_a_parameter_that_cannot_be_read_is_422_and_named(client, ask, refused, query):
    message = refused(ask(client, "GET", f"{URL}?{query}"), 422, "undefined/validationError")
    assert message.startswith(query.partition("=")[0])


def test_a_damaged_object_is_500_and_out_of_the_list(client, ask, refused, three, listed):
    path = next(client.root.glob(f"devices/*/{three[1]['id']}.json"))
    path.write_bytes(path.read_bytes()[:-9])
    refused(ask(client, "GET", f"{URL}/{three[1]['id']}"), 500)
    assert sorted(listed()) == sorted(three[n]["name"] for n in (0, 2))


@pytest.mark.one_process("the reserve of one is exchanged")
def test_below_the_reserve_no_object_is_taken_but_one_can_go(client, ask, refused, create, monkeypatch):
    one = f"{URL}/{create(name='n')['id']}"
    monkeypatch.setattr(client.store._disk, "_min_free", 1 << 60)
    refused(ask(client, "POST", URL, b"{}"), 507)
    refused(ask(client, "PUT", one, b"{}"), 507)
    assert len(list(client.root.glob("devices/*/*"))) == 1
    assert ask(client, "DELETE", one).status_int == 204
