"""Names and media types from strangers, and the header fields that carry them."""

import re
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from c8ybin.domain.labels import (
    OCTET_STREAM,
    ContentType,
    Label,
    decode_field,
    disposition_name,
    field_parameters,
    format_disposition,
    media_type,
    parse_content_type,
    safe_name,
)

# With lone surrogates, which JSON can spell, and what is of interest to a path.
ANY_TEXT = st.text(
    alphabet=st.characters(codec=None) | st.sampled_from("./\\\0\r\n\t\x7f\x85 \"'%;é\u0301\u202e／＼．‥"),
    max_size=300,
)
SAFE_NAMES = ANY_TEXT.map(safe_name).filter(bool)


class TestSafeName:
    @pytest.mark.parametrize(
        ("text", "name"),
        [
            ("file.txt", "file.txt"),
            ("Bericht März.pdf", "Bericht März.pdf"),
            ("Ma\u0308rz", "März"),
            ("/etc/passwd", "passwd"),
            ("../../etc/passwd", "passwd"),
            (r"C:\fakepath\a.txt", "a.txt"),
            (r"a/b\c", "c"),
            ("a\0b\r\nc\x7fd\x85e", "abcde"),
            ("x\ud800y", "xy"),
            (".profile", ".profile"),
            ("...", "..."),
            ('say "hi".txt', 'say "hi".txt'),
            (" a ", " a "),
            ("a" * 256, "a" * 255),
            ("é" * 128, "é" * 127),
            ("😀" * 64, "😀" * 63),
        ],
    )
    def test_keeps_the_last_component_without_control_characters(self, text, name):
        assert safe_name(text) == name

    @pytest.mark.parametrize(
        "text",
        [None, "", ".", "..", " ", " . ", "/", "a/", "a\\", "a/..", "\0", ".\0.", "\r\n", "\ud800", "\u3000"],
    )
    def test_of_nothing_or_a_dot_or_two_is_absent(self, text):
        assert safe_name(text) is None

    @given(ANY_TEXT)
    @example("e\x00\u0301")  # without the control character these two compose
    @example(" " * 255 + "a")
    def test_is_harmless_whatever_comes(self, text):
        name = safe_name(text)
        if name is not None:
            assert 0 < len(name.encode()) <= 255
            assert not re.search(r"[/\\\x00-\x1f\x7f-\x9f]", name)
            assert name.strip() not in ("", ".", "..")
            assert unicodedata.is_normalized("NFC", name)
            assert safe_name(name) == name


class TestMediaType:
    @pytest.mark.parametrize(
        "text",
        [
            "text/plain",
            "text/plain; charset=utf-8",
            'TEXT/x.y+json ;a="b;c"',
            "application/vnd.com.nsn.cumulocity.event+json;charset=UTF-8;ver=0.9",
            "a/b;",
            "a/" + "b" * 253,
        ],
    )
    def test_is_kept_verbatim(self, text):
        assert media_type(text) == text
        assert media_type(f" {text}\t") == text

    @pytest.mark.parametrize(
        "text",
        [
            None,
            "",
            " ",
            "text",
            "text/",
            "/plain",
            "text/plain/x",
            "text /plain",
            "text/plain charset=utf-8",
            "text/plain\r\nX-Evil: 1",
            "text/plain\n",
            "text/plain; a=\x01",
            "text/plain; a=ü",
            "téxt/plain",
            "a/b, c/d",
            "a/" + "b" * 254,
        ],
    )
    def test_that_is_none_counts_as_absent(self, text):
        assert media_type(text) is None

    @given(st.text(alphabet='ab/;= \t\r\n\0é"', max_size=20) | st.text(max_size=300))
    def test_is_always_fit_for_a_header_field(self, text):
        kind = media_type(text)
        assert kind is None or (re.fullmatch(r"[\x20-\x7e\t]{3,255}", kind) and kind in text)

    def test_of_an_unlabelled_binary_is_octet_stream(self):
        assert Label() == Label(OCTET_STREAM, None)
        assert OCTET_STREAM == "application/octet-stream"


