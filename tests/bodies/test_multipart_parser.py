"""The multipart parser: the same parts however the bytes arrive, and those that another parser finds."""

import tracemalloc

import multipart
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from c8ybin.bodies.multipart import (
    DELIMITER_BYTES,
    HEADER_BYTES,
    MOST_PARTS,
    PADDING_BYTES,
    MultipartParser,
    parse_part_header,
)
from c8ybin.domain.errors import Unreadable

DISPOSITION = 'Content-Disposition: form-data; name="file"'


class Recorder:
    """A handler that keeps what it is told, and sees that it is told in order."""

    def __init__(self):
        self.parts = []
        self.open = False

    def part_begin(self, headers):
        assert not self.open
        self.open = True
        self.parts.append((headers, bytearray()))

    def part_data(self, data):
        assert self.open
        assert len(data) > 0
        self.parts[-1][1].extend(data)

    def part_end(self):
        assert self.open
        self.open = False


def parse(boundary, *pieces):
    recorder = Recorder()
    parser = MultipartParser(boundary, recorder)
    for piece in pieces:
        parser.feed(piece)
    parser.finish()
    assert not recorder.open
    return [(headers, bytes(data)) for headers, data in recorder.parts]


def contents(boundary, *pieces):
    return [data for _, data in parse(boundary, *pieces)]


def parse_with_oracle(boundary, body):
    parts = []
    with multipart.PushMultipartParser(boundary, max_header_size=HEADER_BYTES, max_header_count=99) as parser:
        for event in parser.parse(body):
            if isinstance(event, multipart.MultipartSegment):
                parts.append(({name.lower(): value for name, value in event.headerlist}, bytearray()))
            elif event is not None:
                parts[-1][1].extend(event)
    return [(headers, bytes(data)) for headers, data in parts]


@st.composite
def contents_near(draw, delimiter):
    """Bytes full of what is almost the delimiter."""
    lengths = st.integers(1, len(delimiter) - 1)
    piece = (
        st.binary(max_size=6)
        | lengths.map(lambda k: delimiter[:k])
        | lengths.map(lambda k: delimiter[k:])
        | st.sampled_from([b"\r", b"\n", b"\r\n", b"--", b"\r\n--", b"\r\n\r\n"])
    )
    content = b"".join(draw(st.lists(piece, max_size=8)))
    assume(delimiter not in b"\r\n" + content)
    return content


BOUNDARIES = st.text(alphabet="aB9-_'.=", min_size=1, max_size=12)


@st.composite
def forms(draw, dashes=b"--", boundaries=BOUNDARIES):
    """A boundary, and a body with random contents, padding, preamble and epilogue."""
    boundary = draw(boundaries)
    delimiter = b"\r\n" + dashes + boundary.encode()
    word = st.text(alphabet=st.characters(codec="utf-8", exclude_characters='\r\n"'), max_size=8)
    body = draw(st.sampled_from([b"", b"", b"\r\n", b"preamble\r\n\r\nof lines\r\n"])) if dashes else b""
    for number in range(draw(st.integers(1, 4))):
        body += delimiter[2:] if number == 0 else delimiter
        body += b"\r\n"
        body += f'Content-Disposition: form-data; name="{draw(word)}"\r\n'.encode()
        if draw(st.booleans()):
            body += f"content-TYPE:  text/{number}\r\n".encode()
        body += b"\r\n" + draw(contents_near(delimiter))
    return boundary, body + delimiter + b"--" + draw(
        st.sampled_from([b"", b"\r\n", b"\r\nepilogue", delimiter])
    )


CUTS = st.lists(st.integers(0, 300), max_size=12)


@given(forms(), CUTS)
def test_every_split_gives_the_parts_that_the_oracle_finds(cut, form, cuts):
    boundary, body = form
    expected = parse_with_oracle(boundary, body)
    assert parse(boundary, body) == expected
    assert parse(boundary, *cut(body, cuts)) == expected
    assert parse(boundary, *cut(body, range(len(body)))) == expected


@given(forms(dashes=b"", boundaries=st.text(alphabet="aB-", min_size=1, max_size=6).map("--{}".format)), CUTS)
def test_a_boundary_that_includes_the_dashes_is_the_delimiter_line_in_every_split(cut, form, cuts):
    boundary, body = form
    expected = parse_with_oracle(boundary.removeprefix("--"), body)
    assert parse(boundary, *cut(body, cuts)) == expected
    assert parse(boundary, *cut(body, range(len(body)))) == expected


