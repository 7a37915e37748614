"""Sizes as people write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from c8ybin.domain.sizes import format_size, parse_size, round_size


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("0", 0),
        ("52428800", 52_428_800),
        ("52428800B", 52_428_800),
        ("50MiB", 52_428_800),
        ("50 MiB", 52_428_800),
        (" 50mib ", 52_428_800),
        ("50Mi", 52_428_800),
        ("50MB", 50_000_000),
        ("50M", 50_000_000),
        ("1kB", 1000),
        ("1k", 1000),
        ("1KiB", 1024),
        ("2GB", 2_000_000_000),
        ("2GiB", 2 * 1024**3),
    ],
)
def test_a_size_is_read_with_binary_and_decimal_units(text, count):
    assert parse_size(text) == count


@pytest.mark.parametrize(
    "text", ["", "MiB", "-1", "+1", "1.5MiB", "1TB", "1 2", "50MiBB", "1e3", "٣", "0x10"]
)
def test_what_is_no_size_is_refused(text):
    with pytest.raises(ValueError, match="not a size"):
        parse_size(text)


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (52_428_800, "50 MiB"),
        (2 * 1024**3, "2 GiB"),
        (1024, "1 KiB"),
        (1025, "1025 bytes"),
        (0, "0 bytes"),
        (1536 * 1024, "1536 KiB"),
    ],
)
def test_a_size_is_written_in_the_largest_unit_that_is_exact(count, text):
    assert format_size(count) == text


@given(st.integers(0, 10**15) | st.builds(lambda n, p: n * 1024**p, st.integers(0, 5000), st.integers(0, 3)))
def test_a_written_size_reads_back(count):
    assert parse_size(format_size(count)) == count


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 bytes"), (1023, "1023 bytes"), (1024, "1.0 KiB"), (12_897_485, "12.3 MiB"), (3 << 30, "3.0 GiB")],
)
def test_a_rounded_size_is_for_people(count: int, text: str) -> None:
    assert round_size(count) == text
