"""Uploads in chunks: every rule of API.md, "Chunks"."""

import base64
import hashlib
import itertools
import json
import random
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from c8ybin.accounts import EVENT_ADMIN

TEN = b"abcdefghij"


@pytest.fixture
def chunk(client, ask, url):
    """Send one chunk; the bytes are those of TEN unless others are given."""

    def send(value, body=None, method="POST", **headers):
        if body is None:
            start, stop = value.rpartition(" ")[2].partition("/")[0].split("-")
            body = TEN[int(start) : int(stop) + 1]
        fields = {name.replace("_", "-"): v for name, v in headers.items()}
        return ask(client, method, url, body, {"Content-Range": value, **fields})

    return send


@pytest.fixture
def get(client, ask, url):
    return lambda: ask(client, "GET", url)


@pytest.fixture
def shown(client, event, event_of):
    """Return the two fragments of the event: the binary's length, and the range that has arrived."""

    def look():
        document = event_of(client, event)
        binary = document.get("c8y_IsBinary", {}).get("length")
        upload = document.get("c8y_IsIncompleteBinary", {})
        assert list(upload) in ([], ["range"])
        return binary, upload.get("range")

    return look


def contents(client):
    """The names of the files that the event has."""
    return sorted(path.rpartition("/")[2].partition("-")[0] for path in client.files())


def digest(data, algorithm="sha256"):
    value = base64.b64encode(hashlib.new(algorithm, data).digest()).decode()
    return f"{algorithm[:3]}-{algorithm[3:]}=:{value}:"


class TestHeader:
    @pytest.mark.parametrize("unit", ["", "bytes ", "Bytes  "])
    def test_with_and_without_its_unit(self, chunk, get, unit):
        assert chunk(f"{unit}0-3/*").json["range"] == "0-3/*"
        assert chunk(f"{unit}4-9/10").status_int == 201
        assert get().body == TEN

    @pytest.mark.parametrize(
        "value",
        [
            "",
            "bytes",
            "0-3",
            "0-3/",
            "-3/10",
            "*/10",
            "bytes */10",
            "items 0-3/10",
            "a-b/c",
            "0-3/x",
            "0-3,4-5/10",
            "+0-3/4",
        ],
    )
    @pytest.mark.parametrize("method", ["POST", "PUT"])
    def test_malformed_is_400(self, client, chunk, refused, unchanged, value, method):
        with unchanged(client):
            assert "Content-Range" in refused(chunk(value, b"0123", method), 400)

    def test_that_stops_before_it_starts_is_400(self, client, chunk, refused, unchanged):
        with unchanged(client):
            assert "stops before" in refused(chunk("4-3/10", b""), 400)

    @pytest.mark.parametrize("value", ["0-3/3", "0-3/0", "4-7/7"])
    def test_whose_length_does_not_reach_its_stop_is_400(self, client, chunk, refused, unchanged, value):
        with unchanged(client):
            refused(chunk(value, b"0123"), 400)

    @pytest.mark.parametrize("body", [b"", b"012", b"01234"])
    def test_with_a_body_of_another_size_is_400(self, client, chunk, refused, unchanged, body):
        with unchanged(client):
            refused(chunk("0-3/10", body), 400)

    def test_with_a_length_of_another_size_is_400_without_the_body(
        self, client, ask, url, refused, unchanged, untouched_body
    ):
        with unchanged(client):
            for length in (0, 3, 5):
                headers = {"Content-Range": "0-3/10"}
                refused(ask(client, "POST", url, b"", headers, length=length, stream=untouched_body), 400)

    @pytest.mark.parametrize("body", [b"", b"012", b"01234", b"0" * 99])
    def test_with_a_body_of_another_size_that_no_length_foretold_is_400(
        self, client, ask, url, refused, unchanged, coded_in_chunks, body
    ):
        with unchanged(client):
            answer = ask(client, "POST", url, body, {"Content-Range": "0-3/10"}, **coded_in_chunks)
            assert "bytes than its Content-Range" in refused(answer, 400)

    def test_with_chunked_coding(self, client, ask, url, get, coded_in_chunks):
        for at, value in ((0, "0-3/*"), (4, "4-9/10")):
            body = TEN[at : 4 if at == 0 else 10]
            answer = ask(client, "POST", url, body, {"Content-Range": value}, **coded_in_chunks)
            assert answer.status_int == (200 if at == 0 else 201)
        assert get().body == TEN

    def test_body_that_ends_early_is_400(self, client, ask, url, refused, unchanged):
        with unchanged(client):
            refused(ask(client, "POST", url, b"01", {"Content-Range": "0-3/10"}, length=4), 400)

    @pytest.mark.parametrize("method", ["POST", "PUT"])
    def test_on_no_event_is_404_without_the_body(
        self, client, ask, refused, unchanged, untouched_body, method
    ):
        with unchanged(client):
            path, headers = client.binaries("4711"), {"Content-Range": "0-3/*"}
            answer = ask(client, method, path, b"", headers, length=4, stream=untouched_body)
            refused(answer, 404, "event/Not Found")

    def test_trailing_slash(self, client, ask, url, chunk):
        assert ask(client, "POST", f"{url}/", TEN[:4], {"Content-Range": "0-3/*"}).status_int == 200
        assert chunk("4-9/10").status_int == 201


