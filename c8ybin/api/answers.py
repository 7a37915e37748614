"""What all answers share: media types, absolute links, entity tags."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

import falcon

from c8ybin.api.peers import Network, is_trusted
from c8ybin.domain.conditions import Precondition, Validators
from c8ybin.domain.errors import PreconditionFailed
from c8ybin.domain.events import serialize
from c8ybin.domain.ids import EventId
from c8ybin.domain.queries import Paging

_REFUSED = re.compile(r"q\s*=\s*0(?:\.0*)?")
_HOST = re.compile(r"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?")


def accepts_json(req: falcon.Request) -> bool:
    """Tell whether Accept names `application/json` itself."""
    for item in req.env.get("HTTP_ACCEPT", "").lower().split(","):
        name, *parameters = (part.strip() for part in item.split(";"))
        if name == "application/json" and not any(map(_REFUSED.fullmatch, parameters)):
            return True
    return False


def say_json(req: falcon.Request, resp: falcon.Response, document: Mapping[str, Any], kind: str) -> None:
    """Answer with a document, as `application/json` where Accept names it, else as its own type.

    Args:
        req: The request.
        resp: The answer.
        document: What it says.
        kind: The resource's own type: `event`, `eventcollection`, ...
    """
    resp.data = serialize(document)
    set_kind(req, resp, kind)


def set_kind(req: falcon.Request, resp: falcon.Response, kind: str) -> None:
    """Tell the media type of an answer, as `say_json` does."""
    resp.content_type = (
        "application/json"
        if accepts_json(req)
        else f"application/vnd.com.nsn.cumulocity.{kind}+json;charset=UTF-8;ver=0.9"
    )
    resp.append_header("Vary", "Accept")


def page_document(
    address: str,
    query: Sequence[tuple[str, str]],
    paging: Paging,
    *,
    is_full: bool,
    total: int | None,
    **entries: Sequence[Mapping[str, Any]],
) -> dict[str, Any]:
    """Return the document of one page of a list.

    Args:
        address: Of the list, without its query.
        query: The parameters as they came.
        paging: What was read of them.
        is_full: Whether another page may follow.
        total: The count of all entries, where that was asked.
        entries: What is on the page, under the name that clients know.
    """
    kept = [(k, v) for k, v in dict(query).items() if k not in ("pageSize", "currentPage")]

    def link(number: int) -> str:
        place = [("pageSize", str(paging.page_size)), ("currentPage", str(number))]
        return f"{address}?{urlencode(kept + place)}"

    statistics: dict[str, Any] = {"pageSize": paging.page_size, "currentPage": paging.current_page}
    if total is not None:
        if paging.with_total_pages:
            statistics["totalPages"] = -(-total // paging.page_size)
        if paging.with_total_elements:
            statistics["totalElements"] = total
    document: dict[str, Any] = {"self": link(paging.current_page), **entries, "statistics": statistics}
    if is_full:
        document["next"] = link(paging.current_page + 1)
    if paging.current_page > 1:
        document["prev"] = link(paging.current_page - 1)
    return document


def precondition(req: falcon.Request) -> Precondition:
    """Return the conditional header fields of a request."""
    env = req.env
    return Precondition(
        if_match=env.get("HTTP_IF_MATCH"),
        if_none_match=env.get("HTTP_IF_NONE_MATCH"),
        if_modified_since=env.get("HTTP_IF_MODIFIED_SINCE"),
        if_unmodified_since=env.get("HTTP_IF_UNMODIFIED_SINCE"),
    )


def refuse_conditions(req: falcon.Request) -> None:
    """Refuse a conditional change of what has no validators, for no condition on it holds.

    Raises:
        PreconditionFailed: The request has a condition.
    """
    if precondition(req):
        raise PreconditionFailed


def set_validators(resp: falcon.Response, validators: Validators) -> None:
    """Tell entity tag and time."""
    resp.set_header("ETag", validators.etag)
    resp.set_header("Last-Modified", validators.last_modified)


@dataclass(frozen=True, slots=True)
class Links:
    """Makes absolute links, as the client that asks can follow them.

    Attributes:
        public_url: Where the server is reached, if the operator says so.
        trusted_proxies: Whose X-Forwarded-Proto, -Host and -For count.
    """

    public_url: str | None = None
    trusted_proxies: Sequence[Network] = ()

    def base(self, req: falcon.Request) -> str:
        """Return scheme and host, without a slash at the end."""
        if self.public_url:
            return self.public_url.rstrip("/")
        scheme, host = req.env["wsgi.url_scheme"], req.env.get("HTTP_HOST", "")
        if self.trusted_proxies and self.is_trusted(req.env.get("REMOTE_ADDR", "")):
            forwarded = req.env.get("HTTP_X_FORWARDED_PROTO", "").split(",")[0].strip().lower()
            scheme = forwarded if forwarded in ("http", "https") else scheme
            forwarded = req.env.get("HTTP_X_FORWARDED_HOST", "").split(",")[0].strip()
            host = forwarded if _HOST.fullmatch(forwarded) else host
        if not _HOST.fullmatch(host):
            host = f"{req.env['SERVER_NAME']}:{req.env['SERVER_PORT']}"
        return f"{scheme}://{host}"

    def is_trusted(self, address: str) -> bool:
        """Tell whether a peer is a trusted proxy."""
        return is_trusted(address, self.trusted_proxies)

    def event(self, req: falcon.Request, event_id: EventId) -> str:
        """Return the link to an event."""
        return f"{self.base(req)}/event/events/{event_id}"

    def managed_object(self, req: falcon.Request, object_id: str) -> str:
        """Return the link to a managed object, which need not be there."""
        return f"{self.base(req)}/inventory/managedObjects/{quote(object_id, safe='')}"

    def external_id(self, req: falcon.Request, kind: str, value: str) -> str:
        """Return the link to an external ID."""
        return f"{self.base(req)}/identity/externalIds/{quote(kind, safe='')}/{quote(value, safe='')}"

    def binary(self, req: falcon.Request, event_id: EventId) -> str:
        """Return the link to an event's binary."""
        return f"{self.event(req, event_id)}/binaries"
