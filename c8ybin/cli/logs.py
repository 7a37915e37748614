"""The options of `serve` that say what is logged, and what is made of them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from c8ybin.cli.options import option
from c8ybin.cli.own_log import FORMATS, LEVELS
from c8ybin.cli.problems import Unfit
from c8ybin.logs import Book, LogFile

F = TypeVar("F", bound=Callable[..., Any])

_STANDARD_ERROR = "-"


def log_options(function: F) -> F:
    """Declare the options."""
    for declare in (
        option(
            "--log-format",
            type=click.Choice(FORMATS),
            default="text",
            help="How the program's own log is written to standard error: as text, or as lines of JSON.",
        ),
        option("--log-level", type=click.Choice(LEVELS), default="info", help="What that log has at least."),
        option(
            "--access-log",
            metavar="FILE",
            help="Append a line for each request, in the combined format; `-` is standard error.",
        ),
        option(
            "--audit-log",
            metavar="FILE",
            help="Append a line of JSON for each request that changes something or is refused; `-` is standard "
            "error.",
        ),
    ):
        function = declare(function)
    return function


def open_book(settings: dict[str, Any]) -> Book:
    """Take the logs of requests out of the options of a command, and make their files.

    Raises:
        Unfit: One cannot be written.
    """
    return Book(**{name: _log_file(settings.pop(f"{name}_log")) for name in ("audit", "access")})


def _log_file(name: str | None) -> LogFile | None:
    if name is None:
        return None
    # Absolute, for it is opened again at any time.
    file = LogFile(None if name == _STANDARD_ERROR else Path(name).absolute())
    try:
        file.try_out()
    except OSError as error:
        raise Unfit(f"The log {name} cannot be written: {error.strerror}.") from None
    return file
