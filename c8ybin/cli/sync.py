"""`c8ybin sync` and `c8ybin read-only`."""

import json
import time
from pathlib import Path

import click

from c8ybin.cli.modes import set_umask
from c8ybin.cli.options import config_option, data_option, option, unsafe_option
from c8ybin.cli.problems import Problem, Unfit, using
from c8ybin.cli.progress import progress
from c8ybin.domain.sizes import round_size
from c8ybin.store import (
    StillWritten,
    Sync,
    Synced,
    UnfitDirectory,
    UnfitFileSystem,
    end_read_only,
    existing_directory,
    make_read_only,
    wait_until_read_only,
)

_WITHIN_S = 10.0
_DIRECTORY = click.Path(path_type=Path, file_okay=False, resolve_path=True)


@click.command()
@click.argument("source", type=_DIRECTORY)
@click.argument("target", type=_DIRECTORY)
@option(
    "--final",
    is_flag=True,
    help="The last time: nothing changes SOURCE any more, and TARGET is to be served.",
)
@option("--verify", is_flag=True, help="Read also what TARGET has already, and hold it against its digests.")
@option("--json", "as_json", is_flag=True, help="Write what was done as JSON.")
@option(
    "--data-group-readable/--no-data-group-readable",
    default=False,
    expose_value=False,
    callback=set_umask,
    help="Make directories 0750 and files 0640, so that the data directory's group can read; else 0700 and 0600.",
)
@unsafe_option
@config_option
def sync(source: Path, target: Path, final: bool, verify: bool, as_json: bool) -> None:
    """Copy the data directory SOURCE to TARGET, while servers use it, on whatever file systems they are.

    It may be ended at any moment and given again: it goes on, and copies what has changed since. No server starts
    on TARGET before `c8ybin read-only on --data SOURCE` and a last time with --final. SOURCE is never changed.
    Exit code 0: done; 1: something damaged was left out, or it broke off; 2: one of them cannot be used, or
    SOURCE still takes changes.
    """
    with using(source):
        layout = existing_directory(source)
    start_s = time.monotonic()
    try:
        total = layout.count()
        with progress("copying", total) as step:
            done = Sync(layout, target, verify=verify, step=step, left_out=_leave_out).run(final=final)
    except (UnfitDirectory, UnfitFileSystem, StillWritten) as error:
        raise Unfit(str(error)) from None
    except OSError as error:
        where = f" at {error.filename}" if error.filename else ""
        reason = error.strerror or "somebody changes the accounts for long"
        raise Problem(
            f"The copy broke off: {reason}{where}; when that is put right, run it again, and it goes on."
        ) from None
    seconds = time.monotonic() - start_s
    _tell(done, target, seconds, as_json=as_json)
    if done.damaged or done.others:
        counts = ((len(done.damaged), "events"), (len(done.others), "managed objects or external IDs"))
        what = " and ".join(f"{count} damaged {noun}" for count, noun in counts if count)
        kept = (
            f" Earlier copies of {done.quarantined} of them are in {target}/quarantine."
            if done.quarantined
            else ""
        )
        raise Problem(f"{what} were left out of the copy; the rest is complete.{kept}")


def _leave_out(which: str, what: str) -> None:
    click.echo(f"left out: {which}: {what}", err=True)


def _tell(done: Synced, target: Path, seconds: float, *, as_json: bool) -> None:
    if as_json:
        click.echo(
            json.dumps(
                {
                    "events": done.events,
                    "changedEvents": done.changed_events,
                    "removedEvents": done.removed_events,
                    "copiedFiles": done.copied_files,
                    "copiedBytes": done.copied_bytes,
                    "damaged": [str(event_id) for event_id in done.damaged],
                    "others": done.others,
                    "quarantined": done.quarantined,
                    "complete": done.is_complete,
                    "seconds": round(seconds, 3),
                }
            )
        )
        return
    click.echo(
        f"{done.events:,} events, of which {done.changed_events:,} were copied "
        f"({round_size(done.copied_bytes)}) and {done.removed_events:,} more removed, in {seconds:.1f} s."
    )
    if done.is_complete:
        click.echo(f"{target} is complete; start the server on it.")


@click.command("read-only")
@click.argument("order", metavar="on|off", type=click.Choice(["on", "off"]))
@data_option
@config_option
def read_only(order: str, data: Path) -> None:
    """Have nothing in the data directory changed any more, by no process on any host; or again.

    Running servers obey within a second and go on to read: what would change something is answered 503. `on` waits
    until all of them have heard it. Exit code 0: it is so; 1: somebody has not heard it yet; 2: the data directory
    cannot be used.
    """
    with using(data):
        layout = existing_directory(data)
        if order == "off":
            end_read_only(layout)
            click.echo(f"{data} takes changes again.")
            return
        make_read_only(layout)
        writing = wait_until_read_only(layout, _WITHIN_S)
    if writing:
        raise Problem(
            f"{data} is read-only, but the process of {writing[0]} has not heard it yet; say it again, or end that."
        )
    click.echo(f"{data} is read-only: nothing changes it any more.")
