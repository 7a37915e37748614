"""Mounts that one process sees alone, without copies of those of others.

A new mount namespace begins with a copy of every mount there is. A file system stays mounted until the last copy is
gone, so a daemon would keep the disks of other tests alive, after they have unmounted them and as long as it runs.
"""

from collections.abc import Sequence
from pathlib import Path

# `$0` is the folder that must stay within reach, `$1` what is run first, the rest is what is run instead of the shell.
_BEGIN = r"""
while read -r source point type rest; do
    case $source,$type in
        /dev/loop*|*,fuse*)
            point=$(printf %b "$point")
            case $0/ in "${point%/}"/*) ;; *) umount --lazy "$point" ;; esac ;;
    esac
done </proc/self/mounts
eval "$1" && shift && exec "$@"
"""


def beginning_with(first: str, needed: Path, command: Sequence[str]) -> Sequence[str]:
    """Return a command in a mount namespace of its own, which copies no loop device and no FUSE mount.

    Args:
        first: What the shell runs there before it.
        needed: The folder that it works in: what that is mounted on is kept, whatever it is.
        command: What is run, as the same process.
    """
    return ("unshare", "--mount", "sh", "-c", _BEGIN, str(needed), first, *command)
