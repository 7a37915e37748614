"""What the commands for accounts share: the accounts of a data directory, and how values are written."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from c8ybin.accounts import Accounts, AccountsProblem
from c8ybin.cli.problems import ACCOUNTS_BUSY, Problem, Unfit, using
from c8ybin.store import is_data_directory, prepare_directory

NONE = "none"


@contextmanager
def accounts_of(data: Path, *, make: bool = False) -> Iterator[Accounts]:
    """Yield the accounts of a data directory, and tell in one sentence what cannot be done with them.

    Raises:
        Problem: It cannot be done.
        Unfit: It is no data directory, or cannot be used.
    """
    with using(data):
        is_there = make or is_data_directory(data)
    if not is_there:
        raise Unfit(f"{data} is no data directory of c8ybin.")
    try:
        with using(data):
            prepare_directory(data)
            accounts = Accounts(data)
            try:
                yield accounts
            finally:
                accounts.close()
    except AccountsProblem as error:
        raise Problem(str(error)) from None
    except TimeoutError:
        raise Problem(ACCOUNTS_BUSY) from None


def parted(text: str) -> list[str]:
    """Read a list with commas."""
    return [item.strip() for item in text.split(",")]