class TestLimits:
    @pytest.fixture
    def client(self, make_client):
        return make_client(max_binary=20, max_chunk=8)

    def test_chunk_just_fits(self, chunk):
        assert chunk("0-7/*", bytes(8)).status_int == 200

    def test_chunk_over_its_limit_is_413_without_the_body(
        self, client, ask, url, refused, unchanged, untouched_body, coded_in_chunks
    ):
        with unchanged(client):
            headers = {"Content-Range": "0-8/*"}
            answer = ask(client, "POST", url, b"", headers, length=9, stream=untouched_body)
            assert "8 bytes" in refused(answer, 413)
            answer = ask(client, "POST", url, b"", headers, stream=untouched_body, **coded_in_chunks)
            assert "8 bytes" in refused(answer, 413)
            headers = {"Content-Range": "0-7/*"}
            answer = ask(client, "POST", url, b"", headers, length=9, stream=untouched_body)
            assert "8 bytes" in refused(answer, 413)

    @pytest.mark.parametrize("value", ["13-20/*", "13-20/21", "0-7/21", "20-20/*", "999999999-999999999/*"])
    def test_beyond_the_limit_of_the_file_is_413_without_the_body(
        self, client, ask, url, refused, unchanged, untouched_body, value
    ):
        start, stop = value.partition("/")[0].split("-")
        with unchanged(client):
            for method in ("POST", "PUT"):
                answer = ask(
                    client,
                    method,
                    url,
                    b"",
                    {"Content-Range": value},
                    length=int(stop) - int(start) + 1,
                    stream=untouched_body,
                )
                assert "20 bytes" in refused(answer, 413)

    def test_file_of_just_the_limit(self, chunk, get):
        body = bytes(range(20))
        for start in (0, 7, 14):
            stop = min(start + 6, 19)
            answer = chunk(f"{start}-{stop}/20", body[start : stop + 1])
        assert answer.status_int == 201
        assert get().body == body


class TestOrder:
    @pytest.mark.parametrize("order", list(itertools.permutations(["0-3/*", "4-5/*", "6-9/10"])))
    def test_any_order_completes_with_the_last(self, client, chunk, get, shown, order):
        for value in order[:-1]:
            assert chunk(value).status_int == 200
            assert get().status_int == 404
            assert shown()[0] is None
        answer = chunk(order[-1])
        assert (answer.status_int, answer.json["length"]) == (201, 10)
        assert answer.headers["Location"] == answer.json["self"]
        assert get().body == TEN
        assert shown() == (10, None)
        assert contents(client) == ["binary.json", "content", "event.json"]
        assert client.received() == []

    def test_range_lists_what_has_arrived_merged_and_in_order(self, chunk, shown):
        steps = [
            ("8-9/*", "8-9/*"),
            ("2-3/*", "2-3,8-9/*"),
            ("0-0/10", "0-0,2-3,8-9/10"),
            ("5-5/*", "0-0,2-3,5-5,8-9/10"),
            ("4-4/*", "0-0,2-5,8-9/10"),
            ("1-1/*", "0-5,8-9/10"),
        ]
        for value, expected in steps:
            answer = chunk(value)
            assert (answer.status_int, answer.json["range"]) == (200, expected)
            assert shown() == (None, expected)
        assert chunk("6-7/*").status_int == 201

    def test_answer_has_exactly_these_members(self, chunk, event):
        answer = chunk("0-3/*", Content_Type="text/plain")
        assert answer.json == {
            "self": f"http://localhost:80/event/events/{event}/binaries",
            "type": "text/plain",
            "range": "0-3/*",
            "source": event,
        }
        assert "Location" not in answer.headers
        assert chunk("4-5/*", Accept="application/json").content_type == "application/json"

    def test_one_chunk_may_be_the_whole_file(self, chunk, get):
        assert chunk("0-9/10").status_int == 201
        assert get().body == TEN

    def test_length_that_comes_alone_with_known_bytes_completes(self, chunk, get):
        assert chunk("0-9/*").status_int == 200
        assert chunk("9-9/10").status_int == 201
        assert get().body == TEN

    def test_nothing_completes_without_a_length(self, chunk, get, shown):
        chunk("0-9/*")
        assert shown() == (None, "0-9/*")
        assert get().status_int == 404

    def test_side_by_side(self, client, url, get):
        body = random.Random(5).randbytes(64_000)
        starts = list(range(0, 64_000, 4000))

        def post(start):
            own = type(client)(client.app)
            own.extra_environ = dict(client.extra_environ)
            headers = {"Content-Range": f"{start}-{start + 3999}/64000", "Content-Type": "x/y"}
            return own.post(url, body[start : start + 4000], headers, expect_errors=True).status_int

        with ThreadPoolExecutor(8) as pool:
            statuses = list(pool.map(post, starts))
        assert sorted(statuses) == 15 * [200] + [201]
        assert get().body == body

    def test_goes_on_in_another_process_and_after_a_restart(
        self, client, make_client, ask, url, chunk, get, event
    ):
        chunk("0-3/*", Content_Type="text/plain")
        other = make_client()
        assert ask(other, "POST", url, TEN[6:], {"Content-Range": "6-9/10"}).json["range"] == "0-3,6-9/10"
        assert chunk("4-5/*").status_int == 201
        assert ask(other, "GET", url).body == get().body == TEN
        assert get().headers["Content-Type"] == "text/plain"

    def test_last_modified_of_the_event_and_etag_follow(self, client, event, ask, chunk):
        etags = []
        for value in ("0-3/*", "4-5/*", "6-9/10"):
            etags.append(ask(client, "GET", f"/event/events/{event}").headers["ETag"])
            chunk(value)
        etags.append(ask(client, "GET", f"/event/events/{event}").headers["ETag"])
        assert len(set(etags)) == 4

    def test_large_chunks_around_bytes_that_have_arrived(self, chunk, get):
        body = random.Random(11).randbytes(1_500_003)
        for start, stop in ((300_000, 300_009), (900_000, 900_100), (0, 799_999), (700_000, 1_500_002)):
            answer = chunk(f"{start}-{stop}/1500003", body[start : stop + 1])
        assert answer.status_int == 201
        assert get().body == body

    def test_owner_is_who_began_the_upload(self, client, chunk, as_user):
        chunk("0-3/*", **as_user(client, "ute", EVENT_ADMIN))
        assert chunk("4-9/10").status_int == 201
        described = next(p for p in client.root.rglob("binary.json")).read_text().splitlines()[0]
        assert json.loads(described)["owner"] == "ute"


