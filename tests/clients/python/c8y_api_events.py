"""c8y_api: events are created, read, changed and deleted."""

from datetime import UTC, datetime, timedelta, timezone

from c8y_api.model import Event
from c8y_api_common import C8Y, TIME, ids, new, new_source, series
from checks import check, equal, raises


@check
def an_event_comes_back_with_an_id_and_its_times():
    event = new(text="door open", c8y_Door={"open": True})
    assert event.id.isdecimal()
    read = C8Y.events.get(event.id)
    equal((read.type, read.time, read.text), ("c8y_Test", TIME, "door open"))
    equal(read.c8y_Door.open, True)
    equal(read.source, event.source)
    age = datetime.now(UTC) - read.creation_datetime
    assert timedelta(seconds=-1) <= age < timedelta(minutes=1), age
    equal(read.updated_time, read.creation_time)


@check
def a_time_with_an_offset_comes_back_in_utc():
    zone = timezone(timedelta(hours=2))
    equal(new(datetime(2026, 11, 24, 14, 0, tzinfo=zone)).time, TIME)


@check
def an_event_without_a_time_gets_that_of_now():
    source = new_source()
    C8Y.events.create(Event(type="c8y_Test", source=source, text="now"))
    event = C8Y.events.get_last(source=source)
    age = datetime.now(UTC) - event.datetime
    assert timedelta(seconds=-1) <= age < timedelta(minutes=1), age


@check
def several_events_are_created_in_one_call():
    source = new_source()
    C8Y.events.create(*(Event(type="c8y_Test", time=TIME, source=source, text=t) for t in "abc"))
    equal({event.text for event in C8Y.events.select(source=source)}, set("abc"))


@check
def a_change_of_the_text_keeps_everything_else():
    event = new(c8y_Door={"open": True})
    event.text = "changed"
    changed = event.update()
    equal((changed.text, changed.time, changed.type), ("changed", TIME, "c8y_Test"))
    equal(changed.source, event.source)
    equal(changed.c8y_Door.open, True)
    assert changed.updated_datetime >= event.updated_datetime


@check
def fragments_are_added_and_changed():
    event = new(c8y_Door={"open": True, "side": "left"})
    event["c8y_Lamp"] = "on"
    event.c8y_Door.open = False
    changed = event.update()
    equal(changed.fragments, {"c8y_Door": {"open": False, "side": "left"}, "c8y_Lamp": "on"})
    equal(C8Y.events.get(event.id).fragments, changed.fragments)


@check
def a_fragment_is_removed_by_null():
    event = new(c8y_Door={"open": True})
    assert "c8y_Door" not in event.apply({"c8y_Door": None})


@check
def an_update_of_the_collection_changes_several_events():
    events = [new(), new()]
    for event in events:
        event.text = "both"
    C8Y.events.update(*events)
    equal([C8Y.events.get(event.id).text for event in events], ["both", "both"])


@check
def one_change_is_applied_to_several_events():
    events = [new(), new()]
    C8Y.events.apply_to({"text": "all"}, *(event.id for event in events))
    equal([C8Y.events.get(event.id).text for event in events], ["all", "all"])


@check
def an_event_is_applied_to_another_of_the_same_source_type_and_time():
    one = new(c8y_Door={"open": True})
    other = new(source=one.source)
    equal(one.apply_to(other.id).fragments["c8y_Door"], {"open": True})


@check
def an_event_is_deleted():
    event = new()
    event.delete()
    raises(KeyError, C8Y.events.get, event.id)


@check
def several_events_are_deleted_by_their_ids():
    source, made = series(3)
    C8Y.events.delete(*made[:2])
    equal(ids(source=source), made[2:])


@check
def events_are_deleted_by_filter_and_no_others():
    source, made = series(4)
    C8Y.events.delete_by(source=source, type="c8y_Test", before="2026-11-24T12:01:30Z")
    equal(ids(source=source, reverse=True), made[2:])
