"""The account that a first start makes by itself."""

import secrets
from pathlib import Path

from c8ybin import fsio
from c8ybin.accounts.accounts import Accounts
from c8ybin.accounts.changes import ADMIN_NAME, ADMIN_PASSWORD_FILE
from c8ybin.accounts.checks import AccountsProblem
from c8ybin.accounts.roles import ROLES

_PASSWORD_BYTES = 15


def make_admin(accounts: Accounts, root: Path) -> str | None:
    """Make the user `admin` with a random password where there is no account at all.

    The password is kept in a file of mode 0600 in the data directory. It is written
    first and used again, so neither a cut between the two steps nor a second server
    that starts at the same time leaves an account whose password nobody knows.

    Returns:
        The password, or None when there are accounts.

    Raises:
        AccountsProblem: The file of accounts cannot be understood.
        OSError: It cannot be read or written.
    """
    if accounts.users():
        return None
    with accounts.changes.exclusive() as drafts:
        password = _kept_password(root / ADMIN_PASSWORD_FILE, drafts)
    try:
        accounts.add(ADMIN_NAME, password, ROLES)
    except AccountsProblem:
        if accounts.users():  # another server was faster, with the same password
            return None
        raise
    return password


def _kept_password(path: Path, drafts: Path) -> str:
    for left in path.parent.glob(f".{path.name}.*"):
        fsio.remove(left)  # by a start that was killed
    try:
        password = fsio.read(path).decode().strip()
    except FileNotFoundError:
        password = secrets.token_urlsafe(_PASSWORD_BYTES)
    else:
        # Whoever made it may have died before the fsync, and the account must not outlast its password.
        fsio.sync_directory(path.parent)
        return password
    with fsio.replacing(path, drafts / path.name, mode=fsio.PRIVATE_MODE) as file:
        file.write(f"{password}\n".encode())
    return password
