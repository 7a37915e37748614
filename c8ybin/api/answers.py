"""What all answers share: media types, absolute links, entity tags."""

import ipaddress
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import falcon

from c8ybin.domain.conditions import Precondition, Validators
from c8ybin.domain.events import serialize
from c8ybin.domain.ids import EventId

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

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


def precondition(req: falcon.Request) -> Precondition:
    """Return the conditional header fields of a request."""
    env = req.env
    return Precondition(
        if_match=env.get("HTTP_IF_MATCH"),
        if_none_match=env.get("HTTP_IF_NONE_MATCH"),
        if_modified_since=env.get("HTTP_IF_MODIFIED_SINCE"),
        if_unmodified_since=env.get("HTTP_IF_UNMODIFIED_SINCE"),
    )


def set_validators(resp: falcon.Response, validators: Validators) -> None:
    """Tell entity tag and time."""
    resp.set_header("ETag", validators.etag)
    resp.set_header("Last-Modified", validators.last_modified)


@dataclass(frozen=True, slots=True)
class Links:
    """Makes absolute links, as the client that asks can follow them.

    Attributes:
        public_url: Where the server is reached, if the operator says so.
        trusted_proxies: Whose X-Forwarded-Proto and -Host count.
    """

    public_url: str | None = None
    trusted_proxies: Sequence[Network] = ()

    def base(self, req: falcon.Request) -> str:
        """Return scheme and host, without a slash at the end."""
        if self.public_url:
            return self.public_url.rstrip("/")
        scheme, host = req.env["wsgi.url_scheme"], req.env.get("HTTP_HOST", "")
        if self.trusted_proxies and self._is_trusted(req.env.get("REMOTE_ADDR", "")):
            forwarded = req.env.get("HTTP_X_FORWARDED_PROTO", "").split(",")[0].strip().lower()
            scheme = forwarded if forwarded in ("http", "https") else scheme
            forwarded = req.env.get("HTTP_X_FORWARDED_HOST", "").split(",")[0].strip()
            host = forwarded if _HOST.fullmatch(forwarded) else host
        if not _HOST.fullmatch(host):
            host = f"{req.env['SERVER_NAME']}:{req.env['SERVER_PORT']}"
        return f"{scheme}://{host}"

    def _is_trusted(self, address: str) -> bool:
        try:
            peer = ipaddress.ip_address(address)
        except ValueError:
            return False
        # An IPv4 peer of a server that listens on `::`.
        peer = getattr(peer, "ipv4_mapped", None) or peer
        return any(peer in network for network in self.trusted_proxies)

    def event(self, req: falcon.Request, event_id: EventId) -> str:
        """Return the link to an event."""
        return f"{self.base(req)}/event/events/{event_id}"

    def binary(self, req: falcon.Request, event_id: EventId) -> str:
        """Return the link to an event's binary."""
        return f"{self.event(req, event_id)}/binaries"
