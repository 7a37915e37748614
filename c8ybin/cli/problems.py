"""What a command cannot go on with: one sentence on standard error, and an exit code."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from c8ybin.store import Store, UnfitDirectory, UnfitFileSystem

_HINTS = {
    errno.ELOOP: "; no symbolic link is followed there",
    errno.EROFS: "; `serve --read-only` serves it all the same",
}
ACCOUNTS_BUSY = "The accounts are being changed by another command; try again."


class Problem(click.ClickException):
    """Something that a person has to put right first; one sentence on standard error, exit code 1."""


class Unfit(Problem):
    """What the command was given to work on is not fit for it; exit code 2, as for wrong arguments."""

    exit_code = 2


@contextmanager
def using(data: Path) -> Iterator[None]:
    """Say in one sentence why a data directory cannot be used.

    Raises:
        Unfit: It is not ours, or the disk refused something.
        TimeoutError: Let through: somebody else holds a lock for too long.
    """
    try:
        yield
    except (UnfitDirectory, UnfitFileSystem) as error:
        raise Unfit(str(error)) from None
    except TimeoutError:
        raise
    except OSError as error:
        raise Unfit(f"The data directory {data} cannot be used: {_reason(error, data)}.") from None


def require_writable(store: Store, data: Path) -> None:
    """Refuse a command that would change something.

    Raises:
        Unfit: Nothing may be changed.
    """
    if store.is_read_only:
        raise Unfit(f"{data} is read-only, as while it is moved; `c8ybin read-only off` ends that.")


def _reason(error: OSError, data: Path) -> str:
    """Say what the system refused, and where, if that is below the data directory."""
    place = str(error.filename)
    where = f" at {place}" if place.startswith(f"{data}/") else ""
    return f"{error.strerror}{where}{_HINTS.get(error.errno or 0, '')}"
