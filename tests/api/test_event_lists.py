"""Lists of events, and deletion by the same filters (API.md, section 3)."""

import re
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from c8ybin.domain.conditions import Precondition
from c8ybin.store import listing

VND_LIST = "application/vnd.com.nsn.cumulocity.eventcollection+json;charset=UTF-8;ver=0.9"
DAY = "2026-11-24T"


@pytest.fixture
def listed(client):
    """List, and return the texts of the events that were found; `query` is a string or its parameters."""

    def find(query="", **parameters):
        return [event["text"] for event in page(query, **parameters)["events"]]

    def page(query="", **parameters):
        query = "&".join(filter(None, [query, urlencode({"pageSize": 100} | parameters)]))
        return client.get(f"/event/events?{query}").json

    return find


@pytest.fixture
def add(client):
    def create(text, **members):
        return client.create_event(text=text, **members)

    return create


@pytest.fixture
def three(add):
    """Three events an hour apart, created in another order than that of their time."""
    return {
        text: add(text, time=f"{DAY}{hour}:00:00.000Z") for text, hour in (("b", 12), ("a", 11), ("c", 13))
    }


class TestAnswer:
    def test_of_nothing(self, client):
        answer = client.get("/event/events")
        assert answer.headers["Content-Type"] == VND_LIST
        assert answer.headers["Vary"] == "Accept"
        assert answer.json == {
            "self": "http://localhost:80/event/events?pageSize=5&currentPage=1",
            "events": [],
            "statistics": {"pageSize": 5, "currentPage": 1},
        }

    def test_events_are_as_they_are_read_alone(self, client, three, ask):
        client.post(client.binaries(three["b"]), b"x", {"Content-Type": "x/y"})
        ask(client, "POST", client.binaries(three["a"]), b"x", {"Content-Range": "0-0/*"})
        events = client.get("/event/events").json["events"]
        assert [event["text"] for event in events] == ["c", "b", "a"]
        for event in events:
            assert client.get(f"/event/events/{event['id']}").json == event

    @pytest.mark.parametrize("accept", ["application/json", "application/JSON;q=0.9"])
    def test_as_plain_json(self, client, accept):
        assert client.get("/event/events", headers={"Accept": accept}).content_type == "application/json"

    @pytest.mark.parametrize(
        "accept", ["*/*", "text/html", "application/vnd.com.nsn.cumulocity.eventCollection+json"]
    )
    def test_never_406(self, client, accept):
        assert client.get("/event/events", headers={"Accept": accept}).headers["Content-Type"] == VND_LIST

    def test_head_and_trailing_slash(self, client, three):
        head, get = client.head("/event/events?pageSize=2"), client.get("/event/events/?pageSize=2")
        assert dict(head.headers) == dict(get.headers)
        assert head.body == b""

    def test_unknown_parameters_are_passed_over(self, listed, three):
        assert listed(nonsense="1", q="x") == ["c", "b", "a"]


class TestOrder:
    def test_newest_time_first(self, listed, three):
        assert listed() == ["c", "b", "a"]
        assert listed(revert="false") == ["c", "b", "a"]

    def test_revert_is_oldest_first(self, listed, three):
        assert listed(revert="true") == ["a", "b", "c"]
        assert listed(revert="TRUE", dateFrom="2026-01-01") == ["a", "b", "c"]

    def test_ties_by_id(self, client, add, clock):
        ids = []
        for text in "abcd":
            ids.append(add(text))
            clock.move(1)
        found = [e["id"] for e in client.get("/event/events").json["events"]]
        assert found == ids[::-1]
        assert [e["id"] for e in client.get("/event/events?revert=true").json["events"]] == ids


