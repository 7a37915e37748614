"""POST, PUT and DELETE of whole binaries: raw and as forms, what they are called, what is refused."""

import base64
import hashlib
import json
import re
import string
import unicodedata
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from urllib.parse import unquote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from c8ybin.accounts import EVENT_ADMIN

OCTETS = "application/octet-stream"
VND_EVENT = "application/vnd.com.nsn.cumulocity.event+json;charset=UTF-8;ver=0.9"
BODY = b"\x00\x01 the bytes \xff\r\n--"
KNOWN_FILES = re.compile(r"[0-9-]{10}/[0-9]{2}/[0-9]+/(event\.json|binary\.json|content-[0-9a-f]{12}-[0-9]+)")


@pytest.fixture
def send(client, ask, url):
    """Send to the binaries of `event`; header names with `_` for `-`."""

    def request(method, body=b"", *, length=None, stream=None, environ=None, **headers):
        fields = {name.replace("_", "-"): value for name, value in headers.items()}
        return ask(client, method, url, body, fields, length=length, stream=stream, **(environ or {}))

    return request


@pytest.fixture
def stored(client, send, event, event_of):
    """Return what is stored: name, type and bytes; all places that tell them agree."""

    def look():
        answer = send("GET")
        assert answer.status_int == 200
        fragment = event_of(client, event)["c8y_IsBinary"]
        assert fragment["type"] == answer.headers["Content-Type"]
        assert fragment["length"] == len(answer.body)
        disposition = answer.headers["Content-Disposition"]
        extended = re.search(r"filename\*=UTF-8''([^;]+); ", disposition)
        plain = re.search(r'[ ;]filename="(.*)"$', disposition)[1].replace('\\"', '"')
        assert fragment["name"] == (unquote(extended[1]) if extended else plain)
        return fragment["name"], fragment["type"], answer.body

    return look


def sha256(data):
    return f"sha-256=:{base64.b64encode(hashlib.sha256(data).digest()).decode()}:"


def sha512(data):
    return f"sha-512=:{base64.b64encode(hashlib.sha512(data).digest()).decode()}:"


class TestRawPost:
    def test_answers_201_location_and_the_document(self, client, send, event, stored):
        answer = send(
            "POST", BODY, Content_Type="text/plain", Content_Disposition='attachment; filename="a.txt"'
        )
        location = f"http://localhost:80/event/events/{event}/binaries"
        assert answer.status_int == 201
        assert answer.headers["Location"] == location
        assert answer.json == {
            "self": location,
            "type": "text/plain",
            "name": "a.txt",
            "source": event,
            "length": len(BODY),
        }
        assert list(answer.json) == ["self", "type", "name", "source", "length"]
        assert stored() == ("a.txt", "text/plain", BODY)
        assert client.received() == []

    @pytest.mark.parametrize(
        ("accept", "kind"),
        [
            (None, VND_EVENT),
            ("", VND_EVENT),
            ("*/*", VND_EVENT),
            ("text/html", VND_EVENT),
            ("application/*", VND_EVENT),
            ("application/json;q=0", VND_EVENT),
            ("application/jsonp", VND_EVENT),
            ("application/vnd.com.nsn.cumulocity.event+json", VND_EVENT),
            ("application/json", "application/json"),
            ("APPLICATION/JSON", "application/json"),
            ("text/html , application/json;q=0.5", "application/json"),
            ("application/vnd.com.nsn.cumulocity.error+json,application/json", "application/json"),
        ],
    )
    def test_has_a_body_whatever_accept_says(self, send, accept, kind):
        answer = send("POST", BODY, **({} if accept is None else {"Accept": accept}))
        assert answer.status_int == 201
        assert answer.headers["Content-Type"] == kind
        assert answer.headers["Vary"] == "Accept"
        assert json.loads(answer.body)["length"] == len(BODY)

    @pytest.mark.parametrize(
        ("sent", "kept"),
        [
            ("text/plain", "text/plain"),
            ('Text/Plain; charset="UTF-8" ;x=1', 'Text/Plain; charset="UTF-8" ;x=1'),
            ("x/" + "y" * 253, "x/" + "y" * 253),
            ("x/" + "y" * 254, "application/octet-stream"),
            ("", "application/octet-stream"),
            ("text", "application/octet-stream"),
            ("text/", "application/octet-stream"),
            ("/plain", "application/octet-stream"),
            ("text/plain/x", "application/octet-stream"),
            ("text/pl\xe4in", "application/octet-stream"),
            ("text/plain; x=\xe4", "application/octet-stream"),
            ("text/plain\x00", "application/octet-stream"),
            ("text/plain; a\x1b[2J", "application/octet-stream"),
        ],
    )
    def test_type_is_kept_verbatim_or_counts_as_absent(self, send, stored, sent, kept):
        assert send("POST", BODY, Content_Type=sent).json["type"] == kept
        assert stored()[1] == kept

    def test_without_type_and_name(self, send, event, stored):
        assert send("POST", BODY).status_int == 201
        assert stored() == (event, "application/octet-stream", BODY)

    def test_of_zero_bytes(self, send, stored):
        answer = send("POST", b"")
        assert (answer.status_int, answer.json["length"]) == (201, 0)
        assert stored()[2] == b""

    def test_sent_with_chunked_coding_in_small_pieces(self, send, stored, in_pieces, coded_in_chunks):
        body = bytes(range(256)) * 40
        environ = {k: v for k, v in coded_in_chunks.items() if k != "length"}
        answer = send("POST", length=False, stream=in_pieces(body, 7), environ=environ)
        assert answer.json["length"] == len(body)
        assert stored()[2] == body

    def test_that_arrives_in_small_pieces(self, send, stored, in_pieces):
        assert send("POST", length=1000, stream=in_pieces(bytes(1000), 3)).status_int == 201
        assert stored()[2] == bytes(1000)

    def test_reads_no_further_than_its_length(self, send, stored):
        assert send("POST", length=4, stream=BytesIO(b"bodyGET / HTTP/1.1")).status_int == 201
        assert stored()[2] == b"body"

    def test_trailing_slash(self, client, ask, url, stored):
        answer = ask(client, "POST", f"{url}/", BODY)
        assert answer.status_int == 201
        assert answer.json["self"].endswith("/binaries")
        assert stored()[2] == BODY

    def test_processing_mode_is_ignored(self, send):
        assert send("POST", BODY, X_Cumulocity_Processing_Mode="QUIESCENT").status_int == 201

    def test_last_updated_is_the_later_of_event_and_binary(self, client, send, event, event_of, clock):
        before = event_of(client, event)["lastUpdated"]
        clock.move(1000)
        send("POST", BODY)
        after = event_of(client, event)["lastUpdated"]
        assert after > before
        clock.move(1000)
        send("DELETE")
        assert event_of(client, event)["lastUpdated"] > after

    def test_owner_is_who_sent_it(self, client, send, as_user):
        for method, name in (("POST", "ute"), ("PUT", "udo")):
            send(method, BODY, **as_user(client, name, EVENT_ADMIN))
            described = next(p for p in client.root.rglob("binary.json")).read_text().splitlines()[0]
            assert json.loads(described)["owner"] == name

    def test_second_one_is_409_without_its_body_and_keeps_the_first(
        self, client, send, stored, refused, unchanged, untouched_body
    ):
        send("POST", BODY, Content_Type="text/plain")
        with unchanged(client):
            answer = send("POST", length=6, stream=untouched_body, Content_Type="image/png")
            assert refused(answer, 409, "Duplicate") == "Attachment already exists"
        assert stored()[1:] == ("text/plain", BODY)

    def test_of_sixteen_racing_ones_one_wins(self, client, url, stored):
        bodies = [f"body {n}".encode() for n in range(16)]

        def post(body):
            own = type(client)(client.app)
            own.extra_environ = dict(client.extra_environ)
            return own.post(url, body, expect_errors=True, content_type="text/plain").status_int

        with ThreadPoolExecutor(16) as pool:
            statuses = list(pool.map(post, bodies))
        assert sorted(statuses) == [201] + 15 * [409]
        assert stored()[2] == bodies[statuses.index(201)]
        assert len(client.files()) == 3
        assert client.received() == []

    def test_on_no_event_is_404_without_its_body(self, client, ask, refused, unchanged, untouched_body):
        with unchanged(client):
            for method in ("POST", "PUT"):
                answer = ask(client, method, client.binaries("4711"), length=6, stream=untouched_body)
                assert refused(answer, 404, "event/Not Found") == "Finding event from database failed"


