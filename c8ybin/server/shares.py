"""How the workers share the connections of one listening socket."""

import mmap

_NOBODY = 2**31 - 1
_SLACK = 1


class Shares:
    """The number of connections that each worker has, in memory that all of them see.

    All wake up when connections come, and the first to look would take them all: one busy
    process beside idle ones. So whoever has more than another leaves it the next one.
    """

    def __init__(self, count: int) -> None:
        """Make it for `count` workers, before they are forked."""
        self._counts = memoryview(mmap.mmap(-1, 4 * count)).cast("i")
        for place in range(count):
            self.clear(place)

    def clear(self, place: int) -> None:
        """Note that a worker is gone, for which nobody is to wait."""
        self._counts[place] = _NOBODY

    def note(self, place: int, connections: int) -> None:
        """Note how many connections a worker has."""
        self._counts[place] = connections

    def is_large(self, place: int) -> bool:
        """Tell whether a worker has more than another one."""
        return self._counts[place] > min(self._counts) + _SLACK


class Share:
    """What one worker sees of it."""

    def __init__(self, shares: Shares, place: int) -> None:
        self._shares = shares
        self._place = place

    def note(self, connections: int) -> None:
        """Note how many connections this worker has."""
        self._shares.note(self._place, connections)

    def is_large(self) -> bool:
        """Tell whether this worker has more than another one."""
        return self._shares.is_large(self._place)