class TestFilters:
    def test_source(self, listed, add):
        add("a", source={"id": "1"})
        add("b", source={"id": "12"})
        add("ü", source={"id": "Gerät /?&=+"})
        assert listed(source="1") == ["a"]
        assert listed(source="Gerät /?&=+") == ["ü"]
        assert listed(source="2") == []
        assert listed(source="") == []

    def test_type(self, listed, add):
        add("a", type="x")
        add("b", type="X")
        assert listed(type="x") == ["a"]
        assert listed(type="xx") == []

    def test_fragment_type(self, listed, add):
        add("a", c8y_A={})
        add("b", c8y_B={"c8y_A": 1})
        add("c", c8y_A=False, c8y_B=0)
        assert sorted(listed(fragmentType="c8y_A")) == ["a", "c"]
        assert sorted(listed(fragmentType="c8y_B")) == ["b", "c"]
        assert listed(fragmentType="c8y_C") == []

    def test_fragment_type_finds_what_the_server_owns(self, client, ask, listed, add, refused):
        whole, part = add("whole"), add("part")
        add("none", c8y_IsBinary={"name": "a lie"})
        client.post(client.binaries(whole), b"x", {"Content-Type": "x/y"})
        ask(client, "POST", client.binaries(part), b"x", {"Content-Range": "0-0/*"})
        assert listed(fragmentType="c8y_IsBinary") == ["whole"]
        assert listed(fragmentType="c8y_IsIncompleteBinary") == ["part"]
        ask(client, "DELETE", client.binaries(whole))
        assert listed(fragmentType="c8y_IsBinary") == []

    def test_fragment_value(self, listed, add):
        add("a", c8y_A="x")
        add("b", c8y_A="y")
        add("c", c8y_A=1)
        add("d", c8y_A={"x": "x"})
        add("e", c8y_B="x")
        add("f", c8y_A="")
        assert listed(fragmentType="c8y_A", fragmentValue="x") == ["a"]
        assert listed(fragmentType="c8y_A", fragmentValue="1") == []
        assert listed(fragmentType="c8y_A", fragmentValue="") == ["f"]

    @pytest.mark.parametrize(
        ("name", "hour", "found"),
        [
            ("dateFrom", "11:59:59.999", "cb"),
            ("dateFrom", "12:00:00.000", "cb"),
            ("dateFrom", "12:00:00.001", "c"),
            ("dateTo", "11:59:59.999", "a"),
            ("dateTo", "12:00:00.000", "ba"),
            ("dateTo", "12:00:00.001", "ba"),
        ],
    )
    def test_dates_are_inclusive(self, listed, three, name, hour, found):
        assert listed(**{name: f"{DAY}{hour}Z"}) == list(found)

    def test_one_instant_for_both_finds_it(self, listed, three):
        assert listed(dateFrom=f"{DAY}12:00:00Z", dateTo=f"{DAY}12:00:00Z") == ["b"]
        assert listed(dateFrom=f"{DAY}13:00:00Z", dateTo=f"{DAY}12:00:00Z") == []

    @pytest.mark.parametrize(
        "value",
        [
            "2026-11-24T12:30:00+00:00",
            "2026-11-24T13:30:00%2B01:00",
            "2026-11-24T13:30:00+01:00",
            "2026-11-24T12:30",
            "2026-11-24T12:30:00.000000001",
            "2026-11-24%2012:30:00",
        ],
    )
    def test_times_in_every_form(self, listed, three, value):
        # A "+" that is not encoded arrives as a space.
        assert listed(f"dateFrom={value}") == ["c"]

    def test_dates_alone_are_midnight(self, listed, three):
        assert listed(dateFrom="2026-11-24") == ["c", "b", "a"]
        assert listed(dateTo="2026-11-24") == []
        assert listed(dateFrom="1970-01-01", dateTo="2026-11-25") == ["c", "b", "a"]

    @pytest.mark.parametrize(
        ("name", "before", "at", "after"),
        [
            ("createdFrom", "b", "b", ""),
            ("createdTo", "a", "ba", "ba"),
            ("lastUpdatedFrom", "b", "b", ""),
            ("lastUpdatedTo", "a", "a", "ba"),
        ],
    )
    def test_bounds_of_the_servers_times(self, client, listed, add, clock, name, before, at, after):
        add("a", time="2026-01-01")
        clock.move(1000)
        moment = client.get(f"/event/events/{add('b', time='2026-01-02')}").json["creationTime"]
        head, millis = moment[:-4], int(moment[-4:-1])
        # Move within the second, so that a neighbour is one millisecond away.
        neighbours = {-1: before, 0: at, 1: after}
        for step, found in neighbours.items():
            if 0 <= millis + step <= 999:
                assert listed(**{name: f"{head}{millis + step:03}Z"}) == list(found), step

    def test_created_and_updated_are_told_apart(self, client, listed, add, clock):
        event = add("a")
        created = client.get(f"/event/events/{event}").json["creationTime"]
        clock.move(10_000)
        client.put_json(f"/event/events/{event}", {"marker": 1})
        updated = client.get(f"/event/events/{event}").json["lastUpdated"]
        assert updated > created
        assert listed(createdTo=created) == listed(lastUpdatedFrom=updated) == ["a"]
        assert listed(createdFrom=updated) == listed(lastUpdatedTo=updated) == []

    def test_binary_moves_last_updated(self, client, listed, add, clock):
        event = add("a")
        moved = clock.move(10_000)
        client.post(client.binaries(event), b"x", {"Content-Type": "x/y"})
        updated = client.get(f"/event/events/{event}").json["lastUpdated"]
        assert updated.endswith(f"{moved % 1000:03}Z")
        assert listed(lastUpdatedFrom=updated) == ["a"]

    def test_together_all_must_hold(self, listed, add):
        add("a", source={"id": "1"}, type="x", c8y_A=1)
        add("b", source={"id": "1"}, type="y", c8y_A=1)
        add("c", source={"id": "2"}, type="x", c8y_A=1)
        add("d", source={"id": "1"}, type="x")
        assert listed(source="1", type="x", fragmentType="c8y_A") == ["a"]

    @pytest.mark.parametrize("name", ["withSourceAssets", "withSourceDevices"])
    def test_related_sources_are_accepted_with_a_source(self, listed, add, name):
        add("a", source={"id": "1"})
        add("b", source={"id": "2"})
        assert listed(source="1", **{name: "true"}) == ["a"]
        assert sorted(listed(**{name: "false"})) == ["a", "b"]


