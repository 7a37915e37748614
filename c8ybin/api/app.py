"""The WSGI application: which resource answers at which address."""

from collections.abc import Iterable
from typing import Any

import falcon

from c8ybin.accounts import Accounts
from c8ybin.api.access import Access, MethodOverride, Resource
from c8ybin.api.answers import Links
from c8ybin.api.binaries import EventBinary
from c8ybin.api.description import describe
from c8ybin.api.events import EventApi, EventCollection, EventItem
from c8ybin.api.problems import (
    MEDIA_TYPE,
    is_of_the_disk,
    on_fault,
    on_http_error,
    on_refusal,
    refusal_body,
)
from c8ybin.api.service import Description, Health
from c8ybin.bodies import Intake
from c8ybin.domain.errors import Refusal
from c8ybin.store import Store, WouldWait


def routes(store: Store, intake: Intake, links: Links) -> dict[str, Resource]:
    """Return the resources by their addresses."""
    resources: dict[str, Resource] = {
        "/event": EventApi(links),
        "/event/events": EventCollection(store, links),
        "/event/events/{event_id}": EventItem(store, links),
        "/event/events/{event_id}/binaries": EventBinary(store, intake, links),
        "/health": Health(store),
    }
    access = {address: resource.access for address, resource in resources.items()}
    access["/openapi.json"] = Description.access
    resources["/openapi.json"] = Description(describe(access, intake))
    return resources


class Application:
    """The WSGI application.

    A server whose thread may not wait for anything says so in the environment: `c8ybin.may_take_long` is
    False, and `c8ybin.may_wait` tells whether it may wait for the disk. What cannot be answered so raises
    BlockingIOError, has changed nothing, and is to be asked again, body and all, by a thread that may.
    """

    answers_now = True

    def __init__(self, app: falcon.App[Any, Any], store: Store) -> None:
        self._app = app
        self._store = store

    @staticmethod
    def refusal(status: int) -> tuple[str, bytes]:
        """Return media type and body of the answer to a request that the server could not parse."""
        return MEDIA_TYPE, refusal_body(status)

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Answer a request (PEP 3333)."""
        if environ.get("c8ybin.may_take_long", True):
            return self._app(environ, start_response)
        with self._store.without_waiting(for_disk=environ["c8ybin.may_wait"]):
            return self._app(environ, start_response)


def make_app(store: Store, accounts: Accounts, intake: Intake, links: Links | None = None) -> Application:
    """Return the application over a store."""
    middleware: list[Any] = [MethodOverride(), Access(accounts)]
    app = falcon.App(middleware=middleware)
    app.req_options.strip_url_path_trailing_slash = True

    def on_any(req: falcon.Request, resp: falcon.Response, ex: Exception, params: dict[str, Any]) -> None:
        if isinstance(ex, OSError) and is_of_the_disk(ex):
            store.note_failure(ex)
        on_fault(req, resp, ex, params)

    def on_must_wait(_: falcon.Request, __: falcon.Response, ex: Exception, ___: dict[str, Any]) -> None:
        raise ex

    app.add_error_handler(Exception, on_any)
    app.add_error_handler(WouldWait, on_must_wait)
    app.add_error_handler(falcon.HTTPError, on_http_error)
    app.add_error_handler(Refusal, on_refusal)
    for address, resource in routes(store, intake, links or Links()).items():
        app.add_route(address, resource)
    return Application(app, store)
