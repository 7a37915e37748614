"""What both logs write of a request, and what neither may hold."""

from urllib.parse import quote

from c8ybin.accounts import without_secrets
from c8ybin.domain.exchanges import Exchange

PATH_CHARACTERS = 1000


def shown_path(exchange: Exchange) -> str | None:
    """Return the path, percent-encoded and not without end."""
    if exchange.path is None:
        return None
    raw = exchange.path[:PATH_CHARACTERS].encode("latin-1", errors="replace")
    return quote(raw, safe="/:@!$&'()*+,;=~")[:PATH_CHARACTERS]


def finished(line: str) -> bytes:
    """Return a line as it is written: without the secrets of tokens, wherever a client puts them."""
    return without_secrets(line).encode() + b"\n"