class TestPages:
    @pytest.fixture
    def seven(self, add):
        for n in range(7):
            add(str(n), time=f"2026-11-24T12:00:0{n}Z")

    def page(self, client, query):
        answer = client.get(f"/event/events{query}").json
        return [event["text"] for event in answer["events"]], answer

    def test_default_has_five(self, client, seven):
        texts, answer = self.page(client, "")
        assert texts == list("65432")
        assert answer["statistics"] == {"pageSize": 5, "currentPage": 1}
        assert answer["self"] == "http://localhost:80/event/events?pageSize=5&currentPage=1"
        assert answer["next"] == "http://localhost:80/event/events?pageSize=5&currentPage=2"
        assert "prev" not in answer

    def test_last_and_past_the_end(self, client, seven):
        texts, answer = self.page(client, "?currentPage=2")
        assert texts == list("10")
        assert "next" not in answer
        assert answer["prev"].endswith("pageSize=5&currentPage=1")
        texts, answer = self.page(client, "?currentPage=3")
        assert (texts, answer["statistics"]["currentPage"]) == ([], 3)
        assert "next" not in answer
        assert answer["prev"].endswith("currentPage=2")
        for number in ("1000000000", "999999999999999", "9" * 100):
            assert self.page(client, f"?currentPage={number}")[0] == []
            assert self.page(client, f"?currentPage={number}&withTotalElements=true")[1]["statistics"] == {
                "pageSize": 5,
                "currentPage": int(number),
                "totalElements": 7,
            }

    def test_next_stands_while_a_page_was_full(self, client, seven):
        texts, answer = self.page(client, "?pageSize=7")
        assert len(texts) == 7
        texts, answer = self.page(client, "?" + urlsplit(answer["next"]).query)
        assert texts == []
        assert "next" not in answer

    def test_links_keep_the_filters_and_hold_the_page_as_c8y_client_looks_for_it(self, client, seven):
        query = urlencode({"type": "test_Event", "source": "1001", "withTotalPages": "true", "x": "ü &"})
        _, answer = self.page(client, f"?currentPage=2&{query}&pageSize=2&revert=true")
        for name, number in (("self", 2), ("next", 3), ("prev", 1)):
            assert re.search(r"currentPage=(-{0,1}\d+)", answer[name])[1] == str(number)
            assert parse_qs(urlsplit(answer[name]).query) == {
                "type": ["test_Event"],
                "source": ["1001"],
                "withTotalPages": ["true"],
                "revert": ["true"],
                "x": ["ü &"],
                "pageSize": ["2"],
                "currentPage": [str(number)],
            }

    @pytest.mark.parametrize("size", [1, 2, 3, 7, 8])
    def test_next_leads_through_all_events_once(self, client, seven, size):
        texts, link = [], f"/event/events?pageSize={size}"
        while link:
            answer = client.get(link.removeprefix("http://localhost:80")).json
            texts += [event["text"] for event in answer["events"]]
            link = answer.get("next")
        assert texts == list("6543210")

    def test_larger_page_is_trimmed(self, client, seven):
        for size in ("2000", "2001", "100000", "1000000000"):
            answer = client.get(f"/event/events?pageSize={size}").json
            assert answer["statistics"]["pageSize"] == 2000
            assert "pageSize=2000&" in answer["self"]

    @pytest.mark.parametrize(("size", "pages"), [(1, 7), (2, 4), (3, 3), (5, 2), (7, 1), (8, 1)])
    def test_totals(self, client, seven, size, pages):
        statistics = self.page(client, f"?pageSize={size}&withTotalPages=true")[1]["statistics"]
        assert statistics == {"pageSize": size, "currentPage": 1, "totalPages": pages}
        statistics = self.page(client, f"?pageSize={size}&withTotalElements=true")[1]["statistics"]
        assert statistics == {"pageSize": size, "currentPage": 1, "totalElements": 7}
        statistics = self.page(client, f"?pageSize={size}&withTotalElements=True&withTotalPages=TRUE")[1][
            "statistics"
        ]
        assert (statistics["totalPages"], statistics["totalElements"]) == (pages, 7)

    def test_totals_of_what_the_filter_leaves(self, client, seven):
        query = (
            "?dateTo=2026-11-24T12:00:02Z&pageSize=2&currentPage=2&withTotalPages=true&withTotalElements=true"
        )
        texts, answer = self.page(client, query)
        assert texts == ["0"]
        assert answer["statistics"] == {"pageSize": 2, "currentPage": 2, "totalPages": 2, "totalElements": 3}

    def test_totals_of_nothing(self, client):
        query = "?withTotalPages=true&withTotalElements=true"
        assert self.page(client, query)[1]["statistics"] == {
            "pageSize": 5,
            "currentPage": 1,
            "totalPages": 0,
            "totalElements": 0,
        }

    @pytest.mark.parametrize("query", ["", "?withTotalPages=false&withTotalElements=false"])
    def test_no_totals_unless_asked(self, client, seven, query):
        assert set(self.page(client, query)[1]["statistics"]) == {"pageSize", "currentPage"}


