"""Errors as answers: one body, one media type, who is let in, and what goes wrong on this side."""

import base64
import errno
import json
import logging
import os
import re
from io import BytesIO

import pytest
from harness import EVENT

from c8ybin import fsio
from c8ybin.accounts import ADMIN, EVENT_ADMIN, EVENT_READ
from c8ybin.api import problems
from c8ybin.domain import errors

BAD_CREDENTIALS = "Invalid credentials! : Bad credentials"


def basic(text):
    return {"Authorization": f"Basic {base64.b64encode(text.encode()).decode()}"}


@pytest.fixture
def event(client):
    return client.create_event()


@pytest.fixture
def full(client, event):
    """An event with a binary of ten bytes."""
    client.post(client.binaries(event), b"0123456789", {"Content-Type": "text/plain"})
    return event


class TestEveryKind:
    EVENT, BINARY = "/event/events/{event}", "/event/events/{event}/binaries"

    @pytest.mark.parametrize(
        ("method", "path", "body", "headers", "status", "code"),
        [
            ("POST", "/event/events", b"{", {}, 400, "general/Bad Request"),
            ("PUT", BINARY, b"x", {"Content-Range": "nonsense"}, 400, "general/Bad Request"),
            ("PUT", BINARY, b"x", {"Content-Digest": "sha-256=:AAAA:"}, 400, "general/Digest Mismatch"),
            ("GET", EVENT, b"", {"Authorization": ""}, 401, "security/Unauthorized"),
            ("GET", "/event/events/4711", b"", {}, 404, "event/Not Found"),
            ("GET", "/event/events/4711/binaries", b"", {}, 404, "event/Not Found"),
            ("GET", "/event/event", b"", {}, 404, None),
            ("PATCH", EVENT, b"{}", {}, 405, None),
            ("POST", BINARY, b"x", {}, 409, "Duplicate"),
            ("PUT", BINARY, b"x", {"If-Match": '"x"'}, 412, None),
            ("GET", BINARY, b"", {"If-Match": '"x"'}, 412, None),
            ("POST", "/event/events", b" " * (1024 * 1024 + 1), {}, 413, None),
            ("PUT", BINARY, b"0123", {"Content-Range": "0-3/99999999999"}, 413, None),
            ("GET", BINARY, b"", {"Range": "bytes=10-"}, 416, None),
            ("POST", "/event/events", b"{}", {}, 422, "undefined/validationError"),
            ("GET", "/event/events?pageSize=0", b"", {}, 422, "undefined/validationError"),
            ("DELETE", "/event/events?x=1", b"", {}, 422, "undefined/validationError"),
        ],
    )
    @pytest.mark.parametrize("accept", [None, "application/json", "text/html"])
    def test_has_the_one_body_whatever_accept_says(
        self, client, ask, full, refused, unchanged, method, path, body, headers, status, code, accept
    ):
        with unchanged(client):
            headers = headers | ({} if accept is None else {"Accept": accept})
            refused(ask(client, method, path.format(event=full), body, headers), status, code)

    @pytest.mark.parametrize("method", ["POST", "PUT"])
    def test_length_required(self, client, ask, full, refused, method):
        refused(ask(client, method, client.binaries(full), length=False, headers={}), 411)

    def test_of_head_have_no_body(self, client, ask, event):
        for path in ("/nothing", "/event/events/4711", client.binaries(event), "/event/events?pageSize=0"):
            head, get = ask(client, "HEAD", path), ask(client, "GET", path)
            assert (head.status_int, head.body) == (get.status_int, b"")
            assert head.headers["Content-Type"] == get.headers["Content-Type"]

    @pytest.mark.parametrize(
        "path", ["/", "/x-secret-x", "/event/x-secret-x", "/events", "/event/events/1/binaries/2"]
    )
    @pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
    def test_unknown_path_is_404_and_not_echoed(self, client, ask, refused, method, path):
        answer = ask(client, method, path, headers={"Authorization": ""})
        assert answer.status_int != 404 or "openapi" in refused(answer, 404)
        assert b"secret" not in answer.body

    @pytest.mark.parametrize(
        ("method", "path", "allowed"),
        [
            ("PUT", "/event", {"GET", "HEAD"}),
            ("POST", "/event", {"GET", "HEAD"}),
            ("PUT", "/event/events", {"GET", "HEAD", "POST", "DELETE"}),
            ("PATCH", "/event/events", {"GET", "HEAD", "POST", "DELETE"}),
            ("POST", "/event/events/{}", {"GET", "HEAD", "PUT", "DELETE"}),
            ("PATCH", "/event/events/{}/binaries", {"GET", "HEAD", "POST", "PUT", "DELETE"}),
            ("POST", "/health", {"GET", "HEAD"}),
            ("DELETE", "/openapi.json", {"GET", "HEAD"}),
        ],
    )
    def test_wrong_method_is_405_with_allow(
        self, client, ask, event, refused, unchanged, method, path, allowed
    ):
        with unchanged(client):
            answer = ask(client, method, path.format(event), b"{}")
        refused(answer, 405)
        assert set(re.split(r",\s*", answer.headers["Allow"])) - {"OPTIONS"} == allowed

    def test_no_answer_names_the_server(self, client, ask, full):
        for path in (
            "/event",
            "/event/events",
            f"/event/events/{full}",
            client.binaries(full),
            "/health",
            "/openapi.json",
        ):
            answer = ask(client, "GET", path)
            assert answer.status_int == 200
            assert "Server" not in answer.headers
            assert "X-Powered-By" not in answer.headers