class TestSameChunkAgain:
    def test_counts_once(self, client, chunk, shown, unchanged):
        chunk("0-3/*")
        chunk("6-7/*")
        with unchanged(client):
            answer = chunk("0-3/*")
            assert (answer.status_int, answer.json["range"]) == (200, "0-3,6-7/*")
            assert chunk("6-7/*").status_int == 200

    def test_overlap_with_equal_bytes_merges(self, chunk, get):
        chunk("2-6/*")
        assert chunk("4-8/*").json["range"] == "2-8/*"
        assert chunk("3-5/*").json["range"] == "2-8/*"
        assert chunk("0-4/*").json["range"] == "0-8/*"
        assert chunk("0-9/10").status_int == 201
        assert get().body == TEN

    def test_completing_chunk_is_answered_201_again(self, client, chunk, get, unchanged):
        chunk("0-5/*")
        first = chunk("6-9/10", Accept="application/json")
        etag = get().headers["ETag"]
        with unchanged(client):
            again = chunk("6-9/10", Accept="application/json")
            assert again.status_int == 201
            assert again.json == first.json
            assert again.headers["Location"] == first.headers["Location"]
            assert chunk("bytes 6-9/10").status_int == 201
        assert get().headers["ETag"] == etag

    def test_completing_chunk_is_known_after_a_restart(self, client, make_client, ask, url, chunk):
        chunk("0-5/*")
        chunk("6-9/10")
        assert ask(make_client(), "POST", url, TEN[6:], {"Content-Range": "6-9/10"}).status_int == 201

    def test_completing_chunk_that_came_first_in_the_file(self, chunk):
        chunk("4-9/10")
        assert chunk("0-3/*").status_int == 201
        assert chunk("0-3/*").status_int == 201

    @pytest.mark.parametrize(
        ("value", "body"),
        [
            ("0-5/*", None),
            ("6-9/*", None),
            ("6-9/10", b"GHIJ"),
            ("5-9/10", None),
            ("0-9/10", None),
            ("10-11/12", b"kl"),
        ],
    )
    def test_any_other_chunk_of_a_finished_upload_is_409(
        self, client, chunk, get, refused, unchanged, value, body
    ):
        chunk("0-5/*")
        chunk("6-9/10")
        with unchanged(client):
            refused(chunk(value, body), 409, "Duplicate")
        assert get().body == TEN

    def test_completing_chunk_of_a_file_that_was_replaced_is_409(self, client, ask, url, chunk, get, refused):
        chunk("0-5/*")
        chunk("6-9/10")
        ask(client, "PUT", url, b"new")
        refused(chunk("6-9/10"), 409)
        assert get().body == b"new"

    def test_completing_chunk_of_a_deleted_file_begins_anew(self, client, ask, url, chunk, shown):
        chunk("0-5/*")
        chunk("6-9/10")
        ask(client, "DELETE", url)
        assert chunk("6-9/10").status_int == 200
        assert shown() == (None, "6-9/10")

    def test_completing_put_is_answered_201_again_and_keeps_the_etag(self, client, chunk, get, unchanged):
        chunk("0-9/10", method="POST")
        chunk("0-5/*", b"ABCDEF", "PUT")
        assert chunk("6-9/10", b"GHIJ", "PUT").status_int == 201
        etag = get().headers["ETag"]
        with unchanged(client):
            assert chunk("6-9/10", b"GHIJ", "PUT").status_int == 201
        assert get().headers["ETag"] == etag

    def test_completing_chunk_counts_under_its_method_alone(self, client, chunk, refused, unchanged):
        chunk("0-5/*", method="PUT")
        assert chunk("6-9/10", method="PUT").status_int == 201
        with unchanged(client):
            refused(chunk("6-9/10", method="POST"), 409)

    def test_completing_post_is_answered_201_while_a_replacement_is_under_way(self, client, chunk, unchanged):
        """API.md: a POST of any chunk but the remembered completing one is 409."""
        chunk("0-5/*")
        chunk("6-9/10")
        chunk("0-1/*", b"AB", "PUT")
        with unchanged(client):
            assert chunk("6-9/10").status_int == 201


