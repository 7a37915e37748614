"""What long work calls as it goes on, so that whoever waits for it can be told."""

from typing import Protocol


class Step(Protocol):
    """Counts what is done: so many events, and so many bytes of them."""

    def __call__(self, *, events: int = 0, bytes: int = 0) -> None:  # noqa: A002 - the unit
        """Count it."""


def uncounted(*, events: int = 0, bytes: int = 0) -> None:  # noqa: A002
    """Count nothing: nobody waits."""
