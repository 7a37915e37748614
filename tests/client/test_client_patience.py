"""How long the client waits before it tries again."""

from email.utils import formatdate

import pytest

from c8ybin.client import patience
from c8ybin.client.patience import LONGEST_ASKED_S, LONGEST_S, wait_s

NOW_S = 1_800_000_000.0
FIRST_S = 0.2  # as the client has it outside of tests


@pytest.fixture(autouse=True)
def real_waits(no_long_waits: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "FIRST_S", FIRST_S)
    monkeypatch.setattr(patience, "time", lambda: NOW_S)


def test_each_wait_is_twice_as_long_until_half_a_minute() -> None:
    for attempt in range(1, 20):
        pause = wait_s(attempt, None)
        least = min(LONGEST_S, FIRST_S * 2 ** (attempt - 1))
        assert pause is not None
        assert least <= pause <= least * 1.25


def test_not_all_wait_equally_long() -> None:
    assert len({wait_s(5, None) for _ in range(20)}) > 1


@pytest.mark.parametrize(
    ("asked", "least", "most"),
    [
        ("0", 0, 0),
        (" 7 ", 7, 7),
        (formatdate(NOW_S + 60, usegmt=True), 60, 60),
        (formatdate(0, usegmt=True), 0, 0),
    ],
)
def test_a_server_that_says_when_has_it_its_way(asked: str, least: float, most: float) -> None:
    pause = wait_s(9, asked)
    assert pause is not None
    assert least <= pause <= most


def test_one_that_wants_more_than_minutes_has_refused() -> None:
    assert wait_s(1, str(int(LONGEST_ASKED_S) + 1)) is None


@pytest.mark.parametrize("asked", ["soon", "", "-3", "1.5"])
def test_what_cannot_be_read_is_passed_over(asked: str) -> None:
    pause = wait_s(1, asked)
    assert pause is not None
    assert FIRST_S <= pause < 1
