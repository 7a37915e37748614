"""The filters of `query` and `q`: what they accept of a document, and that nothing else gets through."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from c8ybin.domain.filters import LONGEST, parse_filter, unquoted

DOCUMENT = {
    "name": "pump 1",
    "type": "pump",
    "c8y_IsDevice": {},
    "n": 3,
    "hw": {"serial": "4711"},
    "off": False,
}
TERMS = [
    "(",
    ")",
    "and",
    "or",
    "not",
    "has",
    "eq",
    "name",
    "'",
    "''",
    "'pump*'",
    "$filter=",
    "$orderby=",
    "*",
    "+",
    " ",
]


@pytest.mark.parametrize(
    ("text", "fits"),
    [
        ("name eq 'pump 1'", True),
        ("name eq 'PUMP 1'", False),
        ("name EQ 'pump 1' AND Has(n)", True),
        ("name eq '*'", True),
        ("missing eq '*'", False),
        ("c8y_IsDevice eq '*'", False),
        ("n eq 3", True),
        ("n eq '3'", True),
        ("off eq false", True),
        ("hw/serial eq 4711", True),
        ("hw.serial.x eq 4711", False),
        ("has(hw.serial)", True),
        ("has(hw.other)", False),
        ("type eq fan or type eq pump and has(none)", False),
        ("(type eq fan or type eq pump) and has(n)", True),
        ("not(type eq fan)", True),
        ("not type eq fan and has(none)", False),
        ("not not has(n)", True),
        ("$filter=(name eq '$orderby=x')", False),
        ("", True),
        ("$orderby=name desc,type", True),
    ],
)
def test_a_filter_accepts_what_fits(text, fits):
    assert parse_filter(text)(DOCUMENT) is fits


def test_a_pattern_of_many_stars_takes_no_time():
    # Going back would take years.
    assert not parse_filter("name eq '" + "*a" * 2000 + "b'")({"name": "a" * 100_000})


@given(st.lists(st.sampled_from(TERMS), max_size=30).map(" ".join) | st.text(max_size=40))
def test_what_is_no_filter_is_a_value_error_and_nothing_else(text):
    try:
        accepts = parse_filter(text)
    except ValueError:
        return
    assert accepts(DOCUMENT) in (True, False)


@pytest.mark.parametrize(
    "text",
    [
        "(" * 5000,
        "not " * 2000,
        "has(" * 2000,
        "name eq 'a" * 500,
        "a eq b " + " " * LONGEST,
        "$filter=" * 900,
    ],
)
def test_what_is_long_or_deep_is_refused(text):
    with pytest.raises(ValueError, match=r"."):
        parse_filter(text)


@given(st.text())
def test_a_text_that_was_quoted_comes_back(text):
    assert unquoted("'" + text.replace("'", "''") + "'") == text
