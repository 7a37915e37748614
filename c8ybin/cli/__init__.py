"""The command line: arguments, environment, config file, logging, signals, exit codes.

A module a command group; this room alone reads the environment. A command's module is
imported when the command is used, so that none pays for what another needs.
"""

import importlib
from collections.abc import Iterator, Mapping, MutableMapping

import click

from c8ybin import __version__


class Commands(MutableMapping[str, click.Command]):
    """Commands by their names, each imported when it is looked up."""

    def __init__(self, places: Mapping[str, str]) -> None:
        """Take for each name its module in this room and its name there, as `serve:serve`."""
        self._places = dict(places)
        self._commands: dict[str, click.Command] = {}

    def __getitem__(self, name: str) -> click.Command:
        """Import a command, unless that was done."""
        if name not in self._commands:
            module, _, attribute = self._places[name].partition(":")
            self._commands[name] = getattr(importlib.import_module(f"c8ybin.cli.{module}"), attribute)
        return self._commands[name]

    def __setitem__(self, name: str, command: click.Command) -> None:
        """Add one that is imported already, as click does."""
        self._places[name] = ""
        self._commands[name] = command

    def __delitem__(self, name: str) -> None:
        """Take one away."""
        del self._places[name]
        self._commands.pop(name, None)

    def __iter__(self) -> Iterator[str]:
        """Go through the names, which imports nothing."""
        return iter(self._places)

    def __len__(self) -> int:
        """Count them."""
        return len(self._places)

    def __contains__(self, name: object) -> bool:
        """Tell whether there is one, which imports nothing."""
        return name in self._places


@click.group(
    commands=Commands(
        {
            "serve": "serve:serve",
            "check": "check:check",
            "doctor": "doctor:doctor",
            "user": "user:user",
            "token": "token:token",
            "backup": "backup:backup",
            "restore": "backup:restore_command",
            "sync": "sync:sync",
            "read-only": "sync:read_only",
            "reindex": "reindex:reindex",
            "seed": "seed:seed",
            "top": "top:top",
            "health": "health:health",
            "event": "remote.event:event",
            "upload": "remote.upload:upload",
            "download": "remote.download:download",
            "ls": "remote.attached:ls",
            "rm": "remote.attached:rm",
            "login": "remote.login:login",
            "logout": "remote.login:logout",
            "completion": "completion:completion",
            "man": "man:man",
        }
    ),
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, prog_name="c8ybin", message="%(prog)s %(version)s")
def main() -> None:
    """Attachments of IoT events on a plain file system, behind the HTTP API of Cumulocity."""
