"""One process that serves: the store, the application over it, the server, the sweep."""

import gc
import logging
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from socket import socket
from typing import TYPE_CHECKING

from c8ybin import fsio
from c8ybin.accounts import ADMIN_PASSWORD_FILE, ROLES, Accounts, AccountsProblem, Memory, make_admin
from c8ybin.api import Links, Watch, make_app
from c8ybin.api.peers import Network
from c8ybin.bodies import Intake
from c8ybin.cli.demo import NAME, PASSWORD, greeting
from c8ybin.cli.memory import give_large_blocks_back
from c8ybin.cli.problems import ACCOUNTS_BUSY, Unfit, using
from c8ybin.cli.seed import OWNER
from c8ybin.cli.signals import run_until_signal
from c8ybin.counts import Board
from c8ybin.domain.errors import Refusal
from c8ybin.logs import Book
from c8ybin.server import Limits, Server, Share, Tls, url_of
from c8ybin.store import Store, Sweeper

if TYPE_CHECKING:
    from c8ybin.faults import Plan

log = logging.getLogger("c8ybin")


@dataclass(frozen=True, kw_only=True)
class Service:
    """What is served, and how: the options of `serve` by which one process goes; all sizes in bytes."""

    data: Path
    read_only: bool
    demo: bool
    demo_events: bool
    seed: Path | None
    public_url: str | None
    trusted_proxy: tuple[Network, ...]
    cors_origin: tuple[str, ...]
    max_binary: int
    min_free: int
    several_hosts: bool
    max_chunk: int
    upload_expiry: float
    threads: int
    body_timeout: float
    max_connections: int
    max_connections_per_address: int
    tls: Tls | None
    book: Book
    open_metrics: bool
    # Where all workers count, and how many they are.
    board: Board
    # Made here, before the workers are forked, for all of them.
    logins: Memory = field(default_factory=Memory)
    # The same for what is to go wrong on purpose; None where nothing is.
    plan: "Plan | None" = None

    def run(
        self,
        listener: socket,
        *,
        is_first: bool,
        ready: Callable[[str], None],
        stopping: Callable[[], None] = lambda: None,
        life: int | None = None,
        share: Share | None = None,
        place: int = 0,
    ) -> None:
        """Serve until SIGTERM or SIGINT; called with these held back, and before any thread is started.

        Args:
            listener: The listening socket.
            is_first: Whether to make what a new data directory lacks.
            ready: Called when all is ready to answer, with what the first one has to tell.
            stopping: Called when a signal has come.
            life: A descriptor at whose end, too, the serving ends.
            share: How its connections compare with those of other processes on the same socket.
            place: Which of the workers this is.

        Raises:
            Unfit: The data directory cannot be used.
        """
        give_large_blocks_back()
        counts = self.board.of(place)
        counts.begin()
        fsio.watch_waits(counts.synced)
        with self.book.opened() as told, ExitStack() as stack:
            with using(self.data):
                store = self._opened()
            stack.callback(store.close)
            store.watch_commits(counts.committed)
            demo_account = {NAME: (PASSWORD, ROLES)} if self.demo else {}
            accounts = Accounts(self.data, only_here=demo_account, memory=self.logins)
            stack.callback(accounts.close)
            limits = {"max_binary": self.max_binary, "max_chunk": self.max_chunk, "min_free": self.min_free}
            intake = Intake(store.folder, **limits)
            stack.callback(intake.close)
            links = Links(self.public_url, self.trusted_proxy)
            watch = Watch(self.board, counts, self.open_metrics)
            app = make_app(
                store, accounts, intake, links, cors_origins=self.cors_origin, plan=self.plan, watch=watch
            )
            news = ""
            if is_first and not store.is_read_only:
                news = self._first_start(store, accounts, intake, listener)
            server = Server(
                app,
                listener,
                threads=self.threads,
                body_timeout_s=self.body_timeout,
                share=share,
                tls=self.tls,
                told=told,
                counts=counts,
                limits=Limits(self.max_connections, self.max_connections_per_address, links.is_trusted),
            )
            if life is not None:
                server.stop_when_readable(life)
            store.when_cut_off(server.stop)
            store.begin_meanwhile(server.begin_another)
            if not self.read_only:
                self._begin_to_tend(store, stack)
            # What is here by now stays: the collector need not look at it again and again.
            gc.freeze()
            # Requests leave few cycles behind, and memory by the reference counts anyway.
            gc.set_threshold(10_000, 20, 20)
            ready(news)
            if not run_until_signal(server, stopping):
                log.warning("some requests did not end in time; what they leave is swept by the next start")
                stack.pop_all()

    def _opened(self) -> Store:
        if self.read_only:
            return Store.look_at(self.data)
        return Store.open(
            self.data,
            upload_expiry_s=self.upload_expiry,
            min_free=self.min_free,
            several_hosts=self.several_hosts,
        )

    @staticmethod
    def _begin_to_tend(store: Store, stack: ExitStack) -> None:
        """Begin what goes on beside the requests; the stack ends it."""
        sweeper = Sweeper(store.sweep)
        store.when_fenced(sweeper.wake)
        store.begin_to_list()
        for end, begin in (
            (store.mode.stop, store.mode.start),
            (store.keeper.stop, store.keeper.start),
            (sweeper.stop, sweeper.start),
        ):
            stack.callback(end)
            begin()

    def url(self, listener: socket) -> str:
        """Return the address at which it serves."""
        return url_of(listener, "https" if self.tls else "http")

    def _first_start(self, store: Store, accounts: Accounts, intake: Intake, listener: socket) -> str:
        """Make what a new data directory lacks: the demo's events, or an account.

        Returns:
            What to tell whoever started the server.

        Raises:
            Unfit: The data directory does not take it.
        """
        try:
            with using(self.data):
                if self.seed:
                    self._sow(store, intake)
                if self.demo:
                    if self.demo_events:
                        from c8ybin.seeds.demo import make_demo  # here, for most starts do without it

                        make_demo(store, NAME)
                    tls = self.tls
                    trusted = tls.files.certificate.absolute() if tls and tls.is_self_signed else None
                    return greeting(store, self.public_url or self.url(listener), trusted)
                password = make_admin(accounts, self.data)
        except AccountsProblem as error:
            raise Unfit(str(error)) from None
        except TimeoutError:
            raise Unfit(ACCOUNTS_BUSY) from None
        if not password:
            return ""
        return f"Made the account admin, password {password} (kept in {self.data / ADMIN_PASSWORD_FILE})."

    def _sow(self, store: Store, intake: Intake) -> None:
        """Create the events of --seed in a store that has none."""
        from c8ybin.seeds.sowing import sow_path  # here, for most starts do without it

        if self.seed and store.listing.is_empty():
            try:
                sow_path(store, intake, self.seed, OWNER)
            except Refusal as error:
                raise Unfit(f"{self.seed}: {error.message}") from None
