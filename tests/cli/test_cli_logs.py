"""The options of `serve` for its logs."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from c8ybin.cli import main


@pytest.mark.parametrize("name", ["audit", "access"])
def test_a_log_that_cannot_be_written_is_one_sentence_at_the_start(tmp_path: Path, name: str) -> None:
    data, log = tmp_path / "data", tmp_path / "missing" / "log"
    result = CliRunner().invoke(
        main, ("serve", "--data", str(data), "--port", "0", f"--{name}-log", str(log))
    )
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
    assert f"The log {log} cannot be written: No such file or directory." in result.stderr
    assert not data.exists()
