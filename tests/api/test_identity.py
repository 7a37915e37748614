"""/identity: external IDs, as thin-edge.io, c8ydm and c8y_api look devices up by them."""

from urllib.parse import quote

import pytest

JSON = {"Accept": "application/json"}
OBJECTS = "/inventory/managedObjects"


def of(object_id):
    return f"/identity/globalIds/{object_id}/externalIds"


def at(kind, external_id):
    return f"/identity/externalIds/{kind}/{external_id}"


@pytest.fixture
def thing(client):
    return client.post_json(OBJECTS, {"name": "a"}, headers=JSON).json


@pytest.fixture
def other(client):
    return client.post_json(OBJECTS, {"name": "b"}, headers=JSON).json


@pytest.fixture
def add(client):
    def post(thing, value="4711", kind="c8y_Serial", **more):
        return client.post_json(of(thing["id"]), {"type": kind, "externalId": value}, headers=JSON, **more)

    return post


def test_an_external_id_tells_its_managed_object(client, thing, add):
    answer = add(thing)
    assert answer.status_int == 201
    assert answer.json == {
        "self": "http://localhost:80/identity/externalIds/c8y_Serial/4711",
        "externalId": "4711",
        "type": "c8y_Serial",
        "managedObject": {"id": thing["id"], "self": thing["self"]},
    }
    assert answer.headers["Location"] == answer.json["self"]
    assert client.get(at("c8y_Serial", "4711"), headers=JSON).json == answer.json


def test_media_types_are_their_own_unless_json_is_asked_for(client, ask, thing, add):
    add(thing)
    vendor = "application/vnd.com.nsn.cumulocity.{}+json;charset=UTF-8;ver=0.9"
    assert ask(client, "GET", at("c8y_Serial", "4711")).headers["Content-Type"] == vendor.format("externalid")
    found = ask(client, "GET", of(thing["id"]))
    assert found.headers["Content-Type"] == vendor.format("externalidcollection")
    assert ask(client, "HEAD", at("c8y_Serial", "4711")).status_int == 200
    assert ask(client, "HEAD", at("c8y_Serial", "4712")).status_int == 404


def test_all_external_ids_of_an_object_are_listed_and_no_others(client, thing, other, add):
    add(thing, "1")
    add(thing, "2", "c8y_Imei")
    add(other, "3")
    found = client.get(of(thing["id"]), headers=JSON).json
    assert found["self"].endswith(of(thing["id"]))
    assert {(e["type"], e["externalId"]) for e in found["externalIds"]} == {
        ("c8y_Serial", "1"),
        ("c8y_Imei", "2"),
    }
    assert {e["managedObject"]["id"] for e in found["externalIds"]} == {thing["id"]}


def test_an_external_id_that_is_taken_is_409_and_stays(client, refused, thing, other, add):
    add(thing)
    for one in (other, thing):
        refused(add(one, expect_errors=True), 409, "identity/Duplicate")
    assert client.get(at("c8y_Serial", "4711")).json["managedObject"]["id"] == thing["id"]
    assert add(other, kind="another type").status_int == 201


def test_a_removed_external_id_is_free_and_its_object_stays(client, ask, refused, thing, other, add):
    add(thing)
    assert client.delete(at("c8y_Serial", "4711")).status_int == 204
    refused(ask(client, "GET", at("c8y_Serial", "4711")), 404, "identity/Not Found")
    refused(ask(client, "DELETE", at("c8y_Serial", "4711")), 404, "identity/Not Found")
    assert client.get(f"{OBJECTS}/{thing['id']}").status_int == 200
    assert add(other).json["managedObject"]["id"] == other["id"]


def test_deleting_an_object_removes_its_external_ids(client, ask, refused, thing, other, add):
    add(thing)
    add(other, "4712")
    client.delete(f"{OBJECTS}/{thing['id']}")
    refused(ask(client, "GET", at("c8y_Serial", "4711")), 404, "identity/Not Found")
    assert len(list(client.root.glob("identities/*/*"))) == 1
    assert client.get(at("c8y_Serial", "4712")).status_int == 200
    assert add(other).status_int == 201


def test_an_object_that_is_not_there_has_no_external_ids(client, ask, refused):
    body = b"{"  # not read where there is no object
    for number in ("1", "x"):
        refused(ask(client, "GET", of(number)), 404, "inventory/Not Found")
        refused(ask(client, "POST", of(number), body), 404, "inventory/Not Found")
    assert not list(client.root.glob("identities/*/*"))


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("c8y_Serial", "a/b"),
        ("c8y_Serial", "/etc/passwd"),
        ("..", ".."),
        (".", "."),
        (".hidden", "x"),
        ("a/b", "c"),
        ("Größe", "μ ü%?#&"),
        ("é" * 255, "x" * 255),
        ("A" * 255, "\U0001f600" * 255),
    ],
)
def test_any_characters_are_kept_apart_and_below_the_directory(client, thing, add, kind, value):
    answer = add(thing, value, kind)
    assert (answer.json["type"], answer.json["externalId"]) == (kind, value)
    if "/" not in kind and kind.strip("."):
        assert (
            client.get(answer.json["self"].removeprefix("http://localhost:80"), headers=JSON).json
            == answer.json
        )
    (path,) = client.root.glob("identities/*/*")
    assert path.is_file()
    assert client.get(of(thing["id"]), headers=JSON).json["externalIds"] == [answer.json]


