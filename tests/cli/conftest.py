"""A data directory for the commands that copy one."""

from pathlib import Path

import pytest
from store_tools import Desk


@pytest.fixture
def data(root: Path) -> Path:
    """Two events, one of them with a file."""
    with Desk(root) as desk:
        desk.attach(desk.create(), b"bytes")
        desk.create(text="other")
    return root
