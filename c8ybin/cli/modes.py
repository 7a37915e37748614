"""How a data directory may be used: who besides the server may read it, and on which file system it is."""

import os
import stat
from functools import partial
from pathlib import Path

import click

from c8ybin.cli.problems import using
from c8ybin.store import accept_unfit, is_data_directory

# What is not given away of the modes that `fsio` makes files with: 0600 and 0700, or 0640 and 0750.
_PRIVATE, _FOR_GROUP = 0o077, 0o027
_KEY = "c8ybin.umask"


def set_umask(ctx: click.Context, _: click.Parameter, for_group: bool) -> None:
    """Take the place of the caller's umask, whatever it is, until the command ends."""
    ctx.meta[_KEY] = _FOR_GROUP if for_group else _PRIVATE
    ctx.call_on_close(partial(os.umask, os.umask(ctx.meta[_KEY])))


def set_unsafe(ctx: click.Context, _: click.Parameter, is_accepted: bool) -> None:
    """Take a file system as it is, until the command ends."""
    accept_unfit(is_accepted)
    ctx.call_on_close(partial(accept_unfit, False))


def too_open(data: Path) -> str | None:
    """Say in one sentence that others may enter a data directory, as an older version or a person let them.

    Whoever may not enter it reaches nothing in it, whatever the modes below are.

    Raises:
        Unfit: The directory cannot be looked at, as where its mount has ended.
    """
    with using(data):
        if not is_data_directory(data):
            return None
        mode = stat.S_IMODE(data.stat().st_mode)
    allowed = 0o777 & ~int(click.get_current_context().meta[_KEY])
    if not mode & ~allowed & 0o777:
        return None
    readable = ", or say --data-group-readable if its group is to read it" if not mode & 0o027 else ""
    return (
        f"The data directory {data} lets others in than its owner (mode {mode:04o}): "
        f"run chmod {allowed:o} {data}{readable}."
    )


def as_root() -> str | None:
    """Say in one sentence that the server runs as root; as the first process of a container it may have to."""
    if os.geteuid() or os.getpid() == 1:
        return None
    return (
        "Running as root, which the server does not need: start it as a user of its own, as "
        "packaging/c8ybin.service does, so that a fault in it reaches no more than its data."
    )