class TestTable:
    def test_every_refusal_has_a_status(self):
        def below(kind):
            return {kind, *(k for sub in kind.__subclasses__() for k in below(sub))}

        assert below(errors.Refusal) - {errors.Refusal} == set(problems.STATUS)

    def test_statuses_and_codes_are_those_of_the_contract(self):
        named = {kind.__name__: row for kind, row in problems.STATUS.items()}
        assert named["Unauthorized"] == (401, "security/Unauthorized")
        assert named["Forbidden"] == (403, "security/Forbidden")
        assert named["EventNotFound"] == (404, "event/Not Found")
        assert named["BinaryNotFound"] == (404, "Not Found")
        assert named["BinaryExists"] == (409, "Duplicate")
        assert named["Invalid"] == (422, "undefined/validationError")
        assert {kind: status for kind, (status, _) in named.items()}.items() >= {
            "Unreadable": 400,
            "DigestMismatch": 400,
            "Unauthorized": 401,
            "Forbidden": 403,
            "EventNotFound": 404,
            "BinaryNotFound": 404,
            "BinaryExists": 409,
            "ChunkConflict": 409,
            "LengthRequired": 411,
            "PreconditionFailed": 412,
            "TooLarge": 413,
            "RangeNotSatisfiable": 416,
            "Invalid": 422,
            "TooManyTries": 429,
            "Damaged": 500,
            "Busy": 503,
        }.items()


