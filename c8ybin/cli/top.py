"""`c8ybin top`: how a server fares, live on a terminal or as JSON."""

import json
import os
import select
import ssl
import sys
import termios
import time
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import click
from click.core import ParameterSource

from c8ybin.cli.figures import Reading, figures_of, read_metrics
from c8ybin.cli.options import Duration, config_option, in_config, option
from c8ybin.cli.problems import Problem, Unfit
from c8ybin.cli.remote.connecting import Server, target_options, trust, warn, with_secret

_TIMEOUT_S = 10.0
_HERE = "http://127.0.0.1:8080"
# What names the server, and what of the environment says that better than the config file.
_NAMING = ("url", "profile")
_NAMED_BY = ("C8YBIN_URL", "C8YBIN_PROFILE", "C8Y_HOST")
_HINTS = {
    401: "log in by c8ybin login, or by C8YBIN_USER and C8YBIN_PASSWORD.",
    403: "the account takes ROLE_ADMIN.",
    429: "too many logins failed; wait a while.",
}
in_config(*_NAMING, "user", "cacert", "insecure")


@click.command()
@option("--interval", type=Duration(), default="1s", help="How long one look at it takes.")
@option("--once", is_flag=True, default=False, help="Look once, and end.")
@option("--json", "as_json", is_flag=True, help="Write a JSON object a line, instead of the screen.")
@config_option
@target_options
def top(interval: float, once: bool, as_json: bool, **settings: Any) -> None:
    """Show how a server fares: requests, bytes, fsyncs, uploads, store, disk, processes; q or Ctrl-C ends.

    It reads /metrics again and again, of http://127.0.0.1:8080 where no server is named. The account
    takes ROLE_ADMIN; where none is named it asks without one, for servers with --open-metrics.
    Exit code 0: done; 1: the server refused or did not answer; 2: wrong arguments.
    """
    beneath = _of_config(settings)
    server = Server.taken_from(settings)
    target = server.target(beneath=beneath, otherwise=_HERE)
    if target.user:
        target = with_secret(target)
    url, authorization = target.url, target.authorization() if target.has_secret else None
    warn(url, server)
    context = trust(target, server)

    def look() -> Reading:
        return fetch(url, authorization, context)

    before = look()
    if as_json or once:
        _tell(look, before, interval, once=once, as_json=as_json)
        return
    if not (sys.stdout.isatty() and sys.stdin.isatty()):
        raise Unfit("The screen needs a terminal; elsewhere use --json, or --once.")
    _watch(look, before, interval, url)


def _of_config(settings: dict[str, Any]) -> dict[str, str]:
    """Take out what the config file says of the server; return it as variables, for the environment counts more."""
    source = click.get_current_context().get_parameter_source
    told = {}
    for name in (*_NAMING, "user", "cacert"):
        if source(name) is ParameterSource.DEFAULT_MAP:
            told[f"C8YBIN_{name.upper()}"] = settings[name]
            settings[name] = None
    if any(os.environ.get(variable) for variable in _NAMED_BY):
        for name in _NAMING:
            told.pop(f"C8YBIN_{name.upper()}", None)
    return told


def fetch(url: str, authorization: str | None, context: ssl.SSLContext) -> Reading:
    """Ask a server for its metrics.

    Args:
        url: Where it is.
        authorization: The header field; None asks without an account.
        context: How its certificate is looked at.

    Raises:
        Problem: It is not there, or refuses.
    """
    import httpx  # here, for most commands ask nobody

    try:
        headers = {"Authorization": authorization} if authorization else {}
        answer = httpx.get(f"{url}/metrics", headers=headers, verify=context, timeout=_TIMEOUT_S)
    except httpx.HTTPError as error:
        raise Problem(f"{url} does not answer: {error or type(error).__name__}.") from None
    if answer.status_code != 200:
        hint = _HINTS.get(answer.status_code, "is this a c8ybin, and does it serve?")
        raise Problem(f"{url} answers {answer.status_code}: {hint}")
    try:
        return read_metrics(answer.text)
    except ValueError:
        raise Problem(f"{url} answers something else than the metrics of c8ybin; is --url right?") from None


def _tell(
    look: Callable[[], Reading], before: Reading, interval_s: float, *, once: bool, as_json: bool
) -> None:
    """Write figures as they are, without a terminal."""
    try:
        while True:
            time.sleep(interval_s)
            after = look()
            figures = figures_of(before, after)
            if as_json:
                click.echo(json.dumps(figures))
            else:
                _print(figures)
            if once:
                return
            before = after
    except KeyboardInterrupt:
        return


def _print(figures: dict[str, object]) -> None:
    """Write a line for each part: its figures by name."""
    for part, values in figures.items():
        if isinstance(values, dict):
            told = "  ".join(f"{name} {value}" for name, value in values.items() if value is not None)
            click.echo(f"{part:12} {told}")


def _watch(look: Callable[[], Reading], before: Reading, interval_s: float, url: str) -> None:
    """Show figures on a screen of their own, until q or Ctrl-C."""
    # Here, for a screen takes a tenth of a second to load.
    from rich.console import Console
    from rich.live import Live

    from c8ybin.cli.screen import Screen

    screen, console, problem = Screen(url), Console(), None
    figures = figures_of(before, before)
    with keys() as pressed, Live(console=console, screen=True, auto_refresh=False) as live:
        try:
            while True:
                live.update(screen.draw(console, figures, problem), refresh=True)
                if pressed(interval_s) == "q":
                    return
                try:
                    after = look()
                except Problem as refusal:
                    problem = refusal.message
                else:
                    figures, before, problem = figures_of(before, after), after, None
        except KeyboardInterrupt:
            return


@contextmanager
def keys() -> Iterator[Callable[[float], str]]:
    """Yield what waits for a key, some seconds long; an empty text where none was pressed."""
    fd = sys.stdin.fileno()
    before = termios.tcgetattr(fd)

    def pressed(within_s: float) -> str:
        until = time.monotonic() + within_s
        while (left_s := until - time.monotonic()) > 0 and select.select([fd], [], [], left_s)[0]:
            key = os.read(fd, 1)
            if key in (b"q", b"Q", b""):
                return "q"
        return ""

    tty.setcbreak(fd)
    try:
        yield pressed
    finally:
        termios.tcsetattr(fd, termios.TCSADRAIN, before)
