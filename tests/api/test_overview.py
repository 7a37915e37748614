"""/c8ybin/overview: what the console shows of all events at a glance."""

import json

import pytest
from harness import EVENT
from store_tools import reindex

from c8ybin.accounts import EVENT_READ

PATH = "/c8ybin/overview"


@pytest.fixture
def overview(client):
    return lambda: client.get(PATH).json


def test_an_empty_store_has_thirty_empty_days_and_no_types(overview, clock):
    clock.ms = 1796040000000  # 2026-11-30T12:00:00Z
    found = overview()
    days = found.pop("days")
    assert [days[0], days[-1]] == [{"day": "2026-11-01", "events": 0}, {"day": "2026-11-30", "events": 0}]
    assert len(days) == 30
    disk = found.pop("disk")
    assert 0 < disk["free"] <= disk["total"]
    assert disk["reserve"] == 0
    assert found == {"events": 0, "attachments": 0, "bytes": 0, "types": [], "uploads": {"incomplete": 0}}


@pytest.mark.parametrize("is_indexed_anew", [False, True])
def test_it_counts_events_attachments_bytes_uploads_and_types(client, overview, is_indexed_anew):
    overview()  # so that there is an index, and its logs tell of what follows
    first, second, third = (client.create_event(type=kind) for kind in ("a", "a", "b"))
    client.post(client.binaries(first), b"12345")
    client.put(client.binaries(second), b"123", headers={"Content-Range": "0-2/10"})
    client.post(client.binaries(third), b"12345678901")
    client.put(client.binaries(third), b"1", headers={"Content-Range": "0-0/10"})
    if is_indexed_anew:
        reindex(client.root)
    found = overview()
    assert {name: found[name] for name in ("events", "attachments", "bytes", "uploads")} == {
        "events": 3,
        "attachments": 2,
        "bytes": 20,
        "uploads": {"incomplete": 2},
    }
    assert found["types"] == [
        {"type": "b", "events": 1, "bytes": 12},
        {"type": "a", "events": 2, "bytes": 8},
    ]
    client.delete(f"/event/events/{third}")
    assert overview()["types"] == [{"type": "a", "events": 2, "bytes": 8}]


def test_a_day_is_that_of_the_time_of_an_event_in_utc(client, overview, clock):
    clock.ms = 1796040000000
    for time in ("2026-11-30T01:00:00+02:00", "2026-11-29", "2026-10-31T23:59:59.999Z", "2027-01-01"):
        client.create_event(time=time)
    days = {day["day"]: day["events"] for day in overview()["days"]}
    assert {day: events for day, events in days.items() if events} == {"2026-11-29": 2}
    assert overview()["events"] == 4


def test_the_ten_types_that_hold_most_are_named_and_the_rest_is_one(client, overview):
    for number in range(12):
        event = client.create_event(type=f"t{number}")
        client.post(client.binaries(event), bytes(number + 1))
    types = overview()["types"]
    assert [kind["type"] for kind in types] == [*(f"t{n}" for n in range(11, 1, -1)), None]
    assert types[-1] == {"type": None, "events": 2, "bytes": 3}


def test_an_account_with_sources_sees_the_sums_of_its_own_events(client, ask):
    for source in ("1001", "1001", "2002"):
        client.create_event(source={"id": source})
    client.accounts.changes.add("device", None, [EVENT_READ], sources=["1001"])
    token = client.accounts.changes.add_token("device").text
    found = ask(client, "GET", PATH, headers={"Authorization": f"Bearer {token}"}).json
    assert found["events"] == 2
    assert found["types"] == [{"type": EVENT["type"], "events": 2, "bytes": 0}]


def test_it_takes_the_role_of_a_reader(client, ask, as_user, refused):
    refused(ask(client, "GET", PATH, headers={"Authorization": ""}), 401)
    refused(ask(client, "GET", PATH, headers=as_user(client, "writer", "ROLE_EVENT_ADMIN")), 403)
    assert ask(client, "HEAD", PATH).status_int == 200


def test_without_an_index_that_can_be_written_it_is_the_same(client, overview):
    client.post(client.binaries(client.create_event()), b"12345")
    wanted = overview()
    client.store._disk.writer.tell_unindexed(True)
    assert json.dumps(overview()["types"]) == json.dumps(wanted["types"])
    assert [overview()[name] for name in ("events", "attachments", "bytes", "uploads")] == [
        1,
        1,
        5,
        {"incomplete": 0},
    ]
