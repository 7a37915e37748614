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

from c8ybin.api.peers import Network
from c8ybin.cli.modes import set_umask, set_unsafe
from c8ybin.cli.problems import Unfit
from c8ybin.cli.units import Duration, Size

__all__ = [
    "Duration",
    "F",
    "Origin",
    "Peer",
    "PublicUrl",
    "Size",
    "config_option",
    "data_option",
    "in_config",
    "option",
    "unsafe_option",
]

F = TypeVar("F", bound=Callable[..., Any])

# What a config file may say, whichever command reads it: its keys, and the parameters they set.
_keys: dict[str, str] = {}
# Those that may be given several times.
_repeated: set[str] = set()


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


class Origin(click.ParamType[str]):
    """An origin of pages, as a browser sends it (RFC 6454, section 6.2), or `*` for all."""

    name = "origin"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Check one."""
        if value != "*" and not re.fullmatch(
            r"https?://([a-z0-9._-]+|\[[0-9a-f:.]+\])(:\d{1,5})?", str(value)
        ):
            self.fail(
                f"{value!r} is no origin like https://app.example.com: in lower case, without a path.",
                param,
                ctx,
            )
        return str(value)


def option(name: str, *names: str, **settings: Any) -> Callable[[F], F]:
    """Declare an option: `--name`, `C8YBIN_NAME` and `name` in the config file."""
    key = name.removeprefix("--").split("/")[0]
    _keys[key] = names[0] if names else key.replace("-", "_")
    if settings.get("multiple"):
        _repeated.add(key)
    variable = f"C8YBIN_{key.replace('-', '_').upper()}"
    return click.option(name, *names, envvar=variable, show_envvar=True, **{"show_default": True, **settings})


def in_config(*keys: str) -> None:
    """Let the config file have keys for options that are declared elsewhere, and read the environment themselves."""
    _keys.update(zip(keys, keys, strict=True))


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
    if values.keys() - _keys.keys():
        _know_all(ctx)
    unknown = sorted(values.keys() - _keys.keys())
    if unknown:
        raise Unfit(f"The config file {path} has an unknown key {unknown[0]}; see --help for the options.")
    ctx.default_map = {_keys[key]: _from_toml(path, key, value) for key, value in values.items()}


def _know_all(ctx: click.Context) -> None:
    """Import every command, for one file may hold keys of several."""
    command = ctx.find_root().command
    if isinstance(command, click.Group):
        list(command.commands.values())


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


def unsafe_option(function: F) -> F:
    """Declare `--unsafe-filesystem`."""
    return option(
        "--unsafe-filesystem/--no-unsafe-filesystem",
        default=False,
        expose_value=False,
        callback=set_unsafe,
        help="Use the data directory although its file system lacks what the store rests on, and lose data one day.",
    )(function)


def data_option(function: F) -> F:
    """Declare `--data`, and how it may be used: `--data-group-readable`, `--unsafe-filesystem`."""
    function = option(
        "--data-group-readable/--no-data-group-readable",
        default=False,
        expose_value=False,
        callback=set_umask,
        help="Make directories 0750 and files 0640, so that the data directory's group can read; else 0700 and 0600.",
    )(function)
    function = unsafe_option(function)
    return option(
        "--data",
        type=click.Path(path_type=Path, file_okay=False, resolve_path=True),
        default=Path("data"),
        help="The data directory; made where it is missing.",
    )(function)
