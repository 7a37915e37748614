"""What the commands that speak to a server share: their options, the connection, and how they end."""

import errno
import ipaddress
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

import click

from c8ybin.cli.remote import exits
from c8ybin.cli.remote.exits import Failure
from c8ybin.cli.remote.places import Target, find_target

if TYPE_CHECKING:
    from ssl import SSLContext

    from c8ybin.client import Connection

F = TypeVar("F", bound=Callable[..., Any])
# As in the client, which is not imported for a help text.
RETRIES = 6


@dataclass(frozen=True, slots=True)
class Server:
    """What the options of a command say about the server."""

    url: str | None
    user: str | None
    profile: str | None
    cacert: str | None
    insecure: bool
    retries: int = 0

    @staticmethod
    def taken_from(settings: dict[str, Any]) -> "Server":
        """Take them out of a command's parameters."""
        return Server(**{name: settings.pop(name) for name in Server.__slots__ if name in settings})

    def target(self, *, beneath: Mapping[str, str] = {}, otherwise: str | None = None) -> Target:
        """Return the server that these, the environment and profiles name.

        Args:
            beneath: Variables for what the environment does not say.
            otherwise: Where none names one.

        Raises:
            Failure: There is none, or a profile cannot be had.
        """
        return find_target(
            {**beneath, **os.environ},
            url=self.url,
            user=self.user,
            profile=self.profile,
            cacert=self.cacert,
            otherwise=otherwise,
        )


def target_options(function: F) -> F:
    """Declare what says which server."""
    options: list[Callable[[F], F]] = [
        click.option("--url", metavar="URL", help="The server; C8YBIN_URL, C8Y_HOST or a profile otherwise."),
        click.option(
            "--user", metavar="NAME", help="The user, whose password is in the environment or asked for."
        ),
        click.option("--profile", metavar="NAME", help="A profile of c8ybin login."),
        click.option(
            "--cacert",
            type=click.Path(exists=True, dir_okay=False),
            help="The authority that signed the server's certificate, or that itself, as PEM.",
        ),
        click.option(
            "--insecure", is_flag=True, help="Accept every certificate, also that of somebody on the way."
        ),
    ]
    for each in reversed(options):
        function = each(function)
    return function


def server_options(function: F) -> F:
    """Declare what says which server, and how it is spoken to."""
    return target_options(
        click.option(
            "--retries",
            type=click.IntRange(0, 1000),
            default=RETRIES,
            show_default=True,
            metavar="N",
            help="How often a request is tried again when the connection or the server fails.",
        )(function)
    )


RESUMES = "Interrupted. The same command goes on from there."

json_option = click.option("--json", "as_json", is_flag=True, help="Write a JSON object a line.")


def say(text: str) -> None:
    """Tell a person, on standard error."""
    click.echo(text, err=True)


@contextmanager
def ending(tell: Callable[[str], None] = say, interrupted: str = "Interrupted.") -> Iterator[None]:
    """Turn what ends a client's command into one sentence and an exit code.

    Args:
        tell: Is told that it was interrupted.
        interrupted: How that is said.

    Raises:
        Failure: It could not be done.
        SystemExit: It was interrupted.
    """
    try:
        yield
    except (KeyboardInterrupt, click.Abort):
        tell(interrupted)
        sys.exit(exits.INTERRUPTED)
    except OSError as error:
        if error.errno == errno.EPIPE:  # nobody reads any more, which click knows
            raise
        where = f"{error.filename} " if error.filename else "The output "
        raise Failure(f"{where}cannot be used: {error.strerror}.") from None
    except Exception as error:
        from c8ybin import client

        if isinstance(error, client.AttachmentExists):
            raise Failure(f"{error} Say --replace to take its place.") from None
        codes: dict[type[Exception], int] = {
            client.NotFound: exits.NOT_FOUND,
            client.NotAllowed: exits.NOT_ALLOWED,
            client.NoConnection: exits.NO_CONNECTION,
            client.WrongBytes: exits.WRONG_BYTES,
            client.ClientError: exits.REFUSED,
        }
        for kind, code in codes.items():
            if isinstance(error, kind):
                raise Failure(str(error), code) from None
        raise


@contextmanager
def connected(
    server: Server, tell: Callable[[str], None] = say, interrupted: str = "Interrupted."
) -> Iterator["Connection"]:
    """Yield a connection to the server that options, environment and profiles name.

    Args:
        server: The options.
        tell: Is told of troubles that are waited out.
        interrupted: What it is told when that happens.

    Raises:
        Failure: As `ending`; or the server or its credentials are missing.
    """
    with ending(tell, interrupted):
        target = with_secret(server.target())
        with connection_to(target, server, tell) as connection:
            yield connection


def connection_to(target: Target, server: Server, tell: Callable[[str], None] = say) -> "Connection":
    """Return a connection, and warn of what others could read."""
    from c8ybin.client import Connection

    warn(target.url, server)
    return Connection(
        target.url,
        target.authorization(),
        trust=trust(target, server),
        retries=server.retries,
        tell=_once(tell),
    )


def with_secret(target: Target) -> Target:
    """Ask a person for what is missing to log in, where there is one; what is typed is not shown."""
    if target.token or target.password is not None or not sys.stdin.isatty():
        return target
    user = target.user or str(click.prompt(f"User at {target.url}", err=True))
    password = str(click.prompt(f"Password of {user} at {target.url}", hide_input=True, err=True))
    return Target(target.url, user, password, None, target.cacert)


def warn(url: str, server: Server) -> None:
    """Say it loudly where others on the way could read the password and change what is sent."""
    parts = urlsplit(url)
    if server.insecure:
        say(
            "WARNING: --insecure accepts every certificate: whoever is on the way can read the password and "
            "change what is sent. Use --cacert instead."
        )
    elif parts.scheme == "http" and not _is_here(parts.hostname or ""):
        say(f"WARNING: {url} is not encrypted: whoever is on the way can read the password. Use https.")


def _is_here(host: str) -> bool:
    """Tell whether a host is this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def trust(target: Target, server: Server) -> "SSLContext":
    """Return how the certificate of a server is looked at.

    Raises:
        Failure: The file of its authority cannot be used.
    """
    from c8ybin.client import trusting

    try:
        return trusting(target.cacert, anybody=server.insecure)
    except OSError as error:
        reason = "it holds no certificate" if error.errno is None or "X509" in str(error) else error.strerror
        raise Failure(f"{target.cacert} cannot be used: {reason}.", exits.USAGE) from None


def _once(tell: Callable[[str], None]) -> Callable[[str], None]:
    """Leave out what was told just before, as when several chunks lose the same connection."""
    last = ""

    def told(text: str) -> None:
        nonlocal last
        if text != last:
            tell(text)
        last = text

    return told
