"""/openapi.json: valid OpenAPI 3.1, and of the application as it is."""

import json
import re
from urllib.parse import urlencode

import pytest
from harness import EVENT

from c8ybin import __version__
from c8ybin.accounts import ROLES
from c8ybin.api import Links
from c8ybin.api.app import routes
from c8ybin.api.problems import REFUSED_ANYWHERE, STATUS
from c8ybin.bodies import Intake
from c8ybin.domain.inventory import OBJECT_FILTERS, OBJECT_PAGES
from c8ybin.domain.queries import FILTERS, PAGES, RELATED

METHODS = {"get", "put", "post", "delete", "options", "head", "patch", "trace"}


@pytest.fixture
def document(client):
    return client.get("/openapi.json").json


@pytest.fixture
def resources(store, intake):
    return routes(store, intake, Links())


def operations(document):
    for path, item in document["paths"].items():
        for method in METHODS & set(item):
            yield f"{method.upper()} {path}", item[method]


def nodes(node):
    yield node
    for child in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from nodes(child)


def resolve(document, reference):
    assert reference.startswith("#/")
    node = document
    for name in reference[2:].split("/"):
        node = node[name]
    return node


def test_is_served_to_everybody(client, ask):
    answer = ask(client, "GET", "/openapi.json", headers={"Authorization": ""})
    assert (answer.status_int, answer.content_type) == (200, "application/json")
    assert ask(client, "HEAD", "/openapi.json").status_int == 200


def test_says_that_what_needs_the_index_may_have_to_wait_for_it(document):
    for method in ("get", "delete"):
        assert "503" in document["paths"]["/event/events"][method]["responses"]


def test_has_what_openapi_3_1_requires(document):
    assert re.fullmatch(r"3\.1\.\d+", document["openapi"])
    assert document["info"]["title"] == "c8ybin"
    assert document["info"]["version"] == __version__
    assert set(document) <= {
        "openapi",
        "info",
        "servers",
        "paths",
        "components",
        "tags",
        "security",
        "externalDocs",
    }
    assert set(document["info"]["license"]) <= {"name", "identifier"}
    for path, item in document["paths"].items():
        assert path.startswith("/")
        assert set(item) <= METHODS | {"parameters", "summary", "description", "servers"}


def test_every_route_and_method_is_in_it_and_the_reverse(document, resources):
    served = {f"{method} {path}" for path, resource in resources.items() for method in resource.access}
    assert {name for name, _ in operations(document)} == served


def test_every_responder_of_a_resource_has_an_access(resources):
    for resource in resources.values():
        responders = {name[3:].upper() for name in dir(resource) if re.fullmatch("on_[a-z]+", name)}
        assert responders - {"HEAD"} == set(resource.access)
        assert ("HEAD" in responders) == ("GET" in responders)


def test_every_route_answers(document, client, ask):
    ids = {"event_id": client.create_event(), "type": "c8y_Serial", "external_id": "a", "file": "main.js"}
    for name, _ in operations(document):
        method, path = name.split()
        made = client.post_json("/inventory/managedObjects", {}, headers={"Accept": "*/*"})
        answer = ask(client, method, path.format(**ids, object_id=made.json["id"]), b"{}")
        assert answer.status_int not in (405, 500)
        assert b"There is nothing at this address" not in answer.body


def test_every_operation_has_responses_summary_and_its_own_id(document):
    seen = []
    for name, operation in operations(document):
        assert set(operation) <= {
            "summary", "description", "operationId", "parameters", "requestBody", "responses", "security", "tags",
                "x-codeSamples",
        }, name  # fmt: skip
        assert operation["summary"], name
        assert operation["responses"], name
        assert all(re.fullmatch(r"[2345]\d\d|default", status) for status in operation["responses"]), name
        assert any(status.startswith(("2", "3")) for status in operation["responses"]), name
        for response in operation["responses"].values():
            assert set(response) == {"$ref"} or response["description"], name
        assert re.fullmatch(r"\w+", operation["operationId"]), name
        seen.append(operation["operationId"])
    assert len(seen) == len(set(seen))


def test_every_reference_resolves(document):
    references = {
        n["$ref"] for n in nodes(document) if isinstance(n, dict) and isinstance(n.get("$ref"), str)
    }
    assert references
    assert all(isinstance(resolve(document, reference), dict) for reference in references)


