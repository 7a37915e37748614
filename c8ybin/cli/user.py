"""`c8ybin user`: the accounts of a data directory, while a server runs or not."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from c8ybin.accounts import EVENT_ADMIN, EVENT_READ, ROLES, Accounts, AccountsProblem
from c8ybin.cli.options import config_option, data_option, option
from c8ybin.cli.problems import ACCOUNTS_BUSY, Problem, Unfit, using
from c8ybin.store import is_data_directory, prepare_directory


@click.group()
def user() -> None:
    """Add, list, change and remove accounts; a running server sees each change at once."""


@contextmanager
def _accounts(data: Path, *, make: bool = False) -> Iterator[Accounts]:
    if not make and not is_data_directory(data):
        raise Unfit(f"{data} is no data directory of c8ybin.")
    try:
        with using(data):
            prepare_directory(data)
            accounts = Accounts(data)
            try:
                yield accounts
            finally:
                accounts.close()
    except AccountsProblem as error:
        raise Problem(str(error)) from None
    except TimeoutError:
        raise Problem(ACCOUNTS_BUSY) from None


def _password(from_stdin: bool) -> str:
    if not from_stdin:
        if not sys.stdin.isatty():
            raise Unfit("Pass the password as one line of standard input, with --password-stdin.")
        return str(click.prompt("Password", hide_input=True, confirmation_prompt=True))
    line = sys.stdin.buffer.readline()
    try:
        return line.decode().rstrip("\r\n")
    except UnicodeDecodeError:
        raise Unfit("The password is not UTF-8.") from None


password_option = option(
    "--password-stdin", is_flag=True, help="Read the password as one line of standard input."
)


@user.command()
@click.argument("name")
@option("--roles", default=f"{EVENT_READ},{EVENT_ADMIN}", help=f"Of {', '.join(ROLES)}, with commas.")
@password_option
@data_option
@config_option
def add(name: str, roles: str, password_stdin: bool, data: Path) -> None:
    """Add the account NAME."""
    with _accounts(data, make=True) as accounts:
        wanted = [role.strip() for role in roles.split(",")]
        accounts.add(name, _password(password_stdin), wanted)
    click.echo(f"Added {name} with {', '.join(wanted)}.")


@user.command("list")
@option("--json", "as_json", is_flag=True, help="Write JSON.")
@data_option
@config_option
def list_(as_json: bool, data: Path) -> None:
    """List the accounts and their roles."""
    with _accounts(data) as accounts:
        users = accounts.users()
    if as_json:
        click.echo(json.dumps([{"name": u.name, "roles": sorted(u.roles)} for u in users]))
        return
    for account in users:
        click.echo(f"{account.name}\t{','.join(sorted(account.roles))}")


@user.command()
@click.argument("name")
@data_option
@config_option
def remove(name: str, data: Path) -> None:
    """Remove the account NAME."""
    with _accounts(data) as accounts:
        accounts.remove(name)
    click.echo(f"Removed {name}.")


@user.command()
@click.argument("name")
@password_option
@data_option
@config_option
def password(name: str, password_stdin: bool, data: Path) -> None:
    """Give the account NAME another password."""
    with _accounts(data) as accounts:
        accounts.set_password(name, _password(password_stdin))
    click.echo(f"Changed the password of {name}.")
