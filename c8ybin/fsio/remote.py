"""Whether a directory is on a file system that several hosts may use at once.

Source: statfs(2), linux/magic.h.
"""

import ctypes
import os
import sys

from c8ybin.fsio.beneath import AnyPath

# Of those that other hosts may have mounted, too. All of FUSE counts: MooseFS, GlusterFS and ceph-fuse are of it.
_SHARED = frozenset(
    (
        0x65735546,  # FUSE
        0x6969,  # NFS
        0x00C36400,  # Ceph
        0x0BD00BD0,  # Lustre
        0x7461636F,  # OCFS2
        0x01161970,  # GFS2
        0xFF534D42,  # CIFS
        0xFE534D42,  # SMB2
        0x01021997,  # 9P
    )
)
_LONG_ENOUGH = 256  # for a struct statfs, which begins with its type as a long


def may_be_shared(path: AnyPath) -> bool:
    """Tell whether other hosts may use the file system of a path at the same time.

    Raises:
        OSError: It cannot be told.
    """
    if sys.platform != "linux":
        return False
    buffer = ctypes.create_string_buffer(_LONG_ENOUGH)
    if ctypes.CDLL(None, use_errno=True).statfs(os.fsencode(path), buffer):
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error), os.fspath(path))
    return ctypes.c_long.from_buffer(buffer).value & 0xFFFFFFFF in _SHARED
