"""The upload form: which part is the file, what it is called, and what is refused."""

import base64
import hashlib
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from c8ybin.bodies import HASHED_ON_ARRIVAL, Stated
from c8ybin.bodies.forms import form_limit
from c8ybin.domain.errors import DigestMismatch, TooLarge, Unreadable
from c8ybin.domain.labels import OCTET_STREAM, Label
from c8ybin.domain.sizes import MIB

LIMIT = 1000
CUTS = st.lists(st.integers(0, 3000), max_size=8)


@pytest.fixture(scope="session")
def receive(new_intake):
    """Receive a form; give its label and its file as it stands on the disk."""

    def run(*pieces, boundary="B", stated=(), limit=LIMIT):
        intake, folder = new_intake(max_binary=limit)
        try:
            with intake.form(boundary, tuple(stated)) as receiver:
                for piece in pieces:
                    receiver.feed(piece)
                received = receiver.finish()
            with received.body as body:
                content = body.path.read_bytes()
                assert body.length == len(content)
                assert body.digests == {"sha-256": hashlib.sha256(content).digest()}
                assert body.read_at(body.length + 10, 0) == content
                return received.label, content
        finally:
            assert list(folder.iterdir()) == []

    return run


@pytest.fixture(scope="session")
def accept(receive, form):
    """Receive the form of some parts."""

    def run(*parts, **options):
        return receive(form(*parts), **options)

    return run


class TestTheFileIs:
    def test_the_part_with_a_filename(self, accept, part):
        parts = part("file", b"no"), part("data", b"yes", filename="x"), part("other", b"no")
        assert accept(*parts)[1] == b"yes"

    def test_the_first_of_several_with_a_filename(self, accept, part):
        assert accept(part("a", b"1", filename="x"), part("file", b"2", filename="y"))[1] == b"1"

    def test_also_one_with_an_empty_filename(self, accept, part):
        assert accept(part("file", b"1"), part("upload", b"2", filename=""))[1] == b"2"

    def test_one_with_an_extended_filename_only(self, accept, part):
        extended = ["Content-Disposition: form-data; name=\"a\"; filename*=UTF-8''M%C3%A4rz"], b"2"
        assert accept(part("file", b"1"), extended) == (Label(name="März"), b"2")

    def test_else_the_part_named_file(self, accept, part):
        assert accept(part("a", b"1"), part("file", b"2"), part("b", b"3"))[1] == b"2"

    def test_else_the_first_of_several_named_file(self, accept, part):
        assert accept(part("file", b"1"), part("file", b"2"))[1] == b"1"

    def test_else_the_last_that_is_not_object_or_type(self, accept, part):
        parts = part("a", b"1"), part("b", b"2"), part("object", b"3"), part("type", b"4")
        assert accept(*parts)[1] == b"2"

    def test_else_one_without_any_name(self, accept, part):
        assert accept(part("object", b"{}"), part(None, b"1")) == (Label(), b"1")
        assert accept(([], b"2")) == (Label(), b"2")

    def test_the_single_part_of_the_upstream_document_whose_name_is_the_file_name(self, receive, form, part):
        body = form(part("file.txt", b"<<content-body>>", type=OCTET_STREAM), delimiter=b"--myBoundary")
        expected = Label(OCTET_STREAM, "file.txt"), b"<<content-body>>"
        assert receive(body, boundary="--myBoundary") == expected

    @pytest.mark.parametrize("name", ["object", "type"])
    def test_never_object_or_type_even_with_a_filename(self, accept, part, name):
        assert accept(part(name, b"1", filename="x"), part("a", b"2"))[1] == b"2"
        assert accept(part("a", b"2"), part(name, b"1", filename="x"))[1] == b"2"

    @pytest.mark.parametrize("name", ["object", "type"])
    def test_object_or_type_when_alone(self, accept, part, name):
        assert accept(part(name, b"1", type="a/b")) == (Label("a/b", name), b"1")

    @pytest.mark.parametrize("names", [["object", "type"], ["type", "object"], ["object", "object"]])
    def test_missing_when_there_are_object_and_type_only(self, accept, part, names):
        with pytest.raises(Unreadable, match="no file"):
            accept(*(part(name, b"{}") for name in names))

    def test_missing_when_there_is_no_part(self, receive):
        with pytest.raises(Unreadable, match="no file"):
            receive(b"--B--\r\n")

    def test_possibly_empty(self, accept, part):
        assert accept(part("file", b"", filename="x")) == (Label(name="x"), b"")

    def test_not_followed_by_bytes_of_a_longer_part_that_was_kept_before(self, accept, part):
        assert accept(part("object", b"x" * 500), part("a", b"y" * 300), part("file", b"z"))[1] == b"z"


