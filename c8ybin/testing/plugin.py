"""The plugin of pytest: fixtures that are real servers."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from c8ybin.testing.server import C8yServer


@pytest.fixture(scope="session")
def c8y_server_options() -> Sequence[str]:
    """Options of `c8ybin serve` for the servers of tests, as `["--max-binary", "1 MiB"]`; to be overridden."""
    return ()


@pytest.fixture
def c8y_server(c8y_server_options: Sequence[str]) -> Iterator["C8yServer"]:
    """A c8ybin server of its own for a test, empty, on a free port; gone after the test."""
    from c8ybin.testing.server import running

    with running(*c8y_server_options) as server:
        yield server


@pytest.fixture(scope="session")
def c8y_session_server(c8y_server_options: Sequence[str]) -> Iterator["C8yServer"]:
    """A c8ybin server for all tests of a run; `reset()` empties it."""
    from c8ybin.testing.server import running

    with running(*c8y_server_options) as server:
        yield server