class TestRestart:
    @pytest.mark.parametrize("value", ["0-3/*", "0-1/*", "0-5/*", "0-9/*"])
    def test_other_bytes_from_0_begin_the_upload_anew(self, client, chunk, shown, value):
        chunk("0-3/*", Content_Type="text/old", Content_Disposition='attachment; filename="old"')
        chunk("6-7/20", b"gh")
        answer = chunk(value, TEN.upper()[: int(value[2]) + 1], Content_Type="text/new")
        assert (answer.status_int, answer.json["range"], answer.json["type"]) == (200, value, "text/new")
        assert shown() == (None, value)
        assert contents(client) == ["content", "event.json", "upload.journal"]

    def test_begins_anew_with_another_name_length_and_bytes(self, chunk, get, event):
        chunk("0-3/10", Content_Disposition='attachment; filename="old"')
        chunk("0-3/6", b"ABCD")
        answer = chunk("4-5/*", b"EF")
        assert (answer.status_int, answer.json["name"], answer.json["length"]) == (201, event, 6)
        assert get().body == b"ABCDEF"

    def test_takes_precedence_over_a_length_that_contradicts(self, chunk, shown):
        chunk("0-3/10")
        assert chunk("0-1/5", b"AB").status_int == 200
        assert shown() == (None, "0-1/5")

    def test_takes_precedence_over_a_length_below_an_arrived_byte(self, chunk, shown):
        chunk("0-3/*")
        chunk("8-9/*")
        assert chunk("0-1/5", b"AB").status_int == 200
        assert shown() == (None, "0-1/5")

    def test_may_complete_at_once(self, client, chunk, get):
        chunk("0-3/*")
        assert chunk("0-1/2", b"AB").status_int == 201
        assert get().body == b"AB"
        assert contents(client) == ["binary.json", "content", "event.json"]

    def test_equal_bytes_from_0_do_not_begin_anew(self, chunk):
        chunk("0-3/*")
        chunk("6-7/*")
        assert chunk("0-1/*").json["range"] == "0-3,6-7/*"
        assert chunk("0-4/*").json["range"] == "0-4,6-7/*"

    def test_from_0_where_nothing_has_arrived_there_does_not_begin_anew(self, chunk):
        chunk("4-7/*")
        assert chunk("0-1/*").json["range"] == "0-1,4-7/*"

    def test_difference_in_a_later_byte_begins_anew_too(self, chunk):
        chunk("4-7/*")
        assert chunk("0-5/*", b"abcdeF").json["range"] == "0-5/*"

    def test_that_is_refused_keeps_the_old_upload(self, client, chunk, refused, unchanged):
        chunk("0-3/*")
        with unchanged(client):
            refused(chunk("0-1/2", b"AB", Repr_Digest=digest(b"other")), 400)
            refused(chunk("0-1/2", b"AB", Content_Digest=digest(b"other")), 400)