@given(forms(), CUTS)
def test_without_a_boundary_the_first_line_is_the_delimiter_in_every_split(cut, form, cuts):
    boundary, body = form
    body = body[body.index(b"--" + boundary.encode()) :]
    expected = parse_with_oracle(boundary, body)
    assert parse(None, *cut(body, cuts)) == expected
    assert parse(None, *cut(body, range(len(body)))) == expected


@given(forms(), st.data())
def test_a_body_cut_before_its_closing_delimiter_ends_is_unreadable(form, data):
    boundary, body = form
    end = body.rindex(b"--" + boundary.encode() + b"--")
    while (earlier := body.rfind(b"\r\n--" + boundary.encode() + b"--", 0, end)) >= 0:
        end = earlier + 2  # the epilogue may repeat it
    end += len(boundary) + 4
    assert parse(boundary, body[:end]) == parse(boundary, body)
    position = data.draw(st.integers(0, end - 1))
    with pytest.raises(Unreadable):
        parse(boundary, body[:position])


class TestCutShort:
    @pytest.mark.parametrize("boundary", ["B", None, "--B"])
    def test_at_every_position_is_unreadable(self, form, part, boundary):
        body = form(part("object", b"{}"), part("file", b"a\r\n--b\r\n", filename="x"))
        end = body.rindex(b"--B--") + 5
        assert contents(boundary, body[:end]) == [b"{}", b"a\r\n--b\r\n"]
        for position in range(end):
            with pytest.raises(Unreadable, match="before its closing delimiter"):
                parse(boundary, body[:position])
            with pytest.raises(Unreadable, match="before its closing delimiter"):
                parse(boundary, *(body[i : i + 1] for i in range(position)))

    def test_to_nothing_is_unreadable(self):
        for boundary in ("B", None):
            with pytest.raises(Unreadable):
                parse(boundary)


class TestDelimiters:
    def test_of_the_upstream_document_are_the_boundary_itself(self):
        body = (
            b"--myBoundary\r\n"
            b"Content-Type: application/octet-stream\r\n"
            b'Content-Disposition: form-data; name="file.txt"\r\n'
            b"\r\n"
            b"<<content-body>>\r\n"
            b"--myBoundary--"
        )
        headers = {
            "content-type": "application/octet-stream",
            "content-disposition": 'form-data; name="file.txt"',
        }
        assert parse("--myBoundary", body) == [(headers, b"<<content-body>>")]

    def test_of_a_boundary_with_dashes_that_is_used_by_the_book_have_two_more(self, form, part):
        body = form(part("file", b"--B\r\n--B--"), delimiter=b"----B")
        assert contents("--B", body) == [b"--B\r\n--B--"]

    def test_of_a_boundary_without_dashes_have_them_even_where_the_first_line_is_the_boundary(
        self, form, part
    ):
        assert contents("B", b"B\r\n" + form(part("file", b"x"))) == [b"x"]

    @pytest.mark.parametrize("padding", [b" ", b"\t", b" \t ", b" " * (PADDING_BYTES - 2)])
    @pytest.mark.parametrize("step", [1, 7, 10_000])
    def test_may_be_padded_with_blanks(self, padding, step):
        body = b"--B%b\r\n\r\none\r\n--B%b\r\n\r\ntwo\r\n--B--%b\r\n" % (padding, padding, padding)
        pieces = [body[i : i + step] for i in range(0, len(body), step)]
        assert contents("B", *pieces) == [b"one", b"two"]
        if len(padding) < DELIMITER_BYTES - 10:
            assert contents(None, *pieces) == [b"one", b"two"]

    @pytest.mark.parametrize(
        "line",
        [b"--Bx", b"--B x", b"--B-", b"--B-x", b"--B\r", b"--B\n", b"--B" + b" " * (PADDING_BYTES + 1)],
    )
    @pytest.mark.parametrize("step", [1, 7, 10_000])
    def test_are_not_lines_that_only_begin_like_one(self, line, step):
        content = b"a\r\n" + line + b"\r\nb"
        body = b"--B\r\n\r\n" + content + b"\r\n--B--"
        assert contents("B", *(body[i : i + step] for i in range(0, len(body), step))) == [content]

    def test_are_not_found_inside_a_line(self):
        assert contents("B", b"--B\r\n\r\na--B\r\n--B--") == [b"a--B"]
        assert contents("B", b"--B\r\n\r\na\n--B--\r\n--B--") == [b"a\n--B--"]

    @pytest.mark.parametrize(
        "preamble", [b"", b"\r\n", b"words\r\n", b"--b\r\n", b"x--B\r\n", b"y" * 2000 + b"\r\n"]
    )
    def test_come_after_a_preamble_that_is_no_data(self, preamble, form, part):
        body = preamble + form(part("file", b"x"))
        assert contents("B", body) == [b"x"]
        assert contents("B", *(body[i : i + 1] for i in range(len(body)))) == [b"x"]

    @pytest.mark.parametrize(
        "epilogue", [b"", b"\r\n", b"x", b"\r\n--B\r\n\r\ny\r\n--B--", b"\r\n" + b"z" * 2000]
    )
    def test_come_before_an_epilogue_that_is_no_data(self, epilogue, form, part):
        body = form(part("file", b"x"))[:-2] + epilogue
        assert contents("B", body) == [b"x"]
        assert contents("B", *(body[i : i + 1] for i in range(len(body)))) == [b"x"]

    def test_that_never_come_are_unreadable(self, form, part):
        with pytest.raises(Unreadable):
            parse("C", form(part("file", b"x")))

    def test_alone_are_a_form_of_no_parts(self):
        assert parse("B", b"--B--\r\n") == []

    def test_may_have_a_boundary_of_any_length(self, form, part):
        boundary = "b" * 2000
        body = form(part("file", b"x"), delimiter=b"--" + boundary.encode())
        assert contents(boundary, body) == [b"x"]
        assert contents(boundary, *(body[i : i + 100] for i in range(0, len(body), 100))) == [b"x"]


