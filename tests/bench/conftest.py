"""The C programs of the comparison, compiled once."""

from pathlib import Path

import pytest

from bench.tools import Missing, Tools, compile_programs


@pytest.fixture(scope="session")
def tools(tmp_path_factory: pytest.TempPathFactory) -> Tools:
    folder = tmp_path_factory.mktemp("tools")
    try:
        compile_programs(folder)
    except Missing as error:
        pytest.skip(f"the programs of the comparison cannot be compiled: {error}")
    return Tools(folder)


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    folder = tmp_path / "scratch"
    folder.mkdir()
    return folder
