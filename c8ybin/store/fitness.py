"""Whether the file system is one that the store may live on, as far as a start finds out."""

import logging
from pathlib import Path

from c8ybin import fsio
from c8ybin.fsio import Lack
from c8ybin.probes import Missing, missing_at

log = logging.getLogger(__name__)


class UnfitFileSystem(Exception):
    """The file system lacks something that the store rests on; the message says what, and what to do."""


_is_accepted = False


def accept_unfit(is_accepted: bool) -> None:
    """Say whether stores are opened from now on also where something is missing, as well as that goes."""
    global _is_accepted
    _is_accepted = is_accepted
    if not is_accepted:
        fsio.demand_all()


def require_fit(directory: Path) -> None:
    """Try what a start can try in a moment; nothing is left of it.

    Args:
        directory: One on the file system, which is there.

    Raises:
        UnfitFileSystem: Something is missing, and nobody said that it may be.
    """
    missing = missing_at(directory)
    if not missing:
        return
    lacks = " and ".join(f"{each.primitive.title}: {each.figure}" for each in missing)
    if not _is_accepted:
        raise UnfitFileSystem(
            f"The file system of {directory} lacks what the store rests on ({lacks}); use another one, as ext4 or "
            f"XFS, see c8ybin doctor {directory}, or say --unsafe-filesystem and lose data one day."
        )
    fsio.do_without(each.primitive.lack for each in missing if each.primitive.lack)
    log.warning("%s", _warning(directory, lacks, missing))


def _warning(directory: Path, lacks: str, missing: list[Missing]) -> str:
    alone = ""
    if any(each.primitive.lack is Lack.LOCK for each in missing):
        alone = " Nothing keeps a second process out: serve with --workers 1, and let no other command change anything."
    return (
        f"UNSAFE: the file system of {directory} lacks what the store rests on ({lacks}); "
        f"what is stored there may be lost or mixed, for --unsafe-filesystem was said.{alone}"
    )
