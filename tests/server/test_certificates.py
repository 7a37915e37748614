"""Certificates: which can be used, how they are exchanged, and those of clients."""

import logging
import os
import shutil
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from certificates import Authority, Pair, openssl
from harness import until
from server_tools import WAIT_S, Host, Raw, answer, believing, echo

from c8ybin.server import Tls, TlsFiles, UnfitCertificate

Hosted = Callable[..., Host]


def tls_of(pair: Pair, client_ca: Path | None = None) -> Tls:
    return Tls(TlsFiles(pair.certificate, pair.key, client_ca))


class TestReload:
    @pytest.fixture
    def live(self, authority: Authority, tmp_path: Path) -> Pair:
        """Files that are exchanged later."""
        pair = Pair(tmp_path / "live.pem", tmp_path / "live.key")
        self.put(authority.issue("first"), pair)
        return pair

    def put(self, new: Pair, live: Pair) -> None:
        for source, target in ((new.certificate, live.certificate), (new.key, live.key)):
            shutil.copy(source, target.with_suffix(".new"))
            os.replace(target.with_suffix(".new"), target)

    def shown_by(self, served: Host) -> bytes:
        with served.connect() as client:
            assert isinstance(client.socket, ssl.SSLSocket)
            return client.socket.getpeercert(binary_form=True) or b""

    def test_gives_new_connections_the_new_certificate_and_keeps_the_old_ones(
        self, host: Hosted, authority: Authority, live: Pair
    ) -> None:
        served = host(echo, tls=tls_of(live))
        over = threading.Event()
        failures: list[object] = []

        def load() -> None:
            try:
                with served.connect() as client:
                    while not over.is_set():
                        assert client.ask("POST", "/", body=b"x" * 20_000).status == 200
            except Exception as error:
                failures.append(error)

        threads = [threading.Thread(target=load) for _ in range(4)]
        for thread in threads:
            thread.start()
        first = self.shown_by(served)
        for name in ("second", "third"):
            new = authority.issue(name)
            self.put(new, live)
            served.server.reload()
            der = ssl.PEM_cert_to_DER_cert(new.certificate.read_text())
            assert der != first
            assert until(lambda wanted=der: self.shown_by(served) == wanted)
        over.set()
        for thread in threads:
            thread.join(WAIT_S)
        assert not failures

    def test_keeps_the_old_certificate_where_the_new_one_cannot_be_used(
        self, host: Hosted, authority: Authority, live: Pair, caplog: pytest.LogCaptureFixture
    ) -> None:
        served = host(echo, tls=tls_of(live))
        first = self.shown_by(served)
        self.put(authority.issue("past", years=(2020, 2021)), live)
        with caplog.at_level(logging.ERROR):
            served.server.reload()
            assert until(lambda: bool(caplog.records))
        assert caplog.messages == [
            f"the old certificate stays in use: The certificate in {live.certificate} has expired; renew it."
        ]
        assert self.shown_by(served) == first


class TestClientCertificates:
    @pytest.fixture
    def served(self, host: Hosted, authority: Authority) -> Host:
        def app(environ: Any, start_response: Any) -> list[bytes]:
            told = f"{environ['wsgi.url_scheme']} {environ['c8ybin.client_name']}"
            return answer(start_response, told.encode())

        return host(app, tls=tls_of(authority.issue("server"), authority.certificate))

    @pytest.fixture
    def others(self, tmp_path: Path) -> Authority:
        return Authority(tmp_path / "others")

    def ask(self, served: Host, pair: Pair | None) -> bytes:
        context = believing()
        if pair:
            context.load_cert_chain(pair.certificate, pair.key)
        with Raw(served.port, tls=context) as client:
            return client.ask("GET", "/").body

    def test_a_good_one_tells_the_name(self, served: Host, authority: Authority) -> None:
        assert self.ask(served, authority.issue("device-7", "clientAuth")) == b"https device-7"

    def test_none_tells_no_name(self, served: Host) -> None:
        assert self.ask(served, None) == b"https None"

    @pytest.mark.parametrize("subject", ["/CN=a/CN=b", "/O=x"])
    def test_one_without_a_single_name_tells_none(
        self, served: Host, authority: Authority, subject: str
    ) -> None:
        pair = authority.issue("unclear", "clientAuth", subject="/CN=a/CN=b")
        assert self.ask(served, pair) == b"https None"

    def test_those_that_are_not_accepted_are_told_so(
        self, served: Host, authority: Authority, others: Authority
    ) -> None:
        for pair, reason in (
            (others.issue("device-7", "clientAuth"), "unknown ca"),
            (authority.issue("device-8", "clientAuth", years=(2020, 2021)), "certificate expired"),
            (authority.issue("device-9", "serverAuth"), "unsupported certificate"),
        ):
            for _ in range(10):  # at once with the handshake goes the request, which must not cost the reason
                with pytest.raises(ssl.SSLError, match=f"alert {reason}"):
                    self.ask(served, pair)
        assert until(served.all_is_free)

    def test_is_not_asked_for_without_an_authority(
        self, host: Hosted, tls: Tls, authority: Authority
    ) -> None:
        served = host(lambda e, s: answer(s, str(e["c8ybin.client_name"]).encode()), tls=tls)
        assert self.ask(served, authority.issue("device-10", "clientAuth")) == b"None"


