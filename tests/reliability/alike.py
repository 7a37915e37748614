"""Names and times that are the same in every recording."""

import contextlib
import random
import secrets
import time
from collections.abc import Iterator

from c8ybin.index import manifest

PLACE = (0, 0)
STARTED_S = 1.9e9  # the same in every process, lest the hour strikes between two events


@contextlib.contextmanager
def alike(seed: int) -> Iterator[None]:
    """Let what is drawn in the block be the same each time, and the clock of the system stand still."""
    chance = random.Random(seed)
    gmtime = time.gmtime
    changed = {
        (secrets, "token_hex"): lambda count: chance.randbytes(count).hex(),
        (secrets, "token_urlsafe"): lambda count: chance.randbytes(count).hex(),
        (secrets, "token_bytes"): chance.randbytes,
        (random, "getrandbits"): chance.getrandbits,
        (time, "time"): lambda: STARTED_S,
        # An index that is laid out anew is to be taken for the one that was recorded.
        (manifest, "_place"): lambda *_: PLACE,
        (time, "gmtime"): lambda seconds=STARTED_S: gmtime(seconds),
    }
    real = {key: getattr(*key) for key in changed}
    for (module, name), function in changed.items():
        setattr(module, name, function)
    try:
        yield
    finally:
        for (module, name), function in real.items():
            setattr(module, name, function)