class TestNoBoundary:
    def test_takes_the_first_line_with_blank_lines_before_and_blanks_after(self):
        body = b"\r\n\r\n------x \t\r\n\r\none\r\n------x--"
        assert contents(None, body) == [b"one"]
        assert contents(None, *(body[i : i + 1] for i in range(len(body)))) == [b"one"]

    @pytest.mark.parametrize("first", [b"B", b"-B", b"--", b"-- ", b"", b"{}", b"\n--B", b" --B"])
    def test_needs_a_first_line_that_is_two_dashes_and_more(self, first):
        with pytest.raises(Unreadable, match=r"no boundary|before its closing"):
            parse(None, first + b"\r\n\r\none\r\n" + first + b"--")

    def test_needs_a_first_line_of_a_bearable_length(self):
        longest = b"--" + b"b" * (DELIMITER_BYTES - 2)
        assert contents(None, b"%b\r\n\r\none\r\n%b--" % (longest, longest)) == [b"one"]
        with pytest.raises(Unreadable, match="no boundary"):
            parse(None, b"%bb\r\n\r\none\r\n%bb--" % (longest, longest))


class TestParts:
    def test_may_be_sixteen_but_not_seventeen(self, form, part):
        sixteen = [part("file", b"%d" % i) for i in range(16)]
        assert MOST_PARTS == 16
        assert contents("B", form(*sixteen)) == [b"%d" % i for i in range(16)]
        with pytest.raises(Unreadable, match="at most 16 parts"):
            parse("B", form(*sixteen, part("file", b"16")))

    @pytest.mark.parametrize("step", [1000, 100_000])
    def test_may_have_a_header_of_16_kib_but_not_more(self, step):
        assert HEADER_BYTES == 16 * 1024
        for more, fits in ((0, True), (1, False)):
            header = b"X: " + b"x" * (HEADER_BYTES - 3 + more)
            body = b"--B\r\n" + header + b"\r\n\r\none\r\n--B--"
            pieces = [body[i : i + step] for i in range(0, len(body), step)]
            if fits:
                assert contents("B", *pieces) == [b"one"]
            else:
                with pytest.raises(Unreadable, match="16 KiB"):
                    parse("B", *pieces)

    def test_with_a_header_that_does_not_end_are_refused_before_the_body_ends(self):
        parser = MultipartParser("B", Recorder())
        parser.feed(b"--B\r\n")
        with pytest.raises(Unreadable, match="16 KiB"):
            for _ in range(HEADER_BYTES // 1000 + 2):
                parser.feed(b"x" * 1000)

    @pytest.mark.parametrize(
        ("body", "headers"),
        [
            (b"--B\r\nA: b\r\n\r\n\r\n--B--", {"a": "b"}),
            (b"--B\r\n\r\n\r\n--B--", {}),
            (b"--B\r\nA: b\r\n\r\n--B--", {"a": "b"}),  # the blank line's break is the delimiter's
            (b"--B\r\n\r\n--B--", {}),
        ],
    )
    def test_may_be_empty(self, body, headers):
        assert parse("B", body) == [(headers, b"")]
        assert parse("B", *(body[i : i + 1] for i in range(len(body)))) == [(headers, b"")]

    def test_that_are_empty_may_stand_among_others(self):
        body = b"--B\r\n\r\n--B\r\n\r\n\r\n--B\r\nA: b\r\n\r\n--B\r\n\r\nx\r\n--B--"
        for pieces in ([body], [body[i : i + 1] for i in range(len(body))]):
            assert contents("B", *pieces) == [b"", b"", b"", b"x"]

    @pytest.mark.parametrize("header", [b"no colon", b": no name", b" : blank name", b"A: b\r\n--B"])
    def test_with_a_header_line_that_is_no_field_are_unreadable(self, header):
        with pytest.raises(Unreadable, match="not a field"):
            parse("B", b"--B\r\n" + header + b"\r\n\r\nx\r\n--B--")

    def test_keep_line_breaks_at_both_ends(self):
        assert contents("B", b"--B\r\n\r\n\r\n\r\nx\r\n\r\n\r\n--B--") == [b"\r\n\r\nx\r\n\r\n"]

    def test_may_arrive_as_views(self, form, part):
        assert contents("B", memoryview(form(part("file", b"x")))) == [b"x"]


class TestHeader:
    @pytest.mark.parametrize(
        ("block", "headers"),
        [
            (b"", {}),
            (b"A:b", {"a": "b"}),
            (b"Content-Type : text/plain \r\nX:", {"content-type": "text/plain", "x": ""}),
            (b"A: b\r\n c\r\n\td\r\nE: f", {"a": "b c d", "e": "f"}),
            ("A: März".encode(), {"a": "März"}),
            ("A: März".encode("latin-1"), {"a": "März"}),
            (b"A: b:c", {"a": "b:c"}),
        ],
    )
    def test_is_read_by_lower_case_names(self, block, headers):
        assert parse_part_header(block) == headers

    @given(st.binary(max_size=60))
    @example(b" folded")
    def test_of_any_bytes_is_read_or_unreadable(self, block):
        try:
            headers = parse_part_header(block)
        except Unreadable:
            return
        assert all(name == name.lower().strip() != "" for name in headers)


@given(st.sampled_from(["B", "--B", None]), st.binary(max_size=80), CUTS)
def test_any_bytes_are_a_form_or_unreadable_alike_in_every_split(cut, boundary, body, cuts):
    def outcome(*pieces):
        try:
            return parse(boundary, *pieces)
        except Unreadable as refusal:
            return refusal.message

    body = body.replace(b"\x01", b"\r\n").replace(b"\x00", b"--B")
    assert outcome(body) == outcome(*cut(body, cuts)) == outcome(*cut(body, range(len(body))))


class TestMemory:
    @staticmethod
    def peak(boundary, first, block, count):
        """The most bytes that are held while a body of many blocks is fed."""

        class Nobody:
            def part_begin(self, headers): ...
            def part_data(self, data): ...
            def part_end(self): ...

        parser = MultipartParser(boundary, Nobody())
        tracemalloc.start()
        try:
            parser.feed(first)
            for _ in range(count):
                parser.feed(block)
        except Unreadable:
            pass
        finally:
            most = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
        return most

    @pytest.mark.parametrize("block", [b"x" * 8192, b"\r\n" * 4096, b"\r\n--" * 2048, b"\r\n--Bx" * 1024])
    @pytest.mark.parametrize("first", [b"--B\r\n\r\n", b"preamble\r\n"])
    def test_held_for_data_and_preamble_is_bounded(self, first, block):
        assert self.peak("B", first, block, 64) < 100_000

    def test_held_for_blank_lines_before_an_unknown_boundary_is_bounded(self):
        assert self.peak(None, b"", b"\r\n" * 4096, 16) < 100_000

    def test_held_for_padding_is_bounded(self):
        assert self.peak("B", b"--B\r\n\r\nx\r\n--B", b" " * 8192, 64) < 100_000
