"""The requests of the dynamic mapper: it attaches what a mapped message carries as Base64.

Source: cumulocity-dynamic-mapper, core/BinaryAttachmentService.java; Spring's FormHttpMessageConverter.
Its form repeats the file in `object`, as the Base64 that it came as. With "overwrite" it sends PUT without looking,
and names the file in the request's own Content-Disposition. It creates events by the Java SDK.
"""

import base64
import json

import pytest
from replaying import EVERY_BYTE, MAX_BINARY, Wire, filled

CLIENT = "dynamic-mapper, replayed"
BOUNDARY = "Xq3_7bN-k1vPz9LmRt5WcY2dHs8fJgA4"

CREATE = """
POST /event/events HTTP/1.1
Accept: application/vnd.com.nsn.cumulocity.event+json;charset=UTF-8;ver=0.9
Content-Type: application/vnd.com.nsn.cumulocity.event+json;charset=UTF-8;ver=0.9
Authorization: Basic <token>
X-Cumulocity-Processing-Mode: PERSISTENT
User-Agent: Java/17.0.13
Host: c8y.test
Connection: keep-alive
Content-Length: <length>

"""
POST = """
POST /event/events/<id>/binaries HTTP/1.1
Accept: application/json
Content-Type: multipart/form-data;boundary=<boundary>
Authorization: Basic <token>
User-Agent: Java/17.0.13
Host: c8y.test
Connection: keep-alive
Content-Length: <length>

"""
OBJECT = """--<boundary>
Content-Disposition: form-data; name="object"
Content-Type: application/json

"""
FILE = """
--<boundary>
Content-Disposition: form-data; name="file"; filename="<name>"
Content-Type: <type>
Content-Length: <size>

"""
PUT = """
PUT /event/events/<id>/binaries HTTP/1.1
Authorization: Basic <token>
Accept: application/json
Content-Type: application/octet-stream
Content-Disposition: attachment; filename="<name>"
User-Agent: Java/17.0.13
Host: c8y.test
Connection: keep-alive
Content-Length: <length>

"""


def create(wire: Wire) -> str:
    event = {
        "source": {"id": "4711"},
        "type": "c8y_Test",
        "time": "2026-11-24T13:00:00.000+01:00",
        "text": "t",
    }
    answer = wire.replay(CREATE, json.dumps(event).encode())
    assert answer.status == 201
    assert answer.fields["Content-Type"].startswith("application/vnd.com.nsn.cumulocity.event+json;")
    return str(json.loads(answer.body)["id"])


@pytest.mark.parametrize("data", [EVERY_BYTE, b"", bytes(MAX_BINARY)], ids=["usual", "empty", "greatest"])
def test_a_form_that_repeats_the_file_as_base64_is_attached(wire: Wire, data: bytes) -> None:
    event_id = create(wire)
    described = {"name": "photo.png", "type": "image/png", "data": base64.b64encode(data).decode()}
    values = {"boundary": BOUNDARY, "name": "photo.png", "type": "image/png", "size": str(len(data))}
    body = filled(OBJECT, **values).encode() + json.dumps(described).encode()
    body += filled(FILE, **values).encode() + data + f"\r\n--{BOUNDARY}--\r\n".encode()
    answer = wire.replay(POST, body, id=event_id, boundary=BOUNDARY)
    shown = {"type": "image/png", "name": "photo.png", "length": len(data)}
    assert (answer.status, json.loads(answer.body)["length"]) == (201, len(data))
    assert wire.read(f"/event/events/{event_id}")["c8y_IsBinary"] == shown


def test_overwriting_creates_and_replaces_under_the_name_of_the_header(wire: Wire) -> None:
    event_id = create(wire)
    for name, data in (("first.bin", b"first"), ("second.bin", EVERY_BYTE)):
        answer = wire.replay(PUT, data, id=event_id, name=name)
        told = json.loads(answer.body)
        assert (answer.status, told["name"], told["length"]) == (201, name, len(data))
        assert told["type"] == "application/octet-stream"
    assert wire.read(f"/event/events/{event_id}")["c8y_IsBinary"]["name"] == "second.bin"
