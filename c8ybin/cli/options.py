"""Options, each stated once: a flag, its environment variable and its key in the config file.

A flag wins over the environment, that over the file, and that over the default.
"""

import ipaddress
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import click

from c8ybin.api.answers import Network
from c8ybin.cli.problems import Unfit
from c8ybin.domain.sizes import parse_size

F = TypeVar("F", bound=Callable[..., Any])

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}

# What a config file may say, whichever command reads it: its keys, and the parameters they set.
_keys: dict[str, str] = {}
# Those that may be given several times.
_repeated: set[str] = set()


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
        return float(int(match[1]) * _SECONDS[match[2]])


class Peer(click.ParamType[Network]):
    """An address or a network of peers."""

    name = "address"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Network:
        """Read one."""
        if isinstance(value, ipaddress.IPv4Network | ipaddress.IPv6Network):
            return value
        try:
            return ipaddress.ip_network(value, strict=False)
        except ValueError:
            self.fail(f"{value!r} is no IP address or network.", param, ctx)


class PublicUrl(click.ParamType[str]):
    """Scheme and host under which clients reach the server."""

    name = "url"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Check one."""
        try:
            parts = urlsplit(str(value))
            is_origin = (
                parts.scheme in ("http", "https") and parts.hostname and not (parts.query or parts.fragment)
            )
        except ValueError:
            is_origin = False
        if not is_origin:
            self.fail(f"{value!r} is no address like https://events.example.com.", param, ctx)
        return str(value)


def option(name: str, *names: str, **settings: Any) -> Callable[[F], F]:
    """Declare an option: `--name`, `C8YBIN_NAME` and `name` in the config file."""
    key = name.removeprefix("--").split("/")[0]
    _keys[key] = names[0] if names else key.replace("-", "_")
    if settings.get("multiple"):
        _repeated.add(key)
    variable = f"C8YBIN_{key.replace('-', '_').upper()}"
    return click.option(name, *names, envvar=variable, show_envvar=True, **{"show_default": True, **settings})


def _load(ctx: click.Context, _: click.Parameter, path: Path | None) -> None:
    if path is None:
        return
    import tomllib  # here, for most starts do without it

    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise Unfit(f"The config file {path} cannot be read: {error.strerror}.") from None
    except ValueError as error:
        raise Unfit(f"The config file {path} is not TOML: {error}.") from None
    unknown = sorted(values.keys() - _keys.keys())
    if unknown:
        raise Unfit(f"The config file {path} has an unknown key {unknown[0]}; see --help for the options.")
    ctx.default_map = {_keys[key]: _from_toml(path, key, value) for key, value in values.items()}


def _from_toml(path: Path, key: str, value: Any) -> Any:
    """Return a value of the config file as click takes it: text, true or false, or a list of texts."""
    items = value if isinstance(value, list) and key in _repeated else [value]
    if not all(isinstance(item, str | int | float) for item in items):
        raise Unfit(
            f"The config file {path} has a value of {key} that is neither text nor a number nor a truth value."
        )
    items = [item if isinstance(item, bool) else str(item) for item in items]
    return items if key in _repeated else items[0]


def config_option(function: F) -> F:
    """Declare `--config`."""
    return click.option(
        "--config",
        type=click.Path(path_type=Path),
        envvar="C8YBIN_CONFIG",
        show_envvar=True,
        is_eager=True,
        expose_value=False,
        callback=_load,
        help="A TOML file with any of these options, by their long names.",
    )(function)


def data_option(function: F) -> F:
    """Declare `--data`."""
    return option(
        "--data",
        type=click.Path(path_type=Path, file_okay=False),
        default=Path("data"),
        help="The data directory; made where it is missing.",
    )(function)