def test_every_component_is_used(document):
    used = {n["$ref"] for n in nodes(document) if isinstance(n, dict) and isinstance(n.get("$ref"), str)}
    answered = {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}
    assert answered <= used


def test_parameters_of_the_path_are_described_and_no_others(document):
    for path, item in document["paths"].items():
        for method in METHODS & set(item):
            parameters = item.get("parameters", []) + item[method].get("parameters", [])
            assert all(
                p["name"] and p["schema"] and p["in"] in ("path", "query", "header") for p in parameters
            )
            assert all(p["required"] for p in parameters if p["in"] == "path")
            assert {p["name"] for p in parameters if p["in"] == "path"} == set(re.findall(r"\{(\w+)\}", path))
            assert len({(p["in"], p["name"]) for p in parameters}) == len(parameters)


def test_security_is_what_access_says(document, resources):
    for name, operation in operations(document):
        method, path = name.split()
        role = resources[path].access[method]
        assert operation["security"] == (
            [{"basic": []}, {"bearer": []}, {"certificate": []}] if role else []
        ), name
        assert {s for way in operation["security"] for s in way} <= set(
            document["components"]["securitySchemes"]
        )
        assert role is None or role in operation["description"], name
        assert ("401" in operation["responses"]) == bool(role), name
        assert ("403" in operation["responses"]) == (role in ROLES), name
        assert ("429" in operation["responses"]) == bool(role), name
    assert document["components"]["securitySchemes"]["bearer"]["scheme"] == "bearer"
    assert document["components"]["securitySchemes"]["basic"] == {"type": "http", "scheme": "basic"}


def test_every_status_of_an_error_has_a_response_with_the_errors_body(document):
    responses = document["components"]["responses"]
    assert {int(status) for status in responses} == {status for status, _ in STATUS.values()} | {
        507,
        *REFUSED_ANYWHERE,
    }
    for response in responses.values():
        assert response["description"].strip()
        content = response["content"]["application/vnd.com.nsn.cumulocity.error+json"]
        assert content["schema"] == {"$ref": "#/components/schemas/Error"}
    assert document["components"]["schemas"]["Error"]["required"] == ["error", "message", "info"]


def test_what_the_server_refuses_by_itself_is_described_everywhere(document):
    for name, operation in operations(document):
        assert {str(status) for status in REFUSED_ANYWHERE} <= operation["responses"].keys(), name


def test_query_parameters_are_those_that_the_code_reads(document):
    collection = document["paths"]["/event/events"]

    def names(method):
        return [p["name"] for p in collection[method]["parameters"] if p["in"] == "query"]

    assert names("get") == [p.name for p in (*FILTERS, *PAGES, *RELATED)]
    assert names("delete") == [p.name for p in FILTERS]
    assert "parameters" not in collection["post"]
    by_name = {p["name"]: p for p in collection["get"]["parameters"]}
    assert by_name["pageSize"]["schema"] == {"type": "integer", "minimum": 1, "default": 5}
    assert by_name["revert"]["schema"] == {"type": "boolean"}
    assert by_name["currentPage"]["schema"] == {"type": "integer", "minimum": 1}


def test_query_parameters_of_the_inventory_are_those_that_the_code_reads(document):
    parameters = document["paths"]["/inventory/managedObjects"]["get"]["parameters"]
    assert [p["name"] for p in parameters] == [p.name for p in (*OBJECT_FILTERS, *OBJECT_PAGES)]


def test_limits_are_those_of_the_server(make_client):
    text = str(make_client().get("/openapi.json").json["paths"]["/event/events/{event_id}/binaries"])
    assert "50 MiB" in text
    assert "5 MiB" in text
    small = make_client(max_binary=7 * 1024, max_chunk=3 * 1024).get("/openapi.json")
    assert small.json["info"]["x-limits"] == {"binaryBytes": 7 * 1024, "chunkBytes": 3 * 1024}
    text = str(small.json["paths"]["/event/events/{event_id}/binaries"])
    assert "7 KiB" in text
    assert "3 KiB" in text
    assert "50 MiB" not in text


def test_changes_have_a_request_body_and_reads_do_not(document):
    for name, operation in operations(document):
        assert ("requestBody" in operation) == name.startswith(("POST", "PUT")), name


