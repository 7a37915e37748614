"""The requests of the Java client: forms by Jersey, raw bodies, and the types that it accepts.

Source: SoftwareAG/cumulocity-clients-java-v2, client/api/AttachmentsApi.java; Jersey's MultiPartWriter, which sends
MIME-Version and begins each part with its type. Its Accept fields do not name application/json, and it reads only
the types that they name.
"""

import json

from replaying import EVERY_BYTE, Wire, filled

CLIENT = "Java SDK, replayed"
BOUNDARY = "Boundary_1_1536471338_1795521600000"
EVENT = "application/vnd.com.nsn.cumulocity.event+json"
ERROR = "application/vnd.com.nsn.cumulocity.error+json"

CREATE = f"""
POST /event/events HTTP/1.1
Accept: {ERROR}, {EVENT}
Authorization: Basic <token>
Content-Type: {EVENT}
X-Cumulocity-Processing-Mode: PERSISTENT
User-Agent: Jersey/3.0.4 (HttpUrlConnection 17.0.13)
Host: c8y.test
Connection: keep-alive
Content-Length: <length>

"""
UPLOAD = f"""
<method> /event/events/<id>/binaries HTTP/1.1
Accept: {ERROR}, {EVENT}
Authorization: Basic <token>
Content-Type: text/plain
User-Agent: Jersey/3.0.4 (HttpUrlConnection 17.0.13)
Host: c8y.test
Connection: keep-alive
Content-Length: <length>

"""
POST_FORM = f"""
POST /event/events/<id>/binaries HTTP/1.1
Accept: {ERROR}, {EVENT}
Authorization: Basic <token>
Content-Type: multipart/form-data;boundary=<boundary>
MIME-Version: 1.0
User-Agent: Jersey/3.0.4 (HttpUrlConnection 17.0.13)
Host: c8y.test
Connection: keep-alive
Content-Length: <length>

"""
FORM = """--<boundary>
Content-Type: application/json
Content-Disposition: form-data; name="object"

{"name":"hello.txt","type":"text/x-greeting"}
--<boundary>
Content-Type: text/plain
Content-Disposition: form-data; name="file"

"""
GET = f"""
GET /event/events/<id>/binaries HTTP/1.1
Accept: {ERROR}, application/octet-stream
Authorization: Basic <token>
User-Agent: Jersey/3.0.4 (HttpUrlConnection 17.0.13)
Host: c8y.test
Connection: keep-alive

"""
DELETE = """
DELETE /event/events/<id>/binaries HTTP/1.1
Accept: application/json
Authorization: Basic <token>
User-Agent: Jersey/3.0.4 (HttpUrlConnection 17.0.13)
Host: c8y.test
Connection: keep-alive

"""
LIST = """
GET /event/events?source=<source>&pageSize=5 HTTP/1.1
Accept: application/vnd.com.nsn.cumulocity.eventCollection+json;charset=UTF-8;ver=0.9
Authorization: Basic <token>
User-Agent: Jersey/2.9 (HttpUrlConnection 1.8.0_432)
Host: c8y.test
Connection: keep-alive

"""


def create(wire: Wire, source: str = "4711") -> str:
    event = {"source": {"id": source}, "type": "c8y_Test", "time": "2026-11-24T12:00:00Z", "text": "a text"}
    answer = wire.replay(CREATE, json.dumps(event).encode())
    assert (answer.status, answer.fields["Content-Type"].partition(";")[0]) == (201, EVENT)
    return str(json.loads(answer.body)["id"])


def test_a_raw_file_is_attached_and_replaced_under_the_id_of_its_event(wire: Wire) -> None:
    event_id = create(wire)
    for method, data in (("POST", b"first"), ("PUT", EVERY_BYTE)):
        answer = wire.replay(UPLOAD, data, id=event_id, method=method)
        assert (answer.status, answer.fields["Content-Type"].partition(";")[0]) == (201, EVENT)
        told = json.loads(answer.body)
        assert (told["name"], told["type"], told["length"]) == (event_id, "text/plain", len(data))
        answer = wire.replay(GET, id=event_id)
        assert (answer.status, answer.body) == (200, data)
        assert answer.fields["Content-Type"] == "text/plain"


def test_a_form_whose_file_has_no_name_is_attached_under_that_of_its_object(wire: Wire) -> None:
    event_id = create(wire)
    body = filled(FORM, boundary=BOUNDARY).encode() + EVERY_BYTE + f"\r\n--{BOUNDARY}--\r\n".encode()
    answer = wire.replay(POST_FORM, body, id=event_id, boundary=BOUNDARY)
    told = json.loads(answer.body)
    assert (answer.status, told["name"], told["type"]) == (201, "hello.txt", "text/x-greeting")
    assert told["length"] == len(EVERY_BYTE)


def test_errors_have_the_type_that_it_accepts(wire: Wire) -> None:
    event_id = create(wire)
    assert wire.replay(UPLOAD, b"first", id=event_id, method="POST").status == 201
    for answer, status in (
        (wire.replay(UPLOAD, b"second", id=event_id, method="POST"), 409),
        (wire.replay(GET, id="102522209"), 404),
    ):
        assert (answer.status, answer.fields["Content-Type"].partition(";")[0]) == (status, ERROR)
        assert set(json.loads(answer.body)) == {"error", "message", "info"}


def test_an_attachment_is_deleted(wire: Wire) -> None:
    event_id = create(wire)
    assert wire.replay(UPLOAD, b"first", id=event_id, method="POST").status == 201
    answer = wire.replay(DELETE, id=event_id)
    assert (answer.status, answer.body) == (204, b"")
    assert wire.replay(DELETE, id=event_id).status == 404


def test_a_collection_has_its_own_type_whatever_its_case(wire: Wire) -> None:
    event_id = create(wire, "4713")
    answer = wire.replay(LIST, source="4713")
    kind = answer.fields["Content-Type"].partition(";")[0].lower()
    assert (answer.status, kind) == (200, "application/vnd.com.nsn.cumulocity.eventcollection+json")
    assert [event["id"] for event in json.loads(answer.body)["events"]] == [event_id]
