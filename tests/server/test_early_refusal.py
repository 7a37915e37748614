"""A refusal before the body: it arrives whole, and the connection ends in order although the client goes on."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
from harness import until
from server_tools import MIB, WAIT_S, Host, Raw, echo, refuse, request

from c8ybin.server.drain import Drain

Hosted = Callable[..., Host]


@pytest.fixture
def host(either_host: Hosted) -> Hosted:
    """A starter of servers, without TLS and with it."""
    return either_host


LONG = 20 * MIB


def send_all(client: Raw, data: bytes) -> threading.Thread:
    """Send in a thread of its own, as a client does that looks for the answer only afterwards."""
    thread = threading.Thread(target=client.send, args=(data,))
    thread.start()
    return thread


def test_with_expect_no_100_is_sent(host: Hosted) -> None:
    with host(refuse).connect() as client:
        client.send(request("POST", "/", "Expect: 100-continue", f"Content-Length: {LONG}"))
        reply = client.reply()
        assert (reply.status, reply.body, reply.fields["Connection"]) == (404, b"not here", "close")
        assert client.rest() == b""


def test_with_expect_100_is_sent_once_the_body_is_wanted(host: Hosted) -> None:
    with host(echo).connect() as client:
        for _ in range(2):
            client.send(request("POST", "/", "Expect: 100-continue", "Content-Length: 3"))
            assert client.reply().status == 100
            client.send(b"abc")
            assert client.reply().body == b"POST / abc"


@pytest.mark.parametrize("coding", [f"Content-Length: {LONG}", "Transfer-Encoding: chunked"])
def test_a_client_that_goes_on_sending_reads_the_answer_and_the_end(host: Hosted, coding: str) -> None:
    served = host(refuse)
    with served.connect() as client:
        head = b"%x\r\n" % LONG if "chunked" in coding else b""
        sending = send_all(client, request("POST", "/", coding) + head + bytes(LONG))
        reply = client.reply()
        assert (reply.status, reply.body, reply.fields["Connection"]) == (404, b"not here", "close")
        assert client.rest() == b""
        sending.join(WAIT_S)
        assert not sending.is_alive()
    assert until(served.all_is_free)


def test_a_client_that_reads_only_after_its_last_byte_reads_the_answer(host: Hosted) -> None:
    with host(refuse).connect() as client:
        client.send(request("POST", "/", f"Content-Length: {LONG}") + bytes(LONG))
        assert client.reply().body == b"not here"
        assert client.rest() == b""


def test_a_client_that_sends_without_end_is_cut_off(host: Hosted, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("c8ybin.server.drain._DRAINED_BYTES", 2 * MIB)
    served = host(refuse)
    with served.connect() as client:
        client.send(request("POST", "/", f"Content-Length: {10**12}"))
        with pytest.raises(ConnectionError):
            for _ in range(500):
                client.send(bytes(MIB))
    assert until(served.all_is_free)


def test_a_client_that_neither_sends_nor_goes_is_cut_off(
    host: Hosted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("c8ybin.server.drain._DRAINED_S", 0.5)
    served = host(refuse)
    with served.connect() as client:
        client.send(request("POST", "/", f"Content-Length: {LONG}"))
        assert client.reply().status == 404
        assert client.rest() == b""
        assert until(served.all_is_free)


def test_what_comes_without_a_pause_is_thrown_away_a_part_at_a_time() -> None:
    # For as long as it lasts, nobody else would be answered.
    rounds: list[int] = []

    class Endless:
        def recv_into(self, *_: Any) -> int:
            rounds.append(1)
            assert len(rounds) < 10_000
            return 256 * 1024

    drain = Drain()
    assert not drain.is_over(Endless())  # type: ignore[arg-type]
    assert len(rounds) < 100


def test_many_refused_clients_hold_no_thread(host: Hosted) -> None:
    served = host(refuse, threads=1)
    clients = [served.connect() for _ in range(20)]
    for client in clients:
        client.send(request("POST", "/", f"Content-Length: {LONG}"))
        assert client.reply().status == 404
    with served.connect() as other:
        assert other.ask("GET", "/").body == b"here"
    assert served.connections >= 20
    for client in clients:
        client.close()
    assert until(served.all_is_free)