def test_answers_have_what_their_schemas_require(document, client, ask):
    """Each schema's required and known members, and their types, against a real answer."""
    event = client.create_event()
    url, accept = client.binaries(event), {"Accept": "application/json"}
    answers = {
        "Links": ask(client, "GET", "/event"),
        "IncompleteBinary": ask(client, "POST", url, b"x", {"Content-Range": "0-0/*"}),
        "Binary": ask(client, "PUT", url, b"x"),
        "Event": ask(client, "GET", f"/event/events/{event}", headers=accept),
        "EventCollection": ask(client, "GET", "/event/events"),
        "Error": ask(client, "GET", "/event/events/1"),
        "ManagedObject": ask(client, "POST", "/inventory/managedObjects", b'{"name": "n"}', accept),
        "ManagedObjectCollection": ask(client, "GET", "/inventory/managedObjects?pageSize=1"),
        "Tenant": ask(client, "GET", "/tenant/currentTenant"),
        "LoginOptions": ask(client, "GET", "/tenant/loginOptions"),
        "User": ask(client, "GET", "/user/currentUser"),
    }
    own = f"/identity/globalIds/{answers['ManagedObject'].json['id']}/externalIds"
    answers |= {
        "ExternalId": ask(client, "POST", own, b'{"type": "c8y_Serial", "externalId": "a"}'),
        "ExternalIdCollection": ask(client, "GET", own),
    }
    kinds = {"string": str, "integer": int, "object": dict, "array": list, "boolean": bool}
    for name, answer in answers.items():
        schema = document["components"]["schemas"][name]
        assert set(schema["required"]) <= set(schema["properties"]), name
        assert set(schema["required"]) <= set(answer.json), name
        assert name in ("Links", "Event") or set(answer.json) <= set(schema["properties"]), name
        for member, kind in schema["properties"].items():
            if member in answer.json and "type" in kind:
                assert isinstance(answer.json[member], kinds[kind["type"]]), (name, member)
            if member in answer.json and "const" in kind:
                assert answer.json[member] == kind["const"]


def test_links_lead_to_operations_and_to_their_parameters(document):
    by_id = {o["operationId"]: name.split()[1] for name, o in operations(document)}
    found = [n["links"] for n in nodes(document["paths"]) if isinstance(n, dict) and "links" in n]
    assert found
    for links in found:
        for link in links.values():
            address = by_id[link["operationId"]]
            assert set(link["parameters"]) == set(re.findall(r"\{(\w+)\}", address))


def test_conditions_are_described_where_they_are_looked_at(document):
    for name, operation in operations(document):
        has = {"If-Match", "If-None-Match"} <= {p["name"] for p in operation.get("parameters", [])}
        assert has == ("412" in operation["responses"] and name != "DELETE /event/events"), name


@pytest.mark.parametrize(
    ("text", "is_accepted"),
    [
        ("2026-11-24", True),
        ("2026-11-24T12:00:00.000Z", True),
        ("2026-11-24 12:00+0130", True),
        ("2026-11-24t12:00:00,123456789123-01", True),
        ("", False),
        ("24.11.2026", False),
        ("2026-11-24T12", False),
        ("2026-11-24\n", False),
        ("\u0662\u0660\u0662\u0666-11-24", False),
    ],
)
def test_pattern_of_times_says_what_is_accepted(client, ask, document, text, is_accepted):
    for member in (
        document["components"]["schemas"]["NewEvent"]["properties"]["time"],
        next(p for p in document["paths"]["/event/events"]["get"]["parameters"] if p["name"] == "dateTo")[
            "schema"
        ],
    ):
        assert bool(re.search(member["pattern"].replace("$", r"\Z"), text)) == is_accepted
    body = json.dumps(EVENT | {"time": text}).encode()
    assert ask(client, "POST", "/event/events", body).status_int == (201 if is_accepted else 422)
    answer = ask(client, "GET", f"/event/events?{urlencode({'dateTo': text})}")
    assert answer.status_int == (200 if is_accepted else 422)


