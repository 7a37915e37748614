"""GET and HEAD of a binary: header fields, ranges and conditions (RFC 9110)."""

import base64
import hashlib
import os
import random
import re
from email.utils import formatdate, parsedate_to_datetime
from urllib.parse import unquote

import pytest

TEN = b"0123456789"


@pytest.fixture
def upload(client, ask, url):
    """Upload a body as the binary of `event`, whatever it had before."""

    def put(body=TEN, **headers):
        answer = ask(client, "PUT", url, body, {name.replace("_", "-"): v for name, v in headers.items()})
        assert answer.status_int == 201, answer.body

    return put


@pytest.fixture
def get(client, ask, url):
    def send(method="GET", **headers):
        return ask(client, method, url, headers={name.replace("_", "-"): v for name, v in headers.items()})

    return send


def http_date(answer, seconds):
    """The Last-Modified of an answer, so many seconds later."""
    moment = parsedate_to_datetime(answer.headers["Last-Modified"])
    return formatdate(moment.timestamp() + seconds, usegmt=True)


class TestHeaders:
    def test_are_all_there_and_no_others(self, get, upload, clock):
        upload(Content_Type="text/plain", Content_Disposition='attachment; filename="a.txt"')
        answer = get()
        etag = answer.headers["ETag"]
        digest = base64.b64encode(hashlib.sha256(TEN).digest()).decode()
        assert dict(answer.headers.items()) == {
            "content-type": "text/plain",
            "content-length": "10",
            "content-disposition": 'attachment; filename="a.txt"',
            "etag": etag,
            "last-modified": formatdate(clock.ms // 1000, usegmt=True),
            "accept-ranges": "bytes",
            "repr-digest": f"sha-256=:{digest}:",
            "x-content-type-options": "nosniff",
            "content-security-policy": "sandbox; default-src 'none'",
            "cross-origin-resource-policy": "same-origin",
            "cache-control": "private, no-cache",
        }
        assert answer.status_int == 200
        assert answer.body == TEN

    @pytest.mark.parametrize(
        "kind",
        [
            "text/plain",
            'Text/Plain; Charset="UTF-8" ;x=1',
            "application/vnd.x+json;ver=1",
            "x/y",
            "multipart/mixed; b=1",
        ],
    )
    def test_type_is_verbatim(self, get, upload, kind):
        upload(Content_Type=kind)
        assert get().headers["Content-Type"] == kind

    def test_etag_is_strong_and_new_with_every_upload_of_the_same_bytes(self, get, upload):
        seen = set()
        for _ in range(3):
            upload()
            etag = get().headers["ETag"]
            assert re.fullmatch(r'"[^"]+"', etag)
            assert get().headers["ETag"] == etag
            assert get("HEAD").headers["ETag"] == etag
            seen.add(etag)
        assert len(seen) == 3

    def test_etags_of_two_events_differ(self, client, ask, get, upload):
        upload()
        other = client.binaries(client.create_event())
        ask(client, "PUT", other, TEN)
        assert ask(client, "GET", other).headers["ETag"] != get().headers["ETag"]

    def test_etag_stays_when_the_event_changes(self, client, event, get, upload):
        upload()
        etag = get().headers["ETag"]
        client.put_json(f"/event/events/{event}", {"text": "changed"})
        assert get().headers["ETag"] == etag

    def test_last_modified_is_the_time_of_the_upload(self, client, event, get, upload, clock):
        clock.move(5000)
        upload()
        assert get().headers["Last-Modified"] == formatdate(clock.ms // 1000, usegmt=True)
        clock.move(5000)
        client.put_json(f"/event/events/{event}", {"text": "changed"})
        assert get().headers["Last-Modified"] == formatdate(clock.ms // 1000 - 5, usegmt=True)

    @pytest.mark.parametrize(
        ("name", "disposition"),
        [
            ("file.txt", 'attachment; filename="file.txt"'),
            ("my file;1.txt", 'attachment; filename="my file;1.txt"'),
            ('say "hi".txt', 'attachment; filename="say \\"hi\\".txt"'),
            ("März.pdf", "attachment; filename*=UTF-8''M%C3%A4rz.pdf; filename=\"Marz.pdf\""),
            ("日本.log", "attachment; filename*=UTF-8''%E6%97%A5%E6%9C%AC.log; filename=\"__.log\""),
            ("a%20b", 'attachment; filename="a%20b"'),
        ],
    )
    def test_disposition_names_the_file(self, get, upload, name, disposition):
        quoted = name.replace('"', '\\"').encode().decode("latin-1")
        upload(Content_Disposition=f'attachment; filename="{quoted}"')
        assert get().headers["Content-Disposition"] == disposition
        assert get("HEAD").headers["Content-Disposition"] == disposition

    def test_c8ydm_finds_the_name_with_its_greedy_pattern(self, get, upload):
        upload(Content_Disposition="attachment; filename*=UTF-8''M%C3%A4rz%20%E2%82%AC.pdf")
        disposition = get().headers["Content-Disposition"]
        assert re.findall('filename="(.+)"', disposition) == ["Marz _.pdf"]
        assert unquote(re.search(r"filename\*=UTF-8''([^;]+);", disposition)[1]) == "März €.pdf"

    @pytest.mark.parametrize(
        "name", ["‥／‥／etc／passwd", "C:＼Windows＼x.dll", "a℀b", "／", "‥", "．．", "\u0301"]
    )
    def test_ascii_name_holds_no_path_where_the_name_has_characters_that_look_like_one(
        self, get, upload, name
    ):
        upload(Content_Disposition=f'attachment; filename="{name.encode().decode("latin-1")}"')
        plain = re.search(r'[ ;]filename="(.*)"', get().headers["Content-Disposition"])[1]
        assert "/" not in plain
        assert "\\" not in plain
        assert plain.strip() not in ("", ".", "..")


class TestNothingToGet:
    def test_event_without_a_binary(self, get, refused):
        assert refused(get(), 404, "Not Found") == "Attachment not found"

    def test_binary_that_is_only_partly_uploaded(self, client, ask, url, get, refused):
        ask(client, "POST", url, b"0123", {"Content-Range": "0-3/10"})
        assert refused(get(), 404, "Not Found") == "Attachment not found"
        assert get("HEAD").status_int == 404

    @pytest.mark.parametrize(
        "event_id",
        [
            "1",
            "999999999999",
            "1000000000000",
            str(2**53 - 1),
            "0",
            "007",
            "-1",
            "+1",
            "1.0",
            "1e3",
            "abc",
            str(2**53),
            "9" * 17,
            "9" * 400,
            "%201",
            "1%20",
            "1%00",
            "%EF%BC%91",
            "%D9%A1",
            "..",
            "%2e%2e",
            "1%2F2",
            "%ff",
        ],
    )
    def test_event_that_does_not_exist(self, client, ask, refused, unchanged, event_id):
        with unchanged(client):
            for method in ("GET", "POST", "PUT", "DELETE"):
                refused(ask(client, method, f"/event/events/{event_id}/binaries"), 404)

    def test_leading_zero_does_not_name_the_same_event(self, client, ask, event, upload, refused):
        upload()
        refused(ask(client, "GET", client.binaries(f"0{event}")), 404, "event/Not Found")

    def test_deleted_event(self, client, ask, event, get, upload, refused):
        upload()
        ask(client, "DELETE", f"/event/events/{event}")
        refused(get(), 404, "event/Not Found")


class TestHead:
    def test_has_the_header_fields_of_get_and_no_body(self, get, upload):
        upload(Content_Type="text/plain")
        head, whole = get("HEAD"), get()
        assert head.status_int == 200
        assert head.body == b""
        assert dict(head.headers) == dict(whole.headers)

    def test_ignores_range(self, get, upload):
        upload()
        answer = get("HEAD", Range="bytes=0-3")
        assert (answer.status_int, answer.headers["Content-Length"]) == (200, "10")
        assert "Content-Range" not in answer.headers
        assert get("HEAD", Range="bytes=10-").status_int == 200

    def test_obeys_conditions(self, get, upload):
        upload()
        etag = get().headers["ETag"]
        assert get("HEAD", If_None_Match=etag).status_int == 304
        assert get("HEAD", If_Match='"other"').status_int == 412

    def test_is_404_before_the_upload_as_the_thin_edge_mapper_asks(self, get, upload):
        answer = get("HEAD")
        assert (answer.status_int, answer.body) == (404, b"")
        upload()
        assert get("HEAD").status_int == 200


class TestRange:
    @pytest.mark.parametrize(
        ("value", "start", "stop"),
        [
            ("bytes=0-3", 0, 3),
            ("bytes=0-0", 0, 0),
            ("bytes=4-", 4, 9),
            ("bytes=0-", 0, 9),
            ("bytes=9-9", 9, 9),
            ("bytes=5-100", 5, 9),
            ("bytes=0-9", 0, 9),
            ("bytes=-3", 7, 9),
            ("bytes=-10", 0, 9),
            ("bytes=-100", 0, 9),
            ("BYTES=1-2", 1, 2),
        ],
    )
    def test_single_one_is_206(self, get, upload, value, start, stop):
        upload(Content_Type="text/plain")
        whole, part = get(), get(Range=value)
        assert part.status_int == 206
        assert part.body == TEN[start : stop + 1]
        assert part.headers["Content-Range"] == f"bytes {start}-{stop}/10"
        assert part.headers["Content-Length"] == str(stop - start + 1)
        same = (
            "Content-Type",
            "Content-Disposition",
            "ETag",
            "Last-Modified",
            "Accept-Ranges",
            "Repr-Digest",
        )
        assert {name: part.headers[name] for name in same} == {name: whole.headers[name] for name in same}

    @pytest.mark.parametrize(
        "value",
        [
            "bytes=0-1,3-4",
            "bytes=0-1, 10-20",
            "bytes=3-2",
            "items=0-1",
            "bytes",
            "bytes=",
            "bytes=a-b",
            "bytes=--1",
            "bytes=-",
            "0-3",
            "bytes 0-3",
            "bytes=0-3/10",
            "bytes=1.5-2",
            "bytes=²-3",
        ],
    )
    def test_several_or_malformed_ones_are_ignored(self, get, upload, value):
        upload()
        answer = get(Range=value)
        assert (answer.status_int, answer.body) == (200, TEN)
        assert "Content-Range" not in answer.headers

    @pytest.mark.parametrize("value", ["bytes=10-", "bytes=10-20", "bytes=999999999999-", "bytes=-0"])
    def test_outside_the_file_is_416(self, get, upload, refused, value):
        upload()
        answer = get(Range=value)
        refused(answer, 416)
        assert answer.headers["Content-Range"] == "bytes */10"

    def test_across_blocks(self, client, ask, large):
        url, body = large
        for start in (0, 1, 262_143, 262_144, 262_145, 1_000_000):
            for length in (1, 262_144, 300_000):
                answer = ask(client, "GET", url, headers={"Range": f"bytes={start}-{start + length - 1}"})
                assert answer.status_int == 206
                assert answer.body == body[start : start + length]

    @pytest.fixture
    def large(self, url, upload):
        body = random.Random(7).randbytes(1_500_007)
        upload(body)
        return url, body

    def test_whole_large_file(self, get, large):
        assert get().body == large[1]
        assert get().headers["Content-Length"] == str(len(large[1]))


class TestIfRange:
    def test_present_etag_lets_the_range_count(self, get, upload):
        upload()
        answer = get(Range="bytes=2-3", If_Range=get().headers["ETag"])
        assert (answer.status_int, answer.body) == (206, b"23")

    def test_old_etag_gives_the_new_file_whole(self, get, upload):
        upload()
        old = get().headers["ETag"]
        upload(b"a new file")
        answer = get(Range="bytes=2-3", If_Range=old)
        assert (answer.status_int, answer.body) == (200, b"a new file")
        assert "Content-Range" not in answer.headers

    def test_old_etag_lets_no_range_be_unsatisfiable(self, get, upload):
        upload()
        assert get(Range="bytes=99-", If_Range='"old"').status_int == 200
        assert get(Range="bytes=99-", If_Range=get().headers["ETag"]).status_int == 416

    def test_weak_etag_never_matches(self, get, upload):
        upload()
        assert get(Range="bytes=2-3", If_Range=f"W/{get().headers['ETag']}").status_int == 200

    def test_date_counts_once_its_second_is_over(self, get, upload, clock):
        upload()
        date = http_date(get(), 0)
        assert get(Range="bytes=2-3", If_Range=date).status_int == 200
        clock.move(2000)
        assert get(Range="bytes=2-3", If_Range=date).status_int == 206

    @pytest.mark.parametrize("seconds", [-1, 1, 3600])
    def test_other_date_does_not_match(self, get, upload, clock, seconds):
        upload()
        clock.move(60_000)
        assert get(Range="bytes=2-3", If_Range=http_date(get(), seconds)).status_int == 200

    def test_garbage_does_not_match(self, get, upload, clock):
        upload()
        clock.move(60_000)
        assert get(Range="bytes=2-3", If_Range="yesterday").status_int == 200


class TestNotModified:
    @pytest.mark.parametrize("form", ["{}", "*", '"a", {}', '{},W/"b"', "W/{}"])
    def test_if_none_match_that_names_it_is_304(self, get, upload, form):
        upload()
        etag = get().headers["ETag"]
        answer = get(If_None_Match=form.format(etag))
        assert (answer.status_int, answer.body) == (304, b"")
        assert answer.headers["ETag"] == etag
        assert "Content-Length" not in answer.headers
        assert "Content-Type" not in answer.headers

    @pytest.mark.parametrize("form", ['"other"', 'W/"other"', "", "nothing", "{}x".replace("{}", '"a"')])
    def test_if_none_match_that_does_not_is_200(self, get, upload, form):
        upload()
        assert get(If_None_Match=form).body == TEN

    def test_comes_before_the_range(self, get, upload):
        upload()
        assert get(If_None_Match=get().headers["ETag"], Range="bytes=99-").status_int == 304
        assert get(If_None_Match='"other"', Range="bytes=0-1").status_int == 206

    @pytest.mark.parametrize(("seconds", "status"), [(0, 304), (1, 304), (-1, 200)])
    def test_if_modified_since(self, get, upload, seconds, status):
        upload()
        assert get(If_Modified_Since=http_date(get(), seconds)).status_int == status

    def test_if_modified_since_that_is_no_date_is_ignored(self, get, upload):
        upload()
        assert get(If_Modified_Since="2099-01-01").status_int == 200

    def test_if_modified_since_is_ignored_beside_if_none_match(self, get, upload):
        upload()
        assert get(If_Modified_Since=http_date(get(), 99), If_None_Match='"other"').status_int == 200

    def test_new_upload_is_200_again(self, get, upload):
        upload()
        etag = get().headers["ETag"]
        upload(b"new")
        assert get(If_None_Match=etag).body == b"new"


class TestPreconditions:
    @pytest.mark.parametrize("form", ["{}", "*", '"a", {}'])
    def test_if_match_that_names_it_is_200(self, get, upload, form):
        upload()
        assert get(If_Match=form.format(get().headers["ETag"])).body == TEN

    @pytest.mark.parametrize("form", ['"other"', "W/{}", ""])
    def test_if_match_that_does_not_is_412(self, get, upload, refused, form):
        upload()
        refused(get(If_Match=form.format(get().headers["ETag"])), 412)

    @pytest.mark.parametrize(("seconds", "status"), [(0, 200), (1, 200), (-1, 412)])
    def test_if_unmodified_since(self, get, upload, seconds, status):
        upload()
        assert get(If_Unmodified_Since=http_date(get(), seconds)).status_int == status

    def test_if_match_comes_before_if_unmodified_since_and_if_none_match(self, get, upload):
        upload()
        etag = get().headers["ETag"]
        assert get(If_Match=etag, If_Unmodified_Since=http_date(get(), -1)).status_int == 200
        assert get(If_Match='"other"', If_None_Match=etag).status_int == 412
        assert get(If_Match=etag, If_None_Match=etag).status_int == 304

    def test_nothing_is_404_whatever_the_condition(self, get, refused):
        refused(get(If_Match="*"), 404)
        refused(get(If_None_Match="*"), 404)


class TestFileOfZeroBytes:
    def test_is_served(self, get, upload):
        upload(b"")
        answer = get()
        assert (answer.status_int, answer.body, answer.headers["Content-Length"]) == (200, b"", "0")
        digest = base64.b64encode(hashlib.sha256(b"").digest()).decode()
        assert answer.headers["Repr-Digest"] == f"sha-256=:{digest}:"
        assert get("HEAD").headers["Content-Length"] == "0"

    @pytest.mark.parametrize("value", ["bytes=0-", "bytes=0-0", "bytes=-0"])
    def test_has_no_range(self, get, upload, refused, value):
        upload(b"")
        answer = get(Range=value)
        refused(answer, 416)
        assert answer.headers["Content-Range"] == "bytes */0"

    def test_suffix_of_it_is_the_whole_of_it(self, get, upload):
        """Satisfiable (RFC 9110, section 14.1.2), but no Content-Range can say so."""
        upload(b"")
        answer = get(Range="bytes=-1")
        assert (answer.status_int, answer.body) == (200, b"")


class TestWhatIsIgnored:
    @pytest.mark.parametrize(
        "accept",
        [
            "",
            "*/*",
            "application/json",
            "text/html;q=0.1",
            "image/png",
            "application/json;q=0",
            "nonsense",
            "application/vnd.com.nsn.cumulocity.error+json, application/octet-stream",
        ],
    )
    def test_accept(self, get, upload, accept):
        upload(Content_Type="text/plain")
        answer = get(Accept=accept)
        assert (answer.status_int, answer.headers["Content-Type"], answer.body) == (200, "text/plain", TEN)

    @pytest.mark.parametrize("kind", ["multipart/form-data", "application/json", "nonsense"])
    def test_content_type_of_a_get(self, get, upload, kind):
        upload(Content_Type="text/plain")
        answer = get(Content_Type=kind)
        assert (answer.status_int, answer.headers["Content-Type"], answer.body) == (200, "text/plain", TEN)

    def test_trailing_slash(self, client, ask, url, upload):
        upload()
        assert ask(client, "GET", f"{url}/").body == TEN
        assert ask(client, "HEAD", f"{url}/").status_int == 200


class TestDescriptors:
    def test_none_is_left_open(self, client, get, upload):
        upload()
        etag = get().headers["ETag"]
        before = os.listdir("/proc/self/fd")
        for _ in range(5):
            get()
            get("HEAD")
            get(Range="bytes=0-1")
            assert get(Range="bytes=99-").status_int == 416
            assert get(If_None_Match=etag).status_int == 304
            assert get(If_Match='"other"').status_int == 412
        upload(b"")
        get()
        assert len(os.listdir("/proc/self/fd")) <= len(before)

    def test_bytes_stay_readable_while_the_file_is_replaced_and_its_event_deleted(
        self, client, ask, event, url, upload, get
    ):
        body = random.Random(3).randbytes(600_000)
        upload(body)
        environ = get().request.environ.copy()
        started = []
        answer = client.app(environ, lambda status, headers, *_: started.append(status))
        first = next(blocks := iter(answer))
        upload(b"new")
        assert get().body == b"new"
        assert ask(client, "DELETE", f"/event/events/{event}").status_int == 204
        assert first + b"".join(blocks) == body
        answer.close()
        assert started == ["200 OK"]
