"""`c8ybin check`."""

import json
import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import click

from c8ybin.accounts import ACCOUNTS_FILE, Accounts, AccountsProblem
from c8ybin.cli.modes import too_open
from c8ybin.cli.options import config_option, data_option, option
from c8ybin.cli.problems import Problem, require_writable, using
from c8ybin.cli.progress import progress
from c8ybin.domain.sizes import round_size
from c8ybin.store import QUARANTINE, Check, Finding, Kind, Store, started_directory


@click.command()
@option("--repair", is_flag=True, help="Put right what is found: what is damaged or foreign is set aside.")
@option("--quick", is_flag=True, help="Compare lengths, but no digests.")
@option("--json", "as_json", is_flag=True, help="Write a JSON object a line; the last one is the summary.")
@data_option
@config_option
def check(repair: bool, quick: bool, as_json: bool, data: Path) -> None:
    """Look for damage, bit rot, orphans and foreign files, also while servers run.

    Writes a line for each, and a summary to standard error. Exit code 0: nothing is wrong, or
    everything was put right; 1: something is wrong; 2: the data directory cannot be used.
    """
    found = wrong = aside = events = size = 0
    output = _Output()
    with using(data), ExitStack() as stack:
        layout = started_directory(data)
        if warning := too_open(data):
            click.echo(warning, err=True)
        mender = None
        if repair:
            store = Store.open(data)
            stack.callback(store.close)
            require_writable(store, data)
            mender = store.repair()
        step = stack.enter_context(progress("checking", layout.count()))

        def count(read: int) -> None:
            nonlocal events, size
            events, size = events + 1, size + read
            step(events=1, bytes=read)

        look = Check(layout, quick=quick, repair=mender, step=count)
        for finding in _both(data, look):
            found += 1
            wrong += finding.done is None
            aside += (finding.done or "").startswith("set aside")
            _tell(finding, data, output, as_json=as_json)
    if as_json:
        counts = {"events": events, "bytes": size, "found": found, "wrong": wrong, "aside": aside}
        digests = {"undigested": look.undigested, "digested": look.digested}
        output.write(json.dumps(counts | digests))
    else:
        click.echo(_summary(events, size, found, wrong, aside, repair=repair), err=True)
        if look.undigested:
            click.echo(_digests(look.undigested, look.digested, repair=repair), err=True)
    if output.trouble:
        raise Problem(f"Not everything could be written to standard output: {output.trouble}.")
    if wrong:
        sys.exit(Problem.exit_code)


def _both(data: Path, check: Check) -> Iterator[Finding]:
    accounts = Accounts(data)
    try:
        accounts.users()
    except AccountsProblem as error:
        yield Finding(Kind.ACCOUNTS, data / ACCOUNTS_FILE, str(error))
    finally:
        accounts.close()
    yield from check.run()


class _Output:
    """Standard output; that it takes no more must not break a repair off in the middle."""

    def __init__(self) -> None:
        self.trouble: str | None = None

    def write(self, line: str) -> None:
        """Write a line, unless one could not be written."""
        if self.trouble is None:
            try:
                click.echo(line)
            except OSError as error:
                self.trouble = error.strerror
                sys.stdout = Path(os.devnull).open("w")  # noqa: SIM115 - for what is flushed at the end


def _tell(finding: Finding, data: Path, output: _Output, *, as_json: bool) -> None:
    path = str(finding.path.relative_to(data))
    if sys.stderr.isatty():
        click.echo("\r\033[K", nl=False, err=True)  # where the progress stands
    if as_json:
        members = {"kind": finding.kind, "path": path, "what": finding.what, "done": finding.done}
        output.write(json.dumps(members))
    else:
        done = f"; {finding.done}" if finding.done else ""
        # A name that would break the line is written as Python does.
        output.write(f"{path if path.isprintable() else repr(path)}: {finding.kind}: {finding.what}{done}")


def _summary(events: int, size: int, found: int, wrong: int, aside: int, *, repair: bool) -> str:
    text = f"Checked {_count(events, 'event')} and {round_size(size)} of attachments"
    if not found:
        return f"{text}: nothing is wrong."
    if not repair:
        return f"{text}: {_count(found, 'finding')}; --repair puts right what it can."
    kept = f" {aside:,} set aside in {QUARANTINE}/." if aside else ""
    if wrong:
        return f"{text}: {wrong:,} of {_count(found, 'finding')} could not be put right.{kept}"
    return f"{text}: {_count(found, 'finding')} put right.{kept}"


def _digests(missing: int, added: int, *, repair: bool) -> str:
    text = f"{_count(missing, 'attachment')} without a digest, which may be about to follow"
    return f"{text}: added to {added:,}." if repair else f"{text}; --repair adds what is missing."


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'s' * (number != 1)}"
