"""How many connections may stand, and which of them go when more come."""

import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from ipaddress import IPv6Address, ip_address
from typing import TYPE_CHECKING

from c8ybin.server.tally import Tally

if TYPE_CHECKING:
    from c8ybin.server.channel import Channel

CONNECTIONS = 4096
CONNECTIONS_PER_ADDRESS = 256
# Beyond these, so many more are taken for a moment, to be told so.
GUESTS = 64
# Looking who may go pays for so many connections a place; where it finds fewer, it takes at most one part in so
# many of the time.
_LOOKING = 20
# One part in so many is for those that have not sent a header yet, before those that rest keep their places: else who
# holds the rest with connections that have asked once closes all others while they connect.
_NEWCOMERS_SHARE = 8
_NETWORK_BITS = 64


@dataclass(frozen=True, slots=True)
class Limits:
    """How many connections one process takes.

    Attributes:
        connections: In all.
        per_address: From one peer address; an IPv6 network of 64 bits, which one peer may have, is one.
        is_exempt: Whether an address may have as many as there are, as a proxy before many clients.
    """

    connections: int = CONNECTIONS
    per_address: int = CONNECTIONS_PER_ADDRESS
    is_exempt: Callable[[str], bool] = lambda _: False


class Crowd:
    """Connections of one address, or all of them, of which some may have to go."""

    def __init__(self) -> None:
        self.members: dict[Channel, None] = {}
        # Those that have not sent a whole header yet, in the order in which they came.
        self.newcomers: dict[Channel, None] = {}
        self._candidates: deque[tuple[int, Channel]] = deque()
        self._look_at = 0.0

    def evict(self) -> bool:
        """Close the connection that is missed least; tell whether there is one that may be closed."""
        if len(self.newcomers) * _NEWCOMERS_SHARE >= len(self.members) and self._close_newcomer():
            return True
        # What was found before may have gone on meanwhile, all of it.
        return self._close_found() or (self._look() and self._close_found()) or self._close_newcomer()

    def _close_newcomer(self) -> bool:
        return any(channel.close_if(lambda _: True) for channel in self.newcomers)

    def add(self, channel: "Channel") -> None:
        """Take in a new connection."""
        self.members[channel] = self.newcomers[channel] = None

    def remove(self, channel: "Channel") -> None:
        """Forget one that has ended."""
        del self.members[channel]
        self.newcomers.pop(channel, None)

    def _close_found(self) -> bool:
        while self._candidates:
            rank, channel = self._candidates.popleft()
            if channel in self.members and channel.close_if(partial(_is_still, rank)):
                return True
        return False

    def _look(self) -> bool:
        """Find those that may be closed; tell whether there are some."""
        began = time.monotonic()
        if began < self._look_at:
            return False
        others = (channel for channel in self.members if channel not in self.newcomers)
        found = ((channel.dispensability, n, channel) for n, channel in enumerate(others))
        ordered = sorted((d, n, channel) for d, n, channel in found if d)
        self._candidates.extend((d[0], channel) for d, _, channel in ordered)
        if len(ordered) * _LOOKING < len(self.members):
            ended = time.monotonic()
            self._look_at = ended + _LOOKING * (ended - began)
        return bool(ordered)


def _is_still(rank: int, channel: "Channel") -> bool:
    return channel.is_still(rank)


class Places:
    """Who has a place among the connections; only the main loop asks for one."""

    def __init__(self, limits: Limits, shed: Callable[[], None] = lambda: None) -> None:
        """Have none yet; `shed` is called for each connection that goes, or is refused, for others."""
        self._limits = limits
        self._all = Crowd()
        self._of_address: dict[str, Crowd] = {}
        self._guests: dict[Channel, None] = {}
        self._tally = Tally(shed)

    def admit(self, channel: "Channel") -> None:
        """Give a new connection a place, another's if need be, or make it a guest who is told that all is full."""
        key = self._key(channel.peer)
        crowd = self._of_address.get(key) or Crowd()
        if self._is_full(key, crowd):
            self._receive(channel)
            return
        channel.place = key
        self._of_address[key] = crowd
        self._all.add(channel)
        crowd.add(channel)

    def _is_full(self, key: str, crowd: Crowd) -> bool:
        if key and len(crowd.members) >= self._limits.per_address:
            # Its own connections, lest it drive others out.
            return not self._evict(crowd)
        return len(self._all.members) >= self._limits.connections and not self._evict(self._all)

    def _evict(self, crowd: Crowd) -> bool:
        has_room = crowd.evict()
        if has_room:
            self._tally.note_closed()
        return has_room

    def _key(self, peer: str) -> str:
        """Return under which name a peer's connections are counted; an empty one where they are not."""
        if self._limits.is_exempt(peer):
            return ""
        try:
            address = ip_address(peer.partition("%")[0])
        except ValueError:
            return peer
        if isinstance(address, IPv6Address) and not address.ipv4_mapped:
            return f"{int(address) >> _NETWORK_BITS:x}::"
        return peer

    def _receive(self, channel: "Channel") -> None:
        self._tally.note_refused()
        if len(self._guests) >= GUESTS and not close_one(self._guests):
            channel.handle_close()
            return
        self._guests[channel] = None
        channel.be_guest()

    def note_header(self, channel: "Channel") -> None:
        """Note that a connection has sent its first header."""
        if channel in self._all.members:
            self._all.newcomers.pop(channel, None)
            self._of_address[channel.place].newcomers.pop(channel, None)

    def leave(self, channel: "Channel") -> None:
        """Note that a connection has ended."""
        if channel in self._guests:
            del self._guests[channel]
        elif channel in self._all.members:
            self._all.remove(channel)
            crowd = self._of_address[channel.place]
            crowd.remove(channel)
            if not crowd.members:
                del self._of_address[channel.place]

    def evict(self) -> bool:
        """Close the connection that is missed least, for its descriptor; tell whether there is one."""
        has_room = self._evict(self._all)
        self._tally.without_descriptor += has_room
        return has_room

    def note_refused(self) -> None:
        """Note that there was not even a descriptor for a new connection."""
        self._tally.note_refused()
        self._tally.without_descriptor += 1

    def tell(self, *, at_once: bool = False) -> None:
        """Log now and then how many connections were closed or refused."""
        limits = self._limits
        self._tally.tell(
            f"{len(self._all.members)} from {len(self._of_address)} addresses stand, of at most"
            f" {limits.connections} in all and {limits.per_address} an address",
            at_once=at_once,
        )


def close_one(guests: Iterable["Channel"]) -> bool:
    """Close the guest who has come first, rather one who has not asked yet; tell whether one could be closed."""
    in_turn = list(guests)
    return any(guest.close_if(lambda c: not c.has_asked) for guest in in_turn) or any(
        guest.close_if(lambda _: True) for guest in in_turn
    )
