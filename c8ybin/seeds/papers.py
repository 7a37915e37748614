"""Texts, tables and reports of a demo."""

import json
import math
from collections.abc import Sequence

from c8ybin.domain.times import format_time

_MINUTE_MS = 60_000
_LOG = (
    (0, "INFO", "agent started, firmware 3.7.1"),
    (2, "INFO", "modem registered, signal -71 dBm"),
    (9, "WARN", "bearing temperature 81.4 °C above 80 °C"),
    (10, "INFO", "thermogram taken and queued"),
    (14, "ERROR", "upload broken off after 3 of 4 chunks: connection lost"),
    (15, "INFO", "connection restored, upload will be resumed"),
)


def log_text(start_ms: int) -> bytes:
    """Write a device's log."""
    return "".join(
        f"{format_time(start_ms + minute * _MINUTE_MS)} {level:5} {text}\n" for minute, level, text in _LOG
    ).encode()


def csv_text(start_ms: int) -> bytes:
    """Write an hour of measurements."""
    lines = ["time,temperature_C,vibration_mm_s"]
    for minute in range(60):
        warm = 64 + 18 / (1 + math.exp((20 - minute) / 4)) + 0.6 * math.sin(minute)
        lines.append(f"{format_time(start_ms + minute * _MINUTE_MS)},{warm:.1f},{1.2 + warm / 90:.2f}")
    return ("\n".join(lines) + "\n").encode()


def settings_json(serial: str, revision: int) -> bytes:
    """Write the settings of a compressor."""
    settings = {
        "serialNumber": serial,
        "revision": revision,
        "pressure": {"unit": "bar", "on": 6.2, "off": 7.5, "alarm": 8.8},
        "schedule": [
            {"days": ["Mon", "Tue", "Wed", "Thu", "Fri"], "from": "05:30", "to": "22:00"},
            {"days": ["Sat"], "from": "06:00", "to": "14:00"},
        ],
        "remote": {"isAllowed": True, "language": "de"},
    }
    return (json.dumps(settings, indent=2) + "\n").encode()


def pdf(lines: Sequence[str]) -> bytes:
    """Write one page of A4 with some lines, the first one large (PDF 1.4, section 3.4); Latin-1 only."""
    shown = [f"({_escaped(line)}) Tj T*" for line in lines]
    text = "\n".join(["BT /F1 20 Tf 26 TL 60 770 Td", shown[0], "/F1 11 Tf 16 TL", *shown[1:], "ET"])
    content = text.encode("latin-1")
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R "
        b"/Resources << /Font << /F1 5 0 R >> >> >>",
        b"<< /Length %d >>\nstream\n%b\nendstream" % (len(content), content),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
    ]
    data, places = bytearray(b"%PDF-1.4\n"), []
    for number, each in enumerate(objects, 1):
        places.append(len(data))
        data += b"%d 0 obj\n%b\nendobj\n" % (number, each)
    count = len(objects) + 1
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    end = b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (count, len(data))
    return bytes(data) + b"xref\n0 %d\n0000000000 65535 f \n" % count + table + end


def _escaped(line: str) -> str:
    return line.replace("\\", "\\\\").replace("(", "\\(").replace(")", "\\)")
