"""c8y_api: files are attached, downloaded, replaced and deleted."""

from io import BytesIO

from c8y_api_common import C8Y, URL, ids, new
from checks import EVERY_BYTE, SETTING, check, equal, raises, written


@check
def a_stream_is_attached_without_a_type():
    event = new()
    answer = event.create_attachment(BytesIO(EVERY_BYTE))
    equal((answer["name"], answer["type"]), (event.id, "application/octet-stream"))
    equal((answer["source"], answer["length"]), (event.id, len(EVERY_BYTE)))
    equal(answer["self"], f"{URL}/event/events/{event.id}/binaries")
    equal(event.download_attachment(), EVERY_BYTE)


@check
def a_stream_is_attached_with_a_type():
    event = new()
    equal(event.create_attachment(BytesIO(b"log"), "text/x-log")["type"], "text/x-log")
    response = C8Y.session.get(f"{URL}/event/events/{event.id}/binaries")
    equal(response.headers["Content-Type"], "text/x-log")


@check
def a_file_is_attached_by_its_path():
    event = new()
    equal(C8Y.events.create_attachment(event.id, written("a.log", b"a log"), "text/plain")["length"], 5)
    equal(C8Y.events.download_attachment(event.id), b"a log")


@check
def an_empty_file_is_attached():
    event = new()
    equal(event.create_attachment(BytesIO(b""))["length"], 0)
    equal(event.download_attachment(), b"")


@check
def a_file_of_the_greatest_length_is_attached():
    event = new()
    data = bytes(int(SETTING["max_binary"]))
    equal(event.create_attachment(BytesIO(data))["length"], len(data))
    assert event.download_attachment() == data


@check
def an_object_after_the_file_names_it():
    event = new()
    path = C8Y.events.build_attachment_path(event.id)
    answer = C8Y.post_file(path, BytesIO(b"x"), object={"name": "n.txt", "type": "text/plain"})
    equal((answer["name"], answer["type"]), ("n.txt", "text/plain"))


@check
def the_event_shows_its_attachment():
    event = new()
    assert not event.has_attachment()
    event.create_attachment(BytesIO(b"12345"), "text/plain")
    read = C8Y.events.get(event.id)
    assert read.has_attachment()
    shown = {"name": event.id, "length": 5, "type": "text/plain"}
    equal(read.fragments["c8y_IsBinary"], shown)
    equal(ids(source=event.source, fragment="c8y_IsBinary"), [event.id])
    assert read.updated_datetime >= event.updated_datetime


@check
def an_attachment_is_replaced_and_inherits_no_type():
    event = new()
    event.create_attachment(BytesIO(b"old"), "text/plain")
    answer = event.update_attachment(BytesIO(EVERY_BYTE))
    equal((answer["type"], answer["length"]), ("application/octet-stream", len(EVERY_BYTE)))
    equal(event.download_attachment(), EVERY_BYTE)


@check
def an_attachment_is_replaced_by_a_typed_file():
    event = new()
    event.create_attachment(BytesIO(b"old"))
    answer = C8Y.events.update_attachment(event.id, written("new.json", b"{}"), "application/json")
    equal((answer["type"], answer["length"]), ("application/json", 2))
    equal(C8Y.events.get(event.id).c8y_IsBinary.type, "application/json")


@check
def json_that_is_none_is_stored_as_it_is():
    event = new()
    event.update_attachment(BytesIO(b"no json"), "application/json")
    equal(event.download_attachment(), b"no json")


@check
def a_replacement_creates_what_is_not_there():
    event = new()
    equal(event.update_attachment(BytesIO(b"first"), "text/plain")["length"], 5)
    equal(event.download_attachment(), b"first")


@check
def an_attachment_is_deleted():
    event = new()
    event.create_attachment(BytesIO(b"old"))
    event.delete_attachment()
    assert not C8Y.events.get(event.id).has_attachment()
    raises(KeyError, event.download_attachment)
    C8Y.events.create_attachment(event.id, BytesIO(b"new"))
    C8Y.events.delete_attachment(event.id)
    raises(KeyError, C8Y.events.download_attachment, event.id)


@check
def an_event_that_is_sent_back_keeps_its_attachment():
    event = new()
    event.create_attachment(BytesIO(b"kept"), "text/plain")
    read = C8Y.events.get(event.id)
    read.c8y_IsBinary.name = "forged"
    read.update()
    equal(C8Y.events.get(event.id).c8y_IsBinary.name, event.id)
    equal(event.download_attachment(), b"kept")
