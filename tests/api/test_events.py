"""/event, /event/events and /event/events/{id}: create, read, change, delete (API.md, section 3)."""

import json
import re
from datetime import UTC, datetime
from email.utils import formatdate

import pytest

from c8ybin.store import events

EVENT = {"source": {"id": "1001"}, "type": "test_Event", "time": "2026-11-24T12:00:00.000Z", "text": "hello"}
JSON = {"Content-Type": "application/json"}
VND_EVENT = "application/vnd.com.nsn.cumulocity.event+json;charset=UTF-8;ver=0.9"
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
MIB = 1024 * 1024


def iso(ms):
    return f"{datetime.fromtimestamp(ms // 1000, UTC):%Y-%m-%dT%H:%M:%S}.{ms % 1000:03}Z"


@pytest.fixture
def create(client, ask):
    """POST a document, or these very bytes."""

    def post(document, accept="application/json", **headers):
        body = document if isinstance(document, bytes) else json.dumps(document).encode()
        fields = {name.replace("_", "-"): v for name, v in headers.items()}
        fields |= JSON | ({} if accept is None else {"Accept": accept})
        return ask(client, "POST", "/event/events", body, fields)

    return post


@pytest.fixture
def event(client):
    return client.create_event(c8y_Custom={"a": 1, "b": [2]}, marker="x")


@pytest.fixture
def send(client, ask, event):
    """Send to `event`."""

    def request(method, document=None, accept="application/json", **headers):
        body = (
            document
            if isinstance(document, bytes)
            else b""
            if document is None
            else json.dumps(document).encode()
        )
        fields = {name.replace("_", "-"): v for name, v in headers.items()}
        fields |= {} if accept is None else {"Accept": accept}
        return ask(client, method, f"/event/events/{event}", body, fields)

    return request


class TestLinksDocument:
    def test_has_self_events_and_templates(self, client):
        document = client.get("/event").json
        assert document["self"] == "http://localhost:80/event"
        assert document["events"]["self"] == "http://localhost:80/event/events"
        template = "http://localhost:80/event/events?source={source}"
        assert document["eventsForSource"] == template
        assert document["eventsForSourceAndTimeAndType"] == (
            f"{template}&dateFrom={{dateFrom}}&dateTo={{dateTo}}&type={{type}}"
        )
        assert len(document) == 17

    def test_templates_hold_parameters_of_their_names_that_the_list_knows(self, client):
        for name, template in client.get("/event").json.items():
            if name in ("self", "events"):
                continue
            parameters = re.findall(r"[?&](\w+)=\{\1\}", template)
            words = {
                "Source": "source",
                "FragmentType": "fragmentType",
                "Time": "dateFrom",
                "Date": "dateFrom",
            }
            for word in name.removeprefix("eventsFor").split("And"):
                assert words.get(word, word.lower()) in parameters
            query = "&".join(f"{p}={'2026-01-01' if p.startswith('date') else 'x'}" for p in parameters)
            assert client.get(f"/event/events?{query}").json["events"] == []

    def test_types(self, client):
        kind = client.get("/event").headers["Content-Type"]
        assert kind == "application/vnd.com.nsn.cumulocity.eventapi+json;charset=UTF-8;ver=0.9"
        assert client.get("/event", headers={"Accept": "application/json"}).content_type == "application/json"
        assert client.head("/event").status_int == 200
        assert client.get("/event/").status_int == 200


