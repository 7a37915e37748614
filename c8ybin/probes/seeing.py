"""Whether one process, or host, sees at its first look what the other changed.

A server decides by what it reads; it never waits until all hosts have heard of a change.

Each function gets two hands, of which the first changes things and the second looks, and returns a figure or
raises `Lacking`.
"""

from collections.abc import Callable

from c8ybin.probes import acts
from c8ybin.probes.hand import Hand
from c8ybin.probes.primitive import Lacking
from c8ybin.probes.racing import WAIT_S, PairTrial, unique

_LOOKS = 5
_REWRITTEN_S = 0.1
Change = Callable[[Hand, Hand, str], bytes | None]


def looks(change: Change, below: str = "") -> PairTrial:
    """Return how a change is looked for: it returns what is to be read then, None where nothing is."""

    def run(near: Hand, far: Hand) -> str:
        """Change a file, and have the other look, which has seen it as it was before."""
        latest_s = 0.0
        for number in range(_LOOKS):
            name = unique(f"seen{number}") + below
            after = change(near, far, name)
            latest_s = max(latest_s, _late(far.do(acts.until_read, name, after, WAIT_S)))
        return _told(latest_s)

    return run


def _late(found: tuple[int, float] | None) -> float:
    """Return by how many seconds something came too late to be seen at the first look."""
    if found is None:
        raise Lacking(f"not seen for {WAIT_S:.0f} s")
    misses, seconds = found
    return seconds if misses else 0.0


def _told(latest_s: float) -> str:
    if latest_s:
        raise Lacking(f"seen up to {1000 * latest_s:.0f} ms late")
    return f"at once, {_LOOKS} of {_LOOKS}"


def created(near: Hand, far: Hand, name: str) -> bytes | None:
    """Make a file."""
    far.do(acts.contents, name)  # that there is none may be remembered there
    near.do(acts.write, name, b"new")
    return b"new"


def replaced(near: Hand, far: Hand, name: str) -> bytes | None:
    """Replace a file."""
    _stands(near, far, name)
    near.do(acts.write, f"{name}.next", b"new")
    near.do(acts.move, f"{name}.next", name)
    return b"new"


def removed(near: Hand, far: Hand, name: str) -> bytes | None:
    """Remove a file."""
    _stands(near, far, name)
    near.do(acts.drop, name)
    return None


def appended(near: Hand, far: Hand, name: str) -> bytes | None:
    """Append to a file."""
    _stands(near, far, name)
    near.do(acts.append, name, b" and new")
    return b"old and new"


def rewritten(near: Hand, far: Hand, name: str) -> bytes | None:
    """Write over a file in place while the other reads it; what counts is the look after that.

    A kernel that keeps what it read meanwhile, and that nobody tells of a change without another length, shows it
    until it happens to forget it.
    """
    near.do(acts.write, name, acts.numbered(0))
    if far.do(acts.until_read, name, acts.numbered(0), WAIT_S) is None:
        raise Lacking(f"a new file was not seen for {WAIT_S:.0f} s")
    near.begin(acts.rewrite_for, name, _REWRITTEN_S)
    far.begin(acts.look_for, name, _REWRITTEN_S)
    far.end(_REWRITTEN_S)
    last: bytes = near.end(_REWRITTEN_S)
    return last


def moved(near: Hand, far: Hand, name: str) -> bytes | None:
    """Move the directory of a file away."""
    folder = name.partition("/")[0]
    near.do(acts.make_folders, [folder])
    if far.do(acts.until_read, name, folder.encode(), WAIT_S) is None:
        raise Lacking(f"a new directory was not seen for {WAIT_S:.0f} s")
    near.do(acts.move, folder, f"{folder}.gone")
    return None


def _stands(near: Hand, far: Hand, name: str) -> None:
    near.do(acts.write, name, b"old")
    if far.do(acts.until_read, name, b"old", WAIT_S) is None:
        raise Lacking(f"a new file was not seen for {WAIT_S:.0f} s")


def listing(near: Hand, far: Hand) -> str:
    """Make a name, and have the other list, which has listed before."""
    latest_s = 0.0
    for number in range(_LOOKS):
        name = unique(f"listed{number}")
        far.do(acts.listed)
        near.do(acts.write, name, b"")
        latest_s = max(latest_s, _late(far.do(acts.until_listed, name, WAIT_S)))
    return _told(latest_s)


def states(near: Hand, far: Hand) -> str:
    """Replace a file, and have the other ask what it is, which has asked before."""
    latest_s = 0.0
    for number in range(_LOOKS):
        name = unique(f"state{number}")
        _stands(near, far, name)
        far.do(acts.state, name)
        near.do(acts.write, f"{name}.next", b"newer")
        near.do(acts.move, f"{name}.next", name)
        wanted = near.do(acts.state, name)
        latest_s = max(latest_s, _late(far.do(acts.until_state, name, wanted, WAIT_S)))
    return _told(latest_s)


def open_file(near: Hand, far: Hand) -> str:
    """Replace and remove what the other has open."""
    name = unique("open")
    _stands(near, far, name)
    far.do(acts.hold, name)
    near.do(acts.write, f"{name}.next", b"new")
    near.do(acts.move, f"{name}.next", name)
    near.do(acts.drop, name)
    if far.do(acts.reread, name) != b"old":
        raise Lacking("an open file lost its bytes with its name")
    far.do(acts.let_go, name)
    return ""


def inodes(near: Hand, far: Hand) -> str:
    """Look at the inode number of one file from both sides."""
    name = unique("inode")
    _stands(near, far, name)
    (one, _), (two, _) = near.do(acts.state, name), far.do(acts.state, name)
    if one != two:
        raise Lacking(f"one file is {one} here and {two} there")
    return ""
