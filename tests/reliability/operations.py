"""What is done to a data directory, operation by operation.

An operation has a kind (`kinds.py`): the events of a data directory, its accounts, or the
directory itself from its first start on. Each takes the process that does it; those on
events take the event, too.
"""

import contextlib
import errno
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from breaking import after_a_break
from certifying import CERTIFICATE, make_a_certificate
from indexing import checkpoint, checkpoint_before_its_line, fold, noting_anew, reindex
from inspection import newest, newest_object
from kinds import ACCOUNTS, EVENTS, FIRST_START, INVENTORY, Kind, Start
from lockstep import failing, in_lockstep
from moving import (
    MOVED,
    MOVED_AS_BEFORE,
    ORDERED,
    copy_again,
    copy_at_once,
    copy_first,
    copy_last,
    copy_what_goes,
)
from repairing import BESIDE_A_DAMAGED_UPLOAD, REPAIRS
from restoring import (
    HALF_RESTORED,
    RESTORED_ANEW,
    RESTORED_OVER,
    WRITTEN,
    restore,
    restore_while_a_server_starts,
    write_a_backup,
)
from store_tools import by_path
from unsound import BESIDE_A_DAMAGED_COLUMN

from c8ybin.accounts import ROLES, Accounts, AccountsProblem, make_admin
from c8ybin.bodies import files
from c8ybin.domain.errors import EventNotFound
from c8ybin.store import digesting, end_read_only, group_commit, journal, make_read_only, uploads

OLD, NEW = b"old bytes", b"the new bytes"

Act = Callable[..., object]


@dataclass(frozen=True)
class Operation:
    """A change.

    Attributes:
        act: What it does; several are answered one after the other.
        before: What was done and answered before it.
        others: Operations that another process may do when this one was killed, besides the same.
        kind: What it is done to.
        apart: Whether it changes several events, each of which may be seen old or new.
        told: Whether what was done before is durable in the index, too. Else the lines of that, which other
            operations are about, double the states that are looked at.
    """

    act: Act | tuple[Act, ...]
    before: Act = lambda *_: None
    others: tuple[str, ...] = ()
    kind: Kind = EVENTS
    apart: bool = False
    told: bool = True

    @property
    def acts(self) -> tuple[Act, ...]:
        """What it does, one by one."""
        return self.act if isinstance(self.act, tuple) else (self.act,)


def chunk(where: str, data: bytes, *, put: bool = False) -> Act:
    return lambda desk, event: desk.chunk(event, where, data, put=put)


def attach(desk: Any, event: int) -> int:
    desk.attach(event, OLD)
    return event


def replace(desk: Any, event: int) -> None:
    desk.replace(event, NEW)


def attach_again(desk: Any, event: int) -> None:
    desk.replace(event, b"newer still")


def drop(desk: Any, event: int) -> None:
    desk.drop(event)


def delete(desk: Any, event: int) -> None:
    desk.delete(event)


def add(name: str) -> Act:
    return lambda accounts: accounts.add(name, "password-1", ROLES)


def first_account(accounts: Accounts) -> None:
    if make_admin(accounts, accounts._path.parent) is None:
        raise AccountsProblem("there is one, and nobody was told of it now")


def start_and_create(start: Start) -> None:
    start.open().create(text="created")


def attach_to_it(start: Start) -> None:
    assert start.desk
    start.desk.attach(newest(start.desk) or 0, NEW)


def both(*acts: Act) -> Act:
    return lambda *arguments: [act(*arguments) for act in acts]


def on_a_full_disk(act: Act) -> Act:
    """There is no room for a name in the writer's folder, as on a full file system of small blocks."""

    def do(*arguments: object) -> None:
        with full_folder():
            act(*arguments)

    return do


