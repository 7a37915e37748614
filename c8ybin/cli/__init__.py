"""The command line: arguments, environment, config file, logging, signals, exit codes.

A module a command group; this room alone reads the environment.
"""

import click

from c8ybin import __version__
from c8ybin.cli.backup import backup, restore_command
from c8ybin.cli.check import check
from c8ybin.cli.serve import serve
from c8ybin.cli.user import user


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="c8ybin", message="%(prog)s %(version)s")
def main() -> None:
    """Attachments of IoT events on a plain file system, behind the HTTP API of Cumulocity."""


main.add_command(serve)
main.add_command(check)
main.add_command(user)
main.add_command(backup)
main.add_command(restore_command)
