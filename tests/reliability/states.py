"""Every state that a power cut may leave of a recording, opened and looked at."""

import random
import shutil
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path

from inspection import Lost, State
from kinds import EVENTS
from power_cut import Disk
from recording import Site
from scenarios import Recording
from store_tools import give_all_back
from trees import Tree


def _key(items: Iterable[tuple[str, bytes | None]], allowed: tuple[State, ...]) -> bytes:
    """Return what stands for a tree and the states that may be seen in it.

    Some hundred thousand of the trees themselves would keep the garbage collector busy.
    """
    return blake2b(repr((sorted(items), allowed)).encode()).digest()


@dataclass(frozen=True)
class Thoroughness:
    """How many subsets of what is pending are tried at a cut; see `Disk.cuts`."""

    all_up_to: int
    randomly: int


QUICK = Thoroughness(all_up_to=3, randomly=2)
FULL = Thoroughness(all_up_to=5, randomly=12)


@dataclass
class Found:
    """What was counted and found.

    Attributes:
        cuts: Moments at which the power went.
        states: Different states that were looked at.
        lost: Those in which something acknowledged is not there.
        mixed: Those that are neither the old nor the new, or not clean.
        wrong: What is wrong with those, a line each.
    """

    cuts: int = 0
    states: int = 0
    lost: int = 0
    mixed: int = 0
    wrong: list[str] = field(default_factory=list)


class Bench:
    """Where states are laid out and looked at, each once.

    Attributes:
        told: How often a recording of this name told that an fsync is needed.
    """

    def __init__(self, folder: Path, locks: Path) -> None:
        self._folder = folder
        self._locks = locks
        self.told: Counter[str] = Counter()
        self._good: set[bytes] = set()
        # The same without what is in the index.
        self._good_otherwise: set[bytes] = set()

    def look(
        self,
        recording: Recording,
        how: Thoroughness,
        without: Collection[Site] = (),
        most_wrong: int = 10,
        *,
        only_at_the_end: bool = False,
    ) -> Found:
        """Look at every state of a recording; at those that come of it if a site's fsyncs are not there.

        With `only_at_the_end` at those alone that a cut leaves after the last step.
        """
        found = Found()
        first = len(recording.steps) if only_at_the_end else recording.first_cut
        disk = Disk(recording.tree)
        chance = random.Random(recording.name)
        for count in range(len(recording.steps) + 1):
            if count >= first and (not without or disk.misses):
                found.cuts += 1
                allowed = recording.allowed(count)
                for tree in disk.cuts(chance, all_up_to=how.all_up_to, randomly=how.randomly):
                    key = _key(tree.items(), allowed)
                    if key in self._good:
                        continue
                    found.states += 1
                    try:
                        self._inspect(recording, tree, allowed, quick=how is QUICK)
                        self._good.add(key)
                    except Lost as error:
                        found.lost += len(allowed) == 1
                        found.mixed += len(allowed) > 1
                        found.wrong.append(f"{recording.name}: {_told(recording, count)}: {error}")
                        if len(found.wrong) == most_wrong:
                            return found
            if count < len(recording.steps):
                step = recording.steps[count]
                # Where several asked for it, it goes only when nobody asks any more.
                if not step.sites or not set(step.sites) <= set(without):
                    disk.do(step)
                else:
                    disk.miss(step)
        return found

    def _inspect(self, recording: Recording, tree: Tree, allowed: tuple[State, ...], *, quick: bool) -> None:
        base = self._folder / "state"
        base.mkdir()
        otherwise = _key(((p, d) for p, d in tree.items() if not p.startswith("data/index/")), allowed)
        try:
            recording.kind.lay_out(tree, base, self._locks)
            if quick and recording.kind is EVENTS and otherwise in self._good_otherwise:
                # Events, sweep and check were looked at: only the index is another, and only lists ask that.
                EVENTS.inspect_lists(base)
            else:
                recording.kind.inspect(base, allowed)
                self._good_otherwise.add(otherwise)
        finally:
            give_all_back(base)
            shutil.rmtree(base)


def _told(recording: Recording, count: int) -> str:
    return f"after {count}, {recording.steps[count - 1]}" if count else "at first"