class TestTheNameIs:
    OBJECT = b'{"name": "from object"}'

    def test_that_of_object(self, accept, part):
        assert accept(part("object", self.OBJECT), part("a", filename="x"))[0].name == "from object"

    def test_that_of_object_also_when_it_comes_after_the_file(self, accept, part):
        assert accept(part("file", b"1", filename="x"), part("object", self.OBJECT))[0].name == "from object"

    def test_else_the_filename(self, accept, part):
        assert accept(part("object", b"{}"), part("part name", filename="x.txt"))[0].name == "x.txt"

    def test_else_the_name_of_the_part(self, accept, part):
        assert accept(part("part name"))[0].name == "part name"
        assert accept(part("part name", filename=""))[0].name == "part name"

    def test_else_absent_where_the_part_is_named_file(self, accept, part):
        assert accept(part("file"))[0].name is None

    def test_not_that_of_another_part(self, accept, part):
        assert accept(part("first"), part("file", filename=""))[0].name is None
        assert accept(part("first"), part("second"))[0].name == "second"
        assert accept(part("file"), part("second"))[0].name is None

    @pytest.mark.parametrize("unsafe", ["..", "", "/", "\\u0000", "\\ud800"])
    def test_the_next_one_where_the_name_is_not_safe(self, accept, part, unsafe):
        described = part("object", b'{"name": "%b"}' % unsafe.encode())
        assert accept(described, part("a", filename=".."))[0].name == "a"

    @pytest.mark.parametrize("value", [b"1", b"null", b'["a"]', b'{"name": "b"}'])
    def test_the_next_one_where_that_of_object_is_no_string(self, accept, part, value):
        assert accept(part("object", b'{"name": %b}' % value), part("a"))[0].name == "a"

    def test_made_safe(self, accept, part):
        assert accept(part("file", filename=r"C:\fakepath\x.txt"))[0].name == "x.txt"
        assert accept(part("object", b'{"name": "../../y"}'), part("file"))[0].name == "y"
        assert accept(part("a/b"))[0].name == "b"

    def test_read_as_utf_8_or_latin_1(self, receive, form, part):
        body = form(part("file", filename="März"))
        assert receive(body)[0].name == "März"
        assert receive(body.replace("ä".encode(), "ä".encode("latin-1")))[0].name == "März"


