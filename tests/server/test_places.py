"""How many connections stand, who goes when more come, and what those are told that have no place."""

import json
import os
import re
import resource
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from harness import RunningServer, Serve, binaries, connected, until
from server_tools import WAIT_S, Host, Raw, echo, request

from c8ybin.server import Limits

Hosted = Callable[..., Host]


@contextmanager
def busy(served: Host, count: int, **more: Any) -> Iterator[list[Raw]]:
    """Yield clients whose bodies are under way, so that none of their connections may be closed."""
    with ExitStack() as stack:
        clients = [stack.enter_context(served.connect(**more)) for _ in range(count)]
        for client in clients:
            client.send(request("POST", "/", "Content-Length: 6") + b"abc")
        channels = served.server._listener.active_channels
        assert until(lambda: sum(channel._with_worker for channel in list(channels.values())) >= count)
        yield clients
        for client in clients:
            client.send(b"def")
            assert client.reply().body == b"POST / abcdef"


def is_refused(served: Host, method: str = "GET", path: str = "/", **more: Any) -> bool:
    """Tell whether a new client is told that there are too many, and let go in order."""
    with served.connect(**more) as client:
        reply = client.ask(method, path)
        if reply.status == 200:
            return False
        assert (reply.status, reply.fields["Connection"]) == (503, "close")
        assert int(reply.fields["Retry-After"]) > 0
        assert client.rest() == b""
    return True


def is_served(served: Host, **more: Any) -> bool:
    with served.connect(**more) as client:
        return client.ask("GET", "/").body == b"GET / "


def test_who_comes_when_all_places_are_taken_is_told_503_but_health_is_answered(host: Hosted) -> None:
    served = host(echo, limits=Limits(connections=3))
    with busy(served, 3):
        assert is_refused(served)
        assert is_refused(served, "POST", "/health")
        assert is_refused(served, path="/health/x")
        for method in ("GET", "HEAD"):
            with served.connect() as client:
                reply = client.ask(method, "/health")
                assert (reply.status, reply.fields["Connection"]) == (200, "close")
                assert client.rest() == b""
    assert is_served(served)
    assert until(served.all_is_free)


def test_an_address_has_no_more_than_its_share_and_others_are_served(host: Hosted) -> None:
    served = host(echo, limits=Limits(per_address=2))
    with busy(served, 2):
        assert is_refused(served)
        assert is_served(served, source="127.0.0.2")
    assert is_served(served)


def test_an_address_that_is_exempt_may_have_all_places_and_no_more(host: Hosted) -> None:
    limits = Limits(connections=3, per_address=1, is_exempt=lambda address: address == "127.0.0.2")
    served = host(echo, limits=limits)
    with busy(served, 3, source="127.0.0.2"):
        assert is_refused(served, source="127.0.0.2")
        assert is_refused(served)


