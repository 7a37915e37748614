"""The events of a server, and what is attached to them, but for its bytes."""

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

import httpx

from c8ybin.client.connection import Connection
from c8ybin.client.errors import ClientError
from c8ybin.client.sending import Body
from c8ybin.domain.digests import OURS, parse_digests
from c8ybin.domain.errors import Unreadable
from c8ybin.domain.events import IS_BINARY, IS_INCOMPLETE, Document, serialize
from c8ybin.domain.ranges import Spans, parse_arrived

EVENTS = "/event/events"
REPR_DIGEST = "Repr-Digest"
# Of a list; the server sends at most 2000.
PAGE_EVENTS = 500


def event_path(event_id: str) -> str:
    """Return the address of an event."""
    return f"{EVENTS}/{quote(event_id, safe='')}"


def binary_path(event_id: str) -> str:
    """Return the address of what is attached to an event."""
    return f"{event_path(event_id)}/binaries"


def json_body(document: Document) -> Body:
    """Return a document as a request sends it."""
    data = serialize(document)
    return Body(len(data), lambda: (data,))


def stated_digests(response: httpx.Response) -> dict[str, bytes]:
    """Return the digests that an answer states of the whole file, by their algorithms."""
    try:
        return parse_digests(REPR_DIGEST, response.headers.get(REPR_DIGEST))
    except Unreadable:
        return {}


def document_of(answer: httpx.Response) -> dict[str, Any]:
    """Return the JSON object of an answer; an empty one where it has none."""
    try:
        document = answer.json()
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}


class Events:
    """What can be done with events; any method raises ClientError where it cannot be done."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def create(self, document: Document) -> Document:
        """Create an event and return it with its ID; not asked twice, where it may have been created."""
        fields = {"Content-Type": "application/json"}
        return self._connection.document("POST", EVENTS, fields=fields, body=json_body(document), once=True)

    def show(self, event_id: str) -> Document:
        """Return an event."""
        return self._connection.document("GET", event_path(event_id))

    def find(self, filters: Mapping[str, str], most: int | None) -> Iterator[Document]:
        """Go through events that fit, page by page, `most` of them at most; None for all."""
        size = min(most or PAGE_EVENTS, PAGE_EVENTS)
        page = 0
        left = -1 if most is None else most
        while left:
            page += 1
            query = {**filters, "pageSize": str(size), "currentPage": str(page)}
            answer = self._connection.document("GET", EVENTS, query=query)
            events = answer.get("events")
            if not isinstance(events, list):
                raise ClientError(f"{self._connection.url} answers with no list of events.")
            for event in events[: left if left > 0 else None]:
                left -= 1
                yield event
            if not events or not answer.get("next"):
                return

    def delete(self, event_id: str) -> None:
        """Delete an event with what is attached to it."""
        self._connection.ask("DELETE", event_path(event_id))

    def delete_matching(self, filters: Mapping[str, str]) -> None:
        """Delete all events that fit; all there are, where there is no filter."""
        self._connection.ask("DELETE", EVENTS, query=filters)

    def delete_binary(self, event_id: str) -> None:
        """Delete what is attached to an event, and an incomplete upload."""
        self._connection.ask("DELETE", binary_path(event_id))

    def binary_digest(self, event_id: str, length: int) -> bytes | None:
        """Return the SHA-256 of what is attached to an event: what the server states, else of the bytes themselves.

        Args:
            event_id: The event.
            length: How long it should be, in bytes; where it is not, nothing is read.
        """
        if self._connection.is_c8ybin:
            answer = self._connection.ask("HEAD", binary_path(event_id))
            if OURS in (stated := stated_digests(answer)):
                return stated[OURS]
        try:
            with self._connection.opened("GET", binary_path(event_id)) as answer:
                if answer.headers.get("Content-Length", str(length)) != str(length):
                    return None
                found = hashlib.sha256()
                for block in answer.iter_raw():
                    found.update(block)
        except httpx.TransportError as error:
            raise self._connection.no_connection(error) from None
        return found.digest()


def binary_of(event: Document) -> dict[str, Any] | None:
    """Return what an event tells of its attachment, if it has one."""
    fragment = event.get(IS_BINARY)
    return fragment if isinstance(fragment, dict) else None


def arrived_of(event: Document) -> tuple[Spans, int | None]:
    """Return what an event tells of its incomplete upload: what has arrived, and the length once it is known."""
    fragment = event.get(IS_INCOMPLETE)
    try:
        return parse_arrived(str(fragment["range"])) if isinstance(fragment, dict) else (Spans(), None)
    except (KeyError, Unreadable):
        return Spans(), None
