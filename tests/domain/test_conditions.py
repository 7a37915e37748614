"""Conditional requests (RFC 9110, section 13)."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from c8ybin.domain.conditions import (
    Precondition,
    Validators,
    format_http_date,
    parse_http_date,
    range_still_applies,
)
from c8ybin.domain.errors import PreconditionFailed

SECOND = 784_111_777  # Sun, 06 Nov 1994 08:49:37 GMT, the example of RFC 9110, section 5.6.7
AT = "Sun, 06 Nov 1994 08:49:37 GMT"
BEFORE = "Sun, 06 Nov 1994 08:49:36 GMT"
AFTER = "Sun, 06 Nov 1994 08:49:38 GMT"
PRESENT = Validators('"v1"', SECOND * 1000 + 999)


def holds(condition, present=PRESENT):
    try:
        condition.check(present)
    except PreconditionFailed:
        return False
    return True


class TestHttpDates:
    def test_are_written_in_gmt_and_cut_to_the_second(self):
        assert format_http_date(SECOND * 1000 + 999) == AT
        assert PRESENT.last_modified == AT

    @given(st.integers(0, 253_402_300_799))
    def test_read_back(self, second):
        assert parse_http_date(format_http_date(second * 1000)) == second

    @pytest.mark.parametrize("zone", ["UTC0", "XXX-9", "XXX5"])
    @pytest.mark.parametrize(
        "value",
        [AT, "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994", "Sun, 06 Nov 1994 08:49:37 -0000"],
    )
    def test_of_all_three_formats_are_read_as_gmt_wherever_the_server_stands(self, value, zone, monkeypatch):
        try:
            with monkeypatch.context() as context:
                context.setenv("TZ", zone)
                time.tzset()
                assert parse_http_date(value) == SECOND
        finally:
            time.tzset()

    @pytest.mark.parametrize(
        "value",
        [
            "",
            " ",
            ",",
            "0",
            "yesterday",
            '"v1"',
            "Sun, 99 Nov 1994 08:49:37 GMT",
            "Sun, 06 Nov 99999 08:49:37 GMT",
            "Sun, 06 Nov 1994 25:49:37 GMT",
            "Sun, 06 Nov 1994 08:49:37 +9999999999",
        ],
    )
    def test_that_cannot_be_read_do_not_count(self, value):
        assert parse_http_date(value) is None

    @given(
        st.text(max_size=40)
        | st.lists(
            st.sampled_from(
                ["Sun,", "06", "Nov", "1994", "08:49:37", "GMT", "+9999", "-0000", ":", ",", "1", "99999"]
            ),
            max_size=8,
        ).map(" ".join)
    )
    def test_any_field_is_a_whole_second_or_does_not_count(self, value):
        assert isinstance(parse_http_date(value), int | None)


class TestChanges:
    @pytest.mark.parametrize("field", ['"v1"', '"v0", "v1"', '"v0","v1"', '"v1", W/"v1"', "*", " * "])
    def test_if_match_holds_when_one_tag_is_the_present_one(self, field):
        assert holds(Precondition(if_match=field))

    @pytest.mark.parametrize("field", ['"v0"', 'W/"v1"', "v1", "", '"v"', '"V1"', '"v1', '"*"'])
    def test_if_match_fails_on_other_weak_and_malformed_tags(self, field):
        assert not holds(Precondition(if_match=field))

    @pytest.mark.parametrize("field", ["*", '"v1"'])
    def test_if_match_fails_when_there_is_nothing(self, field):
        assert not holds(Precondition(if_match=field), None)

    @pytest.mark.parametrize("field", ['"v1"', '"v0", "v1"', 'W/"v1"', 'W/"v0", W/"v1"', "*", " *"])
    def test_if_none_match_fails_when_one_tag_is_the_present_one_weak_or_not(self, field):
        assert not holds(Precondition(if_none_match=field))

    @pytest.mark.parametrize("field", ['"v0"', 'W/"v0"', "v1", "", '"*"'])
    def test_if_none_match_holds_on_other_tags(self, field):
        assert holds(Precondition(if_none_match=field))

    @pytest.mark.parametrize("field", ['"v1"', "*"])
    def test_if_none_match_holds_when_there_is_nothing(self, field):
        assert holds(Precondition(if_none_match=field), None)

    def test_if_unmodified_since_compares_whole_seconds(self):
        assert holds(Precondition(if_unmodified_since=AT))
        assert holds(Precondition(if_unmodified_since=AFTER))
        assert not holds(Precondition(if_unmodified_since=BEFORE))

    def test_if_unmodified_since_does_not_count_when_unreadable_or_when_there_is_nothing(self):
        assert holds(Precondition(if_unmodified_since="yesterday"))
        assert holds(Precondition(if_unmodified_since=BEFORE), None)

    def test_if_unmodified_since_is_ignored_beside_if_match(self):
        assert holds(Precondition(if_match='"v1"', if_unmodified_since=BEFORE))
        assert not holds(Precondition(if_match='"v0"', if_unmodified_since=AFTER))

    def test_both_if_match_and_if_none_match_must_hold(self):
        assert holds(Precondition(if_match='"v1"', if_none_match='"v0"'))
        assert not holds(Precondition(if_match='"v1"', if_none_match='"v1"'))
        assert not holds(Precondition(if_match='"v0"', if_none_match='"v0"'))
        assert not holds(Precondition(if_unmodified_since=BEFORE, if_none_match='"v0"'))

    def test_if_modified_since_is_for_reading_only(self):
        assert holds(Precondition(if_modified_since=AFTER))
        assert not Precondition(if_modified_since=AFTER)

    def test_nothing_asked_holds_always(self):
        assert holds(Precondition())
        assert holds(Precondition(), None)
        assert not Precondition()

    @pytest.mark.parametrize("field", ["if_match", "if_none_match", "if_unmodified_since"])
    def test_one_that_a_change_depends_on_counts_even_when_empty(self, field):
        assert Precondition(**{field: ""})


class TestReads:
    def test_if_none_match_with_the_present_tag_is_not_modified(self):
        assert Precondition(if_none_match='W/"v1"').is_not_modified(PRESENT)
        assert Precondition(if_none_match="*").is_not_modified(PRESENT)
        assert not Precondition(if_none_match='"v0"').is_not_modified(PRESENT)

    def test_if_modified_since_compares_whole_seconds(self):
        assert Precondition(if_modified_since=AT).is_not_modified(PRESENT)
        assert Precondition(if_modified_since=AFTER).is_not_modified(PRESENT)
        assert not Precondition(if_modified_since=BEFORE).is_not_modified(PRESENT)

    @pytest.mark.parametrize("field", ["yesterday", ""])
    def test_if_modified_since_that_cannot_be_read_does_not_count(self, field):
        assert not Precondition(if_modified_since=field).is_not_modified(PRESENT)

    def test_if_modified_since_is_ignored_beside_if_none_match(self):
        assert not Precondition(if_none_match='"v0"', if_modified_since=AFTER).is_not_modified(PRESENT)
        assert not Precondition(if_none_match="", if_modified_since=AFTER).is_not_modified(PRESENT)
        assert Precondition(if_none_match='"v1"', if_modified_since=BEFORE).is_not_modified(PRESENT)

    def test_if_match_and_if_unmodified_since_come_before_and_fail(self):
        for condition in (
            Precondition(if_match='"v0"', if_none_match='"v1"'),
            Precondition(if_unmodified_since=BEFORE, if_none_match='"v1"'),
            Precondition(if_match='"v0"', if_modified_since=AFTER),
        ):
            with pytest.raises(PreconditionFailed):
                condition.is_not_modified(PRESENT)

    def test_nothing_asked_is_a_plain_read(self):
        assert not Precondition().is_not_modified(PRESENT)


TAGS = st.sampled_from([None, "*", '"v0"', '"v1"', 'W/"v1"', '"v0", "v1"', ""])
DATES = st.sampled_from([None, BEFORE, AT, AFTER, "yesterday"])


@given(TAGS, TAGS, DATES, DATES, st.booleans())
def test_the_order_is_that_of_rfc_9110_section_13_2_2(match, none_match, modified, unmodified, exists):
    """The steps once more, in the words of the RFC."""
    strong = exists and match is not None and (match == "*" or match in ('"v1"', '"v0", "v1"'))
    weak = exists and none_match is not None and none_match not in ("", '"v0"')
    failed = not strong if match is not None else exists and unmodified == BEFORE
    condition = Precondition(match, none_match, modified, unmodified)
    assert holds(condition, PRESENT if exists else None) == (not failed and not weak)
    if exists and failed:
        with pytest.raises(PreconditionFailed):
            condition.is_not_modified(PRESENT)
    elif exists:
        expected = weak if none_match is not None else modified in (AT, AFTER)
        assert condition.is_not_modified(PRESENT) == expected


class TestIfRange:
    LATER = (SECOND + 60) * 1000

    def test_absent_lets_the_range_count(self):
        assert range_still_applies(None, PRESENT, self.LATER)

    def test_tag_must_be_the_present_strong_one(self):
        assert range_still_applies('"v1"', PRESENT, self.LATER)
        assert range_still_applies(' "v1" ', PRESENT, self.LATER)
        for field in ('"v0"', 'W/"v1"', '"v1", "v0"', '"v1'):
            assert not range_still_applies(field, PRESENT, self.LATER)

    def test_date_must_be_exactly_the_time_of_the_file(self):
        assert range_still_applies(AT, PRESENT, self.LATER)
        for field in (BEFORE, AFTER, "yesterday", "", "*", "v1"):
            assert not range_still_applies(field, PRESENT, self.LATER)

    def test_date_is_weak_while_the_file_may_change_within_its_second(self):
        assert not range_still_applies(AT, PRESENT, SECOND * 1000 + 999)
        assert range_still_applies(AT, PRESENT, (SECOND + 2) * 1000)