class TestWhoIsAsking:
    @pytest.mark.parametrize(
        "headers",
        [
            {"Authorization": ""},
            {"Authorization": "Basic"},
            {"Authorization": "Basic !!!"},
            {"Authorization": "Basic dGVzdGVy"},
            {"Authorization": "Digest username=tester"},
            {"Authorization": "Bearer nonsense"},
            basic("tester:"),
            basic("tester:Secret"),
            basic("tester:secret "),
            basic("nobody:secret"),
            basic("Tester:secret"),
            basic(":secret"),
            basic("tester/:secret"),
            basic("tester:" + "x" * 5000),
        ],
    )
    def test_without_an_account_is_401(self, client, ask, full, refused, unchanged, headers):
        with unchanged(client):
            for method, path in (
                ("GET", "/event"),
                ("POST", "/event/events"),
                ("DELETE", client.binaries(full)),
            ):
                answer = ask(client, method, path, headers=headers)
                assert refused(answer, 401, "security/Unauthorized") == BAD_CREDENTIALS
                assert answer.headers["WWW-Authenticate"] == 'Basic realm="c8ybin"'

    @pytest.mark.parametrize(
        ("value", "scheme"), [("true", "XBasic"), ("TRUE", "XBasic"), ("false", "Basic")]
    )
    def test_c8y_client_is_asked_for_xbasic(self, client, ask, value, scheme):
        answer = ask(client, "GET", "/event", headers={"Authorization": "", "UseXBasic": value})
        assert answer.headers["WWW-Authenticate"] == f'{scheme} realm="c8ybin"'

    @pytest.mark.parametrize(
        "pair",
        [
            "tester:secret",
            "t100/tester:secret",
            "management/tester:secret",
            "/tester:secret",
            "a/b/tester:secret",
        ],
    )
    def test_tenant_before_the_user_is_ignored(self, client, ask, pair):
        assert ask(client, "GET", "/event", headers=basic(pair)).status_int == 200

    @pytest.mark.parametrize("scheme", ["basic ", "BASIC ", "Basic  "])
    def test_scheme_in_any_case(self, client, ask, scheme):
        value = scheme + basic("tester:secret")["Authorization"].partition(" ")[2]
        assert ask(client, "GET", "/event", headers={"Authorization": value}).status_int == 200

    def test_password_with_colons_slashes_and_umlauts(self, client, ask):
        client.accounts.add("ute", "a:b/ü:", [EVENT_READ])
        assert ask(client, "GET", "/event", headers=basic("t1/ute:a:b/ü:")).status_int == 200
        latin = base64.b64encode("ute:a:b/ü:".encode("latin-1")).decode()
        assert ask(client, "GET", "/event", headers={"Authorization": f"Basic {latin}"}).status_int == 200

    def test_changes_of_accounts_hold_at_once(self, client, ask):
        headers = basic("ute:pass")
        assert ask(client, "GET", "/event", headers=headers).status_int == 401
        client.accounts.add("ute", "pass", [EVENT_READ])
        assert ask(client, "GET", "/event", headers=headers).status_int == 200
        client.accounts.set_password("ute", "other")
        assert ask(client, "GET", "/event", headers=headers).status_int == 401
        assert ask(client, "GET", "/event", headers=basic("ute:other")).status_int == 200
        client.accounts.remove("ute")
        assert ask(client, "GET", "/event", headers=basic("ute:other")).status_int == 401

    @pytest.mark.parametrize("path", ["/health", "/openapi.json"])
    def test_what_is_open_takes_no_account(self, client, ask, path):
        for headers in ({"Authorization": ""}, basic("nobody:x")):
            assert ask(client, "GET", path, headers=headers).status_int == 200


READS = [
    ("GET", "/event"),
    ("GET", "/event/events"),
    ("GET", "/event/events/{}"),
    ("GET", "/event/events/{}/binaries"),
]
READS += [("HEAD", path) for _, path in READS]
CHANGES = [("POST", "/event/events"), ("DELETE", "/event/events")]
CHANGES += [(method, "/event/events/{}") for method in ("PUT", "DELETE")]
CHANGES += [(method, "/event/events/{}/binaries") for method in ("POST", "PUT", "DELETE")]


