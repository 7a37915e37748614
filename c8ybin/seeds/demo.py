"""What `--demo` shows: a few devices of a factory, and a week of their events with files of many kinds."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from c8ybin.bodies import Intake
from c8ybin.domain.conditions import Precondition
from c8ybin.domain.errors import ExternalIdNotFound
from c8ybin.domain.events import new_event
from c8ybin.domain.inventory import ExternalId, new_object
from c8ybin.domain.labels import Label
from c8ybin.domain.ranges import parse_content_range
from c8ybin.domain.times import format_time
from c8ybin.seeds.papers import csv_text, log_text, pdf, settings_json
from c8ybin.seeds.pictures import bearing_sound, thermogram
from c8ybin.seeds.planting import Attachment, Seed, plant_all
from c8ybin.store import Chunk, Store

_HOUR_MS = 3_600_000
_DAYS = 6
_ANY = Precondition()


@dataclass(frozen=True, slots=True)
class Device:
    """A device of the demo, and what it is in the inventory."""

    serial: str
    name: str
    type: str
    fragments: dict[str, Any]


PUMP = Device("PU-2041", "Pump 1, hall 3", "demo_Pump", {"c8y_Hardware": {"model": "KSB 65-160"}})
COMPRESSOR = Device("CO-0007", "Compressor", "demo_Compressor", {"c8y_Hardware": {"model": "GA 30"}})
CAMERA = Device("TC-0113", "Thermal camera, hall 3", "demo_Camera", {"c8y_Hardware": {"model": "TC-2"}})
DOOR = Device("DO-0042", "Door of the cold store", "demo_Door", {})
GATEWAY = Device(
    "GW-5510",
    "Gateway, hall 3",
    "demo_Gateway",
    {"com_cumulocity_model_Agent": {}, "c8y_Firmware": {"name": "edge", "version": "3.7.1"}},
)
DEVICES = (GATEWAY, PUMP, COMPRESSOR, CAMERA, DOOR)

# The name, the media type, and what makes the bytes when it is given the event's time.
File = tuple[str, str, Callable[[int], bytes]]


@dataclass(frozen=True, slots=True)
class Happening:
    """An event of the demo: how many hours ago, to which device, and what it has to show."""

    hours_ago: float
    device: Device
    type: str
    text: str
    file: File | None = None
    fragments: tuple[tuple[str, Any], ...] = ()


def _picture(heat: float) -> File:
    return ("thermogram.png", "image/png", lambda _: thermogram(heat))


def _settings(revision: int) -> File:
    return ("settings.json", "application/json", lambda _: settings_json(COMPRESSOR.serial, revision))


def _report(number: int, *lines: str) -> File:
    title = f"Maintenance report {number}"
    text = (title, "", f"Device: {PUMP.name} ({PUMP.serial})", *lines, "", "Signed: M. Weber, service")
    return (f"report-{number}.pdf", "application/pdf", lambda _: pdf(text))


def happenings() -> Iterator[Happening]:
    """Yield the events of the demo: what each day brings, then what stands out."""
    for day in range(_DAYS):
        ago = 24.0 * day
        yield Happening(
            ago + 2,
            GATEWAY,
            "c8y_Logfile",
            "Log of the last hour",
            ("agent.log", "text/plain; charset=utf-8", lambda time: log_text(time - _HOUR_MS)),
        )
        yield Happening(
            ago + 3.5,
            PUMP,
            "demo_Measurements",
            "Temperature and vibration, one hour",
            ("measurements.csv", "text/csv", lambda time: csv_text(time - _HOUR_MS)),
        )
        yield Happening(
            ago + 5,
            COMPRESSOR,
            "c8y_ConfigurationDump",
            f"Settings read, revision {20 - day}",
            _settings(20 - day),
        )
        yield Happening(ago + 6.2, DOOR, "c8y_DoorOpened", "Door opened")
        yield Happening(ago + 6.1, DOOR, "c8y_DoorClosed", "Door closed after 6 minutes")
    seen = (("demo_Camera", {"emissivity": 0.95, "range_C": [-20, 250]}),)
    yield Happening(1.1, PUMP, "c8y_BearingHot", "Bearing at 81.4 °C, above 80 °C")
    yield Happening(0.8, CAMERA, "c8y_Thermogram", "Left bearing hot", _picture(1.0), seen)
    yield Happening(49.0, CAMERA, "c8y_Thermogram", "Left bearing warm", _picture(0.6), seen)
    yield Happening(97.0, CAMERA, "c8y_Thermogram", "Both bearings normal", _picture(0.2), seen)
    yield Happening(
        1.0,
        PUMP,
        "demo_Sound",
        "Sound of the left bearing",
        ("bearing.wav", "audio/wav", lambda _: bearing_sound()),
    )
    yield Happening(
        27.3, PUMP, "demo_Report", "Inspection", _report(118, "Left bearing worn. Replace within a week.")
    )
    yield Happening(
        121.0, PUMP, "demo_Report", "Yearly service", _report(117, "Oil changed, filters cleaned.")
    )
    yield Happening(0.2, DOOR, "c8y_DoorOpened", "Door opened; attach a file here")


def make_demo(store: Store, owner: str) -> None:
    """Create devices and events in a store that has no events; the server's limits are not theirs."""
    if not store.listing.is_empty():
        return
    now_ms = store.clock.now_ms()
    intake = Intake(store.folder)
    try:
        ids = {device.serial: _make_device(store, owner, device) for device in DEVICES}
        _break_off(store, intake, owner, ids, now_ms)
        plant_all(store, intake, (_seed(each, ids, now_ms) for each in happenings()), owner)
    finally:
        intake.close()


def _make_device(store: Store, owner: str, device: Device) -> str:
    """Create a device with its serial number, unless it is there: of a demo whose events were deleted."""
    serial = ExternalId("c8y_Serial", device.serial)
    with suppress(ExternalIdNotFound):
        return str(store.identities.find(serial))
    document = new_object({"name": device.name, "type": device.type, "c8y_IsDevice": {}, **device.fragments})
    made = store.inventory.create(document, owner)
    store.identities.add(serial, made.id)
    return str(made.id)


def _seed(happening: Happening, ids: dict[str, str], now_ms: int) -> Seed:
    time_ms = now_ms - int(happening.hours_ago * _HOUR_MS)
    document = {
        "source": {"id": ids[happening.device.serial]},
        "type": happening.type,
        "time": format_time(time_ms),
        "text": happening.text,
        **dict(happening.fragments),
    }
    attachment = None
    if happening.file:
        name, kind, make = happening.file
        attachment = Attachment(Label(kind, name), lambda: [make(time_ms)])
    return Seed(happening.text, new_event(document), attachment)


def _break_off(store: Store, intake: Intake, owner: str, ids: dict[str, str], now_ms: int) -> None:
    """Leave an upload half-way."""
    picture = thermogram(1.0)
    half = len(picture) // 2
    happening = Happening(0.5, CAMERA, "c8y_Thermogram", "Upload broken off half-way")
    event = store.events.create(_seed(happening, ids, now_ms).document, owner)
    where = parse_content_range(f"0-{half - 1}/{len(picture)}")
    with intake.chunk(where, Label("image/png", "second.png"), ()) as receiver:
        receiver.feed(picture[:half])
        received = receiver.finish()
    with received.body:
        store.uploads.receive(event.id, Chunk(where, received, False, owner, {}), _ANY)
