"""How much the sources of an account may hold: counted whoever adds or deletes, and told which quota it is."""

import json

import pytest
from harness import EVENT
from store_tools import reindex

from c8ybin.accounts import EVENT_ADMIN, EVENT_READ, AccountsProblem

KIB = 1024


@pytest.fixture
def limited(client):
    """Make an account with limits over the sources 1001 and 1002, and return how it asks."""

    def make(ask, **limits):
        client.accounts.changes.add(
            "device", None, [EVENT_READ, EVENT_ADMIN], sources=["1001", "1002"], **limits
        )
        authorization = f"Bearer {client.accounts.changes.add_token('device').text}"

        def send(method, path, body=b"", headers=None, **more):
            return ask(
                client, method, path, body, {"Authorization": authorization, **(headers or {})}, **more
            )

        return send

    return make


@pytest.fixture
def device(limited, ask):
    return limited(ask, quota=10 * KIB)


def create(device):
    return device("POST", "/event/events", json.dumps(EVENT).encode(), {"Accept": "application/json"})


class TestEvents:
    def test_beyond_the_quota_are_422_until_somebody_deletes_one(
        self, client, limited, ask, refused, unchanged
    ):
        device = limited(ask, max_events=3)
        client.create_event(source={"id": "1002"})  # by another account
        client.create_event(source={"id": "2002"})  # of another source
        made = [create(device) for _ in range(2)]
        assert [answer.status_int for answer in made] == [201, 201]
        with unchanged(client):
            message = refused(create(device), 422, "event/Quota Exceeded")
            assert "3 events" in message
        client.delete(f"/event/events/{made[0].json['id']}")
        assert create(device).status_int == 201
        refused(create(device), 422)

    def test_are_free_for_accounts_without_a_quota(self, client, limited, ask):
        device = limited(ask, max_events=1)
        assert [create(device).status_int for _ in range(2)] == [201, 422]
        client.create_event()


class TestBytes:
    def test_beyond_the_quota_are_507_and_not_read(self, client, device, refused, unchanged, untouched_body):
        first, second = client.create_event(), client.create_event()
        assert device("POST", client.binaries(first), bytes(6 * KIB)).status_int == 201
        with unchanged(client):
            for method in ("POST", "PUT"):
                answer = device(method, client.binaries(second), bytes(5 * KIB), stream=untouched_body)
                assert "10 KiB" in refused(answer, 507, "general/Insufficient Storage")
        assert device("POST", client.binaries(second), bytes(4 * KIB)).status_int == 201
        refused(device("POST", client.binaries(client.create_event()), b"x"), 507)
        assert client.post(client.binaries(client.create_event()), b"x").status_int == 201

    def test_whose_length_nobody_told_are_507_too(self, client, device, refused, unchanged, coded_in_chunks):
        event = client.create_event()
        form = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n' + bytes(11 * KIB)
        with unchanged(client):
            refused(device("POST", client.binaries(event), bytes(11 * KIB), **coded_in_chunks), 507)
            kind = {"Content-Type": "multipart/form-data; boundary=b"}
            refused(device("POST", client.binaries(event), form + b"\r\n--b--\r\n", kind), 507)

    def test_that_take_the_place_of_others_count_by_what_they_add(self, client, device, refused):
        url = client.binaries(client.create_event())
        assert device("PUT", url, bytes(8 * KIB)).status_int == 201
        assert device("PUT", url, bytes(10 * KIB)).status_int == 201
        refused(device("PUT", url, bytes(10 * KIB + 1)), 507)
        assert device("PUT", url, bytes(1)).status_int == 201
        assert device("DELETE", url).status_int == 204
        assert device("POST", url, bytes(10 * KIB)).status_int == 201

    def test_of_incomplete_uploads_count_once_each(self, client, device, refused):
        url = client.binaries(client.create_event())
        chunk = {"Content-Range": "0-6143/12288"}
        assert device("POST", url, bytes(6 * KIB), chunk).status_int == 200
        assert device("POST", url, bytes(6 * KIB), chunk).status_int == 200
        refused(device("POST", url, bytes(6 * KIB), {"Content-Range": "6144-12287/12288"}), 507)
        refused(device("POST", client.binaries(client.create_event()), bytes(5 * KIB)), 507)
        # What is whole takes the place of the upload.
        assert device("POST", url, bytes(10 * KIB)).status_int == 201

    def test_of_a_completing_chunk_may_come_again_although_the_quota_is_reached(self, client, device):
        url = client.binaries(client.create_event())
        for where in ("0-5119/10240", "5120-10239/10240", "5120-10239/10240"):
            answer = device("POST", url, bytes(5 * KIB), {"Content-Range": where})
        assert answer.status_int == 201

    def test_that_others_delete_are_free_again(self, client, device, refused):
        events = [client.create_event() for _ in range(2)]
        assert device("POST", client.binaries(events[0]), bytes(10 * KIB)).status_int == 201
        refused(device("POST", client.binaries(events[1]), b"x"), 507)
        client.delete(f"/event/events/{events[0]}")
        assert device("POST", client.binaries(events[1]), b"x").status_int == 201

    def test_of_what_changed_after_it_was_folded_count_as_they_are(self, client, device, refused):
        url, other = client.binaries(client.create_event()), client.binaries(client.create_event())
        assert device("POST", url, bytes(10 * KIB)).status_int == 201
        reindex(client.root)
        assert client.put(url, bytes(4 * KIB)).status_int == 201
        refused(device("POST", other, bytes(6 * KIB + 1)), 507)
        assert device("POST", other, bytes(6 * KIB)).status_int == 201
        client.delete(url)
        assert device("PUT", other, bytes(10 * KIB)).status_int == 201

    def test_are_counted_the_same_from_logs_columns_and_the_tree(self, client, device, refused, monkeypatch):
        full, other = client.create_event(), client.create_event()
        assert device("POST", client.binaries(full), bytes(10 * KIB)).status_int == 201
        refused(device("POST", client.binaries(other), b"x"), 507)
        reindex(client.root)
        refused(device("POST", client.binaries(other), b"x"), 507)
        (client.root / "index" / "manifest").unlink()
        refused(device("POST", client.binaries(other), b"x"), 507)
        monkeypatch.setattr(type(client.store.listing), "_is_bypassed", lambda _: True)
        refused(device("POST", client.binaries(other), b"x"), 507)
        client.delete(client.binaries(full))
        assert device("POST", client.binaries(other), b"x").status_int == 201


def test_a_quota_needs_sources(client):
    changes = client.accounts.changes
    for limits in ({"quota": 1}, {"max_events": 1}):
        with pytest.raises(AccountsProblem, match="give it sources"):
            changes.add("device", None, [EVENT_READ], **limits)
    changes.add("device", None, [EVENT_READ], sources=["1"], quota=1)
    with pytest.raises(AccountsProblem, match="give it sources"):
        changes.change("device", sources=None)
    changes.change("device", sources=None, quota=None)
