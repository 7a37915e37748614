"""The box that the documents speak of, in a folder of the tests."""

from collections.abc import Iterator

import pytest
from commands import DATA, Box
from harness import servers


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    """Return a box; what one block did is there for the next, as for whoever reads on."""
    root = tmp_path_factory.mktemp("box")
    with servers(root / DATA) as start:
        yield Box(root, start)
