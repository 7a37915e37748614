"""The requests of go-c8y-cli: what Go's net/http makes of the calls of its library.

Source: reubenmiller/go-c8y, pkg/c8y/event.go, utils.go and client.go; go-c8y-cli, api/spec/yaml/events.yaml.
The form is written through a pipe, so its length is unknown and it goes in chunked transfer coding: one chunk for
the part's header, one for each read of the file, one for the end. Go escapes a quote in a name by a backslash.
A file as a plain body is of unknown length too; the command calls it octet-stream, the library JSON, whatever it is.
"""

import json

import pytest
from replaying import EVERY_BYTE, USER, Wire, filled, new_device
from server_tools import coded

CLIENT = "go-c8y-cli, replayed"
BOUNDARY = "9d2ee3dc4b7ab1a1f4ff5a2a7f1d0d8dbeb16a0e4b45e0c5d6bd4b9f7c3a"

CREATE = """
POST /event/events HTTP/1.1
Host: c8y.test
User-Agent: go-client
Content-Length: <length>
Accept: application/json
Authorization: Basic <token>
Content-Type: application/json
X-Application: go-client
Accept-Encoding: gzip

"""
POST = """
POST /event/events/<id>/binaries HTTP/1.1
Host: c8y.test
User-Agent: Go-http-client/1.1
Transfer-Encoding: chunked
Accept: application/json
Authorization: Basic <token>
Content-Type: multipart/form-data; boundary=<boundary>
Accept-Encoding: gzip

"""
PART = """--<boundary>
Content-Disposition: form-data; name="file"; filename="<name>"
Content-Type: <type>

"""
PUT = """
PUT /event/events/<id>/binaries HTTP/1.1
Host: c8y.test
User-Agent: go-client
Transfer-Encoding: chunked
Accept: application/json
Authorization: Basic <token>
Content-Type: <type>
X-Application: go-client
Accept-Encoding: gzip

"""
GET = """
GET <path> HTTP/1.1
Host: c8y.test
User-Agent: go-client
Accept: <accept>
Authorization: Basic <token>
X-Application: go-client
Accept-Encoding: gzip

"""
DELETE = """
DELETE /event/events/<id>/binaries HTTP/1.1
Host: c8y.test
User-Agent: go-client
Accept: application/json
Authorization: Basic <token>
X-Application: go-client
Accept-Encoding: gzip

"""


def create(wire: Wire, source: str = "4711", time: str = "2026-11-24T12:00:00.123456789Z") -> str:
    event = {"source": {"id": source}, "text": "a text", "time": time, "type": "c8y_TestEvent"}
    answer = wire.replay(CREATE, json.dumps(event, separators=(",", ":")).encode() + b"\n")
    assert answer.status == 201
    return str(json.loads(answer.body)["id"])


def upload(wire: Wire, event_id: str, name: str, media_type: str, data: bytes) -> dict[str, object]:
    part = filled(
        PART, boundary=BOUNDARY, name=name.replace("\\", "\\\\").replace('"', '\\"'), type=media_type
    )
    blocks = [data[at : at + 512] for at in range(0, len(data), 512)]
    body = coded(part.encode(), *blocks, f"\r\n--{BOUNDARY}--\r\n".encode())
    answer = wire.replay(POST, body, id=event_id, boundary=BOUNDARY)
    assert answer.status == 201
    # Go reads strings and whole numbers into fields of those types, and fails on any other.
    told: dict[str, object] = json.loads(answer.body)
    assert {type(told[name]) for name in ("self", "type", "source")} == {str}
    assert type(told["length"]) is int
    assert answer.fields["Content-Type"].startswith("application/json")
    return told


def test_a_login_with_an_account_works(wire: Wire) -> None:
    found = {}
    for path in ("/tenant/loginOptions", "/tenant/currentTenant", "/user/currentUser"):
        answer = wire.replay(GET, path=path, accept="application/json")
        assert answer.status == 200
        found[path] = json.loads(answer.body)
    assert [each["type"] for each in found["/tenant/loginOptions"]["loginOptions"]] == ["BASIC"]
    assert found["/tenant/currentTenant"]["name"]
    assert found["/user/currentUser"]["userName"] == USER


