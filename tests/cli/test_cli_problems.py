"""Which sentence a command ends with where it cannot go on."""

import errno
import os
from pathlib import Path

import pytest

from c8ybin import fsio
from c8ybin.cli.problems import Unfit, using


def test_what_cannot_be_used_below_a_data_directory_is_named(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "day").symlink_to("real")
    with pytest.raises(Unfit) as caught, using(tmp_path):
        fsio.read(tmp_path / "day" / "x")
    assert caught.value.message == (
        f"The data directory {tmp_path} cannot be used: Too many levels of symbolic links at"
        f" {tmp_path}/day/x; no symbolic link is followed there."
    )


@pytest.mark.parametrize("name", [None, "draft", "/elsewhere"])
def test_another_place_is_not(tmp_path: Path, name: str | None) -> None:
    with pytest.raises(Unfit) as caught, using(tmp_path):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), name)
    assert caught.value.message == f"The data directory {tmp_path} cannot be used: No space left on device."
