"""All that two processes can try, or two hosts."""

from dataclasses import dataclass

from c8ybin.fsio import Lack
from c8ybin.probes import racing, seeing
from c8ybin.probes.primitive import Primitive
from c8ybin.probes.replacing import RENAME_FILE


@dataclass(frozen=True, slots=True)
class Pair:
    """A primitive and how two try it; some only between two paths."""

    primitive: Primitive
    trial: racing.PairTrial
    only_between_paths: bool = False


PAIRS: tuple[Pair, ...] = (
    Pair(
        Primitive("race-create", "of two that create a name one wins", "every new file"),
        racing.race("create"),
    ),
    Pair(
        Primitive("race-link", "of two that link to a name one wins", "attaching, inventory"),
        racing.race("link"),
    ),
    Pair(Primitive("race-mkdir", "of two that make a directory one wins", "events"), racing.race("mkdir")),
    Pair(
        Primitive("race-rename", "of two that move a directory one wins", "deleting events"),
        racing.race("rename"),
    ),
    Pair(RENAME_FILE, racing.readers),
    Pair(
        Primitive("flock-others", "locks keep others out", "changes, the sweep", lack=Lack.LOCK), racing.locks
    ),
    Pair(
        Primitive("flock-dead", "locks go with their process", "changes, the sweep"), racing.locks_of_the_dead
    ),
    Pair(
        Primitive("sees-create", "a new file is seen", "all that follows a change"),
        seeing.looks(seeing.created),
    ),
    Pair(
        Primitive("sees-replace", "a replaced file is seen", "all that follows a change"),
        seeing.looks(seeing.replaced),
    ),
    Pair(Primitive("sees-state", "what stat tells is new", "accounts, the index"), seeing.states),
    Pair(
        Primitive("sees-remove", "a removed file is gone", "all that follows a change"),
        seeing.looks(seeing.removed),
    ),
    Pair(
        Primitive("sees-move", "a moved directory is gone", "deleted events"),
        seeing.looks(seeing.moved, "/file"),
    ),
    Pair(
        Primitive("sees-append", "what was appended is read", "uploads, lists"), seeing.looks(seeing.appended)
    ),
    Pair(
        Primitive("sees-rewrite", "what was written over is read", "uploads, beats of hosts"),
        seeing.looks(seeing.rewritten),
    ),
    Pair(Primitive("sees-list", "a new file is listed", "lists, the sweep"), seeing.listing),
    Pair(
        Primitive("open-file", "an open file outlives its name", "downloads", is_must=False),
        seeing.open_file,
        True,
    ),
    Pair(Primitive("inode", "inode numbers are the same", "the index"), seeing.inodes, True),
)
