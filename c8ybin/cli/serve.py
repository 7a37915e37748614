"""`c8ybin serve`."""

import logging
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from socket import socket
from typing import Any

import click

from c8ybin import __version__, fsio
from c8ybin.bodies.intake import MAX_BINARY, MAX_CHUNK
from c8ybin.cli.first_process import serve_as_child_of_init
from c8ybin.cli.logs import log_options, open_book
from c8ybin.cli.modes import as_root, too_open
from c8ybin.cli.options import Duration, Origin, Peer, PublicUrl, Size, config_option, data_option, option
from c8ybin.cli.own_log import begin_log
from c8ybin.cli.problems import Unfit
from c8ybin.cli.service import Service
from c8ybin.cli.signals import on_hang_up, signals_held
from c8ybin.cli.tls import TlsChoice, fingerprint, tls_options
from c8ybin.counts import Board
from c8ybin.domain.sizes import format_size
from c8ybin.server import (
    READY,
    STOPPING,
    Notifier,
    Supervisor,
    UnfitSocket,
    Worker,
    listen,
    passed,
)
from c8ybin.server.incoming import LEAST_BYTES_A_SECOND
from c8ybin.server.places import CONNECTIONS, CONNECTIONS_PER_ADDRESS
from c8ybin.server.serving import BODY_TIMEOUT_S, THREADS
from c8ybin.store import MIN_FREE, UPLOAD_EXPIRY_S

log = logging.getLogger("c8ybin")

_EXPIRY = f"{UPLOAD_EXPIRY_S // 86_400}d"
_MOST_WORKERS = 4


def default_workers() -> int:
    """Return how many CPUs this process may use, but at most 4; 1 where a supervisor cannot run (macOS)."""
    if not can_supervise():
        return 1
    return min(len(os.sched_getaffinity(0)), _MOST_WORKERS)


def can_supervise() -> bool:
    """Tell whether a supervisor can run here; not on macOS."""
    return hasattr(signal, "sigtimedwait")


def shares_with_others(data: Path, said: bool | None) -> bool:
    """Tell whether processes of other hosts may use a data directory, which may not be there yet."""
    if said is not None:
        return said
    there = next(path for path in (data.absolute(), *data.absolute().parents) if path.exists())
    try:
        return fsio.may_be_shared(there)
    except OSError:
        return False


