"""Conditional requests (RFC 9110, section 13)."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import formatdate, parsedate_to_datetime
from functools import lru_cache

from c8ybin.domain.errors import PreconditionFailed

_ENTITY_TAG = re.compile(r'(W/)?"[\x21\x23-\x7e\x80-\xff]*"')


@lru_cache(maxsize=1024)
def format_http_date(millis: int) -> str:
    """Write milliseconds since 1970 as an HTTP date, cut to the second."""
    return formatdate(millis // 1000, usegmt=True)


def parse_http_date(value: str) -> int | None:
    """Read an HTTP date as seconds since 1970; None when it cannot be read and so does not count."""
    try:
        moment: datetime = parsedate_to_datetime(value)
        # asctime dates have no zone and mean GMT (RFC 9110, section 5.6.7).
        return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())
    except (ValueError, OverflowError):
        return None


def _listed(value: str) -> Sequence[str]:
    return [match[0] for match in _ENTITY_TAG.finditer(value)]


@dataclass(frozen=True, slots=True)
class Validators:
    """What a stored representation is compared by: its strong entity tag and its time."""

    etag: str
    modified_ms: int

    @property
    def last_modified(self) -> str:
        """The Last-Modified field."""
        return format_http_date(self.modified_ms)


@dataclass(frozen=True, slots=True)
class Precondition:
    """The conditional header fields of a request; None where a field was not sent."""

    if_match: str | None = None
    if_none_match: str | None = None
    if_modified_since: str | None = None
    if_unmodified_since: str | None = None

    def __bool__(self) -> bool:
        """Tell whether a change depends on anything; If-Modified-Since is for reading only."""
        return any(v is not None for v in (self.if_match, self.if_none_match, self.if_unmodified_since))

    def check(self, present: Validators | None) -> None:
        """Hold a change against what is there.

        Args:
            present: The current representation, or None when there is none.

        Raises:
            PreconditionFailed: The change must not be made.

        Source: RFC 9110, section 13.2.2, steps 1 to 3.
        """
        self._check_if_match(present)
        if self.if_none_match is not None and present and self._none_match_fails(present):
            raise PreconditionFailed

    def is_not_modified(self, present: Validators) -> bool:
        """Hold a read against what is there; True means 304.

        Raises:
            PreconditionFailed: If-Match or If-Unmodified-Since does not hold.

        Source: RFC 9110, section 13.2.2, steps 1 to 4.
        """
        self._check_if_match(present)
        if self.if_none_match is not None:
            return self._none_match_fails(present)
        since = parse_http_date(self.if_modified_since) if self.if_modified_since else None
        return since is not None and present.modified_ms // 1000 <= since

    def has_etag(self, etag: str) -> bool:
        """Tell whether the client has what bears this tag already; for what has no time (If-None-Match alone)."""
        field = self.if_none_match
        return field is not None and self._names(field, etag)

    def _check_if_match(self, present: Validators | None) -> None:
        if self.if_match is not None:
            if not present or not (self.if_match.strip() == "*" or present.etag in _listed(self.if_match)):
                raise PreconditionFailed
        elif self.if_unmodified_since is not None and present:
            until = parse_http_date(self.if_unmodified_since)
            if until is not None and present.modified_ms // 1000 > until:
                raise PreconditionFailed

    def _none_match_fails(self, present: Validators) -> bool:
        return self._names(self.if_none_match or "", present.etag)

    @staticmethod
    def _names(field: str, etag: str) -> bool:
        return field.strip() == "*" or etag in [tag.removeprefix("W/") for tag in _listed(field)]


def range_still_applies(if_range: str | None, present: Validators, now_ms: int) -> bool:
    """Tell whether a Range counts, given If-Range.

    A date is a strong validator only once its second is over, since a file may
    change twice within one.

    Source: RFC 9110, sections 13.1.5 and 8.8.2.2.
    """
    if if_range is None:
        return True
    if '"' in if_range:
        return if_range.strip() == present.etag
    second = present.modified_ms // 1000
    return parse_http_date(if_range) == second and now_ms // 1000 > second + 1
