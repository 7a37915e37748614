"""The manual page and the completion."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from c8ybin.cli import main
from c8ybin.cli.man import manual
from c8ybin.cli.remote.exits import MEANINGS
from c8ybin.client import RETRIES, connection
from c8ybin.client.upload import CHUNK_BYTES, PARALLEL

ROOT = Path(__file__).parent.parent.parent


def test_the_page_in_the_repository_is_up_to_date() -> None:
    page = CliRunner().invoke(main, ["man"]).stdout
    assert (ROOT / "docs" / "c8ybin.1").read_text() == page, "run scripts/man"


def test_it_names_each_command_option_and_exit_code() -> None:
    page = manual(click.Context(main, info_name="c8ybin")).replace("\\-", "-")
    for command in (*main.commands, "event create", "user rename", "token add"):
        assert f".SS c8ybin {command} " in page or f".SS c8ybin {command.partition(' ')[0]} " in page
    assert "--chunk-size" in page
    for code, meaning in MEANINGS.items():
        assert f".B {code}\n{meaning}" in page


@pytest.mark.skipif(not shutil.which("man"), reason="needs man")
def test_it_can_be_read_without_a_warning() -> None:
    env = os.environ | {"MANWIDTH": "80", "LC_ALL": "C.UTF-8"}
    done = subprocess.run(
        ["man", "-l", "--warnings", str(ROOT / "docs" / "c8ybin.1")], capture_output=True, text=True, env=env
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "EXIT STATUS" in done.stdout


def test_the_documents_tell_the_exit_codes_of_the_clients() -> None:
    text = " ".join((ROOT / "docs" / "commands.md").read_text().split())
    for code, meaning in MEANINGS.items():
        assert f"| {code} | {meaning} |" in text


def test_what_the_help_says_is_what_the_client_does() -> None:
    upload = {p.name: p.default for p in main.commands["upload"].params}
    assert (upload["retries"], upload["parallel"]) == (RETRIES, PARALLEL)
    assert (upload["chunk_size"], CHUNK_BYTES) == ("1 MiB", 1024 * 1024)
    # As many connections as chunks are under way at most, and one.
    most = next(p.type.max for p in main.commands["upload"].params if p.name == "parallel")  # type: ignore[attr-defined]
    assert most + 1 == connection.MOST_CONNECTIONS


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_gets_its_completion(shell: str) -> None:
    done = CliRunner().invoke(main, ["completion", shell])
    assert done.exit_code == 0
    assert "_C8YBIN_COMPLETE" in done.stdout


@pytest.mark.skipif(not shutil.which("bash"), reason="needs bash")
def test_bash_completes_commands_and_options(tmp_path: Path) -> None:
    program = tmp_path / "c8ybin"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m c8ybin "$@"\n')
    program.chmod(0o755)
    script = """
        eval "$(c8ybin completion bash)"
        for words in "c8ybin do" "c8ybin event cr" "c8ybin upload --chu"; do
            COMP_WORDS=($words); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); COMPREPLY=()
            _c8ybin_completion c8ybin
            echo "${COMPREPLY[@]}"
        done
    """
    env = os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, env=env)
    assert done.stdout.split() == ["doctor", "download", "create", "--chunk-size"], done.stderr


def test_a_completion_loads_no_client() -> None:
    env = os.environ | {"_C8YBIN_COMPLETE": "bash_complete", "COMP_WORDS": "c8ybin up", "COMP_CWORD": "1"}
    command = [sys.executable, "-X", "importtime", "-m", "c8ybin"]
    done = subprocess.run(command, capture_output=True, text=True, env=env)
    assert done.stdout == "plain,upload\n"
    assert not re.search(r"\|\s+(httpx|rich|falcon)\b", done.stderr)
