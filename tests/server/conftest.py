"""A starter of servers in this process."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from certificates import Authority
from server_tools import Host, hosted

from c8ybin.server import Tls, TlsFiles


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """An authority whose certificates are good."""
    return Authority(tmp_path_factory.mktemp("certificates") / "ours")


@pytest.fixture(scope="session")
def tls(authority: Authority) -> Tls:
    """A certificate for a server."""
    pair = authority.issue("localhost")
    return Tls(TlsFiles(pair.certificate, pair.key))


@pytest.fixture
def host() -> Iterator[Callable[..., Host]]:
    """Return a starter of servers in this process: application and settings; stopped in the end."""
    with ExitStack() as stack:
        yield lambda app, **more: stack.enter_context(hosted(app, **more))


@pytest.fixture(params=["plain", "tls"])
def either_host(request: pytest.FixtureRequest) -> Iterator[Callable[..., Host]]:
    """The same, once without and once with TLS, which the clients of the host then speak."""
    settings = {"tls": request.getfixturevalue("tls")} if request.param == "tls" else {}
    with ExitStack() as stack:
        yield lambda app, **more: stack.enter_context(hosted(app, **settings, **more))