class TestRoles:
    @pytest.mark.parametrize("roles", [[EVENT_ADMIN], [ADMIN], [ADMIN, EVENT_ADMIN]])
    def test_reading_takes_event_read(self, client, ask, full, refused, as_user, roles):
        headers = as_user(client, "ute", *roles)
        for method, path in READS:
            answer = ask(client, method, path.format(full), headers=headers)
            if method == "HEAD":
                assert (answer.status_int, answer.body) == (403, b"")
            else:
                assert EVENT_READ in refused(answer, 403, "security/Forbidden")
            assert "WWW-Authenticate" not in answer.headers
            assert "ETag" not in answer.headers

    @pytest.mark.parametrize("roles", [[EVENT_READ], [ADMIN], [ADMIN, EVENT_READ]])
    def test_changing_takes_event_admin(
        self, client, ask, full, refused, unchanged, as_user, untouched_body, roles
    ):
        headers = as_user(client, "ute", *roles)
        with unchanged(client):
            for method, path in CHANGES:
                answer = ask(
                    client, method, path.format(full), headers=headers, length=9, stream=untouched_body
                )
                assert EVENT_ADMIN in refused(answer, 403, "security/Forbidden")

    def test_each_role_is_enough_for_its_own(self, client, ask, full, as_user):
        reader, writer = as_user(client, "reader", EVENT_READ), as_user(client, "writer", EVENT_ADMIN)
        for method, path in READS:
            assert ask(client, method, path.format(full), headers=reader).status_int == 200
        for method, path in CHANGES:
            assert ask(client, method, path.format(full), b"{}", writer).status_int not in (401, 403)

    @pytest.mark.parametrize("emulated", ["PUT", "DELETE"])
    def test_emulated_methods_take_the_role_too(
        self, client, ask, full, refused, unchanged, as_user, emulated
    ):
        headers = as_user(client, "ute", EVENT_READ) | {"X-HTTP-METHOD": emulated}
        with unchanged(client):
            refused(ask(client, "POST", client.binaries(full), b"x", headers), 403)

    @pytest.mark.parametrize("headers", [{"Authorization": ""}, None])
    def test_are_checked_before_anything_about_the_event_is_revealed(
        self, client, ask, full, as_user, untouched_body, headers
    ):
        """Whether there is an event, a binary or neither, and whatever else is wrong with the request."""
        headers = headers or as_user(client, "ute", ADMIN)
        bare = client.create_event()
        for method, path in READS + CHANGES:
            if "{}" not in path:
                continue
            answers = set()
            for event_id in (full, bare, "4711", "nonsense"):
                for more in ({}, {"If-Match": '"x"'}, {"If-None-Match": "*"}, {"Range": "bytes=99-"}):
                    answer = ask(
                        client,
                        method,
                        path.format(event_id),
                        headers=headers | more,
                        length=None if method in ("GET", "HEAD") else 99_999_999,
                        stream=untouched_body,
                    )
                    assert answer.status_int in (401, 403)
                    answers.add((answer.status_int, answer.body, tuple(answer.headers.items())))
            assert len(answers) == 1


