"""Uploads whose lock was broken."""

from typing import Any

import pytest


def after_a_break(act: Any) -> Any:
    """The lock of the event was broken since its upload began."""

    def do(desk: Any, event: int) -> None:
        with pytest.MonkeyPatch.context() as patch:
            # The lock files are no part of what is recorded.
            patch.setattr(desk.disk.locks, "generation", lambda _: 1)
            act(desk, event)

    return do