class TestCreate:
    def test_answers_201_location_and_the_event(self, client, create, clock):
        answer = create(EVENT | {"c8y_Custom": {"a": [1, 2.5, None, "ü"]}})
        event_id = answer.json["id"]
        assert answer.status_int == 201
        assert re.fullmatch(r"[1-9][0-9]*", event_id)
        assert int(event_id) < 2**53
        link = f"http://localhost:80/event/events/{event_id}"
        assert answer.headers["Location"] == link
        assert answer.json == {
            "id": event_id,
            "self": link,
            "creationTime": iso(clock.ms),
            "lastUpdated": iso(clock.ms),
            "source": {"id": "1001", "self": "http://localhost:80/inventory/managedObjects/1001"},
            "type": "test_Event",
            "time": "2026-11-24T12:00:00.000Z",
            "text": "hello",
            "c8y_Custom": {"a": [1, 2.5, None, "ü"]},
        }
        assert (
            client.get(f"/event/events/{event_id}", headers={"Accept": "application/json"}).json
            == answer.json
        )

    def test_body_is_empty_where_accept_is_absent(self, client, create):
        answer = create(EVENT, accept=None)
        assert (answer.status_int, answer.body) == (201, b"")
        path = answer.headers["Location"].removeprefix("http://localhost:80")
        assert client.get(path).json["text"] == "hello"

    @pytest.mark.parametrize(
        ("accept", "kind"),
        [
            ("*/*", VND_EVENT),
            ("application/json", "application/json"),
            ("Application/Json, */*", "application/json"),
            ("application/vnd.com.nsn.cumulocity.event+json", VND_EVENT),
            ("text/html", VND_EVENT),
        ],
    )
    def test_type_of_the_answer(self, create, accept, kind):
        answer = create(EVENT, accept)
        assert answer.headers["Content-Type"] == kind
        assert answer.headers["Vary"] == "Accept"
        assert answer.json["text"] == "hello"

    @pytest.mark.parametrize(
        "kind", ["application/vnd.com.nsn.cumulocity.event+json;ver=0.9", "text/plain", "nonsense"]
    )
    def test_type_of_the_request_is_not_looked_at(self, client, ask, kind):
        answer = ask(client, "POST", "/event/events", json.dumps(EVENT).encode(), {"Content-Type": kind})
        assert answer.status_int == 201

    def test_ids_grow_with_time(self, create, clock):
        ids = []
        for _ in range(5):
            ids.append(int(create(EVENT).json["id"]))
            clock.move(1)
        assert ids == sorted(ids)

    def test_id_that_is_taken_is_drawn_again(self, client, create, clock, monkeypatch):
        drawn = iter([7, 7, 7, 8])
        monkeypatch.setattr("random.getrandbits", lambda bits: next(drawn))
        first, second = create(EVENT).json["id"], create(EVENT | {"text": "second"}).json["id"]
        assert int(second) > int(first)
        assert client.get(f"/event/events/{first}").json["text"] == "hello"

    def test_millisecond_whose_ids_are_all_taken_does_not_hold_the_request_forever(
        self, client, create, clock, monkeypatch
    ):
        """A clock may stand still: at the release date on a box without a battery (domain.ids.Clock)."""

        tries = []

        def taken(now_ms):
            tries.append(now_ms)
            assert len(tries) < 5000, "the same millisecond is tried forever"
            return 7 if now_ms == clock.ms else events_new_id(now_ms)

        events_new_id = events.new_event_id
        client.store.events._disk.layout.event(7).mkdir(parents=True)
        (client.store.events._disk.layout.event(7) / "event.json").write_bytes(b"{}")
        monkeypatch.setattr(events, "new_event_id", taken)
        assert create(EVENT).status_int in (201, 503)

    @pytest.mark.parametrize("path", ["/event/events/", "/event/events"])
    def test_trailing_slash_as_thin_edge_posts(self, client, ask, path):
        headers = JSON | {"X-Cumulocity-Processing-Mode": "TRANSIENT"}
        assert ask(client, "POST", path, json.dumps(EVENT).encode(), headers).status_int == 201

    @pytest.mark.parametrize(
        ("missing", "named"),
        [
            (["type"], "type"),
            (["time"], "time"),
            (["text"], "text"),
            (["source"], "source"),
            (["type", "time", "text"], "type,time,text"),
            (["source", "type", "time", "text"], "source,type,time,text"),
        ],
    )
    def test_missing_fields_are_422_and_named(self, client, create, refused, unchanged, missing, named):
        sentence = f"Following mandatory fields should be included: {named}"
        with unchanged(client):
            absent = {k: v for k, v in EVENT.items() if k not in missing}
            assert refused(create(absent), 422, "undefined/validationError") == sentence
            assert refused(create(EVENT | dict.fromkeys(missing)), 422) == sentence

    @pytest.mark.parametrize("source", [{}, {"id": None}, {"name": "x"}, "1001", [], 1001, {"ID": "1"}])
    def test_missing_source_id_is_422_and_named(self, create, refused, source):
        assert "source.id" in refused(create(EVENT | {"source": source}), 422)

    @pytest.mark.parametrize(
        "bad",
        [
            {"source": {"id": ""}},
            {"source": {"id": "x" * 256}},
            {"source": {"id": 1001}},
            {"source": {"id": ["1"]}},
            {"type": 1},
            {"type": {}},
            {"text": 1},
            {"text": ["x"]},
            {"time": 1},
            {"time": ""},
            {"time": "yesterday"},
            {"time": "2026-02-30T00:00:00Z"},
            {"time": "2026-11-24T25:00:00Z"},
            {"time": "0001-01-01T00:00:00+01:00"},
        ],
    )
    def test_values_that_are_none_are_422(self, client, create, refused, unchanged, bad):
        with unchanged(client):
            assert next(iter(bad)) in refused(create(EVENT | bad), 422, "undefined/validationError")

    @pytest.mark.parametrize("source", ["1", "x" * 255, "device ü", "a/b?c#d", "../..", "0017"])
    def test_source_is_any_text_and_need_not_exist(self, create, source):
        answered = create(EVENT | {"source": {"id": source, "name": "dropped", "self": "http://other/"}}).json
        assert list(answered["source"]) == ["id", "self"]
        assert answered["source"]["id"] == source
        quoted = answered["source"]["self"].removeprefix("http://localhost:80/inventory/managedObjects/")
        assert not set(quoted) & set("/?# ")

    def test_what_the_server_owns_is_ignored(self, create):
        lies = {
            "id": "1",
            "self": "http://evil/",
            "creationTime": "2000-01-01",
            "lastUpdated": "2000-01-01",
            "c8y_IsBinary": {"name": "x"},
            "c8y_IsIncompleteBinary": {"range": "0-1/*"},
        }
        plain, answered = create(EVENT).json, create(EVENT | lies).json
        assert answered["id"] != "1"
        assert set(answered) == set(plain)
        assert answered["self"].startswith("http://localhost:80/")
        assert answered["creationTime"] > "2026"

    @pytest.mark.parametrize(
        ("sent", "shown"),
        [
            ("2026-11-24T12:00:00.123456789Z", "2026-11-24T12:00:00.123Z"),
            ("2026-11-24T12:00:00.999999Z", "2026-11-24T12:00:00.999Z"),
            ("2026-11-24T12:00:00.1Z", "2026-11-24T12:00:00.100Z"),
            ("2026-11-24T12:00:00Z", "2026-11-24T12:00:00.000Z"),
            ("2026-11-24T12:00Z", "2026-11-24T12:00:00.000Z"),
            ("2026-11-24T12:00:00", "2026-11-24T12:00:00.000Z"),
            ("2026-11-24T12:00:00.5", "2026-11-24T12:00:00.500Z"),
            ("2026-11-24", "2026-11-24T00:00:00.000Z"),
            ("2026-11-24T12:00:00+02:00", "2026-11-24T10:00:00.000Z"),
            ("2026-11-24T12:00:00-0530", "2026-11-24T17:30:00.000Z"),
            ("2026-01-01T00:00:00+01:00", "2025-12-31T23:00:00.000Z"),
            ("1969-12-31T23:59:59.999Z", "1969-12-31T23:59:59.999Z"),
        ],
    )
    def test_times_are_answered_in_utc_cut_to_milliseconds(self, create, sent, shown):
        assert create(EVENT | {"time": sent}).json["time"] == shown

    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"{",
            b"nonsense",
            b"{'a': 1}",
            b'{"a": 1,}',
            b"\xff\xfe",
            json.dumps(EVENT).encode().replace(b"hello", b"h\xe4llo"),
            json.dumps(EVENT).encode("utf-16"),
            json.dumps(EVENT).encode() + b"}",
            b"source=1001&type=x",
        ],
    )
    def test_what_is_not_json_in_utf8_is_400(self, client, create, refused, unchanged, body):
        with unchanged(client):
            refused(create(body), 400)

    @pytest.mark.parametrize(
        "body",
        [
            b"[]",
            b"null",
            b'"text"',
            b"7",
            *(
                json.dumps(EVENT).encode()[:-1] + b', "x": ' + value + b"}"
                for value in (b"NaN", b"-Infinity", b"1e999")
            ),
            json.dumps(EVENT).encode()[:-1] + b', "x": "\\ud800"}',
            json.dumps(EVENT).encode()[:-1] + b', "\\udfff": 1}',
            json.dumps(EVENT).encode()[:-1] + b', "x": ' + b"9" * 5000 + b"}",
        ],
    )
    def test_json_that_is_no_such_document_is_422(self, client, create, refused, unchanged, body):
        with unchanged(client):
            refused(create(body), 422)

    def test_depth_of_64_levels_is_accepted_and_one_more_is_422(self, client, create, refused, unchanged):
        def nested(levels):
            return json.dumps(EVENT).encode()[:-1] + b',"x":' + b"[" * levels + b"]" * levels + b"}"

        assert create(nested(63)).status_int == 201
        with unchanged(client):
            assert "64" in refused(create(nested(64)), 422)
            refused(create(nested(100_000)), 422)
            refused(create(nested(63).replace(b"[]", b'[{"y":[]}]')), 422)

    def test_one_mib_is_accepted_and_one_byte_more_is_413(
        self, client, ask, create, refused, unchanged, untouched_body, coded_in_chunks
    ):
        body = json.dumps(EVENT).encode()
        body += b" " * (MIB - len(body))
        assert create(body).status_int == 201
        assert ask(client, "POST", "/event/events", body, JSON, **coded_in_chunks).status_int == 201
        with unchanged(client):
            assert "1 MiB" in refused(create(body + b" "), 413)
            refused(
                ask(client, "POST", "/event/events", b"", JSON, length=MIB + 1, stream=untouched_body), 413
            )
            refused(ask(client, "POST", "/event/events", body + b" ", JSON, **coded_in_chunks), 413)

    def test_without_a_length_is_411(self, client, ask, refused, unchanged, untouched_body):
        with unchanged(client):
            refused(ask(client, "POST", "/event/events", length=False, stream=untouched_body), 411)

    def test_body_that_ends_early_is_400(self, client, ask, refused, unchanged):
        with unchanged(client):
            body = json.dumps(EVENT).encode()
            refused(ask(client, "POST", "/event/events", body, JSON, length=len(body) + 1), 400)

    def test_null_members_are_left_out(self, create):
        assert "c8y_Nothing" not in create(EVENT | {"c8y_Nothing": None}).json

    def test_text_comes_back_as_it_was_sent(self, client, create):
        text = 'ü 日本 😀 \u0000\u2028\u200d \\ " </script>'
        event_id = create(EVENT | {"text": text, text: text}).json["id"]
        document = client.get(f"/event/events/{event_id}").json
        assert (document["text"], document[text]) == (text, text)


