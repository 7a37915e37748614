"""Records of TLS without data in them: some are a client's right, and many must not keep others waiting."""

import threading
from collections.abc import Callable
from contextlib import suppress

import pytest
from harness import until
from key_updates import IS_THERE, KeyUpdater
from server_tools import WAIT_S, Host, echo, request

from c8ybin.server import Tls
from c8ybin.server.records import Records

Hosted = Callable[..., Host]
pytestmark = pytest.mark.skipif(not IS_THERE, reason="needs OpenSSL as a library of its own")


def drained(client: KeyUpdater) -> threading.Thread:
    """Read what the server sends, so that it never waits for that."""

    def read() -> None:
        with suppress(OSError):
            while client.socket.recv(65536):
                pass

    thread = threading.Thread(target=read)
    thread.start()
    return thread


@pytest.mark.parametrize("answered", [False, True])
@pytest.mark.parametrize("begins", [b"", b"GET / HTTP/1.1\r\n"], ids=["at once", "in a header"])
def test_changes_of_keys_without_end_end_the_connection(
    host: Hosted, tls: Tls, answered: bool, begins: bytes
) -> None:
    served = host(echo, tls=tls)
    with KeyUpdater(served.port) as client:
        flood = (client.encrypted(begins) if begins else b"") + client.updates(8_000, answered=answered)
        reader = drained(client)
        with suppress(ConnectionError):
            client.socket.sendall(flood)
        reader.join(WAIT_S)
        assert not reader.is_alive()
        with served.connect() as other:
            assert other.ask("POST", "/", body=b"x").body == b"POST / x"
    assert until(served.all_is_free)


def test_others_are_served_between_them(host: Hosted, tls: Tls) -> None:
    # The whole flood has arrived when its connection is looked at for the first time.
    served = host(echo, tls=tls, answers_now=True)
    taken: list[int] = []
    with KeyUpdater(served.port) as client:
        flood = client.updates(4_000, answered=False)
        (channel,) = served.server._listener.active_channels.values()
        read = channel.handle_read

        def counted() -> None:
            taken.append(1)
            read()

        channel.handle_read = counted
        client.socket.sendall(flood)
        assert until(lambda: len(taken) * 17_000 >= len(flood))
        with served.connect() as other:
            assert other.ask("GET", "/").body == b"GET / "
        # It has not been too much yet.
        client.socket.sendall(client.encrypted(request("GET", "/")))
        assert client.socket.recv(65536)


@pytest.mark.parametrize("answered", [False, True])
def test_a_change_of_keys_now_and_then_is_nothing(host: Hosted, tls: Tls, answered: bool) -> None:
    served = host(echo, tls=tls, body_timeout_s=1.0)
    with KeyUpdater(served.port) as client:
        client.socket.sendall(
            client.encrypted(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 40000\r\n\r\n")
        )
        for number in range(20):
            client.socket.sendall(client.updates(1, answered=answered) + client.encrypted(bytes(2_000)))
            if number == 10:
                client.socket.sendall(client.updates(100, answered=answered))
        assert len(client.socket.recv(65536)) > 20
        # Nor does it begin something whose rest would be waited for.
        client.socket.sendall(client.updates(1, answered=False))
        (channel,) = served.server._listener.active_channels.values()
        assert until(lambda: channel._tls._records.is_between and channel._tls._waits_since is None)
    assert until(served.all_is_free)


def test_a_header_in_records_of_one_byte_each_is_taken(host: Hosted, tls: Tls) -> None:
    served = host(echo, tls=tls)
    with KeyUpdater(served.port) as client:
        text = request("GET", "/", "X: " + "x" * 10_000)
        client.socket.sendall(b"".join(client.encrypted(text[n : n + 1]) for n in range(len(text))))
        assert client.socket.recv(65536)
    assert until(served.all_is_free)


@pytest.mark.parametrize("step", [1, 2, 3, 7, 1000])
def test_where_records_end_is_known_however_they_arrive(step: int) -> None:
    records = [b"\x17\x03\x03" + n.to_bytes(2) + bytes(n) for n in (0, 1, 22, 16_384 + 256, 5)]
    ends = {sum(map(len, records[: k + 1])) for k in range(len(records))} | {0}
    stream, follower = b"".join(records), Records()
    for place in range(0, len(stream), step):
        assert follower.is_between == (place in ends)
        follower.follow(stream[place : place + step])
    assert follower.is_between
