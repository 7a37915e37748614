"""Which pages of other origins may use the API (WHATWG Fetch, CORS): none, but for those that the operator names.

With `*` any page may, but only with a header that it makes itself: a browser sends its own credentials, as the
certificate of its user, to named origins at most, and to these neither.
"""

from collections.abc import Callable, Collection, Iterable
from typing import Any

_METHODS = "GET, HEAD, POST, PUT, DELETE"
_HEADERS = (
    "Authorization, Accept, Content-Type, Content-Disposition, Content-Range, Content-Digest, Repr-Digest, Range, "
    "If-Match, If-None-Match, If-Modified-Since, If-Unmodified-Since, If-Range, X-HTTP-METHOD, X-Request-ID, "
    "X-Cumulocity-Processing-Mode, UseXBasic, X-C8ybin-Fault"
)
_EXPOSED = (
    "Location, ETag, Content-Disposition, Content-Range, Content-Length, Accept-Ranges, Repr-Digest, Retry-After, "
    "X-Request-ID"
)
_MAX_AGE_S = 3600

Fields = list[tuple[str, str]]


class Cors:
    """What is added to answers for pages of other origins."""

    def __init__(self, origins: Collection[str]) -> None:
        """Allow some origins, each as a browser sends it; `*` for all."""
        self._origins = frozenset(origins)

    def __bool__(self) -> bool:
        return bool(self._origins)

    def fields(self, origin: str | None) -> Fields:
        """Return the header fields that an answer has for an origin."""
        allowed = "*" if "*" in self._origins else origin if origin in self._origins else None
        # A cache must not give one origin what was answered to another, or to none.
        told = [] if allowed == "*" else [("Vary", "Origin")]
        if allowed is None or origin is None:
            return told
        return [("Access-Control-Allow-Origin", allowed), ("Access-Control-Expose-Headers", _EXPOSED), *told]

    def answer(
        self, app: Callable[..., Iterable[bytes]], environ: dict[str, Any], start_response: Any
    ) -> Iterable[bytes]:
        """Answer a preflight request, or let the application answer and add what is missing."""
        told = self.fields(environ.get("HTTP_ORIGIN"))
        if is_preflight(environ):
            if len(told) > 1 or "*" in self._origins:
                told += [
                    ("Access-Control-Allow-Methods", _METHODS),
                    ("Access-Control-Allow-Headers", _HEADERS),
                    ("Access-Control-Max-Age", str(_MAX_AGE_S)),
                ]
            start_response("204 No Content", [*told, ("Cache-Control", "no-store")])
            return []

        def begin(status: str, headers: Fields, exc_info: Any = None) -> Any:
            return start_response(status, merged(headers, told), exc_info)

        return app(environ, begin)


def is_preflight(environ: dict[str, Any]) -> bool:
    """Tell whether a browser asks what a page may send."""
    return environ["REQUEST_METHOD"] == "OPTIONS" and "HTTP_ACCESS_CONTROL_REQUEST_METHOD" in environ


def merged(headers: Fields, more: Fields) -> Fields:
    """Return header fields with some more, Vary being one list."""
    vary = ", ".join(value for name, value in (*headers, *more) if name.lower() == "vary")
    rest = [field for field in (*headers, *more) if field[0].lower() != "vary"]
    return [*rest, ("Vary", vary)] if vary else rest
