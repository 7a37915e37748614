"""What the processes of one server count, in memory that all of them share: so any of them can tell of all.

    cells.py     which number stands where, and the labels that there are
    counts.py    what one process adds to its own block: an addition or a few for each event
    board.py     the blocks of all processes, and their sums

There is a block for each worker, made before the fork. A worker that takes the place of another goes on with its
block, so no counter ever falls; what is there for the moment alone, as connections, ends with the process. No label
is what a client says: a method or a status that is not in the list, and a path that no resource has, is `other`.
"""

from c8ybin.counts.board import Board, Distribution, Requests
from c8ybin.counts.cells import LOGINS, METHODS, STATUSES
from c8ybin.counts.counts import Counts

__all__ = ["LOGINS", "METHODS", "STATUSES", "Board", "Counts", "Distribution", "Requests"]