class TestFieldParameters:
    @pytest.mark.parametrize(
        ("value", "parameters"),
        [
            ("form-data", {}),
            ("", {}),
            ('form-data; name="file"; filename="a.txt"', {"name": "file", "filename": "a.txt"}),
            ("form-data;name=file;FileName=a b.txt ", {"name": "file", "filename": "a b.txt"}),
            ('form-data; name="a;b"; x=1', {"name": "a;b", "x": "1"}),
            (r'form-data; filename="say \"hi\".txt"', {"filename": 'say "hi".txt'}),
            (r'form-data; filename="C:\temp\new.txt"', {"filename": r"C:\temp\new.txt"}),
            (r'form-data; filename="a\\b"', {"filename": r"a\\b"}),
            ('form-data; name="one"; name="two"', {"name": "one"}),
            ('form-data; name = "file" ; x = y', {"name": "file", "x": "y"}),
            ('form-data; name=""', {"name": ""}),
            ('form-data; name="x; filename=evil"', {"name": "x; filename=evil"}),
            ("form-data; flag; name=x", {"name": "x"}),
            (
                "attachment; filename*=UTF-8''%C3%A9; filename=e",
                {"filename*": "UTF-8''%C3%A9", "filename": "e"},
            ),
        ],
    )
    def test_are_read(self, value, parameters):
        assert field_parameters(value) == parameters

    @given(st.text(alphabet="a;=\"\\ *'%,", max_size=60) | st.text(max_size=60))
    def test_of_any_text_do_not_fail(self, value):
        assert all(name == name.lower() and name for name in field_parameters(value))

    @pytest.mark.parametrize("piece", [';a="', '\\"', "; ", ";a", 'a="\\', ";a=b", '"'])
    def test_of_a_long_field_do_not_backtrack(self, piece):
        # Would not end within the run's timeout where the pattern can match in two ways.
        assert isinstance(field_parameters("form-data; x" + piece * 8000), dict)
        parse_content_type("multipart/form-data; boundary=x" + piece * 8000 + ",")


class TestDispositionName:
    @pytest.mark.parametrize(
        ("parameters", "name"),
        [
            ({}, None),
            ({"name": "x"}, None),
            ({"filename": "a.txt"}, "a.txt"),
            ({"filename": ""}, ""),
            ({"filename*": "UTF-8''%E2%82%AC.txt", "filename": "EUR.txt"}, "€.txt"),
            ({"filename*": "utf-8'de'M%C3%A4rz"}, "März"),
            ({"filename*": "ISO-8859-1''%A3"}, "£"),
            ({"filename*": "UTF-8''%FF", "filename": "a.txt"}, "a.txt"),
            ({"filename*": "KOI8-R''%C1", "filename": "a.txt"}, "a.txt"),
            ({"filename*": "a.txt", "filename": "b.txt"}, "b.txt"),
            ({"filename*": "UTF-8''%FF"}, None),
        ],
    )
    def test_is_the_extended_one_if_that_can_be_read(self, parameters, name):
        assert disposition_name(parameters) == name