class TestConflict:
    @pytest.mark.parametrize(
        ("value", "body"),
        [("4-5/*", b"EF"), ("5-5/*", b"F"), ("1-4/*", b"bcdE"), ("7-9/10", b"Hij"), ("3-8/*", b"defgHi")],
    )
    @pytest.mark.parametrize("method", ["POST", "PUT"])
    def test_other_bytes_are_409_and_change_nothing(
        self, client, chunk, get, shown, refused, unchanged, value, body, method
    ):
        chunk("4-7/*")
        with unchanged(client):
            assert "DELETE" in refused(chunk(value, body, method), 409)
        assert shown() == (None, "4-7/*")
        chunk("0-3/*")
        assert chunk("8-9/10").status_int == 201
        assert get().body == TEN

    @pytest.mark.parametrize("at", [0, 262_143, 262_144, 299_999])
    def test_one_byte_in_a_large_chunk_is_enough(self, client, chunk, refused, unchanged, at):
        body = bytearray(300_000)
        chunk("5-300004/*", bytes(body))
        body[at] = 1
        with unchanged(client):
            refused(chunk("5-300004/*", bytes(body)), 409)

    def test_length_that_contradicts_is_409(self, client, chunk, shown, refused, unchanged):
        chunk("0-3/10")
        with unchanged(client):
            assert "DELETE" in refused(chunk("4-5/11"), 409)
            refused(chunk("4-5/9"), 409)
            refused(chunk("0-3/9"), 409)
        assert shown() == (None, "0-3/10")

    def test_chunk_beyond_the_told_length_is_409(self, client, chunk, refused, unchanged):
        chunk("0-3/6")
        with unchanged(client):
            refused(chunk("4-6/*"), 409)
            refused(chunk("6-6/*"), 409)
            refused(chunk("8-9/10"), 409)
        assert chunk("4-5/*").status_int == 201

    def test_length_below_an_arrived_byte_is_400(self, client, chunk, refused, unchanged):
        chunk("4-7/*")
        with unchanged(client):
            assert "below a byte" in refused(chunk("0-3/7"), 400)
            refused(chunk("0-3/4"), 400)
        assert chunk("0-3/8").status_int == 201

    def test_conflict_by_put_chunk_with_a_binary(self, client, chunk, get, refused, unchanged):
        chunk("0-9/10")
        chunk("4-5/*", b"EF", "PUT")
        with unchanged(client):
            refused(chunk("4-5/*", b"xy", "PUT"), 409)
        assert get().body == TEN


class TestOverABinary:
    @pytest.fixture(autouse=True)
    def binary(self, client, ask, url):
        headers = {"Content-Type": "text/old", "Content-Disposition": 'attachment; filename="old.txt"'}
        ask(client, "POST", url, b"old bytes", headers)

    def test_post_is_409_without_the_body(self, client, ask, url, refused, unchanged, untouched_body):
        with unchanged(client):
            for value in ("0-3/*", "0-3/4", "4-7/8"):
                answer = ask(
                    client, "POST", url, b"", {"Content-Range": value}, length=4, stream=untouched_body
                )
                assert refused(answer, 409, "Duplicate") == "Attachment already exists"

    def test_put_chunks_replace_while_the_old_bytes_stay_readable(self, client, chunk, get, shown, event):
        etag = get().headers["ETag"]
        for value, arrived in (("6-9/*", "6-9/*"), ("0-3/*", "0-3,6-9/*")):
            answer = chunk(value, method="PUT", Content_Type="text/new")
            assert (answer.status_int, answer.json["range"]) == (200, arrived)
            assert shown() == (9, arrived)
            assert get().body == b"old bytes"
            assert get().headers["ETag"] == etag
        answer = chunk("4-5/10", method="PUT")
        assert answer.status_int == 201
        assert answer.json["name"] == event
        assert answer.json["type"] == "text/new"
        assert get().body == TEN
        assert get().headers["ETag"] != etag
        assert shown() == (10, None)
        assert contents(client) == ["binary.json", "content", "event.json"]

    def test_post_chunk_does_not_feed_the_replacement(self, client, chunk, shown, refused, unchanged):
        chunk("0-3/*", method="PUT")
        with unchanged(client):
            refused(chunk("4-9/10"), 409, "Duplicate")
        assert shown() == (9, "0-3/*")

    def test_whole_put_ends_the_replacement(self, client, ask, url, chunk, get, shown):
        chunk("0-3/*", method="PUT")
        assert ask(client, "PUT", url, b"whole").status_int == 201
        assert shown() == (5, None)
        assert contents(client) == ["binary.json", "content", "event.json"]
        assert chunk("4-9/10", method="PUT").json["range"] == "4-9/10"
        assert get().body == b"whole"

    def test_whole_post_is_409_and_the_replacement_goes_on(
        self, client, ask, url, chunk, get, refused, unchanged
    ):
        chunk("0-3/*", method="PUT")
        with unchanged(client):
            refused(ask(client, "POST", url, b"whole"), 409, "Duplicate")
        assert chunk("4-9/10", method="PUT").status_int == 201
        assert get().body == TEN

    def test_delete_discards_both(self, client, ask, url, chunk, get, shown):
        chunk("0-3/*", method="PUT")
        assert ask(client, "DELETE", url).status_int == 204
        assert shown() == (None, None)
        assert get().status_int == 404
        assert contents(client) == ["event.json"]

    def test_replacement_that_ends_with_another_digest_keeps_the_old(self, chunk, get, shown, refused):
        chunk("0-3/*", method="PUT")
        refused(chunk("4-9/10", method="PUT", Repr_Digest=digest(b"other")), 400)
        assert get().body == b"old bytes"
        assert shown() == (9, "0-3/*")


