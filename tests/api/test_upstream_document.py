"""The upstream document of the binaries resource, sentence by sentence, in its order.

Each docstring or `sentence` quotes it; tests/api/test_binaries_*.py test the rest.
"""

import hashlib
import re

import pytest

from c8ybin.accounts import ADMIN, EVENT_ADMIN, EVENT_READ

VND_EVENT = "application/vnd.com.nsn.cumulocity.event+json;charset=UTF-8;ver=0.9"
CONTENT = b"content-body"


@pytest.fixture
def post(client, ask, url):
    """POST to the binaries of `event`."""

    def send(body=CONTENT, **headers):
        return ask(client, "POST", url, body, {name.replace("_", "-"): v for name, v in headers.items()})

    return send


def test_store_retrieve_and_delete(client, ask, post, url):
    """The events Rest API has the possibility to store/retrieve and delete binaries for events."""
    assert post().status_int == 201
    assert ask(client, "GET", url).body == CONTENT
    assert ask(client, "DELETE", url).status_int == 204
    assert ask(client, "GET", url).status_int == 404


def test_one_binary(client, ask, post, url):
    """Every event can have one binary attached."""
    other = client.create_event()
    assert post(b"first").status_int == 201
    assert post(b"second").status_int == 409
    assert ask(client, "POST", client.binaries(other), b"of the other").status_int == 201
    assert ask(client, "GET", url).body == b"first"
    assert ask(client, "GET", client.binaries(other)).body == b"of the other"


# ### GET - Download a binary


def test_get_takes_the_read_role(client, ask, post, url, as_user):
    """Required role: ROLE_EVENT_READ"""
    post()
    assert ask(client, "GET", url, headers=as_user(client, "reader", "ROLE_EVENT_READ")).status_int == 200
    assert ask(client, "GET", url, headers=as_user(client, "writer", EVENT_ADMIN, ADMIN)).status_int == 403


def test_get_with_authorization_and_host_alone(client, ask, post, url):
    """Example request: Authorization {{auth}}, Host {{hostname}};
    GET <<url>>/event/events/<<eventId>>/binaries
    """
    post()
    answer = ask(client, "GET", url, headers={"Host": "hostname"})
    assert (answer.status_int, answer.body) == (200, CONTENT)


def test_response_when_binary_exists(client, ask, post, url):
    """Response when binary exists: 200 OK, Content-Disposition attachment; filename=”file.txt”, <<content-body>>

    The table's Content-Type, application/vnd.com.nsn.cumulocity.event+json;ver=..., is an artefact: an older
    copy of the text has <<content-type>> (API.md, section 2).
    """
    post(Content_Type="text/plain", Content_Disposition='attachment; filename="file.txt"')
    answer = ask(client, "GET", url)
    assert answer.status == "200 OK"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="file.txt"'
    assert answer.headers["Content-Type"] == "text/plain"
    assert answer.body == CONTENT


SENTENCE_404 = (
    "Response when binary doesn't exists or is only partially uploaded or when event doesn't exist:"
    " 404 OK, <<error-message>>"
)


@pytest.mark.parametrize("sentence", [SENTENCE_404])
@pytest.mark.parametrize(
    "case", ["binary doesn't exists", "is only partially uploaded", "event doesn't exist"]
)
def test_response_when_there_is_nothing_to_get(client, ask, post, url, refused, sentence, case):
    assert case in sentence
    if case == "is only partially uploaded":
        assert post(b"0123", Content_Range="0-3/*").status_int == 200
    if case == "event doesn't exist":
        url = client.binaries("102522209")
    message = refused(ask(client, "GET", url), 404)
    expected = (
        "Finding event from database failed" if case == "event doesn't exist" else "Attachment not found"
    )
    assert message == expected


# ### POST - Upload a binary


def test_post_uploads_a_file_as_attachment(client, ask, post, url):
    """Using POST method it is possible to upload binary file as attachment to Event."""
    every_byte = bytes(range(256)) * 5
    assert post(every_byte).status_int == 201
    assert ask(client, "GET", url).body == every_byte


def test_attachment_over_the_limit(client, ask, url, refused, unchanged, untouched_body):
    """Size of attachment cannot exceed 50MB."""
    with unchanged(client):
        answer = ask(client, "POST", url, length=50 * 1024 * 1024 + 1, stream=untouched_body)
    assert "50 MiB" in refused(answer, 413)
    # One byte less is within it: this one is refused only because its bytes do not come.
    assert "Content-Length" in refused(ask(client, "POST", url, length=50 * 1024 * 1024), 400)


def test_post_takes_the_admin_role(client, ask, url, as_user):
    """Required role: ROLE_EVENT_ADMIN"""
    reader = as_user(client, "reader", EVENT_READ, ADMIN)
    assert ask(client, "POST", url, CONTENT, reader).status_int == 403
    writer = as_user(client, "writer", "ROLE_EVENT_ADMIN")
    assert ask(client, "POST", url, CONTENT, writer).status_int == 201


