"""/c8ybin/reset, /c8ybin/seed, /c8ybin/faults, and answers that are wrong on purpose."""

import io
import json
import tarfile

import pytest
from harness import EVENT, PASSWORD, USER, Client

from c8ybin.accounts import ADMIN, EVENT_ADMIN, EVENT_READ, ROLES, Accounts
from c8ybin.api import Links, make_app
from c8ybin.api.app import routes
from c8ybin.bodies import Intake
from c8ybin.faults import Plan
from c8ybin.seeds import archive

ADDRESSES = {
    "/c8ybin/reset": {"POST"},
    "/c8ybin/seed": {"POST"},
    "/c8ybin/faults": {"GET", "POST", "DELETE"},
}
OPERATIONS = [(method, path) for path, methods in ADDRESSES.items() for method in sorted(methods)]


@pytest.fixture
def plan():
    made = Plan()
    yield made
    made.close()


@pytest.fixture
def tester(store, intake, plan, tmp_path):
    """The application of a demo, as the user `tester`."""
    accounts = Accounts(tmp_path / "data", only_here={USER: (PASSWORD, ROLES)})
    made = Client(make_app(store, accounts, intake, plan=plan, cors_origins=["https://a.example"]))
    made.authorization = ("Basic", (USER, PASSWORD))
    made.store, made.stores = store, [store]
    made.root, made.accounts = tmp_path / "data", accounts
    yield made
    accounts.close()


@pytest.fixture
def document(tester):
    return tester.get("/openapi.json").json


def tar_of(**files):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as tar:
        for name, data in files.items():
            info = tarfile.TarInfo(name.replace("__", "/").replace("_", "."))
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return out.getvalue()


def total(client):
    return client.get("/event/events?withTotalElements=true").json["statistics"]["totalElements"]


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_without_demo_there_is_no_such_address(client, ask, refused, method, path):
    refused(ask(client, method, path, b"{}"), 404, "general/Not Found")


def test_without_demo_nothing_goes_wrong_and_nothing_is_described(client, ask):
    assert ask(client, "GET", "/event/events", headers={"X-C8ybin-Fault": "status=503"}).status_int == 200
    assert not ADDRESSES.keys() & client.get("/openapi.json").json["paths"].keys()
    assert "X-C8ybin-Fault" not in client.get("/openapi.json").text


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_they_take_the_role_of_an_admin(tester, ask, refused, as_user, method, path):
    reader = as_user(tester, "ann", EVENT_READ, EVENT_ADMIN)
    assert ADMIN in refused(ask(tester, method, path, b"{}", reader), 403, "security/Forbidden")
    refused(ask(tester, method, path, b"{}", {"Authorization": ""}), 401)


def test_they_are_described_as_they_are(document, store, intake, plan):
    described = {
        path: {method.upper() for method in item if method != "parameters"}
        for path, item in document["paths"].items()
        if path in ADDRESSES
    }
    assert described == ADDRESSES
    for path, methods in ADDRESSES.items():
        assert set(routes(store, intake, Links(), plan=plan)[path].access) == methods
        for method in methods:
            operation = document["paths"][path][method.lower()]
            assert "--demo" in operation["description"]
            assert "Takes ROLE_ADMIN." in operation["description"]
            assert {"401", "403", "429", "503"} <= operation["responses"].keys()
            assert operation["summary"]


class TestReset:
    def test_everything_goes_and_accounts_stay(self, tester, ask, plan, as_user):
        ann = as_user(tester, "ann", EVENT_READ)
        event = tester.create_event()
        assert ask(tester, "PUT", tester.binaries(event), b"x").status_int == 201
        other = tester.create_event()
        ask(tester, "PUT", tester.binaries(other), b"x", {"Content-Range": "0-0/2"})
        thing = tester.post_json("/inventory/managedObjects", {}, headers={"Accept": "*/*"}).json["id"]
        own = f"/identity/globalIds/{thing}/externalIds"
        tester.post_json(own, {"type": "t", "externalId": "e"})
        tester.post_json("/c8ybin/faults", {"status": 500, "path": "/never"})
        answer = ask(tester, "POST", "/c8ybin/reset")
        assert (answer.status_int, answer.body) == (204, b"")
        assert tester.files() == {}
        assert total(tester) == 0
        assert ask(tester, "GET", f"/event/events/{event}").status_int == 404
        assert tester.get("/inventory/managedObjects").json["managedObjects"] == []
        assert ask(tester, "GET", "/identity/externalIds/t/e").status_int == 404
        assert plan.all() == []
        assert ask(tester, "GET", "/event/events", headers=ann).status_int == 200

    def test_a_damaged_event_goes_too(self, tester, ask):
        event = tester.create_event()
        (path,) = (tester.root / "events").rglob("event.json")
        path.write_bytes(b"{}")
        assert ask(tester, "GET", f"/event/events/{event}").status_int == 500
        assert ask(tester, "POST", "/c8ybin/reset").status_int == 204
        assert tester.files() == {}

    def test_with_demo_it_begins_anew(self, tester, ask):
        tester.create_event()
        for _ in range(2):
            assert ask(tester, "POST", "/c8ybin/reset?demo=true").status_int == 204
            assert total(tester) > 30
            things = tester.get("/inventory/managedObjects?pageSize=100").json["managedObjects"]
            assert len(things) == 5

    def test_with_demo_it_begins_anew_where_chunks_were_received_before(self, tester, ask):
        path = tester.binaries(tester.create_event())
        assert ask(tester, "PUT", path, b"x", {"Content-Range": "0-0/2"}).status_int == 200
        assert ask(tester, "POST", "/c8ybin/reset?demo=true").status_int == 204

    def test_another_value_is_refused_and_nothing_goes(self, tester, ask, refused):
        event = tester.create_event()
        assert "demo" in refused(ask(tester, "POST", "/c8ybin/reset?demo=maybe"), 422)
        assert tester.get(f"/event/events/{event}").json["id"] == event

    def test_whoever_reads_meanwhile_sees_an_event_whole_or_not_at_all(self, tester, ask, race):
        events = [tester.create_event() for _ in range(8)]
        for event in events:
            ask(tester, "PUT", tester.binaries(event), b"bytes")

        def act(number):
            if number == 0:
                return ask(tester, "POST", "/c8ybin/reset").status_int == 204
            answers = [ask(tester, "GET", tester.binaries(events[number])) for _ in range(20)]
            return all(a.status_int == 404 or (a.status_int, a.body) == (200, b"bytes") for a in answers)

        assert race(8, act) == [True] * 8
        assert total(tester) == 0


