"""All that is tried, row by row."""

import errno
import os
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Self

from c8ybin.domain.errors import is_full
from c8ybin.probes import acts
from c8ybin.probes.folder import probe_folder
from c8ybin.probes.hand import Hand
from c8ybin.probes.pairs import PAIRS, Pair
from c8ybin.probes.primitive import Lacking, Outcome, Primitive, Row
from c8ybin.probes.quick import reason
from c8ybin.probes.racing import PairTrial
from c8ybin.probes.single import QUICK
from c8ybin.probes.thorough import THOROUGH

# How long what was made at one path may take to show at the other, before they count as two directories.
_SHOWS_S = 30.0

SINGLE = (*QUICK, *THOROUGH)
# One row for each trial alone and for each pair, and one more for those where the paths are two.
ROWS = len(SINGLE) + 2 * len(PAIRS) - sum(pair.only_between_paths for pair in PAIRS)


class NotOneDirectory(Exception):
    """Two paths do not lead to the same directory."""


def examine(path: Path, other: Path | None) -> Iterator[Row]:
    """Try all primitives in a folder of its own below a directory.

    Args:
        path: The directory.
        other: How another host sees it, where the file system is mounted a second time; None where it is not.

    Raises:
        NotOneDirectory: What is made in one path does not show in the other.
        OSError: Nothing can be tried: no room, no permission, read-only, or the other path does not answer.
    """
    if other is not None and _are_two(path, other):
        raise NotOneDirectory
    with probe_folder(path) as folder:
        for primitive, trial in SINGLE:
            yield _row(primitive, partial(trial, folder))
        with Hands() as hands:
            # Before the other path is used: what it remembers of names that are missing is to be tried, too.
            for pair in PAIRS:
                if not pair.only_between_paths:
                    yield _of_pair(pair, hands, folder, folder, is_between_paths=False)
            there = None if other is None else other / folder.name
            if there and not _shows(hands.of("far", there)):
                raise NotOneDirectory
            for pair in PAIRS:
                yield _of_pair(pair, hands, folder, there, is_between_paths=True)


def _are_two(path: Path, other: Path) -> bool:
    """Tell whether two paths lead to two directories of one mount; of two mounts only a look at what is made tells."""
    one, two = path.stat(), other.stat()
    return one.st_dev == two.st_dev and one.st_ino != two.st_ino


def _shows(far: Hand) -> bool:
    """Tell whether the folder shows at the other path, for which it may take its time.

    Raises:
        OSError: It cannot be told.
    """
    far.begin(acts.until_there, _SHOWS_S)
    try:
        return far.end(_SHOWS_S) is not None
    except Lacking:
        raise OSError(errno.ETIMEDOUT, os.strerror(errno.ETIMEDOUT), str(far.folder)) from None


def _of_pair(pair: Pair, hands: "Hands", here: Path, there: Path | None, *, is_between_paths: bool) -> Row:
    if there is None:
        return Row(pair.primitive, Outcome.NOT_TRIED, "", is_between_paths)
    near, far = hands.of("near", here), hands.of("far", there)
    attempt = partial(_there_and_back, pair.trial) if is_between_paths else pair.trial
    row = _row(pair.primitive, partial(attempt, near, far), is_between_paths=is_between_paths)
    if row.outcome is Outcome.LACKS:
        hands.end()  # what they were told last may not be done
    return row


def _there_and_back(trial: PairTrial, near: Hand, far: Hand) -> str:
    """Try it in both directions, for each host has its own caches."""
    figure = trial(near, far)
    try:
        trial(far, near)
    except Lacking as lacking:
        raise Lacking(f"{lacking}, from PATH2 to PATH") from None
    return figure


def _row(primitive: Primitive, attempt: Callable[[], str], *, is_between_paths: bool = False) -> Row:
    try:
        return Row(primitive, Outcome.HOLDS, attempt(), is_between_paths)
    except Lacking as lacking:
        return Row(primitive, Outcome.LACKS, str(lacking), is_between_paths)
    except OSError as error:
        if is_full(error):
            raise
        return Row(primitive, Outcome.LACKS, reason(error), is_between_paths)


class Hands:
    """The processes that try what takes two; one that hung or died is replaced by another."""

    def __init__(self) -> None:
        self._hands: dict[tuple[str, Path], Hand] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def end(self) -> None:
        """End all that there are; others come when they are needed."""
        for hand in self._hands.values():
            hand.kill()

    def of(self, side: str, folder: Path) -> Hand:
        """Return the one of a side, which sees the folder so."""
        hand = self._hands.get((side, folder))
        if hand is None or not hand.is_there:
            hand = self._hands[side, folder] = Hand(folder)
        return hand