@pytest.mark.parametrize(
    ("text", "is_accepted"),
    [("0-0/*", True), ("bytes 0-0/2", True), ("BYTES  0-0/*", True), ("0-0", False), ("items 0-0/1", False)],
)
def test_pattern_of_content_range_says_what_is_accepted(client, ask, document, text, is_accepted):
    event = client.create_event()
    parameters = document["paths"]["/event/events/{event_id}/binaries"]["put"]["parameters"]
    pattern = next(p for p in parameters if p["name"] == "Content-Range")["schema"]["pattern"]
    assert bool(re.search(pattern, text)) == is_accepted
    answer = ask(client, "PUT", client.binaries(event), b"x", {"Content-Range": text})
    assert answer.status_int == (200 if is_accepted else 400)


def test_what_is_accepted_is_within_the_schemas(client, ask, document):
    """A page that is trimmed, members that are null or passed over."""
    for path in ("/event/events", "/inventory/managedObjects"):
        size = next(p for p in document["paths"][path]["get"]["parameters"] if p["name"] == "pageSize")
        assert "maximum" not in size["schema"]
        assert ask(client, "GET", f"{path}?pageSize=2001").status_int == 200
    known = document["components"]["schemas"]["NewEvent"]["properties"]["source"]["properties"]
    assert set(known) == {"id"}
    body = json.dumps(EVENT | {"source": {"id": "1", "self": {}}}).encode()
    assert ask(client, "POST", "/event/events", body).status_int == 201
    for schema in document["components"]["schemas"]["NewManagedObject"]["properties"].values():
        assert schema["type"] == ["string", "null"]
    body = b'{"name": null, "type": null, "owner": null}'
    assert ask(client, "POST", "/inventory/managedObjects", body).status_int == 201


CASES = [
    ("GET", "/event/events?pageSize=0", b"", {}, 422),
    ("POST", "/event/events", b"{", {}, 400),
    ("POST", "/event/events", b"{}", {}, 422),
    ("POST", "/event/events", b" " * (1024 * 1024 + 1), {}, 413),
    ("DELETE", "/event/events?x=1", b"", {}, 422),
    ("GET", "/event/events/{}", b"", {"If-Match": '"x"'}, 412),
    ("GET", "/event/events/{}", b"", {"If-None-Match": "*"}, 304),
    ("PUT", "/event/events/{}", b"[]", {}, 422),
    ("PUT", "/event/events/{}", b"{", {}, 400),
    ("PUT", "/event/events/{}", b"{}", {"If-Match": '"x"'}, 412),
    ("DELETE", "/event/events/{}", b"", {"If-Match": '"x"'}, 412),
    ("GET", "/event/events/{}/binaries", b"", {}, 200),
    ("GET", "/event/events/{}/binaries", b"", {"Range": "bytes=0-0"}, 206),
    ("GET", "/event/events/{}/binaries", b"", {"Range": "bytes=9-"}, 416),
    ("GET", "/event/events/{}/binaries", b"", {"If-None-Match": "*"}, 304),
    ("GET", "/event/events/{}/binaries", b"", {"If-Match": '"x"'}, 412),
    ("POST", "/event/events/{}/binaries", b"x", {}, 409),
    ("PUT", "/event/events/{}/binaries", b"x", {"Content-Range": "x"}, 400),
    ("PUT", "/event/events/{}/binaries", b"x", {"Content-Range": "0-0/2"}, 200),
    ("PUT", "/event/events/{}/binaries", b"x", {"Content-Range": "0-0/999999999"}, 413),
    ("PUT", "/event/events/{}/binaries", b"x", {"If-Match": '"x"'}, 412),
    ("PUT", "/event/events/{}/binaries", b"x", {}, 201),
    ("DELETE", "/event/events/{}/binaries", b"", {"If-Match": '"x"'}, 412),
]


@pytest.mark.parametrize(("method", "path", "body", "headers", "status"), CASES)
def test_status_that_an_operation_answers_is_described(
    client, ask, document, method, path, body, headers, status
):
    event = client.create_event()
    ask(client, "PUT", client.binaries(event), b"x")
    assert ask(client, method, path.format(event), body, headers).status_int == status
    described = document["paths"][path.partition("?")[0].format("{event_id}")][method.lower()]["responses"]
    assert str(status) in described


def test_intake_of_the_description_is_the_servers(store, tmp_path):
    """The description is made from the limits that the uploads are held against."""
    intake = Intake(store.folder, max_binary=12345)
    text = routes(store, intake, Links())["/openapi.json"]._data.decode()
    assert "12345 bytes" in text
    intake.close()
