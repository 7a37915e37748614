"""One process that serves: the store, the application over it, the server, the sweep."""

import gc
import logging
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from socket import socket

from c8ybin.accounts import ADMIN_PASSWORD_FILE, ROLES, Accounts, AccountsProblem, make_admin
from c8ybin.api import Links, make_app
from c8ybin.api.answers import Network
from c8ybin.bodies import Intake
from c8ybin.cli import demo as demos
from c8ybin.cli.memory import give_large_blocks_back
from c8ybin.cli.problems import ACCOUNTS_BUSY, Unfit, using
from c8ybin.cli.signals import run_until_signal
from c8ybin.server import Server, Share, url_of
from c8ybin.store import Store, Sweeper

log = logging.getLogger("c8ybin")


@dataclass(frozen=True, kw_only=True)
class Service:
    """What is served, and how: the options of `serve` by which one process goes; all sizes in bytes."""

    data: Path
    demo: bool
    public_url: str | None
    trusted_proxy: tuple[Network, ...]
    max_binary: int
    min_free: int
    max_chunk: int
    upload_expiry: float
    threads: int
    body_timeout: float

    def run(
        self,
        listener: socket,
        *,
        is_first: bool,
        ready: Callable[[str], None],
        stopping: Callable[[], None] = lambda: None,
        life: int | None = None,
        share: Share | None = None,
    ) -> None:
        """Serve until SIGTERM or SIGINT; called with these held back, and before any thread is started.

        Args:
            listener: The listening socket.
            is_first: Whether to make what a new data directory lacks.
            ready: Called when all is ready to answer, with what the first one has to tell.
            stopping: Called when a signal has come.
            life: A descriptor at whose end, too, the serving ends.
            share: How its connections compare with those of other processes on the same socket.

        Raises:
            Unfit: The data directory cannot be used.
        """
        give_large_blocks_back()
        with ExitStack() as stack:
            with using(self.data):
                store = Store.open(self.data, upload_expiry_s=self.upload_expiry, min_free=self.min_free)
            stack.callback(store.close)
            demo_account = {demos.NAME: (demos.PASSWORD, ROLES)} if self.demo else {}
            accounts = Accounts(self.data, only_here=demo_account)
            stack.callback(accounts.close)
            limits = {"max_binary": self.max_binary, "max_chunk": self.max_chunk, "min_free": self.min_free}
            intake = Intake(store.folder, **limits)
            stack.callback(intake.close)
            app = make_app(store, accounts, intake, Links(self.public_url, self.trusted_proxy))
            news = self._first_start(store, accounts, listener) if is_first else ""
            server = Server(
                app, listener, threads=self.threads, body_timeout_s=self.body_timeout, share=share
            )
            if life is not None:
                server.stop_when_readable(life)
            store.begin_meanwhile(server.begin_another)
            sweeper = Sweeper(store.sweep)
            stack.callback(sweeper.stop)
            sweeper.start()
            # What is here by now stays: the collector need not look at it again and again.
            gc.freeze()
            # Requests leave few cycles behind, and memory by the reference counts anyway.
            gc.set_threshold(10_000, 20, 20)
            ready(news)
            if not run_until_signal(server, stopping):
                log.warning("some requests did not end in time; what they leave is swept by the next start")
                stack.pop_all()

    def _first_start(self, store: Store, accounts: Accounts, listener: socket) -> str:
        """Make what a new data directory lacks: the demo's events, or an account.

        Returns:
            What to tell whoever started the server.

        Raises:
            Unfit: The data directory does not take it.
        """
        try:
            with using(self.data):
                if self.demo:
                    demos.seed(store)
                    return demos.greeting(store, self.public_url or url_of(listener))
                password = make_admin(accounts, self.data)
        except AccountsProblem as error:
            raise Unfit(str(error)) from None
        except TimeoutError:
            raise Unfit(ACCOUNTS_BUSY) from None
        if not password:
            return ""
        return f"Made the account admin, password {password} (kept in {self.data / ADMIN_PASSWORD_FILE})."
