"""`c8ybin serve`."""

import logging
import signal
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import click

from c8ybin import __version__
from c8ybin.accounts import ADMIN_PASSWORD_FILE, ROLES, Accounts, AccountsProblem, make_admin
from c8ybin.api import Links, make_app
from c8ybin.api.answers import Network
from c8ybin.bodies import Intake
from c8ybin.bodies.forms import form_limit
from c8ybin.bodies.intake import MAX_BINARY, MAX_CHUNK
from c8ybin.cli import demo as demos
from c8ybin.cli.options import Duration, Peer, PublicUrl, Size, config_option, data_option, option
from c8ybin.cli.problems import ACCOUNTS_BUSY, Unfit, using
from c8ybin.domain.sizes import format_size
from c8ybin.server import Server
from c8ybin.server.serving import THREADS
from c8ybin.store import MIN_FREE, UPLOAD_EXPIRY_S, Store, Sweeper

log = logging.getLogger("c8ybin")

ENDING = (signal.SIGTERM, signal.SIGINT)

_EXPIRY = f"{UPLOAD_EXPIRY_S // 86_400}d"


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
@option("--threads", type=click.IntRange(1, 256), default=THREADS, help="Requests worked on at once.")
def serve(
    data: Path,
    host: str,
    port: int,
    demo: bool,
    public_url: str | None,
    trusted_proxy: Sequence[Network],
    max_binary: int,
    min_free: int,
    max_chunk: int,
    upload_expiry: float,
    threads: int,
) -> None:
    """Serve the data directory over HTTP until SIGTERM or Ctrl-C."""
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s", level=logging.INFO)
    # Requests that wait for a thread are no news.
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)
    with signals_held(), ExitStack() as stack:
        with using(data):
            store = Store.open(data, upload_expiry_s=upload_expiry, min_free=min_free)
        stack.callback(store.close)
        accounts = Accounts(data, only_here={demos.NAME: (demos.PASSWORD, ROLES)} if demo else {})
        stack.callback(accounts.close)
        intake = Intake(store.folder, max_binary=max_binary, max_chunk=max_chunk, min_free=min_free)
        stack.callback(intake.close)
        app = make_app(store, accounts, intake, Links(public_url, tuple(trusted_proxy)))
        server = listen(app, host, port, largest_body=form_limit(max_binary), threads=threads)
        password = first_start(store, accounts, data, demo=demo)
        sweeper = Sweeper(store.sweep)
        stack.callback(sweeper.stop)
        sweeper.start()
        click.echo(f"c8ybin {__version__} serves {data.absolute()} on {server.url}")
        if demo:
            click.echo(demos.greeting(store, public_url or server.url))
        if password:
            click.echo(f"Made the account admin, password {password} (kept in {data / ADMIN_PASSWORD_FILE}).")
        if not run_until_signal(server):
            log.warning("some requests did not end in time; what they leave is swept by the next start")
            stack.pop_all()
    log.info("stopped")


@contextmanager
def signals_held() -> Iterator[None]:
    """Hold back the signals that end a server, to be taken by `run_until_signal` alone.

    Threads that start meanwhile never take one. They stay held back where the block
    ends well: what comes after the end must not interrupt it, nor change the exit code.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)
    try:
        yield
    except BaseException:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        raise


def run_until_signal(server: Server) -> bool:
    """Run a server until SIGTERM or SIGINT; return whether it finished what it had begun."""
    for number in ENDING:
        signal.signal(number, lambda *_: server.stop())
    signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDING)
    finished = server.run()
    # The handlers stay: were they exchanged for SIG_IGN, Python would tell of a signal that is on its way.
    signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)
    return finished


def first_start(store: Store, accounts: Accounts, data: Path, *, demo: bool) -> str | None:
    """Make what a new data directory lacks: the demo's events, or an account.

    Returns:
        The password of the account that was made, or None.

    Raises:
        Unfit: The data directory does not take it.
    """
    try:
        with using(data):
            if not demo:
                return make_admin(accounts, data)
            demos.seed(store)
            return None
    except AccountsProblem as error:
        raise Unfit(str(error)) from None
    except TimeoutError:
        raise Unfit(ACCOUNTS_BUSY) from None


def listen(app: Any, host: str, port: int, *, largest_body: int, threads: int) -> Server:
    """Listen at an address.

    Raises:
        Unfit: It cannot be had.
    """
    try:
        return Server(app, host, port, largest_body=largest_body, threads=threads)
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", "not a host name")
        raise Unfit(
            f"{host} port {port} cannot be listened on: {reason}; try another --port or --host."
        ) from None
