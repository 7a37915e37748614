"""Pictures and sounds of a demo, made here so that none need be carried along."""

import math
import struct
import zlib
from collections.abc import Iterable
from functools import lru_cache

_WIDTH, _HEIGHT = 240, 135
_SAMPLES_A_SECOND = 8000


def _ramp() -> bytes:
    """Return 256 colours from cold to hot, as thermal cameras show them."""

    def blue(level: int) -> int:
        return 96 + level if level < 64 else 224 - level * 2 if level < 112 else (level - 200) * 4

    return bytes(
        channel
        for level in range(256)
        for channel in (
            min(255, level * 2),
            max(0, level - 96) * 255 // 159,
            max(0, min(255, blue(level))),
        )
    )


def png(width: int, height: int, palette: bytes, rows: Iterable[bytes]) -> bytes:
    """Write an image whose rows have a number of the palette for each point (PNG, third edition, section 5)."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)) + chunk(b"PLTE", palette)
    pixels = zlib.compress(b"".join(b"\0" + row for row in rows))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


@lru_cache(maxsize=8)
def thermogram(heat: float) -> bytes:
    """Draw what a thermal camera might see of two bearings on a shaft; `heat` of the left one, 0 to 1."""
    spots = ((75.0, 70.0, 23.0, 40 + 150 * heat), (170.0, 64.0, 15.0, 120.0))

    def fade(at: int, centre: float, size: float) -> float:
        return math.exp(-(((at - centre) / size) ** 2))

    # What a spot adds falls off across and down by itself, so each is worked out once for a column and a row.
    across = [[fade(x, cx, size) for x in range(_WIDTH)] for cx, _, size, _ in spots]

    def row(y: int) -> bytes:
        ground = 22 + 40 * fade(y, 67, 11)
        left, right = (hot * fade(y, cy, size) for _, cy, size, hot in spots)
        # Never above 255, the hottest colour.
        return bytes([int(ground + left * one + right * other) for one, other in zip(*across, strict=True)])

    return png(_WIDTH, _HEIGHT, _ramp(), (row(y) for y in range(_HEIGHT)))


def bearing_sound(seconds: float = 1.5) -> bytes:
    """Write what a worn bearing sounds like: a hum, and a knock that dies away nine times a second (RIFF, WAVE)."""
    turn = _SAMPLES_A_SECOND // 9
    knock = [
        60 * math.exp(-n / 120) * math.sin(2 * math.pi * 900 * n / _SAMPLES_A_SECOND) for n in range(turn)
    ]
    hum = [30 * math.sin(2 * math.pi * n / 160) for n in range(160)]
    count = int(seconds * _SAMPLES_A_SECOND)
    samples = bytes(int(128 + hum[n % 160] + knock[n % turn]) for n in range(count))
    form = struct.pack("<HHIIHH", 1, 1, _SAMPLES_A_SECOND, _SAMPLES_A_SECOND, 1, 8)
    data = b"fmt " + struct.pack("<I", len(form)) + form + b"data" + struct.pack("<I", count) + samples
    return b"RIFF" + struct.pack("<I", 4 + len(data)) + b"WAVE" + data
