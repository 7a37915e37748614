"""Lines with checksums: what counts, what is torn, what is damage."""

import json
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from c8ybin.domain.errors import Damaged
from c8ybin.domain.records import decode, encode

FIRST, SECOND = {"content": "content-a-1", "length": 3}, {"start": 0, "stop": 99, "length": None}
NAMES = st.text(min_size=1)
RECORDS = st.dictionaries(NAMES, st.none() | st.integers() | st.text() | st.lists(st.text()), min_size=1)


def test_a_line_is_json_whose_last_member_is_the_crc_of_the_text_before_it():
    line = encode(FIRST)
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    text, _, _ = line.partition(b',"crc"')
    assert json.loads(line) == FIRST | {"crc": f"{zlib.crc32(text):08x}"}


@settings(deadline=None, max_examples=60)
@given(st.lists(RECORDS, min_size=1, max_size=4))
def test_lines_read_back(records):
    data = b"".join(map(encode, records))
    assert decode(data, "x") == (records, len(data))


@settings(deadline=None, max_examples=60)
@given(st.lists(RECORDS, min_size=2, max_size=4), st.data())
def test_of_a_torn_last_line_nothing_counts(records, data):
    whole, last = b"".join(map(encode, records[:-1])), encode(records[-1])
    torn = last[: data.draw(st.integers(0, len(last) - 1))]
    assert decode(whole + torn, "x") == (records[:-1], len(whole))


def test_a_last_line_whose_bytes_never_reached_the_disk_does_not_count():
    line, last = encode(FIRST), encode(SECOND)
    for torn in (bytes(len(last)), last[:5] + bytes(len(last) - 6) + b"\n", last.replace(b"99", b"98")):
        assert decode(line + torn, "x") == ([FIRST], len(line))


def test_every_changed_byte_of_an_earlier_line_is_damage():
    line, last = encode(FIRST), encode(SECOND)
    for position in range(len(line)):
        changed = bytearray(line)
        changed[position] ^= 1
        with pytest.raises(Damaged):
            decode(bytes(changed) + last, "x")


def test_a_bad_line_that_something_follows_is_damage_though_what_follows_is_torn():
    bad = encode(SECOND).replace(b"99", b"98")
    with pytest.raises(Damaged) as caught:
        decode(encode(FIRST) + bad + b"{", "a file")
    assert "a file: line 2" in caught.value.what


@pytest.mark.parametrize("data", [b"", b"\n", b"{}\n", encode(FIRST)[:-1], b'{"a":1,"crc":"00000000"}\n'])
def test_a_file_without_a_valid_first_line_is_damaged(data):
    with pytest.raises(Damaged):
        decode(data, "x")