class TestFiles:
    def check(self, words: str, *files: Path) -> None:
        with pytest.raises(UnfitCertificate, match=words) as caught:
            Tls(TlsFiles(*files))
        assert str(caught.value).endswith(".")

    @pytest.fixture
    def pair(self, authority: Authority) -> Iterator[Pair]:
        yield authority.issue("pair")

    def test_that_are_missing_or_unreadable(self, pair: Pair, tmp_path: Path) -> None:
        self.check("nothing cannot be read: No such file", tmp_path / "nothing", pair.key)
        self.check("nothing cannot be read: No such file", pair.certificate, tmp_path / "nothing")
        self.check("cannot be read: Is a directory", pair.certificate, tmp_path)
        self.check("nothing cannot be read: No such file", pair.certificate, pair.key, tmp_path / "nothing")

    def test_that_are_none(self, pair: Pair, tmp_path: Path) -> None:
        junk = tmp_path / "junk"
        junk.write_bytes(b"\0junk\n" * 100)
        self.check("are not a certificate and its private key", junk, pair.key)
        self.check("are not a certificate and its private key", pair.certificate, junk)
        self.check("are not a certificate and its private key", pair.certificate, pair.certificate)
        self.check("holds no certificate of an authority", pair.certificate, pair.key, junk)
        self.check("holds no certificate of an authority", pair.certificate, pair.key, pair.key)

    def test_that_do_not_belong_together(self, pair: Pair, authority: Authority) -> None:
        self.check("is not that of the certificate in", pair.certificate, authority.issue("other").key)

    def test_whose_key_has_a_pass_phrase(self, pair: Pair, tmp_path: Path) -> None:
        locked = tmp_path / "locked"
        openssl("pkey", "-in", pair.key, "-aes256", "-passout", "pass:secret", "-out", locked)
        self.check("has a pass phrase", pair.certificate, locked)

    def test_that_nobody_would_believe(self, authority: Authority, tmp_path: Path) -> None:
        old, device = authority.issue("old", years=(2020, 2021)), authority.issue("device", "clientAuth")
        self.check("has expired", old.certificate, old.key)
        self.check("not meant for servers", device.certificate, device.key)
        weak = tmp_path / "weak.key"
        openssl("genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:1024", "-out", weak)
        openssl("req", "-x509", "-key", weak, "-subj", "/CN=weak", "-out", tmp_path / "weak.pem")
        self.check("is too weak: ee key too small", tmp_path / "weak.pem", weak)

    def test_that_are_not_valid_yet_are_served_for_the_clock_may_be_wrong(
        self, authority: Authority, caplog: pytest.LogCaptureFixture
    ) -> None:
        later = authority.issue("later", years=(2048, 2049))
        tls_of(later)
        assert "is not valid yet; look at the clock" in caplog.text

    def test_with_the_chain_behind_the_certificate(
        self, pair: Pair, authority: Authority, tmp_path: Path
    ) -> None:
        chain = tmp_path / "chain.pem"
        chain.write_bytes(pair.certificate.read_bytes() + authority.certificate.read_bytes())
        Tls(TlsFiles(chain, pair.key))
