"""Giving freed memory back."""

import ctypes

_M_MMAP_THRESHOLD = -3
_LARGE_BYTES = 128 * 1024


def give_large_blocks_back() -> None:
    """Let the C library give large blocks back to the system as soon as they are freed.

    Otherwise glibc learns from the first large block, the 16 MiB that a password's hash takes, to keep
    such blocks for ever, in each process. Where there is no such setting, nothing happens.

    Source: mallopt(3), M_MMAP_THRESHOLD, "dynamic mmap threshold".
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt:
        mallopt(_M_MMAP_THRESHOLD, _LARGE_BYTES)
