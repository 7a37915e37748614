"""How workers share the connections of one socket."""

import os
import socket
from contextlib import ExitStack
from pathlib import Path

from harness import Serve, until

from c8ybin.server.shares import Share, Shares


def test_who_has_more_than_another_leaves_the_next_one() -> None:
    shares = Shares(2)
    one, two = Share(shares, 0), Share(shares, 1)
    one.note(3)
    two.note(2)
    assert not one.is_large()
    one.note(4)
    assert one.is_large()
    assert not two.is_large()


def test_for_a_worker_that_is_gone_nobody_waits() -> None:
    shares = Shares(2)
    one, two = Share(shares, 0), Share(shares, 1)
    two.note(0)
    one.note(9)
    assert one.is_large()
    shares.clear(1)
    assert not one.is_large()


def test_connections_that_come_at_once_are_spread_over_the_workers(serve: Serve) -> None:
    server = serve("--demo", workers=2)

    def sockets(pid: int) -> int:
        links = Path(f"/proc/{pid}/fd").iterdir()
        return sum(os.readlink(link).startswith("socket") for link in links if link.is_symlink())

    def spread() -> list[int]:
        before = {pid: sockets(pid) for pid in server.workers()}

        def counts() -> list[int]:
            return [sockets(pid) - count for pid, count in before.items()]

        with ExitStack() as stack:
            for _ in range(16):
                stack.enter_context(socket.create_connection(("127.0.0.1", server.port)))
            assert until(lambda: sum(counts()) == 16)
            found = counts()
        assert until(lambda: sum(counts()) == 0)
        return found

    # A worker that the machine lets wait just then takes none: who is there takes all.
    assert any(min(spread()) >= 4 for _ in range(10))
