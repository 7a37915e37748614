"""`c8ybin login` and `c8ybin logout`: the profile file."""

import os
import sys
from pathlib import Path
from typing import Any

import click

from c8ybin.cli.remote import exits
from c8ybin.cli.remote.connecting import Server, connection_to, ending, say, server_options
from c8ybin.cli.remote.exits import Failure
from c8ybin.cli.remote.places import Target, normal_url
from c8ybin.cli.remote.profiles import DEFAULT, profile_file, remove_profile, write_profile


@click.command()
@click.option("--password-stdin", is_flag=True, help="Read the password as one line of standard input.")
@click.option("--token-stdin", is_flag=True, help="Read a token instead, as one line of standard input.")
@server_options
def login(password_stdin: bool, token_stdin: bool, **settings: Any) -> None:
    """Keep a server and what to log in there with in the profile file, once the server has accepted it.

    Asks for what no option says; what is typed as a password is not shown. --profile names the profile, by
    default `default`, which is used where nothing else names a server.
    """
    server = Server.taken_from(settings)
    with ending():
        if password_stdin and token_stdin:
            raise Failure("Give either --password-stdin or --token-stdin.", exits.USAGE)
        given = server.url or os.environ.get("C8YBIN_URL")
        url = normal_url(given or _asked("Server", "--url"))
        token = _line() if token_stdin else None
        user = server.user or os.environ.get("C8YBIN_USER") or None
        if token is None and user is None:
            user = _asked("User", "--user")
        password = None
        if token is None:
            password = _line() if password_stdin else _asked("Password", "--password-stdin", hidden=True)
        cacert = server.cacert or os.environ.get("C8YBIN_CACERT") or None
        cacert = str(Path(cacert).resolve()) if cacert else None
        target = Target(url, user, password, token, cacert)
        with connection_to(target, server) as connection:
            connection.ask("GET", "/tenant/currentTenant")
        values = {"url": url, "user": user, "password": password, "token": token, "cacert": cacert}
        path, name = profile_file(os.environ), server.profile or DEFAULT
        write_profile(path, name, {key: value for key, value in values.items() if value is not None})
        say(f"Logged in to {url}; kept as profile {name} in {path}.")


@click.command()
@click.option("--profile", default=DEFAULT, show_default=True, metavar="NAME", help="The profile.")
def logout(profile: str) -> None:
    """Remove a profile with its password or token from the profile file."""
    path = profile_file(os.environ)
    if not remove_profile(path, profile):
        raise Failure(f"There is no profile {profile} in {path}.", exits.USAGE)
    say(f"Removed profile {profile} from {path}.")


def _asked(what: str, option: str, *, hidden: bool = False) -> str:
    if not sys.stdin.isatty():
        raise Failure(f"Say {option}, for nobody is there to be asked.", exits.USAGE)
    return str(click.prompt(what, hide_input=hidden, err=True))


def _line() -> str:
    try:
        text = sys.stdin.buffer.readline().decode().rstrip("\r\n")
    except UnicodeDecodeError:
        raise Failure("What standard input has is not UTF-8.", exits.USAGE) from None
    if not text:
        raise Failure("Standard input has no line to read.", exits.USAGE)
    return text
