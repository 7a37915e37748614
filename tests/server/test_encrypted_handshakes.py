"""Handshakes: which are sound, what comes instead of one, those that stop in the middle."""

import socket
import ssl
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import pytest
from certificates import RSA, Authority
from harness import until
from server_tools import WAIT_S, Host, Raw, believing, echo, request
from tls_by_hand import ByHand

from c8ybin.server import Tls, TlsFiles

Hosted = Callable[..., Host]


class TestHandshake:
    @pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
    def test_speaks_the_versions_that_are_sound(
        self, host: Hosted, tls: Tls, version: ssl.TLSVersion
    ) -> None:
        served = host(echo, tls=tls)
        context = believing()
        context.minimum_version = context.maximum_version = version
        with Raw(served.port, tls=context) as client:
            assert client.ask("POST", "/", body=b"x").body == b"POST / x"
            assert isinstance(client.socket, ssl.SSLSocket)
            assert client.socket.version() == version.name.replace("_", ".")
            assert client.socket.compression() is None

    @pytest.mark.filterwarnings("ignore::DeprecationWarning")
    @pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
    def test_refuses_older_ones(self, host: Hosted, tls: Tls, version: ssl.TLSVersion) -> None:
        served = host(echo, tls=tls)
        context = believing()
        context.set_ciphers("ALL:@SECLEVEL=0")
        context.minimum_version = context.maximum_version = version
        with pytest.raises(ssl.SSLError, match="alert protocol version"):
            Raw(served.port, tls=context)

    @pytest.mark.parametrize(
        "cipher", ["ECDHE-ECDSA-AES128-SHA256", "ECDHE-ECDSA-AES256-SHA", "ECDHE-ECDSA-AES128-CCM"]
    )
    def test_refuses_ciphers_that_are_none_of_the_best(self, host: Hosted, tls: Tls, cipher: str) -> None:
        served = host(echo, tls=tls)
        context = believing()
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers(cipher)
        with pytest.raises(ssl.SSLError, match="alert handshake failure"):
            Raw(served.port, tls=context)

    def test_works_with_rsa(self, host: Hosted, authority: Authority) -> None:
        pair = authority.issue("rsa", kind=RSA)
        served = host(echo, tls=Tls(TlsFiles(pair.certificate, pair.key)))
        with served.connect() as client:
            assert client.ask("GET", "/").status == 200

    def test_is_believed_by_a_client_that_knows_the_authority(
        self, host: Hosted, tls: Tls, authority: Authority
    ) -> None:
        served = host(echo, tls=tls)
        context = ssl.create_default_context(cafile=authority.certificate)
        with socket.create_connection(("127.0.0.1", served.port), WAIT_S) as sock:
            context.wrap_socket(sock, server_hostname="localhost").close()

    def test_a_session_is_taken_up_again(self, host: Hosted, tls: Tls) -> None:
        served = host(echo, tls=tls)
        context, session = believing(), None
        for _ in range(2):
            sock = socket.create_connection(("127.0.0.1", served.port), WAIT_S)
            with context.wrap_socket(sock, session=session) as secure:
                secure.sendall(request("GET", "/"))
                assert secure.recv(100).startswith(b"HTTP/1.1 200")
                is_old, session = secure.session_reused, secure.session
        assert is_old

    def test_those_that_stop_in_the_middle_keep_nobody_waiting_and_end(self, host: Hosted, tls: Tls) -> None:
        served = host(echo, tls=tls, body_timeout_s=1.0)
        with ExitStack() as stack:
            clients = [stack.enter_context(ByHand(served.port)) for _ in range(100)]
            for number, client in enumerate(clients):
                hello = client.hello()
                # Nothing, a part of the first message, or all of it and then no more.
                client.socket.sendall((b"", hello[:1], hello[: len(hello) // 2], hello)[number % 4])
            assert until(lambda: served.connections == 100)
            with served.connect() as other:
                assert other.ask("POST", "/", body=b"x").body == b"POST / x"
            assert until(lambda: not served.connections)
            assert served.all_is_free()

    def test_is_taken_byte_by_byte(self, host: Hosted, tls: Tls) -> None:
        served = host(echo, tls=tls)
        with ByHand(served.port) as client:
            client.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            hello = client.hello()
            for number in range(len(hello)):
                client.socket.sendall(hello[number : number + 1])
            client._until_done(client._tls.do_handshake)
            for byte in client._to.read() + client.encrypted(request("GET", "/")):
                client.socket.sendall(bytes([byte]))
            assert client.read().startswith(b"HTTP/1.1 200")

    @pytest.mark.parametrize(
        "junk", [b"\x16\x03\x01\x00\x05hello", b"\x80\x2e\x01", bytes(100), b"\xff" * 100]
    )
    def test_of_something_else_harms_nobody(self, host: Hosted, tls: Tls, junk: bytes) -> None:
        served = host(echo, tls=tls, body_timeout_s=1.0)
        with Raw(served.port) as client:
            client.send(junk)
            client.rest()
        assert until(served.all_is_free)

    def test_that_are_gone_before_they_are_accepted_cost_the_server_nothing(
        self, host: Hosted, tls: Tls
    ) -> None:
        # Bytes of a record are still there, although the connection is not.
        served = host(echo, tls=tls)
        for _ in range(300):
            with Raw(served.port) as client:
                client.send(b"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00")
                client.reset()
        with served.connect() as client:
            assert client.ask("GET", "/").status == 200
        assert until(served.all_is_free)


class TestPlainHttp:
    @pytest.mark.parametrize("method", ["GET", "DELETE", "POST"])
    def test_is_answered_in_plain_words(self, host: Hosted, tls: Tls, method: str) -> None:
        called: list[Any] = []
        served = host(lambda *arguments: called.append(arguments), tls=tls, answers_now=True)
        with Raw(served.port) as client:
            client.send(request(method, "/", body=b"secret" * 10_000 if method == "POST" else b""))
            reply = client.reply()
            assert (reply.status, reply.fields["Connection"]) == (400, "close")
            assert b"This port speaks HTTPS" in reply.body
            assert client.rest() == b""
        assert not called
        assert until(served.all_is_free)

    def test_without_an_end_is_cut_off(self, host: Hosted, tls: Tls) -> None:
        served = host(echo, tls=tls, body_timeout_s=1.0)
        with Raw(served.port) as client:
            client.send(b"GET / HT")
            reply = client.reply()
            assert (reply.status, reply.fields["Connection"]) == (400, "close")
            assert b"This port speaks HTTPS" in reply.body
            assert client.rest() == b""
