"""What clients do wrong, before the real process: nothing is left of it, and nobody else waits."""

import base64
import json
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest
from harness import DEMO, RunningServer, Serve, binaries, connected, pattern, refuses, until
from server_tools import MIB, Raw, coded, request

AUTHORIZATION = "Authorization: Basic " + base64.b64encode(DEMO.encode()).decode()
WORKERS = pytest.mark.parametrize("workers", ["1", "2"])


@contextmanager
def event(server: RunningServer) -> Iterator[str]:
    """Yield the address of a new event's attachment."""
    with connected(server) as c:
        yield binaries(c.create_event())


def received(tmp_path: Path) -> list[str]:
    """The files of bodies that are, or were, under way."""
    return [path.name for path in (tmp_path / "data" / "tmp").rglob("body-*")]


def is_served(server: RunningServer) -> bool:
    """Tell whether another client can attach and download."""
    with connected(server) as c:
        path = binaries(c.create_event())
        return c.ask("POST", path, b"other")[0].status == 201 and c.ask("GET", path)[1] == b"other"


def descriptors(server: RunningServer) -> int:
    """Count the descriptors of a server, but for the spools that it keeps for the next chunks."""
    count = 0
    for link in Path(f"/proc/{server.process.pid}/fd").iterdir():
        with suppress(FileNotFoundError):  # closed meanwhile
            count += "/spool-" not in str(link.readlink())
    return count


BODIES = {
    "length": (["Content-Length: 3000000"], b"x" * 100_000),
    "coded": (["Transfer-Encoding: chunked"], b"fffff\r\n" + b"x" * 100_000),
    "form": (
        ["Content-Length: 3000000", "Content-Type: multipart/form-data; boundary=b"],
        b'--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n' + b"x" * 100_000,
    ),
    "chunk": (["Content-Length: 3000000", "Content-Range: bytes 0-2999999/*"], b"x" * 100_000),
}


@pytest.mark.parametrize("kind", BODIES)
@pytest.mark.parametrize("pace", ["stops", "dribbles"])
def test_who_sends_too_slowly_is_told_408_and_leaves_nothing(
    serve: Serve, tmp_path: Path, kind: str, pace: str
) -> None:
    server = serve("--demo", "--workers", "1", "--threads", "2", "--body-timeout", "1s")
    fields, begun = BODIES[kind]
    with event(server) as path:
        clients = [Raw(server.port) for _ in range(6)]  # more than threads
        for client in clients:
            client.send(request("POST", path, AUTHORIZATION, *fields) + begun)
        assert is_served(server)
        ended = time.monotonic() + 2
        while pace == "dribbles" and time.monotonic() < ended:
            for client in clients:
                try:
                    client.send(b"x")
                except ConnectionError:
                    ended = 0
            time.sleep(0.1)  # the client's pace
        for client in clients:
            reply = client.reply()
            assert (reply.status, reply.fields["Connection"]) == (408, "close")
            assert json.loads(reply.body)["error"] == "general/Request Timeout"
            client.close()
        assert until(lambda: not received(tmp_path))
        with connected(server) as c:
            assert c.ask("GET", path)[0].status == 404
    assert is_served(server)
    assert server.stop() == 0


@pytest.mark.parametrize("kind", BODIES)
@pytest.mark.parametrize("how", ["close", "reset"])
def test_who_goes_in_the_middle_leaves_nothing(serve: Serve, tmp_path: Path, kind: str, how: str) -> None:
    server = serve("--demo", "--workers", "1")
    fields, begun = BODIES[kind]
    with event(server) as path:
        assert is_served(server)
        before = descriptors(server)
        for _ in range(5):
            client = Raw(server.port)
            client.send(request("POST", path, AUTHORIZATION, *fields) + begun)
            client.close() if how == "close" else client.reset()
        assert until(lambda: not received(tmp_path))
        with connected(server) as c:
            assert c.ask("GET", path)[0].status == 404
        assert until(lambda: descriptors(server) <= before)
        with connected(server) as c:
            assert c.ask("POST", path, b"whole")[0].status == 201
    assert server.stop() == 0
    assert not any("Traceback" in line for line in server.lines)


