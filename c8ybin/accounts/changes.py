"""Changes of the accounts, each one replacement of their file."""

from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from c8ybin import fsio
from c8ybin.accounts.checks import AccountsProblem, check_label, check_name, check_password
from c8ybin.accounts.passwords import hash_password
from c8ybin.accounts.records import Record, Records, parse, write
from c8ybin.accounts.roles import ADMIN, ROLES
from c8ybin.accounts.tokens import NewToken, make_token

FILE = "accounts.json"
ADMIN_NAME = "admin"
ADMIN_PASSWORD_FILE = "admin-password"  # noqa: S105 - a file's name
LOCK = "accounts.lock"
READ_ONLY = "read-only"
LOCK_TIMEOUT_S = 10.0


class Changes:
    """Changes the accounts of one data directory, while servers use them or not.

    Every method raises AccountsProblem, and has changed nothing, where the change is not acceptable;
    TimeoutError where others change the accounts for too long; OSError where the disk does not take it.
    """

    def __init__(self, root: Path) -> None:
        self._path = root / FILE
        self._lock_path = root / LOCK
        self._read_only = root / READ_ONLY

    @contextmanager
    def exclusive(self) -> Iterator[Path]:
        """Keep others from changing accounts during the block; yields a folder for drafts.

        Raises:
            TimeoutError: Somebody else is changing them for longer than one waits.
        """
        with fsio.turn(self._path, self._lock_path, LOCK_TIMEOUT_S) as drafts:
            yield drafts

    def _change(self, change: Callable[[Records], None], *, keeps_admin: bool = False) -> None:
        with self.exclusive() as drafts:
            # Within the turn: whoever made the data read-only overtakes those that began before.
            if fsio.exists(self._read_only):
                raise AccountsProblem(
                    f"{self._path.parent} is read-only, as while it is moved; change accounts where it is moved to, "
                    "or say `c8ybin read-only off` before."
                )
            try:
                records = parse(fsio.read(self._path), self._path)
            except FileNotFoundError:
                records = {}
            had_admin = _has_admin(records)
            change(records)
            if any(
                record.sources is None and (record.quota, record.max_events) != (None, None)
                for record in records.values()
            ):
                raise AccountsProblem(
                    "A quota counts what the sources of an account hold; give it sources, too."
                )
            if keeps_admin and had_admin and not _has_admin(records):
                raise AccountsProblem(f"Nobody else has {ADMIN}; use --force if that is what you want.")
            try:
                with fsio.replacing(self._path, drafts / FILE, mode=fsio.PRIVATE_MODE) as file:
                    file.write(write(records))
            except FileNotFoundError:
                if fsio.exists(drafts):
                    raise
                raise AccountsProblem(
                    "Somebody else changed the accounts meanwhile, so nothing was changed; say it again."
                ) from None

    def _replace(self, name: str, *, keeps_admin: bool = False, **members: Any) -> None:
        def change(records: Records) -> None:
            records[name] = replace(_known(name, records), **members)

        self._change(change, keeps_admin=keeps_admin)

    def add(self, name: str, password: str | None, roles: Iterable[str], **limits: Any) -> None:
        """Add a user; without a password it can only use tokens. `limits` are those of `change`."""
        check_name(name)
        hashed = None if password is None else hash_password(checked_password(password))
        record = Record(checked_roles(roles), hashed, **_checked_limits(**limits))

        def change(records: Records) -> None:
            if name in records:
                raise AccountsProblem(f"There is a user {name} already; change it with `user change`.")
            records[name] = record

        self._change(change)

    def remove(self, name: str, *, force: bool = True) -> None:
        """Remove a user with its tokens; the last one with ROLE_ADMIN only by force."""

        def change(records: Records) -> None:
            _known(name, records)
            del records[name]

        self._change(change, keeps_admin=not force)
        self._forget_first_password(name)

    def set_password(self, name: str, password: str) -> None:
        """Give a user another password; its tokens stay."""
        self._replace(name, password=hash_password(checked_password(password)))
        self._forget_first_password(name)

    def change(
        self, name: str, *, roles: Iterable[str] | None = None, force: bool = True, **limits: Any
    ) -> None:
        """Give a user other roles or limits: `sources`, `quota`, `max_events`; None lifts a limit."""
        members = _checked_limits(**limits)
        if roles is not None:
            members["roles"] = checked_roles(roles)
        self._replace(name, keeps_admin=not force, **members)

    def disable(self, name: str, *, force: bool = True) -> None:
        """Let a user and its tokens in no more; the last one with ROLE_ADMIN only by force."""
        self._replace(name, keeps_admin=not force, is_disabled=True)

    def enable(self, name: str) -> None:
        """Let a user that was disabled in again, and its tokens."""
        self._replace(name, is_disabled=False)

    def rename(self, name: str, new: str) -> None:
        """Give a user another name; events keep that of who made them."""
        check_name(new)

        def change(records: Records) -> None:
            record = _known(name, records)
            if new in records:
                raise AccountsProblem(f"There is a user {new} already; choose another name.")
            del records[name]
            records[new] = record

        self._change(change)
        self._forget_first_password(name)

    def add_token(
        self, name: str, *, roles: Collection[str] | None = None, expires: int | None = None, label: str = ""
    ) -> NewToken:
        """Make a token for a user.

        Args:
            name: The user.
            roles: Those of its user's roles that it has; None for all that the user has at the time.
            expires: When it ends, in milliseconds since 1970; None for never.
            label: What it is for.
        """
        check_label(label)
        wanted = None if roles is None else checked_roles(roles)
        made: list[NewToken] = []

        def change(records: Records) -> None:
            record = _known(name, records)
            beyond = sorted((wanted or frozenset()) - record.roles)
            if beyond:
                raise AccountsProblem(f"The user {name} has no {beyond[0]}, so a token of it cannot have it.")
            taken = [token_id for each in records.values() for token_id in each.tokens]
            new, token = make_token(taken, wanted, expires, label)
            records[name] = record.with_token(new.id, token)
            made.append(new)

        self._change(change)
        return made[0]

    def remove_token(self, token_id: str) -> str:
        """Revoke a token; return whose it was."""
        owner: list[str] = []

        def change(records: Records) -> None:
            owner.extend(name for name, record in records.items() if token_id in record.tokens)
            if not owner:
                raise AccountsProblem(
                    f"There is no token {token_id}; `token list` names those that there are."
                )
            record = records[owner[0]]
            kept = {each: token for each, token in record.tokens.items() if each != token_id}
            records[owner[0]] = replace(record, tokens=kept)

        self._change(change)
        return owner[0]

    def _forget_first_password(self, name: str) -> None:
        """Remove the file with the password that a first start made, which holds no more."""
        if name == ADMIN_NAME:
            fsio.remove(self._path.with_name(ADMIN_PASSWORD_FILE))


def _has_admin(records: Records) -> bool:
    return any(ADMIN in record.roles and not record.is_disabled for record in records.values())


def _known(name: str, records: Records) -> Record:
    if name not in records:
        raise AccountsProblem(f"There is no user {name}.")
    return records[name]


def checked_password(password: str) -> str:
    """Return a password that is acceptable."""
    check_password(password)
    return password


def checked_roles(roles: Iterable[str]) -> frozenset[str]:
    """Return roles that are acceptable."""
    wanted = frozenset(roles)
    if not wanted or wanted - ROLES.keys():
        raise AccountsProblem(f"Roles are one or more of {', '.join(ROLES)}.")
    return wanted


def _checked_limits(**limits: Any) -> dict[str, Any]:
    sources = limits.get("sources")
    if sources is not None:
        limits["sources"] = frozenset(sources)
        if not limits["sources"] or not all(limits["sources"]):
            raise AccountsProblem("Sources are one or more IDs, with commas; none lifts the limit.")
    return limits