class TestWhereNoBinaryStands:
    def test_post_and_put_chunks_feed_one_upload(self, chunk, get):
        assert chunk("0-3/*", method="POST").status_int == 200
        assert chunk("4-5/*", method="PUT").json["range"] == "0-5/*"
        assert chunk("6-9/10", method="POST").status_int == 201
        assert get().body == TEN

    def test_put_chunks_alone(self, chunk, get):
        chunk("6-9/10", method="PUT")
        assert chunk("0-5/*", method="PUT").status_int == 201
        assert get().body == TEN

    @pytest.mark.parametrize("method", ["POST", "PUT"])
    def test_whole_body_replaces_the_incomplete_upload(self, client, ask, url, chunk, get, shown, method):
        chunk("0-3/*")
        assert ask(client, method, url, b"whole").status_int == 201
        assert get().body == b"whole"
        assert shown() == (5, None)
        assert contents(client) == ["binary.json", "content", "event.json"]

    def test_refused_whole_body_keeps_the_incomplete_upload(
        self, client, ask, url, chunk, refused, unchanged
    ):
        chunk("0-3/*")
        with unchanged(client):
            refused(ask(client, "POST", url, b"whole", {"Content-Digest": digest(b"x")}), 400)
            refused(ask(client, "PUT", url, b"whole", {"If-Match": "*"}), 412)
        assert chunk("4-9/10").status_int == 201

    def test_delete_discards_and_a_new_upload_begins_empty(self, client, ask, url, chunk, shown):
        chunk("0-3/*")
        assert ask(client, "DELETE", url).status_int == 204
        assert shown() == (None, None)
        assert contents(client) == ["event.json"]
        assert chunk("4-5/*").json["range"] == "4-5/*"

    def test_delete_of_the_event_takes_it_along(self, client, ask, event, chunk, refused):
        chunk("0-3/*")
        assert ask(client, "DELETE", f"/event/events/{event}").status_int == 204
        assert client.files() == {}
        refused(chunk("4-9/10"), 404, "event/Not Found")

    def test_change_of_the_event_does_not_disturb_it(self, client, event, chunk, get):
        chunk("0-3/*")
        client.put_json(f"/event/events/{event}", {"text": "changed", "c8y_IsIncompleteBinary": None})
        assert chunk("4-9/10").status_int == 201
        assert get().body == TEN


class TestMeanwhile:
    """What was decided before the body is decided again with it."""

    @pytest.fixture
    def send(self, client, ask, url, meanwhile):
        def request(action, method="POST", value="4-9/10", **headers):
            fields = {"Content-Range": value} | {name.replace("_", "-"): v for name, v in headers.items()}
            start, stop = map(int, value.partition("/")[0].split("-"))
            body = TEN[start : stop + 1]
            stream = meanwhile(body, action)
            return ask(client, method, url, b"", fields, length=len(body), stream=stream)

        return request

    def test_binary_that_came_makes_a_post_409(self, client, ask, url, chunk, get, send, refused):
        chunk("0-3/*")
        refused(send(lambda: ask(client, "PUT", url, b"came")), 409, "Duplicate")
        assert get().body == b"came"
        assert contents(client) == ["binary.json", "content", "event.json"]

    def test_etag_that_went_makes_a_put_412(self, client, ask, url, get, shown, send, refused):
        ask(client, "PUT", url, b"old")
        etag = get().headers["ETag"]
        refused(send(lambda: ask(client, "PUT", url, b"came"), "PUT", If_Match=etag), 412)
        assert get().body == b"came"
        assert shown() == (4, None)

    def test_event_that_was_deleted_is_404(self, client, ask, event, chunk, send, refused):
        chunk("0-3/*")
        refused(send(lambda: ask(client, "DELETE", f"/event/events/{event}")), 404, "event/Not Found")
        assert client.files() == {}

    def test_upload_that_was_discarded_begins_anew(self, client, ask, url, chunk, shown, send):
        chunk("0-3/*")
        assert send(lambda: ask(client, "DELETE", url)).json["range"] == "4-9/10"
        assert shown() == (None, "4-9/10")

    def test_upload_that_a_power_cut_brought_back_after_a_replacement_is_void(
        self, client, ask, url, chunk, get, shown
    ):
        before = {p: p.read_bytes() for p in client.root.rglob("events/*/*/*/*")}
        chunk("0-3/*", Content_Type="text/old")
        upload = {p: p.read_bytes() for p in client.root.rglob("events/*/*/*/*") if p not in before}
        assert ask(client, "PUT", url, b"whole").status_int == 201
        for path, data in upload.items():
            path.write_bytes(data)
        assert shown() == (5, None)
        answer = chunk("4-9/10", method="PUT", Content_Type="text/new")
        assert (answer.status_int, answer.json["range"], answer.json["type"]) == (200, "4-9/10", "text/new")
        assert get().body == b"whole"
        assert contents(client) == ["binary.json", "content", "content", "event.json", "upload.journal"]


