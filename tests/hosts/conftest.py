"""What the tests of several hosts share: a bed that is whole again after each, and servers on it."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from bed import Bed
from file_systems import KINDS
from fleet import Fleet
from harness import servers


@pytest.fixture
def bed(bed_of_all: Bed) -> Iterator[Bed]:
    """The bed that a test may break: it is whole again after it."""
    with bed_of_all.healed():
        yield bed_of_all


@pytest.fixture
def fleet(bed: Bed, file_system: str, tmp_path: Path) -> Iterator[Fleet]:
    """A data directory on the bed of this test's own, and servers on its hosts; they are killed in the end."""
    with servers(tmp_path) as start:
        yield Fleet(bed, KINDS[file_system], start, tmp_path.name)


@pytest.fixture(scope="module")
def pair(bed_of_all: Bed, file_system: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """Two hosts with a server each for all tests of a module, none of which breaks anything."""
    folder = tmp_path_factory.mktemp("pair")
    with servers(folder) as start:
        fleet = Fleet(bed_of_all, KINDS[file_system], start, folder.name)
        fleet.start_some(2)
        yield fleet


@pytest.fixture(scope="session")
def nginx(command: Callable[..., str]) -> str:
    """The command of nginx."""
    return command("nginx", "nginx-light")
