"""Where an ID leads."""

from pathlib import Path

from c8ybin.domain.ids import FIRST_OWN, EventId
from c8ybin.store.layout import Layout

LAYOUT = Layout(Path("/data"))


def own_id(millis, low_bits=0):
    return EventId(((millis - 1_577_836_800_000) << 12) | low_bits)


def test_an_own_event_lies_under_the_day_and_hour_of_its_id_in_utc(monkeypatch):
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    event_id = own_id(1_795_535_999_999, 0xABC)  # 2026-11-24T15:59:59.999Z
    assert LAYOUT.event(event_id) == Path(f"/data/events/2026-11-24/15/{event_id}")
    assert LAYOUT.hour_name(event_id) == "2026-11-24/15"
    assert LAYOUT.hour(own_id(1_795_536_000_000)) == Path("/data/events/2026-11-24/16")


def test_an_imported_event_lies_under_its_id_by_ten_thousands():
    assert LAYOUT.event(EventId(1)) == Path("/data/events/imported/0/1")
    assert LAYOUT.event(EventId(10_000)) == Path("/data/events/imported/1/10000")
    assert LAYOUT.event(EventId(FIRST_OWN - 1)) == Path("/data/events/imported/99999999/999999999999")
    assert LAYOUT.event(EventId(FIRST_OWN)) == Path("/data/events/2020-01-03/19/1000000000000")


def test_events_share_the_1024_locks_by_the_last_bits_of_their_ids():
    assert LAYOUT.lock(EventId(5 * 1024 + 0x3FF)) == Path("/data/locks/3ff")
    assert LAYOUT.lock(EventId(1024)) == Path("/data/locks/000")


def test_a_walk_finds_own_and_imported_events_in_order(tmp_path):
    layout = Layout(tmp_path)
    ids = sorted(
        [own_id(1_795_535_999_999, 7), own_id(1_795_536_000_000), own_id(1_895_536_000_000), EventId(7)]
    )
    for event_id in ids:
        layout.event(event_id).mkdir(parents=True)
    assert sorted(layout.walk()) == [(event_id, layout.event(event_id)) for event_id in ids]
    assert list(layout.walk_hour(layout.hour(EventId(7)))) == [(EventId(7), layout.event(EventId(7)))]


def test_a_walk_passes_over_what_is_no_event_of_that_hour(tmp_path):
    layout = Layout(tmp_path)
    event_id = own_id(1_795_535_999_999, 7)
    home = layout.event(event_id)
    home.mkdir(parents=True)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    hour, day = home.parent, home.parent.parent
    for name in (f"0{event_id}", "7", f"{own_id(1_795_536_000_000)}", f"{event_id}x", "lost+found", "9" * 17):
        (hour / name).mkdir()
    (hour / str(event_id + 1)).write_text("a file")
    (hour / str(event_id + 2)).symlink_to(elsewhere)
    (day / "note.txt").touch()
    (day / "17" / "1").mkdir(parents=True)
    (layout.events / ".DS_Store").touch()
    (layout.events / "2026-11-25").symlink_to(day)
    assert list(layout.walk()) == [(event_id, home)]


def test_a_walk_of_nothing_finds_nothing(tmp_path):
    assert list(Layout(tmp_path).walk()) == []
    assert list(Layout(tmp_path).walk_hour(tmp_path / "2026-11-24" / "15")) == []
