"""Digests that a client states, and the one we state (RFC 9530)."""

import base64
import binascii
import re
from collections.abc import Mapping
from functools import lru_cache

from c8ybin.domain.errors import DigestMismatch, Unreadable

# The algorithms of RFC 9530, section 5 that count as secure, with their names in hashlib.
ALGORITHMS = {"sha-256": "sha256", "sha-512": "sha512"}
# The one that we state.
OURS = "sha-256"

_MEMBER = re.compile(r"\s*([a-z*][a-z0-9_.*-]*)\s*=\s*:([A-Za-z0-9+/=]*):\s*(?:;.*)?", re.ASCII)


def parse_digests(field: str, value: str | None) -> dict[str, bytes]:
    """Read a Content-Digest or Repr-Digest field.

    Args:
        field: The field's name, for the message.
        value: Its value; None when it was not sent.

    Returns:
        The digests whose algorithm we check, by its name; other algorithms are
        passed over (RFC 9530, section 2).

    Raises:
        Unreadable: The field is not a dictionary of byte sequences.
    """
    digests: dict[str, bytes] = {}
    for member in (value or "").split(","):
        if not member.strip():
            continue
        match = _MEMBER.fullmatch(member)
        try:
            # RFC 8941, section 4.2.7: missing padding is no error.
            digest = base64.b64decode(_padded(match[2]), validate=True) if match else None
        except binascii.Error:
            digest = None
        if match is None or digest is None:
            raise Unreadable(f"{field} cannot be read; write it as sha-256=:<Base64>:.")
        if match[1] in ALGORITHMS:
            digests[match[1]] = digest
    return digests


def check_digests(field: str, stated: Mapping[str, bytes], found: Mapping[str, bytes]) -> None:
    """Compare what a client stated with what arrived.

    Raises:
        DigestMismatch: One of them differs.
    """
    if any(found[algorithm] != digest for algorithm, digest in stated.items()):
        raise DigestMismatch(field)


@lru_cache(maxsize=1024)
def format_digest(sha256: bytes) -> str:
    """Write a Repr-Digest field."""
    return f"sha-256=:{base64.b64encode(sha256).decode('ascii')}:"


def _padded(text: str) -> str:
    return text.rstrip("=") + "=" * (-len(text.rstrip("=")) % 4)
