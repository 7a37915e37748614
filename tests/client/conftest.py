"""Files that the client sends, and no long waits."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from c8ybin import client
from c8ybin.client import Source, patience
from c8ybin.domain.labels import Label


@pytest.fixture(autouse=True)
def no_long_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Try again soon: what is waited for is on this machine."""
    monkeypatch.setattr(patience, "FIRST_S", 0.005)


@pytest.fixture
def source(tmp_path: Path) -> Iterator[Callable[..., Source]]:
    """Return a maker of files that are to be sent."""
    files = []

    def make(data: bytes, name: str = "file.bin", type_: str = "x/y") -> Source:
        path = tmp_path / f"source-{len(files)}"
        path.write_bytes(data)
        file = path.open("rb")
        files.append(file)
        return client.look_at(file.fileno(), Label(type_, name), lambda _: None)

    yield make
    for file in files:
        file.close()
