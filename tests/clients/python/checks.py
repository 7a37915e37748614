"""What the checks of the Python clients share; they run in the clients' own environment."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

SETTING: dict[str, str] = json.loads(sys.argv[1])
SCRATCH = Path(SETTING["scratch"])
EVERY_BYTE = bytes(range(256)) * 5

CHECKS: list[Callable[[], None]] = []


def check(function: Callable[[], None]) -> Callable[[], None]:
    """Make a function one of the checks; its name is what it shows."""
    CHECKS.append(function)
    return function


def equal(found: Any, expected: Any) -> None:
    """Tell both values where they differ."""
    if found != expected:
        raise AssertionError(f"{found!r} is not {expected!r}")


def raises(kind: type[BaseException], function: Callable[..., Any], *arguments: Any, **more: Any) -> Any:
    """Return the error of exactly this type that a call raises."""
    try:
        function(*arguments, **more)
    except BaseException as error:
        if type(error) is kind:
            return error
        raise AssertionError(f"{error!r} is no {kind.__name__}") from error
    raise AssertionError(f"no {kind.__name__}")


def written(name: str, data: bytes) -> str:
    """Write a file; return its path."""
    path = SCRATCH / name
    path.write_bytes(data)
    return str(path)
