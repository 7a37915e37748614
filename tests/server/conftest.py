"""A starter of servers in this process."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from server_tools import Host, hosted


@pytest.fixture
def host() -> Iterator[Callable[..., Host]]:
    """Return a starter of servers in this process: application and settings; stopped in the end."""
    with ExitStack() as stack:
        yield lambda app, **more: stack.enter_context(hosted(app, **more))
