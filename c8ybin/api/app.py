"""The WSGI application: which resource answers at which address."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import falcon

from c8ybin.accounts import Accounts, AccountsProblem
from c8ybin.api.access import Access, MethodOverride, Resource
from c8ybin.api.answers import Links
from c8ybin.api.binaries import EventBinary
from c8ybin.api.cors import Cors, is_preflight
from c8ybin.api.description import describe
from c8ybin.api.events import EventApi, EventCollection, EventItem
from c8ybin.api.health import Health
from c8ybin.api.identity import ExternalIdItem, ExternalIdsOfObject
from c8ybin.api.inventory import ObjectCollection, ObjectItem
from c8ybin.api.metrics import Metrics
from c8ybin.api.notes import note
from c8ybin.api.overview import OverviewItem
from c8ybin.api.pages import page_resources
from c8ybin.api.peers import Network, client_address
from c8ybin.api.policies import Response
from c8ybin.api.problems import (
    MEDIA_TYPE,
    is_of_the_disk,
    on_accounts_problem,
    on_fault,
    on_http_error,
    on_refusal,
    refusal_body,
)
from c8ybin.api.service import Description
from c8ybin.api.tenant import CurrentTenant, CurrentUser, LoginOptions
from c8ybin.bodies import Intake
from c8ybin.counts import Board, Counts
from c8ybin.domain.errors import CutOff, Refusal
from c8ybin.store import Store, WouldWait

if TYPE_CHECKING:
    from c8ybin.faults import Plan


@dataclass(frozen=True, slots=True)
class Watch:
    """Who may see what is counted: by all processes on a board, and by this one.

    Attributes:
        board: Of all.
        counts: What this process adds to.
        is_open: Whether no account is needed for it.
    """

    board: Board
    counts: Counts
    is_open: bool = False

    @classmethod
    def of_one(cls) -> "Watch":
        """Return one of this process alone."""
        board = Board()
        return cls(board, board.of(0))


def routes(
    store: Store,
    intake: Intake,
    links: Links,
    *,
    watch: Watch | None = None,
    plan: "Plan | None" = None,
) -> dict[str, Resource]:
    """Return the resources by their addresses; with a plan of faults also those for who tests clients."""
    watch = watch or Watch.of_one()
    resources: dict[str, Resource] = {
        "/event": EventApi(links),
        "/event/events": EventCollection(store, links),
        "/event/events/{event_id}": EventItem(store, links),
        "/event/events/{event_id}/binaries": EventBinary(store, intake, links),
        "/inventory/managedObjects": ObjectCollection(store, links),
        "/inventory/managedObjects/{object_id}": ObjectItem(store, links),
        "/identity/globalIds/{object_id}/externalIds": ExternalIdsOfObject(store, links),
        "/identity/externalIds/{type}/{external_id}": ExternalIdItem(store, links),
        "/tenant/currentTenant": CurrentTenant(links),
        "/tenant/loginOptions": LoginOptions(links),
        "/user/currentUser": CurrentUser(links),
        "/c8ybin/overview": OverviewItem(store),
        "/health": Health(store, watch.board),
        "/metrics": Metrics(store, watch.board, watch.counts, is_open=watch.is_open),
    }
    resources |= page_resources()
    more: dict[str, Any] = {}
    if plan:
        # Here, for most starts do without it.
        from c8ybin.api.testers import Faults, Reset, Seeding, paths

        more = paths()

        resources["/c8ybin/reset"] = Reset(store, plan)
        resources["/c8ybin/seed"] = Seeding(store, intake)
        resources["/c8ybin/faults"] = Faults(plan)
    access = {address: resource.access for address, resource in resources.items()}
    access["/openapi.json"] = Description.access
    resources["/openapi.json"] = Description(describe(access, intake, more))
    return resources


_WATCHED = ("/health", "/metrics")


class Application:
    """The WSGI application.

    A server whose thread may not wait for anything says so in the environment: `c8ybin.may_take_long` is
    False, and `c8ybin.may_wait` tells whether it may wait for the disk. What cannot be answered so raises
    BlockingIOError, has changed nothing, and is to be asked again, body and all, by a thread that may.

    """

    answers_now = True

    def __init__(
        self, app: falcon.App[Any, Any], store: Store, proxies: Sequence[Network], cors: Cors
    ) -> None:
        self._app = app
        self._store = store
        self._proxies = proxies
        self._cors = cors

    def answers_always(self, environ: dict[str, Any]) -> bool:
        """Tell whether a request is answered where the server is overloaded, too.

        As for whoever watches it, and for browsers, which let no page read an answer before they have asked.
        """
        is_asked = environ["REQUEST_METHOD"] in ("GET", "HEAD") and environ["PATH_INFO"] in _WATCHED
        return is_asked or (bool(self._cors) and is_preflight(environ))

    def refusal(
        self, status: int, sentence: str | None, environ: dict[str, Any]
    ) -> tuple[list[tuple[str, str]], bytes]:
        """Return fields and body of the answer to a request that the server refused, maybe in its words.

        Args:
            status: Of the answer.
            sentence: What it says; None: what its status does.
            environ: What is known of the request, which may be little.
        """
        self._note_address(environ)
        fields = self._cors.fields(environ.get("HTTP_ORIGIN")) if self._cors else []
        return [("Content-Type", MEDIA_TYPE), *fields], refusal_body(status, sentence)

    def _note_address(self, environ: dict[str, Any]) -> None:
        if "c8ybin.notes" in environ:
            note(environ, address=client_address(environ, self._proxies))

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Answer a request (PEP 3333)."""
        self._note_address(environ)
        if environ.get("c8ybin.may_take_long", True):
            return self._answer(environ, start_response)
        with self._store.without_waiting(for_disk=environ["c8ybin.may_wait"]):
            return self._answer(environ, start_response)

    def _answer(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        if self._cors:
            return self._cors.answer(self._app, environ, start_response)
        return self._app(environ, start_response)


def make_app(
    store: Store,
    accounts: Accounts,
    intake: Intake,
    links: Links | None = None,
    *,
    cors_origins: Collection[str] = (),
    plan: "Plan | None" = None,
    watch: Watch | None = None,
) -> Application:
    """Return the application over a store.

    Args:
        store: The store.
        accounts: Who may use it.
        intake: Where bodies are received.
        links: Where clients reach it.
        cors_origins: Whose pages may use it.
        plan: What goes wrong on purpose; None: nothing does, and nobody can ask for it.
        watch: Who may see what is counted.
    """
    links = links or Links()
    watch = watch or Watch.of_one()
    middleware: list[Any] = [
        MethodOverride(),
        Access(accounts, links.trusted_proxies, watch.counts, store.require_writable),
    ]
    app = falcon.App(middleware=middleware, response_type=Response)
    app.req_options.strip_url_path_trailing_slash = True

    def on_any(req: falcon.Request, resp: falcon.Response, ex: Exception, params: dict[str, Any]) -> None:
        if isinstance(ex, OSError) and store.is_cut_off():
            # As where a body has no folder any more that it could be received in.
            on_refusal(req, resp, CutOff(), params)
            return
        if isinstance(ex, OSError) and is_of_the_disk(ex):
            store.note_failure(ex)
        on_fault(req, resp, ex, params)

    def on_must_wait(_: falcon.Request, __: falcon.Response, ex: Exception, ___: dict[str, Any]) -> None:
        raise ex

    app.add_error_handler(Exception, on_any)
    app.add_error_handler(WouldWait, on_must_wait)
    app.add_error_handler(AccountsProblem, on_accounts_problem)
    app.add_error_handler(falcon.HTTPError, on_http_error)
    app.add_error_handler(Refusal, on_refusal)
    resources = routes(store, intake, links, watch=watch, plan=plan)
    watch.counts.name_routes(resources)
    for address, resource in resources.items():
        # c8y_api and c8ydm do not encode the external ID, and a slash in it, encoded or not, is a part of it.
        app.add_route(address.replace("{external_id}", "{external_id:path}"), resource)
    parts = (app, store, links.trusted_proxies, Cors(cors_origins))
    if plan:
        from c8ybin.api.faults import FaultyApplication

        return FaultyApplication(*parts, plan=plan)
    return Application(*parts)