class TestSeed:
    def test_it_answers_which_event_has_which_id(self, tester, ask):
        body = tar_of(one__event_json=b'{"text": "first", "type": "t"}', one__a_csv=b"1,2", b_bin=b"xyz")
        answer = ask(tester, "POST", "/c8ybin/seed", body, {"Content-Type": "application/x-tar"})
        assert (answer.status_int, answer.content_type) == (201, "application/json")
        loose, one = answer.json["events"]
        assert (loose["path"], one["path"]) == ("b.bin", "one")
        assert one["attachment"] == {"name": "a.csv", "type": "text/csv", "length": 3}
        event = tester.get(f"/event/events/{one['id']}").json
        assert (event["text"], event["type"], event["c8y_IsBinary"]["name"]) == ("first", "t", "a.csv")
        assert ask(tester, "GET", tester.binaries(loose["id"])).body == b"xyz"
        assert tester.received() == []

    def test_an_exported_event_comes_back_as_it_was(self, tester, ask):
        event = tester.create_event(c8y_Own={"a": 1})
        ask(tester, "PUT", tester.binaries(event), b"data", {"Content-Type": "image/x-own"})
        exported = tester.get(f"/event/events/{event}").json
        body = tar_of(e__event_json=json.dumps(exported).encode(), e__data=b"data")
        ask(tester, "POST", "/c8ybin/reset")
        (made,) = ask(tester, "POST", "/c8ybin/seed", body).json["events"]
        again = tester.get(f"/event/events/{made['id']}").json
        own = {"id", "self", "creationTime", "lastUpdated"}
        assert {k: v for k, v in again.items() if k not in own} == {
            k: v for k, v in exported.items() if k not in own
        }

    def test_what_is_no_tar_is_refused(self, tester, ask, refused):
        for body in (b"", b"{}", tar_of(a=b"x")[:-20]):
            assert "tar" in refused(ask(tester, "POST", "/c8ybin/seed", body), 422, "seed/Not Acceptable")
        assert total(tester) == 0

    def test_a_body_that_ends_early_is_refused(self, tester, ask, refused):
        body = tar_of(a=b"x" * 5000)
        refused(ask(tester, "POST", "/c8ybin/seed", body[:-8], length=len(body)), 400)
        refused(ask(tester, "POST", "/c8ybin/seed", body, length=False), 411)
        assert total(tester) == 0

    def test_a_body_or_a_file_over_its_limit_is_413(
        self, tester, ask, refused, untouched_body, monkeypatch, coded_in_chunks
    ):
        big = archive.MOST_BYTES + 1
        refused(ask(tester, "POST", "/c8ybin/seed", stream=untouched_body, length=big), 413)
        monkeypatch.setattr("c8ybin.api.testers.MOST_BYTES", 2000)
        answer = ask(tester, "POST", "/c8ybin/seed", bytes(4000), **coded_in_chunks)
        refused(answer, 413)

    def test_files_are_held_against_the_limit_of_attachments(self, store, plan, tmp_path, ask, refused):
        accounts = Accounts(tmp_path / "data", only_here={USER: (PASSWORD, ROLES)})
        intake = Intake(store.folder, max_binary=10)
        made = Client(make_app(store, accounts, intake, plan=plan))
        made.authorization = ("Basic", (USER, PASSWORD))
        refused(ask(made, "POST", "/c8ybin/seed", tar_of(a=b"", b=b"x" * 11)), 413)
        assert total(made) == 0
        accounts.close()
        intake.close()


