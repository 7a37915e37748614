"""`c8ybin serve` as the first process of a container."""

import os
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from harness import RunningServer, connected, is_gone, until

pytestmark = pytest.mark.skipif(
    not (os.geteuid() == 0 and shutil.which("unshare")),
    reason="only root may begin a PID namespace (unshare)",
)

ALONE = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"]


def children(pid: int) -> list[int]:
    return [int(n) for n in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def first_of(server: RunningServer) -> int:
    """The process that is PID 1 in there."""
    (first,) = children(server.process.pid)
    return first


@pytest.mark.parametrize("workers", [1, 2])
def test_term_ends_the_first_process_gently_and_its_children_are_gone(
    serve: Callable[..., RunningServer], workers: int
) -> None:
    server = serve("--demo", prefix=ALONE, workers=workers)
    first = first_of(server)
    (serving,) = children(first)
    with connected(server) as c:
        assert c.create_event()
    os.kill(first, signal.SIGTERM)
    assert server.process.wait(timeout=30) == 0
    assert is_gone(serving)
    server.stop()
    assert server.lines[-1].endswith("stopped")


@pytest.mark.parametrize("workers", [1, 2])
def test_who_ends_without_a_parent_is_waited_for(serve: Callable[..., RunningServer], workers: int) -> None:
    orphan = [
        "sh",
        "-c",
        'true & exec "$@"',
        "sh",
    ]  # its parent becomes the server, which knows nothing of it
    server = serve("--demo", prefix=[*ALONE, *orphan], workers=workers)
    first = first_of(server)
    assert until(lambda: len(children(first)) == 1)


def test_a_server_that_dies_ends_the_first_process_with_the_code_that_a_shell_would_tell(
    serve: Callable[..., RunningServer],
) -> None:
    server = serve("--demo", prefix=ALONE)
    (serving,) = children(first_of(server))
    os.kill(serving, signal.SIGKILL)
    assert server.process.wait(timeout=30) == 128 + signal.SIGKILL


def test_a_socket_that_is_passed_to_the_first_process_is_served(
    serve: Callable[..., RunningServer],
) -> None:
    passing = (
        "import os, socket, sys; listener = socket.create_server(('127.0.0.1', 0)); fd = listener.fileno(); "
        "os.dup2(fd, 3) if fd != 3 else os.set_inheritable(3, True); os.environ['LISTEN_PID'] = str(os.getpid()); "
        "os.environ['LISTEN_FDS'] = '1'; os.execv(sys.argv[1], sys.argv[1:])"
    )
    # --port 0 would be another one; the address that is told is the passed one's either way, so it is asked.
    server = serve("--demo", "--host", "192.0.2.1", prefix=[*ALONE, sys.executable, "-c", passing])
    with connected(server) as c:
        assert c.create_event()
