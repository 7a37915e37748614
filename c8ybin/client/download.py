"""Fetching an attachment so that it is whole, however often it is cut off.

The header of an answer tells the entity tag; what is here already of exactly that is not fetched again. A
rest is asked for by Range, with If-Range: where another file has taken its place, the server sends that whole.
"""

import hashlib
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from time import sleep
from typing import Protocol

import httpx

from c8ybin.client.connection import Connection
from c8ybin.client.errors import ClientError, NoConnection, WrongBytes
from c8ybin.client.events import binary_path, stated_digests
from c8ybin.domain.digests import ALGORITHMS, OURS
from c8ybin.domain.labels import decode_field, disposition_name, field_parameters, safe_name

_PARTIAL = 206
_CONTENT_RANGE = re.compile(r"bytes (\d{1,18})-\d{1,18}/(\d{1,18})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Remote:
    """An attachment as its server tells of it.

    Attributes:
        name: Its file name, made safe; None where it has none.
        type: Its media type.
        length: In bytes, where that is told.
        tag: Its entity tag, where that is a strong one: no other bytes have the same.
        digests: Of all of it, by algorithm.
    """

    name: str | None
    type: str
    length: int | None
    tag: str | None
    digests: dict[str, bytes] = field(hash=False)


class Sink(Protocol):
    """Where the bytes go."""

    def begin(self, remote: Remote) -> Iterable[bytes]:
        """Give what is here already of exactly this attachment, from its beginning; what follows is written behind."""

    def write(self, data: bytes) -> None:
        """Take the next bytes."""

    def restart(self) -> None:
        """Forget all bytes.

        Raises:
            ClientError: They are gone to where they cannot be taken back from.
        """


@dataclass(frozen=True, slots=True)
class Fetched:
    """How it went.

    Attributes:
        remote: What it is.
        length: In bytes.
        sha256: Of all of it.
        resumed: How many bytes were here already.
        verified: Whether it was held against a digest that the server told.
    """

    remote: Remote
    length: int
    sha256: bytes
    resumed: int
    verified: bool


def read_remote(response: httpx.Response) -> Remote:
    """Read the header fields of an answer."""
    raw = {name.lower(): value.decode("latin-1") for name, value in response.headers.raw}
    disposition = decode_field(raw.get(b"content-disposition"))
    match = _CONTENT_RANGE.fullmatch(raw.get(b"content-range", ""))
    length = match[2] if match else raw.get(b"content-length", "")
    tag = raw.get(b"etag")
    return Remote(
        name=safe_name(disposition_name(field_parameters(disposition))) if disposition else None,
        type=raw.get(b"content-type", ""),
        length=int(length) if length.isdecimal() else None,
        tag=None if tag is None or tag.startswith("W/") else tag,
        digests=stated_digests(response),
    )


class Download:
    """One attachment on its way here."""

    def __init__(
        self,
        connection: Connection,
        event_id: str,
        sink: Sink,
        count: Callable[[int, int | None], None] = lambda _bytes, _length: None,
    ) -> None:
        """Prepare it; `count` is called with how many bytes came, less than 0 in vain, and the length of all."""
        self._connection = connection
        self._path = binary_path(event_id)
        self._sink = sink
        self._count = count
        self._remote: Remote | None = None
        self._here = self._resumed = 0
        self._has_ended = False  # where no length was told
        self._hashes = {name: hashlib.new(name) for name in ALGORITHMS.values()}

    def run(self) -> Fetched:
        """Fetch it, or what is missing of it.

        Raises:
            WrongBytes: The bytes are not those of the digest that the server tells.
            ClientError: It cannot be done, or not now.
        """
        fetched = self._fetch()
        if fetched is None and self._resumed:
            # A power cut may have left other bytes here than were written.
            self._connection.tell("What was here already is damaged. Fetching all of it again.")
            self._restart()
            fetched = self._fetch()
        if fetched is None:
            raise WrongBytes("The bytes that came are not those of the digest that the server tells.")
        return fetched

    def _fetch(self) -> Fetched | None:
        """Fetch until it is whole; return None where its digest is another."""
        attempt = 0
        while not self._is_whole:
            before = self._here
            try:
                self._once()
            except httpx.TransportError as error:
                attempt = 1 if self._here > before else attempt + 1
                sleep(self._connection.pause(attempt, self._connection.no_connection(error)))
            else:
                if self._here == before and not self._is_whole:
                    raise NoConnection("The server sends less than it tells.")
        remote = self._with_digests()
        if any(self._hashes[ALGORITHMS[name]].digest() != digest for name, digest in remote.digests.items()):
            return None
        sha256 = self._hashes[ALGORITHMS[OURS]].digest()
        return Fetched(remote, self._here, sha256, self._resumed, bool(remote.digests))

    def _with_digests(self) -> Remote:
        """Return the attachment with its digests, which a c8ybin may know a second after the upload only."""
        remote = self._remote
        assert remote  # noqa: S101 - it is whole
        if remote.digests or not remote.tag:
            return remote
        try:
            later = read_remote(self._connection.ask("HEAD", self._path))
        except ClientError:
            return remote
        return later if later.tag == remote.tag else remote

    @property
    def _is_whole(self) -> bool:
        return self._has_ended or bool(self._remote and self._here == self._remote.length)

    def _once(self) -> None:
        fields = {"Accept": "*/*"}
        if self._here and self._remote and self._remote.tag:
            fields |= {"Range": f"bytes={self._here}-", "If-Range": self._remote.tag}
        with self._connection.opened("GET", self._path, fields) as response:
            remote = read_remote(response)
            if response.status_code == _PARTIAL:
                self._check_place(response, remote)
            else:
                if self._here:
                    self._restart()
                self._remote = remote
                for block in self._sink.begin(remote):
                    self._take(block)
                self._resumed = self._here
                if self._here:
                    return  # and ask for the rest alone
            for block in response.iter_raw():
                self._sink.write(block)
                self._take(block)
            self._has_ended = remote.length is None

    def _check_place(self, response: httpx.Response, remote: Remote) -> None:
        match = _CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", ""))
        if (
            not match
            or int(match[1]) != self._here
            or (self._remote and remote.length != self._remote.length)
        ):
            raise ClientError("The server sends another part of the attachment than was asked for.")

    def _take(self, block: bytes) -> None:
        for found in self._hashes.values():
            found.update(block)
        self._here += len(block)
        self._count(len(block), self._remote.length if self._remote else None)

    def _restart(self) -> None:
        self._sink.restart()
        self._count(-self._here, None)
        self._here = self._resumed = 0
        self._has_ended = False
        self._hashes = {name: hashlib.new(name) for name in ALGORITHMS.values()}
