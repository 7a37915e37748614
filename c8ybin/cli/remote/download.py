"""`c8ybin download`."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from c8ybin.cli.remote.bars import bar
from c8ybin.cli.remote.connecting import RESUMES, Server, connected, json_option, server_options
from c8ybin.cli.remote.tables import plain, write_json
from c8ybin.cli.remote.targets import FileSink, StreamSink
from c8ybin.domain.labels import safe_name
from c8ybin.domain.sizes import round_size

if TYPE_CHECKING:
    from c8ybin.client import Remote

STDOUT = "-"


@click.command()
@click.argument("event_id", metavar="EVENT")
@click.option(
    "--output",
    "-o",
    metavar="FILE",
    help="The file or the directory to write; - is standard output. By default the attachment's own name, here.",
)
@click.option("--force", is_flag=True, help="Take the place of a file that is there.")
@json_option
@server_options
def download(event_id: str, output: str | None, force: bool, as_json: bool, **settings: Any) -> None:
    """Fetch the attachment of EVENT, check its digest, and print the file's name.

    What was cut off goes on when the same command is given again: until a file is whole, it has a name that
    begins with a dot and ends with .part.
    """
    with bar() as shown, connected(Server.taken_from(settings), shown.tell, RESUMES) as connection:
        from c8ybin.client import Download, WrongBytes

        shown.begin(f"fetching {event_id}", None)
        with _sink(f"{connection.url}\n{event_id}", event_id, output, force=force) as sink:
            try:
                fetched = Download(connection, event_id, sink, shown.count).run()
            except WrongBytes:
                sink.discard()
                raise
            sink.finish()
        written = sink.written
        if not as_json:
            how = "the digest is the server's" if fetched.verified else "this server tells no digest"
            missing = fetched.length - fetched.resumed
            rest = f", of which {round_size(missing)} were missing" if fetched.resumed else ""
            shown.tell(f"Fetched {plain(written)} ({round_size(fetched.length)}){rest}; {how}.")
    if as_json:
        document = {
            "event": event_id,
            "file": written,
            "name": fetched.remote.name,
            "type": fetched.remote.type,
            "length": fetched.length,
            "sha256": fetched.sha256.hex(),
            "resumed": fetched.resumed,
            "verified": fetched.verified,
        }
        write_json(document, err=output == STDOUT)
    elif output != STDOUT:
        click.echo(written)


def _sink(what: str, event_id: str, output: str | None, *, force: bool) -> FileSink | StreamSink:
    if output == STDOUT:
        return StreamSink(sys.stdout.buffer, "standard output")
    path = None if output is None else Path(output)
    if path and path.exists() and not (path.is_file() or path.is_dir()):
        return StreamSink(path.open("wb"), str(path), closes=True)  # a device or a pipe

    def choose(remote: "Remote") -> Path:
        if path is None:
            return Path(name_for(event_id, remote))
        return path / name_for(event_id, remote) if path.is_dir() else path

    return FileSink(choose, what, force=force)


def name_for(event_id: str, remote: "Remote") -> str:
    """Return what to call a file here: the attachment's name, but never a hidden file's."""
    name = remote.name or safe_name(event_id) or "attachment"
    return f"_{name}" if name.startswith(".") else name
