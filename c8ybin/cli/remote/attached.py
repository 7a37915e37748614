"""`c8ybin ls` and `c8ybin rm`: what is attached to events."""

from typing import Any

import click

from c8ybin.cli.remote.connecting import Server, connected, json_option, say, server_options
from c8ybin.cli.remote.event import list_events
from c8ybin.cli.remote.filters import filter_options, filters_of, list_options
from c8ybin.domain.events import IS_BINARY, IS_INCOMPLETE


@click.command()
@filter_options("fragmentType", "fragmentValue")
@click.option("--incomplete", is_flag=True, help="Those with an incomplete upload instead.")
@list_options
@json_option
@server_options
def ls(incomplete: bool, **settings: Any) -> None:
    """List events that have an attachment, newest first: ID, time, source, type, size, file name, text."""
    list_events(filters_of(settings) | {"fragmentType": IS_INCOMPLETE if incomplete else IS_BINARY}, settings)


@click.command()
@click.argument("event_ids", metavar="EVENT...", nargs=-1, required=True)
@server_options
def rm(event_ids: tuple[str, ...], **settings: Any) -> None:
    """Remove the attachment of each EVENT, and its incomplete upload; the event stays.

    `c8ybin event delete` removes both.
    """
    with connected(Server.taken_from(settings)) as connection:
        from c8ybin.client import Events

        for event_id in event_ids:
            Events(connection).delete_binary(event_id)
            say(f"Removed the attachment of event {event_id}.")
