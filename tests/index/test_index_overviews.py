"""Overviews: whatever is in columns, in logs or changed since, they are the sums of what the events are."""

import random

import pytest

from c8ybin.domain.events import IS_BINARY, IS_INCOMPLETE
from c8ybin.domain.queries import Query
from c8ybin.index import Overview

DAY = 86_400_000


def brute(events, sources=None):
    found = Overview()
    for facts in events.values():
        if sources is None or facts.source in sources:
            found.add(facts)
    return found


def put(index, events, event_id, *, is_new, **fragments):
    facts = events.put(event_id, event_id * DAY // 3, **fragments)
    if is_new:
        index.born(facts)
    else:
        index.touched(event_id)


@pytest.fixture
def small(monkeypatch):
    """Let few lines be folded, and columns be short."""
    monkeypatch.setattr("c8ybin.index.index.FOLD_AT", 2)
    monkeypatch.setattr("c8ybin.index.table.MOST_ROWS", 8)
    monkeypatch.setattr("c8ybin.index.table.CUT_ROWS", 6)


def test_sums_of_nothing(index):
    assert index.overview(Query()) == Overview()


@pytest.mark.parametrize("seed", range(8))
def test_sums_are_those_of_the_events_whatever_happens_to_them(make_index, events, small, seed):
    choose = random.Random(seed)
    one, two = make_index("aa"), make_index("bb")
    one.overview(Query())
    for event_id in range(60):
        put(
            choose.choice([one, two]),
            events,
            event_id,
            is_new=True,
            type=f"t{choose.randrange(5)}",
            source=str(choose.randrange(3)),
        )
        if choose.random() < 0.3:
            changed = choose.choice(list(events))
            fragments = choose.choice([{}, {IS_BINARY: {}}, {IS_INCOMPLETE: {}}])
            put(one, events, changed, is_new=False, type=events[changed].type, **fragments)
        if choose.random() < 0.2:
            removed = choose.choice(list(events))
            del events[removed]
            two.gone(removed, removed * DAY // 3)
        if choose.random() < 0.2:
            one.fold()
        if choose.random() < 0.5:
            own = frozenset(["1", "2"])
            for reader in (one, two):
                assert reader.overview(Query()) == brute(events)
                assert reader.overview(Query(sources=own)) == brute(events, own)


def test_what_an_account_has_no_sources_for_is_nothing(index, events):
    index.overview(Query())
    put(index, events, 7, is_new=True)
    assert index.overview(Query(sources=frozenset())) == Overview()


def test_a_type_is_read_once_and_a_column_summed_up_once(make_index, events, small, monkeypatch):
    one = make_index("aa")
    one.overview(Query())
    for event_id in range(20):
        put(one, events, event_id, is_new=True, type=f"t{event_id % 2}")
    one.fold()
    reader = make_index("bb")
    wanted = reader.overview(Query())
    reads = []
    monkeypatch.setattr(reader, "_read", lambda event_id: reads.append(event_id))
    monkeypatch.setattr("c8ybin.index.overview._sum", None)
    assert reader.overview(Query()) == wanted == brute(events)
    assert reads == []


def test_types_of_events_that_cannot_be_read_are_summed_up_without_a_name(make_index, events, small):
    one = make_index("aa")
    one.overview(Query())
    for event_id in range(6):
        put(one, events, event_id, is_new=True, type=f"t{event_id % 2}")
    one.fold()
    hidden = {event_id: events.pop(event_id) for event_id in (1, 3, 5)}
    events.unreadable |= hidden.keys()
    reader = make_index("bb")
    assert reader.overview(Query()).types == {"t0": (3, 0), None: (3, 0)}
    events.update(hidden)
    assert reader.overview(Query()).types == {"t0": (3, 0), "t1": (3, 0)}


@pytest.mark.parametrize("folds", [False, True])
def test_an_event_whose_number_was_given_again_names_no_type_of_others(index, events, small, folds):
    index.overview(Query())
    for event_id in range(4):
        put(index, events, event_id, is_new=True, type="old")
    if folds:
        index.fold()
    for event_id in range(4):
        events.put(event_id, event_id * DAY // 3, type="new")
    assert index.overview(Query()).types == {None: (4, 0)}


@pytest.mark.parametrize("folds", [False, True])
def test_of_more_types_than_are_looked_up_the_rest_has_no_name(index, events, small, monkeypatch, folds):
    monkeypatch.setattr("c8ybin.index.overview.MOST_TYPES", 3)
    index.overview(Query())
    for event_id in range(12):
        put(index, events, event_id, is_new=True, type=f"t{event_id % 6}")
    if folds:
        index.fold()
    found = index.overview(Query())
    assert len(found.types) == 4
    assert found.types[None] == (6, 0)
    del events[0]
    index.gone(0, 0)
    assert sum(events for events, _ in index.overview(Query()).types.values()) == 11
