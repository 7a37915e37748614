"""The description, as a linter of OpenAPI sees it (@redocly/cli)."""

import json
import os
import subprocess
from pathlib import Path

import pytest
from clients.installing import installed

from bench.tools import Missing, install_node_modules

HERE = Path(__file__).parent / "redocly"


@pytest.fixture(scope="module")
def linter() -> Path:
    try:
        modules = installed(
            HERE / "node_modules", HERE / "package-lock.json", lambda: install_node_modules(HERE)
        )
    except Missing as missing:
        reason = f"the linter cannot be installed here: {missing}"
        pytest.fail(reason, pytrace=False) if os.environ.get("CI") else pytest.skip(reason)
    return modules / ".bin" / "redocly"


def test_a_linter_finds_nothing_in_the_description(client, linter, tmp_path):
    document = tmp_path / "openapi.json"
    document.write_text(json.dumps(client.get("/openapi.json").json, indent=1))
    done = subprocess.run(
        [linter, "lint", "--config", HERE / "redocly.yaml", "--format", "stylish", document],
        capture_output=True,
        text=True,
        env=os.environ
        | {"REDOCLY_TELEMETRY": "off", "REDOCLY_SUPPRESS_UPDATE_NOTICE": "true", "NODE_ENV": "production"},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "warning" not in done.stdout
