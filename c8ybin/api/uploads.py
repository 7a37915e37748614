"""An upload's header fields, and its body into a file.

`read_head` needs the header fields alone, so that a server can refuse an upload before
its body is sent; `receive` then feeds the body to the receiver that fits.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import falcon

from c8ybin.api.requests import body_length, read_blocks
from c8ybin.bodies import Intake, Received, Receiver, Stated
from c8ybin.bodies.forms import form_limit
from c8ybin.domain.digests import parse_digests
from c8ybin.domain.errors import TooLarge, Unreadable
from c8ybin.domain.labels import (
    OCTET_STREAM,
    ContentType,
    Label,
    decode_field,
    disposition_name,
    field_parameters,
    parse_content_type,
    safe_name,
)
from c8ybin.domain.ranges import ContentRange, parse_content_range

CONTENT_DIGEST = "Content-Digest"
REPR_DIGEST = "Repr-Digest"


@dataclass(frozen=True, slots=True)
class UploadHead:
    """What the header fields of an upload say.

    Attributes:
        type: Its Content-Type.
        label: What a raw body is called.
        where: The place of a chunk; None for a whole file.
        content_digests: Digests of this body.
        repr_digests: Digests of the finished file.
        announced: The least that the file or the chunk takes, in bytes.
    """

    type: ContentType
    label: Label
    where: ContentRange | None
    content_digests: Mapping[str, bytes]
    repr_digests: Mapping[str, bytes]
    announced: int

    def receiver(self, intake: Intake) -> Receiver:
        """Return what the body is to be fed to."""
        stated: tuple[Stated, ...] = (Stated(CONTENT_DIGEST, self.content_digests),)
        if self.where:
            return intake.chunk(self.where, self.label, stated)
        stated += (Stated(REPR_DIGEST, self.repr_digests),)
        if self.type.is_multipart:
            return intake.form(self.type.boundary, stated)
        return intake.whole(self.label, stated)


def read_head(req: falcon.Request, intake: Intake) -> UploadHead:
    """Read the header fields of an upload, and refuse what they alone show to be wrong.

    Raises:
        LengthRequired: No length and no transfer coding.
        TooLarge: Body, chunk or file is over its limit.
        Unreadable: A field is malformed, or the lengths contradict each other.
        OSError: ENOSPC: there is no room for it.
    """
    length = body_length(req)
    kind = parse_content_type(req.env.get("CONTENT_TYPE"))
    content_range = req.env.get("HTTP_CONTENT_RANGE")
    where = None if content_range is None else parse_content_range(content_range)
    if where:
        if kind.is_multipart:
            raise Unreadable("A chunk is sent raw; leave out multipart or Content-Range.")
        _check_chunk(where, length, intake)
    elif length is not None:
        limit = form_limit(intake.max_binary) if kind.is_multipart else intake.max_binary
        if length > limit:
            raise TooLarge("A file", intake.max_binary)
    intake.require_room(length or 0)
    disposition = decode_field(req.env.get("HTTP_CONTENT_DISPOSITION"))
    return UploadHead(
        type=kind,
        label=Label(
            type=kind.type or OCTET_STREAM,
            name=safe_name(disposition_name(field_parameters(disposition))) if disposition else None,
        ),
        where=where,
        content_digests=parse_digests(CONTENT_DIGEST, req.env.get("HTTP_CONTENT_DIGEST")),
        repr_digests=parse_digests(REPR_DIGEST, req.env.get("HTTP_REPR_DIGEST")),
        announced=where.span.length if where else 0 if kind.is_multipart else length or 0,
    )


def _check_chunk(where: ContentRange, length: int | None, intake: Intake) -> None:
    if (length is not None and length > intake.max_chunk) or where.span.length > intake.max_chunk:
        raise TooLarge("A chunk", intake.max_chunk)
    if max(where.span.end, where.length or 0) > intake.max_binary:
        raise TooLarge("A file", intake.max_binary)
    if length is not None and length != where.span.length:
        raise Unreadable("The body has not as many bytes as its Content-Range says.")


def receive(req: falcon.Request, head: UploadHead, intake: Intake) -> Received:
    """Bring the body of an upload into a file; the handle is the caller's to close.

    Raises:
        Refusal: The body is not what the header fields say, or over a limit.
        OSError: The disk did not take it.
    """
    with head.receiver(intake) as receiver:
        for block in read_blocks(req, body_length(req)):
            receiver.feed(block)
        return receiver.finish()
