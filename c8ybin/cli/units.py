"""Sizes and time spans, as people write them in options."""

import re
from typing import Any

import click

from c8ybin.domain.sizes import parse_size

SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


class Size(click.ParamType[int]):
    """A size in bytes, as people write them."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Read one, also as a plain number of a config file."""
        try:
            return parse_size(str(value))
        except ValueError as error:
            self.fail(f"{value!r} is {error}.", param, ctx)


class Duration(click.ParamType[float]):
    """A time span with its unit: `90s`, `30m`, `12h`, `7d`."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Read one as seconds."""
        match = re.fullmatch(r"0*([1-9]\d{0,8})\s*([smhd])", str(value))
        if not match:
            self.fail(f"{value!r} is no time span; write it like 90s, 30m, 12h or 7d.", param, ctx)
        return float(int(match[1]) * SECONDS[match[2]])