@click.command()
@config_option
@data_option
@option("--host", default="127.0.0.1", help="Address to listen on.")
@option("--port", type=click.IntRange(0, 65535), default=8080, help="Port to listen on; 0 takes a free one.")
@option(
    "--demo/--no-demo", default=False, help="Serve the account demo, password demo, and a few demo events."
)
@option(
    "--demo-events/--no-demo-events",
    default=True,
    help="With --demo, whether a data directory without events gets some.",
)
@option(
    "--seed",
    type=click.Path(path_type=Path, resolve_path=True),
    help="A folder or tar of events and files, for a data directory without events; see `c8ybin seed`.",
)
@option(
    "--read-only",
    is_flag=True,
    help="Change nothing, so that the data may be on what cannot be written: whatever would is answered 503.",
)
@option("--public-url", type=PublicUrl(), help="Where clients reach the server; links are made from it.")
@option("--trusted-proxy", type=Peer(), multiple=True, help="Whose X-Forwarded-Proto, -Host and -For count.")
@option(
    "--cors-origin",
    type=Origin(),
    multiple=True,
    help="Whose pages may use the API from a browser; `*`: all.",
)
@tls_options
@log_options
@option(
    "--open-metrics/--no-open-metrics",
    default=False,
    help="Answer /metrics to everybody, without an account.",
)
@option("--max-binary", type=Size(), default=format_size(MAX_BINARY), help="Limit of an attachment.")
@option(
    "--min-free",
    type=Size(),
    default=format_size(MIN_FREE),
    help="What stays free on the disk: then uploads are refused with 507, and only deletions go on.",
)
@option("--max-chunk", type=Size(), default=format_size(MAX_CHUNK), help="Limit of one chunk.")
@option(
    "--upload-expiry",
    type=Duration(),
    default=_EXPIRY,
    help="How long an incomplete upload may rest.",
)
@option(
    "--several-hosts/--one-host",
    default=None,
    show_default="by the file system",
    help="Whether processes of other hosts use the data directory, too; then each shows every second that it is alive.",
)
@option(
    "--body-timeout",
    type=Duration(),
    default=f"{BODY_TIMEOUT_S:.0f}s",
    help=f"How long a client is waited for that sends or reads less than {LEAST_BYTES_A_SECOND} bytes a second.",
)
@option(
    "--max-connections",
    type=click.IntRange(1, 1_000_000),
    default=CONNECTIONS,
    help="Connections that a worker takes; more are answered 503, but for /health and /metrics.",
)
@option(
    "--max-connections-per-address",
    type=click.IntRange(1, 1_000_000),
    default=CONNECTIONS_PER_ADDRESS,
    help="Of these, how many from one address; a trusted proxy may have all.",
)
@option(
    "--threads", type=click.IntRange(1, 256), default=THREADS, help="Requests that a worker works on at once."
)
@option(
    "--workers",
    type=click.IntRange(1, 64),
    default=default_workers,
    show_default="the CPUs, at most 4",
    help="Processes that serve.",
)
def serve(host: str, port: int, workers: int, **settings: Any) -> None:
    """Serve the data directory over HTTP until SIGTERM or Ctrl-C.

    Under systemd, which may hand over the listening socket, --host and --port do not count then.
    """
    serve_as_child_of_init()
    begin_log(settings.pop("log_level"), settings.pop("log_format"))
    choice = TlsChoice.taken_from(settings)
    book = open_book(settings)
    notifier = Notifier(os.environ.get("NOTIFY_SOCKET"))
    code = 0
    with signals_held(), listening(host, port) as listener:
        tls = choice.opened(
            listener,
            settings["data"],
            settings["public_url"],
            settings["trusted_proxy"],
            may_make=not settings["read_only"],
        )
        warnings = list(filter(None, (as_root(), too_open(settings["data"]))))
        if settings["demo"]:
            from c8ybin.faults import Plan  # here, for most starts do without it

            settings["plan"] = Plan()
        board = Board(workers)
        settings["several_hosts"] = shares_with_others(settings["data"], settings["several_hosts"])
        service = Service(**settings, tls=tls, book=book, board=board)

        def announce(news: str) -> None:
            for warning in warnings:
                log.warning(warning)
            if tls and tls.is_self_signed:
                path = tls.files.certificate.absolute()
                click.echo(f"The certificate {path} has the SHA-256 fingerprint {fingerprint(tls)}.")
            click.echo(f"c8ybin {__version__} serves {service.data.absolute()} on {service.url(listener)}")
            if news:
                click.echo(news)

        # Who was taken for dead by the others is replaced, which a supervisor does.
        if workers == 1 and not (service.several_hosts and can_supervise()):
            serve_alone(service, listener, announce, notifier)
        else:
            hung_up = on_hang_up(tls.reload if tls else lambda: False)
            code = Supervisor(
                partial(work, service, listener), workers, listener, notifier, hung_up=hung_up, board=board
            ).run(announce)
    if code:
        sys.exit(code)
    log.info("stopped")


def serve_alone(
    service: Service, listener: socket, announce: Callable[[str], None], notifier: Notifier
) -> None:
    """Serve in this process."""

    def ready(news: str) -> None:
        announce(news)
        notifier.tell(READY)

    service.run(listener, is_first=True, ready=ready, stopping=lambda: notifier.tell(STOPPING))


def work(service: Service, listener: socket, worker: Worker) -> int:
    """Serve in one of several processes; return its exit code."""
    try:
        service.run(
            listener,
            is_first=worker.is_first,
            ready=worker.ready,
            life=worker.life,
            share=worker.share,
            place=worker.place,
        )
    except click.ClickException as error:
        error.show()
        return error.exit_code
    return 0


@contextmanager
def listening(host: str, port: int) -> Iterator[socket]:
    """Take the socket that systemd passed, or listen at an address.

    Raises:
        Unfit: It cannot be had.
    """
    try:
        listener = passed(os.environ.get("LISTEN_PID"), os.environ.get("LISTEN_FDS")) or listen(host, port)
    except UnfitSocket as error:
        raise Unfit(str(error)) from None
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", "not a host name")
        raise Unfit(
            f"{host} port {port} cannot be listened on: {reason}; try another --port or --host."
        ) from None
    with listener:
        yield listener