@pytest.mark.parametrize(
    ("fields", "where", "status"),
    [
        ([], "right", 401),
        ([AUTHORIZATION], "/event/events/123/binaries", 404),
        ([AUTHORIZATION], "taken", 409),
        ([AUTHORIZATION, "Content-Range: bytes 9-3/*"], "right", 400),
    ],
)
@pytest.mark.parametrize("expect", [[], ["Expect: 100-continue"]])
def test_who_is_refused_reads_it_before_the_body_is_sent_or_while_it_is(
    serve: Serve, tmp_path: Path, fields: list[str], where: str, status: int, expect: list[str]
) -> None:
    server = serve("--demo", "--workers", "1")
    with event(server) as path:
        if where == "taken":
            with connected(server) as c:
                assert c.ask("POST", path, b"first")[0].status == 201
        wanted = where if where.startswith("/") else path
        with Raw(server.port) as client:
            client.send(request("POST", wanted, *fields, *expect, f"Content-Length: {20 * MIB}"))
            reply = client.reply()
            assert (reply.status, reply.fields["Connection"]) == (status, "close")
            assert set(json.loads(reply.body)) == {"error", "message", "info"}
            assert client.rest() == b""
        with Raw(server.port) as client:  # one that looks only when all is sent
            client.send(request("POST", wanted, *fields, f"Content-Length: {20 * MIB}") + bytes(20 * MIB))
            assert client.reply().status == status
            assert client.rest() == b""
    assert not received(tmp_path)
    assert server.stop() == 0


def test_who_sends_more_than_the_limit_without_a_length_is_cut_off(serve: Serve, tmp_path: Path) -> None:
    server = serve("--demo", "--workers", "1", "--max-binary", "1MiB")
    with event(server) as path, Raw(server.port) as client:
        client.send(request("POST", path, AUTHORIZATION, "Transfer-Encoding: chunked"))
        client.send(coded(*[bytes(100_000)] * 100))
        reply = client.reply()
        assert (reply.status, reply.fields["Connection"]) == (413, "close")
        assert client.rest() == b""
    assert not received(tmp_path)


def test_who_sends_more_than_told_has_attached_what_was_told(serve: Serve) -> None:
    server = serve("--demo", "--workers", "1")
    with event(server) as path, Raw(server.port) as client:
        assert client.ask("POST", path, AUTHORIZATION, body=b"told").status == 201
        client.send(request("PUT", path, AUTHORIZATION, "Content-Length: 4") + b"toldmore\r\n\r\n")
        assert client.reply().status == 201
        assert client.reply().status == 400
        assert client.rest() == b""
        with connected(server) as c:
            assert c.ask("GET", path)[1] == b"told"


@WORKERS
def test_a_thousand_idle_connections_leave_service_untouched(serve: Serve, workers: str) -> None:
    server = serve("--demo", "--workers", workers, "--max-connections-per-address", "2000")
    idle = [Raw(server.port) for _ in range(1000)]
    for client in idle[::10]:  # some of them after a request
        assert client.ask("GET", "/health").status == 200
    with event(server) as path, connected(server) as c:
        assert c.ask("POST", path, pattern(2 * MIB))[0].status == 201
        for _ in range(100):
            assert c.ask("GET", path)[1] == pattern(2 * MIB)
    assert idle[999].ask("GET", "/health").status == 200
    assert server.stop() == 0
    assert {client.rest() for client in idle} == {b""}
    for client in idle:
        client.close()


def test_a_stop_waits_for_whom_it_can_and_for_nobody_who_sends_nothing(serve: Serve) -> None:
    server = serve("--demo", "--workers", "1", "--body-timeout", "2s")
    with ExitStack() as clients, event(server) as slow, event(server) as good:
        sender, stopped, header = (clients.enter_context(Raw(server.port)) for _ in range(3))
        stopped.send(request("POST", slow, AUTHORIZATION, "Content-Length: 9000") + b"abc")
        header.send(b"GET / HTTP/1.1\r\n")
        sender.send(request("POST", good, AUTHORIZATION, "Content-Length: 6") + b"abc")
        assert is_served(server)
        server.process.terminate()
        assert until(lambda: refuses(server))
        sender.send(b"def")
        assert sender.reply().status == 201
        assert stopped.reply().status == 408
    assert server.stop() == 0


def test_where_the_kernel_cannot_tell_what_is_in_memory_all_is_served(serve: Serve, tmp_path: Path) -> None:
    # An older kernel, or a sandbox: the call number is nobody's.
    site = tmp_path / "site"
    site.mkdir()
    (site / "sitecustomize.py").write_text("from c8ybin.fsio import cached\ncached._OPENAT2 = 100_000\n")
    server = serve("--demo", "--workers", "1", PYTHONPATH=str(site))
    assert is_served(server)
    with Raw(server.port) as client:
        for _ in range(3):
            assert client.ask("GET", "/event/events", AUTHORIZATION).status == 200
    assert server.stop() == 0
