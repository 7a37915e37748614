"""The documents, held against the program: every command and option is in them, and the session works as printed."""

import shutil
from collections.abc import Callable
from pathlib import Path

import click
import pytest
from curl_session import run_curl_session
from harness import RunningServer

from c8ybin.accounts import ROLES
from c8ybin.bodies.intake import MAX_BINARY, MAX_CHUNK
from c8ybin.cli import main
from c8ybin.domain.sizes import format_size

DOCS = Path(__file__).parent.parent / "docs"
# Each with the blank before and after a command's name, wherever a line ends.
COMMANDS = " ".join((DOCS / "commands.md").read_text().split())
API = (DOCS / "api.md").read_text()


def commands(group: click.Group, path: str = "c8ybin") -> list[tuple[str, click.Command]]:
    found: list[tuple[str, click.Command]] = []
    for name, command in group.commands.items():
        full = f"{path} {name}"
        found += commands(command, full) if isinstance(command, click.Group) else [(full, command)]
    return found


@pytest.mark.parametrize(
    ("path", "command"), commands(main), ids=lambda value: value if isinstance(value, str) else ""
)
def test_every_command_and_option_is_in_the_documents(path: str, command: click.Command) -> None:
    assert path.removeprefix("c8ybin ") in COMMANDS
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            for name in (*parameter.opts, *parameter.secondary_opts):
                assert f"`{name}" in COMMANDS, name


def test_the_documents_know_the_roles_and_limits() -> None:
    for role in ROLES:
        assert role in API
    assert f"{format_size(MAX_BINARY)} (`--max-binary`)" in API
    assert f"{format_size(MAX_CHUNK)} (`--max-chunk`)" in API


@pytest.mark.skipif(not (shutil.which("curl") and shutil.which("bash")), reason="needs curl and bash")
def test_the_curl_session_works_as_printed(serve: Callable[..., RunningServer], tmp_path: Path) -> None:
    run_curl_session(serve("--demo").url, tmp_path)
