"""What lists are made of: derived from the events, and made anew from them where it is lost.

    index/
      <writer>-<k>.log    one line a change, of each process its own       (log.py)
      columns/<random>    immutable: the events of a stretch of time       (column.py)
      manifest            which columns count, how far each log is folded  (manifest.py)
      lock                held by whoever folds or makes the index anew

A query (search.py) goes through the columns from the end that it needs, with what the logs tell
since the columns were written (fresh.py, view.py), and stops when the page is full (window.py); sums of
all are remembered by column (overview.py). Folding
(folding.py, keeper.py) makes columns of the logs. What it finds may be gone or changed by the time
it is read; so whoever lists reads each event, and drops what does not match any more.

This room knows nothing of how events are stored: it is told of changes, and given functions
that read one event or all.
"""

from c8ybin.index.damage import Unsound
from c8ybin.index.entry import Entry, entry_of
from c8ybin.index.index import FOLD_AT, Index, State
from c8ybin.index.keeper import Keeper
from c8ybin.index.overview import DAY_MS, Overview
from c8ybin.index.window import Usage

__all__ = [
    "DAY_MS",
    "FOLD_AT",
    "Entry",
    "Index",
    "Keeper",
    "Overview",
    "State",
    "Unsound",
    "Usage",
    "entry_of",
]