TIMES = ["dateFrom", "dateTo", "createdFrom", "createdTo", "lastUpdatedFrom", "lastUpdatedTo"]
FLAGS = ["revert", "withTotalPages", "withTotalElements", "withSourceAssets", "withSourceDevices"]


class TestRefused:
    @pytest.mark.parametrize(
        ("name", "value"),
        [(name, value) for name in TIMES for value in ("yesterday", "2026-13-01", "", "1795478400000")]
        + [(name, value) for name in FLAGS for value in ("yes", "1", "")]
        + [
            (n, v)
            for n in ("pageSize", "currentPage")
            for v in ("0", "-1", "abc", "1.5", "", "1e3", "9" * 101, "%2B1")
        ],
    )
    def test_parameter_that_cannot_be_read_is_422_and_named(self, client, ask, refused, name, value):
        answer = ask(client, "GET", f"/event/events?source=1&{name}={value}")
        assert name in refused(answer, 422, "undefined/validationError")

    @pytest.mark.parametrize(
        ("query", "name"),
        [
            ("fragmentValue=x", "fragmentValue"),
            ("withSourceAssets=true", "withSourceAssets"),
            ("withSourceDevices=true", "withSourceDevices"),
            ("type=a&type=b", "type"),
            ("pageSize=1&pageSize=2", "pageSize"),
            ("source=%ff", "source cannot be read"),
            ("%ff=1", "UTF-8"),
        ],
    )
    def test_what_does_not_fit_together_is_422(self, client, ask, refused, query, name):
        assert name in refused(ask(client, "GET", f"/event/events?{query}"), 422)

    def test_same_parameter_twice_with_the_same_value_is_accepted(self, listed, three):
        assert listed("type=test_Event&type=test_Event") == ["c", "b", "a"]