@contextlib.contextmanager
def full_folder() -> Iterator[None]:
    rename = os.rename

    def refuse(source: Any, target: Any) -> None:
        if os.path.basename(target).startswith("gone-"):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        rename(source, target)

    os.rename = by_path(refuse)  # type: ignore[assignment]
    try:
        yield
    finally:
        os.rename = rename


def shortening(desk: Any, event: int) -> None:
    """A chunk after which the journal is written anew."""
    most, journal.MOST_LINES = journal.MOST_LINES, 1
    try:
        desk.chunk(event, "3-5/9", b"def")
    finally:
        journal.MOST_LINES = most


def with_a_digest_of_its_own(act: Act) -> Act:
    """The body is a long one, whose digest is a line of its own: made in this thread, where each step is recorded."""

    def do(*arguments: object) -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(files, "HASHED_ON_ARRIVAL", 0)
            patch.setattr(uploads, "HASHED_ON_ARRIVAL", 0)
            patch.setattr(digesting, "MOST_WAITING", -1)
            act(*arguments)

    return do


def as_if_large(act: Act) -> Act:
    """Bytes that are made durable before their commit joins others."""

    def do(*arguments: object) -> None:
        small, group_commit.SMALL = group_commit.SMALL, 0
        try:
            act(*arguments)
        finally:
            group_commit.SMALL = small

    return do


def expire(desk: Any, event: int) -> None:
    desk.store.sweep.upload_expiry_s = -1.0
    desk.store.sweep.stale_uploads()
    raise EventNotFound  # nobody asked for it, so nobody was answered


FIRST = chunk("0-2/9", b"abc")
FIRST_PUT = chunk("0-2/9", b"abc", put=True)
LAST = chunk("3-8/9", b"defghi")
LAST_PUT = chunk("3-8/9", b"defghi", put=True)


def other_event(desk: Any, event: int) -> None:
    desk.create(text="other")


def attach_to_other(desk: Any, event: int) -> int:
    (other,) = (found for found, _ in desk.layout.walk() if found != event)
    desk.attach(other, NEW)
    return other


def sweep(desk: Any, event: int) -> None:
    desk.sweep()


def leave_untold(desk: Any, _: int) -> None:
    """Another process has died between a change and its line."""
    other = type(desk)(desk.root, clock=desk.disk.clock)
    other.disk.index._append = lambda line: None
    other.create(text="another", time="2026-11-25T12:00:00.000Z")
    other.die()


def leave_a_log(desk: Any, _: int) -> None:
    """Another process has ended, of whose log only this one's tells that what it created is gone."""
    other = type(desk)(desk.root, clock=desk.disk.clock)
    created = other.create(text="short-lived")
    other.close()
    desk.delete(created)


def leave_changes(desk: Any, event: int) -> None:
    """Another process has changed something, and died."""
    other = type(desk)(desk.root, clock=desk.disk.clock)
    other.attach(event, OLD)
    other.create(text="another")
    other.die()


def create(text: str) -> Act:
    # Of each process another, for events are told apart by their text.
    return lambda desk, _: desk.create(text=f"{text} of {desk.writer.name}")


TOGETHER = {
    "create two events together": Operation(
        in_lockstep(create("one"), create("two")), others=("attach",), apart=True
    ),
    "attach and create together": Operation(in_lockstep(attach, create("one")), apart=True),
    "attach to two events together": Operation(in_lockstep(attach, attach_to_other), other_event, apart=True),
    "attach twice together": Operation(in_lockstep(attach, attach)),
    "attach together with one whose fsync fails": Operation(
        failing(in_lockstep(attach, attach_to_other), "fsync", "content-*-2"), other_event, apart=True
    ),
}

