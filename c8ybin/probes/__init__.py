"""Whether a file system holds what the store rests on: primitives, tried on the directory itself.

What is tried is called as the store calls it, by `fsio`, in a folder of its own below the directory, which
goes in the end. A start tries the few that cost next to nothing, `c8ybin doctor` all.

primitive.py   what there is to try, and what an answer is
folder.py      the folder in which it is tried, and what killed probes left
single.py      what one process can try alone, at each start
thorough.py    the rest of that
replacing.py   whether readers ever miss a file that is replaced
quick.py       what a start tries
hand.py        a process that does what it is told, for what takes two
acts.py        what it can be told
racing.py      what two processes can try, or two hosts: races, locks, readers
seeing.py      whether one sees what the other changed
pairs.py       all of these
examining.py   all of it, row by row
kinds.py       which file system it is, and what is known of it
"""

from c8ybin.probes.folder import FOLDER
from c8ybin.probes.primitive import Missing
from c8ybin.probes.quick import missing_at

# What only the doctor needs, and no start: `examining` and `kinds`.
__all__ = ["FOLDER", "Missing", "missing_at"]
