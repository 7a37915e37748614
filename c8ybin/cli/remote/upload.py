"""`c8ybin upload`."""

import mimetypes
import os
import shutil
import stat
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import click

from c8ybin.cli.remote import exits
from c8ybin.cli.remote.bars import Bar, bar
from c8ybin.cli.remote.begun import Begun
from c8ybin.cli.remote.connecting import RESUMES, Server, connected, json_option, server_options
from c8ybin.cli.remote.exits import Failure
from c8ybin.cli.remote.filters import Moment
from c8ybin.cli.remote.tables import write_json
from c8ybin.cli.units import Size
from c8ybin.domain.events import Document
from c8ybin.domain.labels import OCTET_STREAM, Label, media_type, safe_name
from c8ybin.domain.sizes import KIB, MIB, format_size, round_size

if TYPE_CHECKING:
    from c8ybin.client import Connection, Sent, Source

NEW = "new"
STDIN = "-"
EVENT_TYPE = "c8ybin_Upload"
_LARGEST_CHUNK = 64 * MIB


class _Chunk(Size):
    """The length of a chunk."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Read one; a very short one would cost more than it sends."""
        size = super().convert(value, param, ctx)
        if not 64 * KIB <= size <= _LARGEST_CHUNK:
            self.fail(f"{value!r} is not between 64 KiB and {format_size(_LARGEST_CHUNK)}.", param, ctx)
        return size


@click.command()
@click.argument("event_id", metavar="EVENT")
@click.argument("files", metavar="FILE...", nargs=-1, required=True)
@click.option("--source", metavar="ID", help="Of `new`: the event's source.")
@click.option(
    "--type", "type_", metavar="TYPE", help=f"Of `new`: what kind of event it is; {EVENT_TYPE} by default."
)
@click.option("--text", help="Of `new`: the event's text; the file's name by default.")
@click.option("--time", "moment", type=Moment(), help="Of `new`: the event's time; now by default.")
@click.option("--replace", is_flag=True, help="Take the place of what is attached already.")
@click.option("--name", help="What the attachment is called; the file's name by default.")
@click.option("--media-type", metavar="TYPE", help="What it is, as image/png; by its name otherwise.")
@click.option(
    "--chunk-size",
    type=_Chunk(),
    default=format_size(MIB),
    show_default=True,
    help="A longer file is sent in chunks of this size, which are what a cut can cost.",
)
@click.option(
    "--parallel",
    type=click.IntRange(1, 16),
    default=4,
    show_default=True,
    metavar="N",
    help="How many chunks are sent at once.",
)
@json_option
@server_options
def upload(event_id: str, files: tuple[str, ...], **settings: Any) -> None:
    """Attach FILE to EVENT, or each FILE to an event of its own where EVENT is `new`; print the event's ID.

    FILE may be - for standard input, which is sent once it has ended. What was cut off, by Ctrl-C or a lost
    power, goes on from what has arrived when the same command is given again.
    """
    if event_id == NEW:
        if not settings["source"]:
            raise Failure("Say --source ID, whose event `new` is to be.", exits.USAGE)
    elif len(files) > 1:
        raise Failure("An event has one attachment: give one FILE, or `new` for an event each.", exits.USAGE)
    elif any(settings[name] for name in ("source", "type_", "text", "moment")):
        raise Failure("--source, --type, --text and --time are for `new`.", exits.USAGE)
    if files.count(STDIN) > 1 or (len(files) > 1 and settings["name"]):
        raise Failure("Standard input and --name are for one file.", exits.USAGE)
    if settings["media_type"] and media_type(settings["media_type"]) is None:
        raise Failure("--media-type is no type like image/png.", exits.USAGE)
    server = Server.taken_from(settings)
    as_json = settings.pop("as_json")
    with bar() as shown, connected(server, shown.tell, RESUMES) as connection:
        # Remembered until the last file is there: the same command again begins with the first.
        begun = [
            _upload(connection, _Wanted(event_id, file, files, **settings), shown, as_json=as_json)
            for file in files
        ]
        for each in begun:
            if each:
                each.forget()


