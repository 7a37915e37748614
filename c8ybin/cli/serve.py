"""`c8ybin serve`."""

import logging
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from socket import socket
from typing import Any

import click

from c8ybin import __version__
from c8ybin.bodies.intake import MAX_BINARY, MAX_CHUNK
from c8ybin.cli.options import Duration, Peer, PublicUrl, Size, config_option, data_option, option
from c8ybin.cli.problems import Unfit
from c8ybin.cli.service import Service
from c8ybin.cli.signals import signals_held
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
    url_of,
)
from c8ybin.server.incoming import LEAST_BYTES_A_SECOND
from c8ybin.server.serving import BODY_TIMEOUT_S, THREADS
from c8ybin.store import MIN_FREE, UPLOAD_EXPIRY_S

log = logging.getLogger("c8ybin")

_EXPIRY = f"{UPLOAD_EXPIRY_S // 86_400}d"
_MOST_WORKERS = 4


def default_workers() -> int:
    """Return how many CPUs this process may use, but at most 4; 1 where a supervisor cannot run (macOS)."""
    if not hasattr(signal, "sigtimedwait"):
        return 1
    return min(len(os.sched_getaffinity(0)), _MOST_WORKERS)


@click.command()
@config_option
@data_option
@option("--host", default="127.0.0.1", help="Address to listen on.")
@option("--port", type=click.IntRange(0, 65535), default=8080, help="Port to listen on; 0 takes a free one.")
@option(
    "--demo/--no-demo", default=False, help="Serve the account demo, password demo, and a few demo events."
)
@option("--public-url", type=PublicUrl(), help="Where clients reach the server; links are made from it.")
@option("--trusted-proxy", type=Peer(), multiple=True, help="Whose X-Forwarded-Proto and -Host count.")
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
    "--body-timeout",
    type=Duration(),
    default=f"{BODY_TIMEOUT_S:.0f}s",
    help=f"How long a body's sender is waited for that sends less than {LEAST_BYTES_A_SECOND} bytes a second.",
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
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s", level=logging.INFO)
    # Requests that wait for a thread are no news.
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)
    service = Service(**settings)
    notifier = Notifier(os.environ.get("NOTIFY_SOCKET"))
    code = 0
    with signals_held(), listening(host, port) as listener:

        def announce(news: str) -> None:
            click.echo(f"c8ybin {__version__} serves {service.data.absolute()} on {url_of(listener)}")
            if news:
                click.echo(news)

        if workers == 1:
            serve_alone(service, listener, announce, notifier)
        else:
            code = Supervisor(partial(work, service, listener), workers, listener, notifier).run(announce)
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
            listener, is_first=worker.is_first, ready=worker.ready, life=worker.life, share=worker.share
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
