"""A fleet of machines and the events that it sends in a year: what the generated data directories hold."""

import hashlib
import math
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import NamedTuple

from c8ybin.domain.events import Document
from c8ybin.domain.ids import EPOCH_MS, RANDOM_BITS, RELEASED_MS, EventId
from c8ybin.domain.times import format_time
from c8ybin.store import Binary
from c8ybin.store.event import EventFile
from c8ybin.store.layout import CONTENT

DAYS = 365
# An end that is no clock's, so that a seed always makes the same.
END_MS = RELEASED_MS
DAY_MS, _HOUR_MS, _MINUTE_MS = 86_400_000, 3_600_000, 60_000
BEGIN_MS = END_MS - DAYS * DAY_MS

# As many events have the rare type, and as many the rare fragment, however many there are in all.
RARE_EVENTS = 10
RARE_TYPE, RARE_FRAGMENT = "acme_EmergencyStop", "acme_Recall"
LEAST_EVENTS = 10 * RARE_EVENTS
EVENTS_A_DEVICE = 1000
_FEWEST_DEVICES = 2

_LATE, _EARLY, _CHANGED = 0.01, 0.002, 0.02
_SMALLEST, _LARGEST = 200, 6_000
_WORDS = (
    "axis", "bearing", "belt", "cabinet", "conveyor", "coolant", "cutter", "door", "drive", "fan", "feeder",
    "filter", "gripper", "hall", "line", "motor", "nozzle", "oil", "operator", "panel", "press", "pump",
    "robot", "rotor", "sensor", "shift", "spindle", "station", "tank", "tool", "valve",
)  # fmt: skip
_NOISE = Random(0).randbytes(2 * _LARGEST)  # bodies are cut from it

Fragments = Callable[[Random], Document]


class Kind(NamedTuple):
    """A type of event: its share of all, what stands in its text, its fragments, and its attachment if it has one."""

    name: str
    share: float
    text: str
    fragments: Fragments
    attachment: tuple[str, str] | None = None


def _none(_: Random) -> Document:
    return {}


def _position(rng: Random) -> Document:
    lat, lng = 51 + rng.random(), 6 + 2 * rng.random()
    return {"c8y_Position": {"lat": round(lat, 6), "lng": round(lng, 6), "alt": rng.randrange(30, 200)}}


def _cycle(rng: Random) -> Document:
    found: Document = {
        "acme_Cycle": {"duration_s": round(rng.uniform(20, 90), 1), "parts": rng.randrange(1, 9)},
        "acme_Shift": rng.choice(("early", "late", "night")),
    }
    # Rare, though not as rare as it gets.
    if rng.random() < 0.01:
        found["acme_Rework"] = {"reason": rng.choice(_WORDS)}
    return found


def _value(name: str, unit: str, least: float, most: float) -> Fragments:
    return lambda rng: {name: {"value": round(rng.uniform(least, most), 2), "unit": unit}}


def _choice(name: str, *values: str) -> Fragments:
    return lambda rng: {name: rng.choice(values)}


KINDS = (
    Kind("c8y_LocationUpdate", 0.30, "Location updated near the {}", _position),
    Kind("acme_CycleFinished", 0.22, "Cycle finished, {} ready", _cycle),
    Kind("acme_DoorOpened", 0.06, "Door opened at the {}", _choice("acme_Door", "front", "rear")),
    Kind("acme_DoorClosed", 0.06, "Door closed at the {}", _choice("acme_Door", "front", "rear")),
    Kind("acme_ToolChanged", 0.05, "New {} in the changer", _value("acme_ToolLife", "h", 1, 300)),
    Kind("acme_OperatorLogin", 0.04, "Operator logged in at the {}", _choice("acme_Shift", "early", "late", "night")),
    Kind("acme_PressureLow", 0.03, "Pressure low in the {}", _value("acme_Pressure", "bar", 0.5, 4)),
    Kind("acme_TemperatureHigh", 0.03, "Temperature high at the {}", _value("acme_Temperature", "C", 80, 140)),
    Kind("acme_Vibration", 0.02, "Vibration at the {}", _value("acme_Vibration", "mm/s", 4, 18)),
    Kind("acme_MaterialLow", 0.02, "Refill the {}", _value("acme_Stock", "kg", 0, 25)),
    Kind("c8y_ConnectionLost", 0.02, "Connection lost, {} of the modem", _none),
    Kind("c8y_Restarted", 0.02, "Agent restarted after the {} update", _choice("acme_Firmware", "3.6.0", "3.7.1")),
    Kind("acme_EnergyReport", 0.01, "Energy of the {}", _value("acme_Energy", "kWh", 1, 900)),
    Kind("acme_Calibrated", 0.01, "Calibrated the {}", _value("acme_Offset", "um", -40, 40)),
    Kind("acme_Maintenance", 0.01, "Maintenance of the {}", _choice("acme_Crew", "A", "B", "C")),
    Kind("c8y_Logfile", 0.04, "Log of the {}", _none, ("text/plain; charset=utf-8", "agent.log")),
    Kind("acme_Snapshot", 0.03, "Picture of the {}", _position, ("image/jpeg", "snapshot.jpg")),
    Kind("acme_Waveform", 0.02, "Waveform of the {}", _none, ("application/octet-stream", "waveform.bin")),
    Kind("acme_Report", 0.01, "Report on the {}", _none, ("text/csv", "report.csv")),
)  # fmt: skip
_RARE = Kind(RARE_TYPE, 0.0, "Emergency stop at the {}", _choice("acme_Zone", "1", "2"))
_SHARES = [kind.share for kind in KINDS]


