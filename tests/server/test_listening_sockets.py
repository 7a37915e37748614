"""The listening socket that another process passes, by descriptor 3 as sd_listen_fds(3) says."""

import os
import socket
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from c8ybin.server import listen, passed, url_of

# Executes the rest of its arguments with what is on descriptor 0 as descriptor 3.
CODE = """
import os
from c8ybin.server import passed, url_of, UnfitSocket
try:
    taken = passed(str(os.getpid()), {fds!r})
    print(taken and url_of(taken), taken and os.get_inheritable(3))
except UnfitSocket as error:
    print(error)
"""


def take(given: socket.socket | None, fds: str = "1") -> str:
    """Tell what a process takes to which a socket is passed."""
    command = [sys.executable, "-c", CODE.format(fds=fds)]
    if given:
        command = ["sh", "-c", 'exec "$@" 3<&0', "sh", *command]
    done = subprocess.run(command, stdin=given, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_one_listening_tcp_socket_is_taken_and_passed_to_nobody_else() -> None:
    for host in ("127.0.0.1", "::1") if socket.has_ipv6 else ("127.0.0.1",):
        with closing(listen(host, 0)) as listener:
            assert take(listener) == f"{url_of(listener)} False"


def test_what_is_no_listening_tcp_socket_is_refused_in_a_sentence(tmp_path: Path) -> None:
    with (
        socket.socket() as idle,
        socket.socket(type=socket.SOCK_DGRAM) as datagrams,
        socket.socket(socket.AF_UNIX) as local,
    ):
        datagrams.bind(("127.0.0.1", 0))
        local.bind(str(tmp_path / "socket"))
        local.listen()
        for other in (idle, datagrams, local):
            assert take(other).startswith("What LISTEN_FDS speaks of is not a listening TCP socket")


@pytest.mark.parametrize("fds", ["2", "-1", "many", ""])
def test_another_number_than_one_is_refused_in_a_sentence(fds: str) -> None:
    with closing(listen("127.0.0.1", 0)) as listener:
        assert "pass one socket" in take(listener, fds)


def test_what_is_announced_but_not_there_is_refused_in_a_sentence() -> None:
    assert take(None).startswith("What LISTEN_FDS speaks of is not a listening TCP socket")


def test_what_was_passed_to_another_process_is_not_taken() -> None:
    # A process keeps its parent's variables, but not its number.
    assert passed(str(os.getppid()), "1") is None
    assert passed(None, "1") is None
    assert passed(str(os.getpid()), None) is None
    assert passed(str(os.getpid()), "0") is None
