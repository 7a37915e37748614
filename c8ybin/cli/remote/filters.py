"""Options that choose events: those of the API, as the server reads them, and how many."""

import re
import time
from collections.abc import Callable
from typing import Any, TypeVar

import click

from c8ybin.cli.units import SECONDS
from c8ybin.domain.queries import FILTERS, Kind, Parameter
from c8ybin.domain.times import format_time, parse_time

F = TypeVar("F", bound=Callable[..., Any])

MOST = 100


class Moment(click.ParamType[str]):
    """A time, or how long ago it was: `2026-11-24T12:00:00Z`, `90m`, `7d`."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Read one as the API writes it."""
        text = str(value)
        ago = re.fullmatch(r"(\d{1,9})\s*([smhd])", text, re.ASCII)
        try:
            if ago:
                return format_time(int(time.time() * 1000) - int(ago[1]) * SECONDS[ago[2]] * 1000)
            return format_time(parse_time(text))
        except ValueError:
            self.fail(
                f"{text!r} is neither a time like 2026-11-24T12:00:00Z nor an age like 90m or 7d.", param, ctx
            )


def _flag(parameter: Parameter) -> str:
    return "--" + re.sub("([A-Z])", lambda match: "-" + match[1].lower(), parameter.name)


def filter_options(*left_out: str) -> Callable[[F], F]:
    """Declare an option for each filter of the API, but for those that are left out."""

    def declare(function: F) -> F:
        for parameter in reversed(FILTERS):
            if parameter.name not in left_out:
                kind = Moment() if parameter.kind is Kind.TIME else None
                help_text = parameter.meaning.replace("`", "")
                function = click.option(_flag(parameter), parameter.field, type=kind, help=help_text)(
                    function
                )
        return function

    return declare


def list_options(function: F) -> F:
    """Declare what a list may be told besides its filters."""
    for each in (
        click.option("--all", "wants_all", is_flag=True, help="All there are."),
        click.option(
            "--limit",
            type=click.IntRange(1),
            default=MOST,
            show_default=True,
            metavar="N",
            help="At most so many.",
        ),
        click.option("--oldest-first", is_flag=True, help="Oldest time first instead of newest."),
    ):
        function = each(function)
    return function


def filters_of(settings: dict[str, Any]) -> dict[str, str]:
    """Take the filters out of a command's parameters, as the API names them."""
    names = {parameter.field: parameter.name for parameter in FILTERS}
    found = {field: settings.pop(field) for field in names if field in settings}
    return {names[field]: value for field, value in found.items() if value is not None}
