"""The body of a request, in blocks, from whichever WSGI server has it."""

from collections.abc import Iterator

import falcon

from c8ybin.domain.errors import LengthRequired, Unreadable

BLOCK_BYTES = 256 * 1024


def body_length(req: falcon.Request) -> int | None:
    """Return the length of a request's body; None when the server ends the stream itself (chunked).

    Raises:
        LengthRequired: Nobody says where it ends.
        Unreadable: Content-Length is no number.
    """
    text = req.env.get("CONTENT_LENGTH") or ""
    if not text:
        if req.env.get("HTTP_TRANSFER_ENCODING") and req.env.get("wsgi.input_terminated"):
            return None
        raise LengthRequired
    if not (text.isascii() and text.isdigit()):
        raise Unreadable("Content-Length is not a number.")
    return int(text)


def read_blocks(req: falcon.Request, length: int | None) -> Iterator[bytes]:
    """Yield a request's body as it arrives.

    Raises:
        Unreadable: It ends before its length.
    """
    stream = req.env["wsgi.input"]
    while length is None or length > 0:
        block = stream.read(BLOCK_BYTES if length is None else min(BLOCK_BYTES, length))
        if not block:
            if length:
                raise Unreadable("The body ends before its Content-Length; send it whole.")
            return
        if length is not None:
            length -= len(block)
        yield block