class TestFaults:
    def fault(self, client, ask, method, path, text, body=b""):
        return ask(client, method, path, body, {"X-C8ybin-Fault": text})

    def test_a_status_is_answered_and_nothing_is_done(self, tester, ask, refused):
        body = json.dumps(EVENT).encode()
        answer = self.fault(tester, ask, "POST", "/event/events", "status=503", body)
        assert "on purpose" in refused(answer, 503, "general/Service Unavailable")
        assert answer.headers["Retry-After"] == "5"
        assert total(tester) == 0
        answer = self.fault(tester, ask, "GET", "/event/events", "status=429, retry=77")
        assert (answer.status_int, answer.headers["Retry-After"]) == (429, "77")
        answer = self.fault(tester, ask, "GET", "/event/events", "status=401")
        assert answer.headers["WWW-Authenticate"].startswith("Basic ")
        assert "Retry-After" not in answer.headers
        answer = self.fault(tester, ask, "GET", "/event/events", "status=204")
        assert (answer.status_int, answer.body) == (204, b"")

    def test_a_header_that_cannot_be_read_is_refused(self, tester, ask, refused):
        assert "write it like" in refused(self.fault(tester, ask, "GET", "/event/events", "?"), 422)

    def test_a_plan_counts_down_and_tells_what_is_left(self, tester, ask):
        planned = {"status": 500, "method": "GET", "path": "/event", "count": 2}
        answer = tester.post_json("/c8ybin/faults", planned)
        assert (answer.status_int, answer.json) == (201, planned)
        assert tester.get("/c8ybin/faults").json == {"faults": [planned]}
        assert ask(tester, "HEAD", "/event").status_int == 200
        assert [ask(tester, "GET", "/event/events").status_int for _ in range(2)] == [500, 500]
        assert tester.get("/c8ybin/faults").json == {"faults": []}
        assert total(tester) == 0
        tester.post_json("/c8ybin/faults", planned)
        assert ask(tester, "DELETE", "/c8ybin/faults").status_int == 204
        assert ask(tester, "GET", "/event/events").status_int == 200

    def test_a_request_with_the_header_counts_for_no_plan(self, tester, ask, plan):
        tester.post_json("/c8ybin/faults", {"status": 500})
        assert self.fault(tester, ask, "GET", "/event", "status=418").status_int == 418
        assert len(plan.all()) == 1

    def test_the_addresses_of_testers_and_preflights_are_spared(self, tester, ask):
        tester.post_json("/c8ybin/faults", {"status": 500, "count": 100})
        assert self.fault(tester, ask, "GET", "/c8ybin/faults", "status=500").status_int == 200
        preflight = {"Origin": "https://a.example", "Access-Control-Request-Method": "PUT"}
        answer = ask(tester, "OPTIONS", "/event/events", headers=preflight)
        assert answer.status_int == 204
        assert "X-C8ybin-Fault" in answer.headers["Access-Control-Allow-Headers"]

    def test_pages_of_other_origins_may_read_it(self, tester, ask):
        headers = {"Origin": "https://a.example", "X-C8ybin-Fault": "status=503"}
        answer = ask(tester, "GET", "/event/events", headers=headers)
        assert answer.headers["Access-Control-Allow-Origin"] == "https://a.example"

    def test_where_a_thread_may_not_wait_it_is_asked_again_and_counted_once(self, tester, ask, plan):
        tester.post_json("/c8ybin/faults", {"status": 500})
        with pytest.raises(BlockingIOError):
            ask(
                tester,
                "GET",
                "/event/events",
                **{"c8ybin.may_take_long": False, "c8ybin.may_wait": False},
            )
        assert len(plan.all()) == 1
        assert ask(tester, "GET", "/event/events").status_int == 500
        assert plan.all() == []

    @pytest.mark.parametrize("body", [b"", b"[]", b'{"status": 1}', b'{"status": 503, "x": 1}'])
    def test_what_is_no_fault_is_refused(self, tester, ask, plan, body):
        assert ask(tester, "POST", "/c8ybin/faults", body).status_int in (400, 422)
        assert plan.all() == []

    def test_pattern_and_bounds_of_the_description_are_those_of_the_code(self, tester, ask, document):
        body = document["paths"]["/c8ybin/faults"]["post"]["requestBody"]["content"]["application/json"]
        properties = body["schema"]["properties"]
        for name in ("status", "retry", "delay", "rate", "bytes"):
            for value in (properties[name]["minimum"], properties[name]["maximum"]):
                good = {"cut": "answer", name: value}
                assert ask(tester, "POST", "/c8ybin/faults", json.dumps(good).encode()).status_int == 201
                ask(tester, "DELETE", "/c8ybin/faults")
            for value in (properties[name]["minimum"] - 1, properties[name]["maximum"] + 1):
                bad = {"cut": "answer", name: value}
                assert ask(tester, "POST", "/c8ybin/faults", json.dumps(bad).encode()).status_int == 422
        for cut in properties["cut"]["enum"]:
            assert ask(tester, "POST", "/c8ybin/faults", json.dumps({"cut": cut}).encode()).status_int == 201
