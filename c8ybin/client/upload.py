"""Sending a file so that it arrives whole, however often it is cut off.

To a c8ybin a long file goes in chunks: the first alone, for it names the upload and begins it anew where
other bytes stood; then several at once; the last alone, for it completes the file, and the server knows it
again when its answer was lost. What has arrived is asked of the server. Any other server gets the file as
one request, and so does a short file, or one whose chunks are refused.
"""

import hashlib
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import httpx

from c8ybin.client.connection import Connection
from c8ybin.client.errors import (
    AttachmentExists,
    Interrupted,
    NotAllowed,
    NotFound,
    Refused,
    WrongBytes,
)
from c8ybin.client.events import REPR_DIGEST, Events, arrived_of, binary_of, binary_path, document_of
from c8ybin.client.forms import form
from c8ybin.client.sending import Body, nothing_counted
from c8ybin.client.sources import Source
from c8ybin.client.workers import at_once
from c8ybin.domain.digests import format_digest
from c8ybin.domain.events import IS_INCOMPLETE
from c8ybin.domain.labels import format_disposition
from c8ybin.domain.ranges import ContentRange, Span, Spans
from c8ybin.domain.sizes import KIB, MIB

# What is lost at most of a connection's worth of time when it is cut.
CHUNK_BYTES = MIB
PARALLEL = 4
# What is sent first of an upload that is resumed: other bytes there mean that another file was begun.
PROBE_BYTES = 64 * KIB
_ROUNDS = 3
_CREATED = 201
_CONFLICT = 409


@dataclass(frozen=True, slots=True)
class Sent:
    """How it went.

    Attributes:
        sent: How many bytes of the file had to be sent.
        verified: Whether the server told the digest of what it has, and it is the file's.
        was_there: Whether the same bytes were attached before.
    """

    sent: int
    verified: bool
    was_there: bool = False


