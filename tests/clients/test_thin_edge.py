"""The requests of thin-edge.io: of `tedge upload c8y`, and of the mapper that uploads logs and configurations.

Source: thin-edge.io, crates/core/tedge/src/cli/upload/c8y.rs; crates/common/upload/src/upload.rs;
crates/extensions/c8y_mapper_ext/src/operations/upload.rs; reqwest, src/async_impl/{request,multipart}.rs.
The command sets the type of the form itself, and reqwest appends its own, which has the boundary: two fields. The
mapper asks with HEAD first and looks at nothing of the answer. Names of fields are in small letters. What a device
sends goes through the proxy on it, which adds the account and opens connections of its own.
"""

import json

import pytest
from replaying import EVERY_BYTE, Wire, filled, new_device

CLIENT = "thin-edge.io, replayed"
BOUNDARY = "5b0b7b3ee2c3b7b1-0f6c9d0f3e5a7a52-9b8a8d2d1c9f4e73-3a7d1f0c2b6e5d48"

IDENTITY = """
GET /identity/externalIds/c8y_Serial/<serial> HTTP/1.1
accept: */*
authorization: Basic <token>
host: c8y.test

"""
CREATE = """
POST /event/events/ HTTP/1.1
accept: application/json
content-type: application/json
authorization: Basic <token>
host: c8y.test
content-length: <length>

"""
UPLOAD = """
POST /event/events/<id>/binaries HTTP/1.1
accept: application/json
content-type: multipart/form-data
content-type: multipart/form-data; boundary=<boundary>
authorization: Basic <token>
host: c8y.test
content-length: <length>

"""
FORM = """--<boundary>
Content-Disposition: form-data; name="type"

<type>
--<boundary>
Content-Disposition: form-data; name="file"; filename="sample.txt"
Content-Type: <type>

"""
HEAD = """
HEAD /event/events/<id>/binaries HTTP/1.1
accept: */*
authorization: Basic <token>
host: c8y.test

"""
MAPPER_UPLOAD = """
POST /event/events/<id>/binaries HTTP/1.1
content-type: multipart/form-data; boundary=<boundary>
content-length: <length>
accept: */*
authorization: Basic <token>
host: c8y.test

"""
MAPPER_FORM = """--<boundary>
Content-Disposition: form-data; name="file"; <name>
Content-Type: text/plain

"""
LARGE_BODY = """
HEAD /tenant/currentTenant HTTP/1.1
accept: */*
authorization: Basic <token>
host: c8y.test

"""


def form(head: str, data: bytes, **values: str) -> bytes:
    return filled(head, boundary=BOUNDARY, **values).encode() + data + f"\r\n--{BOUNDARY}--\r\n".encode()


def create(wire: Wire, source: str = "4711") -> str:
    event = {
        "source": {"id": source},
        "type": "tedge_UploadedFile",
        "time": "2026-11-24T12:00:00.123456789Z",
        "text": "Uploaded file: sample.txt",
        "c8y_Custom": {"key": "value"},
    }
    answer = wire.replay(CREATE, json.dumps(event, separators=(",", ":")).encode())
    assert answer.status == 201
    return str(json.loads(answer.body)["id"])


def test_a_device_is_looked_up_by_its_serial_number_before_its_event(wire: Wire) -> None:
    missing = wire.replay(IDENTITY, serial="child01")
    assert missing.status == 404  # it tries again then
    made = new_device(wire, "child01", serial="child01")
    found = json.loads(wire.replay(IDENTITY, serial="child01").body)
    assert (found["managedObject"]["id"], found["externalId"]) == (made, "child01")
    event = wire.read(f"/event/events/{create(wire, made)}")
    assert event["source"]["id"] == made


def test_the_proxy_asks_for_the_tenant_before_a_large_body(wire: Wire) -> None:
    answer = wire.replay(LARGE_BODY)
    assert (answer.status, answer.body) == (200, b"")
    assert wire.replay(LARGE_BODY.replace("<token>", "bm9ib2R5Om5v")).status == 401


def test_an_event_with_nanoseconds_is_posted_to_an_address_that_ends_in_a_slash(wire: Wire) -> None:
    event = wire.read(f"/event/events/{create(wire)}")
    assert (event["time"], event["c8y_Custom"]) == ("2026-11-24T12:00:00.123Z", {"key": "value"})


@pytest.mark.parametrize("media_type", ["text/plain", "application/octet-stream", "application/json"])
def test_tedge_upload_has_two_content_types_and_its_file_is_attached(wire: Wire, media_type: str) -> None:
    event_id = create(wire)
    body = form(FORM, EVERY_BYTE, type=media_type)
    assert wire.replay(UPLOAD, body, id=event_id, boundary=BOUNDARY).status == 201
    shown = {"type": media_type, "name": "sample.txt", "length": len(EVERY_BYTE)}
    assert wire.read(f"/event/events/{event_id}")["c8y_IsBinary"] == shown


@pytest.mark.parametrize(
    ("sent", "name"),
    [
        ('filename="child01_mosquitto.log"', "child01_mosquitto.log"),
        ("filename*=utf-8''child01_gr%C3%B6%C3%9Fe.log", "child01_größe.log"),
    ],
)
def test_the_mapper_asks_with_head_and_its_file_is_attached(wire: Wire, sent: str, name: str) -> None:
    event_id = create(wire)
    asked = wire.replay(HEAD, id=event_id)
    assert asked.status == 404
    assert int(asked.fields["Content-Length"]) > 0
    # On the same connection, so an answer to HEAD with a body would be read as the next one's.
    answer = wire.replay(
        MAPPER_UPLOAD, form(MAPPER_FORM, EVERY_BYTE, name=sent), id=event_id, boundary=BOUNDARY
    )
    assert answer.status == 201
    assert json.loads(answer.body)["self"] == f"http://c8y.test/event/events/{event_id}/binaries"
    shown = {"type": "text/plain", "name": name, "length": len(EVERY_BYTE)}
    assert wire.read(f"/event/events/{event_id}")["c8y_IsBinary"] == shown
    asked = wire.replay(HEAD, id=event_id)
    assert (asked.status, asked.fields["Content-Length"]) == (200, str(len(EVERY_BYTE)))
