"""The body of a request, in blocks or as a document, from whichever WSGI server has it."""

import mmap
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import falcon

from c8ybin.domain.errors import LengthRequired, TooLarge, Unreadable
from c8ybin.domain.events import DOCUMENT_BYTES, Document, parse_document

BLOCK_BYTES = 128 * 1024
_SMALL_BYTES = 64 * 1024

# Blocks that no body is read into now.
_BLOCKS_KEPT = 16
_blocks: list[memoryview] = []


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


def read_blocks(req: falcon.Request, length: int | None) -> Iterator[bytes | memoryview]:
    """Yield a request's body as it arrives, in blocks that are valid until the next one.

    Raises:
        Unreadable: It ends before its length.
    """
    with _reader(req.env["wsgi.input"], length) as read:
        while length is None or length > 0:
            block = read(BLOCK_BYTES if length is None else min(BLOCK_BYTES, length))
            if not block:
                if length:
                    raise Unreadable("The body ends before its Content-Length; send it whole.")
                return
            if length is not None:
                length -= len(block)
            yield block


def read_document(req: falcon.Request, what: str) -> Document:
    """Read a JSON object from a request's body; `what` it is, as `An event`, is told where it is too large.

    Raises:
        LengthRequired, TooLarge, Unreadable, Invalid: It is none.
    """
    data = bytearray()
    length = body_length(req)
    too_large = TooLarge(what, DOCUMENT_BYTES)
    if length is not None and length > DOCUMENT_BYTES:
        raise too_large
    for block in read_blocks(req, length):
        data += block
        if len(data) > DOCUMENT_BYTES:
            raise too_large
    return parse_document(bytes(data))


@contextmanager
def _reader(stream: Any, length: int | None) -> Iterator[Callable[[int], bytes | memoryview]]:
    """Yield a function that reads up to a number of bytes: into one buffer, if the server's stream can."""
    if not hasattr(stream, "readinto"):  # PEP 3333 does not ask for it
        yield stream.read
        return
    if length is not None and length <= _SMALL_BYTES:
        buffer = memoryview(bytearray(length))
        yield lambda count: buffer[: stream.readinto(buffer[:count])]
        return
    # Kept for the next body: what is allocated anew for each stays with each thread's allocator.
    try:
        block = _blocks.pop()
    except IndexError:
        block = memoryview(mmap.mmap(-1, BLOCK_BYTES))
    try:
        yield lambda count: block[: stream.readinto(block[:count])]
    finally:
        if len(_blocks) < _BLOCKS_KEPT:
            _blocks.append(block)
