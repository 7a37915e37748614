"""An index on a file system that is full or read-only: lists are right all the while, and use it again after."""

import logging
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest
from brute_force import check_lists
from store_tools import Desk


def remount(point: Path, options: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{options}", str(point)], check=True, timeout=60)


@pytest.fixture
def point(root: Path, mounted: Callable[..., Path]) -> Iterator[Path]:
    """A small file system of its own in the place of the index."""
    made = mounted("tmpfs", size="64k")
    (root / "index").mkdir()
    subprocess.run(["mount", "--bind", str(made), str(root / "index")], check=True, timeout=60)
    yield made
    subprocess.run(["umount", str(root / "index")], check=True, timeout=60)


def fill(point: Path) -> Path:
    waste = point / "waste"
    with waste.open("wb") as file, pytest.raises(OSError, match="No space"):
        while True:
            os.write(file.fileno(), bytes(512))
    return waste


def changes(desk: Desk, count: int = 4) -> None:
    for number in range(count):
        event_id = desk.create(a="x" * 40, number=number)
        desk.attach(event_id, b"bytes")
        if number % 2:
            desk.delete(event_id)


@pytest.mark.parametrize("how", ["full", "read-only"])
@pytest.mark.parametrize("made_before", [True, False])
def test_lists_are_right_where_the_index_cannot_be_written(
    root: Path, point: Path, how: str, made_before: bool, caplog: Any
) -> None:
    with Desk(root) as one, Desk(root) as other:
        if made_before:
            # By one that has ended: the kernel makes nothing read-only in which a log is open.
            with Desk(root) as before:
                changes(before)
            check_lists(other, Random(1), 5)
        waste = fill(point) if how == "full" else None
        if how == "read-only":
            remount(point, "ro")
        # What is left of the last page of a log takes some lines more.
        changes(one, 40)
        for desk in (one, other):
            check_lists(desk, Random(1), 20)
        with Desk(root) as third:
            check_lists(third, Random(1), 20)
            changes(third)
            check_lists(one, Random(1), 20)
        assert "the index" in caplog.text
        assert not [record for record in caplog.records if record.exc_info]
        if waste:
            waste.unlink()
            remount(point, "size=4m")
        else:
            remount(point, "rw")
        for _ in range(2):
            caplog.clear()
            for desk in (one, other):
                check_lists(desk, Random(1), 20)
                changes(desk)
        assert not [record for record in caplog.records if record.levelno >= logging.WARNING]