class TestDelete:
    @pytest.fixture
    def delete(self, client, ask):
        return lambda query="": ask(client, "DELETE", f"/event/events{query}")

    def test_by_filter_takes_attachments_along_at_once(self, client, listed, add, delete):
        for text, kind in (("a", "x"), ("b", "y"), ("c", "x")):
            client.post(client.binaries(add(text, type=kind)), b"x", {"Content-Type": "x/y"})
        answer = delete("?type=x")
        assert (answer.status_int, answer.body) == (204, b"")
        assert listed() == ["b"]
        assert len(client.files()) == 3

    @pytest.mark.parametrize(
        ("query", "left"),
        [
            ("?source=1001", ""),
            ("?source=2", "cba"),
            ("?dateFrom=2026-11-24T12:00:00Z", "a"),
            ("?dateTo=2026-11-24T12:00:00Z", "c"),
            ("?dateFrom=2026-11-24T12:00:00Z&dateTo=2026-11-24T12:00:00Z", "ca"),
            ("?createdFrom=2099-01-01", "cba"),
            ("?createdTo=2099-01-01", ""),
            ("?lastUpdatedFrom=2099-01-01", "cba"),
            ("?fragmentType=c8y_A", "cba"),
            ("?fragmentType=text&fragmentValue=b", "ca"),
            ("", ""),
        ],
    )
    def test_obeys_every_filter(self, listed, three, delete, query, left):
        assert delete(query).status_int == 204
        assert listed() == list(left)

    @pytest.mark.parametrize(
        "query",
        [
            "?typ=x",
            "?type=test_Event&nonsense=1",
            "?pageSize=1",
            "?currentPage=1",
            "?revert=true",
            "?withTotalPages=true",
            "?withSourceAssets=true&source=1001",
            "?Type=x",
        ],
    )
    def test_parameter_that_is_no_filter_is_422_and_deletes_nothing(
        self, client, three, delete, refused, unchanged, query
    ):
        with unchanged(client):
            refused(delete(query), 422)

    @pytest.mark.parametrize(
        "query", ["?dateFrom=yesterday", "?type=a&type=b", "?fragmentValue=x", "?source=%ff"]
    )
    def test_parameter_that_cannot_be_read_is_422_and_deletes_nothing(
        self, client, three, delete, refused, unchanged, query
    ):
        with unchanged(client):
            refused(delete(query), 422)

    @pytest.mark.parametrize(
        "headers",
        [{"If-Match": "*"}, {"If-Match": '"x"'}, {"If-Unmodified-Since": "Tue, 01 Jan 2019 00:00:00 GMT"}],
    )
    def test_under_a_condition_is_412_for_a_list_has_no_validators(
        self, client, ask, three, refused, unchanged, headers
    ):
        with unchanged(client):
            refused(ask(client, "DELETE", "/event/events", headers=headers), 412)

    def test_of_nothing_is_204(self, delete):
        assert delete().status_int == 204

    def test_by_x_http_method(self, client, ask, listed, three):
        assert (
            ask(client, "POST", "/event/events?type=test_Event", b"", {"X-HTTP-METHOD": "DELETE"}).status_int
            == 204
        )
        assert listed() == []


# Held against brute force --------------------------------------------------------------------------------

EVENTS = st.fixed_dictionaries(
    {
        "source": st.sampled_from("12").map(lambda i: {"id": i}),
        "type": st.sampled_from("xy"),
        "time": st.integers(0, 3).map(lambda s: f"2026-11-24T12:00:00.00{s}Z"),
    },
    optional={"c8y_A": st.sampled_from(["x", "", 1, {}]), "c8y_B": st.just("x")},
)
STEPS = st.tuples(EVENTS, st.integers(0, 2), st.booleans())
MOMENT = st.tuples(st.sampled_from(["time", "creationTime", "lastUpdated"]), st.integers(0, 7))
BOUNDS = dict.fromkeys(TIMES, MOMENT)
QUERIES = st.fixed_dictionaries(
    {"pageSize": st.integers(1, 5), "currentPage": st.integers(1, 3), "revert": st.booleans()},
    optional={
        "source": st.sampled_from("123"),
        "type": st.sampled_from("xyz"),
        "fragmentType": st.sampled_from(["c8y_A", "c8y_B", "c8y_IsBinary", "text"]),
        "fragmentValue": st.sampled_from(["x", "", "1"]),
        **BOUNDS,
    },
)


