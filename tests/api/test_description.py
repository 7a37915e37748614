"""/openapi.json: valid OpenAPI 3.1, and of the application as it is."""

import re

import pytest

from c8ybin import __version__
from c8ybin.api import Links
from c8ybin.api.app import routes
from c8ybin.api.problems import STATUS
from c8ybin.bodies import Intake
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
    event = client.create_event()
    for name, _ in operations(document):
        method, path = name.split()
        answer = ask(client, method, path.format(event_id=event), b"{}")
        assert answer.status_int not in (405, 500)
        assert b"There is nothing at this address" not in answer.body


def test_every_operation_has_responses_summary_and_its_own_id(document):
    seen = []
    for name, operation in operations(document):
        assert set(operation) <= {
            "summary", "description", "operationId", "parameters", "requestBody", "responses", "security", "tags",
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
        assert ({"basic": []} in operation["security"]) == bool(operation["security"]) == bool(role), name
        assert {s for way in operation["security"] for s in way} <= set(
            document["components"]["securitySchemes"]
        )
        assert role is None or role in operation["description"], name
        assert ("401" in operation["responses"]) == ("403" in operation["responses"]) == bool(role), name
    assert document["components"]["securitySchemes"]["basic"] == {"type": "http", "scheme": "basic"}


def test_every_status_of_an_error_has_a_response_with_the_errors_body(document):
    responses = document["components"]["responses"]
    assert {int(status) for status in responses} == {status for status, _ in STATUS.values()} | {507}
    for response in responses.values():
        assert response["description"].strip()
        content = response["content"]["application/vnd.com.nsn.cumulocity.error+json"]
        assert content["schema"] == {"$ref": "#/components/schemas/Error"}
    assert document["components"]["schemas"]["Error"]["required"] == ["error", "message", "info"]


def test_query_parameters_are_those_that_the_code_reads(document):
    collection = document["paths"]["/event/events"]

    def names(method):
        return [p["name"] for p in collection[method]["parameters"] if p["in"] == "query"]

    assert names("get") == [p.name for p in (*FILTERS, *PAGES, *RELATED)]
    assert names("delete") == [p.name for p in FILTERS]
    assert "parameters" not in collection["post"]
    by_name = {p["name"]: p for p in collection["get"]["parameters"]}
    assert by_name["pageSize"]["schema"] == {"type": "integer", "minimum": 1, "default": 5, "maximum": 2000}
    assert by_name["revert"]["schema"] == {"type": "boolean"}
    assert by_name["currentPage"]["schema"] == {"type": "integer", "minimum": 1}


def test_limits_are_those_of_the_server(make_client):
    text = str(make_client().get("/openapi.json").json["paths"]["/event/events/{event_id}/binaries"])
    assert "50 MiB" in text
    assert "5 MiB" in text
    small = make_client(max_binary=7 * 1024, max_chunk=3 * 1024).get("/openapi.json")
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
    }
    kinds = {"string": str, "integer": int, "object": dict, "array": list}
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