class TestPut:
    def test_creates_where_there_is_none(self, send, event, stored):
        answer = send("PUT", BODY, Content_Type="text/plain")
        assert answer.status_int == 201
        assert answer.headers["Location"] == f"http://localhost:80/event/events/{event}/binaries"
        assert answer.json["source"] == event
        assert stored() == (event, "text/plain", BODY)

    def test_replaces_and_inherits_neither_name_nor_type(self, client, send, event, stored):
        send("POST", b"old", Content_Type="text/plain", Content_Disposition='attachment; filename="old.txt"')
        answer = send("PUT", BODY)
        assert answer.status_int == 201
        assert answer.json["name"] == event
        assert stored() == (event, "application/octet-stream", BODY)
        assert len(client.files()) == 3  # event.json, binary.json and one content file
        assert client.received() == []

    def test_by_a_form(self, send, stored):
        send("POST", b"old")
        body = form(part('name="file"; filename="new.txt"', BODY, "text/plain"))
        assert send("PUT", body, Content_Type="multipart/form-data; boundary=B").status_int == 201
        assert stored() == ("new.txt", "text/plain", BODY)

    def test_with_the_name_in_content_disposition_as_the_mapper_does(self, send, stored):
        answer = send(
            "PUT",
            BODY,
            Content_Type="application/octet-stream",
            Content_Disposition='attachment; filename="from mapper.bin"',
            Accept="application/json",
        )
        assert answer.status_int == 201
        assert stored() == ("from mapper.bin", "application/octet-stream", BODY)

    def test_refused_one_keeps_the_old(self, client, send, stored, refused, unchanged):
        send("POST", b"old")
        with unchanged(client):
            refused(send("PUT", BODY, length=len(BODY) + 1), 400)
            refused(send("PUT", BODY, Content_Digest=sha256(b"other")), 400)
            refused(send("PUT", BODY, length=False), 411)
        assert stored()[2] == b"old"


class TestDelete:
    def test_removes_bytes_and_fragment(self, client, send, event, event_of, refused):
        send("POST", BODY)
        answer = send("DELETE", length=0)
        assert (answer.status_int, answer.body) == (204, b"")
        assert "c8y_IsBinary" not in event_of(client, event)
        assert [p.rpartition("/")[2] for p in client.files()] == ["event.json"]
        assert refused(send("GET"), 404) == "Attachment not found"
        assert refused(send("DELETE"), 404, "Not Found") == "Attachment not found"

    def test_lets_the_next_post_attach(self, send, stored):
        send("POST", b"old")
        send("DELETE")
        assert send("POST", b"new").status_int == 201
        assert stored()[2] == b"new"

    def test_ignores_a_body(self, send):
        send("POST", BODY)
        assert send("DELETE", b"{}", Content_Type="application/json").status_int == 204

    def test_discards_an_incomplete_upload(self, client, send, event, event_of, refused):
        send("POST", b"0123", Content_Range="0-3/10")
        assert send("DELETE").status_int == 204
        assert "c8y_IsIncompleteBinary" not in event_of(client, event)
        assert len(client.files()) == 1
        refused(send("DELETE"), 404, "Not Found")

    def test_removes_both_where_a_replacement_was_under_way(self, client, send, event, event_of):
        send("POST", BODY)
        send("PUT", b"0123", Content_Range="0-3/10")
        assert send("DELETE").status_int == 204
        shown = event_of(client, event)
        assert "c8y_IsIncompleteBinary" not in shown
        assert "c8y_IsBinary" not in shown
        assert len(client.files()) == 1


