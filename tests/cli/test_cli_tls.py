"""The options of TLS: which go together, and where a server does without."""

import socket
from pathlib import Path

import pytest
from click.testing import CliRunner

from c8ybin.cli import main
from c8ybin.cli.problems import Unfit
from c8ybin.cli.self_signed import own_names
from c8ybin.cli.tls import TlsChoice
from c8ybin.server import is_local


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--tls-cert", "c.pem"), "--tls-cert needs --tls-key"),
        (("--tls-key", "k.pem"), "--tls-key needs --tls-cert"),
        (("--tls-self-signed", "--tls-cert", "c.pem", "--tls-key", "k.pem"), "either --tls-self-signed or"),
        (("--tls-client-ca", "ca.pem"), "--tls-client-ca needs a certificate of the server"),
        (("--tls-cert", "c.pem", "--tls-key", "k.pem"), "c.pem cannot be read: No such file"),
    ],
)
def test_options_that_do_not_go_together_are_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], says: str
) -> None:
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(main, ("serve", "--port", "0", *arguments))
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
    assert says in result.stderr
    assert not any(tmp_path.iterdir())


class Bound:
    """A socket that is bound and never listens."""

    def __init__(self, family: int, address: object) -> None:
        self.socket = socket.socket(socket.AddressFamily(family))
        self.socket.bind(address)  # type: ignore[arg-type]

    def __enter__(self) -> socket.socket:
        return self.socket

    def __exit__(self, *_: object) -> None:
        self.socket.close()


def choice(*, insecure_http: bool = False) -> TlsChoice:
    return TlsChoice(
        tls_cert=None, tls_key=None, tls_self_signed=False, tls_client_ca=None, insecure_http=insecure_http
    )


def test_what_other_machines_reach_is_not_served_without_tls(tmp_path: Path) -> None:
    addresses = [(socket.AF_INET, ("0.0.0.0", 0)), (socket.AF_INET6, ("::", 0))]
    for family, address in addresses:
        with Bound(family, address) as listener:
            with pytest.raises(Unfit, match="--insecure-http where the network is safe") as caught:
                choice().opened(listener, tmp_path / "data", None, ())
            assert caught.value.exit_code == 2
            assert choice(insecure_http=True).opened(listener, tmp_path / "data", None, ()) is None
            assert choice().opened(listener, tmp_path / "data", None, ("10.0.0.1",)) is None
    assert not (tmp_path / "data").exists()


def test_the_command_refuses_it_too(tmp_path: Path) -> None:
    result = CliRunner().invoke(
        main, ("serve", "--data", str(tmp_path / "data"), "--host", "0.0.0.0", "--port", "0")
    )
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
    assert "whoever listens on the network can read the passwords" in result.stderr
    assert not (tmp_path / "data").exists()


def test_what_only_this_machine_reaches_is(tmp_path: Path) -> None:
    for family, address in (
        (socket.AF_INET, ("127.0.0.1", 0)),
        (socket.AF_INET, ("127.8.9.10", 0)),
        (socket.AF_INET6, ("::1", 0)),
        (socket.AF_INET6, ("::ffff:127.0.0.1", 0)),
        (socket.AF_UNIX, str(tmp_path / "socket")),
    ):
        with Bound(family, address) as listener:
            assert is_local(listener)
            assert choice().opened(listener, tmp_path / "data", None, ()) is None


def test_a_server_is_known_by_its_host_name_and_its_addresses() -> None:
    with Bound(socket.AF_INET, ("127.8.9.10", 0)) as listener:
        assert own_names(listener) == [socket.gethostname(), "localhost", "127.8.9.10", "127.0.0.1", "::1"]