class Upload:
    """One file on its way to one event."""

    def __init__(
        self,
        connection: Connection,
        event_id: str,
        source: Source,
        *,
        replaces: bool = False,
        chunk_bytes: int = CHUNK_BYTES,
        parallel: int = PARALLEL,
        count: Callable[[int], None] = nothing_counted,
    ) -> None:
        """Prepare it.

        Args:
            connection: The server.
            event_id: The event.
            source: The file.
            replaces: Whether it may take the place of another attachment.
            chunk_bytes: The length of a chunk; a file that is no longer is sent whole.
            parallel: How many chunks are under way at once.
            count: Is called with how many bytes have arrived or left, and with less than 0 where that was in vain.
        """
        self._connection = connection
        self._events = Events(connection)
        self._event_id = event_id
        self._source = source
        self._replaces = replaces
        self._chunk_bytes = chunk_bytes
        self._parallel = parallel
        self._tell_count = count
        self._counted = 0
        self._lock = threading.Lock()

    def run(self) -> Sent:
        """Send it, or what is missing of it.

        Raises:
            AttachmentExists: The event has another one, which is not to be replaced.
            FileChanged: The file changed meanwhile.
            WrongBytes: Other bytes are attached than the file's.
            ClientError: It cannot be done, or not now.
        """
        event = self._events.show(self._event_id)
        present = binary_of(event)
        if present and present.get("length", self._source.length) == self._source.length:
            same_label = (present.get("type"), present.get("name")) == (
                self._source.label.type,
                self._source.name,
            )
            if (same_label or not self._replaces) and self._is_there():
                return Sent(0, verified=True, was_there=True)
        if present and not self._replaces:
            raise AttachmentExists("The event has another attachment already.", _CONFLICT)
        sent = None
        if self._source.length > self._chunk_bytes and self._connection.is_c8ybin:
            sent = self._in_chunks(*arrived_of(event))
        if sent is None:
            sent = self._whole()
        return Sent(sent, verified=self._connection.is_c8ybin and self._verify())

    def _count(self, bytes_: int) -> None:
        with self._lock:
            self._counted += bytes_
            self._tell_count(bytes_)

    def _is_there(self) -> bool:
        """Tell whether what is attached has the bytes of the file."""
        try:
            return self._events.binary_digest(self._event_id, self._source.length) == self._source.sha256
        except NotFound:
            return False

    def _verify(self) -> bool:
        if not self._is_there():
            self._source.require_unchanged()
            raise WrongBytes(
                f"Other bytes are attached to event {self._event_id} than {self._source.name} has."
            )
        return True

    @property
    def _method(self) -> str:
        return "PUT" if self._replaces else "POST"

    @property
    def _fields(self) -> dict[str, str]:
        """The header fields of a raw body, whole or a chunk."""
        return {
            "Content-Type": self._source.label.type,
            "Content-Disposition": format_disposition(self._source.name),
            REPR_DIGEST: format_digest(self._source.sha256),
        }

    def _send(
        self, fields: Mapping[str, str], body: Body, stop: threading.Event | None = None
    ) -> httpx.Response:
        return self._connection.ask(
            self._method,
            binary_path(self._event_id),
            fields=fields,
            body=body,
            count=self._count,
            stop=stop,
        )

    def _whole(self) -> int:
        """Send it as one request; return how many bytes of it that was.

        As a form where a raw body would lose its name: Cumulocity takes one with POST alone.
        """
        fields, body = self._fields, self._source.body()
        if not (self._replaces or self._connection.is_c8ybin):
            fields, body = form(self._source)
        try:
            answer = self._send(fields, body)
        except Refused as refused:
            # It may be there: the answer to an earlier attempt was lost.
            if refused.status == _CONFLICT and not self._replaces:
                if self._is_there():
                    return self._source.length
                raise AttachmentExists("The event has another attachment already.", refused.status) from None
            self._source.require_unchanged()
            raise
        self._source.require_unchanged()
        told = document_of(answer).get("length", self._source.length)
        if told != self._source.length:
            raise WrongBytes(
                f"{self._source.length} bytes were sent, and the server has {told}; send the file again."
            )
        return self._source.length

    def _in_chunks(self, arrived: Spans, length: int | None) -> int | None:
        """Send what is missing; return how many bytes that was, or None where it has to be sent whole."""
        try:
            if arrived.end > self._source.length or length not in (None, self._source.length):
                raise Refused("Another file is half there.", _CONFLICT)
            return self._missing(arrived)
        except (NotAllowed, NotFound):
            raise
        except Refused as refused:
            self._source.require_unchanged()
            self._count(-self._counted)
            self._connection.tell(f"{refused} Sending the file whole.")
            return None

    def _missing(self, arrived: Spans) -> int:
        first = Span(0, min(PROBE_BYTES if arrived.count else self._chunk_bytes, self._source.length))
        answer = self._chunk(first)
        sent = first.length
        for _ in range(_ROUNDS):
            if answer.status_code == _CREATED:
                return sent
            arrived, _length = arrived_of({IS_INCOMPLETE: document_of(answer)})
            self._count(arrived.count - self._counted)
            *middle, last = self._pieces(arrived)
            stop = threading.Event()
            at_once(middle, self._parallel, self._chunk, stop)
            answer = self._chunk(last)
            sent += sum(piece.length for piece in (*middle, last))
        if answer.status_code == _CREATED:
            return sent
        raise Interrupted("Somebody else is sending another file to the same event; try again later.")

    def _pieces(self, arrived: Spans) -> list[Span]:
        """Return what is missing in chunks; never nothing: all there and not complete means to send the end again."""
        whole = Span(0, self._source.length)
        gaps = arrived.missing(whole) or [Span(whole.end - 1, whole.end)]
        return [
            Span(start, min(start + self._chunk_bytes, gap.end))
            for gap in gaps
            for start in range(gap.start, gap.end, self._chunk_bytes)
        ]

    def _chunk(self, span: Span, stop: threading.Event | None = None) -> httpx.Response:
        blocks = list(self._source.blocks(span))
        digest = hashlib.sha256()
        for block in blocks:
            digest.update(block)
        fields = {
            **self._fields,
            "Content-Range": f"bytes {ContentRange(span, self._source.length)}",
            "Content-Digest": format_digest(digest.digest()),
        }
        return self._send(fields, Body(span.length, lambda: blocks), stop)