class TestLimits:
    @pytest.fixture
    def client(self, make_client):
        return make_client(max_binary=1000)

    def test_just_fits(self, send, stored):
        assert send("POST", bytes(1000)).status_int == 201
        assert send("PUT", bytes(1000)).status_int == 201
        assert len(stored()[2]) == 1000

    def test_one_byte_more_is_413_without_the_body(self, client, send, refused, unchanged, untouched_body):
        with unchanged(client):
            for method in ("POST", "PUT"):
                assert "1000 bytes" in refused(send(method, length=1001, stream=untouched_body), 413)

    def test_one_byte_more_that_no_length_foretold_is_413(
        self, client, send, refused, unchanged, coded_in_chunks
    ):
        environ = {k: v for k, v in coded_in_chunks.items() if k != "length"}
        with unchanged(client):
            refused(send("POST", bytes(1001), length=False, environ=environ), 413)
        assert send("POST", bytes(1000), length=False, environ=environ).status_int == 201

    def test_default_is_50_mib(self, make_client, ask, refused, untouched_body):
        client = make_client()
        url = client.binaries(client.create_event())
        most = 50 * 1024 * 1024
        assert "50 MiB" in refused(ask(client, "POST", url, length=most + 1, stream=untouched_body), 413)
        refused(ask(client, "POST", url, length=most), 400)  # within the limit; the bytes do not come

    def test_form_counts_the_bytes_of_its_file_alone(self, send, stored):
        body = form(
            part('name="object"', b'{"name":"' + b"x" * 900 + b'"}'), part('name="file"', bytes(1000))
        )
        assert send("POST", body, Content_Type="multipart/form-data; boundary=B").status_int == 201
        assert len(stored()[2]) == 1000

    @pytest.mark.parametrize("disposition", ['name="file"; filename="a"', 'name="file"', 'name="a.txt"'])
    def test_form_whose_file_has_one_byte_more_is_413(self, client, send, refused, unchanged, disposition):
        body = form(part(disposition, bytes(1001)))
        with unchanged(client):
            assert "1000 bytes" in refused(
                send("POST", body, Content_Type="multipart/form-data; boundary=B"), 413
            )

    def test_form_may_repeat_the_file_as_base64(self, send, refused, unchanged, client, untouched_body):
        most = 1000 * 7 // 3 + 1024 * 1024
        with unchanged(client):
            for length, status in ((most + 1, 413), (2 * most, 413)):
                answer = send(
                    "POST",
                    length=length,
                    stream=untouched_body,
                    Content_Type="multipart/form-data; boundary=B",
                )
                refused(answer, status)
        room = most - len(form(part('name="object"', b""), part('name="file"', bytes(1000))))
        body = form(part('name="object"', b" " * room), part('name="file"', bytes(1000)))
        assert len(body) == most
        assert send("POST", body, Content_Type="multipart/form-data; boundary=B").status_int == 201

    def test_form_without_a_length_is_held_to_it_too(self, client, send, refused, unchanged, coded_in_chunks):
        environ = {k: v for k, v in coded_in_chunks.items() if k != "length"}
        body = form(part('name="object"', bytes(1000 * 7 // 3 + 1024 * 1024)), part('name="file"', b"x"))
        with unchanged(client):
            answer = send(
                "POST", body, length=False, environ=environ, Content_Type="multipart/form-data; boundary=B"
            )
            refused(answer, 413)


class TestLength:
    @pytest.mark.parametrize("method", ["POST", "PUT"])
    def test_neither_length_nor_coding_is_411(self, client, send, refused, unchanged, untouched_body, method):
        with unchanged(client):
            answer = send(method, length=False, stream=untouched_body)
            assert "Content-Length" in refused(answer, 411)
            refused(send(method, length="", stream=untouched_body), 411)
            refused(send(method, length=False, stream=untouched_body, Content_Range="0-3/*"), 411)
            refused(
                send(
                    method,
                    length=False,
                    stream=untouched_body,
                    Content_Type="multipart/form-data; boundary=B",
                ),
                411,
            )

    def test_coding_that_the_server_does_not_end_is_411(self, send, refused, untouched_body):
        environ = {"HTTP_TRANSFER_ENCODING": "chunked"}
        refused(send("POST", length=False, stream=untouched_body, environ=environ), 411)

    @pytest.mark.parametrize("length", ["-1", "abc", "1.5", "+4", "0x4", "4,4", "\xb2", " 4 4"])
    def test_that_is_no_number_is_400(self, client, send, refused, unchanged, untouched_body, length):
        client.lint = False  # webtest's own check refuses such a length
        with unchanged(client):
            refused(send("POST", length=length, stream=untouched_body), 400)

    @pytest.mark.parametrize("method", ["POST", "PUT"])
    def test_body_that_ends_early_is_400_and_leaves_nothing(self, client, send, refused, unchanged, method):
        with unchanged(client):
            refused(send(method, b"half", length=8), 400)

    def test_client_that_vanishes_leaves_nothing(self, client, send, unchanged):
        class Cut(BytesIO):
            def read(self, *_):
                if self.tell():
                    raise ConnectionResetError
                return super().read(4)

        with unchanged(client):
            assert send("POST", length=8, stream=Cut(b"half of.")).status_int >= 400
            chunk = send("POST", length=8, stream=Cut(b"half of."), Content_Range="0-7/*")
            assert chunk.status_int >= 400


class TestConditions:
    @pytest.fixture
    def etag(self, send):
        send("POST", b"old")
        return send("GET").headers["ETag"]

    @pytest.mark.parametrize("method", ["PUT", "DELETE"])
    def test_if_match_of_the_present_one_lets_it_pass(self, send, etag, method):
        assert send(method, b"new", If_Match=f'"x", {etag}').status_int == {"PUT": 201, "DELETE": 204}[method]

    @pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
    @pytest.mark.parametrize("form", ['"stale"', "W/{}"])
    def test_if_match_of_another_is_412(self, client, send, etag, refused, unchanged, method, form):
        with unchanged(client):
            refused(send(method, b"new", If_Match=form.format(etag)), 412)

    def test_if_match_is_412_without_the_body(self, send, etag, refused, untouched_body):
        refused(send("PUT", length=5, stream=untouched_body, If_Match='"stale"'), 412)

    def test_etag_is_stale_after_a_replacement(self, client, send, etag, refused, unchanged):
        send("PUT", b"new")
        with unchanged(client):
            refused(send("PUT", b"newer", If_Match=etag), 412)
            refused(send("DELETE", If_Match=etag), 412)

    @pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
    def test_if_match_any_is_412_where_there_is_none(self, client, send, refused, unchanged, method):
        with unchanged(client):
            refused(send(method, b"new", If_Match="*"), 412)

    @pytest.mark.parametrize("method", ["POST", "PUT"])
    def test_if_none_match_any_creates_and_never_replaces(self, client, send, refused, unchanged, method):
        assert send(method, b"new", If_None_Match="*").status_int == 201
        with unchanged(client):
            refused(send(method, b"newer", If_None_Match="*"), 412)

    @pytest.mark.parametrize("form", ["{}", "W/{}", '"x",{}'])
    def test_if_none_match_of_the_present_one_is_412(self, client, send, etag, refused, unchanged, form):
        with unchanged(client):
            refused(send("PUT", b"new", If_None_Match=form.format(etag)), 412)
            refused(send("DELETE", If_None_Match=form.format(etag)), 412)

    def test_if_none_match_of_another_lets_it_pass(self, send, etag):
        assert send("PUT", b"new", If_None_Match='"other"').status_int == 201

    def test_if_unmodified_since(self, client, send, etag, refused, unchanged):
        date = send("GET").headers["Last-Modified"]
        with unchanged(client):
            refused(send("PUT", b"new", If_Unmodified_Since="Tue, 01 Jan 2019 00:00:00 GMT"), 412)
            refused(send("DELETE", If_Unmodified_Since="Tue, 01 Jan 2019 00:00:00 GMT"), 412)
        assert send("PUT", b"new", If_Unmodified_Since=date).status_int == 201

    def test_if_modified_since_is_for_reading_alone(self, send, etag):
        assert send("PUT", b"new", If_Modified_Since=send("GET").headers["Last-Modified"]).status_int == 201

    def test_hold_for_chunks(self, client, send, etag, refused, unchanged):
        with unchanged(client):
            refused(send("PUT", b"0123", If_Match='"stale"', Content_Range="0-3/8"), 412)
            refused(send("PUT", b"0123", If_None_Match="*", Content_Range="0-3/8"), 412)
        assert send("PUT", b"0123", If_Match=etag, Content_Range="0-3/8").status_int == 200


class TestMeanwhile:
    """What was decided before the body is decided again with it."""

    @pytest.fixture
    def race(self, send, meanwhile):
        """Send a body during whose arrival `action` happens."""
        return lambda method, action, **headers: send(
            method, length=len(BODY), stream=meanwhile(BODY, action), **headers
        )

    def test_binary_that_came_makes_a_post_409(self, client, send, race, stored, refused):
        refused(race("POST", lambda: send("POST", b"came")), 409, "Duplicate")
        assert stored()[2] == b"came"
        assert len(client.files()) == 3
        assert client.received() == []

    def test_etag_that_went_makes_a_put_412(self, client, send, race, stored, refused):
        send("POST", b"old")
        etag = send("GET").headers["ETag"]
        refused(race("PUT", lambda: send("PUT", b"came"), If_Match=etag), 412)
        assert stored()[2] == b"came"
        assert len(client.files()) == 3
        assert client.received() == []

    def test_binary_that_came_makes_an_unwanted_replacement_412(self, send, race, stored, refused):
        for method in ("POST", "PUT"):
            refused(race(method, lambda: send("PUT", b"came"), If_None_Match="*"), 412)
            assert stored()[2] == b"came"
            send("DELETE")

    @pytest.mark.parametrize("method", ["POST", "PUT"])
    def test_event_that_was_deleted_is_404(self, client, ask, event, race, refused, method):
        refused(race(method, lambda: ask(client, "DELETE", f"/event/events/{event}")), 404, "event/Not Found")
        assert client.files() == {}
        assert client.received() == []

    def test_event_that_changed_takes_the_body(self, client, event, race, stored):
        change = {"text": "changed"}
        assert race("PUT", lambda: client.put_json(f"/event/events/{event}", change)).status_int == 201
        assert stored()[2] == BODY
        assert client.get(f"/event/events/{event}").json["text"] == "changed"


class TestDigests:
    @pytest.mark.parametrize("field", ["Content-Digest", "Repr-Digest"])
    @pytest.mark.parametrize("method", ["POST", "PUT"])
    @pytest.mark.parametrize("digest", [sha256, sha512, lambda b: f"{sha512(b)}, {sha256(b)}"])
    def test_that_matches_is_accepted(self, send, stored, method, field, digest):
        assert send(method, BODY, **{field: digest(BODY)}).status_int == 201
        assert stored()[2] == BODY

    @pytest.mark.parametrize("field", ["Content-Digest", "Repr-Digest"])
    @pytest.mark.parametrize("method", ["POST", "PUT"])
    @pytest.mark.parametrize(
        "value",
        [sha256(b"x"), sha512(b"x"), f"{sha256(BODY)}, {sha512(b'x')}", "sha-256=::", "sha-256=:AAAA:"],
    )
    def test_that_does_not_is_400_and_nothing_changes(
        self, client, send, refused, unchanged, method, field, value
    ):
        with unchanged(client):
            assert field in refused(send(method, BODY, **{field: value}), 400)

    @pytest.mark.parametrize("value", ["md5=:AAAA:", "unixsum=:AA==:;q=1", ""])
    def test_of_another_algorithm_is_passed_over(self, send, value):
        assert send("POST", BODY, Content_Digest=value).status_int == 201

    @pytest.mark.parametrize(
        "value", ["sha-256", "sha-256=abc", "sha-256=:a:", "sha-256=:!!!!:", "sha-256=1, x"]
    )
    def test_that_cannot_be_read_is_400_without_the_body(self, send, refused, untouched_body, value):
        for field in ("Content-Digest", "Repr-Digest"):
            assert field in refused(send("POST", length=4, stream=untouched_body, **{field: value}), 400)

    @pytest.mark.parametrize("field", ["Content-Digest", "Repr-Digest"])
    def test_cover_the_whole_body_of_a_form(self, client, send, stored, refused, unchanged, field):
        body = form(part('name="file"', BODY))
        kind = {"Content-Type": "multipart/form-data; boundary=B"}
        with unchanged(client):
            refused(send("POST", body, **kind, **{field: sha256(BODY)}), 400)
            refused(send("POST", body, **kind, **{field: sha512(body + b"\r\n")}), 400)
        assert send("POST", body, **kind, **{field: sha512(body)}).status_int == 201
        assert stored()[2] == BODY

    def test_etag_and_repr_digest_of_the_answer_do_not_depend_on_it(self, send):
        send("POST", BODY, Content_Digest=sha512(BODY))
        assert send("GET").headers["Repr-Digest"] == sha256(BODY)


class TestMethodOverride:
    @pytest.mark.parametrize("value", ["PUT", "put"])
    def test_put(self, send, stored, value):
        send("POST", b"old")
        assert send("POST", b"new", X_HTTP_METHOD=value).status_int == 201
        assert stored()[2] == b"new"

    @pytest.mark.parametrize("value", ["DELETE", "Delete"])
    def test_delete(self, send, refused, value):
        send("POST", b"old")
        assert send("POST", X_HTTP_METHOD=value).status_int == 204
        refused(send("GET"), 404)

    @pytest.mark.parametrize("value", ["GET", "PATCH", "", "POST", "nonsense"])
    def test_others_stay_a_post(self, send, refused, value):
        send("POST", b"old")
        refused(send("POST", b"new", X_HTTP_METHOD=value), 409)

    def test_counts_on_a_post_alone(self, send):
        send("POST", b"old")
        assert send("GET", X_HTTP_METHOD="DELETE").body == b"old"
        assert send("PUT", b"new", X_HTTP_METHOD="DELETE").status_int == 201
        assert send("GET").body == b"new"


# Forms ---------------------------------------------------------------------------------------------------


def part(disposition, content, kind=None):
    header = f"Content-Disposition: form-data; {disposition}\r\n" + (
        f"Content-Type: {kind}\r\n" if kind else ""
    )
    return header.encode() + b"\r\n" + content + b"\r\n"


def form(*parts, boundary=b"B"):
    return b"".join(b"--" + boundary + b"\r\n" + p for p in parts) + b"--" + boundary + b"--\r\n"


class TestClientsForms:
    """Uploads as the clients of CLIENTS.md, section 4 send them."""

    def test_c8y_api(self, send, event, stored):
        body = (
            b"--4ad2b7d4e8a14f0c8b8f2a6b1c3d5e7f\r\n"
            b'Content-Disposition: form-data; name="file"\r\n'
            b"Content-Type: text/plain\r\n"
            b"\r\n" + BODY + b"\r\n"
            b"--4ad2b7d4e8a14f0c8b8f2a6b1c3d5e7f--\r\n"
        )
        kind = "multipart/form-data; boundary=4ad2b7d4e8a14f0c8b8f2a6b1c3d5e7f"
        answer = send("POST", body, Content_Type=kind, Accept="application/json")
        assert (answer.status_int, answer.content_type) == (201, "application/json")
        assert answer.json["name"] == event
        assert stored() == (event, "text/plain", BODY)

    def test_c8y_api_with_an_object_after_the_file(self, send, stored):
        body = (
            b"--4ad2b7d4e8a14f0c8b8f2a6b1c3d5e7f\r\n"
            b'Content-Disposition: form-data; name="file"\r\n'
            b"Content-Type: application/octet-stream\r\n"
            b"\r\n" + BODY + b"\r\n"
            b"--4ad2b7d4e8a14f0c8b8f2a6b1c3d5e7f\r\n"
            b'Content-Disposition: form-data; name="object"\r\n'
            b"Content-Type: application/json\r\n"
            b"\r\n"
            b'{"name": "from object.txt", "type": "text/x-object"}\r\n'
            b"--4ad2b7d4e8a14f0c8b8f2a6b1c3d5e7f--\r\n"
        )
        kind = "multipart/form-data; boundary=4ad2b7d4e8a14f0c8b8f2a6b1c3d5e7f"
        assert send("POST", body, Content_Type=kind, Accept="application/json").status_int == 201
        assert stored() == ("from object.txt", "text/x-object", BODY)

    def test_c8y_api_put_file_get_and_delete(self, send, stored):
        put = send("PUT", BODY, Content_Type="application/octet-stream", Accept="application/json")
        assert put.status_int == 201
        assert send("GET", Accept="application/json").body == BODY
        assert send("DELETE", length=0).status_int == 204

    def test_c8y_client_with_a_buffer(self, send, event, stored):
        body = (
            b"----------------------------758632498572348957239485\r\n"
            b'Content-Disposition: form-data; name="file"\r\n'
            b"Content-Type: application/octet-stream\r\n"
            b"\r\n" + BODY + b"\r\n"
            b"----------------------------758632498572348957239485--\r\n"
        )
        kind = "multipart/form-data; boundary=--------------------------758632498572348957239485"
        answer = send("POST", body, Content_Type=kind, accept="application/json", UseXBasic="true")
        assert answer.status_int == 201
        assert stored() == (event, "application/octet-stream", BODY)

    def test_c8y_client_with_a_stream_of_a_file(self, send, stored):
        body = (
            b"----------------------------758632498572348957239485\r\n"
            b'Content-Disposition: form-data; name="file"; filename="photo.png"\r\n'
            b"Content-Type: image/png\r\n"
            b"\r\n" + BODY + b"\r\n"
            b"----------------------------758632498572348957239485--\r\n"
        )
        kind = "multipart/form-data; boundary=--------------------------758632498572348957239485"
        assert (
            send("POST", body, Content_Type=kind, accept="application/json", UseXBasic="true").status_int
            == 201
        )
        assert stored() == ("photo.png", "image/png", BODY)

    @pytest.mark.parametrize("size", [1, 5, 4096])
    def test_go_c8y_through_a_pipe(self, send, stored, in_pieces, size):
        boundary = b"6d1b0bbd9c5b4f07a0a3f8e5c1d2e3f4a5b6c7d8e9f0a1b2c3d4e5f60718"
        body = (
            b"--" + boundary + b"\r\n"
            b'Content-Disposition: form-data; name="file"; filename="say \\"hi\\".txt"\r\n'
            b"Content-Type: text/plain; charset=utf-8\r\n"
            b"\r\n" + BODY + b"\r\n"
            b"--" + boundary + b"--\r\n"
        )
        answer = send(
            "POST",
            length=False,
            stream=in_pieces(body, size),
            environ={"HTTP_TRANSFER_ENCODING": "chunked", "wsgi.input_terminated": True},
            Content_Type=f"multipart/form-data; boundary={boundary.decode()}",
            Accept="application/json",
        )
        assert answer.status_int == 201
        assert stored() == ('say "hi".txt', "text/plain; charset=utf-8", BODY)

    def test_tedge_upload_c8y_with_two_content_types(self, client, send, event, event_of, stored):
        body = (
            b"--c1b2a3d4e5f60718-293a4b5c6d7e8f90-0f1e2d3c4b5a6978-8796a5b4c3d2e1f0\r\n"
            b'Content-Disposition: form-data; name="type"\r\n'
            b"\r\n"
            b"text/plain\r\n"
            b"--c1b2a3d4e5f60718-293a4b5c6d7e8f90-0f1e2d3c4b5a6978-8796a5b4c3d2e1f0\r\n"
            b'Content-Disposition: form-data; name="file"; filename="sample.txt"\r\n'
            b"Content-Type: text/plain\r\n"
            b"\r\n" + BODY + b"\r\n"
            b"--c1b2a3d4e5f60718-293a4b5c6d7e8f90-0f1e2d3c4b5a6978-8796a5b4c3d2e1f0--\r\n"
        )
        # A WSGI server joins two fields of one name with a comma.
        kind = (
            "multipart/form-data, multipart/form-data; "
            "boundary=c1b2a3d4e5f60718-293a4b5c6d7e8f90-0f1e2d3c4b5a6978-8796a5b4c3d2e1f0"
        )
        assert send("POST", body, Content_Type=kind).status_int == 201
        assert stored() == ("sample.txt", "text/plain", BODY)
        # What the Robot test of thin-edge asserts.
        fragment = event_of(client, event)["c8y_IsBinary"]
        assert (fragment["name"], fragment["type"]) == ("sample.txt", "text/plain")

    def test_tedge_mapper_after_a_head(self, send, stored):
        assert send("HEAD").status_int == 404
        body = (
            b"--b0-1\r\n"
            b'Content-Disposition: form-data; name="file"; filename="te_device_software-management.log"\r\n'
            b"\r\n" + BODY + b"\r\n"
            b"--b0-1--\r\n"
        )
        assert send("POST", body, Content_Type="multipart/form-data; boundary=b0-1").status_int == 201
        assert stored() == ("te_device_software-management.log", "application/octet-stream", BODY)

    def test_c8ydm_without_a_boundary_and_with_an_invalid_object(self, client, ask, send, stored):
        body = (
            b"--9f3c1e0b7d2a4c6e8f0a1b2c3d4e5f60\r\n"
            b'Content-Disposition: form-data; name="object"\r\n'
            b"\r\n"
            b'{ "name": syslog_dev1, type: text/plain }\r\n'
            b"--9f3c1e0b7d2a4c6e8f0a1b2c3d4e5f60\r\n"
            b'Content-Disposition: form-data; name="file"; filename="syslog_dev1.txt"\r\n'
            b"Content-Type: text/plain\r\n"
            b"\r\n" + BODY + b"\r\n"
            b"--9f3c1e0b7d2a4c6e8f0a1b2c3d4e5f60--\r\n"
        )
        answer = send("POST", body, Content_Type="multipart/form-data", Accept="application/json")
        assert answer.status_int == 201
        assert stored() == ("syslog_dev1.txt", "text/plain", BODY)
        # It then follows `self`, with a Content-Type on the GET.
        headers = {"Content-Type": "multipart/form-data", "Accept": "application/json"}
        download = ask(
            client, "GET", answer.json["self"].removeprefix("http://localhost:80"), headers=headers
        )
        assert download.body == BODY
        assert re.findall('filename="(.+)"', download.headers["Content-Disposition"]) == ["syslog_dev1.txt"]

    def test_dynamic_mapper_with_the_file_in_the_object_too(self, send, stored):
        content = bytes(range(256)) * 200
        meta = {
            "name": "mapped.bin",
            "type": "application/x-mapped",
            "data": base64.b64encode(content).decode(),
        }
        body = (
            b"--javaboundary\r\n"
            b'Content-Disposition: form-data; name="object"\r\n'
            b"Content-Type: application/json\r\n"
            b"\r\n" + json.dumps(meta).encode() + b"\r\n"
            b"--javaboundary\r\n"
            b'Content-Disposition: form-data; name="file"; filename="other.bin"\r\n'
            b"Content-Type: application/octet-stream\r\n"
            b"\r\n" + content + b"\r\n"
            b"--javaboundary--\r\n"
        )
        kind = "multipart/form-data;boundary=javaboundary;charset=UTF-8"
        assert send("POST", body, Content_Type=kind).status_int == 201
        assert stored() == ("mapped.bin", "application/x-mapped", content)

    def test_java_client_raw_and_as_a_form(self, send, stored, event):
        accept = (
            "application/vnd.com.nsn.cumulocity.error+json, application/vnd.com.nsn.cumulocity.event+json"
        )
        answer = send("POST", b"Hello", Content_Type="text/plain", Accept=accept)
        assert (answer.status_int, answer.headers["Content-Type"]) == (201, VND_EVENT)
        assert stored() == (event, "text/plain", b"Hello")
        send("DELETE", Accept="application/json")
        body = (
            b"--Boundary_1_1\r\n"
            b"Content-Type: application/json\r\n"
            b'Content-Disposition: form-data; name="object"\r\n'
            b"\r\n"
            b'{"name":"hello.txt","type":"text/plain"}\r\n'
            b"--Boundary_1_1\r\n"
            b"Content-Type: text/plain\r\n"
            b'Content-Disposition: form-data; name="file"\r\n'
            b"\r\n"
            b"Hello\r\n"
            b"--Boundary_1_1--"
        )
        kind = 'multipart/form-data;boundary="Boundary_1_1"'
        assert send("POST", body, Content_Type=kind, Accept=accept).status_int == 201
        assert stored() == ("hello.txt", "text/plain", b"Hello")


class TestForms:
    @pytest.fixture
    def post(self, send):
        return lambda body, kind="multipart/form-data; boundary=B": send("POST", body, Content_Type=kind)

    FILE = 'name="file"; filename="f.txt"'

    @pytest.mark.parametrize(
        ("parts", "name", "content"),
        [
            # The first with a filename, wherever it stands.
            ([('name="file"', b"0"), ('name="x"; filename="f.txt"', b"1")], "f.txt", b"1"),
            ([('name="x"; filename="f.txt"', b"0"), ('name="file"', b"1")], "f.txt", b"0"),
            ([('name="x"; filename="a"', b"0"), ('name="file"; filename="b"', b"1")], "a", b"0"),
            # Else the one named file.
            ([('name="a.txt"', b"0"), ('name="file"', b"1"), ('name="b.txt"', b"2")], None, b"1"),
            ([('name="file"', b"0"), ('name="file"', b"1")], None, b"0"),
            # Else the last that is not object or type.
            ([('name="a.txt"', b"0"), ('name="b.txt"', b"1"), ('name="type"', b"text/x")], "b.txt", b"1"),
            ([('name="a.txt"', b"00000"), ('name="b.txt"', b"1"), ('name="object"', b"{}")], "b.txt", b"1"),
            # object and type are never the file unless alone.
            ([('name="object"', b"{}")], "object", b"{}"),
            ([('name="type"', b"no type")], "type", b"no type"),
        ],
    )
    def test_which_part_is_the_file(self, post, event, stored, parts, name, content):
        assert post(form(*(part(*p) for p in parts))).status_int == 201
        assert stored()[0] == (name or event)
        assert stored()[2] == content

    @pytest.mark.parametrize(
        ("parts", "name", "kind"),
        [
            ([(FILE, b"0", "text/a")], "f.txt", "text/a"),
            ([(FILE, b"0")], "f.txt", "application/octet-stream"),
            ([(FILE, b"0", "nonsense")], "f.txt", "application/octet-stream"),
            ([('name="type"', b"text/t"), (FILE, b"0", "text/a")], "f.txt", "text/t"),
            ([(FILE, b"0", "text/a"), ('name="type"', b" text/t ")], "f.txt", "text/t"),
            ([('name="type"', b"nonsense"), (FILE, b"0", "text/a")], "f.txt", "text/a"),
            ([('name="object"', b'{"name":"o","type":"text/o"}'), (FILE, b"0", "text/a")], "o", "text/o"),
            (
                [('name="type"', b"text/t"), ('name="object"', b'{"type":"text/o"}'), (FILE, b"0", "text/a")],
                "f.txt",
                "text/o",
            ),
            ([('name="object"', b'{"name":"o"}'), (FILE, b"0", "text/a")], "o", "text/a"),
            ([('name="object"', b'{"name":7,"type":[]}'), (FILE, b"0", "text/a")], "f.txt", "text/a"),
            ([('name="object"', b'{"name":"","type":""}'), (FILE, b"0", "text/a")], "f.txt", "text/a"),
            ([('name="object"', b'["name"]'), (FILE, b"0", "text/a")], "f.txt", "text/a"),
            ([('name="object"', b"{ name: x }"), (FILE, b"0", "text/a")], "f.txt", "text/a"),
            ([('name="object"', b"\xff\xfe"), (FILE, b"0", "text/a")], "f.txt", "text/a"),
            ([('name="object"', b""), (FILE, b"0", "text/a")], "f.txt", "text/a"),
            (
                [('name="object"', b'{"name":"../../o.txt"}'), (FILE, b"0")],
                "o.txt",
                "application/octet-stream",
            ),
            ([('name="object"', b'{"name":"\\u0000\\ud800"}'), (FILE, b"0", "text/a")], "f.txt", "text/a"),
            ([('name="up"; filename=""', b"0", "text/a")], "up", "text/a"),
            (
                [('name="file"; filename="x"; filename*=UTF-8\'\'M%C3%A4rz.txt', b"0", "text/a")],
                "März.txt",
                "text/a",
            ),
            ([("name=\"up\"; filename*=UTF-8''f.txt", b"0"), ('name="file"', b"1")], "f.txt", OCTETS),
            ([('name="file"; filename="\xe4.txt"', b"0")], "ä.txt", OCTETS),
        ],
    )
    def test_what_it_is_called(self, post, stored, parts, name, kind):
        assert post(form(*(part(*p) for p in parts))).status_int == 201
        assert stored() == (name, kind, b"0")

    @pytest.mark.parametrize(
        ("kind", "delimiter"),
        [
            ('multipart/form-data; boundary="B"', b"B"),
            ('multipart/form-data; charset=utf-8; boundary="a b:c"', b"a b:c"),
            ("MULTIPART/Form-Data; Boundary=B", b"B"),
            ("multipart/form-data", b"anything at all"),
            ("multipart/form-data; boundary=", b"anything"),
            ("multipart/form-data; boundary=--B", b"B"),
            ("multipart/form-data; boundary=--B", b"--B"),
            ("multipart/form-data; boundary=B, multipart/form-data", b"B"),
            ("application/json, multipart/form-data; boundary=B", b"B"),
        ],
    )
    def test_boundary(self, post, stored, kind, delimiter):
        assert post(form(part(self.FILE, BODY), boundary=delimiter), kind).status_int == 201
        assert stored()[2] == BODY

    def test_bytes_that_look_like_delimiters_stay_as_they_are(self, post, stored):
        content = b"--Bx\r\n--C--\r\n--\r\n-- B--\r\n--b\r\nx--B--\r\n--B x\r\n\r\n-B--\n--B--\n\r--B"
        assert post(form(part(self.FILE, content))).status_int == 201
        assert stored()[2] == content

    def test_parts_and_bytes_after_the_file_are_no_part_of_it(self, post, stored):
        body = form(part(self.FILE, BODY), part('name="more"', b"more")) + b"epilogue\r\n--B\r\n"
        assert post(body).status_int == 201
        assert stored()[2] == BODY

    def test_preamble_is_no_part_of_it(self, post, stored):
        assert post(b"This is a message in MIME format.\r\n" + form(part(self.FILE, BODY))).status_int == 201
        assert stored()[2] == BODY

    def test_file_of_zero_bytes(self, post, stored):
        assert post(form(part(self.FILE, b""))).json["length"] == 0
        assert stored()[2] == b""

    @pytest.mark.parametrize("coding", ["binary", "8bit", "7bit", "BINARY"])
    def test_identity_codings_are_accepted(self, post, stored, coding):
        extra = f"application/pdf\r\nContent-Transfer-Encoding: {coding}"
        assert post(form(part(self.FILE, BODY, extra))).status_int == 201
        assert stored() == ("f.txt", "application/pdf", BODY)

    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"\r\n",
            b"no form at all",
            b"--B--\r\n",
            form(part(FILE, BODY))[:-4],
            form(part(FILE, BODY))[:-5],
            form(part(FILE, BODY))[:30],
            b"--B\r\n" + part(FILE, BODY),
            form(part('name="object"', b"{}"), part('name="type"', b"text/plain")),
            form(part(FILE, BODY), boundary=b"C"),
            form(part(FILE, BODY, "text/plain\r\nContent-Transfer-Encoding: base64")),
            form(part(FILE, BODY, "text/plain\r\nno field")),
            form(part(FILE, BODY, "text/plain\r\nX: " + 17 * 1024 * "x")),
            form(*[part(f'name="p{n}"', b"0") for n in range(17)]),
        ],
    )
    def test_that_cannot_be_read_are_400_and_leave_nothing(self, client, post, refused, unchanged, body):
        with unchanged(client):
            refused(post(body), 400)

    def test_sixteen_parts_and_a_long_header_are_accepted(self, post):
        many = [part(f'name="p{n}"', b"0") for n in range(15)]
        long = part(self.FILE, BODY, "text/plain\r\nX: " + 16_000 * "x")
        assert post(form(*many, long)).status_int == 201

    def test_without_a_boundary_parameter_the_body_must_begin_with_one(
        self, client, post, refused, unchanged
    ):
        with unchanged(client):
            refused(post(b"no form at all\r\n" + form(part(self.FILE, BODY)), "multipart/form-data"), 400)
            refused(post(b"--\r\n", "multipart/form-data"), 400)

    def test_replacing_that_is_refused_keeps_the_old(self, client, send, stored, refused, unchanged):
        send("POST", b"old")
        with unchanged(client):
            kind = "multipart/form-data; boundary=B"
            refused(send("PUT", form(part(self.FILE, BODY))[:-5], Content_Type=kind), 400)
        assert stored()[2] == b"old"

    def test_with_content_range_are_400_without_the_body(
        self, client, send, refused, unchanged, untouched_body
    ):
        with unchanged(client):
            for method in ("POST", "PUT"):
                answer = send(
                    method,
                    length=100,
                    stream=untouched_body,
                    Content_Type="multipart/form-data; boundary=B",
                    Content_Range="0-99/*",
                )
                refused(answer, 400)

    @pytest.mark.parametrize("kind", ["multipart/mixed; boundary=B", "multipart/form-data-x; boundary=B"])
    def test_of_another_multipart_type_are_files(self, post, stored, kind):
        body = form(part(self.FILE, BODY))
        assert post(body, kind).status_int == 201
        assert stored()[1:] == (kind, body)


# Names ---------------------------------------------------------------------------------------------------

NAMES = [
    ("file.txt", "file.txt"),
    ("../../etc/passwd", "passwd"),
    ("/etc/passwd", "passwd"),
    ("..\\..\\evil.exe", "evil.exe"),
    ("C:\\fakepath\\photo.jpg", "photo.jpg"),
    ("a/b\\c", "c"),
    ("..", None),
    (".", None),
    ("/", None),
    ("a/", None),
    ("a/..", None),
    ("", None),
    ("  ", None),
    ("a\x00b.txt", "ab.txt"),
    (".\x00.", None),
    ("..\x00/event.json", "event.json"),
    ("event.json", "event.json"),
    ("\x1b[2Jx", "[2Jx"),
    ("a\tb\x7f\x85c", "abc"),
    ("a" * 4000, "a" * 255),
    ("é" * 2000, "é" * 127),
    ("a" * 254 + "é", "a" * 254),
    ('say "hi".txt', 'say "hi".txt'),
    ("a;b=c, d.txt", "a;b=c, d.txt"),
    ("März.txt", "März.txt"),
    ("Ma\u0308rz.txt", "März.txt"),
    ("日本語.log", "日本語.log"),
    ("😀.png", "😀.png"),
    ("%2e%2e%2fpasswd", "%2e%2e%2fpasswd"),
    ("a%0D%0Ab", "a%0D%0Ab"),
    ("{event}", "{event}"),
    ("$(reboot)`x`|y", "$(reboot)`x`|y"),
]


class TestNames:
    @pytest.fixture
    def kept(self, client, stored, event):
        """Assert that a name was stored, and that nothing on the disk is called by it."""

        def check(name):
            answered, _, content = stored()
            assert (answered, content) == (name or event, BODY)
            assert all(KNOWN_FILES.fullmatch(path) for path in client.files())
            assert len(client.files()) == 3
            assert sorted(p.name for p in client.root.parent.iterdir()) == ["data"]
            top = {"accounts.json", "ballast", "accounts.lock", "events", "format", "index", "locks", "tmp"}
            assert {p.name for p in client.root.iterdir()} <= top

        return check

    @pytest.mark.parametrize(("sent", "name"), NAMES)
    def test_in_content_disposition(self, send, kept, sent, name):
        quoted = sent.replace('"', '\\"').encode().decode("latin-1")
        answer = send("POST", BODY, Content_Disposition=f'attachment; filename="{quoted}"')
        assert answer.status_int == 201
        kept(name)

    @pytest.mark.parametrize(("sent", "name"), NAMES)
    def test_in_an_object(self, send, kept, sent, name):
        meta = json.dumps({"name": sent}).encode()
        body = form(part('name="object"', meta), part('name="file"', BODY))
        assert send("POST", body, Content_Type="multipart/form-data; boundary=B").status_int == 201
        kept(name)

    @pytest.mark.parametrize(("sent", "name"), NAMES)
    def test_as_a_filename(self, send, kept, sent, name):
        quoted = sent.replace('"', '\\"')
        body = form(part(f'name="file"; filename="{quoted}"', BODY))
        assert send("POST", body, Content_Type="multipart/form-data; boundary=B").status_int == 201
        kept(name)

    @pytest.mark.parametrize(
        ("value", "name"),
        [
            ("attachment; filename=plain.txt", "plain.txt"),
            ("attachment;filename=plain.txt;x=y", "plain.txt"),
            ('form-data; name="x"; FileName="a.txt"', "a.txt"),
            ("attachment; filename=\"fallback\"; filename*=UTF-8''M%C3%A4rz.txt", "März.txt"),
            ("attachment; filename*=utf-8'de'M%C3%A4rz.txt; filename=\"fallback\"", "März.txt"),
            ("attachment; filename*=iso-8859-1''M%E4rz.txt", "März.txt"),
            ("attachment; filename*=UTF-8''..%2F..%2Fetc%2Fpasswd", "passwd"),
            ("attachment; filename*=UTF-8''a%0D%0ASet-Cookie:%20x", "aSet-Cookie: x"),
            ("attachment; filename*=UTF-8''%FF.txt; filename=\"fallback\"", "fallback"),
            ("attachment; filename*=koi8-r''x; filename=\"fallback\"", "fallback"),
            ('attachment; filename="M\xe4rz.txt"', "März.txt"),
            ('attachment; filename="a\r\nSet-Cookie: x"', "aSet-Cookie: x"),
            ('attachment; filename="open', '"open'),
            ("attachment", None),
            ("filename=x", None),
            ("", None),
            (";;;===", None),
        ],
    )
    def test_content_disposition_as_it_may_be_written(self, send, kept, value, name):
        assert send("POST", BODY, Content_Disposition=value).status_int == 201
        kept(name)

    def test_line_breaks_in_a_filename_are_400_or_harmless(self, client, send, refused, unchanged):
        body = form(part('name="file"; filename="a\r\nX-Evil: 1\r\n.txt"', BODY))
        with unchanged(client):
            refused(send("POST", body, Content_Type="multipart/form-data; boundary=B"), 400)
        body = form(part('name="file"; filename="a\r\nX-Evil: 1"', BODY))
        assert send("POST", body, Content_Type="multipart/form-data; boundary=B").status_int == 201
        answer = send("GET")
        assert "X-Evil" not in answer.headers
        assert not set("\r\n") & set(answer.headers["Content-Disposition"])

    def test_disposition_of_a_form_request_does_not_name_the_file(self, send, event, stored):
        headers = {"Content-Disposition": 'attachment; filename="outer.txt"'}
        body = form(part('name="file"', BODY))
        send("POST", body, Content_Type="multipart/form-data; boundary=B", **headers)
        assert stored()[0] == event

    @settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(st.text(st.characters(codec=None) | st.sampled_from("./\\\0\r\n\"';%"), max_size=300))
    def test_any_name_comes_back_safe(self, client, send, event_of, event, name):
        body = form(part('name="object"', json.dumps({"name": name}).encode()), part('name="file"', BODY))
        answer = send("PUT", body, Content_Type="multipart/form-data; boundary=B")
        assert answer.status_int == 201
        kept = event_of(client, event)["c8y_IsBinary"]["name"]
        assert answer.json["name"] == kept
        assert 0 < len(kept.encode()) <= 255
        assert not set(kept) & set("/\\")
        assert all(unicodedata.category(c) != "Cc" for c in kept)
        disposition = send("GET").headers["Content-Disposition"]
        assert set(disposition) <= set(string.printable) - set("\r\n\t\v\f")
        assert all(KNOWN_FILES.fullmatch(path) for path in client.files())
