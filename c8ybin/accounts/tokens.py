"""Tokens: `c8y_ID_SECRET`, for `Authorization: Bearer` (RFC 6750)."""

import re
import secrets
import time
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from hmac import compare_digest

from c8ybin.accounts.records import Record, Records, Token, User

# By which people, and programs that look for secrets in files, know one.
PREFIX = "c8y"
_ID_BYTES = 5
_SECRET_BYTES = 32
_NO_HASH = "0" * 64
_ANYWHERE = re.compile(rf"({PREFIX}_[0-9a-f]{{{2 * _ID_BYTES}}}_)[A-Za-z0-9_-]+")


@dataclass(frozen=True, slots=True)
class NewToken:
    """A token that was just made: its ID and all of it, which nobody can tell later."""

    id: str
    text: str


def now_ms() -> int:
    """Return the time in milliseconds since 1970."""
    return time.time_ns() // 1_000_000


def _hash(text: str) -> str:
    return sha256(text.encode(errors="replace")).hexdigest()


def without_secrets(text: str) -> str:
    """Return a text without what nobody else may know of the tokens in it."""
    return _ANYWHERE.sub(r"\1***", text)


def make_token(
    taken: Iterable[str], roles: frozenset[str] | None, expires: int | None, label: str
) -> tuple[NewToken, Token]:
    """Return a new token and what is kept of it; its ID is none that is taken."""
    present = set(taken)
    while (token_id := secrets.token_hex(_ID_BYTES)) in present:
        pass
    text = f"{PREFIX}_{token_id}_{secrets.token_urlsafe(_SECRET_BYTES)}"
    return NewToken(token_id, text), Token(_hash(text), roles, expires, now_ms(), label)


class Tokens:
    """The tokens of all users, by their IDs."""

    def __init__(self, records: Records) -> None:
        self._known: dict[str, tuple[str, Record, Token]] = {
            token_id: (name, record, token)
            for name, record in records.items()
            for token_id, token in record.tokens.items()
        }

    def user(self, text: str) -> User | None:
        """Return whose token this is, with the token's roles; None where it is none, or holds no more."""
        prefix, _, rest = text.partition("_")
        found = self._known.get(rest.partition("_")[0]) if prefix == PREFIX else None
        # In the same time, whatever is wrong with it.
        fits = compare_digest(_hash(text), found[2].sha256 if found else _NO_HASH)
        if not (found and fits):
            return None
        name, record, token = found
        is_over = token.expires is not None and now_ms() >= token.expires
        return None if is_over or record.is_disabled else record.user(name, token.roles)