@dataclass(frozen=True, slots=True)
class _Wanted:
    """One file of those that a command sends, and what is to become of it."""

    event_id: str
    file: str
    files: tuple[str, ...]
    source: str | None
    type_: str | None
    text: str | None
    moment: str | None
    replace: bool
    name: str | None
    media_type: str | None
    chunk_size: int
    parallel: int

    @property
    def label(self) -> Label:
        """What the attachment is called, and what it is."""
        name = safe_name(self.name) or (None if self.file == STDIN else safe_name(Path(self.file).name))
        guessed = mimetypes.guess_type(name)[0] if name else None
        return Label(media_type(self.media_type) or guessed or OCTET_STREAM, name or "attachment")

    def event(self, label: Label) -> Document:
        """Return the event that `new` makes, but for its time."""
        return {
            "source": {"id": self.source},
            "type": self.type_ or EVENT_TYPE,
            "text": self.text if self.text is not None else label.name,
        }


@contextmanager
def opened(file: str) -> Iterator[BinaryIO]:
    """Yield a file that can be read at any place; what cannot, as a pipe, is copied first.

    Raises:
        Failure: It cannot be read.
    """
    with ExitStack() as stack:
        try:
            readable = sys.stdin.buffer if file == STDIN else stack.enter_context(Path(file).open("rb"))
            if not _is_at_its_beginning(readable.fileno()):
                copy = stack.enter_context(tempfile.TemporaryFile())
                shutil.copyfileobj(readable, copy)
                copy.flush()
                readable = copy
        except OSError as error:
            raise Failure(f"{file} cannot be read: {error.strerror}.") from None
        yield readable


def _is_at_its_beginning(fd: int) -> bool:
    """Tell whether it is a file of which nobody has read; of a pipe that cannot be told."""
    return stat.S_ISREG(os.fstat(fd).st_mode) and os.lseek(fd, 0, os.SEEK_CUR) == 0


def _upload(connection: "Connection", wanted: _Wanted, shown: Bar, *, as_json: bool) -> Begun | None:
    """Send one file; return what is remembered of that, if an event was made for it."""
    from c8ybin.client import Upload, look_at

    with opened(wanted.file) as file:
        label = wanted.label
        shown.begin(f"reading {label.name}", os.fstat(file.fileno()).st_size)
        source = look_at(file.fileno(), label, shown.count)
        # First, or an event without a file would be left.
        connection.require_takes(source.length)
        begun = None
        event_id = wanted.event_id
        if event_id == NEW:
            event_id, begun = _event_for(connection, wanted, source)
        shown.begin(f"sending {label.name}", source.length)
        sent = Upload(
            connection,
            event_id,
            source,
            replaces=wanted.replace,
            chunk_bytes=wanted.chunk_size,
            parallel=wanted.parallel,
            count=shown.count,
        ).run()
    _tell(event_id, source, sent, shown, as_json=as_json)
    return begun


def _event_for(connection: "Connection", wanted: _Wanted, source: "Source") -> tuple[str, Begun]:
    """Return the event that this command began before, or a new one."""
    from c8ybin.client import Events, NotFound

    events = Events(connection)
    document = wanted.event(source.label)
    paths = [file if file == STDIN else str(Path(file).resolve()) for file in (wanted.file, *wanted.files)]
    begun = Begun(os.environ, connection.url, repr(document), source.sha256.hex(), *paths)
    known = begun.event()
    if known:
        try:
            events.show(known)
        except NotFound:
            pass
        else:
            return known, begun
    moment = wanted.moment or Moment().convert("0s", None, None)
    made = str(events.create(document | {"time": moment}).get("id"))
    begun.remember(made)
    return made, begun


def _tell(event_id: str, source: "Source", sent: "Sent", shown: Bar, *, as_json: bool) -> None:
    if as_json:
        document = {
            "event": event_id,
            "name": source.name,
            "type": source.label.type,
            "length": source.length,
            "sha256": source.sha256.hex(),
            "sent": sent.sent,
            "verified": sent.verified,
        }
        with shown.aside():
            write_json(document)
        return
    with shown.aside():
        click.echo(event_id)
    size = round_size(source.length)
    how = "the digest is the file's" if sent.verified else "this server tells no digest"
    if sent.was_there:
        shown.tell(f"{source.name} ({size}) is attached to event {event_id} already.")
    elif sent.sent < source.length:
        missing = f"of which {round_size(sent.sent)} were missing"
        shown.tell(f"Attached {source.name} ({size}) to event {event_id}, {missing}; {how}.")
    else:
        shown.tell(f"Attached {source.name} ({size}) to event {event_id}; {how}.")
