"""What the service manager hears, on real datagram sockets."""

import socket
from pathlib import Path

import pytest

from c8ybin.server import Notifier


@pytest.mark.parametrize("abstract", [False, True])
def test_a_state_is_one_datagram_with_a_line_for_each_assignment(tmp_path: Path, abstract: bool) -> None:
    name = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind("\0" + name if abstract else name)
        manager.settimeout(30)
        Notifier("@" + name if abstract else name).tell("READY=1", "STATUS=all is well")
        assert manager.recv(100) == b"READY=1\nSTATUS=all is well"


def test_without_a_manager_nothing_is_sent_and_nothing_said(caplog: pytest.LogCaptureFixture) -> None:
    Notifier(None).tell("READY=1")
    Notifier("").tell("READY=1")
    assert caplog.messages == []


def test_a_manager_that_does_not_listen_or_read_holds_nothing_up(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    name = str(tmp_path / "notify")
    Notifier(name).tell("READY=1")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(name)
        for _ in range(10_000):
            Notifier(name).tell("STATUS=again")
            if len(caplog.messages) > 1:
                break
    assert "No such file" in caplog.messages[0]
    assert "temporarily unavailable" in caplog.messages[1]
