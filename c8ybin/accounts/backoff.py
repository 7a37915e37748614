"""How failed logins slow those that follow.

Three things are counted: a user from one address, an address whatever the user, and a user
whatever the address. Each may fail some times at once; from then on every failure is followed
by a pause in which nothing is tried. The one of a user from an address doubles up to minutes,
that of an address, behind which there may be many, up to half a minute. That of a user stays
at seconds, or anybody could shut a user out; and addresses from which that user has not failed
yet have a pause of their own, so that those who failed do not keep the others from their try.

Each try counts as failed from its beginning, so that many at once are not more than one after
the other; a success takes that back. A pair that was verified in the last day is not asked here.
"""

import ipaddress
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from hashlib import blake2b

from c8ybin.accounts.memory import DIGEST_BYTES, Memory, Values
from c8ybin.domain.errors import TooManyTries

# A count is forgotten when nothing was added to it for so long.
FORGET_S = 900.0
_IPV6_PREFIX = 64


@dataclass(frozen=True, slots=True)
class Bound:
    """How many failures are free, and the pause after each further one, which doubles up to the longest."""

    free: int
    first_s: float
    longest_s: float

    def pause_s(self, failures: int) -> float:
        """Return the pause after so many failures."""
        beyond = failures - self.free
        return 0.0 if beyond < 0 else min(self.first_s * 2.0 ** min(beyond, 60), self.longest_s)


PAIR = Bound(10, 5.0, 320.0)
ADDRESS = Bound(20, 2.0, 30.0)
USER = Bound(10, 5.0, 5.0)
NEWCOMER_S = 3.0


def network(address: str) -> str:
    """Return what counts as one address: of IPv6 the /64, which one customer has (RFC 6177)."""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(ip, ipaddress.IPv4Address):
        return str(ip)
    if ip.ipv4_mapped:
        return str(ip.ipv4_mapped)
    return str(ipaddress.ip_network((ip, _IPV6_PREFIX), strict=False))


@dataclass(frozen=True, slots=True)
class Try:
    """One login that is being tried: the digests of what it counts for, and how often the address had failed."""

    pair: bytes
    address: bytes
    user: bytes
    newcomers: bytes
    before: Values = (0.0, 0.0, 0.0)


class Backoff:
    """Counts failures in memory that the processes of a server share."""

    def __init__(self, memory: Memory, clock: Callable[[], float] = time.monotonic) -> None:
        self._memory = memory
        self._clock = clock

    def _digest(self, kind: str, text: str) -> bytes:
        return blake2b(f"{kind}\0{text}".encode(), key=self._memory.key, digest_size=DIGEST_BYTES).digest()

    def _get(self, digest: bytes, now: float) -> Values:
        """Return when something last failed, how often, and until when it pauses."""
        found = self._memory.failures.get(digest)
        return found if found and now < found[0] + FORGET_S else (now, 0.0, 0.0)

    def begin(self, name: str, address: str) -> Try:
        """Begin a try, which counts as failed unless `succeeded` is told.

        Raises:
            TooManyTries: There is a pause; the password must not be tried.
        """
        place = network(address)
        now = self._clock()
        tried = Try(
            pair=self._digest("pair", f"{place}\0{name}"),
            address=self._digest("address", place),
            user=self._digest("user", name),
            newcomers=self._digest("newcomers", name),
        )
        with self._memory.lock.held():
            pair = self._get(tried.pair, now)
            before = self._get(tried.address, now)
            _, failures, until = self._get(tried.user, now)
            is_new = not pair[1]
            own_until = self._get(tried.newcomers, now)[2] if is_new else until
            wait_s = max(pair[2], before[2], own_until) - now
            if wait_s > 0:
                raise TooManyTries(wait_s)
            self._charge(tried.pair, pair, PAIR, now)
            self._charge(tried.address, before, ADDRESS, now)
            pause_s = USER.pause_s(int(failures) + 1)
            self._put(tried.user, now, failures + 1, until if is_new else now + pause_s)
            if is_new and pause_s:
                self._put(tried.newcomers, now, 0.0, now + NEWCOMER_S)
        return replace(tried, before=before)

    def _put(self, digest: bytes, *values: float) -> None:
        last, failures, until = values
        self._memory.failures.put(digest, (last, failures, until))

    def _charge(self, digest: bytes, values: Values, bound: Bound, now: float) -> None:
        failures = values[1] + 1
        self._put(digest, now, failures, now + bound.pause_s(int(failures)))

    def succeeded(self, tried: Try) -> None:
        """Tell that the password was right.

        The user's failures are forgotten, from this address and from all; those of others from
        this address are not, or whoever has an account could try those of others for ever.
        """
        now = self._clock()
        with self._memory.lock.held():
            for digest in (tried.pair, tried.user, tried.newcomers):
                self._memory.failures.drop(digest)
            last, failures, until = self._get(tried.address, now)
            if failures == tried.before[1] + 1:
                self._put(tried.address, *tried.before)
            elif failures:
                self._put(tried.address, last, failures - 1, until)
