"""What there is to try, and what an answer is."""

from dataclasses import dataclass
from enum import StrEnum

from c8ybin.fsio import Lack


class Outcome(StrEnum):
    """What came of trying a primitive."""

    HOLDS = "holds"
    LACKS = "lacks"
    NOT_TRIED = "not tried"


class Lacking(Exception):
    """A primitive is not there; the message says what happened instead."""


@dataclass(frozen=True, slots=True)
class Primitive:
    """Something that a file system does, or does not.

    Attributes:
        key: Its name for programs.
        title: What it is, in a few words.
        need: What of the store needs it.
        is_must: Whether the store may not live without it.
        lack: How `fsio` can do without it, if it can.
    """

    key: str
    title: str
    need: str
    is_must: bool = True
    lack: Lack | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """What came of trying one.

    Attributes:
        primitive: Which.
        outcome: What came of it.
        figure: What was measured, or what happened instead.
        is_between_paths: Whether the two paths took part, rather than one.
    """

    primitive: Primitive
    outcome: Outcome
    figure: str = ""
    is_between_paths: bool = False

    @property
    def is_refusal(self) -> bool:
        """Whether the store may not live there because of it."""
        return self.primitive.is_must and self.outcome is Outcome.LACKS

    @property
    def title(self) -> str:
        """What was tried, for people."""
        return f"{self.primitive.title}, at PATH2" if self.is_between_paths else self.primitive.title


@dataclass(frozen=True, slots=True)
class Missing:
    """A primitive that a start found missing, and what happened instead."""

    primitive: Primitive
    figure: str