def test_a_device_is_looked_up_by_its_name(wire: Wire) -> None:
    made = new_device(wire, "pump 1")
    path = "/inventory/managedObjects?q=%24filter%3D%28name+eq+%27pump+1%27%29+%24orderby%3Dname"
    answer = wire.replay(GET, path=path, accept="application/json")
    assert [each["id"] for each in json.loads(answer.body)["managedObjects"]] == [made]
    assert create(wire, made)


def test_a_form_through_a_pipe_is_attached(wire: Wire) -> None:
    event_id = create(wire)
    told = upload(wire, event_id, "agent.log", "text/plain; charset=utf-8", EVERY_BYTE)
    assert (told["name"], told["type"]) == ("agent.log", "text/plain; charset=utf-8")
    assert (told["source"], told["length"]) == (event_id, len(EVERY_BYTE))


@pytest.mark.parametrize(
    "name", ['a "quoted" name.txt', "größe.txt", "semi;colon, comma.txt", "it's 100%.txt"]
)
def test_a_name_that_go_escapes_or_leaves_raw_is_kept(wire: Wire, name: str) -> None:
    event_id = create(wire)
    assert upload(wire, event_id, name, "application/octet-stream", b"x")["name"] == name
    assert wire.read(f"/event/events/{event_id}")["c8y_IsBinary"]["name"] == name


def test_a_download_is_not_compressed_and_names_the_file(wire: Wire) -> None:
    event_id = create(wire)
    upload(wire, event_id, "agent.log", "text/plain", EVERY_BYTE)
    answer = wire.replay(GET, path=f"/event/events/{event_id}/binaries", accept="*/*")
    assert (answer.status, answer.body) == (200, EVERY_BYTE)
    assert "Content-Encoding" not in answer.fields
    assert answer.fields["Content-Disposition"] == 'attachment; filename="agent.log"'
    assert answer.fields["Content-Type"] == "text/plain"


@pytest.mark.parametrize("media_type", ["application/octet-stream", "application/json"])
def test_an_update_of_unknown_length_replaces(wire: Wire, media_type: str) -> None:
    event_id = create(wire)
    upload(wire, event_id, "agent.log", "text/plain", b"old")
    answer = wire.replay(PUT, coded(EVERY_BYTE[:1000], EVERY_BYTE[1000:]), id=event_id, type=media_type)
    told = json.loads(answer.body)
    assert (answer.status, told["source"], told["length"]) == (201, event_id, len(EVERY_BYTE))
    assert told["self"]
    answer = wire.replay(GET, path=f"/event/events/{event_id}/binaries", accept="*/*")
    assert (answer.status, answer.body) == (200, EVERY_BYTE)


def test_after_a_deletion_the_download_fails(wire: Wire) -> None:
    event_id = create(wire)
    upload(wire, event_id, "agent.log", "text/plain", b"old")
    answer = wire.replay(DELETE, id=event_id)
    assert (answer.status, answer.body) == (204, b"")
    assert wire.replay(GET, path=f"/event/events/{event_id}/binaries", accept="*/*").status == 404


def test_the_next_link_is_followed_to_the_end(wire: Wire) -> None:
    made = [create(wire, "4712", f"2026-11-24T12:0{minute}:00Z") for minute in range(3)]
    path = "/event/events?dateFrom=2026-11-24T12%3A00%3A00Z&pageSize=2&source=4712&withTotalPages=true"
    found: list[str] = []
    for _ in range(2):
        answer = wire.replay(GET, path=path, accept="application/json")
        page = json.loads(answer.body)
        found += [event["id"] for event in page["events"]]
        assert page["statistics"]["totalPages"] == 2
        path = page.get("next", "").partition("http://c8y.test")[2]
    assert (found, path) == (made[::-1], "")