class TestTroubleHere:
    @pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
    def test_full_disk_is_507(self, number):
        assert problems.trouble(OSError(number, "x"))[0] == 507

    @pytest.mark.parametrize(
        "number",
        [
            *(errno.EIO, errno.EROFS, errno.EMFILE, errno.ENFILE, errno.ESTALE, errno.ENOLCK),
            *(errno.ENOTCONN, errno.ESHUTDOWN, errno.EHOSTDOWN, errno.EHOSTUNREACH, errno.ECONNABORTED),
            errno.ENXIO,
        ],
    )
    def test_passing_trouble_is_503(self, number):
        assert problems.trouble(OSError(number, "x"))[0] == 503

    @pytest.mark.parametrize("number", [errno.ENOENT, errno.EACCES, errno.EINVAL, None])
    def test_anything_else_is_500(self, number):
        assert problems.trouble(OSError(number, "x") if number else OSError())[0] == 500

    @pytest.mark.one_process("a function of the store is exchanged")
    @pytest.mark.parametrize(
        ("error", "status"),
        [
            (OSError(errno.ENOSPC, "No space left", "/data/secret"), 507),
            (OSError(errno.EDQUOT, "Quota", "/data/secret"), 507),
            (OSError(errno.EIO, "Input/output error", "/data/secret"), 503),
            (OSError(errno.EROFS, "Read-only", "/data/secret"), 503),
            (OSError(errno.EMFILE, "Too many", "/data/secret"), 503),
            (OSError(errno.EACCES, "Denied", "/data/secret"), 500),
            (RuntimeError("secret"), 500),
            (KeyError("secret"), 500),
            (AssertionError("secret"), 500),
            (RecursionError("secret"), 500),
        ],
    )
    def test_is_told_briefly_and_logged_whole(
        self, client, ask, event, refused, monkeypatch, caplog, error, status
    ):
        def fail(*_):
            raise error

        monkeypatch.setattr(client.store.binaries, "attach", fail)
        with caplog.at_level(logging.ERROR, "c8ybin"):
            answer = ask(client, "POST", client.binaries(event), b"x")
        refused(answer, status)
        assert b"secret" not in answer.body
        assert ("Retry-After" in answer.headers) == (status == 503)
        if status == 503:
            assert answer.headers["Retry-After"].isdigit()
        assert "secret" in caplog.text
        assert ("Traceback" in caplog.text) == (status == 500)
        assert client.received() == []

    @pytest.mark.parametrize("status", [507, 503])
    def test_disk_that_fails_under_any_change_leaves_nothing(
        self, client, ask, full, refused, unchanged, monkeypatch, status
    ):
        """An injected ENOSPC or EIO at the first fsync of each change."""

        def fail(fd):
            raise OSError(errno.ENOSPC if status == 507 else errno.EIO, "injected")

        bare = client.create_event()
        with unchanged(client), monkeypatch.context() as patch:
            patch.setattr("os.fsync", fail)
            patch.setattr("os.fdatasync", fail)
            event = {"source": {"id": "1"}, "type": "t", "time": "2026-11-24", "text": "x"}
            refused(ask(client, "POST", "/event/events", json.dumps(event).encode()), status)
            refused(ask(client, "PUT", f"/event/events/{full}", b'{"text":"new"}'), status)
            refused(ask(client, "PUT", client.binaries(full), b"new"), status)
            refused(ask(client, "POST", client.binaries(bare), b"new"), status)
            refused(ask(client, "POST", client.binaries(bare), b"new", {"Content-Range": "0-2/9"}), status)

    @pytest.mark.one_process("its log names the path of one mount")
    def test_damaged_event_is_500_named_in_the_log_and_left_out_of_lists(
        self, client, ask, full, refused, caplog, monkeypatch
    ):
        other = client.create_event()
        path = next(p for p in client.root.rglob(f"{full}/event.json"))
        path.write_bytes(b"{}")
        refused(ask(client, "GET", f"/event/events/{full}"), 500)
        assert str(path) in caplog.text
        assert [e["id"] for e in client.get("/event/events").json["events"]] == [other]

    @pytest.mark.parametrize("damage", ["longer", "shorter", "gone", "description"])
    def test_damaged_binary_is_500(self, client, ask, full, refused, caplog, damage):
        name = "binary.json" if damage == "description" else "content-*"
        path = next(p for p in client.root.rglob(f"{full}/{name}"))
        if damage == "gone":
            path.unlink()
        else:
            path.write_bytes(b"x" * {"longer": 11, "shorter": 9, "description": 10}[damage])
        refused(ask(client, "GET", client.binaries(full)), 500)
        assert str(path) in caplog.text

    def test_event_that_is_in_use_for_too_long_is_503(
        self, client, ask, full, refused, unchanged, monkeypatch
    ):
        monkeypatch.setattr("c8ybin.store.disk.LOCK_TIMEOUT_S", 0.05)
        lock = client.store.events._disk.layout.lock(int(full))
        with fsio.locked(lock, 1), unchanged(client):
            answer = ask(client, "PUT", client.binaries(full), b"new")
            assert "in use" in refused(answer, 503)
            assert answer.headers["Retry-After"].isdigit()
        assert ask(client, "PUT", client.binaries(full), b"new").status_int == 201

    def test_accounts_that_cannot_be_read_are_500(self, client, ask, refused):
        (client.root / "accounts.json").write_text("{")
        refused(ask(client, "GET", "/event"), 500)


