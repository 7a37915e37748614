"""What `--demo` serves: an account, and a few events with attachments to look at."""

import math
import struct
import zlib
from collections.abc import Iterator

from c8ybin.bodies import Intake
from c8ybin.domain.conditions import Precondition
from c8ybin.domain.events import new_event
from c8ybin.domain.ids import EventId
from c8ybin.domain.labels import Label
from c8ybin.domain.queries import Paging, Query
from c8ybin.domain.ranges import parse_content_range
from c8ybin.domain.times import format_time
from c8ybin.store import Chunk, Store

NAME = "demo"
PASSWORD = "demo"  # noqa: S105 - known to everybody; the account exists only while --demo runs

_WIDTH, _HEIGHT = 480, 270
_MINUTE_MS = 60_000
_ANY = Precondition()


def png(width: int, height: int, rows: Iterator[bytes]) -> bytes:
    """Write an image of 8-bit RGB rows (PNG, third edition, section 5)."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pixels = zlib.compress(b"".join(b"\0" + row for row in rows))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def thermogram() -> bytes:
    """Draw what a thermal camera might see of two warm bearings on a shaft."""
    # Cold to hot, as such cameras colour it.
    ramp = bytes(
        channel
        for level in range(256)
        for channel in (
            min(255, level * 2),
            max(0, level - 96) * 255 // 159,
            max(
                0,
                min(255, 96 + level if level < 64 else 224 - level * 2 if level < 112 else (level - 200) * 4),
            ),
        )
    )
    spots = ((150.0, 140.0, 46.0, 230.0), (340.0, 128.0, 30.0, 150.0))

    def row(y: int) -> bytes:
        shaft = 40 * math.exp(-(((y - 135) / 22) ** 2))
        reach = [(x, ((y - cy) / size) ** 2, size, heat) for x, cy, size, heat in spots]
        line = bytearray()
        for x in range(_WIDTH):
            heat = 22 + shaft + sum(h * math.exp(-dy - ((x - cx) / size) ** 2) for cx, dy, size, h in reach)
            level = min(255, int(heat)) * 3
            line += ramp[level : level + 3]
        return bytes(line)

    return png(_WIDTH, _HEIGHT, (row(y) for y in range(_HEIGHT)))


def log_text(start_ms: int) -> bytes:
    """Write a device's log."""
    lines = [
        (0, "INFO", "agent started, firmware 3.7.1"),
        (2, "INFO", "modem registered, signal -71 dBm"),
        (9, "WARN", "bearing temperature 81.4 °C above 80 °C"),
        (10, "INFO", "thermogram taken and queued"),
        (14, "ERROR", "upload broken off after 3 of 4 chunks: connection lost"),
        (15, "INFO", "connection restored, upload will be resumed"),
    ]
    return "".join(
        f"{format_time(start_ms + minute * _MINUTE_MS)} {level:5} {text}\n" for minute, level, text in lines
    ).encode()


def csv_text(start_ms: int) -> bytes:
    """Write an hour of measurements."""
    lines = ["time,temperature_C,vibration_mm_s"]
    for minute in range(60):
        warm = 64 + 18 / (1 + math.exp((20 - minute) / 4)) + 0.6 * math.sin(minute)
        lines.append(f"{format_time(start_ms + minute * _MINUTE_MS)},{warm:.1f},{1.2 + warm / 90:.2f}")
    return ("\n".join(lines) + "\n").encode()


def seed(store: Store) -> None:
    """Create the demo events in a store that has no events; the server's limits are not theirs."""
    if not store.listing.is_empty():
        return
    intake = Intake(store.folder)
    try:
        _seed(store, intake)
    finally:
        intake.close()


def _seed(store: Store, intake: Intake) -> None:
    now = store.clock.now_ms()

    def event(minutes_ago: int, kind: str, text: str, **fragments: object) -> EventId:
        time = format_time(now - minutes_ago * _MINUTE_MS)
        document = {"source": {"id": "1001"}, "type": kind, "time": time, "text": text, **fragments}
        return store.events.create(new_event(document), NAME).id

    def attach(event_id: EventId, label: Label, data: bytes) -> None:
        with intake.whole(label, ()) as receiver:
            receiver.feed(data)
            received = receiver.finish()
        with received.body:
            store.binaries.attach(event_id, received, NAME, _ANY)

    attach(
        event(50, "c8y_Thermogram", "Bearing above 80 °C", demo_Camera={"model": "TC-2", "emissivity": 0.95}),
        Label("image/png", "thermogram.png"),
        thermogram(),
    )
    attach(
        event(45, "c8y_Logfile", "Log of the last hour"),
        Label("text/plain; charset=utf-8", "agent.log"),
        log_text(now - 60 * _MINUTE_MS),
    )
    attach(
        event(40, "demo_Measurements", "Temperature and vibration, one hour"),
        Label("text/csv", "measurements.csv"),
        csv_text(now - 60 * _MINUTE_MS),
    )
    picture = thermogram()
    half = len(picture) // 2
    incomplete = event(30, "c8y_Thermogram", "Upload broken off half-way")
    where = parse_content_range(f"0-{half - 1}/{len(picture)}")
    with intake.chunk(where, Label("image/png", "second.png"), ()) as receiver:
        receiver.feed(picture[:half])
        received = receiver.finish()
    with received.body:
        store.uploads.receive(incomplete, Chunk(where, received, False, NAME, {}), _ANY)
    event(5, "c8y_DoorOpened", "Cabinet opened; attach a file here")


def greeting(store: Store, url: str) -> str:
    """Say as whom and with what to try the server."""
    events = store.listing.find(Query(), Paging(page_size=100)).events
    full = [event.id for event in events if event.binary]
    free = [event.id for event in events if not event.binary and not event.upload]
    curl = f"  curl -u {NAME}:{PASSWORD}"
    lines = [f"Account {NAME}, password {PASSWORD}. Try:", f"{curl} '{url}/event/events?pageSize=10'"]
    if full:
        lines.append(f"{curl} -OJ {url}/event/events/{full[-1]}/binaries")
    if free:
        lines.append(f"{curl} -H 'Content-Type: text/plain' -d hello {url}/event/events/{free[-1]}/binaries")
    return "\n".join(lines)
