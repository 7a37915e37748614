"""c8y_api: accounts, and errors as the client raises them."""

from io import BytesIO

from c8y_api import CumulocityApi
from c8y_api._base_api import AccessDeniedError, ProcessingMode, UnauthorizedError
from c8y_api.model import Event
from c8y_api_common import C8Y, MISSING, TIME, URL, connect, new, series
from checks import SETTING, check, equal, raises


@check
def a_user_is_known_with_and_without_a_tenant():
    source, made = series(1)
    for tenant in ("", "t100", "another"):
        client = CumulocityApi(URL, tenant, "ann", SETTING["ann"])
        equal([event.id for event in client.events.select(source=source)], made)


@check
def a_wrong_password_is_an_unauthorized_error():
    client = connect(password="wrong")
    equal(raises(UnauthorizedError, client.events.get_all).code, 401)
    error = raises(UnauthorizedError, client.post, "/event/events", {})
    equal((error.code, error.message), (401, "Invalid credentials! : Bad credentials"))
    raises(UnauthorizedError, client.events.create_attachment, MISSING, BytesIO(b"x"))
    raises(UnauthorizedError, client.events.update_attachment, MISSING, BytesIO(b"x"))
    raises(UnauthorizedError, client.events.download_attachment, MISSING)
    raises(UnauthorizedError, client.events.delete, MISSING)


@check
def an_account_that_only_reads_is_denied_the_rest():
    event = new()
    event.create_attachment(BytesIO(b"read me"))
    reader = connect("reader")
    equal(reader.events.get(event.id).text, "a text")
    equal(reader.events.download_attachment(event.id), b"read me")
    equal(reader.events.get_count(source=event.source), 1)
    error = raises(AccessDeniedError, reader.post, "/event/events", {})
    assert "ROLE_EVENT_ADMIN" in error.message, error.message
    raises(AccessDeniedError, reader.events.create_attachment, event.id, BytesIO(b"x"))
    raises(AccessDeniedError, reader.events.update_attachment, event.id, BytesIO(b"x"))
    raises(AccessDeniedError, reader.events.delete_attachment, event.id)
    raises(AccessDeniedError, reader.events.delete, event.id)
    raises(AccessDeniedError, reader.events.apply_to, {"text": "x"}, event.id)
    raises(AccessDeniedError, reader.events.delete_by, source=event.source)
    equal(event.download_attachment(), b"read me")


@check
def what_is_not_there_is_a_key_error():
    raises(KeyError, C8Y.events.get, MISSING)
    raises(KeyError, C8Y.events.get, "no number")
    raises(KeyError, C8Y.events.delete, MISSING)
    raises(KeyError, C8Y.events.apply_to, {"text": "x"}, MISSING)
    raises(KeyError, C8Y.events.download_attachment, MISSING)
    raises(KeyError, C8Y.events.delete_attachment, MISSING)
    raises(KeyError, C8Y.events.update_attachment, MISSING, BytesIO(b"x"))
    event = new()
    raises(KeyError, event.download_attachment)
    raises(KeyError, event.delete_attachment)


@check
def an_attachment_of_no_event_is_a_value_error_that_tells_why():
    # post_file knows no other error for 404.
    error = raises(ValueError, C8Y.events.create_attachment, MISSING, BytesIO(b"x"))
    assert "Status: 404" in str(error) and "Finding event from database failed" in str(error), error


@check
def a_second_attachment_is_a_value_error_and_the_first_stays():
    event = new()
    event.create_attachment(BytesIO(b"first"))
    error = raises(ValueError, event.create_attachment, BytesIO(b"second"))
    assert "Status: 409" in str(error) and "Attachment already exists" in str(error), error
    equal(event.download_attachment(), b"first")


@check
def too_long_an_attachment_is_a_value_error():
    event = new()
    data = bytes(int(SETTING["max_binary"]) + 1)
    for send in (event.create_attachment, event.update_attachment):
        assert "Status: 413" in str(raises(ValueError, send, BytesIO(data)))
    raises(KeyError, event.download_attachment)


@check
def missing_fields_are_a_value_error_that_names_them():
    error = raises(ValueError, Event(C8Y, source="1", time=TIME).create)
    expected = "Following mandatory fields should be included: type,text"
    assert "Status: 422" in str(error) and expected in str(error), error


@check
def a_change_of_what_cannot_be_changed_is_a_value_error():
    event = new()
    for change in ({"type": "c8y_Other"}, {"time": "2026-11-25T12:00:00Z"}, {"source": {"id": "9"}}):
        assert "Status: 422" in str(raises(ValueError, event.apply, change))
    equal(C8Y.events.get(event.id).time, TIME)


@check
def a_filter_that_cannot_be_read_is_a_value_error_that_names_it():
    error = raises(ValueError, C8Y.events.get_all, after="yesterday")
    assert "Status: 422" in str(error) and "dateFrom" in str(error), error
    error = raises(ValueError, C8Y.events.get_all, page_size=-1)
    assert "Status: 422" in str(error) and "pageSize" in str(error), error


@check
def processing_modes_and_application_keys_make_no_difference():
    for mode in (ProcessingMode.PERSISTENT, ProcessingMode.TRANSIENT, ProcessingMode.QUIESCENT):
        client = connect(processing_mode=mode, application_key="key")
        event = Event(client, type="c8y_Test", time=TIME, source="1", text="t").create()
        event.create_attachment(BytesIO(b"x"))
        equal(event.download_attachment(), b"x")
        event.delete()