class TestHealth:
    def test_up(self, client, ask):
        answer = ask(client, "GET", "/health", headers={"Authorization": ""})
        assert (answer.status_int, answer.content_type) == (200, "application/json")
        assert answer.json["status"] == "UP"
        assert answer.headers["Cache-Control"] == "no-store"
        assert ask(client, "HEAD", "/health").status_int == 200

    @pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO, errno.EROFS, errno.EACCES])
    def test_down_is_503_with_the_reason(self, client, ask, monkeypatch, number):
        monkeypatch.setattr(client.store, "trouble", lambda: OSError(number, "x", "/data/secret"))
        answer = ask(client, "GET", "/health")
        assert answer.status_int == 503
        assert answer.json["status"] == "DOWN"
        assert answer.json["message"]
        assert ("full" in answer.json["message"]) == (number == errno.ENOSPC)
        assert answer.headers["Retry-After"].isdigit()
        assert b"secret" not in answer.body

    @pytest.mark.one_process("a function of the store is exchanged")
    @pytest.mark.parametrize(
        ("number", "word"), [(errno.EIO, "errors"), (errno.EROFS, "read-only"), (errno.EMFILE, "open")]
    )
    def test_a_request_that_failed_by_the_disk_shows_with_its_reason(
        self, client, ask, event, monkeypatch, number, word
    ):
        def fail(*_):
            raise OSError(number, "x")

        monkeypatch.setattr(client.store.events, "update", fail)
        answer = ask(client, "PUT", f"/event/events/{event}", b'{"text":"new"}')
        assert word in answer.json["message"]
        health = ask(client, "GET", "/health")
        assert (health.status_int, health.json["message"]) == (503, answer.json["message"])

    @pytest.mark.one_process("a function of the store is exchanged")
    @pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "x"), OSError(errno.EACCES, "x"), KeyError()])
    def test_a_request_that_failed_by_itself_does_not_show(self, client, ask, event, monkeypatch, error):
        def fail(*_):
            raise error

        monkeypatch.setattr(client.store.events, "update", fail)
        assert ask(client, "PUT", f"/event/events/{event}", b'{"text":"new"}').status_int >= 500
        assert ask(client, "GET", "/health").status_int == 200


class TestReserve:
    """`--min-free`: a write is refused as by a full disk while some of it is free."""

    @pytest.fixture
    def no_room(self, make_client):
        return make_client(min_free=1 << 62)

    def test_an_upload_is_507_before_its_body_is_read(
        self, client, no_room, ask, event, full, refused, untouched_body
    ):
        for method, event_id in (("POST", event), ("PUT", event), ("PUT", full)):
            answer = ask(no_room, method, client.binaries(event_id), length=5, stream=untouched_body)
            assert "full" in refused(answer, 507)

    def test_an_upload_of_no_told_length_is_507_and_leaves_nothing(self, no_room, ask, event, refused):
        answer = ask(
            no_room,
            "POST",
            no_room.binaries(event),
            length=False,
            stream=BytesIO(b"abc"),
            **{"HTTP_TRANSFER_ENCODING": "chunked", "wsgi.input_terminated": True},
        )
        refused(answer, 507)
        assert no_room.received() == []

    def test_an_upload_that_would_eat_into_it_is_507(self, make_client, ask, event, refused):
        free = os.statvfs(make_client().root).f_bavail * os.statvfs(make_client().root).f_frsize
        client = make_client(min_free=free // 2, max_binary=2 * free)
        answer = ask(client, "POST", client.binaries(event), length=free, stream=BytesIO(b"abc"))
        refused(answer, 507)

    def test_events_are_507_and_can_be_deleted(self, client, no_room, ask, full, refused):
        refused(no_room.post_json("/event/events", EVENT, expect_errors=True), 507)
        refused(ask(no_room, "PUT", f"/event/events/{full}", b'{"text":"new"}'), 507)
        assert ask(no_room, "GET", client.binaries(full)).status_int == 200
        assert "full" in ask(no_room, "GET", "/health").json["message"]
        assert ask(no_room, "DELETE", client.binaries(full)).status_int == 204
        assert ask(no_room, "DELETE", f"/event/events/{full}").status_int == 204


@pytest.mark.filterwarnings("ignore:Unknown REQUEST_METHOD")
@pytest.mark.parametrize("method", ["FOO", "PATCH", "TRACE", "PROPFIND"])
def test_a_method_that_is_not_for_this_resource_is_405_and_says_which_are(client, ask, refused, method):
    answer = ask(client, method, "/event/events/1/binaries", length=False)
    refused(answer, 405)
    assert answer.headers["Allow"] == "DELETE, GET, HEAD, OPTIONS, POST, PUT"
