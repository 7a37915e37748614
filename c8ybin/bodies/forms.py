"""The upload form: which of its parts is the file, and what the others call it."""

from enum import IntEnum

from c8ybin.bodies.files import BodyFile, Hashes
from c8ybin.bodies.multipart import MultipartParser
from c8ybin.bodies.receivers import FileReceiver, Received, Stated
from c8ybin.bodies.shortened import ShortenedObject
from c8ybin.domain.digests import check_digests
from c8ybin.domain.errors import TooLarge, Unreadable
from c8ybin.domain.labels import (
    OCTET_STREAM,
    TYPE_BYTES,
    Label,
    disposition_name,
    field_parameters,
    media_type,
    safe_name,
)
from c8ybin.domain.sizes import MIB

_IDENTITY = ("", "binary", "8bit", "7bit")


def form_limit(file_limit: int) -> int:
    """Return the most bytes of a form: a real mapper repeats the file in it as Base64."""
    return file_limit * 7 // 3 + MIB


class _Rank(IntEnum):
    """How much a part looks like the file."""

    NEVER = 0  # `object` or `type`: only where it is the one part
    OTHER = 1  # the upstream document's example: the part's name is the file's name
    NAMED_FILE = 2
    HAS_FILENAME = 3


class FormReceiver(FileReceiver):
    """A multipart/form-data body, of which the file part is written and the rest is not.

    The file part is the first with a filename; else the first named `file`; else the
    last that is not `object` or `type`. While it is not yet known, the best so far is
    kept and may be written over.

    Source: Cumulocity OpenAPI (`object`, `file`); what c8y_api, @c8y/client, go-c8y,
    thin-edge.io, c8ydm and dynamic-mapper send.
    """

    def __init__(
        self, file: BodyFile, boundary: str | None, stated: tuple[Stated, ...], *, limit: int
    ) -> None:
        """Receive into `file`.

        Args:
            file: Where the bytes of the file part go.
            boundary: The parameter of the Content-Type, or None.
            stated: Digests of the whole body, as it is sent.
            limit: The most bytes that the file may have.
        """
        super().__init__(file, limit, "A file")
        self._parser = MultipartParser(boundary, self)
        self._stated = stated
        self._hashes = Hashes({algorithm for s in stated for algorithm in s.digests})
        self._length = 0
        self._parts = 0
        self._rank: _Rank | None = None
        self._part_name: str | None = None
        self._filename: str | None = None
        self._part_type: str | None = None
        self._keeping = False
        self._over = False
        self._object: ShortenedObject | None = None
        self._object_strings: dict[str, str] = {}
        self._type: bytearray | None = None
        self._type_text: str | None = None

    def feed(self, data: bytes | memoryview) -> None:
        """Take the next bytes of the form.

        Raises:
            TooLarge: The form or its file is over the limit.
            Unreadable: This is no form.
            OSError: The disk did not take them.
        """
        self._length += len(data)
        if self._length > form_limit(self._limit):
            raise TooLarge("A form", form_limit(self._limit))
        self._hashes.update(data)
        self._parser.feed(data)

    def finish(self) -> Received:
        """Check the end; the file is not durable yet.

        Raises:
            TooLarge: The file is over the limit.
            Unreadable: The form ends early or has no file.
            DigestMismatch: Not the bytes that the client meant.
            OSError: The disk did not take them.
        """
        self._parser.finish()
        if self._rank is None or (self._rank is _Rank.NEVER and self._parts > 1):
            raise Unreadable("The form has no file; send it as a part named file, with a filename.")
        if self._over:
            raise self._too_large()
        found = self._hashes.digests()
        for stated in self._stated:
            check_digests(stated.field, stated.digests, found)
        self._file.cut()
        return self._give(self._label())

    def _label(self) -> Label:
        names = (
            self._object_strings.get("name"),
            self._filename,
            None if self._part_name == "file" else self._part_name,
        )
        types = (self._object_strings.get("type"), self._type_text, self._part_type)
        return Label(
            type=next(filter(None, map(media_type, types)), OCTET_STREAM),
            name=next(filter(None, map(safe_name, names)), None),
        )

    def part_begin(self, headers: dict[str, str]) -> None:
        """See what a part is, and whether it is a better file than the one so far."""
        coding = headers.get("content-transfer-encoding", "").strip().lower()
        if coding not in _IDENTITY:
            raise Unreadable("Send multipart parts as they are, without a Content-Transfer-Encoding.")
        parameters = field_parameters(headers.get("content-disposition", ""))
        name, filename = parameters.get("name"), disposition_name(parameters)
        self._parts += 1
        self._object = ShortenedObject() if name == "object" else None
        self._type = bytearray() if name == "type" else None
        rank = _rank(name, filename)
        best = -1 if self._rank is None else self._rank
        self._keeping = rank > best or rank == best == _Rank.OTHER
        if self._keeping:
            self._rank, self._part_name, self._filename = rank, name, filename
            self._part_type = headers.get("content-type")
            self._over = False
            self._file.restart()

    def part_data(self, data: memoryview) -> None:
        """Write a part that may be the file, and remember what describes it."""
        if self._object:
            self._object.feed(data)
        if self._type is not None and len(self._type) <= TYPE_BYTES:
            self._type += data[: TYPE_BYTES + 1]
        if not self._keeping:
            return
        if self._file.length + len(data) > self._limit:
            if self._rank is _Rank.HAS_FILENAME:  # no other part can take its place
                raise self._too_large()
            self._over = True
        if not self._over:
            self._file.write(data)

    def part_end(self) -> None:
        """Read what described the file."""
        if self._object:
            self._object_strings = self._object_strings or self._object.strings()
        if self._type is not None and self._type_text is None:
            # A longer text was not kept whole, and is no media type anyway.
            self._type_text = "" if len(self._type) > TYPE_BYTES else self._type.decode("latin-1").strip()

    def __enter__(self) -> "FormReceiver":
        return self


def _rank(name: str | None, filename: str | None) -> _Rank:
    if name in ("object", "type"):
        return _Rank.NEVER
    if filename is not None:
        return _Rank.HAS_FILENAME
    return _Rank.NAMED_FILE if name == "file" else _Rank.OTHER
