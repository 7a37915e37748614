"""How long to wait before something is tried again."""

import random
from email.utils import parsedate_to_datetime
from time import time

FIRST_S = 0.2
LONGEST_S = 30.0
# What a server may ask for with Retry-After before that counts as a refusal.
LONGEST_ASKED_S = 300.0


def wait_s(attempt: int, retry_after: str | None) -> float | None:
    """Return how many seconds to wait after the attempt of a number, counted from 1.

    It doubles from each to the next, and is a quarter longer at random, so that not all who lost the
    same server come back at once. A server that says Retry-After has it its way.

    Returns:
        None where the server asks for more than `LONGEST_ASKED_S`.

    Source: RFC 9110, section 10.2.3.
    """
    asked = _asked_s(retry_after)
    if asked is not None:
        return None if asked > LONGEST_ASKED_S else asked
    pause: float = min(LONGEST_S, FIRST_S * 2 ** (attempt - 1))
    return pause * random.uniform(1, 1.25)  # noqa: S311 # nosec B311 # a pause is no secret


def _asked_s(value: str | None) -> float | None:
    if value is None:
        return None
    if value.strip().isdecimal():
        return float(value)
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - time())
    except ValueError:
        return None
