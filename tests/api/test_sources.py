"""An account with sources: what exists for it, and that nothing else does."""

import json

import pytest
from harness import EVENT
from store_tools import reindex

from c8ybin.accounts import ADMIN, EVENT_ADMIN, EVENT_READ

ACCEPT = {"Accept": "application/json"}


@pytest.fixture
def own(client):
    """The header field of an account with two sources, one of them a managed object."""
    made = client.post_json("/inventory/managedObjects", {"name": "mine"}, headers=ACCEPT).json
    roles = [EVENT_READ, EVENT_ADMIN, ADMIN]
    client.accounts.changes.add("device", None, roles, sources=["1001", made["id"]])
    token = client.accounts.changes.add_token("device").text
    return {"Authorization": f"Bearer {token}", "Object": made["id"]}


@pytest.fixture
def events(client, own):
    """The IDs of events: two of the account's sources, and two of others; the last of each has a binary."""
    client.get("/event/events")  # so that there is an index, and its logs tell of them
    made = []
    for source in ("1001", own["Object"], "10010", "2002"):
        made.append(client.create_event(source={"id": source}))
        if len(made) % 2 == 0:
            assert client.post(client.binaries(made[-1]), b"bytes").status_int == 201
    return made


def answer(ask, client, own, method, path, document=None, **headers):
    body = (
        b""
        if document is None
        else document
        if isinstance(document, bytes)
        else json.dumps(document).encode()
    )
    return ask(client, method, path, body, {"Authorization": own["Authorization"], **headers})


def test_events_of_others_do_not_exist(client, ask, own, events, refused, unchanged):
    with unchanged(client):
        for event in events[2:]:
            path, url = f"/event/events/{event}", client.binaries(event)
            for method, where, body in (
                ("GET", path, None), ("PUT", path, {"text": "x"}), ("DELETE", path, None), ("GET", url, None),
                ("POST", url, b"x"), ("PUT", url, b"x"), ("DELETE", url, None),
            ):  # fmt: skip
                refused(answer(ask, client, own, method, where, body), 404, "event/Not Found")
            chunk = answer(ask, client, own, "PUT", url, b"x", **{"Content-Range": "0-0/2"})
            refused(chunk, 404, "event/Not Found")
            assert answer(ask, client, own, "HEAD", path).status_int == 404
            assert answer(ask, client, own, "HEAD", url).status_int == 404


def test_a_body_for_an_event_of_others_is_not_read(client, ask, own, events, untouched_body):
    for method in ("POST", "PUT"):
        for path in (client.binaries(events[2]), f"/event/events/{events[2]}"):
            if (method, path) != ("POST", f"/event/events/{events[2]}"):
                refused = ask(
                    client,
                    method,
                    path,
                    b"x" * 10,
                    {"Authorization": own["Authorization"]},
                    stream=untouched_body,
                )
                assert refused.status_int == 404


def test_own_events_are_as_for_others(client, ask, own, events):
    first, second = events[:2]
    assert answer(ask, client, own, "GET", f"/event/events/{first}").json["id"] == first
    assert answer(ask, client, own, "PUT", f"/event/events/{first}", {"text": "new"}).status_int == 200
    assert answer(ask, client, own, "GET", client.binaries(second)).body == b"bytes"
    assert answer(ask, client, own, "POST", client.binaries(first), b"x").status_int == 201
    assert answer(ask, client, own, "PUT", client.binaries(first), b"y").status_int == 201
    assert answer(ask, client, own, "DELETE", client.binaries(first)).status_int == 204
    assert answer(ask, client, own, "DELETE", f"/event/events/{first}").status_int == 204
    assert answer(ask, client, own, "GET", f"/event/events/{first}").status_int == 404


def test_events_are_created_for_own_sources_alone(client, ask, own, refused, unchanged):
    assert answer(ask, client, own, "POST", "/event/events", EVENT).status_int == 201
    with unchanged(client):
        foreign = EVENT | {"source": {"id": "1002"}}
        message = refused(
            answer(ask, client, own, "POST", "/event/events", foreign), 403, "security/Forbidden"
        )
    assert "own sources" in message


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", [0, 1]),
        ("&source=1001", [0]),
        ("&source=2002", []),
        ("&source=10010", []),
        ("&fragmentType=c8y_IsBinary", [1]),
        ("&type=test_Event", [0, 1]),
        ("&dateFrom=2026-11-24&dateTo=2026-11-25", [0, 1]),
        ("&type=other", []),
    ],
)
def test_lists_and_totals_hold_own_events_alone(client, ask, own, events, query, found):
    for folded in (False, True):
        if folded:
            reindex(client.root)
        path = f"/event/events?withTotalElements=true&revert=true&pageSize=10{query}"
        listed = answer(ask, client, own, "GET", path).json
        assert [event["id"] for event in listed["events"]] == [events[n] for n in found]
        assert listed["statistics"]["totalElements"] == len(found)