def test_successful_response(post, event):
    """Successful response: Content-Type application/vnd.com.nsn.cumulocity.event+json;ver=..., 201 Created,
    self <<url>>/event/events/<<eventId>>/binaries, type <<content-type>>, source <<eventId>>,
    length <<content-lenght>>
    """
    answer = post(Content_Type="text/x-log", Host="hostname")
    assert answer.status == "201 Created"
    assert answer.headers["Content-Type"] == VND_EVENT
    assert answer.json == {
        "self": f"http://hostname/event/events/{event}/binaries",
        "type": "text/x-log",
        "name": event,
        "source": event,
        "length": len(CONTENT),
    }


def test_response_when_event_does_not_exist(client, ask, refused):
    """Response when event doesn't exist: 404 NOT FOUND, <<error-message>>"""
    answer = ask(client, "POST", client.binaries("102522209"), CONTENT)
    assert refused(answer, 404, "event/Not Found") == "Finding event from database failed"


def test_response_when_binary_already_exists(client, ask, post, url, refused, unchanged):
    """Response when binary already exists: 409 CONFLICT, <<error-message>>"""
    post(b"first")
    with unchanged(client):
        assert refused(post(b"second"), 409, "Duplicate") == "Attachment already exists"
    assert ask(client, "GET", url).body == b"first"


@pytest.mark.parametrize("sentence", ["Corresponding event will have fragment: “c8y_IsBinary”: “type”"])
def test_event_has_the_fragment(client, post, event, event_of, sentence):
    assert "c8y_IsBinary" not in event_of(client, event)
    post(Content_Type="text/x-log")
    fragment = event_of(client, event)["c8y_IsBinary"]
    assert fragment == {"type": "text/x-log", "name": event, "length": len(CONTENT)}


# ### POST multipart/form-data - Upload a binary


def test_multipart_is_available(client, ask, post, url):
    """Uploading functionality is also available using multipart request."""
    form = (
        b"--b\r\n"
        b'Content-Disposition: form-data; name="file"; filename="a.bin"\r\n'
        b"\r\n" + CONTENT + b"\r\n--b--\r\n"
    )
    assert post(form, Content_Type="multipart/form-data; boundary=b").status_int == 201
    assert ask(client, "GET", url).body == CONTENT


def test_multipart_takes_the_admin_role(client, ask, url, as_user):
    """Required role: ROLE_EVENT_ADMIN (of POST multipart/form-data)"""
    headers = {"Content-Type": "multipart/form-data; boundary=--myBoundary"}
    reader = as_user(client, "reader", EVENT_READ, ADMIN)
    assert ask(client, "POST", url, EXAMPLE_FORM, headers | reader).status_int == 403
    writer = as_user(client, "writer", EVENT_ADMIN)
    assert ask(client, "POST", url, EXAMPLE_FORM, headers | writer).status_int == 201


EXAMPLE_FORM = (
    b"--myBoundary\r\n"
    b"Content-Type: application/octet-stream\r\n"
    b'Content-Disposition: form-data; name="file.txt"\r\n'
    b"\r\n" + CONTENT + b"\r\n"
    b"--myBoundary--"
)


@pytest.mark.parametrize("end", [b"", b"\r\n"])
@pytest.mark.parametrize("boundary", ["--myBoundary", "myBoundary", '"--myBoundary"'])
def test_example_multipart_request(client, ask, post, event, url, event_of, boundary, end):
    """Content-Type multipart/form-data; boundary=--myBoundary: the example's body, byte for byte, with the line
    ends of the wire. Successful response: 201 Created, type “application/octet-stream”, name “file.txt”.
    """
    answer = post(
        EXAMPLE_FORM + end, Content_Type=f"multipart/form-data; boundary={boundary}", Host="hostname"
    )
    assert answer.status == "201 Created"
    assert answer.headers["Content-Type"] == VND_EVENT
    assert answer.json == {
        "self": f"http://hostname/event/events/{event}/binaries",
        "type": "application/octet-stream",
        "name": "file.txt",
        "source": event,
        "length": len(CONTENT),
    }
    assert ask(client, "GET", url).body == CONTENT
    assert event_of(client, event)["c8y_IsBinary"]["name"] == "file.txt"


# ### POST content-range - Upload a binary

TEN = b"abcdefghij"


@pytest.mark.parametrize("sentence", ["Files can be uploaded in many chunks using “Content-Range” header."])
def test_many_chunks(client, ask, post, url, sentence):
    for at in range(9):
        assert post(TEN[at : at + 1], Content_Range=f"{at}-{at}/*").status_int == 200
    assert post(TEN[9:], Content_Range="9-9/10").status_int == 201
    assert ask(client, "GET", url).body == TEN


