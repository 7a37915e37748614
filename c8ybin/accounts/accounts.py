"""The accounts of one data directory, as a file and in memory."""

import contextlib
import hmac
import json
import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any

from c8ybin import fsio
from c8ybin.accounts.checks import PASSWORD_CHARACTERS, AccountsProblem, check_name, check_password
from c8ybin.accounts.passwords import NOBODY, hash_password, verify_password
from c8ybin.accounts.roles import ROLES
from c8ybin.accounts.verified import Verified

FILE = "accounts.json"
ADMIN_NAME = "admin"
ADMIN_PASSWORD_FILE = "admin-password"  # noqa: S105 - a file's name
LOCK = "accounts.lock"
LOCK_TIMEOUT_S = 10.0

Records = dict[str, dict[str, Any]]
Identity = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class User:
    """An account: its name and what it may do."""

    name: str
    roles: frozenset[str]


class Accounts:
    """The users in `accounts.json`, and those that exist only while this process runs."""

    def __init__(
        self, root: Path, *, only_here: Mapping[str, tuple[str, Collection[str]]] | None = None
    ) -> None:
        """Use the accounts of a data directory.

        Args:
            root: The data directory.
            only_here: Accounts that are never written: name to password and roles.
        """
        self._path = root / FILE
        self._lock_path = root / LOCK
        # Kept as they are: nobody can read them from a file, and a hash takes long at a start.
        self._only_here = {
            name: (_checked(password), _checked_roles(roles))
            for name, (password, roles) in (only_here or {}).items()
        }
        self._verified = Verified()
        self._lock = Lock()
        self._hashing = Lock()
        self._fd: int | None = None
        self._seen: Identity | None = None
        self._records: Records = {}

    def authenticate(self, name: str, password: str) -> User | None:
        """Return the user of a name and password; None when they do not fit.

        Raises:
            AccountsProblem: The file of accounts cannot be understood.
            OSError: It cannot be read.
        """
        records, verified = self._current()
        if name in self._only_here:
            right, roles = self._only_here[name]
            fits = hmac.compare_digest(password.encode(), right.encode())
            return User(name, frozenset(roles)) if fits else None
        record = records.get(name)
        if record and verified.knows(name, password):
            return _user(name, record)
        if len(password) > PASSWORD_CHARACTERS:
            return None
        fsio.may_take_long()
        # One at a time, for each takes 16 MiB; clients that come together often are one account.
        with self._hashing:
            if record and verified.knows(name, password):
                return _user(name, record)
            try:
                fits = verify_password(password, record["password"] if record else NOBODY)
            except (KeyError, TypeError, ValueError):
                raise AccountsProblem(f"{self._path.name}: the password of an account is damaged.") from None
            if not record or not fits:
                return None
            verified.remember(name, password)
        return _user(name, record)

    def users(self) -> list[User]:
        """Return all users, by name."""
        here = {name: {"roles": roles} for name, (_, roles) in self._only_here.items()}
        return [_user(name, record) for name, record in sorted((self._current()[0] | here).items())]

    def add(self, name: str, password: str, roles: Iterable[str]) -> None:
        """Add a user.

        Raises:
            AccountsProblem: The name, password or roles are not acceptable, or the name is taken.
        """
        check_name(name)
        record = _record(password, roles)

        def change(records: Records) -> None:
            if name in records:
                raise AccountsProblem(f"There is a user {name} already; change it with `user password`.")
            records[name] = record

        self._change(change)

    def remove(self, name: str) -> None:
        """Remove a user.

        Raises:
            AccountsProblem: There is no such user.
        """
        self._change(lambda records: records.pop(_known(name, records)))
        self._forget_first_password(name)

    def set_password(self, name: str, password: str) -> None:
        """Give a user another password.

        Raises:
            AccountsProblem: There is no such user, or the password is not acceptable.
        """
        check_password(password)
        hashed = hash_password(password)

        def change(records: Records) -> None:
            records[_known(name, records)]["password"] = hashed

        self._change(change)
        self._forget_first_password(name)

    def _forget_first_password(self, name: str) -> None:
        """Remove the file with the password that a first start made, which holds no more."""
        if name == ADMIN_NAME:
            fsio.remove(self._path.with_name(ADMIN_PASSWORD_FILE))

    def close(self) -> None:
        """Let the file go."""
        with self._lock:
            self._release()

    @contextlib.contextmanager
    def exclusive(self) -> Iterator[None]:
        """Keep others from changing accounts during the block.

        Raises:
            TimeoutError: Somebody else is changing them for longer than one waits.
        """
        with fsio.locked(self._lock_path, LOCK_TIMEOUT_S):
            yield

    def _change(self, change: Callable[[Records], object]) -> None:
        with self.exclusive():
            try:
                records = _parse(fsio.read(self._path), self._path)
            except FileNotFoundError:
                records = {}
            change(records)
            for left in self._path.parent.glob(f".{FILE}.*"):
                fsio.remove(left)  # by a change that was killed
            text = json.dumps({"users": records}, indent=2, sort_keys=True) + "\n"
            draft = f".{FILE}.{fsio.unique_name()}"
            with fsio.replacing(self._path, draft, mode=fsio.PRIVATE_MODE) as file:
                file.write(text.encode())

    def _current(self) -> tuple[Records, Verified]:
        """Return the records by name, read again if the file has changed, and what was verified by them."""
        with self._lock:
            if self._seen is None or self._seen != _identity(self._path):
                self._reload()
            return self._records, self._verified

    def _reload(self) -> None:
        self._release()
        records: Records = {}
        seen: Identity = ()
        with contextlib.suppress(FileNotFoundError):
            self._fd = fsio.open_existing(self._path)
            seen = _identity(self._fd)
            records = _parse(fsio.read_at(self._fd, fsio.length(self._fd), 0), self._path)
        self._records = records
        self._verified = Verified()
        self._seen = seen

    def _release(self) -> None:
        self._seen = None
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None


def _identity(file: Path | int) -> Identity:
    """Return what changes when a file is replaced or written; empty where there is none.

    The number of a replaced file is not used again while it is open.
    """
    try:
        status = os.stat(file)  # noqa: PTH116 - a path or a descriptor
    except FileNotFoundError:
        return ()
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def _parse(data: bytes, path: Path) -> Records:
    try:
        users = json.loads(data)["users"]
        if not all(isinstance(r["roles"], list) and "password" in r for r in users.values()):
            raise TypeError
    except (AttributeError, KeyError, TypeError, ValueError):
        raise AccountsProblem(
            f"{path.name} in the data directory cannot be understood; mend it or restore it from a backup."
        ) from None
    return dict(users)


def _user(name: str, record: Mapping[str, Any]) -> User:
    return User(name, frozenset(record["roles"]))


def _known(name: str, records: Records) -> str:
    if name not in records:
        raise AccountsProblem(f"There is no user {name}.")
    return name


def _checked(password: str) -> str:
    check_password(password)
    return password


def _checked_roles(roles: Iterable[str]) -> list[str]:
    roles = sorted(set(roles))
    unknown = [role for role in roles if role not in ROLES]
    if unknown or not roles:
        raise AccountsProblem(f"Roles are one or more of {', '.join(ROLES)}.")
    return roles


def _record(password: str, roles: Iterable[str]) -> dict[str, Any]:
    return {"roles": _checked_roles(roles), "password": hash_password(_checked(password))}
