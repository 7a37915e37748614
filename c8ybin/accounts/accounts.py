"""The accounts of one data directory, as a server asks for them."""

import contextlib
import errno
import hmac
import os
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from threading import Lock

from c8ybin import fsio
from c8ybin.accounts.backoff import Backoff, Try
from c8ybin.accounts.changes import FILE, Changes, checked_password, checked_roles
from c8ybin.accounts.checks import PASSWORD_CHARACTERS, AccountsProblem
from c8ybin.accounts.hashing import Hashing
from c8ybin.accounts.memory import Memory
from c8ybin.accounts.passwords import NOBODY, verify_password
from c8ybin.accounts.records import Record, User, parse
from c8ybin.accounts.tokens import Tokens
from c8ybin.accounts.verified import Verified

Identity = tuple[int, ...]

# What somebody has to put right: no permission, a symbolic link, a directory.
_NO_FILE_OF_OURS = (errno.EACCES, errno.ELOOP, errno.EISDIR, errno.ENOTDIR)


class _State:
    """What the file tells as it is, and what was verified by it."""

    def __init__(self, data: bytes | None, path: Path, memory: Memory) -> None:
        self.records = {} if data is None else parse(data, path)
        # Made once, for each request asks for one.
        self.users = {name: record.user(name) for name, record in self.records.items()}
        self.verified = Verified(memory, data or b"")
        self.tokens = Tokens(self.records)


class Accounts:
    """The users in `accounts.json`, and those that exist only while this process runs."""

    def __init__(
        self,
        root: Path,
        *,
        only_here: Mapping[str, tuple[str, Collection[str]]] | None = None,
        memory: Memory | None = None,
    ) -> None:
        """Use the accounts of a data directory.

        Args:
            root: The data directory.
            only_here: Accounts that are never written: name to password and roles.
            memory: What this process shares with others about logins; by default nothing.
        """
        self.changes = Changes(root)
        self._path = root / FILE
        # Kept as they are: nobody can read them from a file, and a hash takes long at a start.
        self._only_here = {
            name: (checked_password(password), User(name, checked_roles(roles)))
            for name, (password, roles) in (only_here or {}).items()
        }
        self._memory = memory or Memory()
        self._backoff = Backoff(self._memory)
        self._hashing = Hashing()
        self._lock = Lock()
        self._fd: int | None = None
        self._seen: Identity | None = None
        self._state: _State | None = None

    def remembered(self, name: str, password: str) -> User | None:
        """Return the user of a name and password that were verified in the last minutes; else None.

        Raises:
            AccountsProblem: The file of accounts cannot be understood.
            OSError: It cannot be read.
        """
        state = self._current()
        return self._remembered(state, name, password, state.verified.digest(name, password))

    def _remembered(self, state: _State, name: str, password: str, pair: bytes) -> User | None:
        if name in self._only_here:
            right, only_here = self._only_here[name]
            return only_here if hmac.compare_digest(password.encode(), right.encode()) else None
        user = state.users.get(name)
        return user if user and state.verified.has(pair) else None

    def authenticate(self, name: str, password: str, address: str = "") -> User | None:
        """Return the user of a name and password; None when they do not fit.

        One slow hash is made, whatever is wrong: also for a user that is unknown, disabled or
        has no password.

        Args:
            name: As it was given.
            password: As it was given.
            address: Where the request comes from, for the back-off.

        Raises:
            TooManyTries: The user or the address failed too often lately; nothing was tried.
            LoginsCrowded: Too many others are being tried.
            AccountsProblem: The file of accounts cannot be understood.
            OSError: It cannot be read.
        """
        state = self._current()
        pair = state.verified.digest(name, password)
        user = self._remembered(state, name, password, pair)
        if user or len(password) > PASSWORD_CHARACTERS:
            return user
        fsio.may_take_long()
        record = None if name in self._only_here else state.records.get(name)
        is_known = state.verified.had(pair)
        tried: list[Try] = []

        def admit() -> None:
            # What was right lately is no guess, and nobody else's guesses may keep it out.
            if not is_known:
                tried.append(self._backoff.begin(name, address))

        def verify() -> bool:
            # By a thread that was just before this one, it may have been verified already.
            fits = state.verified.has(pair) or self._fits(record, password)
            if fits:
                state.verified.remember(pair)
                for each in tried:
                    self._backoff.succeeded(each)
            return fits

        fits = self._hashing.run(pair, admit, verify, is_known=is_known)
        return state.users[name] if record and fits else None

    def _fits(self, record: Record | None, password: str) -> bool:
        """Make the one slow hash, and tell whether a password is that of an account that may come in."""
        may_enter = record is not None and record.password is not None and not record.is_disabled
        try:
            return (
                verify_password(password, record.password if record and may_enter else NOBODY) and may_enter
            )
        except (KeyError, TypeError, ValueError):
            raise AccountsProblem(
                f"The password of an account in {self._path} is damaged; set it anew with `user password`."
            ) from None

    def of_token(self, text: str) -> User | None:
        """Return the user of a token, with the token's roles; None where it is none, or holds no more.

        Raises:
            AccountsProblem: The file of accounts cannot be understood.
            OSError: It cannot be read.
        """
        return self._current().tokens.user(text)

    def user(self, name: str) -> User | None:
        """Return a user that somebody else has authenticated; None where it is unknown or disabled.

        Raises:
            AccountsProblem: The file of accounts cannot be understood.
            OSError: It cannot be read.
        """
        if name in self._only_here:
            return self._only_here[name][1]
        record = self._current().records.get(name)
        return record.user(name) if record and not record.is_disabled else None

    def users(self) -> list[User]:
        """Return all users, by name."""
        users = self._current().users | {name: user for name, (_, user) in self._only_here.items()}
        return [user for _, user in sorted(users.items())]

    def records(self) -> Mapping[str, Record]:
        """Return what the file holds, by the users' names."""
        return self._current().records

    def add(self, name: str, password: str, roles: Iterable[str]) -> None:
        """Add a user; as `Changes.add`."""
        self.changes.add(name, password, roles)

    def remove(self, name: str) -> None:
        """Remove a user; as `Changes.remove`."""
        self.changes.remove(name)

    def set_password(self, name: str, password: str) -> None:
        """Give a user another password; as `Changes.set_password`."""
        self.changes.set_password(name, password)

    def close(self) -> None:
        """Let the file and the memory go."""
        with self._lock:
            self._release()
        self._memory.close()

    def _current(self) -> _State:
        """Return what the file tells, read again if it has changed."""
        with self._lock:
            state = self._state
            if state is None or self._seen != _identity(self._path):
                state = self._state = self._reload()
            return state

    def _reload(self) -> _State:
        self._release()
        data = None
        seen: Identity = ()
        try:
            with contextlib.suppress(FileNotFoundError):
                self._fd = fsio.open_existing(self._path)
                seen = _identity(self._fd)
                data = fsio.read_at(self._fd, fsio.length(self._fd), 0)
        except OSError as error:
            if error.errno not in _NO_FILE_OF_OURS:
                raise
            raise AccountsProblem(
                f"{self._path} cannot be read: {os.strerror(error.errno)};"
                " it must be a plain file that the server's user may read."
            ) from None
        state = _State(data, self._path, self._memory)
        self._seen = seen
        return state

    def _release(self) -> None:
        self._seen = self._state = None
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