@pytest.mark.parametrize("sentence", ["“Content-Range” header is in format “start-stop/length” where:"])
@pytest.mark.parametrize(
    "value", ["0-3", "0/10", "0-3/", "-3/10", "start-stop/length", "0-3\\10", "0..3/10", ""]
)
def test_content_range_has_its_format(client, post, refused, unchanged, sentence, value):
    with unchanged(client):
        assert "start-stop/length" in refused(post(b"0123", Content_Range=value), 400)


@pytest.mark.parametrize(
    "sentence", ["“start” represents beginning of uploaded file, starting from 0,", "the byte after is 1"]
)
def test_start_is_counted_from_zero(client, ask, post, url, sentence):
    post(b"a", Content_Range="0-0/*")
    post(b"b", Content_Range="1-1/2")
    assert ask(client, "GET", url).body == b"ab"


@pytest.mark.parametrize("sentence", ['"stop” is end of file inclusive,'])
def test_stop_is_inclusive(client, post, refused, unchanged, sentence):
    with unchanged(client):
        refused(post(b"012", Content_Range="0-3/*"), 400)
        refused(post(b"01234", Content_Range="0-3/*"), 400)
    assert post(b"0123", Content_Range="0-3/4").json["length"] == 4


SENTENCE_LENGTH = (
    "“length” is length of whole document, the property is mandatory only in last chunk of file, in other cases "
    "it can be replaced with ‘*’"
)


@pytest.mark.parametrize("sentence", [SENTENCE_LENGTH])
@pytest.mark.parametrize(
    "lengths", [("*", "*", "10"), ("10", "*", "10"), ("10", "10", "10"), ("*", "10", "10")]
)
def test_length_is_mandatory_only_in_the_last(client, ask, post, url, sentence, lengths):
    first, second, last = lengths
    assert post(TEN[0:4], Content_Range=f"0-3/{first}").status_int == 200
    assert post(TEN[4:6], Content_Range=f"4-5/{second}").status_int == 200
    assert post(TEN[6:], Content_Range=f"6-9/{last}").status_int == 201
    assert ask(client, "GET", url).body == TEN


@pytest.mark.parametrize("sentence", [SENTENCE_LENGTH])
def test_without_a_length_the_last_chunk_is_not_the_last(client, ask, post, url, sentence):
    assert post(TEN, Content_Range="0-9/*").status_int == 200
    assert ask(client, "GET", url).status_int == 404


SENTENCE_TEN = "Ie having document with size 10 we can create chunks: “0-3/*”, “4-5/*”, “6-9/10”."


@pytest.mark.parametrize("sentence", [SENTENCE_TEN])
def test_document_with_size_10(client, ask, post, event, url, event_of, sentence):
    chunks = re.findall(r"\d+-\d+/[\d*]+", sentence)
    assert chunks == ["0-3/*", "4-5/*", "6-9/10"]
    first, second = post(TEN[:4], Content_Range=chunks[0]), post(TEN[4:6], Content_Range=chunks[1])
    assert (first.status_int, first.json["range"]) == (200, "0-3/*")
    assert (second.status_int, second.json["range"]) == (200, "0-5/*")
    last = post(TEN[6:], Content_Range=chunks[2])
    assert (last.status_int, last.json["length"]) == (201, 10)
    answer = ask(client, "GET", url)
    assert answer.body == TEN
    assert hashlib.sha256(TEN).digest() == hashlib.sha256(answer.body).digest()
    assert event_of(client, event)["c8y_IsBinary"]["length"] == 10


def test_chunk_over_the_limit(client, ask, url, refused, unchanged, untouched_body):
    """Size of single chunk cannot exceed 5MB."""
    most = 5 * 1024 * 1024
    with unchanged(client):
        headers = {"Content-Range": f"0-{most}/*"}
        answer = ask(client, "POST", url, b"", headers, length=most + 1, stream=untouched_body)
        assert "5 MiB" in refused(answer, 413)
        headers = {"Content-Range": f"0-{most - 1}/*"}
        assert "Content-Length" in refused(ask(client, "POST", url, b"", headers, length=most), 400)


def test_chunks_take_the_admin_role(client, ask, url, as_user):
    """Required role: ROLE_EVENT_ADMIN (of POST content-range)"""
    reader = as_user(client, "reader", EVENT_READ, ADMIN)
    chunk = {"Content-Range": "0-3/*"}
    assert ask(client, "POST", url, b"0123", chunk | reader).status_int == 403
    assert ask(client, "POST", url, b"0123", chunk | as_user(client, "writer", EVENT_ADMIN)).status_int == 200


BODY_400, BODY_100 = bytes(range(200)) * 2, bytes(range(100, 200))