class TestRead:
    def test_has_validators(self, send, clock):
        answer = send("GET")
        assert re.fullmatch(r'"[^"]+"', answer.headers["ETag"])
        assert "Last-Modified" in answer.headers
        assert answer.headers["Vary"] == "Accept"
        assert MOMENT.fullmatch(answer.json["creationTime"])

    def test_last_modified_is_last_updated(self, client, event, send, clock):
        clock.move(5000)
        send("PUT", {"text": "new"})
        assert send("GET").headers["Last-Modified"] == formatdate(clock.ms // 1000, usegmt=True)
        clock.move(5000)
        client.post(client.binaries(event), b"x", {"Content-Type": "x/y"})
        assert send("GET").headers["Last-Modified"] == formatdate(clock.ms // 1000, usegmt=True)
        assert send("GET").json["lastUpdated"] == iso(clock.ms)

    def test_types(self, send):
        assert send("GET", accept=None).headers["Content-Type"] == VND_EVENT
        assert send("GET").headers["Content-Type"] == "application/json"
        assert send("GET", accept="text/html").headers["Content-Type"] == VND_EVENT

    def test_head(self, send):
        head, get = send("HEAD"), send("GET")
        assert (head.status_int, head.body) == (200, b"")
        assert dict(head.headers) == dict(get.headers)

    def test_trailing_slash(self, client, event):
        assert client.get(f"/event/events/{event}/").json["id"] == event

    @pytest.mark.parametrize(
        "event_id", ["1", "0", "007", "abc", str(2**53), "-1", "%EF%BC%91", "..", "1.0", "%00"]
    )
    def test_that_does_not_exist_is_404(self, client, ask, refused, unchanged, untouched_body, event_id):
        path = f"/event/events/{event_id}"
        with unchanged(client):
            for method in ("GET", "DELETE"):
                assert refused(ask(client, method, path), 404) == "Finding event from database failed"
            refused(ask(client, "PUT", path, length=5, stream=untouched_body), 404, "event/Not Found")
            assert ask(client, "HEAD", path).status_int == 404

    def test_conditions(self, send, clock):
        answer = send("GET")
        etag, date = answer.headers["ETag"], answer.headers["Last-Modified"]
        for headers in (
            {"If_None_Match": etag},
            {"If_None_Match": "*"},
            {"If_None_Match": f"W/{etag}"},
            {"If_Modified_Since": date},
            {"If_Match": etag, "If_None_Match": f'"x", {etag}'},
        ):
            unmodified = send("GET", **headers)
            assert (unmodified.status_int, unmodified.body) == (304, b"")
            assert unmodified.headers["ETag"] == etag
            assert unmodified.headers["Vary"] == "Accept"
            assert send("HEAD", **headers).status_int == 304
        for headers in (
            {"If_None_Match": '"x"'},
            {"If_None_Match": '"x"', "If_Modified_Since": date},
            {"If_Modified_Since": "Tue, 01 Jan 2019 00:00:00 GMT"},
            {"If_Match": etag},
            {"If_Match": "*"},
            {"If_Unmodified_Since": date},
        ):
            assert send("GET", **headers).status_int == 200

    @pytest.mark.parametrize(
        "headers", [{"If_Match": '"x"'}, {"If_Unmodified_Since": "Tue, 01 Jan 2019 00:00:00 GMT"}]
    )
    def test_precondition_that_fails_is_412(self, send, refused, headers):
        refused(send("GET", **headers), 412)

    def test_etag_changes_with_the_event_its_binary_and_its_upload(self, client, event, ask, send):
        seen = [send("GET").headers["ETag"]]
        url = client.binaries(event)
        steps = [
            lambda: send("PUT", {"text": "new"}),
            lambda: ask(client, "POST", url, b"a"),
            lambda: ask(client, "PUT", url, b"a"),
            lambda: ask(client, "PUT", url, b"b", {"Content-Range": "0-0/2"}),
            lambda: ask(client, "PUT", url, b"b", {"Content-Range": "1-1/2"}),
            lambda: ask(client, "DELETE", url),
        ]
        for step in steps:
            assert step().status_int < 300
            etag = send("GET").headers["ETag"]
            assert etag not in seen
            assert send("GET").headers["ETag"] == etag
            seen.append(etag)


class TestChange:
    def test_merges_at_top_level(self, client, send, clock):
        before = send("GET").json
        clock.move(1000)
        answer = send("PUT", {"text": "new", "c8y_New": {"x": 1}, "c8y_Custom": {"b": 3}})
        assert answer.status_int == 200
        assert answer.json == before | {
            "text": "new",
            "c8y_New": {"x": 1},
            "c8y_Custom": {"b": 3},
            "lastUpdated": iso(clock.ms),
        }
        assert send("GET").json == answer.json

    def test_null_removes_a_fragment(self, send):
        answer = send("PUT", {"c8y_Custom": None, "absent": None})
        assert "c8y_Custom" not in answer.json
        assert "absent" not in answer.json
        assert answer.json["marker"] == "x"

    def test_body_is_empty_where_accept_is_absent(self, send):
        answer = send("PUT", {"text": "new"}, accept=None)
        assert (answer.status_int, answer.body) == (200, b"")
        assert answer.headers["ETag"] == send("GET").headers["ETag"]

    def test_what_was_read_may_be_sent_back(self, client, event, send):
        client.post(client.binaries(event), b"abc", {"Content-Type": "x/y"})
        before = send("GET").json
        after = send("PUT", before).json
        assert after == before | {"lastUpdated": after["lastUpdated"]}

    def test_what_the_server_owns_is_ignored(self, client, event, send):
        client.post(client.binaries(event), b"abc", {"Content-Type": "x/y"})
        before = send("GET").json
        after = send(
            "PUT",
            {"id": "1", "self": 1, "creationTime": None, "lastUpdated": "x", "c8y_IsBinary": None}
            | {"c8y_IsIncompleteBinary": {"range": "0-1/2"}},
        ).json
        assert after == before | {"lastUpdated": after["lastUpdated"]}

    @pytest.mark.parametrize(
        "same",
        [
            {"type": "test_Event"},
            {"source": {"id": "1001"}},
            {"source": {"id": "1001", "self": "http://other/", "name": "x"}},
            {"time": "2026-11-24T12:00:00.000Z"},
            {"time": "2026-11-24T12:00:00.000999+00:00"},
            {"time": "2026-11-24T13:00:00+01:00"},
        ],
    )
    def test_fixed_members_may_be_sent_as_they_are(self, send, same):
        before = send("GET").json
        after = send("PUT", same)
        assert after.status_int == 200
        assert after.json == before | {"lastUpdated": after.json["lastUpdated"]}

    @pytest.mark.parametrize(
        "change",
        [
            {"type": "other"},
            {"type": None},
            {"source": {"id": "1002"}},
            {"source": {"id": 1001}},
            {"source": "1001"},
            {"source": None},
            {"time": "2026-11-24T12:00:00.001Z"},
            {"time": "nonsense"},
            {"time": None},
            {"text": None},
            {"text": 1},
        ],
    )
    def test_fixed_members_that_change_are_422(self, client, send, refused, unchanged, change):
        with unchanged(client):
            message = refused(send("PUT", change | {"c8y_New": 1}), 422, "undefined/validationError")
        assert next(iter(change)) in message

    @pytest.mark.parametrize(
        ("body", "status"), [(b"{", 400), (b"\xff", 400), (b"[]", 422), (b'{"x":NaN}', 422)]
    )
    def test_body_is_read_as_strictly_as_a_new_event(self, client, send, refused, unchanged, body, status):
        with unchanged(client):
            refused(send("PUT", body), status)

    def test_limits(self, client, ask, event, refused, unchanged, untouched_body):
        path = f"/event/events/{event}"
        with unchanged(client):
            refused(ask(client, "PUT", path, length=MIB + 1, stream=untouched_body), 413)
            refused(ask(client, "PUT", path, length=False, stream=untouched_body), 411)
        assert ask(client, "PUT", path, b"{}" + b" " * (MIB - 2)).status_int == 200

    def test_conditions(self, client, send, refused, unchanged):
        etag = send("GET").headers["ETag"]
        with unchanged(client):
            refused(send("PUT", {"text": "x"}, If_Match='"stale"'), 412)
            refused(send("PUT", {"text": "x"}, If_Match=f"W/{etag}"), 412)
            refused(send("PUT", {"text": "x"}, If_None_Match="*"), 412)
            refused(send("PUT", {"text": "x"}, If_Unmodified_Since="Tue, 01 Jan 2019 00:00:00 GMT"), 412)
        assert send("PUT", {"text": "x"}, If_Match=etag).status_int == 200
        with unchanged(client):
            refused(send("PUT", {"text": "y"}, If_Match=etag), 412)

    def test_etag_is_stale_once_a_binary_came(self, client, event, send, refused):
        etag = send("GET").headers["ETag"]
        client.post(client.binaries(event), b"abc", {"Content-Type": "x/y"})
        refused(send("PUT", {"text": "x"}, If_Match=etag), 412)

    def test_by_x_http_method(self, send):
        assert send("POST", {"text": "new"}, X_HTTP_METHOD="PUT").json["text"] == "new"

    def test_last_updated_does_not_fall_back(self, client, event, send, clock):
        clock.move(1000)
        client.post(client.binaries(event), b"abc", {"Content-Type": "x/y"})
        clock.move(1000)
        assert send("PUT", {"text": "new"}).json["lastUpdated"] == iso(clock.ms)
        clock.move(-500)  # the wall clock is set back
        assert send("PUT", {"text": "newer"}).json["lastUpdated"] == iso(clock.ms + 500)


class TestDelete:
    def test_takes_the_binary_along(self, client, event, ask, send, refused):
        client.post(client.binaries(event), b"abc", {"Content-Type": "x/y"})
        answer = send("DELETE", accept=None)
        assert (answer.status_int, answer.body) == (204, b"")
        assert "Content-Type" not in answer.headers
        assert client.files() == {}
        for method, path in (("GET", f"/event/events/{event}"), ("GET", client.binaries(event))):
            refused(ask(client, method, path), 404, "event/Not Found")
        refused(send("DELETE"), 404, "event/Not Found")

    def test_leaves_the_others(self, client, event, send):
        other = client.create_event()
        send("DELETE")
        assert client.get(f"/event/events/{other}").json["id"] == other

    def test_conditions(self, client, send, refused, unchanged):
        etag = send("GET").headers["ETag"]
        with unchanged(client):
            refused(send("DELETE", If_Match='"stale"'), 412)
            refused(send("DELETE", If_None_Match=etag), 412)
            refused(send("DELETE", If_Unmodified_Since="Tue, 01 Jan 2019 00:00:00 GMT"), 412)
        assert send("DELETE", If_Match=etag).status_int == 204
        refused(send("DELETE", If_Match="*"), 404)

    def test_by_x_http_method(self, send, refused):
        assert send("POST", X_HTTP_METHOD="DELETE").status_int == 204
        refused(send("GET"), 404)