class TestFormatDisposition:
    @pytest.mark.parametrize(
        ("name", "field"),
        [
            ("file.txt", 'attachment; filename="file.txt"'),
            ('say "hi".txt', r'attachment; filename="say \"hi\".txt"'),
            ("a b;c%20.txt", 'attachment; filename="a b;c%20.txt"'),
            ("März.txt", "attachment; filename*=UTF-8''M%C3%A4rz.txt; filename=\"Marz.txt\""),
            ("€.txt", "attachment; filename*=UTF-8''%E2%82%AC.txt; filename=\"_.txt\""),
            (
                "é'*%() .txt",
                "attachment; filename*=UTF-8''%C3%A9%27%2A%25%28%29%20.txt; filename=\"e'*%() .txt\"",
            ),
        ],
    )
    def test_writes_the_extended_name_before_the_plain_one_and_only_where_needed(self, name, field):
        assert format_disposition(name) == field

    @given(SAFE_NAMES)
    def test_is_read_back_as_the_same_name(self, name):
        assert disposition_name(field_parameters(format_disposition(name))) == name

    @given(SAFE_NAMES)
    def test_is_one_line_of_ascii(self, name):
        assert re.fullmatch(r"[\x20-\x7e]+", format_disposition(name))

    @given(SAFE_NAMES)
    @example("März.txt")
    @example("x")
    def test_greedy_agent_reads_the_plain_name_alone(self, name):
        """c8ydm reads `filename="(.+)"`, greedily, and makes a file of that name."""
        field = format_disposition(name)
        (seen,) = re.findall('filename="(.+)"', field)
        assert seen.replace('\\"', '"') == field_parameters(field)["filename"]
        assert not name.isascii() or seen.replace('\\"', '"') == name

    @given(SAFE_NAMES)
    @example("．．／．．／etc／passwd")  # full-width dots and solidus
    @example("℀")
    @example("‥")
    @example("\u0301")  # a combining accent alone
    def test_plain_name_is_as_safe_as_the_name_itself(self, name):
        plain = field_parameters(format_disposition(name))["filename"]
        assert not re.search(r"[/\\]", plain)
        assert plain.strip() not in ("", ".", "..")


class TestDecodeField:
    @pytest.mark.parametrize(
        ("sent", "meant"),
        [(b"a", "a"), ("März".encode(), "März"), ("März".encode("latin-1"), "März"), (b"\xff\xfe", "ÿþ")],
    )
    def test_is_utf_8_if_it_is_that_and_latin_1_otherwise(self, sent, meant):
        assert decode_field(sent.decode("latin-1")) == meant

    def test_absent_stays_absent(self):
        assert decode_field(None) is None


class TestContentType:
    @pytest.mark.parametrize(
        ("value", "boundary"),
        [
            ("multipart/form-data; boundary=abc", "abc"),
            ('multipart/form-data;boundary="a b"', "a b"),
            ('multipart/form-data; boundary="a,b;c"', "a,b;c"),
            ("multipart/form-data; boundary=--myBoundary", "--myBoundary"),
            ("Multipart/Form-Data; charset=utf-8; Boundary=abc", "abc"),
            ("multipart/form-data", None),
            ("multipart/form-data; boundary=", None),
            ('multipart/form-data; boundary=""', None),
            # thin-edge.io: two fields, joined by the server
            ("multipart/form-data,multipart/form-data; boundary=abc", "abc"),
            ("multipart/form-data, multipart/form-data; boundary=abc", "abc"),
            ("multipart/form-data; boundary=abc, multipart/form-data", "abc"),
            ("multipart/form-data; boundary=one, multipart/form-data; boundary=two", "one"),
            ("application/json, multipart/form-data; boundary=abc", "abc"),
            ('multipart/form-data, multipart/form-data; boundary="a,b"', "a,b"),
        ],
    )
    def test_of_a_form_tells_its_boundary(self, value, boundary):
        kind = parse_content_type(value)
        assert kind.is_multipart
        assert kind.boundary == boundary

    @pytest.mark.parametrize(
        ("value", "kind"),
        [
            (None, None),
            ("", None),
            ("text/plain; charset=utf-8", "text/plain; charset=utf-8"),
            ("nonsense", None),
            ("multipart/mixed; boundary=abc", "multipart/mixed; boundary=abc"),
            ("multipart/form-database; boundary=abc", "multipart/form-database; boundary=abc"),
            (
                'text/plain; x=", multipart/form-data; boundary=abc"',
                'text/plain; x=", multipart/form-data; boundary=abc"',
            ),
        ],
    )
    def test_of_a_file_is_verbatim_and_no_form(self, value, kind):
        assert parse_content_type(value) == ContentType(kind, False, None)

    @given(st.text(alphabet='multipart/form-data; boundary="\\,=x', max_size=60) | st.text(max_size=60))
    def test_of_any_text_does_not_fail(self, value):
        kind = parse_content_type(value)
        assert kind.boundary is None or (kind.is_multipart and kind.boundary)
