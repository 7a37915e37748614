"""`c8ybin token`: what programs log in with instead of a password."""

import json
import re
from pathlib import Path
from typing import Any

import click

from c8ybin.accounts import Token, now_ms
from c8ybin.cli.accounts import accounts_of, parted
from c8ybin.cli.options import Duration, config_option, data_option, option
from c8ybin.domain.times import format_time, parse_time


@click.group()
def token() -> None:
    """Make, list and revoke tokens for `Authorization: Bearer`; a running server sees each change at once."""


class Expiry(click.ParamType[int]):
    """When something ends: after a time span, or at a date."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Read one as milliseconds since 1970, which are to come."""
        text, now = str(value), now_ms()
        if re.fullmatch(r"\d+\s*[smhd]", text):
            moment = now + int(Duration().convert(text, param, ctx) * 1000)
        else:
            try:
                moment = parse_time(text)
            except ValueError:
                self.fail(f"{text!r} is neither a time span like 30d nor a date like 2027-12-31.", param, ctx)
        if moment <= now:
            self.fail(f"{text!r} is over already.", param, ctx)
        try:
            format_time(moment)
        except ValueError:
            self.fail(f"{text!r} is too far away.", param, ctx)
        return moment


@token.command()
@option("--user", required=True, help="Whose it is: it ends with this account.")
@option("--roles", help="Those of the user's roles that it has, with commas; by default all.")
@option("--expires", type=Expiry(), help="When it ends: 30d, 12h, or a date; by default never.")
@option("--name", default="", help="What it is for.")
@data_option
@config_option
def add(user: str, roles: str | None, expires: int | None, name: str, data: Path) -> None:
    """Make a token, and print it: the only time that it can be seen."""
    with accounts_of(data) as accounts:
        wanted = None if roles is None else parted(roles)
        made = accounts.changes.add_token(user, roles=wanted, expires=expires, label=name)
    # The token alone on standard output, for scripts.
    click.echo(made.text)
    click.echo(f"Made the token {made.id} for {user}; it is not shown again.", err=True)


def described(token_id: str, token: Token) -> dict[str, Any]:
    """Return what there is to tell of a token."""
    return {
        "id": token_id,
        "name": token.label,
        "roles": None if token.roles is None else sorted(token.roles),
        "created": format_time(token.created),
        "expires": None if token.expires is None else format_time(token.expires),
    }


@token.command("list")
@option("--json", "as_json", is_flag=True, help="Write JSON.")
@data_option
@config_option
def list_(as_json: bool, data: Path) -> None:
    """List the tokens: ID, user, name, roles, when made and when over."""
    with accounts_of(data) as accounts:
        found = [
            {"user": name} | described(token_id, token)
            for name, record in sorted(accounts.records().items())
            for token_id, token in sorted(record.tokens.items())
        ]
    if as_json:
        click.echo(json.dumps(found))
        return
    for each in found:
        roles = "all its roles" if each["roles"] is None else ",".join(each["roles"])
        ends = f"expires {each['expires']}" if each["expires"] else "does not expire"
        click.echo(f"{each['id']}\t{each['user']}\t{each['name']}\t{roles}\tmade {each['created']}\t{ends}")


@token.command()
@click.argument("token_id", metavar="ID")
@data_option
@config_option
def remove(token_id: str, data: Path) -> None:
    """Revoke the token ID."""
    with accounts_of(data) as accounts:
        owner = accounts.changes.remove_token(token_id)
    click.echo(f"Removed the token {token_id} of {owner}.")
