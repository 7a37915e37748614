"""What the tests of several hosts share: a bed that is whole again after each, and servers on it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from bed import Bed
from fleet import Fleet
from harness import servers


@pytest.fixture
def bed(bed_of_all: Bed) -> Iterator[Bed]:
    """The bed that a test may break: it is whole again after it."""
    with bed_of_all.healed():
        yield bed_of_all


@pytest.fixture
def fleet(bed: Bed, tmp_path: Path) -> Iterator[Fleet]:
    """A data directory on the bed of this test's own, and servers on its hosts; they are killed in the end."""
    with servers(tmp_path) as start:
        yield Fleet(bed, start, tmp_path.name)