INDEXING = {
    "fold": Operation(fold, both(other_event, attach), others=("attach", "delete event"), told=False),
    "fold again": Operation(fold, both(attach, fold, replace, other_event), told=False),
    "fold what is deleted": Operation(fold, both(attach, fold, other_event, delete), told=False),
    "fold twice": Operation(both(fold, fold), leave_a_log, told=False),
    "checkpoint": Operation(checkpoint, both(attach, other_event), others=("delete event",), told=False),
    "change after a checkpoint": Operation(replace, both(attach, checkpoint), told=False),
    "change while the hours are noted anew": Operation(
        (noting_anew(checkpoint_before_its_line(replace)), noting_anew(checkpoint), attach_again),
        attach,
        told=False,
    ),
    "reindex": Operation(reindex, both(attach, other_event), others=("attach",), told=False),
    "tell for the dead beside a damaged column": Operation(
        sweep, leave_untold, kind=BESIDE_A_DAMAGED_COLUMN, told=False
    ),
    "tell for a dead process": Operation((sweep, checkpoint), leave_changes, told=False),
}


def name_it(desk: Any, thing: int) -> None:
    desk.name(thing)


def make_later(desk: Any, _: int) -> None:
    """An object in another directory than the one before: some milliseconds go by."""
    for _ in range(5):
        desk.store.clock.now_ms()
    desk.make(name=f"created by {desk.writer.name}")


def make_heir(desk: Any, _: int) -> None:
    desk.make(name="heir")


def name_newest(desk: Any, _: int) -> None:
    desk.name(newest_object(desk) or 0)


def delete_it(desk: Any, thing: int) -> None:
    desk.store.inventory.delete(thing)


MANAGED = {
    "create managed object": Operation(
        make_later,
        others=("change managed object", "add external ID", "delete managed object"),
        kind=INVENTORY,
    ),
    "change managed object": Operation(
        lambda desk, thing: desk.store.inventory.update(thing, {"name": "changed"}), kind=INVENTORY
    ),
    "delete managed object": Operation(
        delete_it, name_it, others=("give its external ID to another",), kind=INVENTORY
    ),
    "add external ID": Operation(
        name_it, others=("remove external ID", "delete managed object"), kind=INVENTORY
    ),
    "remove external ID": Operation(
        lambda desk, _: desk.unname(), name_it, others=("add external ID",), kind=INVENTORY
    ),
    "give its external ID to another": Operation((make_heir, name_newest), kind=INVENTORY, apart=True),
}

