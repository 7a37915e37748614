"""The README, held against the program: every command and option is in it, and its session works as printed."""

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import click
import pytest
from harness import RunningServer

from c8ybin.accounts import ROLES
from c8ybin.bodies.intake import MAX_BINARY, MAX_CHUNK
from c8ybin.cli import main
from c8ybin.domain.sizes import format_size

README = (Path(__file__).parent.parent / "README.md").read_text()


def commands(group: click.Group, path: str = "c8ybin") -> list[tuple[str, click.Command]]:
    found: list[tuple[str, click.Command]] = []
    for name, command in group.commands.items():
        full = f"{path} {name}"
        found += commands(command, full) if isinstance(command, click.Group) else [(full, command)]
    return found


@pytest.mark.parametrize(
    ("path", "command"), commands(main), ids=lambda value: value if isinstance(value, str) else ""
)
def test_every_command_and_option_is_in_the_readme(path: str, command: click.Command) -> None:
    assert path.removeprefix("c8ybin ") in README
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            for name in (*parameter.opts, *parameter.secondary_opts):
                assert f"`{name}" in README, name


def test_the_readme_knows_the_roles_and_limits() -> None:
    for role in ROLES:
        assert role in README
    assert f"{format_size(MAX_BINARY)} (`--max-binary`)" in README
    assert f"{format_size(MAX_CHUNK)} (`--max-chunk`)" in README


@pytest.mark.skipif(not (shutil.which("curl") and shutil.which("bash")), reason="needs curl and bash")
def test_the_curl_session_works_as_printed(serve: Callable[..., RunningServer], tmp_path: Path) -> None:
    server = serve("--demo")
    match = re.search(r"<!-- tested: session -->\n```sh\n(.*?)```", README, re.DOTALL)
    assert match
    script = match[1].replace("http://127.0.0.1:8080", server.url)
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script], cwd=tmp_path, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert '"name":"agent.log"' in done.stdout
    assert '"range":"6-9/10"' in done.stdout
    assert '"range":"0-3,6-9/10"' in done.stdout
    assert '"name":"ten.bin","source"' in done.stdout
    assert "}0123456789345{" in done.stdout
    assert '"c8y_IsBinary":{"type":"text/plain","name":"ten.bin","length":10}' in done.stdout
