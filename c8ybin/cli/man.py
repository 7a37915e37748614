"""`c8ybin man`: the manual page, made of the commands' own help.

Source: man-pages(7), groff_man(7).
"""

import re
import shutil
import subprocess  # nosec B404 # for man(1) alone, without a shell
import sys
from collections.abc import Iterator
from inspect import cleandoc

import click

from c8ybin import __version__
from c8ybin.cli.remote.exits import MEANINGS
from c8ybin.cli.remote.places import VARIABLES

_FILES = {
    "~/.config/c8ybin/profiles.toml": "servers and what to log in there with, as c8ybin login keeps them; mode 0600",
    "~/.local/state/c8ybin/uploads/": "which event an interrupted c8ybin upload new made",
    "./data": "the data directory of the server, unless --data says otherwise",
}


@click.command()
def man() -> None:
    """Show this program's manual page; where standard output is no terminal, write it for man(1)."""
    page = manual(click.Context(click.get_current_context().find_root().command, info_name="c8ybin"))
    pager = shutil.which("man") if sys.stdout.isatty() else None
    if pager is None:
        click.echo(page, nl=False)
        return
    command = [pager, "-l", "-"]
    subprocess.run(command, input=page.encode(), check=False)  # noqa: S603 # nosec B603


def manual(root: click.Context) -> str:
    """Return the page for a program, in the language of man(1)."""
    return "\n".join(_lines(root)) + "\n"


def _lines(root: click.Context) -> Iterator[str]:
    yield f'.TH C8YBIN 1 "" "c8ybin {__version__}" "User Commands"'
    yield ".SH NAME"
    summary = (root.command.help or "").rstrip(".")
    yield f"c8ybin \\- {_text(summary[0].lower() + summary[1:])}"
    yield ".SH SYNOPSIS"
    yield ".B c8ybin\n.I COMMAND\n[\\fIOPTION\\fR]... [\\fIARGUMENT\\fR]..."
    yield ".SH DESCRIPTION"
    yield (
        "c8ybin serve is the server. The commands event, upload, download, ls and rm are clients: of a c8ybin, or of\n"
        "a Cumulocity tenant. Which server they speak to is said by options, the environment or a profile, of which\n"
        "the first wins. A password is never an argument, for everybody could read it."
    )
    yield ".SH COMMANDS"
    for context in _commands(root):
        yield from _command(context)
    yield ".SH EXIT STATUS"
    yield "Of the clients:"
    yield from _table({str(code): meaning for code, meaning in MEANINGS.items()})
    yield ".PP\nOf the other commands: 0 done, 1 refused or damaged, 2 wrong arguments or nothing to work on."
    yield ".SH ENVIRONMENT"
    yield from _table(VARIABLES)
    yield ".PP\nOptions of the other commands have the variables that stand with them."
    yield ".SH FILES"
    yield from _table(_FILES)


def _commands(context: click.Context) -> Iterator[click.Context]:
    """Go through the commands that do something, in the alphabet's order."""
    command = context.command
    if not isinstance(command, click.Group):
        yield context
        return
    for name in command.list_commands(context):
        child = command.get_command(context, name)
        if child and not child.hidden:
            made = click.Context(child, info_name=name, parent=context)
            made.show_default = context.show_default
            yield from _commands(made)


def _command(context: click.Context) -> Iterator[str]:
    path = context.command_path.partition(" ")[2]
    usage = " ".join(context.command.collect_usage_pieces(context))
    yield f".SS c8ybin {_text(path)} {_text(usage)}"
    yield from _help(context.command.help or "")
    for parameter in context.command.get_params(context):
        record = parameter.get_help_record(context)
        if record and record[1] and "--help" not in parameter.opts:
            yield f".TP\n.B {_text(record[0])}\n{_text(record[1])}"


def _help(text: str) -> Iterator[str]:
    for number, paragraph in enumerate(cleandoc(text).split("\n\n")):
        if number:
            yield ".PP"
        if paragraph.startswith("\b"):
            yield ".nf\n" + _text(paragraph.lstrip("\b\n"), keeps_lines=True) + "\n.fi"
        else:
            yield _text(paragraph)


def _table(entries: dict[str, str]) -> Iterator[str]:
    for name, meaning in entries.items():
        yield f".TP\n.B {_text(name)}\n{_text(meaning)}"


def _text(text: str, *, keeps_lines: bool = False) -> str:
    """Return a text with what would steer the formatter made harmless, on one line unless lines are kept."""
    if not keeps_lines:
        text = " ".join(text.split())
    text = text.replace("\\", "\\e").replace("-", "\\-").replace("~", "\\(ti").replace("`", "")
    text = text.replace("…", "...")
    return re.sub(r"^([.'])", r"\\&\1", text, flags=re.MULTILINE)
