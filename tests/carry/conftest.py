"""What scripts/build makes, built once."""

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with the wheel, the .pyz and the executable."""
    folder = tmp_path_factory.mktemp("dist")
    done = subprocess.run(
        [ROOT / "scripts" / "build", "--dist", folder], capture_output=True, text=True, timeout=600
    )
    if done.returncode and not os.environ.get("CI"):
        pytest.skip(f"nothing could be built: {done.stderr.strip().splitlines()[-1]}")
    assert done.returncode == 0, done.stderr
    return folder
