"""The option of `serve` that names origins."""

import pytest
from click.testing import CliRunner

from c8ybin.cli import main


@pytest.mark.parametrize(
    "origin",
    [
        "app.example.com",
        "https://a/",
        "https://A.example",
        "https://a?x",
        "null",
        "ftp://a",
        "https://*.a",
        "https://u@a",
    ],
)
def test_what_no_browser_sends_is_refused(origin: str) -> None:
    result = CliRunner().invoke(main, ("serve", "--cors-origin", origin))
    assert result.exit_code == 2
    assert "is no origin like https://app.example.com" in result.stderr