def test_the_connection_that_rested_longest_goes_for_a_new_one(
    host: Hosted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("c8ybin.server.standing._REST_S", 0.0)
    served = host(echo, limits=Limits(connections=3))
    with ExitStack() as stack:
        clients = [stack.enter_context(served.connect()) for _ in range(3)]
        channels = served.server._listener.active_channels
        for client in (clients[1], clients[0], clients[2]):
            assert client.ask("GET", "/").status == 200
            # It rests once its worker has let it go, which is after the answer.
            assert until(lambda: not any(channel._with_worker for channel in list(channels.values())))
        assert is_served(served)
        assert clients[1].rest() == b""
        assert clients[0].ask("GET", "/").status == clients[2].ask("GET", "/").status == 200


def test_those_who_rest_do_not_have_all_places_and_newcomers_the_one_that_is_left(
    host: Hosted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("c8ybin.server.standing._REST_S", 0.0)
    served = host(echo, limits=Limits(connections=16))
    with ExitStack() as stack:
        for _ in range(16):
            assert stack.enter_context(served.connect()).ask("GET", "/").status == 200
        slow = stack.enter_context(served.connect())
        pouring = stack.enter_context(served.connect())
        assert until(lambda: len(served.server._listener.places._all.newcomers) == 2)
        # Both have the places of connections that rested.
        assert slow.ask("GET", "/").status == pouring.ask("GET", "/").status == 200


def test_what_fails_while_a_connection_is_taken_costs_that_one_alone(
    host: Hosted, monkeypatch: pytest.MonkeyPatch
) -> None:
    served = host(echo)
    with monkeypatch.context() as patch:

        def fail(*_: Any, **__: Any) -> None:
            raise AttributeError("a fault of ours")

        patch.setattr("c8ybin.server.serving.Listener.channel_class", fail)
        with served.connect() as client, suppress(ConnectionResetError):
            assert client.rest() == b""
    assert is_served(served)


def test_who_has_just_been_answered_keeps_the_connection(
    host: Hosted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("c8ybin.server.standing._REST_S", float(WAIT_S))
    served = host(echo, limits=Limits(connections=1))
    with served.connect() as client:
        assert client.ask("GET", "/").status == 200
        assert is_refused(served)
        assert client.ask("GET", "/").status == 200


@pytest.mark.parametrize("begun", [b"", b"GET / HTTP/1.1\r\nX: "])
def test_who_has_not_asked_yet_goes_first(
    host: Hosted, monkeypatch: pytest.MonkeyPatch, begun: bytes
) -> None:
    monkeypatch.setattr("c8ybin.server.standing._REST_S", 0.0)
    served = host(echo, limits=Limits(per_address=3))
    with ExitStack() as stack:
        regular = stack.enter_context(served.connect())
        assert regular.ask("GET", "/").status == 200
        slow = []
        for _ in range(20):
            slow.append(stack.enter_context(served.connect()))
            slow[-1].send(begun)
            assert is_served(served)
            # Else the next one may come before the server has seen that this one is gone.
            assert until(lambda: served.connections == 2)
        assert regular.ask("GET", "/").status == 200
        for client in slow[:-2]:
            with suppress(ConnectionResetError):  # where a part of the header was not read yet
                assert client.rest() == b""


def test_of_guests_who_do_not_ask_the_first_goes_and_health_is_answered(
    host: Hosted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("c8ybin.server.places.GUESTS", 2)
    served = host(echo, limits=Limits(connections=2))
    with busy(served, 2), ExitStack() as stack:
        silent = [stack.enter_context(served.connect()) for _ in range(10)]
        with served.connect() as client:
            assert client.ask("GET", "/health").status == 200
        for client in silent[:8]:
            assert client.rest() == b""
        assert served.connections <= 5


def test_a_guest_who_does_not_ask_is_let_go_soon(host: Hosted, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("c8ybin.server.standing._GUEST_S", 0.1)
    served = host(echo, limits=Limits(connections=1), body_timeout_s=1000)
    with busy(served, 1), served.connect() as guest:
        assert guest.rest() == b""
        with served.connect() as slow:
            slow.send(b"GET / HT")
            assert slow.reply().status == 408
            assert slow.rest() == b""


def test_looking_who_may_go_does_not_take_all_the_time(host: Hosted) -> None:
    # Where nobody may go, each newcomer would have all connections looked at.
    served = host(echo, limits=Limits(connections=20))
    crowd = served.server._listener.places._all
    with busy(served, 20):
        looked = []
        crowd_members = crowd.members

        class Counted(dict):  # type: ignore[type-arg]
            def __iter__(self) -> Any:
                looked.append(time.monotonic())
                return super().__iter__()

        crowd.members = Counted(crowd_members)
        crowd._look_at = time.monotonic() + WAIT_S
        assert all(is_refused(served) for _ in range(5))
        assert not looked
        crowd._look_at = 0.0
        assert is_refused(served)
        assert len(looked) == 1


def test_what_was_closed_and_refused_is_told_in_one_line_now_and_then(
    host: Hosted, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def told() -> list[str]:
        return [each.getMessage() for each in caplog.records if "too many connections" in each.getMessage()]

    served = host(echo, limits=Limits(connections=3))
    with ExitStack() as stack:
        for count in range(8):
            stack.enter_context(served.connect())
            assert until(lambda count=count: served.connections == min(count + 1, 3))  # type: ignore[misc]
        assert until(lambda: len(told()) == 1)
    with busy(served, 3):
        for _ in range(4):
            assert is_refused(served)
    # Not a line more until a minute is over, or the server ends.
    assert len(told()) == 1
    served.stop()
    first, last = told()
    counts = [
        list(map(int, re.findall(r"(\d+) closed .* (\d+) refused, (\d+) of", line)[0]))
        for line in (first, last)
    ]
    assert counts[0][0] + counts[1][0] >= 5
    assert (counts[1][1], counts[0][2], counts[1][2]) == (4, 0, 0)
    assert "stand, of at most 3 in all and 256 an address" in first


def lowest_free(server: RunningServer) -> int:
    used = {int(name) for name in os.listdir(f"/proc/{server.process.pid}/fd")}
    return next(number for number in range(len(used) + 1) if number not in used)


def limit_files(server: RunningServer, count: int) -> None:
    _, hard = resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE, (count, hard))


@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="only Linux changes limits of a running process")
def test_without_a_descriptor_left_newcomers_are_told_503_or_take_the_place_of_who_rests(
    serve: Serve,
) -> None:
    server = serve("--demo")
    soft, _ = resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE)
    with connected(server) as c:
        path = binaries(c.create_event())
        c.begin_upload(path.split("/")[3], b"abcdef")
        assert until(lambda: fixed(server))
        limit_files(server, lowest_free(server))
        for _ in range(20):
            with Raw(server.port) as client:
                reply = client.ask("GET", "/health")
                assert (reply.status, reply.fields["Connection"]) == (503, "close")
                assert json.loads(reply.body)["error"] == "general/Service Unavailable"
        limit_files(server, soft)
        c.finish_upload(b"abcdef")
        with Raw(server.port) as silent:
            assert until(lambda: fixed(server))
            limit_files(server, lowest_free(server))
            with Raw(server.port) as client:
                assert client.ask("GET", "/nothing").status == 404  # what needs no descriptor
            assert silent.rest() == b""
        limit_files(server, soft)
    assert server.stop() == 0
    assert not [line for line in server.lines if "Traceback" in line]
    told = "\n".join(line for line in server.lines if "too many connections" in line)
    assert sum(map(int, re.findall(r"(\d+) of all these for lack of descriptors", told))) >= 21


def fixed(server: RunningServer) -> bool:
    """Tell whether the descriptors of a server stay the same for a moment."""
    before = sorted(Path(f"/proc/{server.process.pid}/fd").iterdir())
    time.sleep(0.05)  # there is no event for what does not happen
    return before == sorted(Path(f"/proc/{server.process.pid}/fd").iterdir())
