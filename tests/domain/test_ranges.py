"""Content-Range, Range, and sets of bytes held against sets of whole numbers."""

from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from c8ybin.domain.errors import RangeNotSatisfiable, Unreadable
from c8ybin.domain.ranges import ContentRange, Span, Spans, parse_arrived, parse_content_range, parse_range

SPANS = st.tuples(st.integers(0, 60), st.integers(1, 20)).map(lambda t: Span(t[0], t[0] + t[1]))


def numbers(spans):
    return {n for span in spans for n in range(span.start, span.end)}


class TestContentRange:
    @pytest.mark.parametrize(
        ("value", "start", "end", "length"),
        [
            ("0-399/*", 0, 400, None),
            ("0-3/10", 0, 4, 10),
            ("bytes 0-3/10", 0, 4, 10),
            ("Bytes  4-9/10", 4, 10, 10),
            (" 0-0/1 ", 0, 1, 1),
            ("bytes 5-5/*", 5, 6, None),
            ("007-008/009", 7, 9, 9),
        ],
    )
    def test_is_read_with_and_without_its_unit(self, value, start, end, length):
        assert parse_content_range(value) == ContentRange(Span(start, end), length)

    @pytest.mark.parametrize(
        "value",
        [
            "",
            "bytes",
            "bytes ",
            "0-3",
            "0-3/",
            "0-/10",
            "-3/10",
            "*/10",
            "bytes */10",
            "bytes */*",
            "bytes=0-3/10",
            "bytes0-3/10",
            "items 0-3/10",
            "0 - 3/10",
            "0-3 /10",
            "0-3/10, 4-5/10",
            "0-3,5-6/10",
            "0-3/**",
            "0-3/-10",
            "-1-3/10",
            "+0-3/10",
            "0x0-3/10",
            "0.0-3/10",
            "a-b/c",
            "٠-٣/١٠",
            "0-3/10x",
            "9" * 16 + "-" + "9" * 17 + "/*",
        ],
    )
    def test_malformed_is_unreadable(self, value):
        with pytest.raises(Unreadable, match="cannot be read"):
            parse_content_range(value)

    @pytest.mark.parametrize("value", ["4-3/10", "bytes 1-0/*"])
    def test_that_stops_before_it_starts_is_unreadable(self, value):
        with pytest.raises(Unreadable, match="stops before"):
            parse_content_range(value)

    @pytest.mark.parametrize("value", ["0-3/3", "0-3/0", "4-9/5"])
    def test_whose_length_does_not_reach_its_stop_is_unreadable(self, value):
        with pytest.raises(Unreadable, match="does not reach"):
            parse_content_range(value)

    @given(SPANS, st.none() | st.integers(0, 50), st.sampled_from(["", "bytes "]))
    def test_reads_back_what_it_writes(self, span, more, unit):
        where = ContentRange(span, None if more is None else span.end + more)
        assert parse_content_range(unit + str(where)) == where

    def test_is_written_with_an_inclusive_stop(self):
        assert str(ContentRange(Span(0, 4), 10)) == "0-3/10"
        assert str(ContentRange(Span(4, 10), None)) == "4-9/*"

    @given(st.text(alphabet="bytes 0123456789-/*,", max_size=25) | st.text(max_size=25))
    def test_any_text_is_a_range_of_at_least_one_byte_or_unreadable(self, value):
        try:
            where = parse_content_range(value)
        except Unreadable:
            return
        assert where.span.length > 0
        assert where.length is None or where.span.end <= where.length


class TestRange:
    @pytest.mark.parametrize(
        ("value", "start", "end"),
        [
            ("bytes=0-3", 0, 4),
            ("bytes=0-0", 0, 1),
            ("bytes=4-", 4, 10),
            ("bytes=9-9", 9, 10),
            ("bytes=0-9", 0, 10),
            ("bytes=0-10", 0, 10),
            ("bytes=5-999999", 5, 10),
            ("bytes=-3", 7, 10),
            ("bytes=-10", 0, 10),
            ("bytes=-11", 0, 10),
            ("BYTES=0-3", 0, 4),
            (" bytes=0-3 ", 0, 4),
        ],
    )
    def test_single_is_read_and_cut_to_the_file(self, value, start, end):
        assert parse_range(value, 10) == Span(start, end)

    @pytest.mark.parametrize("value", ["bytes=10-", "bytes=10-20", "bytes=11-12", "bytes=-0"])
    def test_outside_the_file_is_not_satisfiable_and_tells_the_length(self, value):
        with pytest.raises(RangeNotSatisfiable) as caught:
            parse_range(value, 10)
        assert caught.value.length == 10
        assert "10 bytes" in caught.value.message

    @pytest.mark.parametrize(
        "value",
        [
            None,
            "",
            "bytes=0-1,3-4",
            "bytes=0-1, 20-30",
            "bytes=5-4",
            "bytes=-",
            "bytes=",
            "bytes 0-3",
            "0-3",
            "items=0-3",
            "bytes=a-b",
            "bytes=--3",
            "bytes=0-3-5",
            "bytes=٠-٣",
            "bytes=0-3/10",
        ],
    )
    def test_several_other_units_and_malformed_ones_are_ignored(self, value):
        assert parse_range(value, 10) is None

    @pytest.mark.parametrize("value", ["bytes=0-", "bytes=0-0", "bytes=-0"])
    def test_of_an_empty_file_is_not_satisfiable(self, value):
        with pytest.raises(RangeNotSatisfiable):
            parse_range(value, 0)

    @given(st.integers(0, 30), st.integers(0, 30), st.integers(1, 30))
    def test_gives_the_bytes_that_slicing_gives(self, start, stop, length):
        data = bytes(range(length))
        wanted = data[start : stop + 1]
        try:
            span = parse_range(f"bytes={start}-{stop}", length)
        except RangeNotSatisfiable:
            assert not wanted
            assert start <= stop
        else:
            assert (span is None) == (stop < start)
            assert span is None or data[span.start : span.end] == wanted

    @given(st.integers(1, 40), st.integers(1, 30))
    def test_suffix_gives_the_last_bytes(self, count, length):
        data = bytes(range(length))
        span = parse_range(f"bytes=-{count}", length)
        assert data[span.start : span.end] == data[-count:]

    @given(
        st.text(alphabet="bytes=0123456789-, ", max_size=25).map("bytes={}".format) | st.text(max_size=25),
        st.integers(0, 50),
    )
    def test_any_field_gives_bytes_of_the_file_or_none_or_is_not_satisfiable(self, value, length):
        try:
            span = parse_range(value, length)
        except RangeNotSatisfiable:
            return
        assert span is None or 0 <= span.start < span.end <= length


