"""The WSGI application: which resource answers at which address."""

from typing import Any

import falcon

from c8ybin.accounts import Accounts
from c8ybin.api.access import Access, MethodOverride, Resource
from c8ybin.api.answers import Links
from c8ybin.api.binaries import EventBinary
from c8ybin.api.description import describe
from c8ybin.api.events import EventApi, EventCollection, EventItem
from c8ybin.api.problems import is_of_the_disk, on_fault, on_http_error, on_refusal
from c8ybin.api.service import Description, Health
from c8ybin.bodies import Intake
from c8ybin.domain.errors import Refusal
from c8ybin.store import Store


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


def make_app(
    store: Store, accounts: Accounts, intake: Intake, links: Links | None = None
) -> falcon.App[Any, Any]:
    """Return the application over a store."""
    middleware: list[Any] = [MethodOverride(), Access(accounts)]
    app = falcon.App(middleware=middleware)
    app.req_options.strip_url_path_trailing_slash = True

    def on_any(req: falcon.Request, resp: falcon.Response, ex: Exception, params: dict[str, Any]) -> None:
        if isinstance(ex, OSError) and is_of_the_disk(ex):
            store.note_failure(ex)
        on_fault(req, resp, ex, params)

    app.add_error_handler(Exception, on_any)
    app.add_error_handler(falcon.HTTPError, on_http_error)
    app.add_error_handler(Refusal, on_refusal)
    for address, resource in routes(store, intake, links or Links()).items():
        app.add_route(address, resource)
    return app