class TestTheTypeIs:
    def test_that_of_object(self, accept, part):
        described = part("object", b'{"type": "from/object; a=b"}'), part("type", b"from/text")
        file = part("file", filename="x", type="from/part")
        assert accept(*described, file)[0].type == "from/object; a=b"
        assert accept(file, *described)[0].type == "from/object; a=b"

    def test_else_the_text_of_a_part_named_type(self, accept, part):
        file = part("file", filename="x", type="from/part")
        assert (
            accept(part("object", b"{}"), part("type", b"from/text; a=b"), file)[0].type == "from/text; a=b"
        )
        assert accept(file, part("type", b" from/text\r\n"))[0].type == "from/text"

    def test_else_the_content_type_of_the_part(self, accept, part):
        assert accept(part("file", type="from/part;charset=x"))[0].type == "from/part;charset=x"

    def test_else_octet_stream(self, accept, part):
        assert accept(part("file"))[0].type == "application/octet-stream"

    def test_not_that_of_another_part(self, accept, part):
        assert accept(part("a", type="no/no"), part("file"), part("b", type="no/no"))[0].type == OCTET_STREAM
        assert accept(part("object", b"{}", type="application/json"), part("file"))[0].type == OCTET_STREAM

    @pytest.mark.parametrize("nonsense", ["text", "", "a/b\\u0000", "é/x", "a/" + "b" * 255])
    def test_the_next_one_where_it_is_none(self, accept, part, nonsense):
        file = part("file", type="from/part")
        assert accept(part("object", f'{{"type": "{nonsense}"}}'.encode()), file)[0].type == "from/part"
        assert accept(part("type", nonsense.encode()), file)[0].type == "from/part"
        assert accept(part("file", type=nonsense))[0].type == OCTET_STREAM

    def test_the_first_of_several_parts_named_type(self, accept, part):
        assert accept(part("type", b"a/b"), part("type", b"c/d"), part("file"))[0].type == "a/b"

    def test_not_read_from_the_beginning_of_a_longer_text_however_it_arrives(self, receive, form, part):
        body = form(part("type", b" " * 200 + b"a/b" + b" " * 200 + b"nonsense"), part("file"))
        for step in (1, 50, 250, 10_000):
            pieces = [body[i : i + step] for i in range(0, len(body), step)]
            assert receive(*pieces)[0].type == OCTET_STREAM


class TestObject:
    def test_that_is_no_json_is_ignored(self, accept, part):
        file = part("file", b"log", filename="syslog", type="text/plain")
        for text in (
            b"{ name: syslog }",
            b"",
            b'"name"',
            b'[{"name": "x"}]',
            b'{"name": "x"',
            b'{"name": "\xff"}',
        ):
            assert accept(part("object", text), file) == (Label("text/plain", "syslog"), b"log")

    def test_of_c8ydm_without_a_boundary_is_ignored(self, receive, form, part):
        body = form(
            part("object", b'{ "name": syslog, type: text/plain }'),
            part("file", b"log", filename="syslog", type="text/plain"),
            delimiter=b"----WebKitFormBoundary7MA4YWxkTrZu0gW",
        )
        assert receive(body, boundary=None) == (Label("text/plain", "syslog"), b"log")

    def test_too_long_to_keep_is_ignored(self, accept, part):
        many = json.dumps({"name": "x"} | {str(i): i for i in range(30_000)}).encode()
        assert accept(part("object", many), part("file", filename="y"))[0].name == "y"

    def test_deep_enough_to_exhaust_the_stack_is_ignored(self, accept, part):
        deep = b'{"name": "x", "a":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
        assert accept(part("object", deep), part("file", filename="y"))[0].name == "y"

    def test_of_several_the_first_that_says_anything_counts(self, accept, part):
        parts = [
            part("object", text) for text in (b"nonsense", b'{"name": "a"}', b'{"name": "b", "type": "c/d"}')
        ]
        assert accept(*parts, part("file")) == (Label(name="a"), b"")

    @given(CUTS, st.booleans(), st.binary(max_size=LIMIT))
    @settings(max_examples=50)
    def test_may_repeat_the_file_as_base64_in_any_split(self, receive, form, part, cut, cuts, first, content):
        data = {"data": base64.b64encode(content * 2).decode()}
        text = json.dumps(
            ({"a": 1} | data if first else {}) | {"name": 'a"b.txt', "type": "a/b"} | data
        ).encode()
        content = content.replace(b"--B", b"")
        body = form(part("object", text), part("file", content, filename="x", type="c/d"))
        assert receive(*cut(body, cuts)) == (Label("a/b", 'a"b.txt'), content)

    def test_may_be_larger_than_the_limit_of_the_file(self, receive, form, part):
        text = json.dumps(
            {"data": "x" * 300_000, "name": "a\\b\u00e9", "type": "a/b", "more": "\\" * 50_000}
        ).encode()
        for parts in ([part("object", text), part("file", b"1")], [part("file", b"1"), part("object", text)]):
            body = form(*parts)
            for step in (1009, 65_536, len(body)):
                pieces = [body[i : i + step] for i in range(0, len(body), step)]
                assert receive(*pieces) == (Label("a/b", "bé"), b"1")


