"""Event documents: what is read, what is kept, how a change merges."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from c8ybin.domain.errors import Invalid, Unreadable
from c8ybin.domain.events import SERVER_OWNED, merge_event, new_event, parse_document, serialize

POSTED = {"source": {"id": "42"}, "type": "t", "time": "2026-11-24T12:00:00.000Z", "text": "hello"}
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=15,
)
OBJECTS = st.dictionaries(st.text(), VALUES, max_size=5)


def nested(levels, brackets="{}"):
    """A document of that many levels, itself the first."""
    inner = levels - 1
    if brackets == "[]":
        return b'{"a":' + b"[" * inner + b"]" * inner + b"}" if inner else b"{}"
    return b'{"a":' * inner + b"{}" + b"}" * inner


class TestParse:
    @given(OBJECTS)
    def test_gives_what_json_gives_and_writes_back(self, document):
        data = json.dumps(document).encode()
        assert parse_document(data) == document
        assert parse_document(serialize(document)) == document

    def test_writes_compact_utf_8(self):
        assert serialize({"a": "ü", "b": [1, 2]}) == '{"a":"ü","b":[1,2]}'.encode()

    @pytest.mark.parametrize(
        "data",
        [
            b"",
            b" ",
            b"{",
            b"{'a':1}",
            b'{"a":1,}',
            b'{"a":1} x',
            b'{"a":01}',
            b'{"a":"\n"}',
            b'{"a":"\xff"}',
            "{}".encode("utf-16"),
            b"\xef\xbb\xbf{}",
            b"nothing",
        ],
    )
    def test_of_what_is_not_json_in_utf_8_is_unreadable(self, data):
        with pytest.raises(Unreadable):
            parse_document(data)

    @pytest.mark.parametrize("data", [b"[]", b"1", b'"a"', b"null", b"true", b"[{}]"])
    def test_of_json_that_is_no_object_is_invalid(self, data):
        with pytest.raises(Invalid, match="must be a JSON object"):
            parse_document(data)

    @pytest.mark.parametrize("brackets", ["{}", "[]"])
    def test_takes_64_levels_and_refuses_65(self, brackets):
        assert parse_document(nested(64, brackets))
        with pytest.raises(Invalid, match="64 levels"):
            parse_document(nested(65, brackets))

    @pytest.mark.parametrize("brackets", ["{}", "[]"])
    def test_refuses_a_hundred_thousand_levels(self, brackets):
        with pytest.raises(Invalid, match="64 levels"):
            parse_document(nested(100_000, brackets))

    @pytest.mark.parametrize("opening", [b"[", b'{"a":'])
    def test_refuses_a_hundred_thousand_levels_that_are_never_closed(self, opening):
        with pytest.raises((Invalid, Unreadable)):
            parse_document(b'{"a":' + opening * 100_000)

    def test_many_members_side_by_side_are_not_deep(self):
        assert len(parse_document(json.dumps({str(i): [i] for i in range(1000)}).encode())) == 1000

    @pytest.mark.parametrize(
        ("number", "reason"),
        [
            ("NaN", "JSON has no NaN"),
            ("Infinity", "JSON has no NaN or Infinity"),
            ("-Infinity", "JSON has no NaN or Infinity"),
            ("1e999", "too large for a double"),
            ("-1e999", "too large for a double"),
        ],
    )
    @pytest.mark.parametrize("template", ['{"a":%s}', '{"a":{"b":[%s]}}'])
    def test_refuses_a_number_that_is_not_finite(self, template, number, reason):
        with pytest.raises(Invalid, match=f"not finite.*{reason}"):
            parse_document((template % number).encode())

    @pytest.mark.parametrize("digits", [401, 4301, 100_000])
    def test_refuses_a_huge_whole_number(self, digits):
        with pytest.raises(Invalid, match="number"):
            parse_document(b'{"a":' + b"9" * digits + b"}")

    def test_keeps_a_large_whole_number_exactly(self):
        assert parse_document(b'{"a":' + b"9" * 100 + b"}") == {"a": 10**100 - 1}

    @pytest.mark.parametrize("text", [r'{"a":"\ud800"}', r'{"\udfff":1}', r'{"a":[{"b":"x\udc00\ud800"}]}'])
    def test_refuses_a_lone_surrogate_in_names_and_values(self, text):
        with pytest.raises(Invalid, match="surrogate"):
            parse_document(text.encode())

    def test_takes_a_surrogate_pair(self):
        assert parse_document(rb'{"a":"\ud83d\ude00"}') == {"a": "😀"}

    @given(
        st.binary(max_size=40) | st.text(alphabet='{}[]":,\\ud80 e9-+.truefalsn', max_size=40).map(str.encode)
    )
    def test_any_bytes_are_an_object_or_refused(self, data):
        try:
            document = parse_document(data)
        except (Unreadable, Invalid):
            return
        assert parse_document(serialize(document)) == document


class TestNewEvent:
    def test_keeps_the_mandatory_members_and_custom_fragments(self):
        fragment = {"c8y_Position": {"lat": 1.5}, "list": [1, None], "flag": False, "zero": 0, "empty": ""}
        assert new_event(POSTED | fragment) == POSTED | fragment

    def test_passes_over_what_the_server_owns(self):
        assert set(SERVER_OWNED) == {
            "id",
            "self",
            "creationTime",
            "lastUpdated",
            "c8y_IsBinary",
            "c8y_IsIncompleteBinary",
        }
        assert new_event(POSTED | dict.fromkeys(SERVER_OWNED, "mine")) == POSTED

    def test_of_the_source_keeps_the_id_only(self):
        source = {"id": "42", "self": "https://x/inventory/managedObjects/42", "name": "pump"}
        assert new_event(POSTED | {"source": source})["source"] == {"id": "42"}

    def test_members_that_are_null_count_as_absent(self):
        assert "gone" not in new_event(POSTED | {"gone": None})

    def test_writes_the_time_in_utc_cut_to_milliseconds(self):
        event = new_event(POSTED | {"time": "2026-11-24T13:30:00.123999+01:30"})
        assert event["time"] == "2026-11-24T12:00:00.123Z"

    @pytest.mark.parametrize("name", ["source", "type", "time", "text"])
    @pytest.mark.parametrize("absent", ["missing", "null"])
    def test_names_the_mandatory_member_that_is_missing(self, name, absent):
        document = POSTED | {name: None}
        if absent == "missing":
            del document[name]
        with pytest.raises(Invalid, match=f"fields should be included: {name}$"):
            new_event(document)

    def test_names_all_that_are_missing(self):
        with pytest.raises(Invalid) as caught:
            new_event({"source": {"id": "42"}})
        assert caught.value.message == "Following mandatory fields should be included: type,time,text"

    @pytest.mark.parametrize("source", [{}, {"id": None}, {"name": "x"}, "42", 42, [], True])
    def test_names_the_id_of_the_source_when_that_is_missing(self, source):
        with pytest.raises(Invalid, match=r"included: source\.id$"):
            new_event(POSTED | {"source": source})

    @pytest.mark.parametrize("source_id", ["", 42, "x" * 256, [], {}, True])
    def test_refuses_a_source_id_that_is_no_string_of_1_to_255_characters(self, source_id):
        with pytest.raises(Invalid, match=r"source\.id must"):
            new_event(POSTED | {"source": {"id": source_id}})

    @pytest.mark.parametrize("source_id", ["0", "pump/7", "ü" * 255, " "])
    def test_takes_any_source_id_of_1_to_255_characters(self, source_id):
        assert new_event(POSTED | {"source": {"id": source_id}})["source"] == {"id": source_id}

    @pytest.mark.parametrize(("name", "value"), [("type", 1), ("type", {}), ("text", 1), ("text", ["a"])])
    def test_refuses_a_type_or_text_that_is_no_string(self, name, value):
        with pytest.raises(Invalid, match=f"{name} must be a string"):
            new_event(POSTED | {name: value})

    @pytest.mark.parametrize("value", ["", "yesterday", 1_795_521_600_000, {}, "2026-02-30"])
    def test_refuses_a_time_that_cannot_be_read(self, value):
        with pytest.raises(Invalid, match="time cannot be read"):
            new_event(POSTED | {"time": value})

    @given(OBJECTS)
    def test_leaves_the_document_as_it_was(self, extra):
        document = extra | POSTED
        before = json.dumps(document)
        new_event(document)
        assert json.dumps(document) == before

    @given(OBJECTS | st.dictionaries(st.sampled_from(["source", "type", "time", "text"]), VALUES))
    def test_any_document_is_an_event_or_invalid(self, document):
        try:
            event = new_event(document)
        except Invalid:
            return
        assert event.keys() >= {"source", "type", "time", "text"}


class TestMerge:
    EVENT = POSTED | {"fragment": {"a": 1, "b": 2}}

    def test_replaces_a_fragment_whole_and_adds_new_ones(self):
        merged = merge_event(self.EVENT, {"fragment": {"c": 3}, "new": [], "text": "changed"})
        assert merged == self.EVENT | {"fragment": {"c": 3}, "new": [], "text": "changed"}

    def test_null_removes_a_fragment(self):
        assert merge_event(self.EVENT, {"fragment": None, "never": None}) == POSTED

    def test_nothing_changes_nothing(self):
        assert merge_event(self.EVENT, {}) == self.EVENT

    def test_passes_over_what_the_server_owns(self):
        assert merge_event(self.EVENT, dict.fromkeys(SERVER_OWNED, "mine")) == self.EVENT

    @pytest.mark.parametrize(
        "change",
        [
            {"type": "t"},
            {"source": {"id": "42", "self": "https://x", "name": "other"}},
            {"time": "2026-11-24T12:00:00.000Z"},
            {"time": "2026-11-24T13:00:00.000999+01:00"},
        ],
    )
    def test_takes_what_may_not_change_when_it_is_sent_as_it_is(self, change):
        assert merge_event(self.EVENT, change) == self.EVENT

    @pytest.mark.parametrize(
        ("change", "name"),
        [
            ({"type": "other"}, "type"),
            ({"type": None}, "type"),
            ({"source": {"id": "43"}}, "source"),
            ({"source": {"id": 42}}, "source"),
            ({"source": {}}, "source"),
            ({"source": "42"}, "source"),
            ({"source": None}, "source"),
            ({"time": "2026-11-24T12:00:00.001Z"}, "time"),
            ({"time": None}, "time"),
            ({"time": "yesterday"}, "time"),
            ({"text": None}, "text"),
            ({"text": 1}, "text"),
        ],
    )
    def test_refuses_a_change_of_what_may_not_change(self, change, name):
        with pytest.raises(Invalid, match=f"^{name} "):
            merge_event(self.EVENT, change)

    @given(OBJECTS)
    def test_is_a_merge_at_top_level_and_leaves_its_arguments(self, change):
        event, before = dict(self.EVENT), json.dumps([self.EVENT, change])
        try:
            merged = merge_event(event, change)
        except Invalid:
            assert change.keys() & POSTED.keys()
            return
        assert json.dumps([event, change]) == before
        expected = event | {k: v for k, v in change.items() if k not in SERVER_OWNED}
        assert merged == {k: v for k, v in expected.items() if v is not None}
