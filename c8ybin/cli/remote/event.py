"""`c8ybin event`: the events of a server."""

import json
import sys
from typing import Any

import click

from c8ybin.cli.remote import exits
from c8ybin.cli.remote.connecting import Server, connected, json_option, say, server_options
from c8ybin.cli.remote.exits import Failure
from c8ybin.cli.remote.filters import Moment, filter_options, filters_of, list_options
from c8ybin.cli.remote.tables import write_events, write_json
from c8ybin.domain.events import MANDATORY, SERVER_OWNED


@click.group()
def event() -> None:
    """Create, list, show and delete events on a server."""


class _Fragment(click.ParamType[tuple[str, Any]]):
    """A fragment of an event: its name and its value, in JSON or else a text."""

    name = "name=json"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, Any]:
        """Read one."""
        if isinstance(value, tuple):
            return value
        name, equals, text = str(value).partition("=")
        if not (name and equals) or name in SERVER_OWNED or name in MANDATORY:
            self.fail(f'{value!r} is no fragment like c8y_Position={{"lat":51.2}}.', param, ctx)
        try:
            return name, json.loads(text)
        except ValueError:
            return name, text


@event.command()
@click.option("--source", required=True, metavar="ID", help="The source, as a device's ID.")
@click.option(
    "--type", "type_", required=True, metavar="TYPE", help="What kind of event it is, as c8y_Logfile."
)
@click.option("--text", required=True, help="What happened.")
@click.option("--time", "moment", type=Moment(), default="0s", help="When; now by default.")
@click.option("--fragment", "fragments", type=_Fragment(), multiple=True, help="A fragment; may be repeated.")
@json_option
@server_options
def create(
    source: str, type_: str, text: str, moment: str, fragments: tuple[tuple[str, Any], ...], **settings: Any
) -> None:
    """Create an event, and print its ID."""
    as_json = settings.pop("as_json")
    with connected(Server.taken_from(settings)) as connection:
        from c8ybin.client import Events

        document = {"source": {"id": source}, "type": type_, "time": moment, "text": text, **dict(fragments)}
        made = Events(connection).create(document)
    if as_json:
        write_json(made)
    else:
        click.echo(made.get("id"))


@event.command("list")
@filter_options()
@list_options
@json_option
@server_options
def list_(**settings: Any) -> None:
    """List events, newest first."""
    list_events(filters_of(settings), settings)


def list_events(filters: dict[str, str], settings: dict[str, Any]) -> None:
    """Write the events that fit; `settings` are the other parameters of the command."""
    as_json, most = settings.pop("as_json"), settings.pop("limit")
    if settings.pop("wants_all"):
        most = None
    if settings.pop("oldest_first"):
        filters["revert"] = "true"
    with connected(Server.taken_from(settings)) as connection:
        from c8ybin.client import Events

        found = Events(connection).find(filters, None if most is None else most + 1)
        write_events(found, most, as_json=as_json)


@event.command()
@click.argument("event_id", metavar="EVENT")
@json_option
@server_options
def show(event_id: str, as_json: bool, **settings: Any) -> None:
    """Show EVENT with all its fragments, as JSON."""
    with connected(Server.taken_from(settings)) as connection:
        from c8ybin.client import Events

        found = Events(connection).show(event_id)
    if as_json:
        write_json(found)
    else:
        write_json(found, indent=2)


@event.command()
@click.argument("event_ids", metavar="[EVENT]...", nargs=-1)
@filter_options()
@click.option("--all", "wants_all", is_flag=True, help="All events there are.")
@click.option("--yes", "-y", is_flag=True, help="Do not ask whether those that a filter chooses are meant.")
@server_options
def delete(event_ids: tuple[str, ...], wants_all: bool, yes: bool, **settings: Any) -> None:
    """Delete each EVENT, or all that the filters choose, with what is attached.

    What filters choose is asked about first, unless --yes is said.
    """
    filters = filters_of(settings)
    if bool(event_ids) + bool(filters) + wants_all != 1:
        raise Failure("Say what to delete: IDs of events, or filters, or --all.", exits.USAGE)
    with connected(Server.taken_from(settings)) as connection:
        from c8ybin.client import Events

        events = Events(connection)
        if event_ids:
            for event_id in event_ids:
                events.delete(event_id)
                say(f"Deleted event {event_id}.")
            return
        if not yes:
            if not sys.stdin.isatty():
                raise Failure("Say --yes, for nobody is there to be asked.", exits.USAGE)
            what = "ALL events" if wants_all else f"the events of {', '.join(map('='.join, filters.items()))}"
            question = f"Delete {what} of {connection.url}, with their attachments?"
            if not click.confirm(question, err=True):
                raise Failure("Nothing was deleted.")
        events.delete_matching(filters)
        say("Deleted them.")
