"""JSON objects of any length: their short top-level strings, as the json module reads them."""

import json
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from c8ybin.bodies.shortened import OBJECT_BYTES, STRING_BYTES, ShortenedObject

TEXT = st.text(alphabet=st.characters(codec="utf-8") | st.sampled_from('"\\/\n\u00e9{}[]:,'))
VALUES = st.recursive(
    TEXT | st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)
CUTS = st.lists(st.integers(0, 400), max_size=10)


def strings(*pieces):
    shortened = ShortenedObject()
    for piece in pieces:
        shortened.feed(memoryview(piece))
    return shortened.strings()


def top_level_strings(document):
    return {k: v for k, v in document.items() if isinstance(v, str)}


@given(st.dictionaries(TEXT, VALUES, max_size=6), st.booleans(), st.sampled_from([None, 1]), CUTS)
def test_every_split_gives_the_top_level_strings_that_json_gives(cut, document, ascii_only, indent, cuts):
    text = json.dumps(document, ensure_ascii=ascii_only, indent=indent).encode()
    expected = top_level_strings(document)
    assert strings(text) == expected
    assert strings(*cut(text, cuts)) == expected
    assert strings(*cut(text, range(len(text)))) == expected


@given(
    st.dictionaries(TEXT, VALUES, max_size=4), st.integers(0, 5), st.text(alphabet='x"\\é', min_size=1), CUTS
)
def test_long_strings_are_emptied_and_change_nothing_else(cut, document, place, piece, cuts):
    long = piece * (STRING_BYTES // len(piece) + 1)
    items = [(k, v) for k, v in document.items() if k != "data"]
    items.insert(place, ("data", long))
    text = json.dumps(dict(items), ensure_ascii=False).encode()
    expected = top_level_strings(dict(items)) | {"data": ""}
    assert strings(text) == expected
    assert strings(*cut(text, cuts)) == expected
    assert strings(*cut(text, range(0, len(text), 4093))) == expected


@given(
    st.text(alphabet='{}[]":,\\ud80 e9-+.trefalsn\n', max_size=40).map(str.encode) | st.binary(max_size=40),
    CUTS,
)
def test_any_bytes_give_what_json_gives_or_nothing(cut, text, cuts):
    try:
        document = json.loads(text.decode())
    except ValueError:
        document = None
    expected = top_level_strings(document) if isinstance(document, dict) else {}
    assert strings(text) == expected
    assert strings(*cut(text, cuts)) == expected
    assert strings(*cut(text, range(len(text)))) == expected


@pytest.mark.parametrize("more", [0, 1])
def test_a_string_is_long_when_it_has_more_than_64_kib_as_it_is_written(more):
    assert STRING_BYTES == 64 * 1024
    text = "x" * (STRING_BYTES - 2 + more)
    read = strings(b'{"a":"\\n%b","b":"c"}' % text.encode())
    assert read == {"a": "" if more else f"\n{text}", "b": "c"}


@pytest.mark.parametrize("more", [0, 1])
def test_an_object_is_too_long_when_it_has_more_than_256_kib_without_its_long_strings(more):
    assert OBJECT_BYTES == 256 * 1024
    head, tail = b'{"a":"b","data":"', b'"}'
    padding = b" " * (OBJECT_BYTES - len(head + tail) + more)
    text = head + b"x" * 100_000 + tail + padding
    for step in (len(text), 1009):
        pieces = [text[i : i + step] for i in range(0, len(text), step)]
        assert strings(*pieces) == ({} if more else {"a": "b", "data": ""})


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b'{ "name": syslog, type: text/plain }',  # c8ydm
        b'["name"]',
        b'"name"',
        b"1",
        b'{"a":"b"',
        b'{"a":"b',
        b'{"a":"b\\',
        b'{"a":"b"} x',
        b'{"a":"\xff"}',
        b"{'a':'b'}",
        b'{"a":"b\n"}',
        b'{"a":' + b"[" * 100_000,
        b'{"a":"b","c":' + b"9" * 5000 + b"}",
    ],
)
def test_what_is_no_json_object_gives_nothing(text):
    assert strings(text) == {}


@pytest.mark.parametrize(
    ("head", "block"), [(b'{"a":"', b"x" * 65_536), (b"{", b" " * 65_536), (b'{"', b'","' * 20_000)]
)
def test_memory_held_is_bounded_whatever_comes(head, block):
    shortened = ShortenedObject()
    tracemalloc.start()
    try:
        shortened.feed(memoryview(head))
        for _ in range(100):
            shortened.feed(memoryview(block))
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert most < 4 * OBJECT_BYTES
    assert shortened.strings() == {}