def test_pages_of_a_list_over_several_sources_follow_each_other(client, ask, own):
    made = [
        client.create_event(source={"id": source}, time=f"2026-11-24T12:00:0{n}.000Z")
        for n, source in enumerate(["1001", "2002", own["Object"], "1001", "2002", own["Object"], "1001"])
    ]
    wanted = [each for n, each in enumerate(made) if n not in (1, 4)][::-1]
    found = []
    for page in (1, 2, 3):
        path = f"/event/events?pageSize=2&currentPage={page}&withTotalPages=true"
        listed = answer(ask, client, own, "GET", path).json
        assert listed["statistics"]["totalPages"] == 3
        found += [event["id"] for event in listed["events"]]
    assert found == wanted


@pytest.mark.parametrize(("query", "gone"), [("", [0, 1]), ("?source=2002", []), ("?source=1001", [0])])
def test_a_deletion_of_a_list_takes_own_events_alone(client, ask, own, events, query, gone):
    assert answer(ask, client, own, "DELETE", f"/event/events{query}").status_int == 204
    for number, event in enumerate(events):
        assert client.get(f"/event/events/{event}", expect_errors=True).status_int == (
            404 if number in gone else 200
        )


class TestManagedObjects:
    @pytest.fixture
    def foreign(self, client):
        made = client.post_json("/inventory/managedObjects", {"name": "theirs"}, headers=ACCEPT).json["id"]
        external = {"type": "c8y_Serial", "externalId": "theirs"}
        client.post_json(f"/identity/globalIds/{made}/externalIds", external)
        return made

    def test_that_are_no_source_do_not_exist(self, client, ask, own, foreign, refused):
        path, ids = f"/inventory/managedObjects/{foreign}", f"/identity/globalIds/{foreign}/externalIds"
        external = {"type": "c8y_Serial", "externalId": "another"}
        for method, where, body in (
            ("GET", path, None), ("PUT", path, {"name": "x"}), ("DELETE", path, None), ("GET", ids, None),
            ("POST", ids, external),
        ):  # fmt: skip
            refused(answer(ask, client, own, method, where, body), 404, "inventory/Not Found")
        for method in ("GET", "DELETE"):
            gone = answer(ask, client, own, method, "/identity/externalIds/c8y_Serial/theirs")
            refused(gone, 404, "identity/Not Found")
        assert client.get(path).json["name"] == "theirs"
        assert client.get("/identity/externalIds/c8y_Serial/theirs").status_int == 200

    def test_that_are_a_source_are_as_for_others(self, client, ask, own, foreign, refused):
        path, ids = (
            f"/inventory/managedObjects/{own['Object']}",
            f"/identity/globalIds/{own['Object']}/externalIds",
        )
        assert answer(ask, client, own, "GET", path).json["name"] == "mine"
        assert answer(ask, client, own, "PUT", path, {"name": "new"}).status_int == 200
        taken = {"type": "c8y_Serial", "externalId": "theirs"}
        refused(answer(ask, client, own, "POST", ids, taken), 409)
        free = {"type": "c8y_Serial", "externalId": "mine"}
        assert answer(ask, client, own, "POST", ids, free).status_int == 201
        assert len(answer(ask, client, own, "GET", ids).json["externalIds"]) == 1
        found = answer(ask, client, own, "GET", "/identity/externalIds/c8y_Serial/mine")
        assert found.json["managedObject"]["id"] == own["Object"]
        assert answer(ask, client, own, "DELETE", "/identity/externalIds/c8y_Serial/mine").status_int == 204
        assert answer(ask, client, own, "DELETE", path).status_int == 204

    def test_are_listed_only_where_they_are_a_source(self, client, ask, own, foreign):
        for query, found in (
            ("", 1),
            (f"&ids={foreign}", 0),
            (f"&ids={own['Object']},{foreign}", 1),
            ("&type=x", 0),
        ):
            path = f"/inventory/managedObjects?withTotalElements=true{query}"
            listed = answer(ask, client, own, "GET", path).json
            assert [each["id"] for each in listed["managedObjects"]] == [own["Object"]] * found, query
            assert listed["statistics"]["totalElements"] == found

    def test_are_not_created_by_such_an_account(self, client, ask, own, refused):
        before = len(client.get("/inventory/managedObjects").json["managedObjects"])
        refused(
            answer(ask, client, own, "POST", "/inventory/managedObjects", {"name": "x"}),
            403,
            "security/Forbidden",
        )
        assert len(client.get("/inventory/managedObjects").json["managedObjects"]) == before


def test_an_event_that_is_damaged_and_may_be_of_another_source_does_not_exist(client, ask, own, events):
    for event_id in events:
        next(client.root.glob(f"events/*/*/{event_id}/event.json")).write_bytes(b"damaged")
        for path in (f"/event/events/{event_id}", f"/event/events/{event_id}/binaries"):
            assert answer(ask, client, own, "GET", path).status_int == 404
