"""Which file system a directory is on, and what is known of it.

Source: proc_pid_mountinfo(5), proc_pid_fdinfo(5).
"""

import os
import re
from dataclasses import dataclass
from pathlib import Path

_UNKNOWN = "Nothing is known of it here; go by what was tried."
_LOCAL = "Holds all that one host needs."
_NFS = "Untested: its caches show changes of other hosts late, and its locks depend on the server."
_OF_A_GUEST = "Untested; its locks may hold in this guest alone."
# By the type that the kernel gives, and for FUSE the one that the program gave.
_KNOWN: dict[str, tuple[str, str]] = {
    "ext4": ("ext4", f"{_LOCAL} Tested, with power cuts."),
    "ext3": ("ext3", _LOCAL),
    "xfs": ("XFS", f"{_LOCAL} Tested, with power cuts."),
    "btrfs": ("Btrfs", f"{_LOCAL} Tested at its quota."),
    "zfs": ("ZFS", f"{_LOCAL} Untested."),
    "f2fs": ("F2FS", f"{_LOCAL} Untested."),
    "bcachefs": ("bcachefs", f"{_LOCAL} Untested."),
    "tmpfs": ("tmpfs", f"{_LOCAL} It is memory: all is lost when the host stops."),
    "ramfs": ("ramfs", "It is memory: all is lost when the host stops, and nothing limits its size."),
    "overlay": ("overlay", f"{_LOCAL} What a container keeps here is lost with it: mount a volume."),
    "vfat": ("FAT", "It has no hard links, no modes, and does not tell capitals apart."),
    "msdos": ("FAT", "It has no hard links, no modes, and short names."),
    "exfat": ("exFAT", "It has no hard links, no modes, and does not tell capitals apart."),
    "fuseblk": ("a block device by FUSE, as NTFS", "Untested."),
    "ntfs3": ("NTFS", "Untested."),
    "fuse.mfs": (
        "MooseFS",
        "For several hosts, mounted with mfscachemode=DIRECT and all entry and attribute caches 0; "
        "all waits while its one master is away.",
    ),
    "fuse.glusterfs": (
        "GlusterFS",
        "For several hosts, with replica 3, quorum, and the caches of its client off; "
        "concurrent mkdir may fail with ENOTCONN.",
    ),
    "fuse.ceph-fuse": (
        "CephFS by ceph-fuse",
        "For several hosts, mounted with fuse_disable_pagecache = true; "
        "a client that was evicted must be mounted anew, not reconnected.",
    ),
    "ceph": ("CephFS by the kernel", "For several hosts; tested by ceph-fuse only."),
    "fuse.juicefs": ("JuiceFS", "In version 0.14 readers may miss a file that is replaced by rename."),
    "nfs": ("NFS", _NFS),
    "nfs4": ("NFS", _NFS),
    "cifs": ("SMB", "Untested."),
    "smb3": ("SMB", "Untested."),
    "9p": ("9p, a folder of a virtual machine's host", _OF_A_GUEST),
    "virtiofs": ("virtiofs, a folder of a virtual machine's host", _OF_A_GUEST),
    "lustre": ("Lustre", "Untested; mount it with -o flock."),
    "gfs2": ("GFS2", "Untested."),
    "ocfs2": ("OCFS2", "Untested."),
    "fuse.sshfs": ("SSHFS", "Has no locks that other hosts see; not for data."),
    "fuse.s3fs": ("S3 by s3fs", "Rename is a copy there; not for data."),
}


@dataclass(frozen=True, slots=True)
class Kind:
    """A file system.

    Attributes:
        type: What the kernel calls it, as `ext4` or `fuse.mfs`; empty where it does not tell.
        name: What people call it.
        known: What is known of it, in a sentence or two.
        source: What is mounted.
        options: How it is mounted.
    """

    type: str
    name: str
    known: str
    source: str = ""
    options: str = ""


def kind_of(path: Path) -> Kind:
    """Return which file system a directory is on.

    Raises:
        OSError: There is no such directory.
    """
    fd = os.open(path, getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        mount = _mount_of(fd)
    finally:
        os.close(fd)
    if mount is None:
        return Kind("", "an unknown file system", _UNKNOWN)
    kind, source, options = mount
    if kind == "fuse" and source.startswith("mfs#"):  # mfsmount names no type of its own
        kind = "fuse.mfs"
    name, known = _KNOWN.get(kind, (kind, _UNKNOWN))
    return Kind(kind, name, known, source, options)


def _mount_of(fd: int) -> tuple[str, str, str] | None:
    """Return type, source and options of the mount that a descriptor is on."""
    try:
        (number,) = re.findall(
            r"^mnt_id:\s*(\d+)$", Path(f"/proc/self/fdinfo/{fd}").read_text(), re.MULTILINE
        )
        lines = Path("/proc/self/mountinfo").read_text().splitlines()
    except (OSError, ValueError):  # no /proc, or another system
        return None
    for line in lines:
        before, _, after = line.partition(" - ")
        if before.split(" ", 1)[0] == number:
            kind, source, *options = after.split(" ")
            return kind, _plain(source), ",".join((before.split(" ")[5], *options))
    return None


def _plain(text: str) -> str:
    """Read what the kernel writes as \\040."""
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), text)
