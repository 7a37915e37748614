"""Beds of each file system, one for all tests of a run, and servers on them."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import bed as beds
import moosefs
import pytest
from bed import Bed
from fleet import Fleet
from harness import servers
from network import NoNetworks

CLIENTS = ("a", "b")


@pytest.fixture(scope="session")
def hosts_can_be_made(command: Callable[..., str]) -> None:
    """Skip where there can be no hosts or no mounts, with the reason."""
    if os.geteuid() != 0:
        pytest.skip("hosts of a test need root: network namespaces and mounts")
    if not os.access("/dev/fuse", os.R_OK | os.W_OK):
        pytest.skip("/dev/fuse is not here, so no distributed file system can be mounted")
    command("ip", "iproute2")


@pytest.fixture(scope="session")
def moosefs_bed(hosts_can_be_made: None, command: Callable[..., str]) -> Iterator[Bed]:
    """MooseFS with a master, two chunk servers and two client hosts."""
    for name in ("master", "chunkserver"):
        command(f"mfs{name}", f"moosefs-{name}")
    command("mfsmount", "moosefs-client")
    try:
        with beds.opened(moosefs.hosts(CLIENTS)) as bed:
            moosefs.start(bed, CLIENTS)
            yield bed
    except NoNetworks as error:
        pytest.skip(str(error))


@pytest.fixture
def bed(moosefs_bed: Bed) -> Iterator[Bed]:
    """The bed that a test may break: it is whole again after it."""
    with moosefs_bed.healed():
        yield moosefs_bed


@pytest.fixture
def fleet(bed: Bed, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Fleet]:
    """A data directory on the bed of this test's own, and servers on its hosts; they are killed in the end."""
    with servers(tmp_path) as start:
        yield Fleet(bed, start, tmp_path.name)
