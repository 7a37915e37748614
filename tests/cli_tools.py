"""What tests of several commands share: a command as a person runs it, and what one refuses."""

from pathlib import Path

from click.testing import CliRunner, Result

from c8ybin.cli import main


def run(*arguments: str | Path, stdin: bytes = b"") -> Result:
    """Run a command in this process."""
    done = CliRunner().invoke(main, list(map(str, arguments)), input=stdin)
    assert done.exception is None or isinstance(done.exception, SystemExit)
    return done


def refused(code: int, says: str, *arguments: str | Path, stdin: bytes = b"") -> None:
    """Run a command that fails with one sentence."""
    done = run(*arguments, stdin=stdin)
    assert done.exit_code == code, done.stderr
    assert says in done.stderr
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("Error: ")
