"""Password hashes: scrypt, with its parameters beside each (RFC 7914)."""

import base64
import hashlib
import hmac
import os
import secrets
from collections.abc import Mapping
from threading import BoundedSemaphore
from typing import Any

# 128 * n * r = 16 MiB and some 50 ms a try.
_COST = {"n": 2**14, "r": 8, "p": 1}
_SALT_BYTES = 16
_HASH_BYTES = 32
_MOST_MEMORY = 64 * 1024 * 1024

# Each try takes a core and 16 MiB: those beyond the cores wait.
_at_once = BoundedSemaphore(os.cpu_count() or 1)


def _scrypt(password: str, salt: bytes, cost: Mapping[str, int]) -> bytes:
    with _at_once:
        return hashlib.scrypt(
            password.encode(),
            salt=salt,
            n=cost["n"],
            r=cost["r"],
            p=cost["p"],
            dklen=_HASH_BYTES,
            maxmem=_MOST_MEMORY,
        )


def hash_password(password: str) -> dict[str, Any]:
    """Return what is stored of a password."""
    salt = secrets.token_bytes(_SALT_BYTES)
    digest = _scrypt(password, salt, _COST)
    return {
        "scheme": "scrypt",
        **_COST,
        "salt": base64.b64encode(salt).decode(),
        "hash": base64.b64encode(digest).decode(),
    }


def verify_password(password: str, stored: Mapping[str, Any]) -> bool:
    """Tell whether a password is the one that was stored.

    Raises:
        KeyError, TypeError, ValueError: `stored` is not what `hash_password` returned.
    """
    if stored["scheme"] != "scrypt":
        raise ValueError("unknown scheme")
    digest = _scrypt(password, base64.b64decode(stored["salt"]), stored)
    return hmac.compare_digest(digest, base64.b64decode(stored["hash"]))


# What an unknown user's password is held against, so that it takes as long.
NOBODY = {"scheme": "scrypt", **_COST, "salt": base64.b64encode(bytes(_SALT_BYTES)).decode(), "hash": ""}
