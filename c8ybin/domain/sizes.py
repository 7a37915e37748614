"""Sizes in bytes, as people write them."""

import re

_UNITS = {"": 1, "k": 1000, "m": 1000**2, "g": 1000**3, "ki": 1024, "mi": 1024**2, "gi": 1024**3}
_SIZE = re.compile(r"(\d{1,18})\s*(|k|m|g|ki|mi|gi)(?:b|bytes)?", re.ASCII | re.IGNORECASE)

KIB = 1024
MIB = 1024 * KIB


def parse_size(text: str) -> int:
    """Read `52428800`, `50MiB` (1024 * 1024) or `50MB` (1000 * 1000).

    Raises:
        ValueError: Not a size.
    """
    match = _SIZE.fullmatch(text.strip())
    if not match:
        raise ValueError("not a size; write a number of bytes, or one with KiB, MiB, GiB, kB, MB or GB")
    return int(match[1]) * _UNITS[match[2].lower()]


def format_size(count: int) -> str:
    """Write a size so that `parse_size` reads the same number back."""
    for unit, factor in (("GiB", 1024**3), ("MiB", MIB), ("KiB", KIB)):
        if count and count % factor == 0:
            return f"{count // factor} {unit}"
    return f"{count} bytes"


def round_size(count: int) -> str:
    """Write about how much it is, for people: `12.3 MiB`."""
    for unit, factor in (("GiB", 1024**3), ("MiB", MIB), ("KiB", KIB)):
        if count >= factor:
            return f"{count / factor:.1f} {unit}"
    return f"{count} bytes"