class TestLimit:
    def test_counts_the_bytes_of_the_file(self, accept, part):
        assert accept(part("file", b"x" * LIMIT, filename="x"))[1] == b"x" * LIMIT
        with pytest.raises(TooLarge, match="A file may have at most 1000 bytes"):
            accept(part("file", b"x" * (LIMIT + 1), filename="x"))

    def test_is_kept_in_small_pieces(self, receive, form, part):
        body = form(part("file", b"x" * (LIMIT + 1), filename="x"))
        with pytest.raises(TooLarge):
            receive(*(body[i : i + 1] for i in range(len(body))))

    def test_refuses_a_part_with_a_filename_before_it_ends(self, new_intake):
        intake, _ = new_intake(max_binary=LIMIT)
        with intake.form("B", ()) as receiver, pytest.raises(TooLarge):
            receiver.feed(
                b'--B\r\nContent-Disposition: form-data; filename="x"\r\n\r\n' + b"x" * (LIMIT + 50)
            )

    @pytest.mark.parametrize("name", ["file", "a", "object"])
    def test_refuses_a_file_of_another_kind_at_the_end(self, accept, part, name):
        with pytest.raises(TooLarge, match="A file may"):
            accept(part(name, b"x" * (LIMIT + 1)))

    def test_does_not_count_a_part_that_turns_out_not_to_be_the_file(self, accept, part):
        large = part("a", b"x" * 5000)
        assert accept(large, part("file", b"1"))[1] == b"1"
        assert accept(large, part("b", b"1"))[1] == b"1"
        assert accept(part("file", b"1"), large)[1] == b"1"
        assert accept(part("file", b"x" * 5000), part("b", b"1", filename="y"))[1] == b"1"

    def test_of_the_form_is_seven_thirds_and_one_mib(self, accept, part, form):
        assert form_limit(3000) == 7000 + MIB
        file = part("file", b"1", filename="x")
        room = form_limit(LIMIT) - len(form(file, part("a")))
        assert accept(file, part("a", b"x" * room))[1] == b"1"
        with pytest.raises(TooLarge, match="A form may have at most"):
            accept(file, part("a", b"x" * (room + 1)))

    def test_of_the_form_counts_preamble_and_epilogue(self, receive, form, part):
        body = form(part("file", b"1", filename="x"))
        more = [b"x" * 65_536] * (MIB // 65_536 + 1)
        for pieces in ([*more, b"\r\n", body], [body, *more]):
            with pytest.raises(TooLarge, match="A form may"):
                receive(*pieces)


class TestDigests:
    @pytest.fixture()
    def body(self, form, part):
        return form(part("object", b"{}"), part("file", b"content", filename="x"))

    def test_cover_the_body_as_it_is_sent(self, receive, body):
        digests = {"sha-256": hashlib.sha256(body).digest(), "sha-512": hashlib.sha512(body).digest()}
        stated = [Stated("Content-Digest", digests), Stated("Repr-Digest", digests)]
        assert receive(body[:50], body[50:], stated=stated)[1] == b"content"

    @pytest.mark.parametrize("field", ["Content-Digest", "Repr-Digest"])
    @pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
    def test_of_the_file_do_not_match(self, receive, body, field, algorithm):
        digest = hashlib.new(algorithm, b"content").digest()
        with pytest.raises(DigestMismatch, match=field):
            receive(body, stated=[Stated(field, {algorithm.replace("sha", "sha-"): digest})])

    def test_cover_the_epilogue(self, receive, body):
        stated = [Stated("Content-Digest", {"sha-256": hashlib.sha256(body + b"epilogue").digest()})]
        assert receive(body, b"epilogue", stated=stated)[1] == b"content"
        with pytest.raises(DigestMismatch):
            receive(body, stated=stated)


class TestOurDigest:
    LONG = bytes(HASHED_ON_ARRIVAL + 1)

    def digests(self, new_intake, form, *parts):
        with new_intake()[0].form("B", ()) as receiver:
            receiver.feed(form(*parts))
            with receiver.finish().body as body:
                return body.digests

    def test_is_left_for_later_where_the_file_is_long(self, new_intake, form, part):
        assert self.digests(new_intake, form, part("file", self.LONG)) == {}

    def test_is_made_where_a_better_and_shorter_part_takes_the_place_of_a_long_one(
        self, new_intake, form, part
    ):
        parts = part("file", self.LONG), part("x", b"content", filename="x")
        assert self.digests(new_intake, form, *parts) == {"sha-256": hashlib.sha256(b"content").digest()}


class TestTransferEncoding:
    @pytest.mark.parametrize("coding", ["binary", "8bit", "7BIT", " Binary ", ""])
    def test_that_changes_nothing_is_taken(self, accept, part, coding):
        file = part("file", b"=41\xff", more=[f"Content-Transfer-Encoding: {coding}"])
        assert accept(file)[1] == b"=41\xff"

    @pytest.mark.parametrize("coding", ["base64", "quoted-printable", "x-uuencode"])
    def test_that_changes_the_bytes_is_refused(self, accept, part, coding):
        with pytest.raises(Unreadable, match="Content-Transfer-Encoding"):
            accept(part("file", b"AAAA", more=[f"Content-Transfer-Encoding: {coding}"]))


class TestNothingIsLeft:
    def test_of_a_form_that_is_cut_short(self, receive, form, part):
        body = form(part("file", b"content", filename="x"))
        for position in range(len(body) - 2):
            with pytest.raises(Unreadable):
                receive(body[:position])  # looks into the folder

    def test_where_the_block_ends_without_a_finish(self, new_intake, form, part):
        intake, folder = new_intake()
        with intake.form("B", ()) as receiver:
            receiver.feed(form(part("file", b"content")))
            assert len(list(folder.iterdir())) == 1
        assert list(folder.iterdir()) == []

    def test_where_the_block_raises(self, new_intake):
        intake, folder = new_intake()
        with pytest.raises(ConnectionError), intake.form("B", ()):
            raise ConnectionError
        assert list(folder.iterdir()) == []

    def test_but_the_file_where_finish_gave_it_away(self, new_intake, form, part):
        intake, folder = new_intake()
        with intake.form("B", ()) as receiver:
            receiver.feed(form(part("file", b"content")))
            body = receiver.finish().body
        assert [p.read_bytes() for p in folder.iterdir()] == [b"content"]
        body.close()
        assert list(folder.iterdir()) == []


NAMES = st.sampled_from([None, "file", "object", "type", "a", "b"])


@given(st.lists(st.tuples(NAMES, st.sampled_from([None, "", "x"])), max_size=5), CUTS)
def test_the_choice_is_that_of_the_contract_whatever_the_parts(receive, form, part, cut, choices, cuts):
    body = form(*(part(name, b"%d" % i, filename=f) for i, (name, f) in enumerate(choices)))
    able = [i for i, (name, _) in enumerate(choices) if name not in ("object", "type")]
    with_filename = [i for i in able if choices[i][1] is not None]
    named_file = [i for i in able if choices[i][0] == "file"]
    chosen = (with_filename[:1] or named_file[:1] or able[-1:]) or ([0] if len(choices) == 1 else [])
    if chosen:
        assert receive(*cut(body, cuts))[1] == b"%d" % chosen[0]
    else:
        with pytest.raises(Unreadable, match="no file"):
            receive(*cut(body, cuts))