class TestLabel:
    def test_is_that_of_the_chunk_that_began_the_upload(self, chunk, get):
        chunk("6-9/10", Content_Type="text/first", Content_Disposition='attachment; filename="first.txt"')
        answer = chunk("0-3/*", Content_Type="x/y", Content_Disposition='attachment; filename="second"')
        assert answer.json["type"] == "text/first"
        answer = chunk("4-5/*", Content_Type="x/y", Content_Disposition='attachment; filename="last"')
        assert (answer.json["type"], answer.json["name"]) == ("text/first", "first.txt")
        assert get().headers["Content-Type"] == "text/first"
        assert 'filename="first.txt"' in get().headers["Content-Disposition"]

    def test_that_the_first_chunk_lacks_is_not_taken_from_a_later_one(self, chunk, event):
        assert chunk("0-3/*").json["type"] == "application/octet-stream"
        chunk("4-5/*", Content_Type="text/plain", Content_Disposition='attachment; filename="later"')
        answer = chunk("6-9/10", Content_Type="text/plain")
        assert (answer.json["type"], answer.json["name"]) == ("application/octet-stream", event)


class TestDigests:
    def test_content_digest_covers_the_chunk(self, chunk, get):
        assert chunk("0-3/*", Content_Digest=digest(TEN[:4])).status_int == 200
        answer = chunk("4-9/10", Content_Digest=f"{digest(TEN[4:])}, {digest(TEN[4:], 'sha512')}")
        assert answer.status_int == 201
        assert get().body == TEN

    @pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
    def test_content_digest_that_does_not_match_is_400(self, client, chunk, refused, unchanged, algorithm):
        chunk("0-3/*")
        with unchanged(client):
            assert "Content-Digest" in refused(chunk("4-9/10", Content_Digest=digest(TEN, algorithm)), 400)

    @pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
    @pytest.mark.parametrize("told_at", [0, 1, 2])
    def test_repr_digest_covers_the_finished_file(self, chunk, get, algorithm, told_at):
        for number, value in enumerate(("0-3/*", "6-9/10", "4-5/*")):
            headers = {"Repr_Digest": digest(TEN, algorithm)} if number == told_at else {}
            answer = chunk(value, **headers)
        assert answer.status_int == 201
        assert get().headers["Repr-Digest"] == digest(TEN)

    @pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
    @pytest.mark.parametrize("told_at", [0, 1, 2])
    def test_repr_digest_that_does_not_match_lets_the_last_chunk_not_count(
        self, chunk, get, shown, refused, algorithm, told_at
    ):
        for number, value in enumerate(("0-3/*", "6-9/10", "4-5/*")):
            headers = {"Repr_Digest": digest(b"other", algorithm)} if number == told_at else {}
            answer = chunk(value, **headers)
        assert "Repr-Digest" in refused(answer, 400)
        assert shown() == (None, "0-3,6-9/10")
        assert get().status_int == 404

    def test_upload_in_one_chunk_whose_repr_digest_does_not_match_leaves_nothing(
        self, client, chunk, refused, unchanged
    ):
        with unchanged(client):
            refused(chunk("0-9/10", Repr_Digest=digest(b"other")), 400)

    def test_upload_goes_on_after_one_that_did_not_match(self, chunk, get, shown, refused):
        chunk("0-3/*")
        refused(chunk("4-9/10", b"EFGHIJ", Repr_Digest=digest(TEN)), 400)
        assert shown() == (None, "0-3/*")
        assert chunk("4-9/10", Repr_Digest=digest(TEN)).status_int == 201
        assert get().body == TEN

    def test_bytes_of_a_chunk_that_did_not_count_are_not_in_a_shorter_file(self, chunk, get, refused):
        chunk("0-3/*")
        refused(chunk("4-9/10", Repr_Digest=digest(b"other")), 400)
        assert chunk("4-5/6").status_int == 201
        assert get().body == TEN[:6]
        assert get().headers["Repr-Digest"] == digest(TEN[:6])

    def test_repr_digest_survives_a_restart(self, client, make_client, ask, url, chunk, refused):
        chunk("0-3/*", Repr_Digest=digest(b"other"))
        refused(ask(make_client(), "POST", url, TEN[4:], {"Content-Range": "4-9/10"}), 400)

    def test_repr_digest_of_a_repeated_chunk_counts_too(self, chunk, refused):
        chunk("0-3/*")
        chunk("0-3/*", Repr_Digest=digest(b"other"))
        refused(chunk("4-9/10"), 400)

    def test_malformed_ones_are_400(self, client, chunk, refused, unchanged):
        with unchanged(client):
            refused(chunk("0-3/*", Content_Digest="sha-256=x"), 400)
            refused(chunk("0-3/*", Repr_Digest="sha-256=x"), 400)

    def test_finished_file_has_its_digest_whatever_was_stated(self, chunk, get):
        chunk("0-3/*")
        chunk("4-9/10")
        assert get().headers["Repr-Digest"] == digest(TEN)


