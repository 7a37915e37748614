"""`c8ybin user`: the accounts of a data directory, while a server runs or not."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from c8ybin.accounts import EVENT_ADMIN, EVENT_READ, ROLES, Record
from c8ybin.cli.accounts import NONE, accounts_of, parted
from c8ybin.cli.options import F, Size, config_option, data_option, option
from c8ybin.cli.problems import Unfit
from c8ybin.cli.token import described
from c8ybin.domain.sizes import format_size


@click.group()
def user() -> None:
    """Add, list, change and remove accounts; a running server sees each change at once."""


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
force_option = option("--force", is_flag=True, default=False, help="Also the last account with ROLE_ADMIN.")


class _Limit(click.ParamType[Any]):
    """A limit, or `none`."""

    def __init__(self, of: click.ParamType[int]) -> None:
        self.name = of.name
        self._of = of

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Read one."""
        return value if str(value).lower() == NONE else self._of.convert(value, param, ctx)


def limit_options(function: F) -> F:
    """Declare what limits an account."""
    options: list[Callable[[F], F]] = [
        option("--sources", help="The only sources whose events exist for it, with commas; none for all."),
        option(
            "--quota",
            type=_Limit(Size()),
            help="The most bytes of attachments that its sources may hold; none for no limit.",
        ),
        option(
            "--max-events",
            type=_Limit(click.IntRange(1)),
            help="The most events that its sources may have; none for no limit.",
        ),
    ]
    for each in reversed(options):
        function = each(function)
    return function


def _limits(given: dict[str, Any]) -> dict[str, Any]:
    """Return the limits that were given, None for one that is lifted."""
    values = {
        name: None if str(value).lower() == NONE else value
        for name, value in given.items()
        if value is not None
    }
    if sources := values.get("sources"):
        values["sources"] = parted(sources)
    return values


@user.command()
@click.argument("name")
@option("--roles", default=f"{EVENT_READ},{EVENT_ADMIN}", help=f"Of {', '.join(ROLES)}, with commas.")
@limit_options
@password_option
@option("--no-password", is_flag=True, default=False, help="Let it in by tokens alone.")
@data_option
@config_option
def add(name: str, roles: str, password_stdin: bool, no_password: bool, data: Path, **limits: Any) -> None:
    """Add the account NAME."""
    if no_password and password_stdin:
        raise Unfit("Give either --password-stdin or --no-password.")
    with accounts_of(data, make=True) as accounts:
        wanted = parted(roles)
        secret = None if no_password else _password(password_stdin)
        accounts.changes.add(name, secret, wanted, **_limits(limits))
    click.echo(f"Added {name} with {', '.join(wanted)}.")


@user.command("list")
@option("--json", "as_json", is_flag=True, help="Write JSON.")
@data_option
@config_option
def list_(as_json: bool, data: Path) -> None:
    """List the accounts: roles, limits, whether disabled, and how many tokens."""
    with accounts_of(data) as accounts:
        records = sorted(accounts.records().items())
    if as_json:
        click.echo(json.dumps([_plain(name, record) for name, record in records]))
        return
    for name, record in records:
        click.echo("\t".join([name, ",".join(sorted(record.roles)), *_remarks(record)]))


def _plain(name: str, record: Record) -> dict[str, Any]:
    return {
        "name": name,
        "roles": sorted(record.roles),
        "sources": None if record.sources is None else sorted(record.sources),
        "quota": record.quota,
        "maxEvents": record.max_events,
        "disabled": record.is_disabled,
        "hasPassword": record.password is not None,
        "tokens": [described(token_id, token) for token_id, token in sorted(record.tokens.items())],
    }


def _remarks(record: Record) -> list[str]:
    remarks = {
        f"sources {','.join(sorted(record.sources or ()))}": record.sources is not None,
        f"quota {format_size(record.quota or 0)}": record.quota is not None,
        f"max events {record.max_events}": record.max_events is not None,
        f"tokens {len(record.tokens)}": record.tokens,
        "no password": record.password is None,
        "disabled": record.is_disabled,
    }
    return [remark for remark, applies in remarks.items() if applies]


@user.command()
@click.argument("name")
@force_option
@data_option
@config_option
def remove(name: str, force: bool, data: Path) -> None:
    """Remove the account NAME, and its tokens."""
    with accounts_of(data) as accounts:
        accounts.changes.remove(name, force=force)
    click.echo(f"Removed {name}.")


@user.command()
@click.argument("name")
@password_option
@data_option
@config_option
def password(name: str, password_stdin: bool, data: Path) -> None:
    """Give the account NAME another password; its tokens stay."""
    with accounts_of(data) as accounts:
        accounts.set_password(name, _password(password_stdin))
    click.echo(f"Changed the password of {name}.")


@user.command()
@click.argument("name")
@option("--roles", help=f"Of {', '.join(ROLES)}, with commas.")
@limit_options
@force_option
@data_option
@config_option
def change(name: str, roles: str | None, force: bool, data: Path, **limits: Any) -> None:
    """Give the account NAME other roles or limits; what is not given stays."""
    wanted = _limits(limits)
    if roles is None and not wanted:
        raise Unfit("Say what to change: --roles, --sources, --quota or --max-events.")
    with accounts_of(data) as accounts:
        accounts.changes.change(name, roles=parted(roles) if roles else roles, force=force, **wanted)
    click.echo(f"Changed {name}.")


@user.command()
@click.argument("name")
@force_option
@data_option
@config_option
def disable(name: str, force: bool, data: Path) -> None:
    """Let the account NAME and its tokens in no more, until it is enabled."""
    with accounts_of(data) as accounts:
        accounts.changes.disable(name, force=force)
    click.echo(f"Disabled {name}.")


@user.command()
@click.argument("name")
@data_option
@config_option
def enable(name: str, data: Path) -> None:
    """Let the account NAME in again."""
    with accounts_of(data) as accounts:
        accounts.changes.enable(name)
    click.echo(f"Enabled {name}.")


@user.command()
@click.argument("name")
@click.argument("new")
@data_option
@config_option
def rename(name: str, new: str, data: Path) -> None:
    """Give the account NAME the name NEW; password and tokens stay, and events keep the old one as their owner."""
    with accounts_of(data) as accounts:
        accounts.changes.rename(name, new)
    click.echo(f"Renamed {name} to {new}.")
