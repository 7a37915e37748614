"""Event IDs as they stand in a URL, and the clock that they are made from."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from c8ybin.domain import ids
from c8ybin.domain.errors import EventNotFound


@given(st.integers(1, ids.LIMIT - 1))
def test_every_whole_number_below_2_to_the_53_is_an_id(number):
    assert ids.parse_event_id(str(number)) == number


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0",
        "01",
        "00",
        "+1",
        "-1",
        " 1",
        "1 ",
        "1\n",
        "1.0",
        "1e3",
        "1_000",
        "0x10",
        "a",
        "١٢٣",  # Arabic-Indic digits
        "1٣",
        "１２",  # full-width digits
        "1²",
        "../1",
        str(2**53),
        str(2**53 + 1),
        "9" * 16,
        "1" * 17,
        "1" * 10_000,
    ],
)
def test_what_is_not_plain_digits_below_2_to_the_53_is_no_event(text):
    with pytest.raises(EventNotFound):
        ids.parse_event_id(text)


def test_the_largest_id_is_one_below_2_to_the_53():
    assert ids.parse_event_id("9007199254740991") == 2**53 - 1


@given(st.text(max_size=20))
def test_any_text_is_either_the_id_it_spells_or_no_event(text):
    try:
        number = ids.parse_event_id(text)
    except EventNotFound:
        return
    assert str(number) == text


MOMENTS = st.integers(ids.RELEASED_MS, ids.EPOCH_MS + (ids.LIMIT >> ids.RANDOM_BITS) - 1)


@given(MOMENTS, MOMENTS)
def test_ids_sort_by_the_time_they_were_made(one, other):
    earlier, later = sorted((one, other))
    if earlier < later:
        assert ids.new_event_id(earlier) < ids.new_event_id(later)


@given(MOMENTS)
def test_a_new_id_reads_back_tells_its_time_and_is_not_in_the_imported_range(now_ms):
    event_id = ids.new_event_id(now_ms)
    assert ids.parse_event_id(str(event_id)) == event_id
    assert ids.created_ms(event_id) == now_ms
    assert event_id >= ids.FIRST_OWN


def test_ids_of_one_millisecond_differ_by_chance():
    assert len({ids.new_event_id(ids.RELEASED_MS) for _ in range(50)}) > 25


def test_the_epoch_of_ids_is_the_year_2020_and_the_release_is_the_24th_of_november_2026():
    assert (ids.EPOCH_MS, ids.RELEASED_MS) == (1_577_836_800_000, 1_795_478_400_000)


@given(st.lists(st.floats(0, 3.7e9), min_size=1))
def test_the_clock_never_runs_backwards_nor_before_the_release(walls):
    left = list(walls)
    clock = ids.Clock(lambda: left.pop(0))
    read = [clock.now_ms() for _ in walls]
    assert read == [max(ids.RELEASED_MS, *(int(w * 1000) for w in walls[: i + 1])) for i in range(len(walls))]


def test_a_box_that_boots_in_1970_makes_events_of_the_release_date():
    assert ids.Clock(lambda: 0.0).now_ms() == ids.RELEASED_MS


def test_a_clock_after_the_release_tells_the_wall_time_cut_to_milliseconds():
    assert ids.Clock(lambda: 1_900_000_000.9876).now_ms() == 1_900_000_000_987


def test_a_clock_that_is_set_beyond_the_limit_of_ids_makes_ids_that_can_be_read_back():
    made = ids.new_event_id(ids.Clock(lambda: 4e9).now_ms())
    assert ids.parse_event_id(str(made)) == made
    assert made < ids.LIMIT
