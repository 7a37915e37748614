"""What two processes can try, or two hosts: by one path, or by one each.

Each function gets two hands, of which the first changes things and the second looks, and returns a figure or
raises `Lacking`.
"""

import os
import time
from collections.abc import Callable

from c8ybin.probes import acts
from c8ybin.probes.hand import Hand
from c8ybin.probes.primitive import Lacking

PairTrial = Callable[[Hand, Hand], str]

_NAMES_AT_FIRST, _NAMES = 8, 64
_GROUP = 16
_FEW_S = 0.2
_LEAD_S = 0.02
_READ_S = 0.5
_FREED_S = 5.0
# What shows later than at the first look is waited for, if only to tell how late.
WAIT_S = 10.0


def unique(name: str) -> str:
    """Return a name that was not used yet."""
    return f"{name}-{os.urandom(4).hex()}"


def race(how: str) -> PairTrial:
    """Return how two race for names: by `create`, `link`, `mkdir` or `rename`."""

    def run(near: Hand, far: Hand) -> str:
        """Have both go for the same names at the same time; each is had by one. More names where that was quick."""
        began = time.monotonic()
        won = _round(how, near, far, _NAMES_AT_FIRST)
        if time.monotonic() - began < _FEW_S:
            won += _round(how, near, far, _NAMES)
        return f"{won} of {won} had one winner"

    return run


def _round(how: str, near: Hand, far: Hand, count: int) -> int:
    prefix = unique(how)
    # In groups, each of one file in a race of links: GlusterFS gives a file some forty names and no more.
    names = [f"{prefix}-{number // _GROUP}.{number}" for number in range(count)]
    if how == "link":
        for source in sorted({acts.source_of(name) for name in names}):
            near.do(acts.write, source, b"")
            far.do(acts.until_read, source, b"", WAIT_S)
    if how == "rename":
        near.do(acts.make_folders, names)
        far.do(acts.until_listed, names[-1], WAIT_S)
    at_s = time.monotonic() + _LEAD_S
    near.begin(acts.race, how, names, at_s)
    far.begin(acts.race, how, names, at_s)
    pairs = list(zip(near.end(), far.end(), strict=True))
    both, neither = sum(one and two for one, two in pairs), sum(not (one or two) for one, two in pairs)
    if both or neither:
        raise Lacking(f"of {count} names {both} had two winners, {neither} none")
    return count


def readers(near: Hand, far: Hand) -> str:
    """Replace a file while the other reads it."""
    name = unique("replaced")
    near.do(acts.write, name, b"\0" * acts.BYTES)
    if far.do(acts.until_read, name, b"\0" * acts.BYTES, WAIT_S) is None:
        raise Lacking("the file never showed")
    near.begin(acts.replace_for, name, _READ_S)
    far.begin(acts.read_for, name, _READ_S)
    replaced, seen = near.end(_READ_S), far.end(_READ_S)
    return str(seen.tell(replaced))


def locks(near: Hand, far: Hand) -> str:
    """Lock a file here, try it there, let it go here, and have it there."""
    name = unique("locked")
    near.do(acts.write, name, b"")
    far.do(acts.until_read, name, b"", WAIT_S)
    if not near.do(acts.take, name):
        raise Lacking("a file that nobody had locked was not to be had")
    if far.do(acts.take, name):
        raise Lacking("both hold the same lock")
    near.do(acts.let_go, name)
    taken_s = far.do(acts.take_within, name, _FREED_S)
    if taken_s is None:
        raise Lacking(f"a lock that was let go was not to be had for {_FREED_S:.0f} s")
    far.do(acts.let_go, name)
    return f"had {1000 * taken_s:.0f} ms after it was let go"


def locks_of_the_dead(near: Hand, far: Hand) -> str:
    """Kill a process that holds a lock, and have it there."""
    name = unique("locked")
    near.do(acts.write, name, b"")
    far.do(acts.until_read, name, b"", WAIT_S)
    holder = Hand(near.folder)
    try:
        if not holder.do(acts.take, name) or far.do(acts.take, name):
            raise Lacking("no lock to begin with")
        far.begin(acts.take_within, name, _FREED_S)
    finally:
        holder.kill()
    freed_s = far.end(_FREED_S)
    if freed_s is None:
        raise Lacking(f"it was still held {_FREED_S:.0f} s after its process was killed")
    far.do(acts.let_go, name)
    return f"{1000 * freed_s:.0f} ms after the kill"
