"""The real clients, unmodified, against a running server: each check of each suite is a test."""

from collections.abc import Callable

import pytest
from suites import SUITES, Outcome, Suite


@pytest.mark.parametrize(
    ("suite", "check"),
    [pytest.param(suite, name, id=f"{suite.client}: {name}") for suite in SUITES for name in suite.checks()],
)
def test_client(
    suite: Suite,
    check: str,
    outcome_of: Callable[[Suite], Outcome],
    record_property: Callable[[str, object], None],
) -> None:
    outcome = outcome_of(suite)
    record_property("client", f"{suite.client} {outcome.version}")
    if failure := outcome.failures[check]:
        pytest.fail(failure, pytrace=False)
