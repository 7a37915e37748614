"""/event/events/{id}/binaries: the one binary of an event."""

import os
from typing import Any, ClassVar

import falcon

from c8ybin.accounts import EVENT_ADMIN, EVENT_READ
from c8ybin.api.access import Roles, user_of
from c8ybin.api.answers import Links, precondition, say_json, set_validators
from c8ybin.api.downloads import FilePart
from c8ybin.api.notes import note
from c8ybin.api.policies import set_download
from c8ybin.api.quota import require_bytes_quota
from c8ybin.api.scope import require_event
from c8ybin.api.uploads import UploadHead, read_head, receive
from c8ybin.bodies import Intake, Received
from c8ybin.domain.conditions import range_still_applies
from c8ybin.domain.digests import format_digest
from c8ybin.domain.errors import BinaryExists, BinaryNotFound
from c8ybin.domain.ids import EventId, parse_event_id
from c8ybin.domain.labels import format_disposition
from c8ybin.domain.ranges import Span, parse_range
from c8ybin.store import Binary, Chunk, Journal, Store


class EventBinary:
    """Download, upload whole, as a form or in chunks, replace, delete."""

    access: ClassVar[Roles] = {
        "GET": EVENT_READ,
        "POST": EVENT_ADMIN,
        "PUT": EVENT_ADMIN,
        "DELETE": EVENT_ADMIN,
    }

    def __init__(self, store: Store, intake: Intake, links: Links) -> None:
        self._store = store
        self._intake = intake
        self._links = links

    def _own(self, req: falcon.Request, event_id: str) -> EventId:
        """Return the event that an address names, if it exists for who asks."""
        number = parse_event_id(event_id)
        require_event(req, self._store, number)
        return number

    def on_get(self, req: falcon.Request, resp: falcon.Response, event_id: str) -> None:
        """Send the bytes, or the part of them that Range asks for."""
        opened = self._store.binaries.open(self._own(req, event_id))
        sends = False
        try:
            span = self._begin_download(req, resp, opened.binary)
            if span and span.length:
                resp.set_stream(FilePart(opened.fd, span, req.path), span.length)
                sends = True
        finally:
            if not sends:
                os.close(opened.fd)

    def on_head(self, req: falcon.Request, resp: falcon.Response, event_id: str) -> None:
        """Say what GET would, without the bytes; Range is for GET alone (RFC 9110, section 14.2)."""
        self._begin_download(req, resp, self._store.binaries.find(self._own(req, event_id)))

    def _begin_download(self, req: falcon.Request, resp: falcon.Response, binary: Binary) -> Span | None:
        """Set the header fields of a download; return the bytes to send, None for no body at all."""
        validators = binary.validators
        set_validators(resp, validators)
        resp.set_header("Accept-Ranges", "bytes")
        set_download(resp)
        if precondition(req).is_not_modified(validators):
            resp.status = falcon.HTTP_304
            return None
        span = Span(0, binary.length)
        wanted = req.env.get("HTTP_RANGE") if req.method == "GET" else None
        if wanted and range_still_applies(req.get_header("If-Range"), validators, self._store.clock.now_ms()):
            part = parse_range(wanted, binary.length)
            if part:
                span = part
                resp.status = falcon.HTTP_206
                resp.set_header("Content-Range", f"bytes {span.start}-{span.end - 1}/{binary.length}")
        resp.content_type = binary.type
        resp.set_header("Content-Length", str(span.length))
        resp.set_header("Content-Disposition", format_disposition(binary.name))
        if binary.sha256:
            resp.set_header("Repr-Digest", format_digest(binary.sha256))
        return span

    def on_post(self, req: falcon.Request, resp: falcon.Response, event_id: str) -> None:
        """Attach a file to an event that has none, whole or a chunk of it."""
        self._upload(req, resp, self._own(req, event_id), replaces=False)

    def on_put(self, req: falcon.Request, resp: falcon.Response, event_id: str) -> None:
        """Replace the file of an event, whole or a chunk of it; 201, as the upstream document says."""
        self._upload(req, resp, self._own(req, event_id), replaces=True)

    def on_delete(self, req: falcon.Request, resp: falcon.Response, event_id: str) -> None:
        """Remove the file of an event, and its incomplete upload."""
        note(req.env, name=self._store.binaries.delete(self._own(req, event_id), precondition(req)))
        resp.status = falcon.HTTP_204

    def _upload(
        self, req: falcon.Request, resp: falcon.Response, event_id: EventId, *, replaces: bool
    ) -> None:
        head = self.admit(req, event_id, replaces=replaces)
        received = receive(req, head, self._intake)
        with received.body:
            require_bytes_quota(
                req, self._store, event_id, head.where, received.body.length, replaces=replaces
            )
            outcome = self._commit(req, event_id, head, received, replaces=replaces)
        note(req.env, name=(outcome.label if isinstance(outcome, Journal) else outcome).name)
        self_link = self._links.binary(req, event_id)
        if isinstance(outcome, Journal):
            document: dict[str, Any] = {
                "self": self_link,
                "type": outcome.label.type,
                "range": str(outcome),
                "source": str(event_id),
            }
        else:
            resp.status = falcon.HTTP_201
            resp.set_header("Location", self_link)
            document = {
                "self": self_link,
                "type": outcome.type,
                "name": outcome.name,
                "source": str(event_id),
                "length": outcome.length,
            }
        say_json(req, resp, document, "event")

    def admit(self, req: falcon.Request, event_id: EventId, *, replaces: bool) -> UploadHead:
        """Refuse what can be refused without the body; the store decides again with it.

        Raises:
            EventNotFound, BinaryExists, PreconditionFailed: The event does not take it.
            LengthRequired, TooLarge, Unreadable: The header fields alone show that.
            BytesQuota: The account may not have so many bytes.
        """
        try:
            present: Binary | None = self._store.binaries.find(event_id)
        except BinaryNotFound:
            present = None
        head = read_head(req, self._intake)
        note(req.env, name=head.label.name)
        precondition(req).check(present.validators if present else None)
        if present and not replaces:
            # The completing chunk may come again, because its answer was lost.
            completed = (present.completed_by or {}).get("range")
            if head.where is None or completed != str(head.where):
                raise BinaryExists
        require_bytes_quota(req, self._store, event_id, head.where, head.announced, replaces=replaces)
        return head

    def _commit(
        self, req: falcon.Request, event_id: EventId, head: UploadHead, received: Received, *, replaces: bool
    ) -> Binary | Journal:
        owner, wanted = user_of(req).name, precondition(req)
        if head.where:
            chunk = Chunk(head.where, received, replaces, owner, head.repr_digests)
            return self._store.uploads.receive(event_id, chunk, wanted)
        if replaces:
            return self._store.binaries.replace(event_id, received, owner, wanted)
        return self._store.binaries.attach(event_id, received, owner, wanted)
