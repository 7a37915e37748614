"""Byte ranges: Content-Range of a chunk, Range of a download, and sets of what has arrived.

Ranges are half-open inside the program (`start <= byte < end`); the `stop` of a
header field is inclusive.
"""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from c8ybin.domain.errors import RangeNotSatisfiable, Unreadable

CONTENT_RANGE = re.compile(r"(?:bytes\s+)?(\d{1,15})-(\d{1,15})/(?:(\d{1,15})|\*)", re.ASCII | re.IGNORECASE)
_ARRIVED = re.compile(r"((?:\d{1,15}-\d{1,15})(?:,\d{1,15}-\d{1,15})*)/(?:(\d{1,15})|\*)", re.ASCII)
_RANGE = re.compile(r"bytes\s*=\s*(?:(\d{1,99})-(\d{1,99})?|-(\d{1,99}))", re.ASCII | re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Span:
    """The bytes from `start` up to but not including `end`."""

    start: int
    end: int

    @property
    def length(self) -> int:
        """How many bytes it covers."""
        return self.end - self.start

    def blocks(self, size: int) -> Iterator["Span"]:
        """Yield it in order as spans of `size` bytes, of which the last may be shorter."""
        for start in range(self.start, self.end, size):
            yield Span(start, min(start + size, self.end))


@dataclass(frozen=True, slots=True)
class ContentRange:
    """Where a chunk belongs in its file, and the file's length if the chunk tells it."""

    span: Span
    length: int | None

    def __str__(self) -> str:
        """Write it as clients do: `0-3/10`, `0-3/*`."""
        return f"{self.span.start}-{self.span.end - 1}/{'*' if self.length is None else self.length}"


def parse_content_range(value: str) -> ContentRange:
    """Read a chunk's Content-Range, with or without its unit.

    Raises:
        Unreadable: It is malformed, ends before it starts, or its length does not
            reach its stop.

    Source: the upstream document writes `0-3/10` without `bytes`; RFC 9110, section 14.4.
    """
    match = CONTENT_RANGE.fullmatch(value.strip())
    if not match:
        raise Unreadable("Content-Range cannot be read; write it as start-stop/length, or /* for the length.")
    start, stop = int(match[1]), int(match[2])
    length = None if match[3] is None else int(match[3])
    if stop < start:
        raise Unreadable("Content-Range stops before it starts; its stop is the last byte, inclusive.")
    if length is not None and length <= stop:
        raise Unreadable("Content-Range tells a length that does not reach its stop.")
    return ContentRange(Span(start, stop + 1), length)


def parse_range(value: str | None, length: int) -> Span | None:
    """Read the Range of a download.

    Args:
        value: The header field, or None.
        length: Bytes of the representation.

    Returns:
        The bytes to send, or None for all of them: no Range, several ranges, another
        unit, or a malformed field, which are all ignored.

    Raises:
        RangeNotSatisfiable: The range holds no byte of the representation.

    Source: RFC 9110, section 14.2.
    """
    match = _RANGE.fullmatch(value.strip()) if value else None
    if not match:
        return None
    if match[3] is not None:
        if length == 0 and int(match[3]) > 0:
            return None  # satisfiable (section 14.1.2), but no Content-Range can say so
        start, end = max(0, length - int(match[3])), length
    else:
        start = int(match[1])
        if match[2] is not None and int(match[2]) < start:
            return None
        end = length if match[2] is None else min(length, int(match[2]) + 1)
    if start >= end:
        raise RangeNotSatisfiable(length)
    return Span(start, end)


class Spans:
    """A set of bytes as sorted spans that neither touch nor overlap."""

    def __init__(self, spans: Iterable[Span] = ()) -> None:
        self._spans: list[Span] = []
        for span in spans:
            self.add(span)

    def __iter__(self) -> Iterator[Span]:
        return iter(self._spans)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Spans) and self._spans == other._spans

    __hash__ = None  # type: ignore[assignment]

    def __str__(self) -> str:
        """Write it as a range list: `0-3,8-9`."""
        return ",".join(f"{span.start}-{span.end - 1}" for span in self._spans)

    @property
    def end(self) -> int:
        """One past the highest byte; 0 when there is none."""
        return self._spans[-1].end if self._spans else 0

    @property
    def count(self) -> int:
        """How many bytes they are."""
        return sum(span.length for span in self._spans)

    def add(self, span: Span) -> None:
        """Add the bytes of a span, merging it with what it touches."""
        first = bisect_left(self._spans, span.start, key=lambda s: s.end)
        last = bisect_right(self._spans, span.end, key=lambda s: s.start)
        touched = self._spans[first:last]
        if touched:
            span = Span(min(span.start, touched[0].start), max(span.end, touched[-1].end))
        self._spans[first:last] = [span]

    def within(self, span: Span) -> list[Span]:
        """Return the parts of `span` that are in the set."""
        return [
            Span(max(span.start, s.start), min(span.end, s.end))
            for s in self._spans
            if s.start < span.end and span.start < s.end
        ]

    def missing(self, span: Span) -> list[Span]:
        """Return the parts of `span` that are not in the set."""
        gaps, position = [], span.start
        for present in self.within(span):
            if position < present.start:
                gaps.append(Span(position, present.start))
            position = present.end
        if position < span.end:
            gaps.append(Span(position, span.end))
        return gaps

    def covers(self, length: int) -> bool:
        """Tell whether every byte below `length` is in the set."""
        return not self.missing(Span(0, length))


def parse_arrived(value: str) -> tuple[Spans, int | None]:
    """Read what the server says to have of an upload: `0-3,8-9/10`, or `/*` where no chunk told the length.

    Returns:
        What has arrived, and the file's length in bytes.

    Raises:
        Unreadable: It is malformed.
    """
    match = _ARRIVED.fullmatch(value.strip())
    if not match:
        raise Unreadable("A list of ranges is written as 0-3,8-9/10.")
    pairs = (pair.split("-") for pair in match[1].split(","))
    spans = [Span(int(start), int(stop) + 1) for start, stop in pairs]
    if any(span.length <= 0 for span in spans):
        raise Unreadable("A range stops before it starts.")
    return Spans(spans), None if match[2] is None else int(match[2])
