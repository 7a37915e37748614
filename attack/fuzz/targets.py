"""What is fuzzed: each target takes bytes, and raises where the code does anything but what it documents."""

import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from waitress.adjustments import Adjustments

from c8ybin.bodies import Intake
from c8ybin.bodies.multipart import MultipartParser
from c8ybin.domain.conditions import Precondition, Validators, parse_http_date, range_still_applies
from c8ybin.domain.digests import parse_digests
from c8ybin.domain.errors import Invalid, RangeNotSatisfiable, Refusal, TooLarge, Unreadable
from c8ybin.domain.events import merge_event, new_event, parse_document, serialize
from c8ybin.domain.ids import EventId, is_id
from c8ybin.domain.inventory import merge_object, new_external_id, parse_object_list
from c8ybin.domain.labels import (
    NAME_BYTES,
    decode_field,
    disposition_name,
    field_parameters,
    format_disposition,
    media_type,
    parse_content_type,
    safe_name,
)
from c8ybin.domain.queries import LARGEST_PAGE, Facts, Paging, parse_filters, parse_list, parse_query
from c8ybin.domain.ranges import parse_content_range, parse_range
from c8ybin.domain.times import format_time, parse_time
from c8ybin.server.request import Request

_LARGEST_FILE = 1024
_DOCUMENT = {"name": "pump 1", "c8y_IsDevice": {}, "a": {"b": [1, "x", None, True, 1.5]}}
_ADJUSTMENTS: Any = Adjustments()


def _cut(data: bytes) -> tuple[int, bytes]:
    """Take the first byte for the place at which the rest comes in two pieces."""
    return (data[0] * max(1, len(data) - 1) // 255 if data else 0), data[1:]


def _header_of(*pieces: bytes) -> tuple[object, ...]:
    request = Request(_ADJUSTMENTS)
    for piece in pieces:
        while piece and not request.completed:
            count = request.received(piece)
            assert 0 < count <= len(piece)
            piece = piece[count:]
    if request.error or not request.completed:
        return bool(request.error), request.completed
    assert not ("TRANSFER_ENCODING" in request.headers and "CONTENT_LENGTH" in request.headers)
    assert all("\n" not in value and "\r" not in value for value in request.headers.values())
    return (
        request.headers,
        request.command,
        request.path,
        request.query,
        request.has_body,
    )


def header(data: bytes) -> None:
    """The header section, which means the same however it arrives, and the second time."""
    place, data = _cut(data)
    whole = _header_of(data)
    assert _header_of(data) == whole
    assert _header_of(data[:place], data[place:]) == whole


class _Parts:
    def __init__(self) -> None:
        self.parts: list[tuple[dict[str, str], bytearray]] = []

    def part_begin(self, headers: dict[str, str]) -> None:
        self.parts.append((headers, bytearray()))

    def part_data(self, data: memoryview) -> None:
        self.parts[-1][1].extend(data)

    def part_end(self) -> None:
        assert self.parts


def _parts_of(boundary: str | None, *pieces: bytes) -> object:
    parts = _Parts()
    parser = MultipartParser(boundary, parts)
    try:
        for piece in pieces:
            parser.feed(piece)
        parser.finish()
    except Unreadable:
        return None
    return parts.parts


def multipart(data: bytes) -> None:
    """The parts of a form, which are the same however it arrives; with a boundary and without one."""
    place, data = _cut(data)
    for boundary in ("B", None):
        assert _parts_of(boundary, data[:place], data[place:]) == _parts_of(boundary, data)


_intakes: list[Intake] = []


def _intake() -> Intake:
    if not _intakes:
        _intakes.append(Intake(Path(tempfile.mkdtemp()), max_binary=_LARGEST_FILE))
    return _intakes[0]


def form(data: bytes) -> None:
    """A form as an upload: its file, its name and its type are harmless."""
    with suppress(Unreadable, TooLarge), _intake().form("B", ()) as receiver:
        receiver.feed(data)
        received = receiver.finish()
        received.body.close()
        assert received.body.length <= _LARGEST_FILE
        assert media_type(received.label.type) == received.label.type
        if received.label.name is not None:
            _check_name(received.label.name)


def _check_name(name: str) -> None:
    assert safe_name(name) == name
    assert not set(name) & set("/\\\0\r\n")
    assert len(name.encode()) <= NAME_BYTES
    assert format_disposition(name).isascii()
    assert format_disposition(name).isprintable()


def ranges(data: bytes) -> None:
    """Content-Range of a chunk and Range of a download."""
    text = data.decode("latin-1")
    with suppress(Unreadable):
        found = parse_content_range(text)
        assert found.span.length > 0
        assert parse_content_range(str(found)) == found
    for length in (0, 1, 1000):
        with suppress(RangeNotSatisfiable):
            span = parse_range(text, length)
            assert span is None or 0 <= span.start < span.end <= length


def query(data: bytes) -> None:
    """Query strings of lists and deletions, and the filters in them."""
    text = data.decode("latin-1")
    facts = Facts(EventId(1), 0, 0, 0, "1001", "t", {"a": "b"})
    with suppress(Invalid):
        pairs = parse_query(text)
        with suppress(Invalid):
            _check_paging(parse_list(pairs)[1])
            assert parse_list(pairs)[0].matches(facts) in (True, False)
        with suppress(Invalid):
            _check_paging(parse_object_list(pairs)[1])
            assert parse_object_list(pairs)[0].matches(_DOCUMENT) in (True, False)
        parse_filters(pairs).matches(facts)


def _check_paging(paging: Paging) -> None:
    assert 1 <= paging.page_size <= LARGEST_PAGE
    assert paging.current_page >= 1


def document(data: bytes) -> None:
    """Documents of events, managed objects and external IDs, and their times."""
    with suppress(ValueError):
        parse_time(data.decode("latin-1"))
    try:
        found = parse_document(data)
    except (Unreadable, Invalid):
        return
    assert parse_document(serialize(found)) == found
    with suppress(Invalid):
        event = new_event(found)
        assert parse_time(event["time"]) == parse_time(format_time(parse_time(event["time"])))
        assert merge_event(event, event) == event
        parse_document(serialize(event))
    with suppress(Invalid):
        merge_object({"name": "n"}, found)
    with suppress(Invalid):
        new_external_id(found)


def fields(data: bytes) -> None:
    """Header fields with a grammar of their own: dispositions, types, digests, conditions."""
    value = data.decode("latin-1")
    text = decode_field(value) or ""
    name = safe_name(disposition_name(field_parameters(text)))
    if name is not None:
        _check_name(name)
    parse_content_type(value)
    is_id(text)
    parse_http_date(value)
    with suppress(Unreadable):
        parse_digests("Repr-Digest", value)
    present = Validators('"a"', 0)
    for condition in (Precondition(value, None, None, None), Precondition(None, value, value, value)):
        with suppress(Refusal):
            condition.check(present)
        with suppress(Refusal):
            condition.is_not_modified(present)
    range_still_applies(value, present, 10_000)


TARGETS: dict[str, Callable[[bytes], None]] = {
    "header": header,
    "multipart": multipart,
    "form": form,
    "range": ranges,
    "query": query,
    "document": document,
    "fields": fields,
}
