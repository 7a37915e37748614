"""c8y_api: every filter, all pages in both orders, counts."""

from datetime import datetime, timedelta, timezone

from c8y_api_common import C8Y, TIME, ids, new, new_source, series
from checks import check, equal


@check
def events_are_found_by_type():
    one, other = new(type="c8y_OfOneType"), new(type="c8y_OfAnother")
    equal(ids(type="c8y_OfOneType"), [one.id])
    equal(ids(type="c8y_OfAnother"), [other.id])


@check
def events_are_found_by_source():
    one, other = new(), new()
    equal(ids(source=one.source), [one.id])
    equal(ids(source=other.source), [other.id])


@check
def events_are_found_by_fragment():
    event = new(c8y_FoundByIt={})
    equal(ids(fragment="c8y_FoundByIt"), [event.id])
    equal(ids(fragment_type="c8y_FoundByIt"), [event.id])


@check
def events_are_found_by_the_value_of_a_fragment():
    red, _ = new(c8y_Colour="red"), new(c8y_Colour="green")
    equal(ids(fragment_type="c8y_Colour", fragment_value="red"), [red.id])
    equal(ids(fragment_type="c8y_Colour", fragment_value="blue"), [])


@check
def both_ends_of_a_date_range_belong_to_it():
    source, made = series()
    first, last = "2026-11-24T12:02:00.000Z", "2026-11-24T12:04:00.000Z"
    equal(ids(source=source, date_from=first, date_to=last), made[4:1:-1])
    equal(ids(source=source, after=first, before=last), made[4:1:-1])
    equal(ids(source=source, date_from=first, date_to=first), [made[2]])


@check
def datetimes_with_a_zone_are_bounds():
    source, made = series()
    zone = timezone(timedelta(hours=-5))
    equal(ids(source=source, after=datetime(2026, 11, 24, 7, 5, tzinfo=zone)), [made[6], made[5]])


@check
def a_date_alone_is_a_bound():
    source, made = series()
    equal(ids(source=source, after="2026-11-24"), made[::-1])
    equal(ids(source=source, after="2026-11-25"), [])
    equal(ids(source=source, before="2026-11-24"), [])


@check
def events_are_found_by_their_age():
    source = new_source()
    old, young = new("2026-01-01T00:00:00Z", source=source), new("now", source=source)
    equal(ids(source=source, min_age=timedelta(hours=1)), [old.id])
    equal(ids(source=source, max_age=timedelta(hours=1)), [young.id])


@check
def events_are_found_by_when_they_were_created():
    source, made = series(3)
    middle = C8Y.events.get(made[1]).creation_time
    at_or_after, at_or_before = (
        ids(source=source, created_after=middle),
        ids(source=source, created_to=middle),
    )
    assert made[1] in at_or_after and made[2] in at_or_after
    assert made[1] in at_or_before and made[0] in at_or_before
    equal(ids(source=source, created_from="2020-01-01", created_before="2020-01-02"), [])


@check
def a_range_of_updates_takes_its_begin_and_leaves_out_its_end():
    event = new()
    event.text = "changed"
    at = event.update().updated_time
    equal(ids(source=event.source, updated_after=at), [event.id])
    equal(ids(source=event.source, last_updated_from=at), [event.id])
    equal(ids(source=event.source, updated_before=at), [])
    equal(ids(source=event.source, last_updated_to=at), [])


@check
def filters_hold_together():
    source = new_source()
    wanted = new(source=source, type="c8y_This", c8y_Mark="x")
    new(source=source, type="c8y_That", c8y_Mark="x")
    new(source=source, type="c8y_This")
    new(source=source, type="c8y_This", c8y_Mark="x", time="2026-11-25T12:00:00Z")
    new(type="c8y_This", c8y_Mark="x")
    filters = {"source": source, "type": "c8y_This", "before": TIME, "after": TIME}
    equal(ids(**filters, fragment_type="c8y_Mark", fragment_value="x"), [wanted.id])
    equal(C8Y.events.get_count(**filters, fragment_type="c8y_Mark", fragment_value="x"), 1)


@check
def a_filter_may_be_an_expression_of_ones_own():
    source, made = series(3)
    equal(ids(expression=f"source={source}&revert=true"), made)


@check
def the_assets_and_devices_of_a_source_may_be_asked_for():
    source, made = series(2)
    equal(ids(source=source, with_source_assets=True, with_source_devices=True), made[::-1])


@check
def a_limit_ends_the_list():
    source, made = series()
    equal(ids(source=source, limit=3, page_size=2), [made[6], made[5], made[4]])


@check
def one_page_is_read_alone():
    source, made = series()
    equal(ids(source=source, page_size=3, page_number=2), [made[3], made[2], made[1]])
    equal(ids(source=source, page_size=3, page_number=99), [])


@check
def values_are_read_without_events():
    source, _ = series(2)
    found = C8Y.events.get_all(source=source, as_values=["time", ("c8y_No", "none")])
    equal(found, [("2026-11-24T12:01:00.000Z", "none"), (TIME, "none")])


@check
def all_pages_are_walked_newest_first():
    source, made = series()
    for size in (1, 2, 7, 1000):
        equal(ids(source=source, page_size=size), made[::-1])


@check
def all_pages_are_walked_oldest_first():
    source, made = series()
    for size in (1, 2, 7, 1000):
        equal(ids(source=source, page_size=size, reverse=True), made)


@check
def events_of_one_time_are_each_walked_once():
    source = new_source()
    made = {new(source=source).id for _ in range(5)}
    forwards, backwards = ids(source=source, page_size=2), ids(source=source, page_size=2, reverse=True)
    equal((len(forwards), set(forwards)), (5, made))
    equal(backwards, forwards[::-1])


@check
def events_are_counted():
    source, _ = series()
    equal(C8Y.events.get_count(source=source), 7)
    equal(C8Y.events.get_count(source=source, after="2026-11-24T12:05:00Z"), 2)
    equal(C8Y.events.get_count(source="nobody"), 0)


@check
def the_last_event_is_the_newest_by_its_own_time():
    source, made = series()
    new("2026-11-24T11:00:00Z", source=source)
    equal(C8Y.events.get_last(source=source).id, made[-1])
    equal(C8Y.events.get_last(source=source, before="2026-11-24T12:01:30Z").id, made[1])
    equal(C8Y.events.get_last(source="nobody"), None)
