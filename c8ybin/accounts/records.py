"""What `accounts.json` holds.

    {"version": 2, "users": {NAME: {"roles": [...], "password": {...}, ...}}}

A file without a version is of the first one, of which every record is one of this, too.
Tokens stand in the record of their user, so they go with it and change its name with it.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from c8ybin.accounts.checks import AccountsProblem

VERSION = 2


@dataclass(frozen=True, slots=True)
class User:
    """Who is asking, and what they may do.

    Attributes:
        name: Of the account.
        roles: What it may do.
        sources: The only sources whose events exist for it; None where all do.
        quota: The most bytes that the attachments of its sources may hold; None for no limit.
        max_events: The most events that its sources may have; None for no limit.
    """

    name: str
    roles: frozenset[str]
    sources: frozenset[str] | None = None
    quota: int | None = None
    max_events: int | None = None


@dataclass(frozen=True, slots=True)
class Token:
    """What is kept of a token.

    Attributes:
        sha256: The hash of all of it, in hexadecimal digits. Nobody guesses 256 random bits, so a hash that is
            slow or salted would add nothing.
        roles: Those of its user's roles that it has; None for all.
        expires: When it ends, in milliseconds since 1970; None for never.
        created: When it was made.
        label: What its owner calls it.
    """

    sha256: str
    roles: frozenset[str] | None
    expires: int | None
    created: int
    label: str


@dataclass(frozen=True, slots=True)
class Record:
    """An account as it is kept; `password` is None where it has none, or what `hash_password` returned."""

    roles: frozenset[str]
    password: Any = None
    is_disabled: bool = False
    sources: frozenset[str] | None = None
    quota: int | None = None
    max_events: int | None = None
    tokens: Mapping[str, Token] = field(default_factory=dict)

    def user(self, name: str, roles: frozenset[str] | None = None) -> User:
        """Return the user, with those of its roles that are among some."""
        allowed = self.roles if roles is None else self.roles & roles
        return User(name, allowed, self.sources, self.quota, self.max_events)

    def with_token(self, token_id: str, token: Token) -> "Record":
        """Return it with one more token."""
        return replace(self, tokens={**self.tokens, token_id: token})


Records = dict[str, Record]


def parse(data: bytes, path: Path) -> Records:
    """Read the bytes of the file of accounts.

    Raises:
        AccountsProblem: They are damaged, or of a newer version.
    """
    try:
        file = json.loads(data)
        version = file.get("version", 1)
        if _count(version) > VERSION:
            raise AccountsProblem(f"{path} is of a newer c8ybin; use that one.")
        if version not in (1, VERSION):
            raise ValueError
        return {user: _parse_record(record, version) for user, record in file["users"].items()}
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError):
        raise AccountsProblem(f"{path} cannot be understood; mend it or restore it from a backup.") from None


def _parse_record(record: Mapping[str, Any], version: int) -> Record:
    if version == 1 and "password" not in record:
        raise ValueError
    return Record(
        roles=_texts(record["roles"]),
        # null is damage, which is told to whoever tries it, and not a user without a password.
        password=record.get("password", None) if record.get("password", {}) is not None else {},
        is_disabled=_of(bool, record.get("disabled", False)),
        sources=_optional(_texts, record.get("sources")),
        quota=_optional(_count, record.get("quota")),
        max_events=_optional(_count, record.get("maxEvents")),
        tokens={token_id: _parse_token(token) for token_id, token in record.get("tokens", {}).items()},
    )


def _parse_token(token: Mapping[str, Any]) -> Token:
    return Token(
        sha256=_of(str, token["sha256"]),
        roles=_optional(_texts, token.get("roles")),
        expires=_optional(_count, token.get("expires")),
        created=_count(token["created"]),
        label=_of(str, token.get("label", "")),
    )


def _of(kind: type, value: Any) -> Any:
    if type(value) is not kind:
        raise ValueError
    return value


def _count(value: Any) -> int:
    if type(value) is not int or value < 0:
        raise ValueError
    return value


def _texts(values: Any) -> frozenset[str]:
    if type(values) is not list or not all(isinstance(value, str) for value in values):
        raise ValueError
    return frozenset(values)


def _optional(read: Callable[[Any], Any], value: Any) -> Any:
    return None if value is None else read(value)


def write(records: Records) -> bytes:
    """Return the bytes of the file."""
    users = {name: _plain_record(record) for name, record in records.items()}
    return (json.dumps({"version": VERSION, "users": users}, indent=2, sort_keys=True) + "\n").encode()


def _plain_record(record: Record) -> dict[str, Any]:
    members = {
        "roles": sorted(record.roles),
        "password": record.password,
        "disabled": record.is_disabled or None,
        "sources": None if record.sources is None else sorted(record.sources),
        "quota": record.quota,
        "maxEvents": record.max_events,
        "tokens": {token_id: _plain_token(token) for token_id, token in record.tokens.items()} or None,
    }
    return {name: value for name, value in members.items() if value is not None}


def _plain_token(token: Token) -> dict[str, Any]:
    members = {
        "sha256": token.sha256,
        "roles": None if token.roles is None else sorted(token.roles),
        "expires": token.expires,
        "created": token.created,
        "label": token.label or None,
    }
    return {name: value for name, value in members.items() if value is not None}
