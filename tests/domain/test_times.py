"""Times: what clients send is read, and written in one form."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from c8ybin.domain.times import format_time, parse_time

NOON = 1_795_521_600_000  # 2026-11-24T12:00:00Z
FIRST = -62_135_596_800_000  # 0001-01-01T00:00:00Z
LAST = 253_402_300_799_999  # 9999-12-31T23:59:59.999Z


@given(st.integers(FIRST, LAST))
def test_what_is_written_reads_back_as_the_same_millisecond(millis):
    assert parse_time(format_time(millis)) == millis


@given(st.integers(FIRST, LAST))
def test_the_written_form_is_that_of_the_datetime_module(millis):
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=millis)
    expected = moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    assert format_time(millis) == expected


@pytest.mark.parametrize(
    ("text", "millis"),
    [
        ("2026-11-24T12:00:00.000Z", NOON),
        ("2026-11-24T12:00:00.123456789Z", NOON + 123),  # thin-edge.io
        ("2026-11-24T12:00:00.999999999999Z", NOON + 999),
        ("2026-11-24T12:00:00.5Z", NOON + 500),
        ("2026-11-24T12:00:00.05Z", NOON + 50),
        ("2026-11-24T12:00:00,25Z", NOON + 250),
        ("2026-11-24T12:00:00Z", NOON),  # c8ydm
        ("2026-11-24t12:00:00z", NOON),
        ("2026-11-24 12:00:00", NOON),
        ("2026-11-24T12:00:00", NOON),  # c8y_api
        ("2026-11-24T12:00", NOON),
        ("2026-11-24T12:00Z", NOON),
        ("2026-11-24", NOON - 12 * 3_600_000),
        ("2026-11-24T12:00:00+01:00", NOON - 3_600_000),
        ("2026-11-24T12:00:00.000+0130", NOON - 5_400_000),
        ("2026-11-24T12:00:00+01", NOON - 3_600_000),
        ("2026-11-24T12:00:00-05:00", NOON + 5 * 3_600_000),
        ("2026-11-24T12:00:00 01:00", NOON - 3_600_000),
        ("2026-11-24T11:59:60Z", NOON),
        ("1970-01-01T00:00:00Z", 0),
        ("1969-12-31T23:59:59.9999Z", -1),
        ("2024-02-29", 1_709_164_800_000),
        ("0001-01-01", FIRST),
        ("9999-12-31T23:59:59.999Z", LAST),
    ],
)
def test_every_form_that_clients_send_is_read(text, millis):
    assert parse_time(text) == millis


@pytest.mark.parametrize(
    "text",
    [
        "",
        "now",
        "1795521600000",
        "2026-11-24T",
        "2026-11-24T12",
        "2026-11-24T12:00:00.Z",
        "2026-11-24T12:00:00+1:00",
        "2026-11-24T12:00:00Z ",
        " 2026-11-24",
        "2026-11-24\n",
        "2026-1-24",
        "20261124",
        "26-11-24",
        "+2026-11-24",
        "２０２６-11-24",
        "2026-02-29",
        "2026-02-30",
        "2026-04-31",
        "2026-13-01",
        "2026-00-10",
        "2026-11-00",
        "0000-01-01",
        "2026-11-24T24:00:00Z",
        "2026-11-24T12:60:00Z",
        "2026-11-24T12:00:61Z",
        "2026-11-24T12:00:00+24:00",
        "2026-11-24T12:00:00+00:60",
        "0001-01-01T00:00:00+00:01",
        "9999-12-31T23:59:59-00:01",
        "9999-12-31T23:59:60Z",
    ],
)
def test_what_is_no_time_or_outside_the_years_1_to_9999_is_refused(text):
    with pytest.raises(ValueError):
        parse_time(text)


@pytest.mark.parametrize("millis", [FIRST - 1, LAST + 1, 10**30, -(10**30)])
def test_a_time_outside_the_years_1_to_9999_cannot_be_written(millis):
    with pytest.raises(ValueError, match="9999"):
        format_time(millis)


@given(st.datetimes(), st.integers(-23 * 60 - 59, 23 * 60 + 59))
def test_an_offset_moves_the_time_by_that_much(moment, minutes):
    sign, size = "-" if minutes < 0 else "+", abs(minutes)
    text = f"{moment.isoformat(timespec='milliseconds')}{sign}{size // 60:02}:{size % 60:02}"
    try:
        millis = parse_time(text)
    except ValueError:
        assert moment.year in (1, 9999)
    else:
        assert millis == parse_time(moment.isoformat()) - minutes * 60_000


@given(st.text(alphabet="0123456789-:TZ.+ ", max_size=35) | st.text(max_size=35))
def test_any_text_is_a_time_that_can_be_written_or_is_refused(text):
    try:
        millis = parse_time(text)
    except ValueError:
        return
    assert parse_time(format_time(millis)) == millis