def matches(event, query):
    """API.md's rules, over the event as it is read; all times have one form, so they compare as text."""
    inside = {
        "dateFrom": lambda v: event["time"] >= v,
        "dateTo": lambda v: event["time"] <= v,
        "createdFrom": lambda v: event["creationTime"] >= v,
        "createdTo": lambda v: event["creationTime"] <= v,
        "lastUpdatedFrom": lambda v: event["lastUpdated"] >= v,
        "lastUpdatedTo": lambda v: event["lastUpdated"] < v,
        "source": lambda v: event["source"]["id"] == v,
        "type": lambda v: event["type"] == v,
        "fragmentType": lambda v: v in event,
        "fragmentValue": lambda v: event.get(query["fragmentType"]) == v,
    }
    return all(rule(query[name]) for name, rule in inside.items() if name in query)


class TestAgainstBruteForce:
    @settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(st.lists(STEPS, max_size=7), st.lists(QUERIES, min_size=1, max_size=6))
    def test_random_queries_over_random_events(self, client, ask, clock, steps, queries):
        ask(client, "DELETE", "/event/events")
        # Hypothesis draws the same numbers for each example; so would the IDs be, in the same millisecond.
        clock.move(1)
        events = []
        for members, pause_ms, attach in steps:
            clock.move(pause_ms)
            event = client.create_event(**members)
            if attach:
                clock.move(1)
                client.put(client.binaries(event), b"x", {"Content-Type": "x/y"})
            events.append(event)
        events = [client.get(f"/event/events/{event}").json for event in events]
        for query in queries:
            if "fragmentType" not in query:
                query.pop("fragmentValue", None)
            for name in TIMES:
                if name in query:
                    member, index = query[name]
                    query[name] = (
                        events[index % len(events)][member] if events else "2026-11-24T12:00:00.000Z"
                    )
            self.check(client, events, query)

    def check(self, client, events, query):
        found = [event for event in events if matches(event, query)]
        found.sort(key=lambda e: (e["time"], int(e["id"])), reverse=not query["revert"])
        size, number = query["pageSize"], query["currentPage"]
        page = found[size * (number - 1) : size * number]
        totals = {"withTotalPages": "true", "withTotalElements": "true"}
        answer = client.get("/event/events", query | {"revert": str(query["revert"]).lower()} | totals).json
        assert answer["events"] == page
        assert answer["statistics"] == {
            "pageSize": size,
            "currentPage": number,
            "totalPages": -(-len(found) // size),
            "totalElements": len(found),
        }
        assert ("next" in answer) == (len(page) == size)
        assert ("prev" in answer) == (number > 1)


def test_next_stands_although_an_event_of_the_page_went_meanwhile(client, monkeypatch):
    for _ in range(4):
        client.create_event()
    read, calls = listing.read_readable, []

    def read_and_delete(event_id, home):
        calls.append(event_id)
        if len(calls) == 1:  # two were found; now the page is read
            client.store.events.delete(event_id, Precondition())
        return read(event_id, home)

    monkeypatch.setattr(listing, "read_readable", read_and_delete)
    page = client.get("/event/events?pageSize=2").json
    assert len(page["events"]) == 1
    assert "next" in page


@pytest.mark.parametrize("name", ["date", "created", "lastUpdated"])
def test_times_that_end_before_they_begin_read_neither_the_tree_nor_the_index(client, monkeypatch, name):
    client.create_event()
    query = f"{name}From=2026-11-25&{name}To=2026-11-24"
    assert client.get("/event/events?pageSize=1").json["events"]

    def fail(*_):
        raise AssertionError("read")

    monkeypatch.setattr("c8ybin.store.layout.Layout.walk", fail)
    monkeypatch.setattr("c8ybin.index.view.View.refresh", fail)
    answer = client.get(f"/event/events?{query}&withTotalPages=true").json
    assert (answer["events"], answer["statistics"]["totalPages"], "next" in answer) == ([], 0, False)
    assert client.delete(f"/event/events?{query}").status_int == 204