# Held against a model ------------------------------------------------------------------------------------

PROPERTY = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


class Model:
    """What API.md says of chunks, in the plainest form: a dictionary of the bytes that have arrived."""

    def __init__(self):
        self.arrived, self.length, self.completed_by, self.file = {}, None, None, None

    def post(self, start, body, length):
        span = range(start, start + len(body))
        if length is not None and length <= span[-1]:
            return 400
        if self.file is not None:
            return 201 if (start, body, length) == self.completed_by else 409
        equal = all(self.arrived.get(n, byte) == byte for n, byte in zip(span, body, strict=True))
        if not equal and start > 0:
            return 409
        if not equal:
            self.arrived, self.length = {}, None
        if length is not None:
            if length <= max(self.arrived, default=-1):
                return 400
            if self.length not in (None, length):
                return 409
        if self.length is not None and span[-1] >= self.length:
            return 409
        self.arrived.update(zip(span, body, strict=True))
        self.length = self.length if length is None else length
        if self.length is None or len(self.arrived) < self.length:
            return 200
        self.file = bytes(self.arrived[n] for n in range(self.length))
        self.completed_by = (start, body, length)
        return 201

    @property
    def range(self):
        runs = []
        for n in sorted(self.arrived):
            if runs and runs[-1][1] == n - 1:
                runs[-1][1] = n
            else:
                runs.append([n, n])
        listed = ",".join(f"{a}-{b}" for a, b in runs)
        return f"{listed}/{'*' if self.length is None else self.length}"


@st.composite
def cut_files(draw):
    """A file, and chunks that together are it: any order, overlapping, some of them twice."""
    file = draw(st.binary(min_size=1, max_size=60))
    edges = sorted({0, len(file), *draw(st.lists(st.integers(0, len(file)), max_size=6))})
    spans = list(itertools.pairwise(edges))
    for start, end in draw(st.lists(st.tuples(st.integers(0, 59), st.integers(1, 60)), max_size=4)):
        if start < end <= len(file):
            spans.append((start, end))
    spans += draw(st.lists(st.sampled_from(spans), max_size=3))
    spans = draw(st.permutations(spans))
    tells = [draw(st.booleans()) for _ in spans]
    tells[draw(st.integers(0, len(spans) - 1))] = True
    return file, [
        (a, file[a:b], len(file) if told else None) for (a, b), told in zip(spans, tells, strict=True)
    ]


@st.composite
def any_chunks(draw):
    """Chunks over few bytes and two letters, so that they meet, agree and contradict."""
    start = st.integers(0, 6)
    body = st.text("ab", min_size=1, max_size=5).map(str.encode)
    return draw(
        st.lists(st.tuples(start, body, st.none() | st.none() | st.integers(1, 9)), min_size=1, max_size=14)
    )


class TestAgainstAModel:
    @PROPERTY
    @given(cut_files())
    def test_file_cut_into_any_chunks_in_any_order_is_whole_again(self, client, ask, event_of, cut):
        file, chunks = cut
        event = client.create_event()
        self.play(client, ask, event_of, event, chunks)
        answer = ask(client, "GET", client.binaries(event))
        assert answer.body == file
        assert answer.headers["Repr-Digest"] == digest(file)

    @PROPERTY
    @given(any_chunks())
    def test_chunks_that_contradict_each_other_do_what_the_model_does(self, client, ask, event_of, chunks):
        self.play(client, ask, event_of, client.create_event(), chunks)

    def play(self, client, ask, event_of, event, chunks):
        model = Model()
        url = client.binaries(event)
        for start, body, length in chunks:
            value = f"{start}-{start + len(body) - 1}/{'*' if length is None else length}"
            expected = model.post(start, body, length)
            answer = ask(client, "POST", url, body, {"Content-Range": value})
            assert answer.status_int == expected, (value, body, answer.body)
            document = json.loads(answer.body)
            shown = event_of(client, event)
            if expected == 200:
                assert document["range"] == model.range
            if model.file is not None:
                assert "c8y_IsIncompleteBinary" not in shown
                assert shown["c8y_IsBinary"]["length"] == len(model.file)
            elif model.arrived:
                assert shown["c8y_IsIncompleteBinary"] == {"range": model.range}
                assert "c8y_IsBinary" not in shown
        served = ask(client, "GET", url)
        assert (served.status_int, served.body) == (200, model.file) or model.file is None
        assert served.status_int == 404 or model.file is not None
        assert client.received() == []