class Made(NamedTuple):
    """An event and its binary, each with the bytes of its files."""

    id: EventId
    event: EventFile
    binary: Binary | None
    content: bytes


@dataclass(frozen=True, slots=True)
class Fleet:
    """So many events of so many devices, the same for the same seed.

    An event is told by its place among all in the order of creation, from 0.
    """

    events: int
    devices: int
    seed: int = 0

    @classmethod
    def of(cls, events: int, devices: int | None = None, seed: int = 0) -> "Fleet":
        """Return a fleet, with a device for each thousand events unless told otherwise."""
        return cls(events, devices or max(_FEWEST_DEVICES, events // EVENTS_A_DEVICE), seed)

    def device(self, number: int) -> str:
        """Return the ID of a device, of which the first is 0."""
        return str(200_000 + 7 * number)

    def made(self, first: int, stop: int) -> list[Made]:
        """Return the events of places from `first` up to `stop`.

        What they are depends on where such a part begins, so all who want the same must part alike.
        """
        # From text, so that neighbouring seeds and parts have nothing in common.
        rng = Random(f"{self.seed}/{first}")
        kinds = rng.choices(KINDS, _SHARES, k=stop - first)
        return [self._one(place, kind, rng) for place, kind in zip(range(first, stop), kinds, strict=True)]

    def _one(self, place: int, kind: Kind, rng: Random) -> Made:
        kind = _RARE if place in self._rare(0) else kind
        created = self._created_ms(place, rng)
        event_id = EventId((created - EPOCH_MS) << RANDOM_BITS | rng.getrandbits(RANDOM_BITS))
        device = self.device(rng.randrange(self.devices))
        document: Document = {
            "source": {"id": device},
            "type": kind.name,
            "time": format_time(_time_ms(created, rng)),
            "text": kind.text.format(" ".join(rng.choices(_WORDS, k=3))),
            **kind.fragments(rng),
        }
        if place in self._rare(1):
            document[RARE_FRAGMENT] = {"batch": rng.randrange(1000)}
        changed = rng.randrange(_MINUTE_MS, _HOUR_MS) if rng.random() < _CHANGED else 0
        owner = f"device_{device}"
        event = EventFile(created, created + changed, owner, document)
        if not kind.attachment:
            return Made(event_id, event, None, b"")
        start, length = rng.randrange(_LARGEST), rng.randrange(_SMALLEST, _LARGEST)
        content = _NOISE[start : start + length]
        media_type, name = kind.attachment
        binary = Binary(
            content=f"{CONTENT}-{self.seed & 0xFFFF_FFFF_FFFF:012x}-{place + 1}",
            type=media_type,
            name=name,
            length=length,
            sha256=hashlib.sha256(content).digest(),
            time=created + rng.randrange(100, 20_000),
            owner=owner,
        )
        return Made(event_id, event, binary, content)

    def _rare(self, offset: int) -> range:
        """Return the places of what is rare, spread over the year."""
        step = self.events // RARE_EVENTS
        return range(step // 2 + offset, step * RARE_EVENTS, step)

    def _created_ms(self, place: int, rng: Random) -> int:
        """Return when an event is created: in order, and by day about three times as many as at night."""
        day, hour = divmod((place + rng.random()) / self.events * DAYS, 1)
        # Steep at midnight and flat at noon, where a stretch of places then takes less time.
        hour += 0.08 * math.sin(2 * math.pi * hour)
        return BEGIN_MS + int((day + hour) * DAY_MS)


def _time_ms(created: int, rng: Random) -> int:
    """Return the event's own time: seconds to minutes before, at times days before, or after by a clock set wrong."""
    chance = rng.random()
    if chance < _EARLY:
        return created + rng.randrange(_MINUTE_MS, 2 * _HOUR_MS)
    if chance < _EARLY + _LATE:
        return created - rng.randrange(_HOUR_MS, 5 * DAY_MS)
    return created - rng.randrange(500, 3 * _MINUTE_MS)