def test_example_first_and_last_chunk_requests(client, ask, post, event, url, event_of):
    """Example first chunk request: Content-Range 0-399/*. Example response for first chunk: 200 OK, self,
    type, range 0-399/*, source.
    Corresponding event will have fragment: c8y_IsIncompleteBinary with range 0-399/*.
    Example last request: Content-Length 100, Content-Range 400-499/500.
    Example response for last chunk: 201 Created, self, type, source, length <<content-lenght>>

    The first request's Content-Length, 100, is a slip: the range has 400 bytes (API.md, "Chunks").
    """
    first = post(BODY_400, Content_Range="0-399/*", Host="hostname")
    assert first.status == "200 OK"
    assert first.headers["Content-Type"] == VND_EVENT
    assert "Location" not in first.headers
    assert first.json == {
        "self": f"http://hostname/event/events/{event}/binaries",
        "type": "application/octet-stream",
        "range": "0-399/*",
        "source": event,
    }
    shown = event_of(client, event)
    assert shown["c8y_IsIncompleteBinary"] == {"range": "0-399/*"}
    assert "c8y_IsBinary" not in shown
    last = post(BODY_100, Content_Range="400-499/500", Host="hostname")
    assert last.request.environ["CONTENT_LENGTH"] == "100"
    assert last.status == "201 Created"
    assert last.headers["Content-Type"] == VND_EVENT
    assert last.json == {
        "self": f"http://hostname/event/events/{event}/binaries",
        "type": "application/octet-stream",
        "name": event,
        "source": event,
        "length": 500,
    }
    shown = event_of(client, event)
    assert "c8y_IsIncompleteBinary" not in shown
    assert shown["c8y_IsBinary"]["length"] == 500
    assert ask(client, "GET", url).body == BODY_400 + BODY_100


def test_the_slip_in_the_first_chunk_request_is_refused(client, post, refused, unchanged):
    """Content-Length 100, Content-Range 0-399/* (see above)"""
    with unchanged(client):
        refused(post(bytes(100), Content_Range="0-399/*"), 400)


# ### PUT - Replace existing binary


def test_put_takes_the_admin_role(client, ask, post, url, as_user):
    """Required role: ROLE_EVENT_ADMIN (of PUT)"""
    post(b"old")
    assert ask(client, "PUT", url, b"new", as_user(client, "reader", EVENT_READ, ADMIN)).status_int == 403
    assert ask(client, "GET", url).body == b"old"
    assert ask(client, "PUT", url, b"new", as_user(client, "writer", EVENT_ADMIN)).status_int == 201


def test_put_replaces_existing_binary(client, ask, post, event, url):
    """PUT - Replace existing binary. Successful response: 201 Created, self, type <<content-type>>, source
    <<eventId>>, length <<content-lenght>>
    """
    post(b"old", Content_Type="text/plain", Content_Disposition='attachment; filename="old.txt"')
    headers = {"Content-Type": "image/png", "Host": "hostname"}
    answer = ask(client, "PUT", url, b"newer", headers)
    assert answer.status == "201 Created"
    assert answer.headers["Content-Type"] == VND_EVENT
    assert answer.json == {
        "self": f"http://hostname/event/events/{event}/binaries",
        "type": "image/png",
        "name": event,
        "source": event,
        "length": 5,
    }
    assert ask(client, "GET", url).body == b"newer"


# ### DELETE - Delete a binary


def test_delete_takes_the_admin_role(client, ask, post, url, as_user):
    """Required role: ROLE_EVENT_ADMIN (of DELETE)"""
    post()
    reader = as_user(client, "reader", EVENT_READ, ADMIN)
    assert ask(client, "DELETE", url, headers=reader).status_int == 403
    assert ask(client, "GET", url).status_int == 200
    assert ask(client, "DELETE", url, headers=as_user(client, "writer", EVENT_ADMIN)).status_int == 204


def test_delete_when_binary_exists(client, ask, post, event, url, event_of):
    """Example request: DELETE <<url>>/event/events/<<eventId>>/binaries, Authorization: Basic <<auth>>.
    Request Body: N/A. Response Message Body: N/A. Example response when binary exists: 204 NO CONTENT"""
    post()
    answer = ask(client, "DELETE", url, length=False)
    assert (answer.status, answer.body) == ("204 No Content", b"")
    assert "Content-Type" not in answer.headers
    assert "c8y_IsBinary" not in event_of(client, event)


@pytest.mark.parametrize("case", ["binary", "event"])
def test_delete_when_there_is_nothing(client, ask, url, refused, case):
    """Example response when binary or event doesn't exist: 404 NOT FOUND, <<error-message>>"""
    message = refused(ask(client, "DELETE", url if case == "binary" else client.binaries("102522209")), 404)
    assert message == ("Attachment not found" if case == "binary" else "Finding event from database failed")
