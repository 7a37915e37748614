"""The distributed file systems that a bed may have, by their names."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import bed as beds
import cephfs
import glusterfs
import moosefs
import pytest
from bed import Bed
from network import NoNetworks

# What finds a command, installing its Debian package where that can be done; else it skips.
Find = Callable[..., str]

KINDS = {"moosefs": moosefs, "cephfs": cephfs, "glusterfs": glusterfs}


@contextmanager
def opened(kind: str, find: Find, clients: Sequence[str] = ("a", "b", "c")) -> Iterator[Bed]:
    """Yield a bed with a file system of this kind, mounted on these hosts.

    Skips, with the reason, where there can be none.
    """
    if os.geteuid() != 0:
        pytest.skip("several hosts need root: network namespaces and mounts")
    if not os.access("/dev/fuse", os.R_OK | os.W_OK):
        pytest.skip("/dev/fuse is not here, so no distributed file system can be mounted")
    find("ip", "iproute2")
    for command, package in KINDS[kind].COMMANDS:
        find(command, package)
    try:
        with beds.opened(KINDS[kind].hosts(clients)) as bed:
            KINDS[kind].start(bed, clients)
            yield bed
    except NoNetworks as error:
        pytest.skip(str(error))