OPERATIONS = {
    "create event": Operation(
        lambda desk, _: desk.create(text="created"),
        others=("attach", "first chunk", "change event", "delete event"),
    ),
    "attach": Operation(attach, others=("replace", "delete binary")),
    "attach over an upload": Operation(
        attach, FIRST, others=("first chunk by PUT", "next chunk", "delete both", "expire an upload")
    ),
    "attach a large body": Operation(as_if_large(attach)),
    "attach by PUT": Operation(replace),
    "replace": Operation(replace, attach, others=("delete binary",)),
    "replace over its upload": Operation(
        replace,
        both(attach, FIRST_PUT),
        others=("first chunk by PUT", "completing chunk by PUT", "delete both"),
    ),
    "first chunk": Operation(FIRST, others=("next chunk", "completing chunk", "attach")),
    "first chunk by PUT": Operation(FIRST_PUT, attach, others=("completing chunk by PUT",)),
    "next chunk": Operation(chunk("3-5/9", b"def"), FIRST, others=("completing chunk",)),
    "next chunk by PUT": Operation(chunk("6-8/*", b"ghi", put=True), both(attach, FIRST_PUT)),
    "chunk that shortens the journal": Operation(shortening, both(FIRST, chunk("6-7/9", b"gh"))),
    "next large chunk": Operation(as_if_large(chunk("3-5/9", b"def")), FIRST),
    "chunk anew": Operation(chunk("0-3/9", b"wxyz"), FIRST, others=("next chunk",)),
    "chunk anew by PUT": Operation(chunk("0-3/9", b"wxyz", put=True), both(attach, FIRST_PUT)),
    "next chunk after a break": Operation(
        after_a_break(chunk("3-5/9", b"def")), FIRST, others=("completing chunk",)
    ),
    "completing chunk by PUT after a break": Operation(after_a_break(LAST_PUT), both(attach, FIRST_PUT)),
    "only chunk": Operation(chunk("0-2/3", b"abc")),
    "only chunk anew": Operation(chunk("0-3/4", b"wxyz"), FIRST),
    "only chunk by PUT": Operation(chunk("0-2/3", b"abc", put=True), attach),
    "the length alone": Operation(chunk("0-2/3", b"abc"), chunk("0-2/*", b"abc")),
    "completing chunk": Operation(LAST, FIRST, others=("delete binary",)),
    "completing chunk by PUT": Operation(LAST_PUT, both(attach, FIRST_PUT)),
    "repeated chunk": Operation(FIRST, FIRST),
    "repeated completing chunk": Operation(LAST, both(FIRST, LAST)),
    "attach a long body": Operation(with_a_digest_of_its_own(attach), others=("replace", "delete binary")),
    "replace by a long body": Operation(with_a_digest_of_its_own(replace), attach),
    "completing chunk of a long file": Operation(with_a_digest_of_its_own(LAST), FIRST),
    "replace a long body": Operation(replace, with_a_digest_of_its_own(attach)),
    "delete binary": Operation(drop, attach, others=("attach",)),
    "delete upload": Operation(drop, FIRST, others=("first chunk",)),
    "delete both": Operation(drop, both(attach, FIRST_PUT)),
    "change event": Operation(lambda desk, event: desk.update(event, text="changed"), attach),
    "delete event": Operation(delete, attach),
    "delete event with an upload": Operation(delete, both(attach, FIRST_PUT)),
    "delete event on a full disk": Operation(on_a_full_disk(delete), both(attach, FIRST_PUT)),
    "expire an upload": Operation(expire, FIRST),
    **TOGETHER,
    **INDEXING,
    **MANAGED,
    "add the first account": Operation(add("one"), kind=ACCOUNTS),
    "add an account": Operation(add("two"), add("one"), kind=ACCOUNTS),
    "change a password": Operation(lambda a: a.set_password("one", "password-2"), add("one"), kind=ACCOUNTS),
    "remove an account": Operation(lambda a: a.remove("one"), add("one"), kind=ACCOUNTS),
    "make the first account": Operation(first_account, kind=ACCOUNTS),
    "change the first password": Operation(
        lambda a: a.set_password("admin", "password-2"), first_account, kind=ACCOUNTS
    ),
    "make a certificate": Operation(make_a_certificate, kind=CERTIFICATE),
    "first start": Operation((start_and_create, attach_to_it), kind=FIRST_START),
    **{f"repair {what}": Operation(kind.repair, kind=kind) for what, kind in REPAIRS.items()},
    "replace beside a damaged upload": Operation(
        replace, others=("repair a damaged upload",), kind=BESIDE_A_DAMAGED_UPLOAD
    ),
    "restore": Operation(restore, kind=RESTORED_ANEW),
    "restore over old data": Operation(restore, kind=RESTORED_OVER),
    "restore what is half restored": Operation(restore, kind=HALF_RESTORED),
    "restore while a server starts": Operation(restore_while_a_server_starts, kind=RESTORED_OVER),
    "write a backup": Operation(write_a_backup, kind=WRITTEN),
    "copy": Operation(copy_first, kind=MOVED),
    "copy again": Operation(copy_again, copy_first, kind=MOVED),
    "copy what goes again": Operation(copy_what_goes, copy_first, kind=MOVED_AS_BEFORE),
    "copy the last time": Operation(copy_last, copy_first, kind=MOVED),
    "copy at once": Operation(copy_at_once, kind=MOVED_AS_BEFORE),
    "make read-only": Operation(make_read_only, kind=ORDERED),
    "end read-only": Operation(end_read_only, make_read_only, others=("make read-only",), kind=ORDERED),
}
