"""What can go wrong with a request, as a header or a document says it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from c8ybin.domain.errors import Invalid

# A fault is over within a minute, however it is meant.
LONGEST_DELAY_MS = 60_000
_LARGEST = 2**53 - 1
_NOTHING = {"delay": 0, "bytes": 0}
_MEMBER = re.compile(r"\s*([a-z]+)\s*=\s*\"?([a-z]+|[0-9]{1,16})\"?\s*", re.ASCII)


class Cut(StrEnum):
    """Where the connection is cut."""

    BEFORE = "before"
    REQUEST = "request"
    COMMIT = "commit"
    ANSWER = "answer"


CUTS = {
    Cut.BEFORE: "Before anything is done, so nothing changes.",
    Cut.REQUEST: "While the request's body is read; nothing changes either.",
    Cut.COMMIT: "Once all is done and on the disk, so only the answer is missing.",
    Cut.ANSWER: "The same, but in the middle of the answer's body.",
}


# The members of numbers: the least and the greatest, and what each says.
NUMBERS: dict[str, tuple[int, int, str]] = {
    "status": (200, 599, "Answer this status, and do nothing of what is asked."),
    "retry": (0, 86_400, "The Retry-After of that answer in seconds; 503 and 429 have 5 without it."),
    "delay": (0, LONGEST_DELAY_MS, "Wait so many milliseconds before anything else."),
    "rate": (1, 10**9, "Send the body of the answer with so many bytes a second."),
    "bytes": (0, _LARGEST, "Cut after so many bytes of the body: `request` or `answer`."),
}


@dataclass(frozen=True, slots=True)
class Fault:
    """What goes wrong with one request; None and 0 where nothing does."""

    status: int | None = None
    retry: int | None = None
    delay: int = 0
    rate: int | None = None
    cut: Cut | None = None
    bytes: int = 0

    def document(self) -> dict[str, Any]:
        """Return it as `fault_of` reads it."""
        values = {name: getattr(self, name) for name in ("status", "retry", "delay", "rate", "cut", "bytes")}
        return {
            name: value for name, value in values.items() if value is not None and value != _NOTHING.get(name)
        }

    def __str__(self) -> str:
        """Write it as the header does."""
        return ", ".join(f"{name}={value}" for name, value in self.document().items())


def fault_of(members: Mapping[str, Any]) -> Fault:
    """Read a fault.

    Raises:
        Invalid: A member is unknown or out of bounds, some contradict each other, or nothing would go wrong.
    """
    unknown = sorted(members.keys() - {"cut", *NUMBERS})
    if unknown:
        raise Invalid(f"A fault has no member {unknown[0][:64]}; it has cut, {', '.join(NUMBERS)}.")
    for name, (least, most, _) in NUMBERS.items():
        value = members.get(name, least)
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise Invalid(f"{name} must be a whole number from {least} to {most}.")
    cut = members.get("cut")
    if cut is not None and cut not in list(Cut):
        raise Invalid(f"cut must be one of {', '.join(Cut)}.")
    if not members.keys() & {"status", "delay", "rate", "cut"}:
        raise Invalid("A fault needs status, delay, rate or cut.")
    if "status" in members and cut in (Cut.BEFORE, Cut.REQUEST, Cut.COMMIT):
        raise Invalid(f"With a status nothing is done, so cut cannot be {cut}; leave one of them out.")
    return Fault(**{**members, "cut": Cut(cut) if cut else None})


def fault_of_header(text: str) -> Fault:
    """Read a fault from `X-C8ybin-Fault`, like `status=503, delay=200` (RFC 9651, a dictionary).

    Raises:
        Invalid: It is none.
    """
    members: dict[str, Any] = {}
    for item in text.split(","):
        match = _MEMBER.fullmatch(item)
        if match is None:
            raise Invalid("X-C8ybin-Fault cannot be read; write it like status=503, delay=200.")
        members[match[1]] = int(match[2]) if match[2].isdigit() else match[2]
    return fault_of(members)
