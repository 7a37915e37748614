"""What clients see of the events of a data directory, and what must hold of it after a cut."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from store_tools import Desk

from c8ybin.domain.errors import BinaryNotFound, EventNotFound, Refusal
from c8ybin.store import Check

State = tuple[Any, ...]


class Lost(AssertionError):
    """What was left is neither the old nor the new, or it is not clean."""


@dataclass(frozen=True, order=True)
class SeenEvent:
    """What clients see of an event: its text, its binary's bytes, its upload's range and bytes."""

    text: str
    data: bytes | None
    upload: str | None
    arrived: tuple[bytes, ...]


def newest(desk: Desk) -> int | None:
    return max((event_id for event_id, _ in desk.layout.walk()), default=None)


def see_events(desk: Desk) -> State:
    found = []
    for event_id, home in desk.layout.walk():
        try:
            event = desk.store.events.read(event_id)
        except EventNotFound:
            continue
        try:
            data = desk.get(event_id)
        except BinaryNotFound:
            data = None
        if (data is None) != (event.binary is None):
            raise Lost("the event and its binary contradict each other")
        upload, arrived = None, []
        if event.upload:
            upload = str(event.upload)
            content = (home / event.upload.content).read_bytes()
            arrived = [content[span.start : span.end] for span in event.upload.spans]
        found.append(SeenEvent(event.file.document["text"], data, upload, tuple(arrived)))
    return tuple(sorted(found, key=repr))


def inspect_events(desk: Desk, allowed: Iterable[State]) -> None:
    """Look at what is there, sweep, look again: no trace of the dead, and nothing comes or goes by that."""
    try:
        first = see_events(desk)
        if first not in allowed:
            raise Lost(f"a third state: {first}")
        desk.sweep()
        if see_events(desk) != first:
            raise Lost("the sweep changed what is seen")
    except (Refusal, OSError) as error:
        raise Lost(f"a third state: {error!r} {getattr(error, 'what', '')}") from error
    assert_clean(desk)


def assert_clean(desk: Desk) -> None:
    """Demand that a check of the whole data directory finds nothing; a first start makes few locks here."""
    check = Check(desk.layout)
    if found := [f for f in check.run() if f.path.parent != desk.layout.locks]:
        raise Lost(f"not clean: {' '.join(f'{f.path.name}: {f.kind}: {f.what}' for f in found)}")
    if check.undigested:
        raise Lost("a digest is missing")