class TestSpan:
    @given(SPANS, st.integers(1, 25))
    @example(Span(4, 12), 4)
    def test_is_its_blocks_one_after_the_other(self, span, size):
        *full, last = span.blocks(size)
        assert [n for block in (*full, last) for n in range(block.start, block.end)] == list(
            range(span.start, span.end)
        )
        assert all(block.length == size for block in full)
        assert 0 < last.length <= size

    def test_has_no_block_where_it_holds_nothing(self):
        assert list(Span(4, 4).blocks(8)) == []


class TestSpans:
    @given(st.lists(SPANS, max_size=12))
    def test_hold_what_a_set_of_numbers_holds(self, added):
        spans = Spans(added)
        assert numbers(spans) == numbers(added)
        assert spans.end == max(numbers(added), default=-1) + 1

    @given(st.lists(SPANS, max_size=12))
    def test_are_in_order_and_neither_touch_nor_overlap(self, added):
        held = list(Spans(added))
        assert all(one.end < other.start for one, other in pairwise(held))
        assert all(span.length > 0 for span in held)

    @given(st.lists(SPANS, max_size=12).flatmap(lambda s: st.tuples(st.just(s), st.permutations(s))))
    def test_are_equal_whatever_the_order_they_came_in(self, orders):
        one, other = map(Spans, orders)
        assert one == other
        assert str(one) == str(other)

    @given(st.lists(SPANS, max_size=8), SPANS)
    @example([Span(4, 8)], Span(0, 4))
    @example([Span(4, 8)], Span(8, 9))
    def test_within_and_missing_share_out_a_span(self, added, asked):
        spans, present = Spans(added), numbers(added)
        wanted = numbers([asked])
        assert numbers(spans.within(asked)) == wanted & present
        assert numbers(spans.missing(asked)) == wanted - present
        shares = sorted([*spans.within(asked), *spans.missing(asked)], key=lambda s: s.start)
        assert sum(s.length for s in shares) == asked.length
        assert all(s.length > 0 for s in shares)

    @given(st.lists(SPANS, max_size=12), st.integers(0, 80))
    def test_cover_a_length_when_every_byte_below_it_is_there(self, added, length):
        assert Spans(added).covers(length) == (set(range(length)) <= numbers(added))

    @given(st.lists(SPANS, max_size=12))
    def test_are_written_as_ranges_that_read_back(self, added):
        text = str(Spans(added))
        read = [parse_content_range(f"{part}/*").span for part in text.split(",") if part]
        assert Spans(read) == Spans(added)
        assert read == list(Spans(added))

    def test_are_written_as_the_contract_shows(self):
        assert str(Spans([Span(8, 10), Span(0, 4)])) == "0-3,8-9"
        assert str(Spans([Span(0, 4), Span(4, 8)])) == "0-7"
        assert str(Spans()) == ""

    def test_that_differ_are_not_equal_nor_is_something_else(self):
        assert Spans([Span(0, 4)]) != Spans([Span(0, 5)])
        assert Spans([Span(0, 4)]) != [Span(0, 4)]

    def test_nothing_covers_the_empty_file_only(self):
        assert Spans().covers(0)
        assert not Spans().covers(1)
        assert Spans().end == 0


def test_suffix_of_an_empty_file_is_the_whole_of_it():
    assert parse_range("bytes=-5", 0) is None
    with pytest.raises(RangeNotSatisfiable):
        parse_range("bytes=-0", 0)


def test_a_stop_of_any_number_of_digits_is_cut_to_the_end():
    assert parse_range(f"bytes=2-{'9' * 40}", 10) == Span(2, 10)


@given(
    st.lists(st.tuples(st.integers(0, 10**14), st.integers(1, 10**6)), min_size=1, max_size=9), st.booleans()
)
def test_what_has_arrived_is_read_as_it_is_written(parts: list[tuple[int, int]], is_told: bool) -> None:
    spans = Spans(Span(start, start + length) for start, length in parts)
    length = spans.end + 1 if is_told else None
    assert parse_arrived(f"{spans}/{'*' if length is None else length}") == (spans, length)


@pytest.mark.parametrize(
    "text", ["", "/*", "0-3", "0-3/", "3-0/*", "0-3,/9", "0-3;8-9/*", "bytes 0-3/*", "-3/9"]
)
def test_what_is_no_list_of_ranges_is_refused(text: str) -> None:
    with pytest.raises(Unreadable):
        parse_arrived(text)
