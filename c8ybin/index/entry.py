"""What the index knows of an event: what a query may ask of it, and nothing else.

Texts are kept as keys of 64 bits. Two texts with one key would be taken for each other
where events are counted; a page shows only what the event itself says.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from hashlib import blake2b
from typing import Any

from c8ybin.domain.events import IS_BINARY, MANDATORY
from c8ybin.domain.queries import Facts
from c8ybin.domain.records import encode

# Where an event stands among others: its time, then its ID.
Place = tuple[int, int]


@lru_cache(maxsize=65_536)
def key(kind: str, text: str) -> int:
    """Return the key of a source, a type or the name of a fragment."""
    return _hash(kind, text)


def value_key(name: str, value: str) -> int:
    """Return the key of a fragment whose value is this text."""
    return _hash("value", f"{name}\0{value}")


def _hash(kind: str, text: str) -> int:
    return int.from_bytes(blake2b(f"{kind}\0{text}".encode(), digest_size=8).digest(), "little")


@dataclass(frozen=True, slots=True)
class Entry:
    """One event; times in milliseconds since 1970.

    Attributes:
        terms: The keys of its source, its type and the names of its fragments, but for those that every event has.
        values: The keys of its fragments that are texts.
        held: The bytes of its binary and its incomplete upload.
    """

    id: int
    time: int
    created: int
    updated: int
    terms: tuple[int, ...]
    values: tuple[int, ...]
    held: int = 0

    @property
    def place(self) -> Place:
        """Where it stands among others."""
        return self.time, self.id

    @property
    def type(self) -> int:
        """The key of its type, which is the second of the terms, after that of the source."""
        return self.terms[1]

    def with_binary(self, time: int, length: int) -> "Entry":
        """Return it with a binary of that length, attached at `time`."""
        terms = dict.fromkeys((*self.terms, key("fragment", IS_BINARY)))
        return replace(self, terms=tuple(terms), updated=max(self.updated, time), held=length)


def _texts(facts: Facts) -> list[int]:
    """Return the keys of the fragments that are texts; `time` and `type` are found by what they are."""
    return [
        value_key(name, value)
        for name, value in facts.fragments.items()
        if isinstance(value, str) and name not in ("time", "type")
    ]


def _custom(facts: Facts) -> list[str]:
    return [name for name in facts.fragments if name not in MANDATORY]


def entry_of(facts: Facts) -> Entry:
    """Return what the index knows of an event that was read."""
    return _entry(
        facts.id,
        facts.time,
        facts.created,
        facts.updated,
        facts.source,
        facts.type,
        _custom(facts),
        _texts(facts),
        facts.held,
    )


def born_line(facts: Facts) -> bytes:
    """Write the line of a log that tells of a new event, or of one whose line was lost."""
    record = {
        "born": facts.id,
        "time": facts.time,
        "created": facts.created,
        "updated": facts.updated,
        "source": facts.source,
        "type": facts.type,
        "has": _custom(facts),
        "values": _texts(facts),
        "held": facts.held,
    }
    return encode(record)


def entry_of_record(record: Mapping[str, Any]) -> Entry:
    """Return the event that such a line tells of.

    Raises:
        KeyError, TypeError: It tells of none.
    """
    return _entry(
        *(
            record[name]
            for name in ("born", "time", "created", "updated", "source", "type", "has", "values", "held")
        )
    )


def _entry(
    event_id: int,
    time: int,
    created: int,
    updated: int,
    source: str,
    kind: str,
    names: list[str],
    values: list[int],
    held: int,
) -> Entry:
    terms = [key("source", source), key("type", kind), *(key("fragment", name) for name in names)]
    return Entry(event_id, time, created, updated, tuple(terms), tuple(values), held)