def test_a_slash_that_is_not_encoded_is_part_of_the_external_id(client, thing, add):
    add(thing, "urn:a/b/c")
    assert client.get(at("c8y_Serial", "urn:a/b/c")).json["externalId"] == "urn:a/b/c"
    assert client.delete(at("c8y_Serial", "urn:a/b/c")).status_int == 204


@pytest.mark.parametrize(
    ("kind", "value", "near"),
    [
        ("c8y_Serial", "a/", ("c8y_Serial", "a")),
        ("c8y_Serial", "a//", ("c8y_Serial", "a/")),
        ("a/b", "c", ("a", "b/c")),
        ("Größe", "ü/", ("Größe", "ü")),
    ],
)
def test_an_encoded_slash_names_this_external_id_and_no_other(client, ask, thing, add, kind, value, near):
    address = add(thing, value, kind).json["self"].removeprefix("http://localhost:80")
    add(thing, near[1], near[0])
    path = quote(at(kind, value))
    for sent in (address, f"{address}/", f"http://localhost:80{address}?x=/y"):
        found = ask(client, "GET", path, headers=JSON, REQUEST_URI=sent).json
        assert (found["type"], found["externalId"]) == (kind, value)
    assert ask(client, "DELETE", path, REQUEST_URI=address).status_int == 204
    (left,) = client.get(of(thing["id"]), headers=JSON).json["externalIds"]
    assert (left["type"], left["externalId"]) == near


@pytest.mark.parametrize(
    ("body", "names"),
    [
        (b"{}", "externalId,type"),
        (b'{"type": "t"}', "externalId"),
        (b'{"externalId": "e", "type": null}', "type"),
        (b'{"externalId": 1, "type": "t"}', "externalId"),
        (b'{"externalId": "", "type": "t"}', "externalId"),
        (b'{"externalId": "e", "type": "%s"}' % (b"t" * 256), "type"),
    ],
)
def test_what_is_missing_or_not_acceptable_is_422_and_named(client, ask, refused, thing, body, names):
    assert names in refused(ask(client, "POST", of(thing["id"]), body), 422, "undefined/validationError")


def test_roles_are_checked_before_anything_is_told(client, ask, refused, as_user, thing, add):
    add(thing)
    reader, writer = (
        as_user(client, "reader", "ROLE_EVENT_READ"),
        as_user(client, "writer", "ROLE_EVENT_ADMIN"),
    )
    for path in (of(thing["id"]), at("c8y_Serial", "4711"), at("c8y_Serial", "x")):
        refused(ask(client, "GET", path, headers=writer), 403)
        refused(ask(client, "GET", path, headers={"Authorization": ""}), 401)
        assert ask(client, "GET", path, headers=reader).status_int in (200, 404)
    refused(ask(client, "POST", of(thing["id"]), b"{}", reader), 403)
    refused(ask(client, "DELETE", at("c8y_Serial", "4711"), headers=reader), 403)


def test_a_condition_on_a_removal_is_refused(client, ask, refused, thing, add):
    add(thing)
    refused(ask(client, "DELETE", at("c8y_Serial", "4711"), headers={"If-Match": '"x"'}), 412)
    assert client.get(at("c8y_Serial", "4711")).status_int == 200


def test_of_sixteen_that_claim_an_external_id_one_wins(client, race, add):
    things = [client.post_json(OBJECTS, {}, headers=JSON).json for _ in range(16)]
    answers = race(16, lambda n: add(things[n], expect_errors=True))
    won = [n for n, answer in enumerate(answers) if answer.status_int == 201]
    assert sorted(answer.status_int for answer in answers) == [201] + 15 * [409]
    assert client.get(at("c8y_Serial", "4711")).json["managedObject"]["id"] == things[won[0]]["id"]


def test_a_damaged_external_id_is_500_and_out_of_the_list(client, ask, refused, thing, add):
    add(thing, "1")
    add(thing, "2")
    path = next(p for p in client.root.glob("identities/*/*") if b'"externalId":"1"' in p.read_bytes())
    path.write_bytes(b"{}\n")
    refused(ask(client, "GET", at("c8y_Serial", "1")), 500)
    assert [e["externalId"] for e in client.get(of(thing["id"]), headers=JSON).json["externalIds"]] == ["2"]
